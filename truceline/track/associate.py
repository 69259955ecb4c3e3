"""Which detection belongs to which track, and where a sensor has looked."""

import math

import numpy as np
from numba import njit

from truceline.track.motion import difference, take
from truceline.track.types import ANNULUS, NO_SHAPE, Array, State

GATE2 = 13.8  # chi-square, two degrees of freedom: 99.9 in 100 true pairs lie inside
NEW_PER_KM2 = 5e-4  # things that nobody has seen before, per look


@njit(cache=True, error_model="numpy")
def inside(x: float, y: float, shape: int, field: Array) -> bool:
    """Tell whether a place lies in a look's field of regard (contract fusion, LOOKS)."""
    dx, dy = x - field[0], y - field[1]
    if shape == ANNULUS:
        r2 = dx * dx + dy * dy
        return bool(field[2] * field[2] <= r2 <= field[3] * field[3])
    c, s = math.cos(field[4]), math.sin(field[4])
    return bool(abs(dx * c + dy * s) <= field[2] and abs(dy * c - dx * s) <= field[3])


@njit(cache=True, error_model="numpy")
def seen_share(place: Array, shape: int, field: Array) -> float:
    """Tell how much of an uncertain place ``[x, y, sxx, syy, …]`` lies in the field of regard."""
    if shape == NO_SHAPE:
        return 0.0
    sx, sy = math.sqrt(place[2]), math.sqrt(place[3])
    total = 0
    for i in range(5):
        ax = 1.4 * sx * ((i == 1) - (i == 2))
        ay = 1.4 * sy * ((i == 3) - (i == 4))
        total += inside(place[0] + ax, place[1] + ay, shape, field)
    return total / 5


@njit(cache=True, error_model="numpy")
def reaches(state: State, slot: int, dt: float, shape: int, field: Array, z: Array, geodetic: bool) -> bool:
    """Tell cheaply whether a track may have to do with a look or with its first detection."""
    if shape == NO_SHAPE and len(z) > 1:
        return True
    k = state.nodes[slot] - 1
    x, p = state.x[slot, k, 0], state.p[slot, k, 0]
    vx, vy = x[2], x[3]
    reach = (math.sqrt(vx * vx + vy * vy) + 4 * math.sqrt(p[2, 2] + p[3, 3])) * abs(dt)
    reach += 4 * math.sqrt(p[0, 0] + p[1, 1]) + 0.3 * abs(dt) ** 1.5 + 200.0
    if shape == NO_SHAPE:
        dx, dy = difference(z[0, 0], z[0, 1], x[0], x[1], geodetic)
        reach += 4 * math.sqrt(z[0, 2] + z[0, 3])
    else:
        dx, dy = field[0] - x[0], field[1] - x[1]
        reach += field[3] if shape == ANNULUS else field[2] + field[3]
    return bool(dx * dx + dy * dy <= reach * reach)


@njit(cache=True, error_model="numpy")
def square(x: Array, p: Array, z: Array, geodetic: bool) -> float:
    """Squared Mahalanobis distance of a detection from one motion of a track."""
    dx, dy = difference(z[0], z[1], x[0], x[1], geodetic)
    sxx, syy, sxy = p[0, 0] + z[2], p[1, 1] + z[3], p[0, 1] + z[4]
    det = max(sxx * syy - sxy * sxy, 1e-12)
    return float((syy * dx * dx - 2 * sxy * dx * dy + sxx * dy * dy) / det)


@njit(cache=True, error_model="numpy")
def pair_score(
    x: Array, p: Array, mu: Array, z: Array, log_p: Array, class_p: Array, geodetic: bool
) -> float:
    """Log likelihood that a detection is of a track, class included; minus infinity outside the gate."""
    if min(square(x[0], p[0], z, geodetic), square(x[1], p[1], z, geodetic)) > GATE2:
        return -np.inf
    same = 0.0
    for c in range(7):
        same += class_p[c] * math.exp(log_p[c])
    return take(x.copy(), p.copy(), mu.copy(), z, geodetic) + math.log(max(7 * same, 0.05))


@njit(cache=True, error_model="numpy")
def greedy(scores: Array, slots: Array, rows: Array, n_rows: int) -> Array:
    """Pair tracks and detections, the likeliest first; answer per detection its pair's index or -1.

    Equal scores are settled by the order of the pairs, which is that of detections and tracks.
    """
    chosen = np.full(n_rows, -1, np.int64)
    taken = {-1}  # numba needs to see a type
    for k in np.argsort(-scores, kind="mergesort"):
        if chosen[rows[k]] < 0 and slots[k] not in taken:
            chosen[rows[k]] = k
            taken.add(slots[k])
    return chosen
