"""Where each sensor's picture lies beside those of the others: its bias, its azimuth and its clock.

Every track that several sensors saw is a witness: it is filtered once more with the offsets of its
sensors as further unknowns, and what it comes to say about them, its own course left out, is added to
what the others said (information form: Bar-Shalom, Li, Kirubarajan, *Estimation with Applications*,
2001, 7.2; offsets as states: Friedland, IEEE TAC 14(4), 1969). Only differences between sensors can be
seen; that most sensors are good is what tells which one is off.
"""

import math
from typing import NamedTuple

import numpy as np

from truceline.track.state.kernel import kernel
from truceline.track.state.motion import FIRST_VARIANCE, noise
from truceline.track.state.types import Array

KINDS = 4  # offsets of a sensor: x, y (m), clock (s), azimuth (rad)
POSITION, CLOCK, AZIMUTH = [0, 1], [2], [3]
GROUPS = (POSITION, CLOCK, AZIMUTH)
GOOD = np.array([2.0, 2.0, 0.15, 5e-4])  # standard deviation of what a good sensor is off by
WIDE = np.array([50.0, 50.0, 4.0, 0.05])  # of what any sensor may be off by
CLEAR2 = {1: 19.0, 2: 21.5}  # chi-square that is evidence, by degrees of freedom: once in 50,000
SENSORS = 4  # of one track
LOST_S = 30.0  # a track that was not seen for longer begins anew
ODD2 = 16.0  # a detection that lies further off says that the track turned or is another
SURPLUS = 2.0  # tracks move less regularly than they are filtered: their word counts half
UNKNOWN = 1e6


class Offsets(NamedTuple):
    """What is known of each sensor's offsets."""

    value: Array  # (M, 4): to be taken off x, y, azimuth, and added to the clock
    error: Array  # (M, 4): standard deviation; infinite where no track told of the sensor
    clear: Array  # (M, 3) bool: position, clock, azimuth are off beyond doubt
    sortie: Array  # (M,) for which the position holds, where the maker admits one for each sortie


class Registration:
    """Gathers what tracks say about offsets.

    Parameters
    ----------
    admitted
        (M,) standard deviation of the bias of one sortie that the maker tells, metres per axis.
    place
        (M, 2) where sensors stand, metres; NaN: they do not stand.
    """

    def __init__(self, admitted: Array, place: Array) -> None:
        self.place, self.admitted = place, admitted
        self.good = np.tile(GOOD, (len(admitted), 1))
        self.good[:, :2] = np.maximum(self.good[:, :2], admitted[:, None])
        self.stands = np.asarray(np.isfinite(place).all(1))
        self.sortie = np.full(len(admitted), -1, np.int64)
        self.info = np.zeros((self.good.size, self.good.size))
        self.right = np.zeros(self.good.size)
        self.heard = np.zeros(len(admitted), np.int64)

    def learn(self, owner: Array, time: Array, sensor: Array, sortie: Array, z: Array, v: Array) -> None:
        """Hear the tracks out about a stretch of time.

        Parameters
        ----------
        owner, time, sensor, sortie
            (n,) of each detection.
        z
            (n, 5): x, y, sxx, syy, sxy as the sensor gave them.
        v
            (n, 2): velocity of its track; NaN: unknown.
        """
        latest = self.sortie.copy()
        np.maximum.at(latest, sensor, sortie)
        for m in np.flatnonzero((latest > self.sortie) & (self.good[:, 0] > GOOD[0])):
            self._forget_bias(int(m))
        self.sortie = latest
        usable = np.isfinite(v[:, 0]) & (owner > 0)
        usable &= (sortie == latest[sensor]) | (self.good[sensor, 0] <= GOOD[0])
        order = np.flatnonzero(usable)
        order = order[np.lexsort((time[order], owner[order]))]
        begin = (
            np.flatnonzero(np.r_[True, np.diff(owner[order]) != 0, True]) if len(order) else np.zeros(1, int)
        )
        lever = np.stack([self.place[sensor, 1] - z[:, 1], z[:, 0] - self.place[sensor, 0]], 1)
        lever[~self.stands[sensor], :] = 0.0
        hear(begin, order, time, sensor, z, v, lever, self.info, self.right, self.heard)

    def _forget_bias(self, m: int) -> None:
        """Take the bias of a sortie that is over out of the sums, leaving what it taught of others."""
        gone = slice(KINDS * m, KINDS * m + 2)
        told = self.info[gone].copy()
        gain = np.linalg.solve(told[:, gone] + np.diag(self.good[m, :2] ** -2), told).T
        self.info -= gain @ told
        self.right -= gain @ self.right[gone]
        self.info[gone, :] = self.info[:, gone] = 0.0
        self.right[gone] = 0.0

    def judge(self) -> Offsets:
        """Solve for all offsets; what stands out most is set free first, then the rest is asked again."""
        m = len(self.heard)
        value, error = np.zeros((m, KINDS)), np.tile(np.inf, (m, KINDS))
        clear = np.zeros((m, len(GROUPS)), bool)
        known = np.flatnonzero(self.heard)
        if not len(known):
            return Offsets(value, error, clear, self.sortie)
        at = (KINDS * known[:, None] + np.arange(KINDS)).ravel()
        info, right, spread = self.info[np.ix_(at, at)], self.right[at], self.good[known]
        while True:
            cov = inverse(info + np.diag(spread.ravel() ** -2))
            mean = cov @ right
            excess = np.stack([self._excess(cov, mean, spread, known, g) for g in range(len(GROUPS))], 1)
            excess[clear[known]] = 0.0
            n, g = np.unravel_index(int(excess.argmax()), excess.shape)
            if excess[n, g] <= 1.0:
                break
            clear[known[n], g] = True
            spread[n, GROUPS[g]] = WIDE[GROUPS[g]]
        value[known] = mean.reshape(-1, KINDS)
        error[known] = np.sqrt(np.maximum(np.diag(cov), 0.0)).reshape(-1, KINDS)
        return Offsets(value, error, clear, self.sortie)

    def _excess(self, cov: Array, mean: Array, spread: Array, known: Array, g: int) -> Array:
        """How far offsets, set free, lie from what is admitted, as a share of what is evidence.

        Setting one sensor free changes the solution as taking its prior out of the sums does.
        """
        kinds = GROUPS[g]
        at = KINDS * np.arange(len(known)) + kinds[0]
        loosen = 1 / (spread[:, kinds[0]] ** -2 - (1.001 * WIDE[kinds[0]]) ** -2)
        xx, x = cov[at, at], mean[at]
        if kinds == POSITION:
            xy, yy, y = cov[at, at + 1], cov[at + 1, at + 1], mean[at + 1]
            det, slack = xx * yy - xy * xy, self.admitted[known] ** 2
            scale = loosen / ((loosen - xx) * (loosen - yy) - xy * xy)
            x, y = scale * ((loosen - yy) * x + xy * y), scale * (xy * x + (loosen - xx) * y)
            xx, yy = scale * (loosen * xx - det) + slack, scale * (loosen * yy - det) + slack
            xy = scale * loosen * xy
            square = (yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)
        else:
            square = (loosen * x / (loosen - xx)) ** 2 / (loosen * xx / (loosen - xx))
        if kinds == AZIMUTH:
            square[~self.stands[known]] = 0.0
        return np.asarray(square / CLEAR2[len(kinds)])


