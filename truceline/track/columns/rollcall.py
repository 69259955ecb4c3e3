"""Names of columns, called at each output time: columns keep their order, their number and their spacing."""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.columns.impression import Seen, look_at, sum_up
from truceline.track.columns.lineup import DRIVES_MPS, LARGEST
from truceline.track.columns.muster import MIXED_S, settle
from truceline.track.columns.recognition import know_again
from truceline.track.columns.reunion import begin, rejoin
from truceline.track.columns.roll import (
    AGE,
    Roll,
    U,
    V,
    X,
    Y,
    blank,
    centre_of,
    dissolve,
    expected,
    reach_m,
    spacing_m,
)
from truceline.track.pairing.associate import head_of
from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import PERSON
from truceline.track.state.types import Array

LINK_M, STANDS_M, KNOWN_M = 150.0, 100.0, 220.0  # from one to the next: driving, standing, of one column
ALIKE_MPS, SLOW_MPS = 6.0, 4.0
REACH_M = 300.0  # a part of a column is so near to the rest
YOUNG_S, BESIDE_M = 75.0, 130.0  # a track so young, so near to a column, is of it
RECENT_S, FARTHEST_M = 150.0, 500.0  # several so young that may be what a column lacks
WALK = 0.5  # where so many of a group are people, their order is not known
MIXED = 0.3  # two columns are one crowd where it has the larger and so much of the smaller
CROWDED = 10  # output times for which one column does not take to overtake another
PARTED_M, MORE_PAIRS = 2000.0, 64  # how far from one another they are soon after
LIKELY, UNLIKE = -4.0, -9.0  # score below which a group is not a column; of what cannot be one
LOST_S, LONG_GONE = 121.0, 2.0  # so long unseen it may be anywhere that it can have gone; score against it


def call_names(number: Array, rows: Array, seen: Seen) -> Array:
    """Tell the name of each row's track, its column and how it looks taken into account.

    Parameters
    ----------
    number
        (n,) int64 names of tracks.
    rows
        (n, WIDTH), see engine.emit, in order of time; a row's name depends on none that is later.
    seen
        Detections by the row that shows them first.

    Returns
    -------
    array
        (n,) int64: the same names; at any time no two tracks have one.
    """
    names, track = np.unique(number, return_inverse=True)
    ends = np.flatnonzero(np.diff(rows[:, 0], append=np.inf)) + 1
    shown = np.empty(len(number), np.int64)
    roll = blank(len(names), int(seen.sensor.max(initial=-1)) + 1)
    _call(roll, ends, track.astype(np.int64), rows, seen, shown)
    return np.asarray(names[shown]) if len(names) else number


@njit(cache=True, error_model="numpy", nogil=True)
def _call(roll: Roll, ends: Array, track: Array, rows: Array, seen: Seen, shown: Array) -> None:
    first = 0
    for end in ends:
        here = np.arange(first, end)[rows[first:end, 8] >= 0.5]
        here = here[np.argsort(rows[here, 1], kind="mergesort")]
        time = rows[first, 0]
        for i in range(first, end):
            look_at(roll.looks, track[i], roll.shown[track[i]], seen, i)
        sum_up(roll.looks)
        spots = np.empty((len(here), 5))
        for k in range(len(here)):
            i = here[k]
            roll.since[track[i]] = min(roll.since[track[i]], time)
            spots[k, X], spots[k, Y] = rows[i, 1], rows[i, 2]
            spots[k, U], spots[k, V] = rows[i, 6], rows[i, 7]
            spots[k, AGE] = time - roll.since[track[i]]
        if len(here):
            _one_time(roll, time, track[here], spots, rows[here, 9:16])
            know_again(roll, time, track[here], spots)
        for i in range(first, end):
            shown[i] = roll.shown[track[i]]
        first = end


