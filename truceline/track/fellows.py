"""What the others of a convoy say about one: the speed that all keep."""

import math

import numpy as np
from numba import njit

from truceline.track.motion import difference, update
from truceline.track.near import Near
from truceline.track.types import Array

FELLOW_M = 200.0  # things so near to one another that drive one way at one speed are of one convoy
ALIKE_MPS = 6.0
CERTAIN = 20.0  # m2/s2 per axis: a velocity vaguer than that says nothing about others
VAGUE = 3.0  # m2/s2 per axis: a velocity vaguer than that takes on the fellows' course too


@njit(cache=True, error_model="numpy")
def velocities(near: Near, tracks: Array, chosen: Array, z: Array, geodetic: bool) -> Array:
    """Per row the velocity of its track after it, and its variance per axis; infinite: says nothing."""
    out = np.full((len(chosen), 3), np.inf)
    for r in range(len(chosen)):
        if chosen[r] < 0:
            continue
        c = tracks[chosen[r]]
        if near.mu[c, 1] > 0.5:
            continue
        x, p = near.x[c, 0].copy(), near.p[c, 0].copy()
        update(x, p, z[r], geodetic)
        out[r, 0], out[r, 1], out[r, 2] = x[2], x[3], 0.5 * (p[7] + p[9])
    return out


@njit(cache=True, error_model="numpy")
def told_by_fellows(near: Near, tracks: Array, chosen: Array, z: Array, geodetic: bool, out: Array) -> None:
    """Fill in rows as their tracks are to take them in: with the speed that their fellows keep."""
    v = velocities(near, tracks, chosen, z, geodetic)
    for r in range(len(chosen)):
        out[r] = z[r]
        if v[r, 2] == np.inf or not math.isnan(z[r, 7]):
            continue
        total = speed = u = w = 0.0
        for way in (-1, 1):
            o = r + way
            while 0 <= o < len(chosen):
                dx, dy = difference(z[o, 0], z[o, 1], z[r, 0], z[r, 1], geodetic)
                if not geodetic and abs(dx) > FELLOW_M:
                    break
                apart = (v[o, 0] - v[r, 0]) ** 2 + (v[o, 1] - v[r, 1]) ** 2
                near_by = dx * dx + dy * dy < FELLOW_M * FELLOW_M
                if v[o, 2] < CERTAIN and near_by and apart < ALIKE_MPS * ALIKE_MPS + v[r, 2]:
                    total += 1 / v[o, 2]
                    speed += math.sqrt(v[o, 0] ** 2 + v[o, 1] ** 2) / v[o, 2]
                    u += v[o, 0] / v[o, 2]
                    w += v[o, 1] / v[o, 2]
                o += way
        if total > 0:
            if v[r, 2] > VAGUE:
                out[r, 5], out[r, 6] = u / total, w / total
            else:
                k = speed / total / max(math.sqrt(v[r, 0] ** 2 + v[r, 1] ** 2), 0.1)
                out[r, 5], out[r, 6] = k * v[r, 0], k * v[r, 1]
            out[r, 7] = -total / (total + 1 / v[r, 2])
