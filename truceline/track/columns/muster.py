"""Which track of a column bears which of its names at an output time.

Pairing a look with tracks, truck by truck, lets neighbours change places and lets a column slide along
its own tracks. At an output time a column is seen as a whole: its vehicles lie along its way in the order
that they had before, as many as before, at the distances that they keep. So names are given by order and
number; whose track was whose, and where each can have gone meanwhile, tell what those leave open.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.columns.impression import looks_like
from truceline.track.columns.lineup import DRIVES_MPS, LARGEST, fit_names, line_up
from truceline.track.columns.roll import (
    AGE,
    Roll,
    X,
    Y,
    centre_of,
    give,
    middle_speed,
    put_in,
    respace,
    take_out,
    turn_round,
)
from truceline.track.state.kernel import kernel
from truceline.track.state.types import Array

SAME, MOVED = 2.0, 2.0  # log odds, whole column: tracks go on as what they were; it went as far as it drives
STANDS, MOST_STAND = 6.0, 2.0  # the same, where it stands; of one track at most
SETTLED = 5  # output times in a row at which it stood: soon after it came to stand its tracks may have slid
ORDER, HEADED = 3.0, 2.5  # log odds that names, and velocities, tell head from tail
OLD_S, STRANGER, KNOWN_STRANGER = 120.0, 6.0, 2.0  # a track so old that is of none: log odds against it
REMEMBERED_S = 61.0  # so lately known places are worth comparing
MIXED_S = 121.0  # so long after two columns were in one crowd their tracks' names say little
BACKWARD = 4  # output times after which a column that drives tail first has its head there
LEFT = 8  # output times without it after which a name is struck off
GUEST, OLD_GUEST, FRESH_S = 2, 3, 150.0  # output times after which a track belongs to it
LEARNS = 0.2  # share of a distance seen that is taken on
LOOKS = 0.5  # share at which looks count: neighbours' detections stray into a track
HEAD_FIRST = 0.3  # log odds by place: out of a gap the head comes first


@njit(cache=True, error_model="numpy")
def settle(
    roll: Roll, c: int, rows: Array, time: float, track: Array, spots: Array, looks: Array, again: bool
) -> None:
    """Give a column's names to the tracks that are of it.

    Parameters
    ----------
    roll, c
        What is known of columns, and which of them this is.
    rows
        Its tracks, as rows of the next.
    time
        Output time, seconds.
    track, spots, looks
        Per row: the track, its place (see roll), its class probabilities.
    again
        It comes out of a gap.
    """
    if len(rows) > LARGEST:
        return
    n = len(rows)
    speed, rank = middle_speed(spots, rows, np.empty(n)), np.empty(n, np.int64)
    drives = speed > DRIVES_MPS
    speed = speed if drives else 0.0
    _ranks(roll, c, rows, track, rank)
    order = line_up(spots[rows], rank, drives)
    line, rank = rows[order], rank[order]
    far = distances(spots, line)
    out, is_back = _named(roll, c, line, rank, far, time, track, spots, speed, again)
    if is_back:
        line, far = line[::-1].copy(), far[-1] - far[::-1]
    _hand_out(roll, c, line, out, time, track, spots)
    _learn_spacing(roll, c, far, out)
    _note(roll, c, rows, time, spots, looks, speed)
    roll.crowd[c] = max(roll.crowd[c] - 1, 0)
    roll.backward[c] = roll.backward[c] + 1 if is_back and drives else 0 if drives else roll.backward[c]
    if _admit(roll, c, line, out, time, track, spots):
        _ranks(roll, c, line, track, rank)
        respace(roll, c, rank, far)
    if roll.backward[c] >= BACKWARD:
        roll.backward[c] = 0
        turn_round(roll, c)
    for k in range(roll.size[c] - 1, -1, -1):
        if roll.gone[c, k] >= LEFT and roll.size[c] > 2 and 2 * roll.present[c] >= roll.size[c]:
            take_out(roll, c, k)


@kernel
def _ranks(roll: Roll, c: int, rows: Array, track: Array, out: Array) -> None:
    """Fill in per track the place in the column of the name that it shows, or -1."""
    for k in range(len(rows)):
        out[k] = -1
        for i in range(roll.size[c]):
            if roll.name[c, i] == roll.shown[track[rows[k]]]:
                out[k] = i


@njit(cache=True, error_model="numpy")
def distances(spots: Array, line: Array) -> Array:
    """How far each of a line is behind its head, metres along the way."""
    out = np.zeros(len(line))
    for k in range(1, len(line)):
        a, b = spots[line[k - 1]], spots[line[k]]
        out[k] = out[k - 1] + math.hypot(a[X] - b[X], a[Y] - b[Y])
    return out


@njit(cache=True, error_model="numpy")
def _named(
    roll: Roll, c: int, line: Array, rank: Array, far: Array, time: float, track: Array, spots: Array,
    speed: float, again: bool,
) -> tuple[Array, bool]:  # fmt: skip
    """Try the line from both ends; answer per track its name's place, or -1, and whether it is turned."""
    best, chosen, is_back = -1e18, np.full(len(line), -1), False
    out, shape = np.empty(len(line), np.int64), (roll.size[c], len(line))
    bonus, room, came = np.empty(shape), np.empty(shape), np.empty(shape, np.int64)
    drives = speed > 0
    for back in range(1 if again and drives else 2):
        if back:
            line, rank, far = line[::-1].copy(), rank[::-1].copy(), far[-1] - far[::-1]
        _evidence(roll, c, line, rank, time, track, spots, speed, again, bonus)
        worth = fit_names(roll.behind[c], far, bonus, room, came, out) + ORDER * _in_order(rank)
        if drives:
            sure = HEADED if roll.backward[c] < 2 else 3 * HEADED
            worth += -sure if back else sure
        else:
            a, b, way = spots[line[0]], spots[line[-1]], roll.centre[c]
            worth += 1.0 if (a[X] - b[X]) * way[2] + (a[Y] - b[Y]) * way[3] > 0 else -1.0
        if worth > best:
            best, is_back = worth, back == 1
            chosen[:] = out
    return chosen, is_back


