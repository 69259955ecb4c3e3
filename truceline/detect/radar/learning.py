"""How a pixel's history takes in a date: running means, variances and covariance (Welford, 1962).

What an open alert covers stays out, so that a change does not become its own past.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN
from truceline.detect.radar.matched import (
    RECENT_STEPS,
    SPREAD_STEPS,
    UNREST_AFTER,
    UNREST_STEPS,
    Past,
    Today,
    calm_contrast,
)
from truceline.detect.radar.weather import Surface, lay_row

SPREAD_BIN = 8  # steps of a variance in one bin
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
    laid = np.zeros((pols, width), np.float32)
    for row in range(rows[0], rows[1]):
        for layer in range(pols):
            lay_row(weather[layer], row, width, laid[layer])
        for column in range(width):
            if today.level[0, row, column] != UNSEEN:
                observed += 1
                past.seen[row, column] = min(past.seen[row, column], 254) + 1
                if past.fed[row, column] > 0:
                    calm = np.rint(calm_contrast(past, today, gauge, row, column) * np.float32(RECENT_STEPS))
                    past.recent[1, row, column] = past.recent[0, row, column]
                    past.recent[0, row, column] = np.int16(
                        min(max(calm, np.float32(-32000)), np.float32(32000))
                    )
                if state[row, column] != 1 and state[row, column] != 2:
                    _learn(past, today, gauge, laid, row, column)
            if row % TOLD_ROWS == 0 and past.fed[row, column] > 1:
                for layer in range(pols):
                    place = int(past.spread[layer, row, column]) // SPREAD_BIN
                    bins[2 * layer, min(place, SPREAD_BINS - 1)] += 1
                if pols == 2:
                    place = int(past.cross[row, column]) // SPREAD_BIN + SPREAD_BINS // 2
                    bins[1, min(max(place, 0), SPREAD_BINS - 1)] += 1
    return observed


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _learn(
    past: Past, today: Today, gauge: NDArray[np.float32], laid: NDArray[np.float32], row: int, column: int
) -> None:
    """Let one pixel's observation into its history."""
    fed = int(past.fed[row, column])
    pols = today.level.shape[0]
    if fed == 0:
        for layer in range(pols):
            level = np.rint(np.float32(today.level[layer, row, column]) - laid[layer, column])
            past.mean[layer, row, column] = np.int16(min(max(level, np.float32(-32000)), np.float32(32000)))
        past.fed[row, column] = 1
        return
    share = np.float32(1) / np.float32(fed + 1)
    part = np.float32(1) / np.float32(fed)
    first = _learn_layer(past, today, 0, row, column, share, part)
    if pols == 2:
        second = _learn_layer(past, today, 1, row, column, share, part)
        own = np.float32(past.cross[row, column])
        own += (first * second * (np.float32(1) - share) * PER_DB2 - own) * part
        past.cross[row, column] = np.int16(min(max(np.rint(own), np.float32(-32000)), np.float32(32000)))
    if fed > UNREST_AFTER:
        calm = (today.contrast[row, column] - gauge[0]) / gauge[1]
        own = np.float32(past.unrest[row, column])
        square = min(calm * calm, np.float32(15.9)) * np.float32(UNREST_STEPS)
        own += (square - own) / np.float32(fed - UNREST_AFTER)
        past.unrest[row, column] = np.uint16(min(np.rint(own), np.float32(65535)))
    past.fed[row, column] = min(fed + 1, MOST_DATES)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _learn_layer(
    past: Past, today: Today, layer: int, row: int, column: int, share: np.float32, part: np.float32
) -> Any:
    """Bring mean and variance of one polarisation up to date; answer the change that entered, in codes."""
    change = min(max(np.float32(today.residual[layer, row, column]), -REACH), REACH)
    past.mean[layer, row, column] += np.int16(np.rint(change * share))
    own = np.float32(past.spread[layer, row, column])
    own += (change * change * (np.float32(1) - share) * PER_DB2 - own) * part
    past.spread[layer, row, column] = np.uint16(min(np.rint(own), np.float32(65535)))
    return change
