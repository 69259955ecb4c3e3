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
from numba import njit

from truceline.track.kernel import kernel
from truceline.track.motion import FIRST_VARIANCE, noise
from truceline.track.types import Array

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
        order = order[np.lexsort((order, time[order], owner[order]))]
        begin = (
            np.flatnonzero(np.r_[True, np.diff(owner[order]) != 0, True]) if len(order) else np.zeros(1, int)
        )
        lever = np.stack([self.place[sensor, 1] - z[:, 1], z[:, 0] - self.place[sensor, 0]], 1)
        lever[~self.stands[sensor], :] = 0.0
        hear(begin, order, time, sensor, z, v, lever, self.info, self.right, self.heard)

    def _forget_bias(self, m: int) -> None:
        """Take the bias of a sortie that is over out of the sums, leaving what it taught of others."""
        gone = np.array([KINDS * m, KINDS * m + 1])
        rest = np.setdiff1d(np.arange(len(self.right)), gone)
        own = self.info[np.ix_(gone, gone)] + np.diag(self.good[m, :2] ** -2)
        gain = np.linalg.solve(own, self.info[np.ix_(gone, rest)]).T
        self.info[np.ix_(rest, rest)] -= gain @ self.info[np.ix_(gone, rest)]
        self.right[rest] -= gain @ self.right[gone]
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
        at = KINDS * np.arange(len(known))[:, None] + np.array(kinds)
        own, of = cov[at[:, :, None], at[:, None, :]], mean[at]
        one = np.eye(len(kinds))
        loosen = 1 / (spread[:, kinds] ** -2 - (1.001 * WIDE[kinds]) ** -2)
        gain = own @ np.linalg.inv(one * loosen[:, :, None] - own)
        freed, error = of + (gain @ of[:, :, None])[:, :, 0], own + gain @ own
        if kinds == POSITION:
            error = error + one * (self.admitted[known] ** 2)[:, None, None]
        square = (freed * np.linalg.solve(error, freed[:, :, None])[:, :, 0]).sum(1)
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


@njit(cache=True, error_model="numpy")
def inverse(a: Array) -> Array:
    """Invert a positive definite matrix (Gauss and Jordan); one thread, so that it is the same everywhere."""
    n = len(a)
    b = a.copy()
    for k in range(n):
        pivot = 1 / b[k, k]
        b[k, k] = 1.0
        b[k] *= pivot
        for i in range(n):
            if i != k:
                f = b[i, k]
                b[i, k] = 0.0
                b[i] -= f * b[k]
    return b


@njit(cache=True, error_model="numpy")
def hear(
    begin: Array, order: Array, time: Array, sensor: Array, z: Array, v: Array, lever: Array, info: Array,
    right: Array, heard: Array,
) -> None:  # fmt: skip
    """Add to ``info`` and ``right`` what each track says; its rows are ``order[begin[i]:begin[i + 1]]``."""
    size = 4 + SENSORS * KINDS
    x, p, slots = np.zeros(size), np.zeros((size, size)), np.empty(SENSORS, np.int64)
    for i in range(len(begin) - 1):
        rows = order[begin[i] : begin[i + 1]]
        n = _sensors(rows, sensor, slots)
        if n < 2:
            continue
        x[:], p[:, :] = 0.0, 0.0
        for k in range(SENSORS * KINDS):
            p[4 + k, 4 + k] = WIDE[k % KINDS] ** 2
        last = -np.inf
        for r in rows:
            k = _slot(slots, n, sensor[r])
            if k < 0:
                continue
            if time[r] - last > LOST_S:
                _begin_anew(x, p, z[r])
            else:
                _go_on(x, p, time[r] - last, v[r])
            last = time[r]
            if not _take(x, p, z[r], v[r], lever[r], 4 + KINDS * k):
                _begin_anew(x, p, z[r])
                _take(x, p, z[r], v[r], lever[r], 4 + KINDS * k)
            heard[sensor[r]] += 1
        _add(x, p, slots, n, info, right)


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


@njit(cache=True, error_model="numpy")
def _begin_anew(x: Array, p: Array, z: Array) -> None:
    for a in range(4):
        p[a, :] = p[:, a] = 0.0
        x[a] = z[a] if a < 2 else 0.0
        p[a, a] = UNKNOWN if a < 2 else FIRST_VARIANCE


@njit(cache=True, error_model="numpy")
def _go_on(x: Array, p: Array, dt: float, v: Array) -> None:
    q = noise(math.sqrt(v[0] * v[0] + v[1] * v[1]))
    for a in range(2):
        x[a] += dt * x[2 + a]
        p[a, :] += dt * p[2 + a, :]
    for a in range(2):
        p[:, a] += dt * p[:, 2 + a]
        p[a, a] += q * dt**3 / 3
        p[a, 2 + a] += q * dt * dt / 2
        p[2 + a, a] += q * dt * dt / 2
        p[2 + a, 2 + a] += q * dt


@njit(cache=True, error_model="numpy")
def _take(x: Array, p: Array, z: Array, v: Array, lever: Array, at: int) -> bool:
    """Update with a detection of the sensor whose offsets lie at ``at``; False: it lies too far off."""
    h = np.empty((2, len(x)))
    for a in range(2):
        h[a] = p[a] + p[at + a] + v[a] * p[at + 2] + lever[a] * p[at + 3]
    s = np.empty((2, 2))
    d = np.empty(2)
    for a in range(2):
        d[a] = z[a] - x[a] - x[at + a] - v[a] * x[at + 2] - lever[a] * x[at + 3]
        for b in range(2):
            s[a, b] = h[a, b] + h[a, at + b] + v[b] * h[a, at + 2] + lever[b] * h[a, at + 3]
    s[0, 0] += SURPLUS * z[2]
    s[1, 1] += SURPLUS * z[3]
    s[0, 1] += SURPLUS * z[4]
    s[1, 0] += SURPLUS * z[4]
    det = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
    ixx, iyy, ixy = s[1, 1] / det, s[0, 0] / det, -s[0, 1] / det
    if ixx * d[0] * d[0] + 2 * ixy * d[0] * d[1] + iyy * d[1] * d[1] > ODD2:
        return False
    for i in range(len(x)):
        gx, gy = ixx * h[0, i] + ixy * h[1, i], ixy * h[0, i] + iyy * h[1, i]
        x[i] += gx * d[0] + gy * d[1]
        for j in range(len(x)):
            p[i, j] -= gx * h[0, j] + gy * h[1, j]
    return True


@njit(cache=True, error_model="numpy")
def _add(x: Array, p: Array, slots: Array, n: int, info: Array, right: Array) -> None:
    """Add the information about offsets that goes beyond what the track began with.

    What shifts all clocks alike is left out: it shows only where a thing changes its speed, and there
    the filter, which follows late, is the likelier cause.
    """
    size = n * KINDS
    known = inverse(p[4 : 4 + size, 4 : 4 + size])
    told = known @ x[4 : 4 + size]
    for i in range(size):
        known[i, i] -= WIDE[i % KINDS] ** -2
    common, said = np.zeros(size), 0.0
    for i in range(2, size, KINDS):
        common += known[i]
        said += told[i]
    weight = 0.0
    for i in range(2, size, KINDS):
        weight += common[i]
    weight = 1 / weight if weight > 1e-9 else 0.0
    for i in range(size):
        a = KINDS * slots[i // KINDS] + i % KINDS
        right[a] += told[i] - common[i] * said * weight
        for j in range(size):
            b = KINDS * slots[j // KINDS] + j % KINDS
            info[a, b] += known[i, j] - common[i] * common[j] * weight
