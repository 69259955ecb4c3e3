"""How a thing moves: two motions side by side, drive and stand, mixed by how likely each is.

States are ``[x, y, vx, vy]``; ``x, y`` in *units* of the plane (metres, or degrees of longitude and
latitude), all covariances and velocities in metres and metres per second. ``scale`` turns units
into metres at a place. Filter: Blom and Bar-Shalom, IEEE TAC 33(8), 1988 (interacting multiple
models); update: Bar-Shalom, Li, Kirubarajan, *Estimation with Applications*, 2001, table 5.2.4-1.
"""

import math

import numpy as np
from numba import njit

from truceline.track.types import Array

DRIVE, STAND = 0, 1
STOP_RATE, GO_RATE = 1 / 900, 1 / 700  # per second: stops and drives of the order of a quarter of an hour
NOISE = 0.2  # m2/s3, density of the white acceleration of a driving thing
CREEP = 0.02  # m2/s, how a standing thing's position loosens
START_VARIANCE = 25.0  # m2/s2 per axis: a standing thing sets off in any direction
FIRST_VARIANCE = 150.0  # m2/s2 per axis: velocity of a thing seen once
EQUATOR_M = 6_378_137.0  # WGS 84
FLATNESS = 6.694379990141316e-3  # first eccentricity squared, WGS 84


@njit(cache=True, error_model="numpy")
def scale(y: float, geodetic: bool) -> tuple[float, float]:
    """Tell how many metres one unit of x and of y is at ``y`` (radii of curvature of WGS 84)."""
    if not geodetic:
        return 1.0, 1.0
    rad = math.pi / 180.0
    w = 1.0 - FLATNESS * math.sin(y * rad) ** 2
    return (
        EQUATOR_M / math.sqrt(w) * max(math.cos(y * rad), 1e-6) * rad,
        EQUATOR_M * (1.0 - FLATNESS) / (w * math.sqrt(w)) * rad,
    )


@njit(cache=True, error_model="numpy")
def difference(ax: float, ay: float, bx: float, by: float, geodetic: bool) -> tuple[float, float]:
    """Metres from b to a, the short way round."""
    dx = ax - bx
    if geodetic:
        dx = (dx + 540.0) % 360.0 - 180.0
    mx, my = scale(by, geodetic)
    return dx * mx, (ay - by) * my


@njit(cache=True, error_model="numpy")
def predict(x: Array, p: Array, stands: int, dt: float, geodetic: bool) -> None:
    """Move one state and its covariance by ``dt`` seconds, in place; uncertainty grows both ways."""
    a = abs(dt)
    if stands == STAND:
        x[2] = x[3] = 0.0
        p[0, 2] = p[2, 0] = p[0, 3] = p[3, 0] = p[1, 2] = p[2, 1] = p[1, 3] = p[3, 1] = 0.0
        p[2, 3] = p[3, 2] = 0.0
        p[0, 0] += CREEP * a
        p[1, 1] += CREEP * a
        p[2, 2] = p[3, 3] = 0.01
        return
    mx, my = scale(x[1], geodetic)
    x[0] += dt * x[2] / mx
    x[1] += dt * x[3] / my
    for i in range(2):
        for j in range(2):
            p[i, j] += dt * (p[i, j + 2] + p[i + 2, j]) + dt * dt * p[i + 2, j + 2]
    for i in range(2):
        for j in range(2):
            p[i, j + 2] += dt * p[i + 2, j + 2]
            p[j + 2, i] = p[i, j + 2]
    sign = 1.0 if dt >= 0 else -1.0
    for i in range(2):
        p[i, i] += NOISE * a * a * a / 3
        p[i, i + 2] += sign * NOISE * a * a / 2
        p[i + 2, i] = p[i, i + 2]
        p[i + 2, i + 2] += NOISE * a


