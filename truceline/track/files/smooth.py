"""Look back: every row of a track rests on all its detections (Rauch, Tung, Striebel, AIAA J. 3, 1965).

A thing that is seen twice at one place with a pause between stood there; one that is not where its
course would have taken it has turned. Where the detections around lie further off than they should, the
covariance is widened by as much (the innovations' mean, Mehra, IEEE TAC 17, 1972).
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import (
    COLUMN,
    CREEP,
    DRIVE,
    FIRST_VARIANCE,
    ROW,
    START_VARIANCE,
    predict,
    update,
    update_velocity,
)
from truceline.track.state.types import Array

PAUSE_S = 40.0  # a shorter silence says nothing about standing
SAME_PLACE2 = 9.0  # chi-square, two degrees of freedom: 99 in 100
TURNED2 = 9.0
AROUND, ENOUGH, ODDEST = (
    6,
    4,
    12.0,
)  # detections before and after; a larger distance is a turn or a wrong detection
TURNED_NOISE = 6.0  # m2/s3, density of the acceleration of what turns


@njit(cache=True, error_model="numpy", nogil=True)
def smooth_track(time: Array, z: Array, grid: Array) -> Array:
    """Filter a track forward over detections and output times, then backward.

    Parameters
    ----------
    time, z
        The track's detections in order of time: (n,) seconds and (n, 8).
    grid
        Output times, ascending.

    Returns
    -------
    array
        (len(grid), 7): x, y, sxx, syy, sxy, vx, vy; metres.
    """
    times = np.concatenate((time, grid))
    order = np.argsort(times, kind="mergesort")
    n = len(order)
    x, p = np.zeros((n, 4)), np.zeros((n, 10))
    px, pp, odd = np.zeros((n, 4)), np.zeros((n, 10)), np.ones(len(time))
    _forward(times, order, time, z, x, p, px, pp, odd)
    seen = len(time)
    out = np.zeros((len(grid), 7))
    for k in range(n - 1, -1, -1):
        if k < n - 1:
            _back(x, p, px, pp, k, times[order[k + 1]] - times[order[k]])
        if order[k] < len(time):
            seen -= 1
        else:
            g = order[k] - len(time)
            wrong = _oddness(odd, seen)
            out[g, 0], out[g, 1], out[g, 5], out[g, 6] = x[k, 0], x[k, 1], x[k, 2], x[k, 3]
            out[g, 2], out[g, 3], out[g, 4] = wrong * p[k, 0], wrong * p[k, 2], wrong * p[k, 1]
    return out


@kernel
def _oddness(odd: Array, seen: int) -> float:
    """By how much to widen what lies before the ``seen``-th detection; the first one tells nothing."""
    first, last = max(seen - AROUND, 1), min(seen + AROUND, len(odd))
    total = 0.0
    for k in range(first, last):
        total += odd[k]
    return max(total / (last - first), 1.0) if last - first >= ENOUGH else 1.0


@njit(cache=True, error_model="numpy", nogil=True)
def _forward(
    times: Array, order: Array, time: Array, z: Array, x: Array, p: Array, px: Array, pp: Array, odd: Array
) -> None:
    """Filter forward; fill in states (x, p), what was expected of them (px, pp) and how odd detections were.

    ``odd``: half its squared Mahalanobis distance, 1 where all is as it should be.
    """
    x[0, 0], x[0, 1] = z[0, 0], z[0, 1]
    p[0, 0] = p[0, 2] = 1e6
    p[0, 7] = p[0, 9] = FIRST_VARIANCE
    stood, since = False, time[0]
    for k in range(len(order)):
        i = order[k]
        if k > 0:
            dt = times[i] - times[order[k - 1]]
            x[k], p[k] = x[k - 1], p[k - 1]
            if stood:
                p[k, 0] += CREEP * dt
                p[k, 2] += CREEP * dt
            predict(x[k], p[k], DRIVE, dt, False)
            if i < len(time) and stood:
                p[k, 7] += START_VARIANCE
                p[k, 9] += START_VARIANCE
            elif i < len(time):
                odd[i] = min(far(x[k], p[k], z[i]), ODDEST) / 2
                if odd[i] > TURNED2 / 2:
                    turn(p[k], time[i] - since)
        px[k], pp[k] = x[k], p[k]
        if i < len(time):
            update(x[k], p[k], z[i], False)
            if not math.isnan(z[i, 7]):
                update_velocity(x[k], p[k], z[i], False)
            stood = i + 1 < len(time) and stands(time, z, i)
            since = time[i]
            if stood:
                still = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1e-4])
                update_velocity(x[k], p[k], still, False)
                x[k, 2] = x[k, 3] = 0.0


@kernel
def stands(time: Array, z: Array, i: int) -> bool:
    """Tell whether a thing stood between its i-th detection and the next."""
    if time[i + 1] - time[i] < PAUSE_S:
        return False
    dx, dy = z[i + 1, 0] - z[i, 0], z[i + 1, 1] - z[i, 1]
    spread = z[i, 2] + z[i, 3] + z[i + 1, 2] + z[i + 1, 3]
    return bool(2 * (dx * dx + dy * dy) < SAME_PLACE2 * spread)


@kernel
def far(x: Array, p: Array, z: Array) -> float:
    """Squared Mahalanobis distance of a detection from a state."""
    dx, dy = z[0] - x[0], z[1] - x[1]
    sxx, syy, sxy = p[0] + z[2], p[2] + z[3], p[1] + z[4]
    return float((syy * dx * dx - 2 * sxy * dx * dy + sxx * dy * dy) / max(sxx * syy - sxy * sxy, 1e-12))


@kernel
def turn(p: Array, dt: float) -> None:
    """Loosen a predicted covariance as if the acceleration had been that of a turn."""
    place, cross, speed = TURNED_NOISE * dt**3 / 3, TURNED_NOISE * dt * dt / 2, TURNED_NOISE * dt
    p[0] += place
    p[2] += place
    p[3] += cross
    p[6] += cross
    p[7] += speed
    p[9] += speed


@njit(cache=True, error_model="numpy", nogil=True)
def _full(p: Array) -> Array:
    square = np.empty((4, 4))
    for k in range(10):
        square[ROW[k], COLUMN[k]] = square[COLUMN[k], ROW[k]] = p[k]
    return square


@njit(cache=True, error_model="numpy", nogil=True)
def _back(x: Array, p: Array, px: Array, pp: Array, k: int, dt: float) -> None:
    forward = np.eye(4)
    forward[0, 2] = forward[1, 3] = dt
    behind, ahead, expected = _full(p[k]), _full(p[k + 1]), _full(pp[k + 1])
    gain = behind @ forward.T @ np.linalg.inv(expected)
    x[k] += gain @ (x[k + 1] - px[k + 1])
    behind += gain @ (ahead - expected) @ gain.T
    for j in range(10):
        p[k, j] = 0.5 * (behind[ROW[j], COLUMN[j]] + behind[COLUMN[j], ROW[j]])
