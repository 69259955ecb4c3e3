"""Adjustment of overlapping photos: poses that agree with the ties, with the stated poses as priors.

Level ground, a pinhole camera, per photo six numbers and one focal length for all; least squares with
a loss that outliers cannot pull (Triggs et al. 2000, "Bundle adjustment - a modern synthesis").
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix

from truceline.detect.photos.match import Pair
from truceline.detect.photos.reader import Photo
from truceline.geo.camera import axes_of
from truceline.geo.photo_ground import SIGMA_HEIGHT_SHARE, SIGMA_PLACE_M, SIGMA_TILT_DEG, SIGMA_YAW_DEG

Array = npt.NDArray[np.float64]

SIGMA_FOCAL = 0.05  # of the stated focal length, a share
SIGMA_TIE_SHARE = 0.002  # of the height: relief and lens
UNKNOWN_HEIGHT_SHARE = 1.0
REVERSED_DEG = 135.0
BASELINES_M = 10.0  # GNSS tells the direction of a strip that is longer than this
LEAST_DEPRESSION = np.sin(np.radians(5.0))  # corners above it are drawn there

# From stored to upright pixels, EXIF orientation 1 … 8, about the middle of the picture.
UPRIGHT = np.array(
    [
        [[1, 0], [0, 1]], [[-1, 0], [0, 1]], [[-1, 0], [0, -1]], [[1, 0], [0, -1]],
        [[0, 1], [1, 0]], [[0, -1], [1, 0]], [[0, -1], [-1, 0]], [[0, 1], [-1, 0]],
    ],
    float,
)  # fmt: skip


class Poses(NamedTuple):
    """Poses of n photos: east, north in metres, height above ground, yaw, pitch, roll in degrees."""

    east_m: Array
    north_m: Array
    above_m: Array
    yaw_deg: Array
    pitch_deg: Array
    roll_deg: Array
    focal_px: Array


class Adjusted(NamedTuple):
    """Poses after adjustment; which photos have ties; rms of the ties in metres per photo."""

    poses: Poses
    tied: npt.NDArray[np.bool_]
    rms_m: Array


def ground_of_pixels(
    photos: Sequence[Photo], poses: Poses, which: npt.NDArray[np.integer], pixels: Array
) -> Array:
    """Project stored pixels to level ground: east and north in metres, shape (n, 2)."""
    middle = np.array([(photo.tags.width_px / 2, photo.tags.height_px / 2) for photo in photos])
    turn = UPRIGHT[[photo.tags.orientation - 1 for photo in photos]]
    seen = np.einsum("nij,nj->ni", turn[which], pixels - middle[which]) / poses.focal_px[which, None]
    axes = axes_of(poses.yaw_deg, poses.pitch_deg, poses.roll_deg, 0, 0, 0)[which]
    ray = axes[:, :, 0] + seen[:, :1] * axes[:, :, 1] + seen[:, 1:] * axes[:, :, 2]
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    along = poses.above_m[which] / np.maximum(ray[:, 2], LEAST_DEPRESSION)
    return np.stack([poses.east_m[which] + along * ray[:, 1], poses.north_m[which] + along * ray[:, 0]], 1)


def yaws_by_overlap(photos: Sequence[Photo], pairs: Sequence[Pair], poses: Poses) -> Array:
    """Find each photo's yaw from the turns between pictures and the directions between positions.

    Turns chain the photos of a group; the group's own direction comes from GNSS where it is longer than
    its noise, else from what most photos state. NaN: no ties.
    """
    yaw = np.full(len(photos), np.nan)
    for group in _groups(len(photos), pairs):
        if len(group) < 2:
            continue
        members = set(group)
        inside = [pair for pair in pairs if pair.first in members]
        relative = _chained(group, inside, photos)
        yaw[group] = relative[group] + _direction(photos, inside, poses, relative, group)
    return (yaw + 180) % 360 - 180


def _groups(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for pair in pairs:
        parent[max(root(pair.first), root(pair.second))] = min(root(pair.first), root(pair.second))
    groups: dict[int, list[int]] = {}
    for i in range(count):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def _chained(group: list[int], pairs: Sequence[Pair], photos: Sequence[Photo]) -> Array:
    """Yaw of each photo against the group's first: the best-tied pairs first, then all in turns."""
    relative = np.full(len(photos), np.nan)
    relative[group[0]] = 0.0
    turns = [(pair.first, pair.second, _upright_turn(pair, photos), len(pair.here)) for pair in pairs]
    turns.sort(key=lambda one: (-one[3], one[0], one[1]))
    while np.isnan(relative[group]).any():
        for i, j, turn, _ in turns:
            if np.isnan(relative[i]) != np.isnan(relative[j]):
                if np.isnan(relative[j]):
                    relative[j] = relative[i] + turn
                else:
                    relative[i] = relative[j] - turn
                break
    for _ in range(20):
        for k in group[1:]:
            told = [(relative[i] + t, n) for i, j, t, n in turns if j == k]
            told += [(relative[j] - t, n) for i, j, t, n in turns if i == k]
            relative[k] = _mean_deg(np.array([a for a, _ in told]), np.array([n for _, n in told], float))
    return relative


def _upright_turn(pair: Pair, photos: Sequence[Photo]) -> float:
    """Yaw of the second photo minus the first one's: its content turns by as much the other way."""
    turn = np.radians(pair.turn_deg)
    stored = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    first, second = (UPRIGHT[photos[k].tags.orientation - 1] for k in (pair.first, pair.second))
    upright = first @ stored @ second.T
    return float(np.degrees(np.arctan2(upright[1, 0], upright[0, 0])))


