"""What is known of columns and of the names in them, from one output time to the next."""

import math
from typing import NamedTuple

import numpy as np

from truceline.track.columns.impression import Impressions, no_impressions
from truceline.track.columns.lineup import DRIVES_MPS, LARGEST
from truceline.track.state.kernel import kernel
from truceline.track.state.types import Array

X, Y, U, V, AGE = 0, 1, 2, 3, 4  # of spots: metres, metres per second, seconds since it was first in force


class Roll(NamedTuple):
    """Names, tracks and columns; each is a whole number from 0.

    A track shows its own name at first. Names change hands by pairs, so that no two tracks ever
    show one name.
    """

    shown: Array  # (K,) name that a track shows
    by: Array  # (K,) track that shows a name
    since: Array  # (K,) when a track was first in force, seconds
    of: Array  # (K,) column that a name is of, or -1
    once: Array  # (K, 2): lost column that a name was of before, see enlist, and its place there; -1: none
    guest: Array  # (K, 3): column that a track not of it is beside, how many times in a row, when last
    columns: Array  # (1,) how many columns there are
    size: Array  # (C,) names of a column; 0: it turned out to be another one
    name: Array  # (C, LARGEST), head first
    behind: Array  # (C, LARGEST) metres behind the head along the way
    gone: Array  # (C, LARGEST) output times in a row at which others were seen and this one was not
    at: Array  # (C, LARGEST, 3): x, y, time of where a name was last
    centre: Array  # (C, 6): x, y, vx, vy, speed, time of the column when it was last seen
    pace: Array  # (C, 2): its mean speed while it drove, and of how many output times
    classes: Array  # (C, 7): what its vehicles look like on average
    present: Array  # (C,) how many of its names were seen then
    born: Array  # (C,) when it was first known as one
    known: Array  # (C,) it is no other column that was seen before: 1
    backward: Array  # (C,) output times in a row at which it drove tail first
    mixed: Array  # (C,) when it was last in one crowd with another
    crowd: Array  # (C,) output times at which it drove in one crowd with another, less those at which not
    stood: Array  # (C,) output times in a row at which it stood
    first: Array  # (K, 3): x, y, time of where a name was shown first
    last: Array  # (K, 3): the same, last
    drove: Array  # (K, 2): mean speed of a name while it moved, m/s, and of how many output times
    times: Array  # (K,) at how many output times a name was shown
    looks: Impressions  # how tracks and names look


def blank(names: int, sensors: int = 0) -> Roll:
    """Make room for so many names, all the columns that they can make up, and so many sensors."""
    columns = names // 3 + 1
    return Roll(
        shown=np.arange(names),
        by=np.arange(names),
        since=np.full(names, np.inf),
        of=np.full(names, -1),
        once=np.full((names, 2), -1),
        guest=np.full((names, 3), -1.0),
        columns=np.zeros(1, np.int64),
        size=np.zeros(columns, np.int64),
        name=np.full((columns, LARGEST), -1),
        behind=np.zeros((columns, LARGEST)),
        gone=np.zeros((columns, LARGEST), np.int64),
        at=np.zeros((columns, LARGEST, 3)),
        centre=np.zeros((columns, 6)),
        pace=np.zeros((columns, 2)),
        classes=np.zeros((columns, 7)),
        present=np.zeros(columns, np.int64),
        born=np.zeros(columns),
        known=np.zeros(columns, np.int64),
        backward=np.zeros(columns, np.int64),
        mixed=np.full(columns, -np.inf),
        crowd=np.zeros(columns, np.int64),
        stood=np.zeros(columns, np.int64),
        first=np.zeros((names, 3)),
        last=np.full((names, 3), -np.inf),
        drove=np.zeros((names, 2)),
        times=np.zeros(names, np.int64),
        looks=no_impressions(names, sensors),
    )


@kernel
def give(roll: Roll, track: int, name: int) -> None:
    """Let a track show a name, and the one that showed it before the name that this one had."""
    old, other = roll.shown[track], roll.by[name]
    roll.shown[track], roll.shown[other] = name, old
    roll.by[name], roll.by[old] = track, other


@kernel
def reach_m(pace: float, dt: float) -> float:
    """How far from where it was last seen what drives at a pace is found at most, metres."""
    return 1.25 * pace * dt + 600.0


@kernel
def spacing_m(roll: Roll, c: int) -> float:
    """Mean distance from one of a column to the next, metres."""
    return float(roll.behind[c, roll.size[c] - 1] / max(roll.size[c] - 1, 1))


@kernel
def take_out(roll: Roll, c: int, k: int) -> None:
    """Strike the k-th name off a column."""
    roll.of[roll.name[c, k]] = -1
    n, first = roll.size[c], roll.behind[c, 1] if k == 0 else 0.0
    for i in range(k, n - 1):
        _swap(roll, c, i, i + 1)
    roll.size[c] = n - 1
    for i in range(n - 1):
        roll.behind[c, i] -= first


@kernel
def dissolve(roll: Roll, c: int) -> None:
    """Let a column be none any more."""
    for k in range(roll.size[c]):
        roll.of[roll.name[c, k]] = -1
    roll.size[c] = 0


