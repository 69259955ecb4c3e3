"""The pictures of a radar series: the bands of ``change.tif``, made strip by strip."""

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.history import History
from truceline.detect.radar.lifecycle import NEVER, UNSEEN
from truceline.detect.radar.scoring import SCORE_STEPS, UNTESTED
from truceline.geo.loops import njit
from truceline.geo.raster import Float32

BANDS = ("score", "state", "first_seen", "peak_score")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def bands_of(history: History, rows: slice, columns: slice) -> Float32:
    """Give some rows and columns of the four bands of ``change.tif``, array (4, rows, columns)."""
    life, cut = history.life, (rows, columns)
    days = np.array([(stamp.time_utc - _EPOCH) / timedelta(days=1) for stamp in history.stamps])
    bands = np.empty((4, *life.state[cut].shape), np.float32)
    _paint(history.today.score[cut], bands[0])
    _say_state(history.past.seen[cut], life.state[cut], bands[1])
    _say_alert(life.first[cut], life.peak[cut], days, bands[2], bands[3])
    if columns.stop == history.grid.width:
        history.desk.let_go(rows.start, rows.stop)
    return bands


def score_band(history: History, rows: slice, columns: slice) -> Float32:
    """Give some rows and columns of today's scores, array (1, rows, columns), NaN where untested."""
    codes = history.today.score[rows, columns]
    band = np.empty((1, *codes.shape), np.float32)
    _paint(codes, band[0])
    return band


@njit(cache=True, nogil=True)
def _paint(codes: NDArray[np.int16], out: Float32) -> None:
    unit = np.float32(1 / SCORE_STEPS)
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            code = codes[row, column]
            out[row, column] = np.float32(np.nan) if code == UNTESTED else np.float32(code) * unit


@njit(cache=True, nogil=True)
def _say_state(seen: NDArray[np.uint8], state: NDArray[np.uint8], out: Float32) -> None:
    for row in range(state.shape[0]):
        for column in range(state.shape[1]):
            own = np.float32(state[row, column])
            out[row, column] = np.float32(UNSEEN) if seen[row, column] == 0 else own


@njit(cache=True, nogil=True)
def _say_alert(
    first: NDArray[np.int16],
    peak: NDArray[np.int16],
    days: NDArray[np.float64],
    since: Float32,
    most: Float32,
) -> None:
    none, unit = np.float32(np.nan), np.float32(1 / SCORE_STEPS)
    for row in range(first.shape[0]):
        since[row, :] = none
        most[row, :] = none
        for column in range(first.shape[1]):
            if first[row, column] != NEVER:
                since[row, column] = days[first[row, column]]
                most[row, column] = np.float32(peak[row, column]) * unit
