"""Things that met and may have changed names: how they came tells which is which once they have parted.

Pairing is hard, and where two things pass one another it is often wrong. What each was like before is
kept: where it was, how it drove, whether it stood. Once they are by themselves again, each track is
weighed as the going on of each: a thing keeps its pace and mostly its course, and that one stops
just where and when another sets off, driving like it, is less likely than that one has passed the other.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.life.existence import is_alive
from truceline.track.life.hypotheses import close
from truceline.track.state.appearance import change_looks, looks_exchanged, remember_look
from truceline.track.state.history import at
from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import refresh
from truceline.track.state.motion import GO_RATE, STOP_RATE, difference
from truceline.track.state.near import Near, Room
from truceline.track.state.types import WAS, Array, Ground, State

CLOSE_CALL = 3.0  # log odds within which a detection might as well have been another track's
APART_S = 25.0  # a track that could be confused with none for so long is by itself
OVER_S = 300.0  # so long after it was last by itself, a thing has the name that it has
CALM_S = 60.0  # what was beside none for so long and is again has met another
TOGETHER_S, LAST_S = 150.0, 35.0  # two that met began to within so long, and ended within so long
CHANGE = 4.0  # log odds at which two names change places: few of those that meet have changed them
# Of what a track was before it met others:
X, Y, U, V, PLACE2, SPEED2, STOOD, WHEN, PACE, SURE, BESIDE = range(WAS)
VARIES, VARIES_MPS = 0.1, 0.3  # share and speed by which a pace varies within minutes
BENDS = 0.25  # share of its way by which a thing comes off the straight line
BENDS_RAD = 0.5  # rad, by which it changes its course meanwhile
TURNS_OFF, TURN = 0.3, 1.1  # how likely it turns off meanwhile, and how sharply, rad
TURNS_ROUND = 0.02  # how likely it drives back
OTHER_PACE, ANY_MPS = 0.1, 20.0  # how likely it keeps no pace
STROLL_MPS = 8.0  # mean speed of what stood and stands elsewhere
UNLIKE = 1e-12  # per m2, and m/s and rad: of what should not be
NEAR_M2 = 100.0  # m2, what a place in a track may be off besides


@kernel
def note_encounters(state: State, near: Near, room: Room, found: int, time: float) -> None:
    """Note which tracks could have got one another's detections, of ``found`` pairs."""
    tracks, scores = room.track, room.score
    for k in range(found):
        best = room.chosen[room.row[k]]
        if best < 0 or best == k:
            continue
        a, b = near.slot[tracks[k]], near.slot[tracks[best]]
        if not state.shown[a] or not state.shown[b]:
            continue
        if state.column[a] and state.column[a] == state.column[b]:
            continue
        for c in (tracks[k], tracks[best]):
            s = near.slot[c]
            if time - state.was[s, BESIDE] > CALM_S:
                _remember(state, s, at(state, s, max(near.node[c], 0)))
            state.was[s, BESIDE] = max(state.was[s, BESIDE], time)
            if scores[k] > scores[best] - CLOSE_CALL:
                state.met[s] = max(state.met[s], time)


@kernel
def _remember(state: State, s: int, i: int) -> None:
    """Keep what a track is at a node."""
    was, m = state.was[s], 0 if state.mu[s, i, 0] > 0.5 else 1
    for k in range(4):
        was[k] = state.x[s, i, m, k]
    was[PLACE2] = 0.5 * (state.p[s, i, m, 0] + state.p[s, i, m, 2])
    was[SPEED2] = 0.5 * (state.p[s, i, m, 7] + state.p[s, i, m, 9])
    was[STOOD], was[WHEN] = state.mu[s, i, 1], state.time[s, i]
    was[PACE], was[SURE] = state.cruise[s, 0], state.cruise[s, 1]
    remember_look(state, s)


@njit(cache=True, error_model="numpy")
def sort_out(state: State, top: int, ground: Ground, time: float, geodetic: bool) -> None:
    """Let tracks that have met and parted change names where what they were before says so."""
    parted, n = np.empty(top, np.int64), 0
    for s in range(top):
        if state.met[s] == -np.inf or not is_alive(state, s, time) or state.twin[s] >= 0:
            continue
        if time - state.was[s, WHEN] > OVER_S:
            state.met[s] = -np.inf
        elif state.last[s] - max(state.met[s], state.was[s, WHEN]) > APART_S:
            parted[n] = s
            n += 1
    for i in range(n):
        best, partner = CHANGE, -1
        for j in range(n):
            if i != j and _have_met(state, parted[i], parted[j], geodetic):
                gain = _gain(state, ground, parted[i], parted[j], geodetic)
                if gain > best:
                    best, partner = gain, parted[j]
        if partner >= 0:
            change_names(state, parted[i], partner)


@kernel
def _have_met(state: State, a: int, b: int, geodetic: bool) -> bool:
    """Tell whether two tracks may have met one another, and are not of one column."""
    one, other = state.was[a], state.was[b]
    if state.column[a] == state.column[b] != 0 or abs(state.met[a] - state.met[b]) > LAST_S:
        return False
    if abs(one[WHEN] - other[WHEN]) > TOGETHER_S:
        return False
    dx, dy = difference(one[X], one[Y], other[X], other[Y], geodetic)
    reach = 150.0 + 30.0 * (math.hypot(one[U], one[V]) + math.hypot(other[U], other[V]))
    return bool(dx * dx + dy * dy < reach * reach)


