"""Pieces of tracks joined over gaps: behind a tree, under a bridge, in a detector's blind moment.

A gap is explained when one change of velocity, at any moment inside it, leads from the end of one piece
to the beginning of the other: a car that stops or starts out of sight is still the same car.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from truceline.detect.boxes.follow import (
    GATE2,
    MOST_UNLIKE,
    START_PX,
    START_SHARE,
    Array,
    Boxes,
    Ints,
    measured2,
)

FIT_HITS = 8  # boxes that tell place and velocity at an end
SIZE_SHARE, SIZE_DRIFT = 0.05, 0.003  # how exactly sides are measured, and how they change per frame
SHORT_HITS = 3  # pieces of so few boxes are taken apart
LOOSE_SHARE, LOOSE_UNLIKE = 0.3, 0.3  # sides; logarithm of the ratio of sides
LONE_FRAMES = 4.0  # two single boxes tell nothing about a longer gap
CHANGE_COST = 1.0  # a piece that goes on as it went is likelier
FRAME_COST = 0.05


class Ends(NamedTuple):
    """One end of every piece: its frame, and the straight line through the boxes there."""

    frame: Array
    centre: Array
    velocity: Array
    drift2: Array  # variance of the velocity
    size: Array
    hits: Ints


class _Gaps(NamedTuple):
    first: Ints
    second: Ints
    cost: Array


def join(boxes: Boxes, labels: Ints, longest: float) -> Ints:
    """Give pieces of one thing the same number, that of the first of them.

    Parameters
    ----------
    boxes, labels
        As of `box_follow.follow`.
    longest
        Frames that a gap may last.
    """
    if not len(labels):
        return labels
    labels = _loosened(boxes, labels)
    order, starts, ends = _pieces(labels)
    heads = line_through(boxes, order, starts, ends, 1)
    tails = line_through(boxes, order, starts, ends, -1)
    chosen = _chosen(_gaps(tails, heads, longest), len(starts))
    parent = np.arange(len(starts))
    for first, second in chosen:
        parent[second] = first
    while (parent[parent] != parent).any():
        parent = parent[parent]
    return np.asarray(parent[labels])


def _pieces(labels: Ints) -> tuple[Ints, Ints, Ints]:
    """Sort rows by piece; give that order, and where each piece begins and ends in it."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    return order, starts, np.append(starts, len(order))[1:]


def _loosened(boxes: Boxes, labels: Ints) -> Ints:
    """Take short pieces apart, and single boxes off the ends of pieces that they do not fit.

    Seen from one side a false alarm near a thing's first box looks like its beginning.
    """
    order, starts, ends = _pieces(labels)
    length = ends - starts
    loose = np.repeat(length <= SHORT_HITS, length)
    long = np.flatnonzero(length > SHORT_HITS)
    for way, outer in ((1, starts[long]), (-1, ends[long] - 1)):
        inner = line_through(boxes, order, starts[long] + (way == 1), ends[long] - (way == -1), way)
        row = order[outer]
        ahead = inner.centre + inner.velocity * (boxes.frame[row] - inner.frame)[:, None]
        off = np.abs(boxes.centre[row] - ahead) / inner.size
        other = np.abs(np.log(boxes.size[row] / inner.size))
        loose[outer[(off > LOOSE_SHARE).any(1) | (other > LOOSE_UNLIKE).any(1)]] = True
    first = np.zeros(len(labels), bool)
    first[starts] = True
    first |= loose
    first[1:] |= loose[:-1]
    # Numbered again in the order of first boxes, so that a number says how early its piece began.
    begin = order[first]
    rank = np.empty(len(begin), np.int64)
    rank[np.argsort(begin, kind="stable")] = np.arange(len(begin))
    out = np.empty_like(labels)
    out[order] = rank[np.cumsum(first) - 1]
    return out


def line_through(boxes: Boxes, order: Ints, starts: Ints, ends: Ints, way: int) -> Ends:
    """Fit a line to the first (``way`` 1) or last (-1) boxes of each piece ``order[start:end]``."""
    length = ends - starts
    hits = np.minimum(length, FIT_HITS)
    step = np.arange(FIT_HITS)
    used = step[None, :] < hits[:, None]
    at = starts[:, None] + step if way == 1 else (ends - 1)[:, None] - step
    rows = order[np.where(used, at, starts[:, None])]
    weight = used / hits[:, None]
    time = boxes.frame[rows]
    size = np.exp((np.log(boxes.size[rows]) * weight[..., None]).sum(1))
    mid = (time * weight).sum(1)
    lag = (time - mid[:, None]) * used
    inertia = (lag * lag).sum(1)
    mean = (boxes.centre[rows] * weight[..., None]).sum(1)
    moved = (lag[..., None] * (boxes.centre[rows] - mean[:, None, :])).sum(1)
    velocity = moved / np.maximum(inertia, 1e-9)[:, None] * (hits > 1)[:, None]
    unknown2 = (START_SHARE * size + START_PX) ** 2
    drift2 = np.where(
        (hits > 1)[:, None],
        np.minimum(measured2(size) / np.maximum(inertia, 1e-9)[:, None], unknown2),
        unknown2,
    )
    frame = boxes.frame[rows[:, 0]]
    return Ends(frame, mean + velocity * (frame - mid)[:, None], velocity, drift2, size, hits)


