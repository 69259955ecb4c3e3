"""How a thing moves: it drives or stands, and what drives may turn off between two looks.

Two motions are kept side by side, mixed by how likely each is; turning off is a third one that is
made for a prediction and merged into driving by what is then seen.

States are ``[x, y, vx, vy]``; ``x, y`` in *units* of the plane (metres, or degrees of longitude and
latitude), all covariances and velocities in metres and metres per second. Covariances are kept as
their upper triangle (:data:`ROW`, :data:`COLUMN`), so that they are symmetric by construction.
``scale`` turns units into metres at a place. Filter: Blom and Bar-Shalom, IEEE TAC 33(8), 1988 (interacting
multiple models); update: Bar-Shalom, Li, Kirubarajan, *Estimation with Applications*, 2001, table
5.2.4-1.
"""

import math

from truceline.track.state.kernel import inlined, kernel
from truceline.track.state.types import SEEN_MOVING, Array

DRIVE, STAND, TURN = 0, 1, 2
ROW = (0, 0, 1, 0, 0, 1, 1, 2, 2, 3)  # of the entries of a covariance's upper triangle, positions first
COLUMN = (0, 1, 1, 2, 3, 2, 3, 2, 3, 3)
STOP_RATE, GO_RATE = 1 / 900, 1 / 1000  # per second: stops and drives of the order of a quarter of an hour
TURN_RATE = 1 / 300  # per second: a junction every few kilometres
NOTICED_S = 10.0  # so long it takes until a turn shows
JOIN_S = 30.0  # a thing that was driving and was not seen for longer has stopped elsewhere
CREEP = 0.02  # m2/s, how a standing thing's position loosens
START_VARIANCE = 50.0  # m2/s2 per axis: a standing thing sets off in any direction
UNKNOWN_VARIANCE = 100.0  # m2/s2 per axis: a velocity vaguer than that may be an aircraft's
FAST_VARIANCE, FAST_SHARE = 1200.0, 0.2  # of aircraft, m2/s2 per axis, and how likely it is one
FIRST_VARIANCE = 150.0  # m2/s2 per axis: velocity of a thing seen once
STILL_VARIANCE = 0.01  # m2/s2
FASTEST_SPREAD = 200.0  # m2/s2 per axis: a velocity grows no vaguer than that
SEES_MOVERS_ONLY = 0.02  # share of looks in which such a sensor shows a standing thing all the same
EQUATOR_M = 6_378_137.0  # WGS 84
FLATNESS = 6.694379990141316e-3  # first eccentricity squared, WGS 84


@inlined
def noise(speed: float) -> float:
    """Density of the white acceleration of what drives without turning off, m2/s3.

    A path that bends by an angle ``a`` every ``d`` metres bends a velocity ``v`` by ``(a v)**2`` every
    ``d / v`` seconds: the density goes with the cube of the speed.
    """
    return min(0.02 + 1e-4 * speed * speed + 3e-5 * speed * speed * speed, 4.0)


@kernel
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


@kernel
def difference(ax: float, ay: float, bx: float, by: float, geodetic: bool) -> tuple[float, float]:
    """Metres from b to a, the short way round."""
    if not geodetic:
        return ax - bx, ay - by
    dx = (ax - bx + 540.0) % 360.0 - 180.0
    mx, my = scale(by, geodetic)
    return dx * mx, (ay - by) * my


@kernel
def predict(x: Array, p: Array, motion: int, dt: float, geodetic: bool) -> None:
    """Move one state (4,) and its covariance (10,) by ``dt`` seconds, in place; it loosens both ways."""
    a = abs(dt)
    if motion == STAND:
        x[2] = x[3] = 0.0
        p[0] += CREEP * a
        p[2] += CREEP * a
        p[3] = p[4] = p[5] = p[6] = p[8] = 0.0
        p[7] = p[9] = STILL_VARIANCE
        return
    mx, my = scale(x[1], geodetic)
    q = noise(math.sqrt(x[2] * x[2] + x[3] * x[3]))
    q = min(q, max(FASTEST_SPREAD - max(p[7], p[9]), 0.0) / max(a, 1e-3) + 1e-3)
    x[0] += dt * x[2] / mx
    x[1] += dt * x[3] / my
    grown, cross = q * a * a * a / 3, q * a * dt / 2
    p[0] += 2 * dt * p[3] + dt * dt * p[7] + grown
    p[1] += dt * (p[4] + p[5]) + dt * dt * p[8]
    p[2] += 2 * dt * p[6] + dt * dt * p[9] + grown
    p[3] += dt * p[7] + cross
    p[4] += dt * p[8]
    p[5] += dt * p[8]
    p[6] += dt * p[9] + cross
    p[7] += q * a
    p[9] += q * a


