"""Columns that come out of a gap: which of those that were lost has appeared.

Shortly after, it is where its course has taken it. Later it is known by what a column keeps: how many
they are, how far from one another, how fast they drive, what they look like, and that it can have come
from where the other was lost.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.columns.lineup import DRIVES_MPS, LARGEST, line_up
from truceline.track.columns.muster import distances, settle
from truceline.track.columns.roll import (
    AGE,
    Roll,
    X,
    Y,
    centre_of,
    enlist,
    expected,
    give,
    middle_speed,
    put_in,
    reach_m,
    spacing_m,
)
from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import likeness
from truceline.track.state.types import Array

SHORT_S = 180.0  # so long a column is expected where its course takes it
GONE_S = 30.0  # at an output time less long ago it was seen
NEW_S = 150.0  # tracks older than that have been seen elsewhere
CLOSEST_M = 25.0  # nearer to one another the order of things is not known
OPEN_S, KNOWN_S = 300.0, 60.0  # between those ages a column may turn out to be one that was lost
DRIVEN, STOOD = 2, 10  # output times in a row after which those that drive, or stand, together are a column
AREA_M2 = 5e8  # where a column of which nothing is known may be
NONE = 1.5  # log odds that it is none of those that were lost
SURE = 0.6  # how likely one of them must be


@njit(cache=True, error_model="numpy")
def begin(roll: Roll, time: float, group: Array, track: Array, spots: Array, looks: Array) -> None:
    """Take a group that shows no column's names for one that was just lost, or found a column."""
    young = 0
    for i in group:
        young += spots[i, AGE] <= NEW_S
    if 2 * young >= len(group):
        c = _just_lost(roll, time, group, spots)
        if c >= 0:
            if time - roll.centre[c, 5] >= GONE_S:
                settle(roll, c, group, time, track, spots, looks, True)
            return
    speed, first = middle_speed(spots, group, np.empty(len(group))), track[group].min()
    if len(group) < 3 or roll.columns[0] == len(roll.size):
        return
    guest = roll.guest[first]
    again = guest[0] == -1 and time - guest[2] < KNOWN_S + 1 and guest[1] >= 1
    guest[0], guest[1], guest[2] = -1, guest[1] + 1 if again else 1, time
    if guest[1] < (DRIVEN if speed > DRIVES_MPS else STOOD):
        return
    line = group[line_up(spots[group], np.full(len(group), -1), speed > DRIVES_MPS)]
    far = distances(spots, line)
    if far[-1] < CLOSEST_M * (len(group) - 1):
        return
    c = enlist(roll, time, line, far, track, spots)
    for a in range(4):
        roll.centre[c, a] = centre_of(spots, group, a)
    roll.centre[c, 4], roll.centre[c, 5] = speed if speed > DRIVES_MPS else 0.0, time
    if speed > DRIVES_MPS:
        roll.pace[c, 0], roll.pace[c, 1] = speed, 1.0
    for a in range(7):
        roll.classes[c, a] = centre_of(looks, group, a)


@kernel
def _just_lost(roll: Roll, time: float, group: Array, spots: Array) -> int:
    """Find the column that should be where a group is; -1: none."""
    best, chosen = 1.0, -1
    x, y = centre_of(spots, group, X), centre_of(spots, group, Y)
    for c in range(roll.columns[0]):
        dt = time - roll.centre[c, 5]
        if roll.size[c] == 0 or dt > SHORT_S or len(group) > roll.size[c] + 1:
            continue
        if dt < GONE_S and roll.size[c] - roll.present[c] < 0.7 * len(group):
            continue
        there = expected(roll, c, time)
        fast = max(math.hypot(roll.centre[c, 2], roll.centre[c, 3]), 5.0)
        off = math.hypot(x - there[0], y - there[1]) / (0.6 * fast * dt + 300.0)
        if off < best:
            best, chosen = off, c
    return chosen