@kernel
def _gain(state: State, ground: Ground, a: int, b: int, geodetic: bool) -> float:
    """Log odds that two tracks have each other's names."""
    crossed = _like(state, a, b, geodetic)
    if crossed < 2 * UNLIKE:
        return -np.inf
    crossed *= _like(state, b, a, geodetic)
    crossed /= _like(state, a, a, geodetic) * _like(state, b, b, geodetic)
    return math.log(crossed) + looks_exchanged(state, ground, a, b)


@kernel
def _like(state: State, a: int, b: int, geodetic: bool) -> float:
    """How likely what had one track's name before is what another track shows: per m2, and m/s and rad."""
    was, i = state.was[a], at(state, b, state.nodes[b] - 1)
    dt = max(state.time[b, i] - was[WHEN], 1.0)
    m = 0 if state.mu[b, i, 0] > 0.5 else 1
    x, p = state.x[b, i, m], state.p[b, i, m]
    dx, dy = difference(x[0], x[1], was[X], was[Y], geodetic)
    place2 = was[PLACE2] + 0.5 * (p[0] + p[2]) + NEAR_M2
    stops, goes = 1 - math.exp(-STOP_RATE * dt), 1 - math.exp(-GO_RATE * dt)
    way2 = dx * dx + dy * dy
    if was[STOOD] > 0.5:
        stays = math.exp(-0.5 * way2 / place2) / (2 * math.pi * place2)
        if m == 1:
            spread = (STROLL_MPS * dt) ** 2 + place2
            moved = math.exp(-0.5 * way2 / spread) / (2 * math.pi * spread)
            return float((1 - goes) * stays + goes * stops * moved + UNLIKE)
        fast = math.hypot(x[2], x[3]) * dt
        spread = fast * fast / 6 + place2
        return float(
            goes * math.exp(-0.5 * way2 / spread) / (2 * math.pi * spread * ANY_MPS * 2 * math.pi) + UNLIKE
        )
    speed, speed2 = _pace(was)
    reach = speed * dt
    if way2 > 4 * (reach + 100.0) ** 2 + 16 * place2:
        return UNLIKE
    if m == 1:
        spread = reach * reach / 6 + place2
        return float(stops * math.exp(-0.5 * way2 / spread) / (2 * math.pi * spread) + UNLIKE)
    return (1 - stops) * _drives_on(was, x, p, dx, dy, dt, speed, speed2, place2)


@kernel
def _pace(was: Array) -> tuple[float, float]:
    """How fast something drove before, by what it did last and by its pace before that, and the variance."""
    speed = math.hypot(was[U], was[V])
    if was[SURE] == 0.0:
        return speed, was[SPEED2]
    own, pace = (
        1 / (was[SPEED2] + (0.5 * VARIES * speed) ** 2),
        1 / (1 / was[SURE] + (VARIES * was[PACE]) ** 2),
    )
    return (own * speed + pace * was[PACE]) / (own + pace), 1 / (own + pace)


@kernel
def _drives_on(
    was: Array,
    x: Array,
    p: Array,
    dx: float,
    dy: float,
    dt: float,
    speed: float,
    speed2: float,
    place2: float,
) -> float:
    """How likely what drove before is what drives there later."""
    own = max(math.hypot(was[U], was[V]), 0.1)
    u, v = was[U] / own, was[V] / own
    along, across = u * dx + v * dy - speed * dt, u * dy - v * dx
    varies2 = (VARIES * speed) ** 2 + VARIES_MPS * VARIES_MPS
    along2 = place2 + dt * dt * (speed2 + varies2)
    across2 = place2 + dt * dt * (was[SPEED2] + (BENDS * speed) ** 2)
    on = math.exp(-0.5 * (along * along / along2 + across * across / across2)) / math.sqrt(along2 * across2)
    wide = place2 + 0.5 * (speed * dt) ** 2
    off = math.exp(-0.5 * (dx * dx + dy * dy) / wide) / wide
    place = ((1 - TURNS_OFF) * on + TURNS_OFF * off) / (2 * math.pi)
    after = math.hypot(x[2], x[3])
    s2 = speed2 + varies2 + 0.5 * (p[7] + p[9])
    pace = (1 - OTHER_PACE) * 0.4 * math.exp(-0.5 * (after - speed) ** 2 / s2) / math.sqrt(
        s2
    ) + OTHER_PACE / ANY_MPS
    turn = math.acos(min(max((x[2] * u + x[3] * v) / max(after, 0.1), -1.0), 1.0))
    t2 = BENDS_RAD * BENDS_RAD + (was[SPEED2] / (own * own)) + 0.5 * (p[7] + p[9]) / max(after * after, 0.1)
    bent = (1 - TURNS_OFF) * 0.4 * math.exp(-0.5 * turn * turn / t2) / math.sqrt(t2)
    crossing = TURNS_OFF * 0.4 * math.exp(-0.5 * turn * turn / (TURN * TURN)) / TURN
    course = bent + crossing + TURNS_ROUND / (2 * math.pi)
    return place * pace * course + UNLIKE


@kernel
def change_names(state: State, a: int, b: int) -> None:
    """Let two tracks change names, and all that goes with a name rather than with a place."""
    close(state, a)
    close(state, b)
    state.number[a], state.number[b] = state.number[b], state.number[a]
    state.founded[a], state.founded[b] = state.founded[b], state.founded[a]
    state.used[a], state.used[b] = state.used[b], state.used[a]
    state.fastest[a], state.fastest[b] = state.fastest[b], state.fastest[a]
    for k in range(2):
        state.cruise[a, k], state.cruise[b, k] = state.cruise[b, k], state.cruise[a, k]
    for k in range(WAS):
        state.was[a, k], state.was[b, k] = state.was[b, k], state.was[a, k]
    change_looks(state, a, b)
    refresh(state, a)
    refresh(state, b)