@kernel
def put_in(roll: Roll, c: int, k: int, name: int, x: float, y: float, time: float) -> None:
    """Enter a name as the k-th of a column, halfway between its neighbours or one spacing beyond."""
    n, gap = roll.size[c], spacing_m(roll, c)
    for i in range(n, k, -1):
        _swap(roll, c, i, i - 1)
    roll.of[name], roll.name[c, k], roll.gone[c, k] = c, name, 0
    roll.at[c, k, 0], roll.at[c, k, 1], roll.at[c, k, 2] = x, y, time
    roll.size[c] = n + 1
    if k == 0:
        for i in range(1, n + 1):
            roll.behind[c, i] += gap
        roll.behind[c, 0] = 0.0
    elif k == n:
        roll.behind[c, k] = roll.behind[c, k - 1] + gap
    else:
        roll.behind[c, k] = 0.5 * (roll.behind[c, k - 1] + roll.behind[c, k + 1])


@kernel
def respace(roll: Roll, c: int, rank: Array, far: Array) -> None:
    """Lay a column's names out anew, from tracks of known place in it (-1: none) and distance from the head.

    Names between two of them are spread evenly, names beyond lie on at the mean distance.
    """
    low, high = -1, -1
    for k in range(len(rank)):
        if rank[k] >= 0:
            low = k if low < 0 or rank[k] < rank[low] else low
            high = k if high < 0 or rank[k] > rank[high] else high
    if low < 0 or rank[high] == rank[low]:
        return
    gap = (far[high] - far[low]) / (rank[high] - rank[low])
    for i in range(roll.size[c]):
        a, b = low, high
        for k in range(len(rank)):
            if rank[a] < rank[k] <= i:
                a = k
            if i <= rank[k] < rank[b]:
                b = k
        if i < rank[low] or i > rank[high]:
            end = low if i < rank[low] else high
            roll.behind[c, i] = far[end] + gap * (i - rank[end])
        else:
            share = (i - rank[a]) / max(rank[b] - rank[a], 1)
            roll.behind[c, i] = far[a] + share * (far[b] - far[a])
    first = roll.behind[c, 0]
    for i in range(roll.size[c]):
        roll.behind[c, i] -= first


@kernel
def turn_round(roll: Roll, c: int) -> None:
    """Call a column from its other end."""
    n = roll.size[c]
    length = roll.behind[c, n - 1]
    for k in range(n):
        roll.behind[c, k] = length - roll.behind[c, k]
    for k in range(n // 2):
        _swap(roll, c, k, n - 1 - k)


@kernel
def _swap(roll: Roll, c: int, a: int, b: int) -> None:
    roll.name[c, a], roll.name[c, b] = roll.name[c, b], roll.name[c, a]
    roll.gone[c, a], roll.gone[c, b] = roll.gone[c, b], roll.gone[c, a]
    roll.behind[c, a], roll.behind[c, b] = roll.behind[c, b], roll.behind[c, a]
    for k in range(3):
        roll.at[c, a, k], roll.at[c, b, k] = roll.at[c, b, k], roll.at[c, a, k]


@kernel
def expected(roll: Roll, c: int, time: float) -> tuple[float, float]:
    """Where a column is if it went on as it was last seen."""
    centre = roll.centre[c]
    dt = time - centre[5] if centre[4] > 0 else 0.0
    return centre[0] + dt * centre[2], centre[1] + dt * centre[3]


@kernel
def _leave(roll: Roll, name: int) -> None:
    """Strike a name off the column that it is of, if any, and remember which that was."""
    c = roll.of[name]
    roll.once[name, 0] = c
    if c < 0:
        return
    for k in range(roll.size[c]):
        if roll.name[c, k] == name:
            roll.once[name, 1] = k
    take_out(roll, c, roll.once[name, 1])


@kernel
def enlist(roll: Roll, time: float, rows: Array, far: Array, track: Array, spots: Array) -> int:
    """Enter a column that was not known, head first; answer its number.

    One of its tracks may have been taken for one of a lost column already.
    """
    c = roll.columns[0]
    roll.columns[0] += 1
    roll.size[c], roll.born[c], roll.present[c] = len(rows), time, len(rows)
    for k in range(len(rows)):
        i = rows[k]
        name = roll.shown[track[i]]
        _leave(roll, name)
        roll.name[c, k], roll.behind[c, k], roll.of[name] = name, far[k], c
        roll.at[c, k, 0], roll.at[c, k, 1], roll.at[c, k, 2] = spots[i, X], spots[i, Y], time
    return int(c)


@kernel
def middle_speed(spots: Array, rows: Array, room: Array) -> float:
    """Median speed of some tracks, m/s; ``room`` is for as many numbers.

    Where half of them stand they do: midway between one that stands and one that drives, none does.
    """
    n = len(rows)
    for k in range(n):
        speed, j = math.hypot(spots[rows[k], U], spots[rows[k], V]), k
        while j > 0 and room[j - 1] > speed:
            room[j] = room[j - 1]
            j -= 1
        room[j] = speed
    low, high = room[(n - 1) // 2], room[n // 2]
    return float(low if low <= DRIVES_MPS else 0.5 * (low + high))


@kernel
def centre_of(spots: Array, rows: Array, a: int) -> float:
    """Mean of a column of spots over some tracks."""
    total = 0.0
    for i in rows:
        total += spots[i, a]
    return total / len(rows)
