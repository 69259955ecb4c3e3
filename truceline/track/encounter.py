"""Things that met and may have changed names: what they drove at before tells which is which after.

Pairing is hard, and where two things pass one another it is often wrong. A thing keeps its pace for
hours; so the paces of those that met are kept as they were, and once their tracks have drifted apart
and have been driving for a while, two whose paces fit each other better change names.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.existence import is_alive
from truceline.track.history import at
from truceline.track.kernel import kernel
from truceline.track.meaning import MOST_WANDERING, refresh
from truceline.track.near import Near, Room
from truceline.track.types import State

CLOSE_CALL = 3.0  # log odds within which a detection might as well have been another track's
APART_S = 25.0  # a track that could be confused with none for so long is by itself
OVER_S = 300.0  # so long after they met, things have the names that they have
LEAST_TIMES = 2  # output times that a track must have been driving by itself
KNOWN_PACE = 0.15  # 1 / (m/s)2: a pace less sure than that tells nobody apart
VARIES, VARIES_MPS = 0.12, 0.3  # share and speed by which a pace varies
UNLIKE = 4.5  # a pace that is farther off than three standard deviations is nobody's: it slows down
CHANGE = 2.5  # log odds at which two names change places


@kernel
def note_encounters(state: State, near: Near, room: Room, found: int, time: float) -> None:
    """Note which tracks could nearly as well have got one another's detections, of ``found`` pairs."""
    tracks, scores = room.track, room.score
    for k in range(found):
        best = room.chosen[room.row[k]]
        if best < 0 or best == k or scores[k] < scores[best] - CLOSE_CALL:
            continue
        a, b = near.slot[tracks[k]], near.slot[tracks[best]]
        if not state.shown[a] or not state.shown[b]:
            continue
        circle = min(state.number[a], state.number[b])
        for s in (a, b):
            if state.circle[s] == 0:
                state.was[s, 0], state.was[s, 1] = state.cruise[s, 0], state.cruise[s, 1]
            else:
                circle = min(circle, state.circle[s])
        for s in (a, b):
            state.circle[s], state.met[s] = circle, max(state.met[s], time)
            state.after[s, 0] = state.after[s, 1] = 0.0


@njit(cache=True, error_model="numpy")
def sort_out(state: State, top: int, time: float) -> None:
    """Let tracks that have met and parted change names where their paces say so."""
    parted, n = np.empty(top, np.int64), 0
    for s in range(top):
        if state.circle[s] == 0 or not is_alive(state, s, time):
            continue
        if time - state.met[s] > OVER_S:
            state.circle[s] = 0
            continue
        if time - state.met[s] > APART_S:
            _drove(state, s)
        if state.after[s, 1] >= LEAST_TIMES and state.was[s, 1] > KNOWN_PACE:
            parted[n] = s
            n += 1
    for i in range(n):
        best, partner = CHANGE, -1
        for j in range(n):
            a, b = parted[i], parted[j]
            of_one = state.column[a] == state.column[b] != 0
            if i != j and state.circle[a] == state.circle[b] and not of_one:
                gain = _gain(state, a, b)
                if gain > best:
                    best, partner = gain, b
        if partner >= 0:
            change_names(state, parted[i], partner)


@kernel
def _drove(state: State, s: int) -> None:
    """Take in how fast a track drives by itself."""
    i = at(state, s, state.nodes[s] - 1)
    x, p, after = state.x[s, i, 0], state.p[s, i, 0], state.after[s]
    if state.mu[s, i, 0] > 0.9 and p[7] + p[9] < MOST_WANDERING:
        after[1] += 1
        after[0] += (math.sqrt(x[2] * x[2] + x[3] * x[3]) - after[0]) / after[1]


@kernel
def _off(state: State, a: int, b: int) -> float:
    """How badly the pace of one track fits what another drives at since they met."""
    was = state.was[a, 0]
    variance = (VARIES * was + VARIES_MPS) ** 2 + 1 / state.was[a, 1]
    return float(min(0.5 * (state.after[b, 0] - was) ** 2 / variance, UNLIKE))


@kernel
def _gain(state: State, a: int, b: int) -> float:
    """Log odds that two tracks have each other's names."""
    return float(_off(state, a, a) + _off(state, b, b) - _off(state, a, b) - _off(state, b, a))


@kernel
def change_names(state: State, a: int, b: int) -> None:
    """Let two tracks change names, and all that goes with a name rather than with a place."""
    state.number[a], state.number[b] = state.number[b], state.number[a]
    state.founded[a], state.founded[b] = state.founded[b], state.founded[a]
    state.used[a], state.used[b] = state.used[b], state.used[a]
    state.fastest[a], state.fastest[b] = state.fastest[b], state.fastest[a]
    for k in range(2):
        state.cruise[a, k], state.cruise[b, k] = state.cruise[b, k], state.cruise[a, k]
        state.was[a, k], state.was[b, k] = state.was[b, k], state.was[a, k]
    for c in range(7):
        state.log_p[a, c], state.log_p[b, c] = state.log_p[b, c], state.log_p[a, c]
    refresh(state, a)
    refresh(state, b)
