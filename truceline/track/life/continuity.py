"""When a track comes into force, and whose continuation it is: identity across gaps.

A thing that was missed where it was expected has turned, stopped or set off, and a thing that appears
where things are watched has not come from nowhere. Each track whose name is still open is weighed
against every lost one as its continuation, and against a thing that nobody had seen.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.life.encounter import BESIDE
from truceline.track.life.existence import LOST, exists_at, is_alive
from truceline.track.life.hypotheses import close, close_old
from truceline.track.life.lost import AWAY, SETS_OFF, Lost, away2, farthest2, find_lost, may_be, pace_of
from truceline.track.life.resemblance import drives, is_mostly, resembles
from truceline.track.pairing.associate import likelihood
from truceline.track.state.appearance import look_as_one, looks_the_same
from truceline.track.state.history import at, before, first_seen, last_seen, predicted
from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import AIRCRAFT, refresh
from truceline.track.state.motion import difference, scale, settle
from truceline.track.state.near import Near
from truceline.track.state.types import WAS, Array, Ground, State

OPEN_S = 150.0  # so long after its first detection a track may turn out to continue another
EARLY, EARLY_S = 0.8, 75.0  # how likely it must be while speed and class are hardly known, and how long
MISSING = 0.3  # how likely a track must be elsewhere than expected to be looked for elsewhere
STRAYS_S = 200.0  # what nobody looks at is elsewhere than expected after that
NEVER_SEEN = 0.5  # share of the unseen things that are not lost ones
FOUND_S = 20.0  # what is elsewhere is found after that, where things are watched
FLIES_ON, FLIGHT_M = 0.95, 100.0  # share of its way that an aircraft is ahead, and how exactly at least
STRAYS, STRAYS_MORE = 0.1, 0.02  # share of its way by which it comes off it, more with the root of seconds
COURSE = 1.5  # how much a thing that appears drives away from where it comes, von Mises


@njit(cache=True, error_model="numpy")
def come_into_force(
    state: State, top: int, ground: Ground, time: float, geodetic: bool, near: Near, renamed: Array, n: int
) -> int:
    """Mark the tracks that are likely enough to be shown, and find whose continuation they are.

    That is noted in ``renamed``, with 0, or with -1 where a track had been shown under a name of its own.
    """
    close_old(state, top, time)
    out = np.empty(7)
    came = np.zeros(top, np.bool_)
    for s in range(top):
        if state.shown[s] or state.odds[s] < 0 or not is_alive(state, s, time):
            continue
        r = exists_at(state, s, time)
        if r * place(state, s, time, geodetic, near, out) >= 0.5:
            state.shown[s] = came[s] = 1
    likely, of = np.zeros(top), np.full(top, -1)
    lost, could = find_lost(state, top, time, geodetic), np.empty(top, np.int64)
    for s in range(top):
        if state.shown[s] and is_alive(state, s, time) and time - state.founded[s] < OPEN_S:
            likely[s], of[s] = rejoin(state, s, lost, could, ground, time, geodetic, near)
    for s in range(top):
        d = of[s]
        if d < 0:
            continue
        for other in range(top):
            if of[other] == d and (likely[other], state.number[s]) > (likely[s], state.number[other]):
                d = -1
                break
        if d >= 0:
            renamed[n, 0], renamed[n, 1] = state.number[s], state.number[d]
            renamed[n, 2] = 0 if came[s] else -1
            n += 1
            continue_as(state, s, d)
    return n


@kernel
def place(state: State, s: int, time: float, geodetic: bool, near: Near, out: Array) -> float:
    """Fill in where a track is at a time; answer how much of it is about there."""
    x, p, mu = near.x[0], near.p[0], near.mu[0]
    predicted(state, s, before(state, s, time), time, geodetic, x, p, mu)
    about = settle(x, p, mu, geodetic, out)
    out[2] += state.bias2[s]
    out[3] += state.bias2[s]
    return about


@njit(cache=True, error_model="numpy")
def rejoin(
    state: State, s: int, lost: Lost, could: Array, ground: Ground, time: float, geodetic: bool, near: Near
) -> tuple[float, int]:
    """Find the track of which another is most likely the continuation, and how much so; -1: none.

    ``could`` is room for as many whole numbers as there are slots.
    """
    z = first_seen(state, s)
    total, best, chosen = max(NEVER_SEEN * state.fresh[s], 1e-6), 0.0, -1
    for d in could[: may_be(state, lost, s, z, geodetic, could)]:
        like = continues(state, d, s, z, ground, time, geodetic, near)
        total += like
        if like > best:
            best, chosen = like, d
    enough = EARLY if time - state.founded[s] < EARLY_S else 0.5
    return (best / state.fresh[s], chosen) if best > enough * total else (0.0, -1)


@kernel
def continues(
    state: State, d: int, s: int, z: Array, ground: Ground, time: float, geodetic: bool, near: Near
) -> float:
    """Likelihood per km2 that a lost track appears where another was founded (z), driving as that does."""
    k = before(state, d, z[8])
    i, j = last_seen(state, d), at(state, s, state.nodes[s] - 1)
    x0 = state.x[d, i, 0] if state.mu[d, i, 0] > 0.5 else state.x[d, i, 1]
    dt = max(z[8] - state.last[d], 0.0)
    pace = pace_of(state, d, i)
    dx, dy = difference(z[0], z[1], x0[0], x0[1], geodetic)
    spread = away2(pace, dt)
    if k < 0 or dx * dx + dy * dy > farthest2(pace, dt):
        return 0.0
    r = 0.0
    if state.alive[d] != LOST:
        r = exists_at(state, d, time)
    x, p, mu = near.x[0], near.p[0], near.mu[0]
    predicted(state, d, k, z[8], geodetic, x, p, mu)
    p[1, 0] += SETS_OFF
    p[1, 2] += SETS_OFF
    like = 0.0
    for m in range(3):
        like += r * mu[m] * likelihood(x[m], p[m], z[:8], geodetic) * 1e6
    missing = 1 - r * math.exp(-dt / STRAYS_S)
    if missing > MISSING:
        ahead = 0.4 * dt
        if is_mostly(state, ground, d, AIRCRAFT):  # it stops nowhere, and turns gently
            ahead = FLIES_ON * dt
            spread = (pace * dt * min(AWAY, STRAYS + STRAYS_MORE * math.sqrt(dt))) ** 2 + FLIGHT_M * FLIGHT_M
        mx, my = scale(x0[1], geodetic)
        x[0, 0], x[0, 1] = x0[0] + ahead * x0[2] / mx, x0[1] + ahead * x0[3] / my
        p[0, 0] = p[0, 2] = spread
        p[0, 1] = 0.0
        # what was elsewhere all the time was as hard to see here as what nobody had seen at all
        hidden = max(math.exp(-dt / FOUND_S), min(state.fresh[s] / ground.density[0], 1.0))
        x[0, 2] = x[0, 3] = 0.0
        p[0, 7] = p[0, 9] = 0.5 * pace * pace
        like += missing * hidden * likelihood(x[0], p[0], z[:8], geodetic) * 1e6
    if like > 0.0:
        like *= resembles(state, ground, d, i, s, j)
        like *= math.exp(looks_the_same(state, ground, d, s))
        if drives(state, s, j):
            like *= _heads_away(state, s, j, dx, dy)
    return like


@kernel
def _heads_away(state: State, s: int, j: int, dx: float, dy: float) -> float:
    """How much likelier a track's course is for one that comes from (dx, dy) back than for any."""
    u, v = state.x[s, j, 0, 2], state.x[s, j, 0, 3]
    speed, way = math.sqrt(u * u + v * v), math.sqrt(dx * dx + dy * dy)
    if way <= 100.0 or speed <= 1.0:
        return 1.0
    return math.exp(COURSE * (u * dx + v * dy) / (way * speed)) / 1.6467  # I0(COURSE)


@kernel
def continue_as(state: State, s: int, d: int) -> None:
    """Let a track be the continuation of another, whose name and meaning it takes."""
    close(state, s)
    close(state, d)
    state.number[s], state.column[s], state.rank[s] = state.number[d], state.column[d], state.rank[d]
    state.founded[s] = state.founded[d]
    state.used[s] += state.used[d]
    state.fastest[s] = max(state.fastest[s], state.fastest[d])
    if state.cruise[d, 1] > state.cruise[s, 1]:
        for k in range(2):
            state.cruise[s, k] = state.cruise[d, k]
    if state.was[d, BESIDE] > -np.inf:
        state.met[s] = max(state.met[s], state.met[d])
        for k in range(WAS):
            state.was[s, k] = state.was[d, k]
    look_as_one(state, s, d)
    for m in range(state.shows.shape[1]):
        state.shows[s, m] = max(state.shows[s, m], state.shows[d, m])
    refresh(state, s)
    state.alive[d] = 0
