"""How far unchanged pixels reach: what a wanted share of them exceeds, learnt from past dates."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.scoring import STRENGTH_BINS, STRENGTH_STEPS

ANCHOR = 10.0  # the tail is extrapolated from the strength that this many times the wanted share exceeds
MOST_ANCHOR = 0.1
LONGEST = 4.0  # at most so far beyond the anchor counts: what changed tells little of what did not
FEW_PIXELS = 2000  # a date with fewer tells nothing of its tail
# Before any date has told: the largest of about five independent normal strengths, as much as two dates.
FIRST_FREEDOM = 5.0
FIRST_DATES = 2
USUAL = 0.7  # quantile over dates: on most of them fewer exceed; a date of much change is no measure


def usual_reach(reaches: Sequence[float], far: float) -> float:
    """Join what past dates told into the strength that a score of 1 stands for."""
    first = math.sqrt(2 * math.log(2 * FIRST_FREEDOM / far))
    return float(np.quantile([first] * FIRST_DATES + list(reaches), USUAL))


def reach_of(counts: NDArray[np.int64], far: float) -> float | None:
    """Estimate the strength that a share ``far`` of unchanged pixels exceeds on one date.

    The tail above an anchor is taken as exponential with the mean excess observed there (Pickands,
    Statistical inference using extreme order statistics, Annals of Statistics 3, 1975, shape 0).

    Parameters
    ----------
    counts
        Histogram of the strengths, (STRENGTH_BINS,).
    far
        Wanted share.

    Returns
    -------
    float or None
        None when too few pixels were counted.
    """
    total = int(counts.sum())
    if total < FEW_PIXELS:
        return None
    share = min(ANCHOR * far, MOST_ANCHOR)
    if share <= far:
        return _exceeded_by(counts, total, far)
    anchor = _exceeded_by(counts, total, share)
    middles = (np.arange(STRENGTH_BINS) + 0.5) / STRENGTH_STEPS
    beyond = np.clip(middles - anchor, 0, LONGEST)
    excess = float((counts * beyond).sum()) / (share * total)
    return anchor + excess * math.log(share / far)


def _exceeded_by(counts: NDArray[np.int64], total: int, share: float) -> float:
    above = counts[::-1].cumsum()[::-1]  # pixels in this bin or a higher one
    wanted = share * total
    place = int(np.searchsorted(-above, -wanted, side="right")) - 1
    place = max(place, 0)
    inside = (above[place] - wanted) / max(int(counts[place]), 1)
    return float(place + inside) / STRENGTH_STEPS
