"""What each track says about the offsets of the sensors that saw it (see registration)."""

import math

import numpy as np

from truceline.track.state.kernel import kernel
from truceline.track.state.motion import FIRST_VARIANCE, noise
from truceline.track.state.types import Array

KINDS = 4  # offsets of a sensor: x, y (m), clock (s), azimuth (rad)
WIDE = np.array([50.0, 50.0, 4.0, 0.05])  # standard deviation of what any sensor may be off by
FREE = 10 * WIDE  # of what one may be off by that is off beyond doubt
SENSORS = 4  # of one track
LOST_S = 30.0  # a track that was not seen for longer begins anew
ODD2 = 16.0  # a detection that lies further off says that the track turned or is another
ODD_MOST = 10.0  # detections of a track that count in how often that is so
SURPLUS = 2.0  # tracks move less regularly than they are filtered: their word counts half
UNKNOWN = 1e6


def inverse(a: Array) -> Array:
    """Invert a positive definite matrix (Gauss and Jordan); one thread, so that it is the same everywhere."""
    b = a.copy()
    _invert(b, 0, len(b), np.empty(len(b)))
    return b


@kernel
def _invert(b: Array, first: int, n: int, line: Array) -> None:
    """Invert ``n`` rows and columns of a positive definite matrix from ``first`` on, in place.

    Only the lower triangle is worked on; ``line`` is room for as many numbers.
    """
    for k in range(n):
        for j in range(n):
            line[j] = b[first + max(k, j), first + min(k, j)]
        pivot = 1 / line[k]
        for i in range(n):
            f, row = line[i] * pivot, b[first + i, first : first + i + 1]
            if i == k:
                for j in range(k):
                    row[j] = line[j] * pivot
                row[k] = -pivot
                continue
            for j in range(i + 1):
                row[j] -= f * line[j]
            if i > k:
                row[k] = f
    for i in range(n):
        for j in range(i + 1):
            b[first + i, first + j] *= -1
            b[first + j, first + i] = b[first + i, first + j]


def hear(
    begin: Array, order: Array, time: Array, sensor: Array, z: Array, v: Array, lever: Array, info: Array,
    right: Array, heard: Array, odd: Array,
) -> None:  # fmt: skip
    """Add to ``info`` and ``right`` what each track says; its rows are ``order[begin[i]:begin[i + 1]]``."""
    size = 4 + SENSORS * KINDS
    x, p, room = np.zeros(size), np.zeros((size, size)), np.empty((2, size))
    slots, votes = np.empty(SENSORS, np.int64), np.zeros((SENSORS, SENSORS, 2))
    _hear(begin, order, time, sensor, z, v, lever, info, right, heard, odd, x, p, slots, votes, room)


@kernel
def _hear(
    begin: Array, order: Array, time: Array, sensor: Array, z: Array, v: Array, lever: Array, info: Array,
    right: Array, heard: Array, odd: Array, x: Array, p: Array, slots: Array, votes: Array, room: Array,
) -> None:  # fmt: skip
    """Do what :func:`hear` says; ``x``, ``p``, ``slots``, ``votes`` and ``room`` are room to work in."""
    for i in range(len(begin) - 1):
        n = _sensors(order[begin[i] : begin[i + 1]], sensor, slots)
        size = 4 + n * KINDS
        for a in range(size):
            x[a] = 0.0
            for b in range(size):
                p[a, b] = 0.0
            if a >= 4:
                p[a, a] = WIDE[a % KINDS] ** 2
        last, before = -np.inf, -1
        for j in range(begin[i], begin[i + 1]):
            r = order[j]
            k = _slot(slots, n, sensor[r])
            if k < 0:
                continue
            if time[r] - last > LOST_S:
                _begin_anew(x, p, size, z[r])
                before = -1
            else:
                _go_on(x, p, size, time[r] - last, v[r])
            last, is_odd = time[r], False
            if not _take(x, p, size, z[r], v[r], lever[r], 4 + KINDS * k, room):
                _begin_anew(x, p, size, z[r])
                _take(x, p, size, z[r], v[r], lever[r], 4 + KINDS * k, room)
                is_odd = True
            if before >= 0:
                votes[before, k, int(is_odd)] += 1
            before = k
            heard[sensor[r]] += n > 1
        if n > 1:
            _add(x, p, slots, n, info, right, room)
        _vote(votes, slots, n, odd)


@kernel
def _vote(votes: Array, slots: Array, n: int, odd: Array) -> None:
    """Add what a track says of its sensors; one of many detections says no more than one of some."""
    total = 0.0
    for a in range(n):
        for b in range(n):
            total += votes[a, b, 0] + votes[a, b, 1]
    share = min(1.0, ODD_MOST / max(total, 1.0))
    for a in range(n):
        for b in range(n):
            for k in range(2):
                odd[slots[a], slots[b], k] += share * votes[a, b, k]
            odd[slots[a], slots[b], 2] += votes[a, b, 1] > 0
            votes[a, b, 0] = votes[a, b, 1] = 0.0


