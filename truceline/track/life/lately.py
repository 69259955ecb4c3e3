"""How tracks were when they were last seen, and when they were last looked for in vain."""

import math

from truceline.track.life.continuity import place
from truceline.track.life.existence import ALIVE
from truceline.track.life.silence import is_still_there
from truceline.track.state.history import last_seen
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import settle
from truceline.track.state.near import Near
from truceline.track.state.types import Array, State


@kernel
def seen_since(state: State, since: float, geodetic: bool, number: Array, out: Array) -> int:
    """Write a row for each track seen at or after a time, as it was when last seen; answer how many.

    ``out`` as in :func:`truceline.track.engine.emit`, but existence says only that the thing exists, however
    vague its place.
    """
    n = 0
    for s in range(len(state.alive)):
        if state.alive[s] == ALIVE and state.last[s] >= since:
            i = last_seen(state, s)
            settle(state.x[s, i], state.p[s, i], state.mu[s, i], geodetic, out[n, 1:8])
            out[n, 3] += state.bias2[s]
            out[n, 4] += state.bias2[s]
            out[n, 0] = state.last[s]
            out[n, 8] = 1 / (1 + math.exp(-state.proven[s]))
            _of_meaning(state, s, out[n])
            number[n] = state.number[s]
            n += 1
    return n


@kernel
def missed_since(
    state: State, since: float, geodetic: bool, near: Near, number: Array, by: Array, out: Array
) -> int:
    """Write a row for each track in force that a look missed at or after a time, not seen since.

    ``out`` as in :func:`truceline.track.engine.emit`, at the time of the newest such look; ``by`` is its
    sensor. Existence says how likely it is still there, see :func:`is_still_there`. The answer is how many
    rows there are.
    """
    n = 0
    for s in range(len(state.alive)):
        if not state.alive[s] or not state.shown[s]:
            continue
        time = state.last[s]
        for m in range(state.missed.shape[1]):
            if state.missed[s, m] > time:
                time, by[n] = state.missed[s, m], m
        if time < since or time == state.last[s]:
            continue
        place(state, s, time, geodetic, near, out[n, 1:8])
        out[n, 0], out[n, 8] = time, is_still_there(state, s)
        _of_meaning(state, s, out[n])
        number[n] = state.number[s]
        n += 1
    return n


@kernel
def _of_meaning(state: State, s: int, row: Array) -> None:
    for c in range(7):
        row[9 + c] = state.shares[s, c]
    row[16], row[17] = state.last[s], state.used[s]
