"""The pictures of a radar series: the bands of ``change.tif``, made strip by strip."""

from datetime import datetime, timedelta
from typing import Any

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
    life, seen, score = history.life, history.past.seen, history.today.score
    days = np.array([(stamp.time_utc - _EPOCH) / timedelta(days=1) for stamp in history.stamps])
    planes = (score, seen, life.state, life.first, life.peak)
    # Cut out, pixels lie side by side in memory, and the compiler takes many at once:
    cut: list[NDArray[Any]] = [np.ascontiguousarray(plane[rows, columns]) for plane in planes]
    bands = np.empty((4, *cut[0].shape), np.float32)
    _paint(cut[0], cut[1], cut[2], cut[3], cut[4], days, bands)
    if columns.stop == history.grid.width:
        history.desk.let_go(rows.start, rows.stop)
    return bands


def score_band(history: History, rows: slice, columns: slice) -> Float32:
    """Give some rows and columns of today's scores, array (1, rows, columns), NaN where untested."""
    codes = np.ascontiguousarray(history.today.score[rows, columns])
    band = np.empty((1, *codes.shape), np.float32)
    _paint_score(codes, band[0])
    return band


@njit(cache=True, nogil=True)
def _paint(
    score: NDArray[np.int16], seen: NDArray[np.uint8], state: NDArray[np.uint8], first: NDArray[np.int16],
    peak: NDArray[np.int16], days: NDArray[np.float64], bands: Float32,
) -> None:  # fmt: skip
    _paint_score(score, bands[0])
    none, unit = np.float32(np.nan), np.float32(1 / SCORE_STEPS)
    for row in range(state.shape[0]):
        _say_state(seen[row], state[row], bands[1, row])
        bands[2, row] = none
        bands[3, row] = none
        if _is_any(first[row]):
            for column in range(first.shape[1]):
                if first[row, column] != NEVER:
                    bands[2, row, column] = days[first[row, column]]
                    bands[3, row, column] = np.float32(peak[row, column]) * unit


@njit(cache=True, nogil=True)
def _paint_score(codes: NDArray[np.int16], out: Float32) -> None:
    unit = np.float32(1 / SCORE_STEPS)
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            code = codes[row, column]
            out[row, column] = np.float32(np.nan) if code == UNTESTED else np.float32(code) * unit


@njit(cache=True, nogil=True)
def _say_state(seen: NDArray[np.uint8], state: NDArray[np.uint8], out: Float32) -> None:
    for column in range(state.shape[0]):
        own = np.float32(state[column])
        out[column] = np.float32(UNSEEN) if seen[column] == 0 else own


@njit(cache=True, nogil=True)
def _is_any(first: NDArray[np.int16]) -> bool:
    alerts = np.int32(0)
    for column in range(first.shape[0]):
        alerts |= np.int32(first[column] != NEVER)
    return bool(alerts != 0)
