"""When a track comes into force, and whose continuation it is: identity across gaps."""

import math

import numpy as np
from numba import njit

from truceline.track.associate import likelihood
from truceline.track.existence import is_alive, odds_at
from truceline.track.history import before, first_seen, predicted, reach
from truceline.track.kernel import kernel
from truceline.track.meaning import likeness, refresh
from truceline.track.motion import difference, settle
from truceline.track.near import Near
from truceline.track.types import Array, Ground, State

LEAST_LIKELY = 0.02  # share of the density of things that a continuation must at least be likely by


@njit(cache=True, error_model="numpy")
def come_into_force(
    state: State, top: int, ground: Ground, time: float, geodetic: bool, near: Near, renamed: Array, n: int
) -> int:
    """Mark the tracks that are likely enough to be shown, and find whose continuation they are."""
    out = np.empty(7)
    for s in range(top):
        if state.shown[s] or state.odds[s] < 0 or not is_alive(state, s, time):
            continue
        r = 1 / (1 + math.exp(-odds_at(state, s, time)))
        if r * place(state, s, time, geodetic, near, out) < 0.5:
            continue
        state.shown[s] = 1
        d = rejoin(state, s, top, ground, geodetic, near)
        if d >= 0:
            renamed[n, 0], renamed[n, 1] = state.number[s], state.number[d]
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
def rejoin(state: State, s: int, top: int, ground: Ground, geodetic: bool, near: Near) -> int:
    """Find the track of which a track that comes into force is the continuation; -1: none."""
    z = first_seen(state, s)
    best, chosen = LEAST_LIKELY * ground.density[0], -1
    for d in range(top):
        if not state.alive[d] or not state.shown[d] or d == s or state.last[d] >= state.founded[s]:
            continue
        dx, dy = difference(z[0], z[1], state.box[d, 0], state.box[d, 1], geodetic)
        r = reach(state, d, z[8])
        if dx * dx + dy * dy > r * r:
            continue
        x, p, mu = near.x[0], near.p[0], near.mu[0]
        predicted(state, d, state.nodes[d] - 1, z[8], geodetic, x, p, mu)
        like = 0.0
        for m in range(2):
            like += mu[m] * likelihood(x[m], p[m], z[:8], geodetic) * 1e6
        like *= likeness(state.shares[d], state.shares[s]) / (1 + math.exp(-state.odds[d]))
        if like > best:
            best, chosen = like, d
    return chosen


@kernel
def continue_as(state: State, s: int, d: int) -> None:
    """Let a track be the continuation of another, whose name and meaning it takes."""
    state.number[s] = state.number[d]
    state.used[s] += state.used[d]
    state.fastest[s] = max(state.fastest[s], state.fastest[d])
    for c in range(7):
        state.log_p[s, c] += state.log_p[d, c]
    refresh(state, s)
    state.alive[d] = 0
