"""Where lost things may turn up: what appears is weighed only against those that it may be."""

import math
from typing import NamedTuple

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.cells import HIGH, LEFT, LOW, RIGHT, ascend, cell_of, gap2
from truceline.track.state.history import last_seen
from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import PERSON
from truceline.track.state.motion import NOTICED_S
from truceline.track.state.types import Array, State

SETS_OFF = 14_400.0  # m2 per axis: how far from its place what set off is seen first
AWAY_M = 30.0  # spread of a place that a thing has left, at least
AWAY = 0.45  # the same, as a share of the way that it can have gone
FARTHEST2 = 50.0  # times its variance: nothing is found farther off
WALK_MPS, DRIVE_MPS = 1.5, 10.0  # paces of people and of all else, where nothing is known
WIDE_M = 4000.0  # of cells
SLACK_M = 1.0  # by which bounds are wider than they need be, for rounding
PACE, OLDEST = range(4, BOUNDS := 6)  # of bounds, after the rectangle: fastest pace, first time last seen


class Lost(NamedTuple):
    """Tracks by the cell in which they were last seen, wider the farther they may have come."""

    slots: Array  # (n,), those of one cell one after the other
    begin: Array  # (cells + 1,)
    bounds: Array  # (cells, BOUNDS)


@njit(cache=True, error_model="numpy")
def find_lost(state: State, top: int, time: float, geodetic: bool) -> Lost:
    """Sort the tracks that have been in force by where, and how far from there, they may turn up."""
    slots, cells, told = np.empty(top, np.int64), np.empty(top, np.int64), np.empty((top, 3))
    n = found = 0
    for d in range(top):
        if state.alive[d] and state.shown[d]:
            i = last_seen(state, d)
            x, y = last_place(state, d, i)
            pace = pace_of(state, d, i)
            far = math.sqrt(farthest2(pace, max(time - state.last[d], 0.0)))
            slots[n], cells[n] = d, cell_of(x, y, far, WIDE_M, geodetic)
            told[n, 0], told[n, 1], told[n, 2] = x, y, pace
            n += 1
    order = np.argsort(cells[:n], kind="mergesort")
    begin, bounds = np.zeros(n + 1, np.int64), np.zeros((n, BOUNDS))
    for k in range(n):
        x, y, pace = told[order[k]]
        last = state.last[slots[order[k]]]
        if k == 0 or cells[order[k]] != cells[order[k - 1]]:
            begin[found] = k
            b = bounds[found]
            b[LEFT], b[RIGHT], b[LOW], b[HIGH], b[PACE], b[OLDEST] = x, x, y, y, pace, last
            found += 1
        b = bounds[found - 1]
        b[LEFT], b[RIGHT] = min(b[LEFT], x), max(b[RIGHT], x)
        b[LOW], b[HIGH] = min(b[LOW], y), max(b[HIGH], y)
        b[PACE], b[OLDEST] = max(b[PACE], pace), min(b[OLDEST], last)
    begin[found] = n
    return Lost(slots[:n][order], begin[: found + 1], bounds[:found])


@kernel
def may_be(state: State, lost: Lost, s: int, z: Array, geodetic: bool, out: Array) -> int:
    """Find the tracks that one first seen as ``z`` (see history.first_seen) may be, by slots, ascending.

    Fills in ``out`` and answers how many there are; some of them may lie too far off after all.
    """
    n = 0
    for a in range(len(lost.bounds)):
        b = lost.bounds[a]
        if b[OLDEST] >= state.founded[s]:
            continue
        far = math.sqrt(farthest2(b[PACE], max(z[8] - b[OLDEST], 0.0))) + SLACK_M
        if gap2(b, z[0], z[1], geodetic) > far * far:
            continue
        for k in range(lost.begin[a], lost.begin[a + 1]):
            d = lost.slots[k]
            if state.alive[d] and d != s and state.last[d] < state.founded[s]:
                out[n] = d
                n += 1
    ascend(out, n)
    return n


@kernel
def farthest2(pace: float, dt: float) -> float:
    """Square of how far from where it was last seen a thing is looked for after some time, m2."""
    return FARTHEST2 * (away2(pace, dt) + SETS_OFF)


@kernel
def away2(pace: float, dt: float) -> float:
    """Variance of the place that a thing has come to, m2 per axis."""
    return (AWAY * pace * (dt + NOTICED_S)) ** 2 + AWAY_M * AWAY_M


@kernel
def last_place(state: State, d: int, i: int) -> tuple[float, float]:
    """Tell where a track was at a node, in units of the plane."""
    m = 0 if state.mu[d, i, 0] > 0.5 else 1
    return float(state.x[d, i, m, 0]), float(state.x[d, i, m, 1])


@kernel
def pace_of(state: State, d: int, i: int) -> float:
    """How fast a track drives when it does, m/s; ``i`` is the node at which it was last seen."""
    pace = max(float(state.fastest[d]), float(state.cruise[d, 0]))
    if state.mu[d, i, 0] > 0.5:
        pace = max(pace, math.sqrt(state.x[d, i, 0, 2] ** 2 + state.x[d, i, 0, 3] ** 2))
    if pace < 2.0 and state.cruise[d, 1] == 0.0:
        walks = state.shares[d, PERSON]
        pace = max(pace, walks * WALK_MPS + (1 - walks) * DRIVE_MPS)
    return pace