@njit(cache=True, error_model="numpy")
def update(x: Array, p: Array, z: Array, geodetic: bool) -> float:
    """Take in one position into state (4,) and covariance (4, 4), in place; answer its log likelihood.

    ``z`` is ``[x, y, sxx, syy, sxy, …]``: position in units, covariance in square metres; the
    likelihood is per square metre.
    """
    dx, dy = difference(z[0], z[1], x[0], x[1], geodetic)
    sxx, syy, sxy = p[0, 0] + z[2], p[1, 1] + z[3], p[0, 1] + z[4]
    det = max(sxx * syy - sxy * sxy, 1e-12)
    ixx, iyy, ixy = syy / det, sxx / det, -sxy / det
    mx, my = scale(x[1], geodetic)
    gain = np.empty((4, 2))
    for i in range(4):
        gain[i, 0] = p[i, 0] * ixx + p[i, 1] * ixy
        gain[i, 1] = p[i, 0] * ixy + p[i, 1] * iyy
    top = p[:2].copy()
    for i in range(4):
        step = gain[i, 0] * dx + gain[i, 1] * dy
        x[i] += step / mx if i == 0 else (step / my if i == 1 else step)
        for j in range(4):
            p[i, j] -= gain[i, 0] * top[0, j] + gain[i, 1] * top[1, j]
    for i in range(4):
        for j in range(i):
            p[i, j] = p[j, i] = 0.5 * (p[i, j] + p[j, i])
    square = ixx * dx * dx + 2 * ixy * dx * dy + iyy * dy * dy
    return float(-0.5 * square - 0.5 * math.log(det) - math.log(2 * math.pi))


@njit(cache=True, error_model="numpy")
def update_velocity(x: Array, p: Array, z: Array, geodetic: bool) -> float:
    """Take in ``z[5], z[6]`` (velocity) with variance ``z[7]``, in place; answer the log likelihood."""
    total = 0.0
    mx, my = scale(x[1], geodetic)
    for k in range(2):
        s = p[2 + k, 2 + k] + z[7]
        d = z[5 + k] - x[2 + k]
        row = p[2 + k].copy()
        for i in range(4):
            step = row[i] / s * d
            x[i] += step / mx if i == 0 else (step / my if i == 1 else step)
            for j in range(4):
                p[i, j] -= row[i] * row[j] / s
        total += -0.5 * d * d / s - 0.5 * math.log(2 * math.pi * s)
    return total


@njit(cache=True, error_model="numpy")
def mix(x: Array, p: Array, mu: Array, dt: float, geodetic: bool) -> None:
    """Move both motions by ``dt`` and let them interact, in place; x (2, 4), p (2, 4, 4), mu (2,)."""
    swap = 1.0 - math.exp(-(STOP_RATE + GO_RATE) * abs(dt))
    stop = STOP_RATE / (STOP_RATE + GO_RATE) * swap
    go = GO_RATE / (STOP_RATE + GO_RATE) * swap
    weight = np.array([[(1 - stop) * mu[0], go * mu[1]], [stop * mu[0], (1 - go) * mu[1]]])
    ox, op = x.copy(), p.copy()
    for j in range(2):
        total = max(weight[j, 0] + weight[j, 1], 1e-12)
        mu[j] = total
        w0, w1 = weight[j, 0] / total, weight[j, 1] / total
        for i in range(4):
            x[j, i] = w0 * ox[0, i] + w1 * ox[1, i]
        for m in range(2):
            w = w0 if m == 0 else w1
            dx, dy = difference(ox[m, 0], ox[m, 1], x[j, 0], x[j, 1], geodetic)
            d = np.array([dx, dy, ox[m, 2] - x[j, 2], ox[m, 3] - x[j, 3]])
            for a in range(4):
                for b in range(4):
                    old = 0.0 if m == 0 else p[j, a, b]
                    p[j, a, b] = old + w * (op[m, a, b] + d[a] * d[b])
        if j == DRIVE:
            p[j, 2, 2] += w1 * START_VARIANCE
            p[j, 3, 3] += w1 * START_VARIANCE
        predict(x[j], p[j], j, dt, geodetic)
    total = mu[0] + mu[1]
    mu[0] /= total
    mu[1] /= total