@njit(cache=True, error_model="numpy")
def _one_time(roll: Roll, time: float, track: Array, spots: Array, looks: Array) -> None:
    """Find the columns among tracks, sorted by x, and settle their names."""
    n = len(track)
    column = roll.of[roll.shown[track]]
    root = np.empty(n, np.int64)
    _groups(spots, column, root)
    order = np.argsort(root, kind="mergesort")
    to = np.full(n, -1)  # column that a row is taken to be of; -2: of one that cannot be told
    _claim(roll, time, spots, column, root, order, to)
    _take_in_young(roll, spots, root, order, to)
    by_column = np.argsort(to, kind="mergesort")
    since = 0
    for k in range(1, n + 1):
        if k == n or to[by_column[k]] != to[by_column[since]]:
            c = to[by_column[since]]
            if c >= 0:
                settle(roll, c, by_column[since:k], time, track, spots, looks, False)
            since = k
    since = 0
    for k in range(1, n + 1):
        if k == n or root[order[k]] != root[order[since]]:
            group = order[since:k]
            drives = 2 <= len(group) <= LARGEST and to[group[0]] == -1
            if drives and centre_of(looks, group, PERSON) <= WALK:
                begin(roll, time, group, track, spots, looks)
            since = k
    rejoin(roll, time)


@kernel
def _groups(spots: Array, column: Array, parent: Array) -> None:
    """Fill in per track, sorted by x, the first of those that it drives or stands together with."""
    n = len(column)
    for i in range(n):
        parent[i] = i
    for i in range(n):
        for j in range(i + 1, n):
            if spots[j, X] - spots[i, X] > KNOWN_M:
                break
            if _linked(spots[i], spots[j], column[i], column[j]):
                a, b = head_of(parent, i), head_of(parent, j)
                parent[max(a, b)] = min(a, b)
    for i in range(n):
        parent[i] = head_of(parent, i)


@kernel
def _linked(a: Array, b: Array, of_a: int, of_b: int) -> bool:
    far = math.hypot(a[X] - b[X], a[Y] - b[Y])
    if far > KNOWN_M:
        return False
    fast, other = math.hypot(a[U], a[V]), math.hypot(b[U], b[V])
    together = a[U] * b[U] + a[V] * b[V]
    if of_a >= 0 and of_a == of_b:
        return bool(min(fast, other) < SLOW_MPS or together > -0.5 * fast * other)
    if fast > DRIVES_MPS and other > DRIVES_MPS:
        return bool(far < LINK_M and abs(fast - other) < ALIKE_MPS and together > 0)
    comes_to_stand = (of_a >= 0 or of_b >= 0) and abs(fast - other) < ALIKE_MPS
    return bool(far < STANDS_M and (max(fast, other) <= DRIVES_MPS or comes_to_stand))


@njit(cache=True, error_model="numpy")
def _claim(
    roll: Roll, time: float, spots: Array, column: Array, root: Array, order: Array, to: Array
) -> None:
    """Find which group is which column, by whose names it shows and where and how it drives."""
    room = len(root) + MORE_PAIRS
    pairs, score = np.empty((room, 4), np.int64), np.empty(room)
    found = _candidates(roll, time, spots, column, root, order, to, pairs, score)
    taken = np.zeros(roll.columns[0], np.int64)
    for e in np.argsort(-score[:found], kind="mergesort"):
        c, first, size = pairs[e, 0], pairs[e, 1], pairs[e, 2]
        alone = size < 2 and roll.size[c] > 3
        free = to[order[first]] == -1 and not taken[c] and roll.mixed[c] < time
        if free and score[e] >= LIKELY and not alone:
            taken[c] = 1
            _assign(order[first : first + size], to, c)
    for e in range(found):
        c, group = pairs[e, 0], order[pairs[e, 1] : pairs[e, 1] + pairs[e, 2]]
        part = to[group[0]] == -1 and taken[c] and 2 * pairs[e, 3] >= len(group)
        if part and _nearest(spots, group, to, c, REACH_M) < REACH_M:
            _assign(group, to, c)
    for e in range(found):
        group = order[pairs[e, 1] : pairs[e, 1] + pairs[e, 2]]
        if to[group[0]] == -1 and time - roll.centre[pairs[e, 0], 5] <= LOST_S:
            _assign(group, to, -2)


@kernel
def _assign(group: Array, to: Array, c: int) -> None:
    for i in group:
        to[i] = c