def _gaps(tails: Ends, heads: Ends, longest: float) -> _Gaps:
    """List the gaps that can be explained, and what each explanation costs."""
    by_start = np.argsort(heads.frame, kind="stable")
    low = np.searchsorted(heads.frame[by_start], tails.frame, side="right")
    high = np.searchsorted(heads.frame[by_start], tails.frame + longest, side="right")
    count = high - low
    first = np.repeat(np.arange(len(count)), count)
    inner = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    second = by_start[np.repeat(low, count) + inner]
    gap = heads.frame[second] - tails.frame[first]
    other = np.log(heads.size)[second] - np.log(tails.size)[first]
    lone = (tails.hits[first] == 1) & (heads.hits[second] == 1)
    near = (np.abs(other) < MOST_UNLIKE).all(1) & (~lone | (gap <= LONE_FRAMES))
    return _explained(tails, heads, first[near], second[near], other[near])


def _explained(tails: Ends, heads: Ends, first: Ints, second: Ints, other: Array) -> _Gaps:
    gap = (heads.frame[second] - tails.frame[first])[:, None]
    # A single box tells no velocity: it goes on as the other piece does.
    leaving = np.where((tails.hits[first] > 1)[:, None], tails.velocity[first], heads.velocity[second])
    coming = np.where((heads.hits[second] > 1)[:, None], heads.velocity[second], leaving)
    moved = heads.centre[second] - tails.centre[first]
    size = np.sqrt(tails.size[first] * heads.size[second])
    turn = turn_at(moved, leaving, coming, gap)
    off = moved - leaving * turn - coming * (gap - turn)
    noise = 2 * measured2(size)
    drift2 = np.minimum(tails.drift2[first] * turn**2 + heads.drift2[second] * (gap - turn) ** 2, size**2)
    variance = noise + drift2
    far2 = (off * off / variance).sum(1)
    straight = moved - (leaving + coming) / 2 * gap
    changed = (straight * straight / variance).sum(1) > GATE2 / 2
    share2 = (
        SIZE_SHARE**2 * (1 / tails.hits[first] + 1 / heads.hits[second])[:, None] + (SIZE_DRIFT * gap) ** 2
    )
    unlike2 = (other * other / share2).sum(1)
    cost = far2 + unlike2 + CHANGE_COST * changed + FRAME_COST * gap[:, 0] + np.log(variance / noise).sum(1)
    good = (far2 <= GATE2) & (unlike2 <= 1.5 * GATE2) & (np.abs(off) <= 1.5 * size).all(1)
    return _Gaps(first[good], second[good], cost[good])


def turn_at(moved: Array, leaving: Array, coming: Array, gap: Array) -> Array:
    """Give the frames after which the velocity changed, if it did once: least squares, shape (n, 1)."""
    rest, change = moved - coming * gap, leaving - coming
    power = (change * change).sum(1, keepdims=True)
    turn = np.divide((rest * change).sum(1, keepdims=True), power, out=gap / 2, where=power > 1e-9)
    return np.asarray(np.clip(turn, 0.0, gap))


def _chosen(gaps: _Gaps, count: int) -> list[tuple[int, int]]:
    """Choose the gaps to close: each end once, at least total cost; groups that do not touch, one by one."""
    if not len(gaps.first):
        return []
    graph = coo_array((np.ones(len(gaps.first)), (gaps.first, gaps.second + count)), (2 * count, 2 * count))
    group = connected_components(graph, directed=False)[1][gaps.first]
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    chosen: list[tuple[int, int]] = []
    alone = 4 * GATE2 + 40.0
    for rows in np.split(order, cuts):
        left, i = np.unique(gaps.first[rows], return_inverse=True)
        right, j = np.unique(gaps.second[rows], return_inverse=True)
        cost: npt.NDArray[np.float64] = np.full((len(left), len(right)), alone)
        cost[i, j] = gaps.cost[rows]
        for a, b in zip(*linear_sum_assignment(cost), strict=True):
            if cost[a, b] < alone:
                chosen.append((int(left[a]), int(right[b])))
    return sorted(chosen)