def correct(
    z: Array, bias2: Array, sensor: Array, sortie: Array, offsets: Offsets, admitted: Array, place: Array
) -> None:
    """Take what is known of offsets off detections, in place; what stays uncertain goes into the covariance.

    A bias that the maker admits is taken off as far as it is known; other offsets where they are clear.

    Parameters
    ----------
    z, bias2
        (n, 8) and (n,), see types.Rows.
    sensor, sortie
        (n,) of each detection.
    offsets
        Of all sensors.
    admitted, place
        As of :class:`Registration`.
    """
    value, error = offsets.value[sensor], np.minimum(offsets.error[sensor], 1e3)
    apart = z[:, :2] - place[sensor]
    of_sortie = (admitted[sensor] > 0) & (sortie == offsets.sortie[sensor]) & (error[:, 0] < admitted[sensor])
    moved = of_sortie | offsets.clear[sensor, 0]
    left = np.where(of_sortie, 0.5 * (error[:, 0] ** 2 + error[:, 1] ** 2), bias2)
    z[:, 2:4] += (left - bias2)[:, None]
    bias2[:] = left
    z[moved, :2] -= value[moved, :2]
    turned = offsets.clear[sensor, 2]
    z[turned, 0] += value[turned, 3] * apart[turned, 1]
    z[turned, 1] -= value[turned, 3] * apart[turned, 0]


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
    right: Array, heard: Array,
) -> None:  # fmt: skip
    """Add to ``info`` and ``right`` what each track says; its rows are ``order[begin[i]:begin[i + 1]]``."""
    size = 4 + SENSORS * KINDS
    x, p, room = np.zeros(size), np.zeros((size, size)), np.empty((2, size))
    slots = np.empty(SENSORS, np.int64)
    _hear(begin, order, time, sensor, z, v, lever, info, right, heard, x, p, slots, room)


@kernel
def _hear(
    begin: Array, order: Array, time: Array, sensor: Array, z: Array, v: Array, lever: Array, info: Array,
    right: Array, heard: Array, x: Array, p: Array, slots: Array, room: Array,
) -> None:  # fmt: skip
    """Do what :func:`hear` says; ``x``, ``p``, ``slots`` and ``room`` are room to work in."""
    for i in range(len(begin) - 1):
        n = _sensors(order[begin[i] : begin[i + 1]], sensor, slots)
        if n < 2:
            continue
        size = 4 + n * KINDS
        for a in range(size):
            x[a] = 0.0
            for b in range(size):
                p[a, b] = 0.0
            if a >= 4:
                p[a, a] = WIDE[a % KINDS] ** 2
        last = -np.inf
        for j in range(begin[i], begin[i + 1]):
            r = order[j]
            k = _slot(slots, n, sensor[r])
            if k < 0:
                continue
            if time[r] - last > LOST_S:
                _begin_anew(x, p, size, z[r])
            else:
                _go_on(x, p, size, time[r] - last, v[r])
            last = time[r]
            if not _take(x, p, size, z[r], v[r], lever[r], 4 + KINDS * k, room):
                _begin_anew(x, p, size, z[r])
                _take(x, p, size, z[r], v[r], lever[r], 4 + KINDS * k, room)
            heard[sensor[r]] += 1
        _add(x, p, slots, n, info, right, room)


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