@kernel
def _in_order(rank: Array) -> float:
    """How far the names shown lie in order, from -1 to 1."""
    total, pairs = 0, 0
    for a in range(len(rank)):
        for b in range(a + 1, len(rank)):
            if rank[a] >= 0 and rank[b] >= 0:
                total += 1 if rank[b] > rank[a] else -1
                pairs += 1
    return total / max(pairs, 1)


@kernel
def _evidence(
    roll: Roll, c: int, line: Array, rank: Array, time: float, track: Array, spots: Array, speed: float,
    again: bool, out: Array,
) -> None:  # fmt: skip
    """Fill in what speaks for each pair of name and track besides order and distance, log odds."""
    n, m, named = roll.size[c], len(line), 0
    for j in range(m):
        named += rank[j] >= 0
        for i in range(n):
            out[i, j] = 0.0
    for j in range(m):
        if again:
            for i in range(n):
                out[i, j] -= HEAD_FIRST * i
        elif rank[j] >= 0:
            out[rank[j], j] += SAME / max(named, 1)
        elif spots[line[j], AGE] > OLD_S:
            guest = roll.guest[track[line[j]]]
            is_guest = guest[0] == c and guest[1] >= GUEST
            for i in range(n):
                out[i, j] -= KNOWN_STRANGER if is_guest else STRANGER
    for j in range(m):
        for i in range(n):
            out[i, j] += LOOKS * looks_like(roll.looks, track[line[j]], roll.name[c, i])
    if time - roll.centre[c, 5] <= REMEMBERED_S and not again and roll.mixed[c] < time - MIXED_S:
        _from_where(roll, c, line, time, spots, speed, out)


