"""Who drives in a column takes the way of those ahead: a bend that they have passed is no surprise."""

import math

from truceline.track.state.history import at
from truceline.track.state.kernel import folded, kernel
from truceline.track.state.motion import difference, scale
from truceline.track.state.near import Near
from truceline.track.state.types import Array, State

SLOWEST_MPS = 2.0
NEAREST_M, FARTHEST_M = 10.0, 300.0  # from one of a column to the next, for a way to be seen in it
BENDS_M = 15.0  # where the way ahead would lead hardly elsewhere, a track keeps its own course
CERTAIN, VAGUE = 10.0, 40.0  # m2/s2, both axes: a velocity that tells the pace, one that does not
KEEPS_MPS, STRAIGHT = 2.0, 0.3  # how far one is off the pace; rad, off the way
STALE_S = 1.0  # a place older than one's own may lie behind
SHARPEST = -0.5  # cosine of the sharpest bend


@folded
def follow_the_leaders(
    state: State, near: Near, n_near: int, time: float, geodetic: bool, line: Array
) -> None:
    """Expect, in ``near``, what drives in a column on the way that those ahead have driven.

    ``line`` is room for whole numbers, one per track and more.
    """
    n = _line_up(state, near, n_near, line)
    for begin in range(n):
        column, end = state.column[near.slot[line[begin]]], begin + 1
        if begin > 0 and state.column[near.slot[line[begin - 1]]] == column:
            continue
        while end < n and state.column[near.slot[line[end]]] == column:
            end += 1
        if end > begin + 1:
            pace = _pace(near, line, begin, end)
            for k in range(begin, end):
                _follow(state, near, line, begin, k, end, pace, time, geodetic)


@kernel
def _pace(near: Near, line: Array, begin: int, end: int) -> float:
    """Speed that a column keeps, by those whose speed is known; 0: nobody's is."""
    total, weight = 0.0, 0.0
    for k in range(begin, end):
        x, spread = near.x[line[k], 0], near.p[line[k], 0, 7] + near.p[line[k], 0, 9]
        if spread < CERTAIN:
            total += math.hypot(x[2], x[3]) / spread
            weight += 1 / spread
    return total / max(weight, 1e-9)


@kernel
def _line_up(state: State, near: Near, n_near: int, line: Array) -> int:
    """Line up what drives in columns, column by column, each from its head; answer how many."""
    n = 0
    for c in range(n_near):
        s = near.slot[c]
        if state.column[s] == 0 or near.node[c] != state.nodes[s] - 1 or near.mu[c, 1] > 0.5:
            continue
        k = n
        while k > 0 and _behind(state, near.slot[line[k - 1]], s):
            line[k] = line[k - 1]
            k -= 1
        line[k] = c
        n += 1
    return n


@kernel
def _behind(state: State, a: int, b: int) -> bool:
    if state.column[a] != state.column[b]:
        return bool(state.column[a] > state.column[b])
    return bool(state.rank[a] > state.rank[b])


@kernel
def _follow(
    state: State, near: Near, line: Array, begin: int, i: int, end: int, pace: float, time: float,
    geodetic: bool,
) -> None:  # fmt: skip
    """Move the i-th of a line along the way of those before it, from the head of its column on.

    One that has just turned, its velocity vague, drives as fast as the others, the head on from where
    the next behind it is.
    """
    c = line[i]
    s = near.slot[c]
    node = at(state, s, state.nodes[s] - 1)
    here, dt = state.x[s, node, 0], time - state.time[s, node]
    vague = pace > 0 and near.p[c, 0, 7] + near.p[c, 0, 9] > VAGUE
    speed = pace if vague else math.hypot(near.x[c, 0, 2], near.x[c, 0, 3])
    left = speed * dt
    if speed < SLOWEST_MPS or left < BENDS_M:
        return
    x, y, u, v = 0.0, 0.0, 0.0, 0.0  # metres from here, and the way's direction
    if not vague:
        u, v = near.x[c, 0, 2] / speed, near.x[c, 0, 3] / speed
    ahead = c
    for k in range(i - 1, begin - 1, -1):
        s = near.slot[line[k]]
        j = at(state, s, state.nodes[s] - 1)
        if state.time[s, j] < state.time[near.slot[c], node] - STALE_S:
            continue
        there = state.x[s, j, 0]
        dx, dy = difference(there[0], there[1], here[0], here[1], geodetic)
        dx, dy = dx - x, dy - y
        length = math.hypot(dx, dy)
        if length > FARTHEST_M:
            return
        if length < NEAREST_M or (u * dx + v * dy) / length < SHARPEST:
            continue
        u, v = dx / length, dy / length
        step = min(left, length)
        x, y, left, ahead = x + step * u, y + step * v, left - step, line[k]
        if left <= 0:
            break
    if left > 0:
        own = pace == 0 or near.p[ahead, 0, 7] + near.p[ahead, 0, 9] < VAGUE
        if own or (ahead == c and i + 1 < end):
            u, v = _onward(state, near, ahead, -1 if own else line[i + 1], geodetic)
        if u == 0 and v == 0:
            return
        x, y = x + left * u, y + left * v
    if vague:
        _place(state.p[near.slot[c], node, 0], near, c, here, x, y, u, v, speed, dt, geodetic)
    else:
        _put(near.x[c, 0], near.p[c, 0], here, x, y, u, v, speed, geodetic)