@njit(cache=True, error_model="numpy")
def take(x: Array, p: Array, mu: Array, z: Array, geodetic: bool) -> float:
    """Take one detection into both motions, in place; answer its log likelihood.

    ``z[7]`` NaN: no velocity measured; ``z[8]``: the sensor sees movers only.
    """
    like = np.empty(2)
    for j in range(2):
        like[j] = update(x[j], p[j], z, geodetic)
        if not math.isnan(z[7]):
            # a velocity outside all experience counts as one in (40 m/s)^2
            like[j] += max(update_velocity(x[j], p[j], z, geodetic), -12.0) + math.log(1600.0)
    if z[8] > 0:
        like[STAND] += math.log(0.02)  # a sensor of movers hardly ever shows a standing thing
    top = max(like[0], like[1])
    w0, w1 = mu[0] * math.exp(like[0] - top), mu[1] * math.exp(like[1] - top)
    total = max(w0 + w1, 1e-300)
    mu[0], mu[1] = max(w0 / total, 1e-9), max(w1 / total, 1e-9)
    return float(top + math.log(total))


@njit(cache=True, error_model="numpy")
def found(x: Array, p: Array, mu: Array, z: Array, geodetic: bool) -> None:
    """Begin a state from one detection, in place."""
    for j in range(2):
        for a in range(4):
            for b in range(4):
                p[j, a, b] = 0.0
        x[j, 0], x[j, 1], x[j, 2], x[j, 3] = z[0], z[1], 0.0, 0.0
        p[j, 0, 0], p[j, 1, 1] = z[2], z[3]
        p[j, 0, 1] = p[j, 1, 0] = z[4]
        p[j, 2, 2] = p[j, 3, 3] = FIRST_VARIANCE if j == DRIVE else 0.01
    mu[DRIVE] = 0.95 if z[8] > 0 else 0.5
    mu[STAND] = 1 - mu[DRIVE]
    if not math.isnan(z[7]):
        moving, standing = update_velocity(x[0], p[0], z, geodetic), update_velocity(x[1], p[1], z, geodetic)
        top = max(moving, standing)
        w0, w1 = mu[0] * math.exp(moving - top), mu[1] * math.exp(standing - top)
        mu[0], mu[1] = max(w0 / (w0 + w1), 1e-9), max(w1 / (w0 + w1), 1e-9)


@njit(cache=True, error_model="numpy")
def settle(x: Array, p: Array, mu: Array, geodetic: bool, out: Array) -> float:
    """Choose what to report: the motion whose place costs least, with the spread of both about it.

    ``out`` receives ``[x, y, sxx, syy, sxy, vx, vy]``. The answer is how much of it is "about
    there": ``1 - E[min(d2, c2)] / c2`` with c = 100 m (contract fusion).
    """
    c2, best, chosen = 1e4, 2e4, 0
    for m in range(2):
        cost = 0.0
        for k in range(2):
            dx, dy = difference(x[k, 0], x[k, 1], x[m, 0], x[m, 1], geodetic)
            s2 = 0.5 * (p[k, 0, 0] + p[k, 1, 1] + dx * dx + dy * dy)
            cost += mu[k] * 2 * s2 * (1 - math.exp(-c2 / (2 * max(s2, 1e-9))))
        if cost < best:
            best, chosen = cost, m
    out[0], out[1], out[2], out[3], out[4] = x[chosen, 0], x[chosen, 1], 0.0, 0.0, 0.0
    out[5], out[6] = x[chosen, 2], x[chosen, 3]
    for k in range(2):
        dx, dy = difference(x[k, 0], x[k, 1], x[chosen, 0], x[chosen, 1], geodetic)
        out[2] += mu[k] * (p[k, 0, 0] + dx * dx)
        out[3] += mu[k] * (p[k, 1, 1] + dy * dy)
        out[4] += mu[k] * (p[k, 0, 1] + dx * dy)
    return max(0.0, 1.0 - best / c2)
