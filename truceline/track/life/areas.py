"""Areas own the tracks that are in them: an event asks only those within its reach.

An area is a cell of the plane; a track of which nobody knows well where it is belongs to a wider cell, twice
as wide or four times or more. Each area keeps bounds of what its tracks may have come to (a tree of moving
things has them for its nodes: Saltenis, Jensen, Leutenegger and Lopez, SIGMOD 2000), so that an event passes
over an area only where it would pass over each of its tracks. A track that leaves its area is handed over to
the one that it enters, and at each output time all areas are drawn up anew. Tracks are met in the order of
their slots whatever the areas, so that their size never changes an answer.
"""

import math
from typing import NamedTuple

import numpy as np

from truceline.geo.loops import njit
from truceline.track.life.existence import ALIVE
from truceline.track.state.cells import HIGH, LEFT, LOW, RIGHT, ascend, cell_of, gap2
from truceline.track.state.history import reach
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import difference
from truceline.track.state.near import Near
from truceline.track.state.types import Array, State

AREA_M = 4000.0
BLOCK = 16  # areas that lie side by side, passed over together
SLACK_M = 1.0  # by which bounds are wider than they need be, for rounding
FEW, SHARE = 64, 4  # tracks of no area, and one of so many, that areas are not drawn up anew for
# Of bounds, after the rectangle: reach of the tracks when they were last filed, how it grows, since when
RADIUS, SPEED, NOISE, OLDEST, NEWEST = range(4, BOUNDS := 9)
FOUND, HOMELESS = 0, 1  # of sum


class Areas(NamedTuple):
    """Who owns which track; area ``sum[FOUND]`` owns those in whose cells there is no area."""

    wide: Array  # (1,): width of an area, metres
    cell: Array  # (S,): cell of each area, ascending, see cell_of
    first: Array  # (S + 1,): the first slot in each area's list; -1: none
    bounds: Array  # (S + 1, BOUNDS)
    blocks: Array  # (S // BLOCK + 1, BOUNDS): the same of so many areas that follow one another
    sum: Array  # (2,): how many areas there are, and tracks of none
    of: Array  # (S,): the area that owns a track; -1: there is no track
    after: Array  # (S,): the next slot in the list; -1: it is the last
    before: Array  # (S,): the one before it


