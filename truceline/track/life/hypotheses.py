"""Two tracks that may have changed places are kept both ways, until later looks tell which way it was.

Where a look's best pairing and one in which two tracks change places are nearly as good, a copy of each
track goes on as it would be had they changed (multiple hypotheses over some looks: Reid, IEEE TAC 24(6),
1979; Blackman, IEEE AESM 19(1), 2004). Each hypothesis pairs what both tracks get of later looks in its own
best way, and is weighed by how well that explains them: place, speed, class, and what was not shown. The
likelier one is shown. It stays when the odds decide or the time is over; then the other is forgotten.
"""

import math

import numpy as np

from truceline.geo.loops import literal_unroll
from truceline.track.life.existence import ALIVE, OTHERWISE
from truceline.track.pairing.associate import place_in, score_of
from truceline.track.state.kernel import kernel
from truceline.track.state.near import Near, Room, seen_p
from truceline.track.state.types import Array, Events, Rows, State

CLOSE = 3.0  # log odds within which another pairing is kept beside the best
BETTER = 3.0  # log odds at which the other hypothesis is shown
DECIDED = 5.0  # log odds at which a hypothesis is forgotten
MOST = 4.0  # log odds: what one look says at most
OPEN_S = 90.0  # so long both are kept


@kernel
def is_open(state: State, s: int) -> bool:
    """Tell whether a track and its rival are kept both ways."""
    b = state.rival[s]
    if state.alive[s] != ALIVE or b < 0 or state.alive[b] != ALIVE or state.rival[b] != s:
        return False
    return _has_twin(state, s) and _has_twin(state, b)


@kernel
def _has_twin(state: State, s: int) -> bool:
    t = state.twin[s]
    return bool(t >= 0 and state.alive[t] == OTHERWISE and state.twin[t] == s)


@kernel
def close(state: State, s: int) -> None:
    """Forget the other hypothesis of a track and its rival, if there is one."""
    b = state.rival[s]
    if b >= 0 and state.rival[b] == s:
        _let_go(state, b)
    _let_go(state, s)


@kernel
def _let_go(state: State, s: int) -> None:
    if _has_twin(state, s):
        state.alive[state.twin[s]] = 0
    state.twin[s] = state.rival[s] = -1


@kernel
def close_old(state: State, top: int, time: float) -> None:
    """Forget the hypotheses that were open for too long, and those of tracks that are no more."""
    for s in range(top):
        if state.alive[s] == OTHERWISE:
            _close_if_over(state, s, time)


@kernel
def _close_if_over(state: State, t: int, time: float) -> None:
    s = state.twin[t]
    if not is_open(state, s) or state.twin[s] != t:
        state.alive[t] = 0
        if state.twin[s] == t:
            close(state, s)
    elif time - state.open[s] > OPEN_S or state.against[s] < -DECIDED:
        close(state, s)


@kernel
def note_rows(near: Near, room: Room, n_rows: int) -> None:
    """Note which row each track is to get, and the score of both."""
    for r in range(n_rows):
        k = room.chosen[r]
        if k >= 0:
            near.row[room.track[k]], near.score[room.track[k]] = r, room.score[k]


@kernel
def weigh_otherwise(
    state: State, near: Near, n_near: int, last: int, events: Events, e: int, rows: Rows, geodetic: bool,
    room: Room,
) -> None:  # fmt: skip
    """Pair what is kept otherwise, in ``near`` behind ``n_near``, and move on the odds."""
    j = n_near + 1
    while j < last:
        s = state.twin[near.slot[j]]
        b = state.rival[s]
        here, there = place_in(near.slot, n_near, s), place_in(near.slot, n_near, b)
        both = j + 1 < last and near.slot[j + 1] == state.twin[b]
        one, other = near.row[here], near.row[there] if both else -1
        odds = -_worth(near, here) - (_worth(near, there) if both else 0.0)
        _pair_otherwise(state, near, j, both, one, other, events, e, rows, geodetic, room)
        odds += _worth(near, j) + (_worth(near, j + 1) if both else 0.0)
        odds = state.against[s] + min(max(odds, -MOST), MOST)
        state.against[s] = state.against[b] = odds
        j += 2 if both else 1


@kernel
def _worth(near: Near, c: int) -> float:
    """Log likelihood of what a look showed of a track, or did not, against a stranger's."""
    if near.row[c] < 0 and near.taken[c] >= 0:
        return 0.0
    silence = math.log(1 - near.exists[c] * min(seen_p(near, c), 0.999))
    return silence + (near.score[c] if near.row[c] >= 0 else 0.0)


