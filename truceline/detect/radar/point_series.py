"""Lasting change at a point of the ground from its radar series alone (contract satellite, section 5).

Two questions are asked of the cross-polarised echo (VH: what stands on the ground; VV follows rain and
wind). How much of it persists: speckle, rain and wind are forgotten at the next pass, so the covariance of
passes one to three apart is variance of the surface alone. And how sure a step is: the likelihood ratio of
two levels against one, in units of the noise between neighbours (Page 1955; Hinkley 1970, *Biometrika* 57).
The product of both is the statistic. Two numbers, fitted on labelled sites, turn it into a probability.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEAST_OBSERVATIONS = 12  # below, a step and its noise cannot be told apart
_LEAST_SIDE = 4  # passes on each side of a step
_LAGS = (1, 2, 3)
# Nine looks of one pixel each leave 10 / ln 10 · sqrt(1 / 9) dB of speckle; a quieter series is chance.
_LEAST_NOISE_DB = 0.3
_MAD_TO_SIGMA = 1.4826
# Logistic fit on labelled sites, each weighing the same; without any one of them the slope is 0.50 … 0.70.
FIT = {"intercept": -1.09, "slope": 0.54}
PRIOR = 0.45  # of a series that is too short: not enough to raise anything


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one series; ``step`` is the first observation of the new level, −1 for none."""

    observations: int
    probability: float
    step: int
    rises: bool


def judge(vv: Array, vh: Array, orbit: Sequence[str]) -> Verdict:
    """Judge one series, in order of time.

    Parameters
    ----------
    vv, vh
        Linear power, arrays (dates, 9), NaN = missing. Where a series has no VH at all VV stands in.
    orbit
        Orbit direction of each date: levels are compared within a direction.
    """
    power = vh if np.isfinite(vh).any() else vv
    level = _decibels(power)
    known = np.flatnonzero(np.isfinite(level))
    if known.size < LEAST_OBSERVATIONS:
        return Verdict(observations=int(known.size), probability=PRIOR, step=-1, rises=False)
    series = _within_orbits(level[known], [orbit[index] for index in known.tolist()])
    _, place, rise = _step(series)
    probability = 1 / (1 + math.exp(-(FIT["intercept"] + FIT["slope"] * statistic(series))))
    return Verdict(
        observations=int(known.size),
        probability=min(max(probability, 0.01), 0.99),  # a fit on few sites is never certain
        step=int(known[place]),
        rises=rise > 0,
    )


def statistic(series: Array) -> float:
    """Give the logarithm of persistent variance (dB²) times the likelihood ratio of a step."""
    ratio, *_ = _step(series)
    return math.log(max(_persistent(series), 1e-3)) + math.log(max(ratio, 1e-3))


def _decibels(power: Array) -> Array:
    valid = np.isfinite(power) & (power > 0)
    count = valid.sum(axis=1)
    mean = np.where(valid, power, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, 10 * np.log10(np.where(count > 0, mean, 1.0)), np.nan)


def _within_orbits(level: Array, orbit: Sequence[str]) -> Array:
    words = np.array(orbit)
    series = level.copy()
    for word in np.unique(words):
        series[words == word] -= level[words == word].mean()
    return series


def _persistent(series: Array) -> float:
    rest = series - series.mean()
    return float(np.mean([np.mean(rest[lag:] * rest[:-lag]) for lag in _LAGS]))


def _step(series: Array) -> tuple[float, int, float]:
    """Find the best step: its likelihood ratio, the first index after it, and its height."""
    count = series.size
    noise = max(_MAD_TO_SIGMA * float(np.median(np.abs(np.diff(series)))) / math.sqrt(2), _LEAST_NOISE_DB)
    after = np.arange(_LEAST_SIDE, count - _LEAST_SIDE + 1)
    total = np.cumsum(series)
    low = total[after - 1] / after
    high = (total[-1] - total[after - 1]) / (count - after)
    ratio = after * (count - after) / count * (high - low) ** 2 / noise**2
    best = int(np.argmax(ratio))
    return float(ratio[best]), int(after[best]), float(high[best] - low[best])