@kernel
def _onward(state: State, near: Near, c: int, behind: int, geodetic: bool) -> tuple[float, float]:
    """Tell which way a track drives on: its own, or from one behind it on; (0, 0): it cannot be told."""
    if behind < 0:
        u, v = near.x[c, 0, 2], near.x[c, 0, 3]
        fast = math.hypot(u, v)
        return (u / fast, v / fast) if fast > SLOWEST_MPS else (0.0, 0.0)
    s = near.slot[c]
    here = state.x[s, at(state, s, state.nodes[s] - 1), 0]
    s = near.slot[behind]
    there = state.x[s, at(state, s, state.nodes[s] - 1), 0]
    dx, dy = difference(here[0], here[1], there[0], there[1], geodetic)
    length = math.hypot(dx, dy)
    return (dx / length, dy / length) if NEAREST_M < length < FARTHEST_M else (0.0, 0.0)


@kernel
def _place(
    was: Array, near: Near, c: int, here: Array, x: float, y: float, u: float, v: float, speed: float,
    dt: float, geodetic: bool,
) -> None:  # fmt: skip
    """Expect a track of vague velocity where its column's speed and way take it."""
    state, p = near.x[c, 0], near.p[c, 0]
    mx, my = scale(here[1], geodetic)
    state[0], state[1], state[2], state[3] = here[0] + x / mx, here[1] + y / my, speed * u, speed * v
    along, across = KEEPS_MPS * KEEPS_MPS, (STRAIGHT * speed) ** 2
    uu, uv, vv = along * u * u + across * v * v, (along - across) * u * v, along * v * v + across * u * u
    p[0], p[1], p[2] = was[0] + dt * dt * uu, was[1] + dt * dt * uv, was[2] + dt * dt * vv
    p[3], p[4], p[5], p[6] = dt * uu, dt * uv, dt * uv, dt * vv
    p[7], p[8], p[9] = uu, uv, vv


@kernel
def _put(
    state: Array, p: Array, here: Array, x: float, y: float, u: float, v: float, speed: float, geodetic: bool
) -> None:
    """Turn a predicted state, with its covariance, to where the way leads."""
    mx, my = scale(here[1], geodetic)
    px, py = here[0] + x / mx, here[1] + y / my
    dx, dy = difference(px, py, state[0], state[1], geodetic)
    c = (state[2] * u + state[3] * v) / speed
    if dx * dx + dy * dy < BENDS_M * BENDS_M or c < SHARPEST:
        return
    s = (state[2] * v - state[3] * u) / speed
    state[0], state[1], state[2], state[3] = px, py, speed * u, speed * v
    xx, xy, yy, xu, xv, yu, yv, uu, uv, vv = p
    p[0] = c * c * xx - 2 * c * s * xy + s * s * yy
    p[1] = c * s * (xx - yy) + (c * c - s * s) * xy
    p[2] = s * s * xx + 2 * c * s * xy + c * c * yy
    p[3] = c * c * xu - c * s * (xv + yu) + s * s * yv
    p[4] = c * s * (xu - yv) + c * c * xv - s * s * yu
    p[5] = c * s * (xu - yv) + c * c * yu - s * s * xv
    p[6] = s * s * xu + c * s * (xv + yu) + c * c * yv
    p[7] = c * c * uu - 2 * c * s * uv + s * s * vv
    p[8] = c * s * (uu - vv) + (c * c - s * s) * uv
    p[9] = s * s * uu + 2 * c * s * uv + c * c * vv