@kernel
def update(x: Array, p: Array, z: Array, geodetic: bool) -> float:
    """Take in one position into state (4,) and covariance (10,), in place; answer its log likelihood.

    ``z`` is ``[x, y, sxx, syy, sxy, …]``: position in units, covariance in square metres; the
    likelihood is per square metre.
    """
    dx, dy = difference(z[0], z[1], x[0], x[1], geodetic)
    sxx, syy, sxy = p[0] + z[2], p[2] + z[3], p[1] + z[4]
    det = max(sxx * syy - sxy * sxy, 1e-12)
    ixx, iyy, ixy = syy / det, sxx / det, -sxy / det
    square = ixx * dx * dx + 2 * ixy * dx * dy + iyy * dy * dy
    xx, xy, yy, xu, xv, yu, yv = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    gxx, gxy = xx * ixx + xy * ixy, xx * ixy + xy * iyy
    gyx, gyy = xy * ixx + yy * ixy, xy * ixy + yy * iyy
    gux, guy = xu * ixx + yu * ixy, xu * ixy + yu * iyy
    gvx, gvy = xv * ixx + yv * ixy, xv * ixy + yv * iyy
    mx, my = scale(x[1], geodetic)
    x[0] += (gxx * dx + gxy * dy) / mx
    x[1] += (gyx * dx + gyy * dy) / my
    x[2] += gux * dx + guy * dy
    x[3] += gvx * dx + gvy * dy
    p[0] -= gxx * xx + gxy * xy
    p[1] -= gxx * xy + gxy * yy
    p[2] -= gyx * xy + gyy * yy
    p[3] -= gxx * xu + gxy * yu
    p[4] -= gxx * xv + gxy * yv
    p[5] -= gyx * xu + gyy * yu
    p[6] -= gyx * xv + gyy * yv
    p[7] -= gux * xu + guy * yu
    p[8] -= gux * xv + guy * yv
    p[9] -= gvx * xv + gvy * yv
    return float(-0.5 * square - 0.5 * math.log(det) - 1.8378770664093453)  # log(2 pi)


@kernel
def update_velocity(x: Array, p: Array, z: Array, geodetic: bool) -> float:
    """Take in ``z[5], z[6]`` (velocity) with variance ``z[7]``, in place; answer the log likelihood."""
    mx, my = scale(x[1], geodetic)
    du, dv = z[5] - x[2], z[6] - x[3]
    suu, svv, suv = p[7] + z[7], p[9] + z[7], p[8]
    det = max(suu * svv - suv * suv, 1e-12)
    iuu, ivv, iuv = svv / det, suu / det, -suv / det
    square = iuu * du * du + 2 * iuv * du * dv + ivv * dv * dv
    xu, xv, yu, yv, uu, uv, vv = p[3], p[4], p[5], p[6], p[7], p[8], p[9]
    gxu, gxv = xu * iuu + xv * iuv, xu * iuv + xv * ivv
    gyu, gyv = yu * iuu + yv * iuv, yu * iuv + yv * ivv
    guu, guv = uu * iuu + uv * iuv, uu * iuv + uv * ivv
    gvu, gvv = uv * iuu + vv * iuv, uv * iuv + vv * ivv
    x[0] += (gxu * du + gxv * dv) / mx
    x[1] += (gyu * du + gyv * dv) / my
    x[2] += guu * du + guv * dv
    x[3] += gvu * du + gvv * dv
    p[0] -= gxu * xu + gxv * xv
    p[1] -= gxu * yu + gxv * yv
    p[2] -= gyu * yu + gyv * yv
    p[3] -= gxu * uu + gxv * uv
    p[4] -= gxu * uv + gxv * vv
    p[5] -= gyu * uu + gyv * uv
    p[6] -= gyu * uv + gyv * vv
    p[7] -= guu * uu + guv * uv
    p[8] -= guu * uv + guv * vv
    p[9] -= gvu * uv + gvv * vv
    return float(-0.5 * square - 0.5 * math.log(det) - 1.8378770664093453)


