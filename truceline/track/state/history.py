"""A track's recent past: a ring of nodes, so that late news finds its place and is filtered forward."""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.kernel import inlined, kernel
from truceline.track.state.motion import difference, found, mix, noise, take, weigh
from truceline.track.state.types import UNSEEN, Array, State


@inlined
def at(state: State, s: int, k: int) -> int:
    """Where in the ring the k-th oldest node lies."""
    return int((state.head[s] + k) % state.time.shape[1])


@kernel
def before(state: State, s: int, time: float) -> int:
    """Tell which node, counted from the oldest, is the last at or before a time; -1: none."""
    k = state.nodes[s] - 1
    while k >= 0 and state.time[s, at(state, s, k)] > time:
        k -= 1
    return int(k)


@kernel
def predicted(
    state: State, s: int, k: int, time: float, geodetic: bool, x: Array, p: Array, mu: Array
) -> None:
    """Predict a track from its k-th node (or, for -1, back from the oldest) into ``x, p, mu``."""
    i = at(state, s, max(k, 0))
    for m in range(2):
        mu[m] = state.mu[s, i, m]
        for a in range(4):
            x[m, a] = state.x[s, i, m, a]
        for a in range(10):
            p[m, a] = state.p[s, i, m, a]
    mix(x, p, mu, time - state.time[s, i], geodetic)


@kernel
def _store(state: State, s: int, i: int, x: Array, p: Array, mu: Array) -> None:
    for m in range(2):
        state.mu[s, i, m] = mu[m]
        for a in range(4):
            state.x[s, i, m, a] = x[m, a]
        for a in range(10):
            state.p[s, i, m, a] = p[m, a]


@kernel
def _renode(state: State, s: int, i: int, x: Array, p: Array, mu: Array, geodetic: bool) -> None:
    """Let a node's measurement work on the state predicted for it."""
    z, kind = state.z[s, i], state.kind[s, i]
    if kind == UNSEEN:
        weigh(x, p, mu, z[0], z[1], z[0], geodetic)
    else:
        take(x, p, mu, z, kind, geodetic)
    _store(state, s, i, x, p, mu)


@kernel
def insert(
    state: State,
    s: int,
    k: int,
    time: float,
    z: Array,
    kind: int,
    geodetic: bool,
    x: Array,
    p: Array,
    mu: Array,
) -> None:
    """Put a measurement behind a track's k-th node, and filter forward from there.

    ``x, p, mu`` hold the track as predicted at ``time`` and are overwritten.
    """
    n, room = state.nodes[s], state.time.shape[1]
    if k < 0 and state.shortened[s]:
        return  # older than all that is remembered: it is this track's, and teaches nothing new
    if n == room:
        state.head[s] = (state.head[s] + 1) % room
        state.shortened[s] = 1
        n -= 1
        k -= 1
        if k < 0:
            state.nodes[s] = n
            return
    for j in range(n, k + 1, -1):
        _shift(state, s, at(state, s, j), at(state, s, j - 1))
    i = at(state, s, k + 1)
    state.time[s, i], state.kind[s, i] = time, kind
    for a in range(8):
        state.z[s, i, a] = z[a]
    state.nodes[s] = n + 1
    if k < 0:
        found(x, p, mu, state.z[s, i], kind, geodetic)
        _store(state, s, i, x, p, mu)
    else:
        _renode(state, s, i, x, p, mu, geodetic)
    for j in range(k + 2, n + 1):
        i = at(state, s, j)
        mix(x, p, mu, state.time[s, i] - state.time[s, at(state, s, j - 1)], geodetic)
        _renode(state, s, i, x, p, mu, geodetic)
    frame(state, s, geodetic)


@kernel
def _shift(state: State, s: int, to: int, origin: int) -> None:
    state.time[s, to], state.kind[s, to] = state.time[s, origin], state.kind[s, origin]
    for a in range(8):
        state.z[s, to, a] = state.z[s, origin, a]


@kernel
def silent(
    state: State,
    s: int,
    time: float,
    drives: float,
    stands: float,
    geodetic: bool,
    x: Array,
    p: Array,
    mu: Array,
) -> None:
    """Note at the end of a history that a look did not show the track.

    ``drives`` and ``stands`` are the log likelihoods of that; ``x, p, mu`` the track as predicted at
    ``time``, overwritten. Silences in a row share one node.
    """
    last = at(state, s, state.nodes[s] - 1)
    weigh(x, p, mu, drives, stands, drives, geodetic)
    if state.kind[s, last] == UNSEEN:
        state.time[s, last] = time
        state.z[s, last, 0] += drives
        state.z[s, last, 1] += stands
        _store(state, s, last, x, p, mu)
        frame(state, s, geodetic)
        return
    n, room = state.nodes[s], state.time.shape[1]
    if n == room:
        state.head[s] = (state.head[s] + 1) % room
        state.shortened[s] = 1
        n -= 1
    i = at(state, s, n)
    state.nodes[s] = n + 1
    state.time[s, i], state.kind[s, i] = time, UNSEEN
    state.z[s, i, 0], state.z[s, i, 1] = drives, stands
    _store(state, s, i, x, p, mu)
    frame(state, s, geodetic)


@kernel
def frame(state: State, s: int, geodetic: bool) -> None:
    """Note roughly where to look for a track, see :func:`reach`."""
    i = at(state, s, state.nodes[s] - 1)
    x, p, box = state.x[s, i], state.p[s, i], state.box[s]
    dx, dy = difference(x[0, 0], x[0, 1], x[1, 0], x[1, 1], geodetic)
    box[0], box[1] = x[0, 0], x[0, 1]
    speed = math.sqrt(x[0, 2] ** 2 + x[0, 3] ** 2)
    # what stands may set off at START_VARIANCE
    box[2] = speed + 4 * math.sqrt(p[0, 7] + p[0, 9]) + 20.0 * state.mu[s, i, 1]
    box[3] = 4 * math.sqrt(noise(speed) / 3)
    box[4] = 4 * math.sqrt(max(p[0, 0] + p[0, 2], p[1, 0] + p[1, 2])) + math.sqrt(dx * dx + dy * dy)
    box[5] = state.time[s, i]


@inlined
def reach(state: State, s: int, time: float) -> float:
    """Metres around ``box[:2]`` within which a track is at a time, almost surely."""
    dt = abs(time - state.box[s, 5])
    return float(state.box[s, 4] + state.box[s, 2] * dt + state.box[s, 3] * dt * math.sqrt(dt))


@kernel
def last_seen(state: State, s: int) -> int:
    """Where in the ring a track's newest detection lies."""
    for k in range(state.nodes[s] - 1, -1, -1):
        if state.kind[s, at(state, s, k)] != UNSEEN:
            return at(state, s, k)
    return at(state, s, 0)


@njit(cache=True, error_model="numpy")
def first_seen(state: State, s: int) -> Array:
    """The oldest measurement in memory, as a row of detections (z)."""
    for k in range(state.nodes[s]):
        i = at(state, s, k)
        if state.kind[s, i] != UNSEEN:
            return np.append(state.z[s, i], state.time[s, i])
    return np.full(9, np.nan)