@kernel
def _sensors(rows: Array, sensor: Array, slots: Array) -> int:
    n = 0
    for r in rows:
        if n < SENSORS and _slot(slots, n, sensor[r]) < 0:
            slots[n] = sensor[r]
            n += 1
    return n


@kernel
def _slot(slots: Array, n: int, sensor: int) -> int:
    for k in range(n):
        if slots[k] == sensor:
            return k
    return -1


@kernel
def _begin_anew(x: Array, p: Array, size: int, z: Array) -> None:
    for a in range(4):
        for b in range(size):
            p[a, b] = p[b, a] = 0.0
        x[a] = z[a] if a < 2 else 0.0
        p[a, a] = UNKNOWN if a < 2 else FIRST_VARIANCE


@kernel
def _go_on(x: Array, p: Array, size: int, dt: float, v: Array) -> None:
    q = noise(math.sqrt(v[0] * v[0] + v[1] * v[1]))
    for a in range(2):
        x[a] += dt * x[2 + a]
        for b in range(size):
            p[a, b] += dt * p[2 + a, b]
    for a in range(2):
        for b in range(size):
            p[b, a] += dt * p[b, 2 + a]
        p[a, a] += q * dt**3 / 3
        p[a, 2 + a] += q * dt * dt / 2
        p[2 + a, a] += q * dt * dt / 2
        p[2 + a, 2 + a] += q * dt


@kernel
def _take(x: Array, p: Array, size: int, z: Array, v: Array, lever: Array, at: int, room: Array) -> bool:
    """Update with a detection of the sensor whose offsets lie at ``at``; False: it lies too far off."""
    hx, hy, u, w = room[0], room[1], lever[0], lever[1]
    for b in range(size):
        hx[b] = p[0, b] + p[at, b] + v[0] * p[at + 2, b] + u * p[at + 3, b]
        hy[b] = p[1, b] + p[at + 1, b] + v[1] * p[at + 2, b] + w * p[at + 3, b]
    dx = z[0] - x[0] - x[at] - v[0] * x[at + 2] - u * x[at + 3]
    dy = z[1] - x[1] - x[at + 1] - v[1] * x[at + 2] - w * x[at + 3]
    sxx = hx[0] + hx[at] + v[0] * hx[at + 2] + u * hx[at + 3] + SURPLUS * z[2]
    sxy = hx[1] + hx[at + 1] + v[1] * hx[at + 2] + w * hx[at + 3] + SURPLUS * z[4]
    syx = hy[0] + hy[at] + v[0] * hy[at + 2] + u * hy[at + 3] + SURPLUS * z[4]
    syy = hy[1] + hy[at + 1] + v[1] * hy[at + 2] + w * hy[at + 3] + SURPLUS * z[3]
    det = sxx * syy - sxy * syx
    ixx, iyy, ixy = syy / det, sxx / det, -sxy / det
    if ixx * dx * dx + 2 * ixy * dx * dy + iyy * dy * dy > ODD2:
        return False
    for i in range(size):
        gx, gy = ixx * hx[i] + ixy * hy[i], ixy * hx[i] + iyy * hy[i]
        x[i] += gx * dx + gy * dy
        for j in range(size):
            p[i, j] -= gx * hx[j] + gy * hy[j]
    return True


@kernel
def _add(x: Array, p: Array, slots: Array, n: int, info: Array, right: Array, room: Array) -> None:
    """Add the information about offsets that goes beyond what the track began with.

    What shifts all clocks alike is left out: it shows only where a thing changes its speed, and there
    the filter, which follows late, is the likelier cause.
    """
    size = n * KINDS
    told, common = room[0], room[1]
    _invert(p, 4, size, room[0])
    said = weight = 0.0
    for i in range(size):
        told[i], common[i] = 0.0, 0.0
        for j in range(size):
            told[i] += p[4 + i, 4 + j] * x[4 + j]
    for i in range(size):
        p[4 + i, 4 + i] -= WIDE[i % KINDS] ** -2
    for i in range(2, size, KINDS):
        said += told[i]
        for j in range(size):
            common[j] += p[4 + i, 4 + j]
    for i in range(2, size, KINDS):
        weight += common[i]
    weight = 1 / weight if weight > 1e-9 else 0.0
    for i in range(size):
        a = KINDS * slots[i // KINDS] + i % KINDS
        right[a] += told[i] - common[i] * said * weight
        for j in range(size):
            b = KINDS * slots[j // KINDS] + j % KINDS
            info[a, b] += p[4 + i, 4 + j] - common[i] * common[j] * weight
