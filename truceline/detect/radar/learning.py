"""How a pixel's history takes in a date: running means, variances and covariance (Welford, 1962).

What an open alert covers stays out, so that a change does not become its own past. Each loop runs along a
row without branches, so that the compiler takes many pixels at once; what stays out has a share of nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN, Levels
from truceline.detect.radar.matched import LIMIT, SPREAD_STEPS, Past, Today
from truceline.detect.radar.restless import UNREST_AFTER, UNREST_STEPS
from truceline.detect.radar.weather import Surface, lay_row
from truceline.geo.loops import njit

SPREAD_SHIFT = 3
SPREAD_BIN = 1 << SPREAD_SHIFT  # steps of a variance in one bin
SPREAD_BINS = 2048

CLIP_DB = 6.0  # a residual enters the history at most this large
REACH = np.float32(CLIP_DB * STEPS_PER_DB)
PER_DB2 = np.float32(SPREAD_STEPS / STEPS_PER_DB**2)
TOLD_ROWS = 4  # every fourth row tells the scene's usual spread
MOST_DATES = 60  # a longer history forgets: what lies further back than about as many dates fades


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def learn_rows(
    past: Past, today: Today, state: NDArray[np.uint8], gauge: NDArray[np.float32], weather: Surface,
    rows: tuple[int, int], bins: NDArray[np.int64],
) -> int:  # fmt: skip
    """Let observations without an open alert into the history (Welford's running mean and products).

    Parameters
    ----------
    past
        Brought up to date in the rows.
    today
        This date.
    state
        Alert states after this date, (height, width).
    gauge
        Middle and width of the contrasts of this date.
    weather
        Its weather.
    rows
        First row to take, last row + 1.
    bins
        Histograms of variances and covariance of the history, (3, SPREAD_BINS); added to.

    Returns
    -------
    int
        Pixels with data.
    """
    observed = 0
    pols, width = today.level.shape[0], today.level.shape[2]
    shares = np.zeros((3, width), np.float32)
    places = np.empty(width, np.int16)
    counts = np.zeros((3, 2, SPREAD_BINS + 1), np.int32)
    for row in range(rows[0], rows[1]):
        level, fed, seen = today.level[0, row], past.fed[row], past.seen[row]
        _remember(level, fed, today.calm[row], past.recent[0, row], past.recent[1, row])
        observed += _share(level, state[row], fed, shares)
        is_new = _is_any_unfed(fed)
        for layer in range(pols):
            mean = past.mean[layer, row]
            if is_new:
                _begin(today.level[layer, row], level, state[row], fed, weather[layer], row, mean)
            _learn_layer(today.residual[layer, row], shares, mean, past.spread[layer, row])
        if pols == 2:
            _learn_cross(today.residual[0, row], today.residual[1, row], shares, past.cross[row])
        _learn_unrest(today.contrast[row], gauge, shares[2], past.unrest[row])
        _count(level, state[row], fed, seen)
        if row % TOLD_ROWS == 0:
            _tell(past, row, fed, places, counts)
    for kind in range(3):
        for place in range(SPREAD_BINS):
            bins[kind, place] += counts[kind, 0, place] + counts[kind, 1, place]
    return observed


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _remember(
    level: Levels, fed: NDArray[np.uint8], calm: NDArray[np.int8], newer: NDArray[np.int8],
    older: NDArray[np.int8],
) -> None:  # fmt: skip
    """Keep the calm contrasts of the last two dates."""
    for column in range(level.shape[0]):
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        own, last, before = calm[column], newer[column], older[column]
        older[column] = last if known else before
        newer[column] = own if known else last


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _share(
    level: Levels, state: NDArray[np.uint8], fed: NDArray[np.uint8], shares: NDArray[np.float32]
) -> int:
    """Give today's share in the mean, in the products and in the unrest, 0 where it stays out."""
    observed = np.int32(0)
    for column in range(level.shape[0]):
        known = level[column] != UNSEEN
        is_open = (state[column] == 1) | (state[column] == 2)
        dates = np.float32(fed[column])
        weight = np.float32(known & (not is_open) & (fed[column] > 0))
        calm_dates = dates - np.float32(UNREST_AFTER)
        shares[0, column] = weight / (dates + np.float32(1))
        shares[1, column] = weight / max(dates, np.float32(1))
        shares[2, column] = (weight if calm_dates > 0 else np.float32(0)) / max(calm_dates, np.float32(1))
        observed += np.int32(known)
    return int(observed)


@njit(cache=True, nogil=True)
def _is_any_unfed(fed: NDArray[np.uint8]) -> bool:
    unfed = np.int32(0)
    for column in range(fed.shape[0]):
        unfed |= np.int32(fed[column] == 0)
    return bool(unfed != 0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _begin(
    own: Levels, level: Levels, state: NDArray[np.uint8], fed: NDArray[np.uint8], trend: Surface, row: int,
    mean: NDArray[np.int16],
) -> None:  # fmt: skip
    """Let the first observation of a pixel be its mean, the weather of the day taken off."""
    weather = np.zeros(len(level), np.float32)
    lay_row(trend, row, weather)
    for column in range(level.shape[0]):
        is_first = (level[column] != UNSEEN) & (fed[column] == 0)
        is_first &= (state[column] != 1) & (state[column] != 2)
        code = np.int16(min(max(np.rint(np.float32(own[column]) - weather[column]), -LIMIT), LIMIT))
        before = mean[column]
        mean[column] = code if is_first else before


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _learn_layer(
    residual: NDArray[np.int16], shares: NDArray[np.float32], mean: NDArray[np.int16],
    spread: NDArray[np.uint16],
) -> None:  # fmt: skip
    """Bring mean and variance of one polarisation up to date along a row."""
    for column in range(mean.shape[0]):
        change = min(max(np.float32(residual[column]), -REACH), REACH)
        share = shares[0, column]
        mean[column] = np.int16(np.float32(mean[column]) + np.rint(change * share))
        own = np.float32(spread[column])
        own += (change * change * (np.float32(1) - share) * PER_DB2 - own) * shares[1, column]
        spread[column] = np.uint16(min(np.rint(own), np.float32(65535)))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _learn_cross(
    one: NDArray[np.int16], two: NDArray[np.int16], shares: NDArray[np.float32], cross: NDArray[np.int16]
) -> None:
    for column in range(cross.shape[0]):
        first = min(max(np.float32(one[column]), -REACH), REACH)
        second = min(max(np.float32(two[column]), -REACH), REACH)
        own = np.float32(cross[column])
        product = first * second * (np.float32(1) - shares[0, column]) * PER_DB2
        own += (product - own) * shares[1, column]
        cross[column] = np.int16(min(max(np.rint(own), -LIMIT), LIMIT))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _learn_unrest(
    contrast: NDArray[np.float32], gauge: NDArray[np.float32], shares: NDArray[np.float32],
    unrest: NDArray[np.uint16],
) -> None:  # fmt: skip
    middle, scale = gauge[0], np.float32(1) / gauge[1]
    for column in range(unrest.shape[0]):
        calm = (contrast[column] - middle) * scale
        own = np.float32(unrest[column])
        square = min(calm * calm, np.float32(15.9)) * np.float32(UNREST_STEPS)
        own += (square - own) * shares[column]
        unrest[column] = np.uint16(min(np.rint(own), np.float32(65535)))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _count(level: Levels, state: NDArray[np.uint8], fed: NDArray[np.uint8], seen: NDArray[np.uint8]) -> None:
    for column in range(level.shape[0]):
        known = level[column] != UNSEEN
        learns = known & (state[column] != 1) & (state[column] != 2)
        seen[column] += np.uint8(known & (seen[column] < 255))
        fed[column] += np.uint8(learns & (fed[column] < MOST_DATES))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _tell(
    past: Past, row: int, fed: NDArray[np.uint8], places: NDArray[np.int16], counts: NDArray[np.int32]
) -> None:
    """Count the variances and covariances of a row."""
    for layer in range(past.mean.shape[0]):
        _sort_in(past.spread[layer, row], fed, 0, places, counts[2 * layer])
    if past.mean.shape[0] == 2:
        _sort_in(past.cross[row], fed, SPREAD_BINS // 2, places, counts[1])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _sort_in(
    values: NDArray[Any], fed: NDArray[np.uint8], middle: int, places: NDArray[np.int16],
    counts: NDArray[np.int32],
) -> None:  # fmt: skip
    """Count values into bins, by turns in two tables: neighbours are alike and would wait for each other."""
    for column in range(fed.shape[0]):
        place = (np.int32(values[column]) >> np.int32(SPREAD_SHIFT)) + np.int32(middle)
        place = min(max(place, np.int32(0)), np.int32(SPREAD_BINS - 1))
        places[column] = np.int16(place if fed[column] > 1 else np.int32(SPREAD_BINS))
    for column in range(fed.shape[0]):
        counts[column % 2, places[column]] += 1