@njit(cache=True, error_model="numpy")
def _candidates(
    roll: Roll, time: float, spots: Array, column: Array, root: Array, order: Array, to: Array,
    pairs: Array, score: Array,
) -> int:  # fmt: skip
    """Fill in pairs of column and group (its begin in ``order``, size and votes) and their scores."""
    n, found, since = len(root), 0, 0
    votes, seen = np.zeros(roll.columns[0], np.int64), np.zeros(roll.columns[0], np.int64)
    for i in range(n):
        if column[i] >= 0:
            votes[column[i]] += 1
    for k in range(1, n + 1):
        if k < n and root[order[k]] == root[order[since]]:
            continue
        group, own = order[since:k], found
        for i in group:
            c = column[i]
            if c >= 0 and not seen[c]:
                seen[c] = 1
                pairs[found, 0], pairs[found, 1], pairs[found, 2], pairs[found, 3] = c, since, k - since, 0
                for j in group:
                    pairs[found, 3] += column[j] == c
                found += 1
        for e in range(own, found):
            seen[pairs[e, 0]] = 0
        if _is_mixed(roll, time, spots, column, group, pairs[own:found], votes):
            _assign(group, to, -2)
            found = own
        found = _with_mixed(roll, time, spots, group, pairs, own, found)
        for e in range(own, found):
            score[e] = _resembles(roll, time, spots, group, pairs[e, 0], pairs[e, 3])
        since = k
    return found


@kernel
def _is_mixed(
    roll: Roll, time: float, spots: Array, column: Array, group: Array, pairs: Array, votes: Array
) -> bool:
    """Tell whether two columns are in one crowd: one overtakes the other, and nothing can be told."""
    largest = second = 0
    for e in range(len(pairs)):
        if _is_there(roll, pairs[e], votes):
            size = roll.size[pairs[e, 0]]
            largest, second = max(largest, size), max(second, min(largest, size))
    if second == 0 or len(group) < largest + MIXED * second:
        return False
    for e in range(len(pairs)):
        c, n = pairs[e, 0], pairs[e, 3]
        if _is_there(roll, pairs[e], votes):
            roll.mixed[c], roll.centre[c, 5], roll.present[c] = time, time, n
            roll.centre[c, 0] = roll.centre[c, 1] = 0.0
            for i in group:
                if column[i] == c:
                    roll.centre[c, 0] += spots[i, X] / n
                    roll.centre[c, 1] += spots[i, Y] / n
    _merge(roll, spots, group, pairs, votes)
    return True


@kernel
def _merge(roll: Roll, spots: Array, group: Array, pairs: Array, votes: Array) -> None:
    """Let the younger of two columns be none that drive as one for longer than overtaking takes.

    What is of no column beside one that lacks as many soon is of that one, see muster.
    """
    old, young = -1, -1
    if _mean_speed(spots, group) <= DRIVES_MPS:
        return
    for e in range(len(pairs)):
        c = pairs[e, 0]
        if not _is_there(roll, pairs[e], votes):
            continue
        roll.crowd[c] += 1
        if roll.crowd[c] >= CROWDED:
            old = c if old < 0 or roll.born[c] < roll.born[old] else old
            young = c if young < 0 or roll.born[c] >= roll.born[young] else young
    if old != young:
        dissolve(roll, young)


@kernel
def _with_mixed(
    roll: Roll, time: float, spots: Array, group: Array, pairs: Array, own: int, found: int
) -> int:
    """Pair a group that shows names of a column that was mixed with others also with those others."""
    lately = False
    for e in range(own, found):
        lately |= roll.mixed[pairs[e, 0]] >= time - MIXED_S
    if not lately:
        return found
    end = found
    for c in range(roll.columns[0]):
        known = roll.size[c] == 0 or roll.mixed[c] < time - MIXED_S
        for e in range(own, end):
            known |= pairs[e, 0] == c
        x, y = roll.centre[c, 0], roll.centre[c, 1]
        far = math.hypot(centre_of(spots, group, X) - x, centre_of(spots, group, Y) - y)
        if not known and far < PARTED_M and found < len(pairs):
            pairs[found, 0], pairs[found, 1], pairs[found, 2] = c, pairs[own, 1], pairs[own, 2]
            pairs[found, 3] = 0
            found += 1
    return found


@kernel
def _is_there(roll: Roll, pair: Array, votes: Array) -> bool:
    """Tell whether most of a column is in a group."""
    c, n = pair[0], pair[3]
    return bool(2 * n >= votes[c] and n >= 2 and (n >= 3 or 2 * n >= roll.size[c]))


