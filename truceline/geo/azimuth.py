"""Azimuths that are wrong by a constant: found by the stated frame centre, or by the course flown.

A lasting difference is a finding with its first and last packet, never averaged away.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.geo.crs import GEOD

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_PACKETS = 5  # shorter runs are scatter, not a state of the sensor
LEAST_BIAS_DEG = 0.25  # the jitter of real attitude; a smaller bias hides in it
REVERSED_DEG = 170.0
BIAS_OVER_SCATTER = 2.0
STEP_OVER_SCATTER = 6.0
LEAST_REACH = 0.05  # of the range over ground: straight below, an azimuth means nothing
SAME_DISTANCE = 0.5  # centres whose distances differ more are not turned against each other


class Finding(NamedTuple):
    """Something wrong with the sensor from one packet to another (both included)."""

    kind: str
    first_packet: int
    last_packet: int
    estimate_deg: float | None
    sigma_deg: float | None
    text: str


def azimuth_difference_deg(
    sensor: tuple[Array, Array], pose: tuple[Array, Array], range_m: Array, stated: tuple[Array, Array]
) -> Array:
    """Tell how far the sight must be turned clockwise to point at the stated centre, -180 … 180.

    Parameters
    ----------
    sensor, pose, stated
        Latitude and longitude of the sensor, of the computed and of the stated centre.
    range_m
        Distance to the computed centre.
    """
    known = np.isfinite(pose[0] + stated[0] + stated[1] + sensor[0])
    turn = np.full(len(known), np.nan)
    begin = sensor[1][known], sensor[0][known]
    to_pose, _, pose_m = GEOD.inv(*begin, pose[1][known], pose[0][known])
    to_stated, _, stated_m = GEOD.inv(*begin, stated[1][known], stated[0][known])
    pose_m, stated_m = np.asarray(pose_m), np.asarray(stated_m)
    near, far = np.minimum(pose_m, stated_m), np.maximum(pose_m, stated_m)
    comparable = (near > LEAST_REACH * range_m[known]) & (near > SAME_DISTANCE * far)
    turned = (np.asarray(to_stated) - np.asarray(to_pose) + 180) % 360 - 180
    turn[known] = np.where(comparable, turned, np.nan)
    return turn


def azimuth_findings(turn_deg: Array, good: Flags) -> list[Finding]:
    """Find runs of packets whose azimuth is wrong by a constant.

    Parameters
    ----------
    turn_deg
        Of :func:`azimuth_difference_deg`, NaN unknown.
    good
        Packets that may be used (checksum).
    """
    usable = np.flatnonzero(np.isfinite(turn_deg) & good)
    if len(usable) < LEAST_PACKETS:
        return []
    # Near the back the sign flips by chance: count from 0 to 360 there.
    values = turn_deg[usable]
    values = np.where(values < -90, values + 360, values)
    scatter = float(np.median(np.abs(np.diff(values)))) * 1.4826 / np.sqrt(2)
    edges = _joined([0, *sorted(_splits(values, scatter)), len(values)], values)
    found = []
    for begin, end in pairwise(edges):
        part = values[begin:end]
        if len(part) < LEAST_PACKETS:
            continue
        estimate, spread = float(np.median(part)), float(np.std(part))
        if abs(estimate) < max(LEAST_BIAS_DEG, BIAS_OVER_SCATTER * spread):
            continue
        estimate = (estimate + 180) % 360 - 180
        kind = "yaw_180" if abs(estimate) >= REVERSED_DEG else "azimuth_bias"
        sigma = max(spread / np.sqrt(len(part)), 1e-4)
        first, last = int(usable[begin]), int(usable[end - 1])
        text = (
            f"packets {first} to {last}: the pose must be turned by {estimate:+.2f} degrees"
            " to agree with the stated frame centre"
        )
        found.append(Finding(kind, first, last, round(estimate, 4), round(float(sigma), 4), text))
    return found


def _joined(edges: list[int], values: Array) -> list[int]:
    """Take out edges between parts that say the same."""
    kept = edges[:1]
    for edge, end in pairwise(edges[1:]):
        if abs(np.median(values[kept[-1] : edge]) - np.median(values[edge:end])) >= LEAST_BIAS_DEG:
            kept.append(edge)
    return [*kept, edges[-1]]


def _splits(values: Array, scatter: float) -> list[int]:
    """Cut where the mean steps, the largest step first (binary segmentation; Scott and Knott 1974)."""
    cuts: list[int] = []
    todo = [(0, len(values))]
    total = np.concatenate([[0.0], np.cumsum(values)])
    while todo:
        begin, end = todo.pop()
        if end - begin < 2 * LEAST_PACKETS:
            continue
        at = np.arange(begin + LEAST_PACKETS, end - LEAST_PACKETS + 1)
        before = (total[at] - total[begin]) / (at - begin)
        behind = (total[end] - total[at]) / (end - at)
        gain = (before - behind) ** 2 * (at - begin) * (end - at)
        best = int(np.argmax(gain))
        if abs(before[best] - behind[best]) > max(LEAST_BIAS_DEG, STEP_OVER_SCATTER * scatter):
            cuts.append(int(at[best]))
            todo += [(begin, int(at[best])), (int(at[best]), end)]
    return cuts
