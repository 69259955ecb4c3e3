"""How many things there are in an area: what is followed, what was told, and what looks saw, put together.

Who tells of a number misjudges it by a share of it (scalar variability: Whalen, Gallistel and Gelman,
Psychological Science 10, 1999), so the logarithm of a told number has the error :data:`ABOUT`, and more as
things come and go. Reports of one place share their error: a second one that says the same tells
nothing more, and one that says otherwise widens what is known to how far they lie apart. Things that are
followed by themselves are among those that were told of: the number is at least theirs, and the
rest, of which nothing is known but what was told, adds to them. A look shows each thing with a probability.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

ABOUT = 0.2  # standard deviation of the logarithm: "about ten" is eight to twelve
COME_AND_GO = 0.3  # what an hour adds to it
TAIL = 0.05  # probability that a count lies below its lower bound, and above its upper
SUREST = 0.98  # no look shows more of what there is
MOST = 1e5  # things; who tells of more is taken to tell of so many


def together(told: Iterable[tuple[float, float]], now_s: float) -> tuple[float, float]:
    """Put told numbers together; their order does not matter.

    Parameters
    ----------
    told
        Number and time in seconds of each report, one at least.
    now_s
        The time of which the number is asked.

    Returns
    -------
    tuple
        Number, and standard deviation of its logarithm.
    """
    count, time = np.array(sorted(told), float).T
    variance = ABOUT**2 + COME_AND_GO**2 * np.abs(now_s - time) / 3600
    return merged(count, np.sqrt(variance))


def merged(count: Array, spread: Array) -> tuple[float, float]:
    """Put numbers together of which one tells of the same things as another, see :func:`together`."""
    weight, size = 1 / spread**2, np.log(np.minimum(count, MOST))
    mean = float(np.average(size, weights=weight))
    apart = float(np.average((size - mean) ** 2, weights=weight))
    return math.exp(mean), math.sqrt(max(float(spread.min()) ** 2, apart))


def how_many(
    exists_p: Array, count: Array, spread: Array, looks: Sequence[tuple[int, float]] = ()
) -> tuple[float, int, int]:
    """Tell how many things members are: mean, and between which numbers in nine of ten cases.

    Parameters
    ----------
    exists_p
        (n,) of each member.
    count, spread
        (n,): how many things were told of in its place and the standard deviation of the logarithm;
        1: it is one thing.
    looks
        Later looks at the whole place: how many each saw, and with what probability it shows one.
    """
    told = count > 1
    chances = _followed(exists_p)
    if told.any():
        number, error = merged(count[told], spread[told])
        belief = float(exists_p[told].max())
        sure = exists_p.copy()
        sure[np.flatnonzero(told)[exists_p[told].argmax()]] = 1.0
        size = max(int(number * math.exp(4 * error)), len(exists_p)) + 2
        rest = _padded(_followed(exists_p[~told]), size)
        chances = belief * _told(_padded(_followed(sure), size), number, error) + (1 - belief) * rest
        chances = _looked_at(chances, looks)
    below = np.cumsum(chances)
    low = int(np.searchsorted(below, TAIL, "right"))
    high = int(np.searchsorted(below, 1 - TAIL))
    return float((np.arange(len(chances)) * chances).sum()), low, min(high, len(chances) - 1)


def _followed(exists_p: Array) -> Array:
    """Probability of each number of existing things.

    A sum of independent chances (Poisson and binomial; Wang, Statistica Sinica 3, 1993).
    """
    chances = np.ones(1)
    for p in np.sort(exists_p):
        chances = np.convolve(chances, [1 - p, p])
    return chances


def _told(followed: Array, number: float, error: float) -> Array:
    """Probability of each number, told of things some of which are followed; its mean is what was told."""
    n = np.arange(1, len(followed))
    log = -0.5 * ((np.log(n / number) + 0.5 * error**2) / error) ** 2 - np.log(n)
    at_least = np.cumsum(followed)[1:]
    log[at_least <= 0] = -np.inf
    chances = np.r_[0.0, np.exp(log - log.max()) * at_least]
    return np.asarray(chances / chances.sum())


def _looked_at(chances: Array, looks: Sequence[tuple[int, float]]) -> Array:
    """Weigh numbers by what looks saw (binomial); a look that saw more than can be says nothing."""
    n = np.arange(len(chances))
    ways = np.r_[0.0, np.cumsum(np.log(np.maximum(n[1:], 1)))]  # logarithm of n!
    for seen, p in sorted(looks):
        log = ways - ways[np.maximum(n - seen, 0)] + (n - seen) * math.log1p(-min(p, SUREST))
        weighed = np.where(n >= seen, chances * np.exp(log - log.max()), 0.0)
        if weighed.sum() > 0:
            chances = weighed / weighed.sum()
    return chances


def _padded(chances: Array, size: int) -> Array:
    return np.pad(chances, (0, max(size - len(chances), 0)))
