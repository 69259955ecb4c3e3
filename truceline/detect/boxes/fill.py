"""What happened inside a gap: the rows of a track between its last box before and its first one after."""

from typing import NamedTuple

import numpy as np

from truceline.detect.boxes.follow import Array, Boxes, Ints
from truceline.detect.boxes.join import line_through, turn_at

STRAIGHT_FRAMES = 3.5  # nobody turns far in a shorter gap


class Filled(NamedTuple):
    """Rows made up inside gaps, as many of each.

    Attributes
    ----------
    frame, centre, size
        As in `Boxes`.
    before, after
        Index of the boxes on both sides of the gap.
    share
        0 at the box before, 1 at the one after.
    """

    frame: Array
    centre: Array
    size: Array
    before: Ints
    after: Ints
    share: Array


def fill(boxes: Boxes, labels: Ints) -> Filled:
    """Fill all gaps of all tracks: a straight way, or one with the change of velocity that explains it."""
    order = np.lexsort((boxes.frame, labels))
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    ends = np.append(starts, len(order))[1:]
    step = np.diff(boxes.frame[order])
    at = np.flatnonzero((np.diff(labels[order]) == 0) & (step > 1.5))  # sorted place of the box before
    piece = np.searchsorted(starts, at, side="right") - 1
    length = step[at]
    into = line_through(boxes, order, starts[piece], at + 1, -1)
    out = line_through(boxes, order, at + 1, ends[piece], 1)
    moved = boxes.centre[order[at + 1]] - boxes.centre[order[at]]
    even = moved / length[:, None]
    known = ((into.hits > 1) & (out.hits > 1) & (length > STRAIGHT_FRAMES))[:, None]
    leaving, coming = np.where(known, into.velocity, even), np.where(known, out.velocity, even)
    turn = turn_at(moved, leaving, coming, length[:, None])
    missing = np.round(length).astype(np.int64) - 1
    gap = np.repeat(np.arange(len(at)), missing)
    inner = (1.0 + np.arange(missing.sum()) - np.repeat(np.cumsum(missing) - missing, missing))[:, None]
    share = inner / length[gap][:, None]
    rest = moved - leaving * turn - coming * (length[:, None] - turn)
    way = leaving[gap] * np.minimum(inner, turn[gap]) + coming[gap] * np.maximum(inner - turn[gap], 0.0)
    before, after = order[at][gap], order[at + 1][gap]
    return Filled(
        boxes.frame[before] + inner[:, 0],
        boxes.centre[before] + way + rest[gap] * share,
        boxes.size[before] ** (1 - share) * boxes.size[after] ** share,
        before,
        after,
        share[:, 0],
    )
