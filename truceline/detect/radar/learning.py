"""How a pixel's history takes in a date: running means, variances and covariance (Welford, 1962).

What an open alert covers stays out, so that a change does not become its own past. Each loop runs along a
row without branches, so that the compiler takes many pixels at once; what stays out has a share of nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN, Levels
from truceline.detect.radar.matched import LIMIT, SPREAD_STEPS, Past, Today, count_in
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
    spare, gap = np.zeros((2, width), np.int16), np.zeros(width, np.uint16)  # for a second polarisation
    places = np.empty(width, np.uint16)
    counts = np.zeros((3, 2, SPREAD_BINS + 1), np.int32)
    for row in range(rows[0], rows[1]):
        level, fed, last = today.level[0, row], past.fed[row], pols - 1
        rest, mean, spread = today.residual[last, row], past.mean[last, row], past.spread[last, row]
        if pols == 1:
            rest, mean, spread = spare[0], spare[1], gap
        known, fresh = _learn(
            level, state[row], today.residual[0, row], rest, today.contrast[row], gauge, today.calm[row],
            past.recent[0, row], past.recent[1, row], past.mean[0, row], mean, past.spread[0, row], spread,
            past.cross[row], past.unrest[row], fed, past.seen[row],
        )  # fmt: skip
        observed += known
        for layer in range(pols if fresh > 0 else 0):
            _begin(
                today.level[layer, row], level, state[row], fed, weather[layer], row, past.mean[layer, row]
            )
        if row % TOLD_ROWS == 0:
            _tell(past, row, fed, places, counts)
    for kind in range(3):
        for place in range(SPREAD_BINS):
            bins[kind, place] += counts[kind, 0, place] + counts[kind, 1, place]
    return observed


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _learn(
    level: Levels, state: NDArray[np.uint8], one: NDArray[np.int16], two: NDArray[np.int16],
    contrast: NDArray[np.float32], gauge: NDArray[np.float32], calm: NDArray[np.int8],
    newer: NDArray[np.int8], older: NDArray[np.int8], mean_one: NDArray[np.int16],
    mean_two: NDArray[np.int16], spread_one: NDArray[np.uint16], spread_two: NDArray[np.uint16],
    cross: NDArray[np.int16], unrest: NDArray[np.uint16], fed: NDArray[np.uint8], seen: NDArray[np.uint8],
) -> tuple[int, int]:  # fmt: skip
    """Bring all that is kept of a row up to date in one pass; count pixels with data and first ones."""
    middle, scale, full = gauge[0], np.float32(1) / gauge[1], np.float32(65535)
    observed = fresh = np.int32(0)
    for column in range(level.shape[0]):
        known, dates = level[column] != UNSEEN, np.float32(fed[column])
        has, learns = fed[column] > 0, known & (state[column] != 1) & (state[column] != 2)
        observed += np.int32(known)
        fresh += np.int32(learns & (not has))
        own, last, before = np.int32(calm[column]), np.int32(newer[column]), np.int32(older[column])
        # A choice by a sum: between numbers of 8 bits, by masks of 16, AVX2 would take one pixel at a time.
        keeps = np.int32(known & has)
        older[column] = np.int8(before + keeps * (last - before))
        newer[column] = np.int8(last + keeps * (own - last))
        weight = np.float32(learns & has)
        share = weight / (dates + np.float32(1))  # of today in the mean,
        part = weight / max(dates, np.float32(1))  # in the products,
        calm_dates = dates - np.float32(UNREST_AFTER)
        # and in the unrest:
        still = weight * np.float32(calm_dates > 0) / max(calm_dates, np.float32(1))
        first = min(max(np.float32(one[column]), -REACH), REACH)
        second = min(max(np.float32(two[column]), -REACH), REACH)
        mean_one[column] = np.int16(np.float32(mean_one[column]) + np.rint(first * share))
        mean_two[column] = np.int16(np.float32(mean_two[column]) + np.rint(second * share))
        rest = (np.float32(1) - share) * PER_DB2
        product = np.float32(spread_one[column])
        product += (first * first * rest - product) * part
        spread_one[column] = np.uint16(min(np.rint(product), full))
        product = np.float32(spread_two[column])
        product += (second * second * rest - product) * part
        spread_two[column] = np.uint16(min(np.rint(product), full))
        product = np.float32(cross[column])
        product += (first * second * rest - product) * part
        cross[column] = np.int16(min(max(np.rint(product), -LIMIT), LIMIT))
        off = (contrast[column] - middle) * scale
        square = np.float32(unrest[column])
        square += (min(off * off, np.float32(15.9)) * np.float32(UNREST_STEPS) - square) * still
        unrest[column] = np.uint16(min(np.rint(square), full))
        seen[column] += np.uint8(known & (seen[column] < 255))
        fed[column] += np.uint8(learns & (fed[column] < MOST_DATES))
    return int(observed), int(fresh)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _begin(
    own: Levels, level: Levels, state: NDArray[np.uint8], fed: NDArray[np.uint8], trend: Surface, row: int,
    mean: NDArray[np.int16],
) -> None:  # fmt: skip
    """Let the first observation of a pixel, just counted, be its mean, the weather of the day taken off."""
    weather = np.zeros(len(level), np.float32)
    lay_row(trend, row, weather)
    for column in range(level.shape[0]):
        is_first = (level[column] != UNSEEN) & (fed[column] == 1)
        is_first &= (state[column] != 1) & (state[column] != 2)
        code = np.int16(min(max(np.rint(np.float32(own[column]) - weather[column]), -LIMIT), LIMIT))
        before = mean[column]
        mean[column] = code if is_first else before


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _tell(
    past: Past, row: int, fed: NDArray[np.uint8], places: NDArray[np.uint16], counts: NDArray[np.int32]
) -> None:
    """Count the variances and covariances of a row."""
    for layer in range(past.mean.shape[0]):
        _sort_in(past.spread[layer, row], fed, 0, places, counts[2 * layer])
    if past.mean.shape[0] == 2:
        _sort_in(past.cross[row], fed, SPREAD_BINS // 2, places, counts[1])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _sort_in(
    values: NDArray[Any], fed: NDArray[np.uint8], middle: int, places: NDArray[np.uint16],
    counts: NDArray[np.int32],
) -> None:  # fmt: skip
    """Count values into bins, by turns in two tables: neighbours are alike and would wait for each other."""
    for column in range(fed.shape[0]):
        place = (np.int32(values[column]) >> np.int32(SPREAD_SHIFT)) + np.int32(middle)
        place = min(max(place, np.int32(0)), np.int32(SPREAD_BINS - 1))
        places[column] = np.uint16(place if fed[column] > 1 else np.int32(SPREAD_BINS))
    count_in(places, counts)