def _mean_deg(angles: Array, weights: Array) -> float:
    whole = np.sum(weights * np.exp(1j * np.radians(angles)))
    return float(np.degrees(np.angle(whole)))


def _direction(
    photos: Sequence[Photo], pairs: Sequence[Pair], poses: Poses, relative: Array, group: list[int]
) -> float:
    guess = poses._replace(
        yaw_deg=np.where(np.isnan(relative), 0.0, relative),
        east_m=0 * poses.east_m,
        north_m=0 * poses.north_m,
    )
    vectors = []
    for pair in pairs:
        here, there = (
            ground_of_pixels(photos, guess, np.full(len(places), k), places)
            for k, places in ((pair.first, pair.here), (pair.second, pair.there))
        )
        seen = np.median(here - there, axis=0)
        flown = np.array(
            [
                poses.east_m[pair.second] - poses.east_m[pair.first],
                poses.north_m[pair.second] - poses.north_m[pair.first],
            ]
        )
        # Azimuths grow clockwise: the turn that brings what is seen onto what was flown.
        vectors.append(np.conj(complex(*flown[::-1])) * complex(*seen[::-1]))
    span_m = np.ptp(np.stack([poses.east_m[group], poses.north_m[group]]), axis=1).max()
    if span_m > BASELINES_M:
        return float(-np.degrees(np.angle(np.sum(vectors))))
    stated = [k for k in group if np.isfinite(photos[k].tags.yaw_deg)]
    if not stated:
        return 0.0
    off = np.array([photos[k].tags.yaw_deg - relative[k] for k in stated])
    apart = np.abs((off[:, None] - off[None] + 180) % 360 - 180)
    near = apart[int(np.argmax((apart < 45).sum(1)))] < 45
    return _mean_deg(off[near], np.ones(int(near.sum())))


def adjust(
    photos: Sequence[Photo], pairs: Sequence[Pair], poses: Poses, height_known: npt.NDArray[np.bool_]
) -> Adjusted:
    """Adjust the poses to the ties; photos without ties keep what they state."""
    count = len(photos)
    tied = np.zeros(count, bool)
    for pair in pairs:
        tied[[pair.first, pair.second]] = True
    if not tied.any():
        return Adjusted(poses, tied, np.full(count, np.nan))
    first, second = (np.concatenate([np.full(len(p.here), p[k]) for p in pairs]) for k in (0, 1))
    here, there = (np.concatenate([p[k] for p in pairs]) for k in (2, 3))
    share = np.where(height_known, SIGMA_HEIGHT_SHARE, UNKNOWN_HEIGHT_SHARE)
    sigma = np.stack(
        [
            np.full(count, SIGMA_PLACE_M), np.full(count, SIGMA_PLACE_M), share,
            np.full(count, SIGMA_YAW_DEG), np.full(count, SIGMA_TILT_DEG), np.full(count, SIGMA_TILT_DEG),
        ],
        1,
    )  # fmt: skip

    def moved(x: Array) -> Poses:
        change = x[:-1].reshape(count, 6) * sigma
        return Poses(
            poses.east_m + change[:, 0],
            poses.north_m + change[:, 1],
            poses.above_m * np.exp(change[:, 2]),
            poses.yaw_deg + change[:, 3],
            poses.pitch_deg + change[:, 4],
            poses.roll_deg + change[:, 5],
            poses.focal_px * np.exp(x[-1] * SIGMA_FOCAL),
        )

    def apart_m(at: Poses) -> Array:
        return ground_of_pixels(photos, at, first, here) - ground_of_pixels(photos, at, second, there)

    def residuals(x: Array) -> Array:
        # Against the height and the focal length, or flying lower would make every tie better.
        at = moved(x)
        scale_m = (
            SIGMA_TIE_SHARE * np.sqrt(at.above_m[first] * at.above_m[second]) * np.exp(-x[-1] * SIGMA_FOCAL)
        )
        return np.concatenate([(apart_m(at) / scale_m[:, None]).ravel(), x * _PRIOR])

    found = least_squares(
        residuals, np.zeros(6 * count + 1), jac_sparsity=_sparsity(first, second, count), loss="soft_l1",
        max_nfev=60,
    )  # fmt: skip
    after = moved(found.x)
    squared = np.sum(apart_m(after) ** 2, 1)
    total = np.bincount(first, squared, count) + np.bincount(second, squared, count)
    ties = np.bincount(first, minlength=count) + np.bincount(second, minlength=count)
    return Adjusted(after, tied, np.sqrt(np.where(ties > 0, total / np.maximum(ties, 1), np.nan)))


_PRIOR = 3.0  # ties of one pair share their errors: they count less than their number


def _sparsity(first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], count: int) -> lil_matrix:
    rows = len(first)
    pattern = lil_matrix((2 * rows + 6 * count + 1, 6 * count + 1), dtype=np.int8)
    tie = np.arange(rows)
    for owner in (first, second):
        for k in range(6):
            for axis in range(2):
                pattern[2 * tie + axis, 6 * owner + k] = 1
    pattern[: 2 * rows, 6 * count] = 1
    diagonal = np.arange(6 * count + 1)
    pattern[2 * rows + diagonal, diagonal] = 1
    return pattern
