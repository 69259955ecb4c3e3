"""Where each sensor's picture lies beside those of the others: its bias, its azimuth and its clock.

Every track that several sensors saw is a witness: it is filtered once more with the offsets of its
sensors as further unknowns, and what it comes to say about them, its own course left out, is added to
what the others said (information form: Bar-Shalom, Li, Kirubarajan, *Estimation with Applications*,
2001, 7.2; offsets as states: Friedland, IEEE TAC 14(4), 1969). Only differences between sensors can be
seen; that most sensors are good is what tells which one is off.
"""

from typing import NamedTuple

import numpy as np

from truceline.track.sensors.hearing import FREE, KINDS, WIDE, hear, inverse
from truceline.track.state.types import Array

POSITION, CLOCK, AZIMUTH = [0, 1], [2], [3]
GROUPS = (POSITION, CLOCK, AZIMUTH)
GOOD = np.array([2.0, 2.0, 0.15, 5e-4])  # standard deviation of what a good sensor is off by
CLEAR2 = {1: 19.0, 2: 21.5}  # chi-square that is evidence, by degrees of freedom: once in 50,000
ODD_SHARE, ODD_LEAST = 0.18, 12.0  # of a sensor's detections that lie too far off
ODD_TRACKS = 6  # so many must say so: one that turns, or a column that changes places, is no liar


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

    def learn(self, owner: Array, time: Array, sensor: Array, sortie: Array, z: Array, v: Array) -> Array:
        """Hear the tracks out about a stretch of time.

        Parameters
        ----------
        owner, time, sensor, sortie
            (n,) of each detection.
        z
            (n, 5): x, y, sxx, syy, sxy as the sensor gave them.
        v
            (n, 2): velocity of its track; NaN: unknown.

        Returns
        -------
        array
            (M,): 0 for a sensor whose detections lie elsewhere than its tracks too often to be heard, else 1.
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
        lever = np.stack([self.place[sensor, 1] - z[:, 1], z[:, 0] - self.place[sensor, 0]], 1)
        lever[~self.stands[sensor], :] = 0.0
        # Each row says whose offsets differ; who contradicts the others, or itself, says nothing of them.
        believed = np.ones(len(self.heard))
        while True:
            order = order[believed[sensor[order]] > 0]
            begin = np.r_[np.flatnonzero(np.diff(owner[order], prepend=0)), len(order)]
            told = np.zeros_like(self.info), np.zeros_like(self.right), np.zeros_like(self.heard)
            odd = np.zeros((len(believed), len(believed), 3))
            hear(begin, order, time, sensor, z, v, lever, *told, odd)
            worst = contradicted(odd)
            if worst is None:
                break
            believed[worst] = 0.0
        self.info += told[0]
        self.right += told[1]
        self.heard += told[2]
        return believed

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
            spread[n, GROUPS[g]] = FREE[GROUPS[g]]
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


def contradicted(odd: Array) -> int | None:
    """Name the sensor whose detections lie elsewhere than the track most often; None: none does too often.

    Parameters
    ----------
    odd
        (M, M, 3): by the sensor that saw the track before and the one that sees it, how often it lay where it
        was expected and how often too far off, and for how many tracks. Of two that differ either may be at
        fault: the worse one is.
    """
    of = odd + odd.transpose(1, 0, 2)
    own = np.arange(len(odd))
    of[own, own] /= 2
    fine, off, tracks = of.sum(1).T
    is_clear = (off >= ODD_LEAST) & (tracks >= ODD_TRACKS)
    share = np.where(is_clear, off / np.maximum(fine + off, 1.0), 0.0)
    return int(share.argmax()) if share.max(initial=0.0) > ODD_SHARE else None
