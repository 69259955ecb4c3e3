"""Ties between photos: the same ground points found in two pictures that overlap.

Features of Lowe (2004, SIFT), matched both ways, kept where one plane maps them (RANSAC homography).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from truceline.detect.photos.reader import Photo

Array = npt.NDArray[np.float64]

FEATURES = 3000
RATIO = 0.8  # Lowe 2004, section 7.1
RANSAC_PX = 4.0  # of the reduced picture: relief and lens bend the plane by about so much
LEAST_TIES = 20
LEAST_SHARE = 0.2  # of the matches; chance agrees in fewer
TIES_A_PAIR = 80
NEIGHBOURS = 8  # photos that are compared with each one
SCALE_RANGE = (0.4, 2.5)  # of two photos of one flight


class Pair(NamedTuple):
    """Ties of photos ``first`` and ``second``: places in stored pixels, shape (n, 2) each."""

    first: int
    second: int
    here: Array
    there: Array
    turn_deg: float  # by which the second picture's content is turned clockwise against the first


def match_photos(photos: Sequence[Photo], centres_m: Array, reach_m: Array) -> list[Pair]:
    """Find ties between all photos that may overlap.

    Parameters
    ----------
    photos
        With known position.
    centres_m
        Where they look, metres, shape (n, 2).
    reach_m
        Half the diagonal of each footprint, metres.
    """
    features = [_features(photo) for photo in photos]
    pairs = []
    for first, second in _candidates(centres_m, reach_m):
        pair = _match(photos, features, first, second)
        if pair is not None:
            pairs.append(pair)
    return pairs


def _candidates(centres_m: Array, reach_m: Array) -> list[tuple[int, int]]:
    apart_m = np.linalg.norm(centres_m[:, None] - centres_m[None], axis=2)
    near = apart_m < 0.9 * (reach_m[:, None] + reach_m[None]) + 10.0
    rank = np.argsort(np.argsort(apart_m, axis=1, kind="stable"), axis=1)
    wanted = near & ((rank <= NEIGHBOURS) | (rank.T <= NEIGHBOURS))
    return [(i, j) for i, j in combinations(range(len(centres_m)), 2) if wanted[i, j]]


def _features(photo: Photo) -> tuple[Array, Any]:
    """Give places in stored pixels and descriptors (square roots of L1-normed ones: Arandjelović 2012)."""
    finder = cv2.SIFT_create(nfeatures=FEATURES)  # type: ignore[attr-defined]
    points, told = finder.detectAndCompute(photo.grey, None)
    if told is None or len(points) < LEAST_TIES:
        return np.zeros((0, 2)), None
    told = np.sqrt(told / (told.sum(1, keepdims=True) + 1e-9)).astype(np.float32)
    scale = photo.tags.width_px / photo.grey.shape[1], photo.tags.height_px / photo.grey.shape[0]
    return np.array([point.pt for point in points], float) * scale, told


def _match(photos: Sequence[Photo], features: Sequence[tuple[Array, Any]], i: int, j: int) -> Pair | None:
    (here, told), (there, told_there) = features[i], features[j]
    if told is None or told_there is None:
        return None
    alike = told @ told_there.T
    forth, back = _nearest(alike), _nearest(np.ascontiguousarray(alike.T))
    both = [(a, b) for a, b in forth.items() if back.get(b) == a]
    if len(both) < LEAST_TIES:
        return None
    a, b = (np.array(one) for one in zip(*both, strict=True))
    here, there = here[a], there[b]
    limit = RANSAC_PX * photos[i].tags.width_px / photos[i].grey.shape[1]
    cv2.setRNGSeed(1)
    plane, inside = cv2.findHomography(there, here, cv2.RANSAC, limit, maxIters=5000, confidence=0.999)
    if plane is None or inside is None:
        return None
    kept = inside.ravel().astype(bool)
    if kept.sum() < max(LEAST_TIES, LEAST_SHARE * len(kept)):
        return None
    turn, scale = _turn(plane, there[kept].mean(0))
    if not SCALE_RANGE[0] < scale < SCALE_RANGE[1]:
        return None
    chosen = _spread(here[kept], photos[i])
    return Pair(i, j, here[kept][chosen], there[kept][chosen], turn)


def _nearest(alike: Any) -> dict[int, int]:
    """For each row its best column, where the second best is clearly worse (unit vectors: cosines)."""
    rows = np.arange(len(alike))
    best = alike.argmax(1)
    first = alike[rows, best]
    alike[rows, best] = -1.0
    second = alike.max(1)
    alike[rows, best] = first
    apart, apart_second = (np.sqrt(np.maximum(2 - 2 * one, 0)) for one in (first, second))
    clear = apart < RATIO * apart_second
    return dict(zip(rows[clear].tolist(), best[clear].tolist(), strict=True))


def _turn(plane: Array, at: Array) -> tuple[float, float]:
    """Angle (degrees) and scale by which a homography turns and stretches around a place."""
    w = plane[2, 0] * at[0] + plane[2, 1] * at[1] + plane[2, 2]
    mapped = (plane[:2, 0] * at[0] + plane[:2, 1] * at[1] + plane[:2, 2]) / w
    linear = (plane[:2, :2] - np.outer(mapped, plane[2, :2])) / w
    turn = np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
    return float(turn), float(np.sqrt(abs(np.linalg.det(linear))))


def _spread(places: Array, photo: Photo) -> npt.NDArray[np.intp]:
    """Choose ties from all parts of the picture, a few of each cell."""
    cells = (places / [photo.tags.width_px / 12, photo.tags.height_px / 12]).astype(int)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.ravel()
    order = np.argsort(cell, kind="stable")
    turn = np.zeros(len(cell), int)
    turn[order] = np.arange(len(cell)) - np.searchsorted(cell[order], cell[order])
    return np.argsort(turn, kind="stable")[:TIES_A_PAIR]