@njit(cache=True, error_model="numpy")
def make_areas(slots: int, wide_m: float) -> Areas:
    """Make room for the areas of as many tracks as there are slots."""
    return Areas(
        np.full(1, wide_m),
        np.zeros(slots, np.int64),
        np.full(slots + 1, -1),
        np.zeros((slots + 1, BOUNDS)),
        np.zeros((slots // BLOCK + 1, BOUNDS)),
        np.zeros(2, np.int64),
        np.full(slots, -1),
        np.full(slots, -1),
        np.full(slots, -1),
    )


@njit(cache=True, error_model="numpy")
def draw_up(areas: Areas, state: State, top: int, time: float, geodetic: bool) -> None:
    """Lay areas where the tracks are that are alive, of ``top`` slots, by how vague they are at a time."""
    slots, cells, n = np.empty(top, np.int64), np.empty(top, np.int64), 0
    areas.of[:] = -1
    for s in range(top):
        if state.alive[s] == ALIVE:
            slots[n], cells[n] = s, _cell_at(areas, state, s, time, geodetic)
            n += 1
    slots, cells, found = slots[:n], cells[:n], 0
    for i in np.argsort(cells, kind="mergesort"):
        if found == 0 or areas.cell[found - 1] != cells[i]:
            areas.cell[found] = cells[i]
            found += 1
    areas.sum[FOUND], areas.sum[HOMELESS] = found, 0
    for a in range(found + 1):
        areas.first[a] = -1
        _empty(areas.bounds[a])
        _empty(areas.blocks[a // BLOCK])
    for i in range(n - 1, -1, -1):
        _enter(areas, state, slots[i], _area(areas, cells[i]))


@kernel
def _cell_at(areas: Areas, state: State, s: int, time: float, geodetic: bool) -> int:
    box = state.box[s]
    return cell_of(box[0], box[1], reach(state, s, time), areas.wide[0], geodetic)


@kernel
def _area(areas: Areas, cell: int) -> int:
    """Find the area of a cell, or that of tracks without one."""
    low, high = 0, areas.sum[FOUND]
    while low < high:
        middle = (low + high) // 2
        if areas.cell[middle] < cell:
            low = middle + 1
        else:
            high = middle
    return int(low if low < areas.sum[FOUND] and areas.cell[low] == cell else areas.sum[FOUND])


@kernel
def _enter(areas: Areas, state: State, s: int, a: int) -> None:
    """Put a track into an area's list, before all others."""
    first = areas.first[a]
    areas.of[s], areas.before[s], areas.after[s] = a, -1, first
    if first >= 0:
        areas.before[first] = s
    areas.first[a] = s
    areas.sum[HOMELESS] += a == areas.sum[FOUND]
    _hold(areas, a, state.box[s])


@kernel
def leave(areas: Areas, s: int) -> None:
    """Take a track out of its area's list."""
    a, before, after = areas.of[s], areas.before[s], areas.after[s]
    if before >= 0:
        areas.after[before] = after
    else:
        areas.first[a] = after
    if after >= 0:
        areas.before[after] = before
    areas.of[s] = -1
    areas.sum[HOMELESS] -= a == areas.sum[FOUND]


@kernel
def _empty(bounds: Array) -> None:
    """Let bounds hold nothing."""
    for k in range(BOUNDS):
        bounds[k] = 0.0
    bounds[LEFT] = bounds[LOW] = bounds[OLDEST] = np.inf
    bounds[RIGHT] = bounds[HIGH] = bounds[NEWEST] = -np.inf


@kernel
def _hold(areas: Areas, a: int, box: Array) -> None:
    """Let the bounds of an area, and of its block, hold a track's box."""
    _widen(areas.bounds[a], box)
    _widen(areas.blocks[a // BLOCK], box)


@kernel
def _widen(bounds: Array, box: Array) -> None:
    """Let bounds hold a track's box, see types.State."""
    bounds[LEFT], bounds[RIGHT] = min(bounds[LEFT], box[0]), max(bounds[RIGHT], box[0])
    bounds[LOW], bounds[HIGH] = min(bounds[LOW], box[1]), max(bounds[HIGH], box[1])
    bounds[SPEED], bounds[NOISE] = max(bounds[SPEED], box[2]), max(bounds[NOISE], box[3])
    bounds[RADIUS] = max(bounds[RADIUS], box[4])
    bounds[OLDEST], bounds[NEWEST] = min(bounds[OLDEST], box[5]), max(bounds[NEWEST], box[5])


@kernel
def hand_over(
    areas: Areas, state: State, near: Near, n_near: int, top: int, born: int, time: float, geodetic: bool
) -> None:
    """Let the tracks that an event has moved, ended or founded be of the areas that they are in.

    ``born`` is how many were founded, ``top`` the bound of slots in use.
    """
    for c in range(n_near):
        s = near.slot[c]
        if state.alive[s] != ALIVE:
            leave(areas, s)
            continue
        a = _area(areas, _cell_at(areas, state, s, time, geodetic))
        if a == areas.of[s]:
            _hold(areas, a, state.box[s])
        else:
            leave(areas, s)
            _enter(areas, state, s, a)
    for s in range(top):
        if born == 0:
            break
        if state.alive[s] == ALIVE and areas.of[s] < 0:
            _enter(areas, state, s, _area(areas, _cell_at(areas, state, s, time, geodetic)))
            born -= 1


@kernel
def is_out_of_date(areas: Areas, top: int) -> bool:
    """Tell whether many tracks have come to be where there are no areas."""
    return bool(areas.sum[HOMELESS] > FEW + top // SHARE)


@kernel
def within_reach(
    areas: Areas, state: State, x: float, y: float, extent: float, time: float, geodetic: bool,
    out: Array,
) -> int:  # fmt: skip
    """Find the tracks that may be within so many metres of a place at a time, by their slots, ascending.

    Fills in ``out`` and answers how many there are.
    """
    n, found = 0, areas.sum[FOUND]
    for block in range(found // BLOCK + 1):
        if not _is_near(areas.blocks[block], x, y, extent, time, geodetic):
            continue
        for a in range(block * BLOCK, min((block + 1) * BLOCK, found + 1)):
            if not _is_near(areas.bounds[a], x, y, extent, time, geodetic):
                continue
            s = areas.first[a]
            while s >= 0:
                dx, dy = difference(x, y, state.box[s, 0], state.box[s, 1], geodetic)
                r = reach(state, s, time) + extent
                if dx * dx + dy * dy <= r * r:
                    out[n] = s
                    n += 1
                s = areas.after[s]
    ascend(out, n)
    return n


@kernel
def _is_near(bounds: Array, x: float, y: float, extent: float, time: float, geodetic: bool) -> bool:
    """Tell whether any track within bounds may be within so many metres of a place at a time."""
    dt = max(abs(time - bounds[OLDEST]), abs(time - bounds[NEWEST]))
    r = bounds[RADIUS] + bounds[SPEED] * dt + bounds[NOISE] * dt * math.sqrt(dt) + extent
    return bool(gap2(bounds, x, y, geodetic) <= (r + SLACK_M) ** 2)
