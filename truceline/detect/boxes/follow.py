"""Boxes followed from frame to frame: short, sure pieces of tracks.

Centre and velocity of each thing are filtered (constant velocity; Kalman 1960, Bar-Shalom et al. 2001,
chapter 6), boxes and things are paired at least total cost (Kuhn 1955). A thing that is not seen for a
few frames ends its piece: whether a later piece is the same thing is told afterwards, from both sides
of the gap (`join`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MEASURE_SHARE, MEASURE_PX = 0.05, 0.5  # how exactly detectors draw a box: share of its side, and pixels
PUSH_SHARE = 0.012  # sides per frame and root frame: what a driver changes without braking
BRAKE_SHARE = 0.12  # sides: what a braking or starting one is off within a frame
START_SHARE, START_PX = 0.15, 4.0  # velocity of a thing seen once, per frame
GATE2 = 13.8  # chi-square, two degrees of freedom: 99.9 in 100 true pairs lie inside
SIZE_SHARE = 0.1  # relative change of a side that costs one
MOST_UNLIKE = 0.5  # logarithm of the ratio of two sides of one thing
ONCE_COST = 4.0  # a thing seen once gives way to one seen often
MOST_COST = 50.0  # leaving both alone costs twice as much: no bad pair breaks two good ones
JUMP2 = 9.0  # farther than three sigma: the velocity has changed
MEMORY_FRAMES = 3.0
SHAKE_PAIRED = 0.5  # fewer pairs than this share of the things: the camera has jumped
SHAKE_PX, SHAKE_BIN_PX = 240.0, 8.0


class Boxes(NamedTuple):
    """Boxes sorted by frame: ``frame`` counts analysed frames (may be broken), sides in pixels."""

    frame: Array
    centre: Array  # (n, 2)
    size: Array  # (n, 2)
    score: Array


class _Things(NamedTuple):
    label: Ints
    centre: Array  # (n, 2), as all below; axes do not mix
    velocity: Array
    spread: Array  # variance of the centre
    lean: Array  # covariance of centre and velocity
    drift: Array  # variance of the velocity
    size: Array
    last: Array  # (n,) frame last seen
    hits: Array  # (n,)


def follow(boxes: Boxes) -> Ints:
    """Give every box the number of its piece, from 0 in order of the first box."""
    labels = np.full(len(boxes.frame), -1, np.int64)
    frames, starts = np.unique(boxes.frame, return_index=True)
    ends = np.append(starts, len(boxes.frame))[1:]
    things = _born(boxes, np.zeros(0, np.int64), np.zeros(0, np.int64))
    before, count = 0.0, 0
    for frame, start, end in zip(frames, starts, ends, strict=True):
        things = _kept(things, frame - things.last <= MEMORY_FRAMES + 1)
        things = _ahead(things, frame - before)
        before = frame
        rows = np.arange(start, end)
        left, right = _pairs(things, boxes, rows)
        if len(things.label) >= 8 and len(left) < SHAKE_PAIRED * min(len(things.label), len(rows)):
            shaken = _shaken(things, boxes.centre[rows])
            again = _pairs(shaken, boxes, rows)
            if len(again[0]) > 1.5 * len(left):
                things, (left, right) = shaken, again
        labels[rows[right]] = things.label[left]
        things = _seen(things, left, boxes, rows[right], frame)
        fresh = np.delete(rows, right)
        labels[fresh] = np.arange(count, count + len(fresh))
        count += len(fresh)
        things = _joined(things, _born(boxes, fresh, labels[fresh]))
    return labels


def measured2(size: Array) -> Array:
    """Give the variance of a box's centre, per axis."""
    return np.asarray((MEASURE_SHARE * size + MEASURE_PX) ** 2)


def _born(boxes: Boxes, rows: Ints, labels: Ints) -> _Things:
    size = boxes.size[rows]
    return _Things(
        labels,
        boxes.centre[rows],
        np.zeros_like(size),
        measured2(size),
        np.zeros_like(size),
        (START_SHARE * size + START_PX) ** 2,
        size,
        boxes.frame[rows],
        np.ones(len(rows)),
    )


def _kept(things: _Things, which: npt.NDArray[np.bool_]) -> _Things:
    if which.all():
        return things
    return things._replace(**{word: column[which] for word, column in things._asdict().items()})


def _joined(things: _Things, others: _Things) -> _Things:
    both = zip(things._fields, things, others, strict=True)
    return things._replace(**{word: np.concatenate([one, other]) for word, one, other in both})


