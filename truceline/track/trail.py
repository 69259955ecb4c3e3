"""Who drives in a column takes the way of those ahead: a bend that they have passed is no surprise."""

import math

from truceline.track.history import at
from truceline.track.kernel import kernel
from truceline.track.motion import difference, scale
from truceline.track.near import Near
from truceline.track.types import Array, State

SLOWEST_MPS = 2.0
NEAREST_M, FARTHEST_M = 10.0, 300.0  # from one of a column to the next, for a way to be seen in it
BENDS_M = 15.0  # where the way ahead would lead hardly elsewhere, a track keeps its own course
SHARPEST = -0.5  # cosine of the sharpest bend


@kernel
def follow_the_leaders(
    state: State, near: Near, n_near: int, time: float, geodetic: bool, line: Array
) -> None:
    """Expect, in ``near``, what drives in a column on the way that those ahead have driven.

    ``line`` is room for whole numbers, one per track and more.
    """
    begin, n = 0, _line_up(state, near, n_near, line)
    for i in range(1, n):
        if state.column[near.slot[line[i]]] != state.column[near.slot[line[i - 1]]]:
            begin = i
        if i > begin:
            _follow(state, near, line, begin, i, time, geodetic)


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
def _follow(state: State, near: Near, line: Array, begin: int, i: int, time: float, geodetic: bool) -> None:
    """Move the i-th of a line along the way of those before it, from the head of its column on."""
    c = line[i]
    s = near.slot[c]
    here = state.x[s, at(state, s, state.nodes[s] - 1), 0]
    speed = math.hypot(near.x[c, 0, 2], near.x[c, 0, 3])
    left = speed * (time - state.time[s, at(state, s, state.nodes[s] - 1)])
    if speed < SLOWEST_MPS or left < BENDS_M:
        return
    x, y, u, v = 0.0, 0.0, 0.0, 0.0  # metres from here, and the way's direction
    for k in range(i - 1, begin - 1, -1):
        s = near.slot[line[k]]
        there = state.x[s, at(state, s, state.nodes[s] - 1), 0]
        dx, dy = difference(there[0], there[1], here[0], here[1], geodetic)
        dx, dy = dx - x, dy - y
        length = math.hypot(dx, dy)
        if length > FARTHEST_M:
            return
        if length < NEAREST_M or (u * dx + v * dy) / length < SHARPEST:
            continue
        u, v = dx / length, dy / length
        step = min(left, length)
        x, y, left = x + step * u, y + step * v, left - step
        if left <= 0:
            break
    if left > 0:
        fast = math.hypot(there[2], there[3])
        if fast < SLOWEST_MPS:
            return
        u, v = there[2] / fast, there[3] / fast
        x, y = x + left * u, y + left * v
    _put(near.x[c, 0], near.p[c, 0], here, x, y, u, v, speed, geodetic)


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