@kernel
def _pair_otherwise(
    state: State, near: Near, j: int, both: bool, one: int, other: int, events: Events, e: int, rows: Rows,
    geodetic: bool, room: Room,
) -> None:  # fmt: skip
    """Give two rows, or -1, to what is kept of one or both tracks, in the best way."""
    best, k = 0.0, j + 1
    for first in range(3):
        r = one if first == 0 else other if first == 1 else -1
        if first < 2 and r < 0:
            continue
        own = score_of(state, near, j, events, e, rows, r, geodetic, room) if r >= 0 else 0.0
        if best < own:
            best, near.row[j], near.score[j] = own, r, own
            if both:
                near.row[k] = -1
        for second in range(2):
            q = one if second == 0 else other
            if not both or q < 0 or q == r:
                continue
            score = score_of(state, near, k, events, e, rows, q, geodetic, room)
            if best < own + score:
                best, near.row[j], near.score[j], near.row[k], near.score[k] = own + score, r, own, q, score


@kernel
def keep_otherwise(
    state: State, near: Near, n_near: int, last: int, room: Room, found: int, time: float, top: int
) -> tuple[int, int]:
    """Keep tracks both ways whose pairing is doubtful; answer where ``near`` ends and the bound of slots."""
    for k in range(found):
        best = room.chosen[room.row[k]]
        if best < 0 or best == k:
            continue
        a, b = room.track[k], room.track[best]
        if not _may_change(state, near, a, b):
            continue
        odds, back = room.score[k] - room.score[best], 0.0
        if near.row[a] >= 0:
            back = max(_score_among(room, found, best, near.row[a]), 0.0)
            odds += back - near.score[a]
        if odds < -CLOSE:
            continue
        s, t, own = near.slot[a], near.slot[b], near.row[a]
        state.rival[s], state.rival[t] = t, s
        top = max(_keep(state, near, a, last, near.row[b], room.score[k]) + 1, top)
        top = max(_keep(state, near, b, last + 1, own if back > 0.0 else -1, back) + 1, top)
        state.against[s] = state.against[t] = odds
        state.open[s] = state.open[t] = time
        last += 2
    return last, top


@kernel
def _may_change(state: State, near: Near, a: int, b: int) -> bool:
    """Tell whether two tracks can be kept both ways: in force, not so kept yet, and of no one column."""
    s, t = near.slot[a], near.slot[b]
    if not state.shown[s] or not state.shown[t] or state.twin[s] >= 0 or state.twin[t] >= 0:
        return False
    if state.column[s] == state.column[t] != 0:
        return False
    return bool(near.node[a] == state.nodes[s] - 1 and near.node[b] == state.nodes[t] - 1)


@kernel
def _score_among(room: Room, found: int, k: int, r: int) -> float:
    """Score of the pair of a row and the track that the k-th pair is of; minus infinity: there is none."""
    c = room.track[k]
    while k > 0 and room.track[k - 1] == c:
        k -= 1
    while k < found and room.track[k] == c:
        if room.row[k] == r:
            return float(room.score[k])
        k += 1
    return -np.inf


@kernel
def _keep(state: State, near: Near, c: int, to: int, r: int, score: float) -> int:
    """Copy a track, also in ``near``, as it is without the present look; answer the slot of the copy."""
    s, t = near.slot[c], 0
    while state.alive[t]:
        t += 1
    _copy_row(state, s, t)
    _copy_row(near, c, to)
    state.alive[t], state.shown[t], state.column[t], state.rival[t] = OTHERWISE, 0, 0, -1
    state.twin[s], state.twin[t] = t, s
    near.slot[to], near.row[to], near.score[to] = t, r, score
    return t


@kernel
def _copy_row(columns: tuple[Array, ...], origin: int, to: int) -> None:
    for column in literal_unroll(columns):
        one, other = column[origin : origin + 1].flat, column[to : to + 1].flat
        for i in range(len(one)):
            other[i] = one[i]


@kernel
def settle_hypotheses(state: State, near: Near, n_near: int, last: int, time: float) -> None:
    """Let the better hypothesis hold, and forget those that are decided or over."""
    for j in range(n_near + 1, last):
        t = near.slot[j]
        s = state.twin[t]
        if state.alive[t] == OTHERWISE and is_open(state, s) and state.against[s] > BETTER:
            _exchange(state, s)
        if state.alive[t] == OTHERWISE:
            _close_if_over(state, t, time)


@kernel
def _exchange(state: State, s: int) -> None:
    """Let a track and its rival be what they would be otherwise, and the other way round."""
    b = state.rival[s]
    _swap(state, s, state.twin[s])
    _swap(state, b, state.twin[b])
    state.against[s] = state.against[b] = -state.against[s]


@kernel
def _swap(state: State, s: int, t: int) -> None:
    """Swap what two slots hold, but for what is of a track whatever the hypothesis."""
    kept = (
        state.alive, state.number, state.founded, state.shown, state.column, state.rank, state.company,
        state.met, state.twin, state.rival, state.against, state.open,
    )  # fmt: skip
    _swap_rows(state, s, t)
    _swap_rows(kept, s, t)


@kernel
def _swap_rows(columns: tuple[Array, ...], s: int, t: int) -> None:
    for column in literal_unroll(columns):
        one, other = column[s : s + 1].flat, column[t : t + 1].flat
        for i in range(len(one)):
            one[i], other[i] = other[i], one[i]