@njit(cache=True, error_model="numpy")
def rejoin(roll: Roll, time: float) -> None:
    """Let columns that were found lately and are seen whole take the names of lost ones that they are."""
    for c in range(roll.columns[0]):
        if roll.known[c] or roll.size[c] == 0:
            continue
        if time - roll.born[c] > OPEN_S:
            roll.known[c] = 1
            continue
        whole = roll.centre[c, 5] == time and roll.present[c] >= roll.size[c] - 1
        d = _lost_one(roll, c, time) if whole and time - roll.born[c] >= KNOWN_S else -1
        if d >= 0:
            _go_on_as(roll, c, d)


@kernel
def _lost_one(roll: Roll, c: int, time: float) -> int:
    """Find the lost column that one most likely is; -1: none."""
    total, best, chosen = math.exp(NONE), 0.0, -1
    for d in range(roll.columns[0]):
        if d == c or roll.size[d] == 0 or roll.born[c] - roll.centre[d, 5] < KNOWN_S:
            continue
        like = math.exp(_likeness(roll, c, d, time))
        total += like
        if like > best:
            best, chosen = like, d
    return chosen if best > SURE * total else -1


@kernel
def _likeness(roll: Roll, c: int, d: int, time: float) -> float:
    """Log odds that one column is another that was lost, against one of which nothing is known."""
    here, there, pace = roll.centre[c], roll.centre[d], roll.pace[d, 0]
    way = math.hypot(here[0] - there[0], here[1] - there[1])
    if way > reach_m(pace, time - there[5]):
        return -np.inf
    reach = 0.6 * pace * (roll.born[c] - there[5]) + 500.0
    like = math.log(AREA_M2 / (math.pi * reach * reach))
    spread = math.hypot(3.0, 0.06 * spacing_m(roll, d))
    off = (spacing_m(roll, c) - spacing_m(roll, d)) / spread
    like += math.log(60.0 / (2.5 * spread)) - 0.5 * off * off
    spread = 0.12 * pace + 0.5
    off = (roll.pace[c, 0] - pace) / spread
    like += math.log(15.0 / (2.5 * spread)) - 0.5 * off * off
    more = abs(roll.size[c] - roll.size[d])
    like += math.log(3.0) - 0.7 * more - 1.5 * max(more - 1, 0)
    return float(like + math.log(likeness(roll.classes[c], roll.classes[d])))


@njit(cache=True, error_model="numpy")
def _go_on_as(roll: Roll, c: int, d: int) -> None:
    """Let one column be another that was lost: its vehicles take that one's names, in order."""
    n = roll.size[c]
    track = np.empty(n, np.int64)
    for k in range(n - 1, -1, -1):
        name = roll.name[c, k]
        track[k], roll.of[name] = roll.by[name], -1
        if roll.once[name, 0] == d and roll.size[d] < LARGEST:
            put_in(roll, d, min(roll.once[name, 1], roll.size[d]), name, 0.0, 0.0, 0.0)
    both = min(n, roll.size[d])
    for k in range(both):
        give(roll, track[k], roll.name[d, k])
    for k in range(both, n):
        roll.name[d, k] = roll.shown[track[k]]
        roll.of[roll.name[d, k]] = d
    gap = spacing_m(roll, c)
    for k in range(LARGEST):
        if k < n:
            roll.behind[d, k], roll.gone[d, k] = roll.behind[c, k], roll.gone[c, k]
            for a in range(3):
                roll.at[d, k, a] = roll.at[c, k, a]
        elif k < roll.size[d]:
            roll.behind[d, k], roll.gone[d, k] = roll.behind[d, k - 1] + gap, 6
            roll.at[d, k, 2] = -np.inf
    roll.size[d], roll.size[c] = max(n, roll.size[d]), 0
    for a in range(6):
        roll.centre[d, a] = roll.centre[c, a]
    roll.present[d], roll.known[d] = roll.present[c], 1
