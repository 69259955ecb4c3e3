"""Look back: every row of a track rests on all its detections (Rauch, Tung, Striebel, AIAA J. 3, 1965)."""

import numpy as np
from numba import njit

from truceline.track.motion import DRIVE, predict, update, update_velocity
from truceline.track.types import Array


@njit(cache=True, error_model="numpy", nogil=True)
def smooth_track(time: Array, z: Array, grid: Array) -> Array:
    """Filter a track forward over detections and output times, then backward.

    Parameters
    ----------
    time, z
        The track's detections in order of time: (n,) seconds and (n, 9).
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
    x, p = np.zeros((n, 4)), np.zeros((n, 4, 4))
    px, pp = np.zeros((n, 4)), np.zeros((n, 4, 4))
    x[0, 0], x[0, 1] = z[0, 0], z[0, 1]
    p[0, 0, 0] = p[0, 1, 1] = 1e8
    p[0, 2, 2] = p[0, 3, 3] = 150.0
    for k in range(n):
        if k > 0:
            x[k], p[k] = x[k - 1], p[k - 1]
            predict(x[k], p[k], DRIVE, times[order[k]] - times[order[k - 1]], False)
        px[k], pp[k] = x[k], p[k]
        if order[k] < len(time):
            row = z[order[k]]
            update(x[k], p[k], row, False)
            if not np.isnan(row[7]):
                update_velocity(x[k], p[k], row, False)
    out = np.zeros((len(grid), 7))
    for k in range(n - 1, -1, -1):
        if k < n - 1:
            _back(x, p, px, pp, k, times[order[k + 1]] - times[order[k]])
        if order[k] >= len(time):
            g = order[k] - len(time)
            out[g, 0], out[g, 1], out[g, 5], out[g, 6] = x[k, 0], x[k, 1], x[k, 2], x[k, 3]
            out[g, 2], out[g, 3], out[g, 4] = p[k, 0, 0], p[k, 1, 1], p[k, 0, 1]
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def _back(x: Array, p: Array, px: Array, pp: Array, k: int, dt: float) -> None:
    if dt < 1e-6:
        x[k], p[k] = x[k + 1], p[k + 1]
        return
    forward = np.eye(4)
    forward[0, 2] = forward[1, 3] = dt
    gain = p[k] @ forward.T @ np.linalg.inv(pp[k + 1])
    x[k] += gain @ (x[k + 1] - px[k + 1])
    p[k] += gain @ (p[k + 1] - pp[k + 1]) @ gain.T
    p[k] = 0.5 * (p[k] + p[k].T)