@kernel
def _resembles(roll: Roll, time: float, spots: Array, group: Array, c: int, votes: int) -> float:
    """How much a group of tracks speaks for being a column, of whose names it shows so many."""
    if roll.size[c] == 0:
        return UNLIKE
    more = abs(len(group) - roll.size[c])
    share, centre = votes / roll.size[c], roll.centre[c]
    if roll.mixed[c] >= time - MIXED_S:
        if len(group) < 0.7 * roll.size[c]:
            return UNLIKE
        return float(share - 0.7 * more - 0.5 * _off_pace(roll, spots, group, c))
    dt, x, y = time - centre[5], centre_of(spots, group, X), centre_of(spots, group, Y)
    if dt > LOST_S:
        if math.hypot(x - centre[0], y - centre[1]) > reach_m(roll.pace[c, 0], dt):
            return UNLIKE
        return float(4 * share - 0.5 * min(_off_pace(roll, spots, group, c), 8.0) - 0.3 * more - LONG_GONE)
    there = expected(roll, c, time)
    spread = 150.0 + 0.4 * math.hypot(centre[2], centre[3]) * min(dt, 120.0) + (1000.0 if dt > 61 else 0.0)
    off = math.hypot(x - there[0], y - there[1]) / spread
    return float(4 * share - 0.5 * min(off * off, 12.0) - 0.3 * more)


@kernel
def _off_pace(roll: Roll, spots: Array, group: Array, c: int) -> float:
    """How far a group's speed is off the pace of a column, in standard deviations, squared."""
    speed, pace = _mean_speed(spots, group), roll.pace[c, 0]
    off = (speed - pace) / (0.12 * pace + 0.5) if speed > DRIVES_MPS else 0.0
    return float(off * off)


@kernel
def _mean_speed(spots: Array, group: Array) -> float:
    speed = 0.0
    for i in group:
        speed += math.hypot(spots[i, U], spots[i, V]) / len(group)
    return float(speed)


@kernel
def _nearest(spots: Array, group: Array, to: Array, c: int, within: float) -> float:
    """Distance from a group to the nearest track that is taken to be of a column; at most ``within``."""
    best = within
    for i in group:
        for way in (-1, 1):
            j = i + way
            while 0 <= j < len(to) and abs(spots[j, X] - spots[i, X]) < best:
                if to[j] == c:
                    best = min(best, math.hypot(spots[j, X] - spots[i, X], spots[j, Y] - spots[i, Y]))
                j += way
    return float(best)


@njit(cache=True, error_model="numpy")
def _take_in_young(roll: Roll, spots: Array, root: Array, order: Array, to: Array) -> None:
    """Let young tracks beside a column be of it, and those near one that lacks as many."""
    has = np.zeros(roll.columns[0], np.int64)
    for c in to:
        if c >= 0:
            has[c] += 1
    n, added = len(to), True
    while added:
        added, since = False, 0
        for k in range(1, n + 1):
            if k < n and root[order[k]] == root[order[since]]:
                continue
            group = order[since:k]
            since = k
            age = 0.0
            for i in group:
                age = max(age, spots[i, AGE])
            if to[group[0]] != -1 or age > (YOUNG_S if len(group) < 2 else RECENT_S):
                continue
            c = _beside(roll, spots, group, to, has, age)
            if c >= 0:
                _assign(group, to, c)
                has[c] += len(group)
                added = True


@kernel
def _beside(roll: Roll, spots: Array, group: Array, to: Array, has: Array, age: float) -> int:
    """Find the column that a young group is beside; -1: none."""
    best, chosen = FARTHEST_M, -1
    widest = BESIDE_M if len(group) < 2 else FARTHEST_M
    for i in group:
        for way in (-1, 1):
            j = i + way
            while 0 <= j < len(to) and abs(spots[j, X] - spots[i, X]) < min(best, widest):
                c = to[j]
                if c >= 0:
                    far, lacks = math.hypot(spots[j, X] - spots[i, X], spots[j, Y] - spots[i, Y]), 0
                    within = BESIDE_M if age <= YOUNG_S else 0.0
                    lacks = roll.size[c] - has[c]
                    if len(group) >= 2 and lacks >= 1:
                        within = max(within, min(150.0 + spacing_m(roll, c) * lacks, FARTHEST_M))
                    if far < within and far < best:
                        best, chosen = far, c
                j += way
    return chosen
