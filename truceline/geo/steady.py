"""Attitude that is older than the gimbal's angles: found by its jitter, and put right.

A stabilised camera looks along a path that is smooth in time. Some aircraft write each packet with
gimbal angles of the moment and an attitude that is up to one packet old; then the computed sight
jitters while the aircraft turns. The attitude of a packet is moved towards the next one's by the share
that makes the path of the sight smoothest (third differences; Whittaker 1923, Eilers 2003).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded

from truceline.geo.camera import axes_of
from truceline.geo.pose import Angles

Array = npt.NDArray[np.float64]

LEAST_PACKETS = 20
ROUGH_PER_SIGMA = 5.3  # median length of third differences of white noise, both axes, over its sigma
WORTH_DEG = 0.05  # jitter below that is less than the error that is assumed of every packet
GAIN = 0.5  # the path must become smoother by this factor, or the jitter is of another kind
GAIN_OF_GROUND = 0.5  # the same for the ground under the slant range, whose own noise stays
CUTOFF_S = 0.2  # the sight's own motion is slower than about 0.8 Hz
GAP_OVER_STEP = 5.0
STEP_OVER_USUAL = 6.0  # a greater step of the attitude is a fault or a cut, not a turn
_ROUNDS = 40
_LEAST_STEP = 2e-4  # radians: smaller steps of the attitude tell no share


class Steadied(NamedTuple):
    """Sensor axes; share of the way to the next packet's attitude; jitter that is left, degrees."""

    axes: Array
    share: Array
    step_deg: Array
    is_corrected: bool


def steadied(angles: Angles, times_s: Array, height_m: Array, slant_m: Array) -> Steadied:
    """Give the sensor's axes, with a lagging attitude put right where the packets show it.

    Parameters
    ----------
    angles
        Of all packets, in order.
    times_s
        When they were, NaN unknown.
    height_m, slant_m
        Height of the sensor and stated slant range, NaN unknown: with them the sight also tells how high
        the ground is, and a right attitude makes that smoother too.
    """
    axes = axes_of(*angles.platform, *angles.sensor)
    count = len(times_s)
    share, step_deg = np.zeros(count), np.zeros(count)
    known = np.flatnonzero(np.isfinite(axes).all((1, 2)))
    if len(known) < LEAST_PACKETS:
        return Steadied(axes, share, step_deg, False)
    here = axes[known]
    ahead = axes_of(*(_next(one[known]) for one in angles.platform), *(one[known] for one in angles.sensor))
    path, step = _path(here), _path(ahead) - _path(here)
    step[:, 0] = (step[:, 0] + np.pi) % (2 * np.pi) - np.pi
    flat = np.cos(path[:, 1])
    length = np.hypot(step[:, 0] * flat, step[:, 1])
    step[length > STEP_OVER_USUAL * max(float(np.median(length)), _LEAST_STEP)] = 0
    step_deg[known] = np.degrees(np.hypot(step[:, 0] * flat, step[:, 1]))
    rough_deg = _roughness_deg(path, flat)
    if rough_deg < WORTH_DEG * ROUGH_PER_SIGMA:
        return Steadied(axes, share, step_deg, False)
    found = _shares(path, step, flat, _penalty(times_s[known]))
    if _roughness_deg(path + found[:, None] * step, flat) > GAIN * rough_deg:
        return Steadied(axes, share, step_deg, False)
    mixed = _mixed(here, ahead, found)
    ground_m = height_m[known] - slant_m[known] * here[:, 2, 0]
    ground_after_m = height_m[known] - slant_m[known] * mixed[:, 2, 0]
    if _roughness(ground_after_m) > GAIN_OF_GROUND * _roughness(ground_m):
        return Steadied(axes, share, step_deg, False)
    share[known] = found
    axes = axes.copy()
    axes[known] = mixed
    return Steadied(axes, share, step_deg, True)


def _next(values: Array) -> Array:
    return np.append(values[1:], values[-1:])


def _path(axes: Array) -> Array:
    """Azimuth (without jumps) and depression of the sight, radians."""
    forward = axes[:, :, 0]
    azimuth = np.unwrap(np.arctan2(forward[:, 1], forward[:, 0]))
    return np.stack([azimuth, np.arcsin(np.clip(forward[:, 2], -1, 1))], 1)


def _roughness_deg(path: Array, flat: Array) -> float:
    third = np.diff(path, 3, axis=0)
    return float(np.degrees(np.median(np.hypot(third[:, 0] * flat[3:], third[:, 1]))))


def _roughness(values: Array) -> float:
    """Median third difference; 0 where too few are known."""
    third = np.abs(np.diff(values, 3))
    third = third[np.isfinite(third)]
    return float(np.median(third)) if len(third) >= LEAST_PACKETS // 2 else 0.0


def _penalty(times_s: Array) -> Array:
    """Weight of each third difference: none across a gap, the same cutoff at every packet rate."""
    step_s = np.diff(times_s)
    usual_s = float(np.nanmedian(step_s)) if np.isfinite(step_s).any() else CUTOFF_S
    weight = float(np.clip((CUTOFF_S / max(usual_s, 1e-3)) ** 6, 1e-3, 1e6))
    apart = ~(np.abs(step_s) <= GAP_OVER_STEP * max(usual_s, 1e-3)) & np.isfinite(step_s)
    return np.where(apart[:-2] | apart[1:-1] | apart[2:], 0.0, weight)


def _shares(path: Array, step: Array, flat: Array, weights: Array) -> Array:
    """Find per packet the share in 0 … 1 that brings it nearest to a smooth path, in turns with the path."""
    share = np.zeros(len(path))
    banded = _banded(len(path), weights)
    weigh = (step[:, 0] * flat) ** 2 + step[:, 1] ** 2
    for _ in range(_ROUNDS):
        smooth = solveh_banded(banded, path + share[:, None] * step)
        wanted = (smooth[:, 0] - path[:, 0]) * flat**2 * step[:, 0] + (smooth[:, 1] - path[:, 1]) * step[:, 1]
        share = np.clip(wanted / (weigh + _LEAST_STEP**2), 0, 1)
    return share


def _banded(count: int, weights: Array) -> Array:
    """Write I + D'WD, D third differences, in the upper form of ``solveh_banded``."""
    kernel = np.array([-1.0, 3.0, -3.0, 1.0])
    bands = np.zeros((4, count))
    bands[3] = 1.0
    for i in range(4):
        for j in range(i, 4):
            bands[3 - (j - i), j : j + len(weights)] += weights * kernel[i] * kernel[j]
    return bands


def _mixed(here: Array, ahead: Array, share: Array) -> Array:
    """Go part of the way from one orientation to another: right for small turns."""
    mixed = here * (1 - share)[:, None, None] + ahead * share[:, None, None]
    forward = mixed[:, :, 0] / np.linalg.norm(mixed[:, :, 0], axis=1, keepdims=True)
    right = mixed[:, :, 1] - np.sum(mixed[:, :, 1] * forward, 1, keepdims=True) * forward
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([forward, right, np.cross(forward, right)], -1)