@kernel
def mix(x: Array, p: Array, mu: Array, dt: float, geodetic: bool) -> None:
    """Let both motions interact and move them by ``dt``, in place; x (3, 4), p (3, 10), mu (3,).

    What stood and was not seen for long either still stands where it stood, or is driving; what
    drove and was not seen for long has stopped elsewhere, which the spread of driving covers.
    """
    a = abs(dt)
    stop = 1.0 - math.exp(-STOP_RATE * min(a, JOIN_S))
    go = 1.0 - math.exp(-GO_RATE * a)
    to_drive = go * mu[1] / max((1 - stop) * mu[0] + go * mu[1], 1e-12)
    to_stand = stop * mu[0] / max(stop * mu[0] + (1 - go) * mu[1], 1e-12)
    dx, dy = difference(x[0, 0], x[0, 1], x[1, 0], x[1, 1], geodetic)
    d = (dx, dy, x[0, 2], x[0, 3])
    mx, my = scale(x[0, 1], geodetic)
    keep = 1 - to_drive
    x[0, 0] -= to_drive * dx / mx
    x[0, 1] -= to_drive * dy / my
    x[0, 2] *= keep
    x[0, 3] *= keep
    for k in range(10):
        drives, stands = p[0, k], p[1, k]
        apart = d[ROW[k]] * d[COLUMN[k]]
        p[0, k] = keep * drives + to_drive * stands + keep * to_drive * apart
        if k < 3:
            p[1, k] = (1 - to_stand) * stands + to_stand * (drives + (1 - to_stand) * apart)
    p[0, 7] += to_drive * START_VARIANCE
    p[0, 9] += to_drive * START_VARIANCE
    x[1, 0] += to_stand * dx / mx
    x[1, 1] += to_stand * dy / my
    driving = (1 - stop) * mu[0] + go * mu[1]
    driving = min(max(driving / (mu[0] + mu[1]), 1e-9), 1 - 1e-9)
    straight = math.exp(-TURN_RATE * a) * (1 - 0.5 * to_drive)  # what set off did so at any moment
    if p[0, 7] + p[0, 9] > 2 * UNKNOWN_VARIANCE:
        straight = 1 - FAST_SHARE
    mu[0], mu[1], mu[2] = driving * straight, 1 - driving, driving * (1 - straight)
    _turn(x, p, dt, geodetic)
    predict(x[0], p[0], DRIVE, dt, geodetic)
    predict(x[1], p[1], STAND, dt, geodetic)


@kernel
def _turn(x: Array, p: Array, dt: float, geodetic: bool) -> None:
    """Fill in ``x[2], p[2]``: what drove turned off by any angle, or what stood set off, within ``dt``.

    It may have done so a little before the last look, too lately to have been noticed there. With
    speed v and time t the place is ``v t / 2`` ahead on average, with a spread of a fifth of ``(v t)**2``
    per axis; the spread of the velocity is half of ``v**2``, and the two go together.
    """
    square = x[0, 2] * x[0, 2] + x[0, 3] * x[0, 3]
    mx, my = scale(x[0, 1], geodetic)
    span = math.copysign(max(abs(dt), NOTICED_S), dt)
    ahead = dt - 0.5 * span
    x[2, 0], x[2, 1] = x[0, 0] + ahead * x[0, 2] / mx, x[0, 1] + ahead * x[0, 3] / my
    x[2, 2], x[2, 3] = 0.3 * x[0, 2], 0.3 * x[0, 3]
    loose, vague = span * span, 0.5 * (p[0, 7] + p[0, 9])
    if vague > UNKNOWN_VARIANCE:
        loose, span, vague = dt * dt, dt, FAST_VARIANCE
    p[2, 0] = p[0, 0] + (0.2 * square + 0.4 * vague) * loose + 1.0
    p[2, 1] = p[0, 1]
    p[2, 2] = p[0, 2] + (0.2 * square + 0.4 * vague) * loose + 1.0
    p[2, 3] = p[2, 6] = (0.2 * square + 0.44 * vague) * span
    p[2, 4] = p[2, 5] = 0.0
    p[2, 7] = p[2, 9] = 0.5 * square + vague
    p[2, 8] = 0.0


@kernel
def weigh(x: Array, p: Array, mu: Array, drives: float, stands: float, turns: float, geodetic: bool) -> None:
    """Multiply the weights by likelihoods given as logarithms, and merge turning off into driving."""
    top = max(drives, stands, turns)
    w0, w1 = mu[0] * math.exp(drives - top), mu[1] * math.exp(stands - top)
    w2 = mu[2] * math.exp(turns - top)
    total = max(w0 + w1 + w2, 1e-300)
    mu[0], mu[1], mu[2] = max((w0 + w2) / total, 1e-9), max(w1 / total, 1e-9), 0.0
    share = w2 / max(w0 + w2, 1e-300)
    if share < 1e-3 or (turns <= drives and p[2, 7] > FASTEST_SPREAD):
        return  # what may be an aircraft is none unless it is seen as far off
    dx, dy = difference(x[2, 0], x[2, 1], x[0, 0], x[0, 1], geodetic)
    d = (dx, dy, x[2, 2] - x[0, 2], x[2, 3] - x[0, 3])
    mx, my = scale(x[0, 1], geodetic)
    for k in range(10):
        apart = share * (1 - share) * d[ROW[k]] * d[COLUMN[k]]
        p[0, k] = (1 - share) * p[0, k] + share * p[2, k] + apart
    x[0, 0] += share * dx / mx
    x[0, 1] += share * dy / my
    x[0, 2] += share * d[2]
    x[0, 3] += share * d[3]