def _ahead(things: _Things, dt: float) -> _Things:
    push = (PUSH_SHARE * things.size) ** 2
    return things._replace(
        centre=things.centre + dt * things.velocity,
        spread=things.spread + dt * (2 * things.lean + dt * (things.drift + dt * push / 3)),
        lean=things.lean + dt * (things.drift + dt * push / 2),
        drift=things.drift + dt * push,
    )


def _pairs(things: _Things, boxes: Boxes, rows: Ints) -> tuple[Ints, Ints]:
    """Pair things and boxes at least total cost; what lies outside the gate stays alone."""
    if not len(things.label) or not len(rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    weight = 1 / (things.spread + measured2(things.size) + (BRAKE_SHARE * things.size) ** 2)
    cost = np.zeros((len(things.label), len(rows)))
    for axis in (0, 1):
        off = np.subtract.outer(things.centre[:, axis], boxes.centre[rows, axis])
        off *= off
        off *= weight[:, axis, None]
        cost += off
    left, right = np.nonzero(cost <= GATE2)
    other = np.log(boxes.size[rows[right]] / things.size[left]) ** 2
    alike = other.max(1, initial=0.0) <= MOST_UNLIKE**2
    left, right, other = left[alike], right[alike], other[alike]
    total = cost[left, right]
    total += (other[:, 0] + other[:, 1]) / (2 * SIZE_SHARE) ** 2
    total += np.where(things.hits[left] > 1, 0.0, ONCE_COST) + 1 - boxes.score[rows[right]]
    return _cheapest(left, right, np.minimum(total, MOST_COST), cost.shape)


def _cheapest(left: Ints, right: Ints, cost: Array, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Choose pairs at least total cost, as many as can be."""
    contested = (np.bincount(left, minlength=shape[0])[left] > 1) | (
        np.bincount(right, minlength=shape[1])[right] > 1
    )
    if not contested.any():
        return left, right
    # Pairs that nobody contests are settled; they cannot touch the others.
    i, at = np.unique(left[contested], return_inverse=True)
    j, to = np.unique(right[contested], return_inverse=True)
    table = np.full((len(i), len(j)), 2 * MOST_COST)
    table[at, to] = cost[contested]
    a, b = linear_sum_assignment(table)
    good = table[a, b] <= MOST_COST
    sure = ~contested
    return np.concatenate([left[sure], i[a[good]]]), np.concatenate([right[sure], j[b[good]]])


def _shaken(things: _Things, centre: Array) -> _Things:
    """Move all things by the shift that most pairs of things and boxes agree on."""
    off = (centre[None, :, :] - things.centre[:, None, :]).reshape(-1, 2)
    off = off[(np.abs(off) < SHAKE_PX).all(1)]
    if not len(off):
        return things
    cells = np.floor((off + SHAKE_PX) / SHAKE_BIN_PX).astype(np.int64)
    wide = int(2 * SHAKE_PX / SHAKE_BIN_PX) + 1
    votes = np.bincount(cells[:, 0] * wide + cells[:, 1], minlength=wide * wide)
    best = np.array(divmod(int(votes.argmax()), wide))
    near = (np.abs(cells - best) <= 1).all(1)
    return things._replace(centre=things.centre + np.median(off[near], 0))


def _seen(things: _Things, which: Ints, boxes: Boxes, rows: Ints, frame: float) -> _Things:
    """Take in the boxes of this frame."""
    dt = np.maximum(frame - things.last[which], 1.0)[:, None]
    size = things.size[which]
    off = boxes.centre[rows] - things.centre[which]
    noise = measured2(size)
    spread, lean, drift = things.spread[which], things.lean[which], things.drift[which]
    jump2 = np.where(off * off > JUMP2 * (spread + noise), off * off, 0.0)
    spread, lean, drift = spread + jump2, lean + jump2 / dt, drift + jump2 / dt**2
    total = spread + noise
    for column, values in (
        (things.centre, things.centre[which] + spread / total * off),
        (things.velocity, things.velocity[which] + lean / total * off),
        (things.drift, drift - lean * lean / total),
        (things.lean, lean * noise / total),
        (things.spread, spread * noise / total),
        (things.size, size + (boxes.size[rows] - size) / np.minimum(things.hits[which] + 1, 6.0)[:, None]),
        (things.last, np.full(len(which), frame)),
        (things.hits, things.hits[which] + 1),
    ):
        column[which] = values
    return things