@kernel
def _from_where(roll: Roll, c: int, line: Array, time: float, spots: Array, speed: float, out: Array) -> None:
    """Weigh pairs by where the names were before, log odds."""
    n, m, placed, was = roll.size[c], len(line), 0, roll.centre[c, 4]
    for i in range(n):
        placed += roll.at[c, i, 2] >= time - REMEMBERED_S
    both = max(min(placed, m), 1)
    weight = MOVED / 2 / both
    if speed == 0 and was == 0 and roll.stood[c] >= SETTLED:
        weight = min(STANDS / both, MOST_STAND / 2)
    for i in range(n):
        if roll.at[c, i, 2] < time - REMEMBERED_S:
            continue
        for j in range(m):
            dx, dy = spots[line[j], X] - roll.at[c, i, 0], spots[line[j], Y] - roll.at[c, i, 1]
            out[i, j] -= weight * _off(math.hypot(dx, dy), was, speed, time - roll.at[c, i, 2])


@kernel
def _off(way: float, was: float, speed: float, dt: float) -> float:
    """How badly a way fits what a column drove at before and drives at, 0 to 2; bends shorten it."""
    if was == 0 and speed == 0:
        return float(min(0.5 * (way / 25.0) ** 2, 2.0))
    due = 0.5 * (was + speed) * dt
    spread = 20.0 + 0.1 * due + (60.0 if (was == 0) != (speed == 0) else 0.0)
    off = (way - due) / spread
    if off < 0:
        off = 0.5 * min(off + 0.5, 0.0)
    return float(min(0.5 * off * off, 2.0))


@kernel
def _mark(roll: Roll, c: int, k: int, spot: Array, time: float) -> None:
    roll.at[c, k, 0], roll.at[c, k, 1], roll.at[c, k, 2] = spot[X], spot[Y], time


@kernel
def _hand_out(roll: Roll, c: int, line: Array, out: Array, time: float, track: Array, spots: Array) -> None:
    for k in range(roll.size[c]):
        roll.gone[c, k] += 1
    roll.present[c] = 0
    for j in range(len(line)):
        if out[j] >= 0:
            give(roll, track[line[j]], roll.name[c, out[j]])
            _mark(roll, c, out[j], spots[line[j]], time)
            roll.gone[c, out[j]] = 0
            roll.present[c] += 1


@kernel
def _learn_spacing(roll: Roll, c: int, far: Array, out: Array) -> None:
    for j in range(1, len(out)):
        if out[j] > 0 and out[j - 1] == out[j] - 1:
            k = out[j]
            change = LEARNS * (far[j] - far[j - 1] - roll.behind[c, k] + roll.behind[c, k - 1])
            for i in range(k, roll.size[c]):
                roll.behind[c, i] += change


@kernel
def _note(roll: Roll, c: int, rows: Array, time: float, spots: Array, looks: Array, speed: float) -> None:
    """Note where a column is and how it drives."""
    centre = roll.centre[c]
    n = len(rows)
    for i in rows:
        for a in range(7):
            roll.classes[c, a] += 0.1 * (looks[i, a] - roll.classes[c, a]) / n
    for a in range(4 if speed > 0 else 2):
        centre[a] = centre_of(spots, rows, a)
    centre[4], centre[5] = speed, time
    roll.stood[c] = roll.stood[c] + 1 if speed == 0 else 0
    if speed > 0:
        roll.pace[c, 1] += 1
        roll.pace[c, 0] += (speed - roll.pace[c, 0]) / min(roll.pace[c, 1], 20.0)


@kernel
def _admit(roll: Roll, c: int, line: Array, out: Array, time: float, track: Array, spots: Array) -> bool:
    """Enter tracks that keep beside a column, where it has more tracks than names; answer whether any."""
    lately, entered, place = 0, 0, 0
    for k in range(roll.size[c]):
        lately += roll.gone[c, k] < 3
    for j in range(len(line)):
        if out[j] >= 0:
            place = out[j] + entered + 1
            continue
        name, age = roll.shown[track[line[j]]], spots[line[j], AGE]
        guest = roll.guest[track[line[j]]]
        again = guest[0] == c and time - guest[2] < REMEMBERED_S
        guest[0], guest[1], guest[2] = c, guest[1] + 1 if again else 1, time
        due = OLD_GUEST if age > FRESH_S else GUEST
        if guest[1] >= due and roll.of[name] < 0 and len(line) > lately and roll.size[c] < LARGEST:
            put_in(roll, c, place, name, spots[line[j], X], spots[line[j], Y], time)
            entered += 1
            place += 1
    return entered > 0