@kernel
def agree(x: Array, z: Array) -> None:
    """Let a state take on a share of the speed that others of its convoy keep, its course its own.

    The covariance stays: what the others say rests on the same roads and the same model.
    """
    x[2] -= z[7] * (z[5] - x[2])
    x[3] -= z[7] * (z[6] - x[3])


@kernel
def take(x: Array, p: Array, mu: Array, z: Array, kind: int, geodetic: bool) -> None:
    """Take one detection into all motions, in place.

    ``z[7]`` is the variance of a measured velocity ``z[5], z[6]``, or NaN, or, where the convoy keeps
    the speed ``z[5]``, how much of that is taken on, negative.
    """
    drives, stands = update(x[0], p[0], z, geodetic), update(x[1], p[1], z, geodetic)
    turns = update(x[2], p[2], z, geodetic)
    if z[7] < 0:
        agree(x[0], z)
        agree(x[2], z)
    elif z[7] > 0:
        drives += update_velocity(x[0], p[0], z, geodetic)
        stands += update_velocity(x[1], p[1], z, geodetic)
        turns += update_velocity(x[2], p[2], z, geodetic)
    if kind == SEEN_MOVING:
        stands += math.log(SEES_MOVERS_ONLY)
    weigh(x, p, mu, drives, stands, turns, geodetic)


@kernel
def found(x: Array, p: Array, mu: Array, z: Array, kind: int, geodetic: bool) -> None:
    """Begin a state from one detection, in place."""
    for j in range(2):
        for k in range(10):
            p[j, k] = 0.0
        x[j, 0], x[j, 1], x[j, 2], x[j, 3] = z[0], z[1], 0.0, 0.0
        p[j, 0], p[j, 1], p[j, 2] = z[2], z[4], z[3]
        p[j, 7] = p[j, 9] = FIRST_VARIANCE if j == DRIVE else STILL_VARIANCE
    mu[0], mu[1], mu[2] = 0.5, 0.5, 0.0
    drives, stands = 0.0, 0.0
    if z[7] > 0:
        drives, stands = update_velocity(x[0], p[0], z, geodetic), update_velocity(x[1], p[1], z, geodetic)
    if kind == SEEN_MOVING:
        stands += math.log(SEES_MOVERS_ONLY)
    weigh(x, p, mu, drives, stands, -1e9, geodetic)


@kernel
def settle(x: Array, p: Array, mu: Array, geodetic: bool, out: Array) -> float:
    """Choose what to report: the motion whose place costs least, with the spread of both about it.

    ``out`` receives ``[x, y, sxx, syy, sxy, vx, vy]``. The answer is how much of it is "about
    there": ``1 - E[min(d2, c2)] / c2`` with c = 100 m (contract fusion).
    """
    c2, weight = 1e4, (mu[0] + mu[2], mu[1])
    dx, dy = difference(x[0, 0], x[0, 1], x[1, 0], x[1, 1], geodetic)
    apart = dx * dx + dy * dy
    best, chosen = 2e4, 0
    for m in range(2):
        cost = 0.0
        for k in range(2):
            s2 = 0.5 * (p[k, 0] + p[k, 2] + (apart if k != m else 0.0))
            cost += weight[k] * 2 * s2 * (1 - math.exp(-c2 / (2 * max(s2, 1e-9))))
        if cost < best:
            best, chosen = cost, m
    other = 1 - chosen
    out[0], out[1] = x[chosen, 0], x[chosen, 1]
    out[2] = weight[0] * p[0, 0] + weight[1] * p[1, 0] + weight[other] * dx * dx
    out[3] = weight[0] * p[0, 2] + weight[1] * p[1, 2] + weight[other] * dy * dy
    out[4] = weight[0] * p[0, 1] + weight[1] * p[1, 1] + weight[other] * dx * dy
    out[5], out[6] = x[chosen, 2], x[chosen, 3]
    return max(0.0, 1.0 - best / c2)
