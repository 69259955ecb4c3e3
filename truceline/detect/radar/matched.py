"""The spatial matched filter of a radar series, in fused passes over strips of rows.

Both polarisations are weighed by the spread of the pixel's own history, summed over a window of five by
five pixels, and a pixel counts with the strongest window near it (a scan statistic, Kulldorff, A spatial
scan statistic, 1997), bounded by what its own window shows, so that the edge of a changed place is found
and unchanged neighbours are not.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import UNSEEN
from truceline.detect.radar.weather import Surface, lay_row

SPREAD_STEPS = 256  # steps of a variance per dB²
UNREST_STEPS = 4096
CONTRAST_STEPS = 200  # bins of a contrast per unit, for its middle and width
CONTRAST_BINS = 4001
STRENGTH_STEPS = 32  # bins of a strength per unit, for its tail
STRENGTH_BINS = 1025
SCORE_STEPS = 1024
RECENT_STEPS = 512
UNTESTED = -32768  # code of a score where nothing was tested

POOLED_DATES = np.float32(5.0)  # the scene's covariance weighs as much as this many dates of the pixel
FLOOR_DB2 = np.float32(0.05)  # variance below which no history is believed
CALM_DATES = np.float32(20.0)  # an unrest of 1 weighs as much as this many dates of the pixel's own
UNREST_AFTER = 3  # dates in the history before the unrest is learnt
# What lasts counts more, tuned on two of the development stacks and looked at on the other two:
CAP = np.float32(2.5)  # an earlier date counts at most so many times today
LEAST = np.float32(2.5)  # and from this contrast on, in widths
ALMOST = np.float32(0.9)  # and only if that lifts the pixel to this share of a score of 1
CLEAR_DB2 = np.float32(0.2)  # and only where the weather is known better than this
BOUND = np.float32(2.5)  # the strongest window counts at most so many times the pixel's own
_TAPS = np.exp(-(np.array([2.0, 1.0, 0.0, 1.0, 2.0]) ** 2) / (2 * 1.7**2))
TAPS = (_TAPS / _TAPS.sum()).astype(np.float32)


class Past(NamedTuple):
    """What each pixel's history says; planes (height, width), ``mean`` and ``spread`` one a polarisation.

    ``mean`` in 1/256 dB, ``spread`` (variance) and ``cross`` (covariance) in 1/256 dB², ``unrest`` (mean
    square of the contrast) in 1/4096, ``fed`` the dates that entered, ``seen`` those with data (to 255),
    ``recent`` the calm contrasts of the last two dates in 1/512, the newer one first.
    """

    mean: NDArray[np.int16]
    spread: NDArray[np.uint16]
    cross: NDArray[np.int16]
    unrest: NDArray[np.uint16]
    fed: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    recent: NDArray[np.int16]


class Today(NamedTuple):
    """One date: levels and residuals in codes (polarisations, height, width), the rest (height, width)."""

    level: NDArray[np.int16]
    residual: NDArray[np.int16]
    contrast: NDArray[np.float32]
    score: NDArray[np.int16]


class Scene(NamedTuple):
    """What the scene tells: its weather and the doubt in it, its usual covariance in dB², table of roots."""

    trend: Surface
    doubt: Surface
    pooled: NDArray[np.float32]
    roots: NDArray[np.float32]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def filter_rows(
    past: Past, today: Today, scene: Scene, top: int, bottom: int, bins: NDArray[np.int64]
) -> None:
    """Take the weather off and sum both polarisations over the window around each pixel.

    Parameters
    ----------
    past
        History before this date.
    today
        ``level`` is read; ``residual`` and ``contrast`` of the rows are written.
    scene
        Weather and covariance of the whole scene.
    top, bottom
        Rows to write.
    bins
        Histogram of the contrasts, (CONTRAST_BINS,); added to.
    """
    height, width = today.contrast.shape
    count = bottom - top
    number = np.zeros((count + 4, width), np.float32)
    weight = np.zeros((count + 4, width), np.float32)
    pols = today.level.shape[0]
    weather = np.zeros((2 * pols, width), np.float32)
    raw = np.zeros((2, width + 4), np.float32)
    for line in range(count + 4):
        row = min(max(top + line - 2, 0), height - 1)
        for layer in range(pols):
            lay_row(scene.trend[layer], row, width, weather[layer])
            lay_row(scene.doubt[layer], row, width, weather[pols + layer])
        _residuals(past, today, weather, row, top <= top + line - 2 < bottom)
        if today.level.shape[0] == 2:
            _join_two(past, today, weather, scene, row, raw)
        else:
            _join_one(past, today, weather, scene, row, raw)
        for side in range(2):
            raw[side, 0] = raw[side, 1] = raw[side, 2]
            raw[side, width + 2] = raw[side, width + 3] = raw[side, width + 1]
        _smooth(raw[0], number[line])
        _smooth(raw[1], weight[line])
    for row in range(top, bottom):
        line = row - top
        for column in range(width):
            total = over = np.float32(0)
            for tap in range(5):
                total += TAPS[tap] * number[line + tap, column]
                over += TAPS[tap] * weight[line + tap, column]
            today.contrast[row, column] = total / np.sqrt(max(over, np.float32(1e-6)))
        for column in range(width):
            if today.level[0, row, column] != UNSEEN and past.fed[row, column] > 0:
                place = int(np.rint(today.contrast[row, column] * CONTRAST_STEPS)) + CONTRAST_BINS // 2
                bins[min(max(place, 0), CONTRAST_BINS - 1)] += 1


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _residuals(past: Past, today: Today, weather: NDArray[np.float32], row: int, is_written: bool) -> None:
    if not is_written:
        return
    for layer in range(today.level.shape[0]):
        for column in range(today.level.shape[2]):
            rest = np.float32(today.level[layer, row, column]) - np.float32(past.mean[layer, row, column])
            rest = np.rint(rest - weather[layer, column])
            rest = min(max(rest, np.float32(-32000)), np.float32(32000))
            known = today.level[layer, row, column] != UNSEEN and past.fed[row, column] > 0
            today.residual[layer, row, column] = np.int16(rest) if known else np.int16(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _root(level: int, mean: int, weather: np.float32, roots: NDArray[np.float32]) -> Any:
    middle = roots.shape[0] // 2
    place = int(np.rint(np.float32(level - mean) - weather)) + middle
    return roots[min(max(place, 0), 2 * middle)]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _join_two(
    past: Past, today: Today, weather: NDArray[np.float32], scene: Scene, row: int, raw: NDArray[np.float32]
) -> None:
    """Weigh both polarisations for an equal change in dB: inverse variances, and what that spreads."""
    for column in range(today.level.shape[2]):
        fed = np.float32(past.fed[row, column])
        dates = max(fed - np.float32(1), np.float32(0))
        share = np.float32(1) / (dates + POOLED_DATES)
        own = dates * share * np.float32(1 / SPREAD_STEPS)
        pool = POOLED_DATES * share
        short = np.float32(1) + np.float32(1) / max(fed, np.float32(1))  # the mean itself is uncertain
        first = (own * past.spread[0, row, column] + pool * scene.pooled[0] + FLOOR_DB2) * short
        second = (own * past.spread[1, row, column] + pool * scene.pooled[2] + FLOOR_DB2) * short
        both = (own * past.cross[row, column] + pool * scene.pooled[1]) * short
        one = np.float32(1) / (first + weather[2, column])
        two = np.float32(1) / (second + weather[3, column])
        over = one + two + np.float32(2) * one * two * both
        known = today.level[0, row, column] != UNSEEN and past.fed[row, column] > 0
        total = one * _root(
            today.level[0, row, column], past.mean[0, row, column], weather[0, column], scene.roots
        ) + two * _root(
            today.level[1, row, column], past.mean[1, row, column], weather[1, column], scene.roots
        )
        # Covariances from few dates may contradict the variances; the sum never spreads less than a tenth.
        raw[0, column + 2] = total if known else np.float32(0)
        raw[1, column + 2] = max(over, np.float32(0.1) * (one + two)) if known else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _join_one(
    past: Past, today: Today, weather: NDArray[np.float32], scene: Scene, row: int, raw: NDArray[np.float32]
) -> None:
    for column in range(today.level.shape[2]):
        fed = np.float32(past.fed[row, column])
        dates = max(fed - np.float32(1), np.float32(0))
        own = dates * np.float32(past.spread[0, row, column]) * np.float32(1 / SPREAD_STEPS)
        short = np.float32(1) + np.float32(1) / max(fed, np.float32(1))
        first = (own + POOLED_DATES * scene.pooled[0]) / (dates + POOLED_DATES) + FLOOR_DB2
        one = np.float32(1) / (first * short + weather[1, column])
        known = today.level[0, row, column] != UNSEEN and past.fed[row, column] > 0
        root = _root(today.level[0, row, column], past.mean[0, row, column], weather[0, column], scene.roots)
        raw[0, column + 2] = one * root if known else np.float32(0)
        raw[1, column + 2] = one if known else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _smooth(raw: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for column in range(out.shape[0]):
        out[column] = (
            TAPS[0] * (raw[column] + raw[column + 4])
            + TAPS[1] * (raw[column + 1] + raw[column + 3])
            + TAPS[2] * raw[column + 2]
        )


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def score_rows(
    past: Past, today: Today, state: NDArray[np.uint8], gauge: NDArray[np.float32], doubt: Surface,
    baseline: int, rows: tuple[int, int], bins: NDArray[np.int64],
) -> None:  # fmt: skip
    """Let each pixel count with the strongest window near it, and write its score.

    Parameters
    ----------
    past
        History before this date.
    today
        ``contrast`` is read, also beside the rows; ``score`` of the rows is written.
    state
        Alert states before this date, (height, width).
    gauge
        Middle and width of the contrasts, and the strength that a score of 1 stands for.
    doubt
        Uncertainty of the weather; where it is large only today counts, as soaked ground stays soaked.
    baseline
        Valid observations that a pixel needs before it is tested.
    rows
        First row to write, last row + 1.
    bins
        Histogram of the strengths, (2, STRENGTH_BINS); first without pixels under an open alert, then all.
    """
    top, bottom = rows
    height, width = today.contrast.shape
    calm = np.zeros((bottom - top + 4, width + 4), np.float32)
    unsure = np.zeros(width, np.float32)
    laid = np.zeros(width, np.float32)
    high3 = np.zeros((bottom - top + 4, width), np.float32)
    high5 = np.zeros_like(high3)
    low3 = np.zeros_like(high3)
    low5 = np.zeros_like(high3)
    for line in range(bottom - top + 4):
        row = top + line - 2
        if row < 0 or row >= height:
            continue
        unsure[:] = 0
        for layer in range(doubt.shape[0]):
            lay_row(doubt[layer], row, width, laid)
            unsure += laid
        for column in range(width):
            known = today.level[0, row, column] != UNSEEN and past.fed[row, column] > 0
            alone = calm_contrast(past, today, gauge, row, column) if known else np.float32(0)
            if unsure[column] < CLEAR_DB2:
                newer = np.float32(past.recent[0, row, column]) / np.float32(RECENT_STEPS)
                older = np.float32(past.recent[1, row, column]) / np.float32(RECENT_STEPS)
                alone = _lasting(alone, newer, older, gauge[2])
            calm[line, column + 2] = alone
        for column in range(width):
            a, b, c = calm[line, column + 1], calm[line, column + 2], calm[line, column + 3]
            d, e = calm[line, column], calm[line, column + 4]
            high3[line, column] = max(a, b, c)
            low3[line, column] = min(a, b, c)
            high5[line, column] = max(high3[line, column], d, e)
            low5[line, column] = min(low3[line, column], d, e)
    unit = np.float32(SCORE_STEPS) / gauge[2]
    for row in range(top, bottom):
        at = row - top + 2
        for column in range(width):
            up, down = calm[at - 2, column + 2], calm[at + 2, column + 2]
            high = max(up, down, high5[at, column], high3[at - 1, column], high3[at + 1, column])
            low = min(up, down, low5[at, column], low3[at - 1, column], low3[at + 1, column])
            own = calm[at, column + 2]
            near = high if own > 0 else low
            part = min(BOUND * own / near, np.float32(1)) if near != 0 else np.float32(1)
            strength = near * part
            code = min(max(np.rint(strength * unit), np.float32(-32000)), np.float32(32000))
            known = today.level[0, row, column] != UNSEEN and past.fed[row, column] > 0
            is_tested = known and past.seen[row, column] >= baseline
            today.score[row, column] = np.int16(code) if is_tested else np.int16(UNTESTED)
            if known:
                place = min(int(abs(strength) * STRENGTH_STEPS), STRENGTH_BINS - 1)
                bins[1, place] += 1
                if state[row, column] != 1 and state[row, column] != 2:
                    bins[0, place] += 1


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def calm_contrast(past: Past, today: Today, gauge: NDArray[np.float32], row: int, column: int) -> Any:
    """Give the contrast of a pixel in units of the scene's width and of the pixel's own unrest."""
    dates = max(np.float32(past.fed[row, column]) - np.float32(1 + UNREST_AFTER), np.float32(0))
    own = np.float32(past.unrest[row, column]) * np.float32(1 / UNREST_STEPS)
    unrest = (dates * own + CALM_DATES) / (dates + CALM_DATES)
    return (today.contrast[row, column] - gauge[0]) / (gauge[1] * np.sqrt(unrest))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _lasting(alone: np.float32, newer: np.float32, older: np.float32, reach: np.float32) -> Any:
    """Let what lasts count: sums over two and three dates, whose noise spreads by the root of their number.

    An earlier date counts at most ``CAP`` times today's, so that one strong date does not pass for two.
    """
    best = own = abs(alone)
    sign = np.float32(1) if alone > 0 else np.float32(-1)
    newer, older = sign * newer, sign * older
    if newer > LEAST:
        total = own + min(newer, CAP * own)
        best = max(best, total * np.float32(1 / math.sqrt(2)))
        if older > LEAST:
            best = max(best, (total + min(older, CAP * own)) * np.float32(1 / math.sqrt(3)))
    return sign * best if best >= ALMOST * reach else alone
