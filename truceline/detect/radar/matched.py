"""The spatial matched filter of a radar series, over strips of rows.

Both polarisations are weighed by the spread of the pixel's own history, summed over a window of five by
five pixels. Each loop runs along a row without branches, so that the compiler takes many pixels at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import ROOT_REACH, UNSEEN, Levels
from truceline.detect.radar.weather import Surface, lay_row
from truceline.geo.loops import njit

SPREAD_STEPS = 256  # steps of a variance per dB²
CONTRAST_STEPS = 200  # bins of a contrast per unit, for its middle and width
CONTRAST_BINS = 4001

POOLED_DATES = np.float32(5.0)  # the scene's covariance weighs as much as this many dates of the pixel
FLOOR_DB2 = np.float32(0.05)  # variance below which no history is believed
UNTOLD = np.float32(1e30)  # variance of a polarisation that there is not
LIMIT = np.float32(32000)  # of what a code of 16 bits is let hold
_TAPS = np.exp(-(np.array([2.0, 1.0, 0.0, 1.0, 2.0]) ** 2) / (2 * 1.7**2))
TAPS = (_TAPS / _TAPS.sum()).astype(np.float32)


class Past(NamedTuple):
    """What each pixel's history says; planes (height, width), ``mean`` and ``spread`` one a polarisation.

    ``mean`` in 1/256 dB, ``spread`` (variance) and ``cross`` (covariance) in 1/256 dB², ``unrest`` (mean
    square of the contrast) in 1/4096, ``fed`` the dates that entered, ``seen`` those with data (to 255),
    ``recent`` the calm contrasts of the last two dates in 1/32, the newer one first.
    """

    mean: NDArray[np.int16]
    spread: NDArray[np.uint16]
    cross: NDArray[np.int16]
    unrest: NDArray[np.uint16]
    fed: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    recent: NDArray[np.int8]


class Today(NamedTuple):
    """One date: levels and residuals in codes (polarisations, height, width), the rest (height, width).

    ``calm`` are the contrasts in 1/32 of the local width and of each pixel's own unrest.
    """

    level: NDArray[np.int16]
    residual: NDArray[np.int16]
    contrast: NDArray[np.float32]
    calm: NDArray[np.int8]
    score: NDArray[np.int16]


class Scene(NamedTuple):
    """What the scene tells: its weather and the doubt in it, its usual covariance in dB², and roots.

    ``rough`` is how much more than by its pixels each polarisation scatters over a window.
    """

    trend: Surface
    doubt: Surface
    pooled: NDArray[np.float32]
    rough: NDArray[np.float32]
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
    pols, lines = today.level.shape[0], bottom - top + 4
    number = np.empty((5, width), np.float32)  # the last five lines
    weight = np.empty((5, width), np.float32)
    places = np.empty(width, np.uint16)
    counts = np.zeros((2, CONTRAST_BINS + 1), np.int32)
    spare = np.empty((2, width), np.int16)  # residuals beside the rows
    none, gap = np.zeros((2, width), np.int16), np.zeros(width, np.uint16)  # for a second polarisation
    trend, doubt = np.zeros((2, width), np.float32), np.full((2, width), UNTOLD, np.float32)
    raw = np.zeros((2, width + 4), np.float32)
    for line in range(lines):
        row = min(max(top + line - 2, 0), height - 1)
        for layer in range(pols):
            lay_row(scene.trend[layer], row, trend[layer])
            lay_row(scene.doubt[layer], row, doubt[layer])
        is_own, last = top <= top + line - 2 < bottom, pols - 1
        one = today.residual[0, row] if is_own else spare[0]
        two = today.residual[last, row] if is_own and pols == 2 else spare[1]
        level, mean, spread = today.level[last, row], past.mean[last, row], past.spread[last, row]
        if pols == 1:
            level, mean, spread = none[0], none[1], gap
        _join(
            today.level[0, row], level, past.mean[0, row], mean, past.spread[0, row], spread, past.cross[row],
            past.fed[row], trend, doubt, scene, one, two, raw,
        )  # fmt: skip
        _smooth(raw[0], number[line % 5])
        _smooth(raw[1], weight[line % 5])
        if line >= 4:
            middle = top + line - 4
            _stack(number, weight, line, today.contrast[middle])
            _place(today.contrast[middle], today.level[0, middle], past.fed[middle], places)
            count_in(places, counts)
    for place in range(CONTRAST_BINS):  # sums of whole arrays take long to compile
        bins[place] += counts[0, place] + counts[1, place]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _join(
    level: Levels, level_two: Levels, mean: NDArray[np.int16], mean_two: NDArray[np.int16],
    spread: NDArray[np.uint16], spread_two: NDArray[np.uint16], cross: NDArray[np.int16],
    fed: NDArray[np.uint8], trend: NDArray[np.float32], doubt: NDArray[np.float32], scene: Scene,
    rest: NDArray[np.int16], rest_two: NDArray[np.int16], raw: NDArray[np.float32],
) -> None:  # fmt: skip
    """Take history and weather off a row, and weigh both polarisations for an equal change in dB.

    The weights are inverse variances, and what that spreads; where nothing is known both are 0.
    """
    width, pooled, rough = level.shape[0], scene.pooled, scene.rough
    shared_one, shared_both, shared_two = pooled[0], pooled[1], pooled[2]
    rough_one, rough_two = rough[0], rough[len(rough) - 1]
    trend_one, trend_two, doubt_one, doubt_two = trend[0], trend[1], doubt[0], doubt[1]
    number, weight = raw[0, 2 : width + 2], raw[1, 2 : width + 2]
    a, b, c, d = scene.roots[0], scene.roots[1], scene.roots[2], scene.roots[3]
    e, f, g, h = scene.roots[4], scene.roots[5], scene.roots[6], scene.roots[7]
    for column in range(width):
        known = np.float32((level[column] != UNSEEN) & (fed[column] > 0))
        change = np.rint(np.float32(level[column]) - np.float32(mean[column]) - trend_one[column])
        change_two = np.rint(np.float32(level_two[column]) - np.float32(mean_two[column]) - trend_two[column])
        change = min(max(change, -LIMIT), LIMIT) * known
        change_two = min(max(change_two, -LIMIT), LIMIT) * known
        rest[column], rest_two[column] = np.int16(change), np.int16(change_two)
        dates = max(np.float32(fed[column]), np.float32(1))
        before = dates - np.float32(1)
        short = np.float32(1) + np.float32(1) / dates  # the mean itself is uncertain
        share, past = np.float32(1) / (before + POOLED_DATES), before * np.float32(1 / SPREAD_STEPS)
        variance = (past * np.float32(spread[column]) + POOLED_DATES * shared_one) * share + FLOOR_DB2
        variance_two = (past * np.float32(spread_two[column]) + POOLED_DATES * shared_two) * share + FLOOR_DB2
        both = (past * np.float32(cross[column]) + POOLED_DATES * shared_both) * share * short
        one = np.float32(1) / (rough_one * variance * short + doubt_one[column])
        two = np.float32(1) / (rough_two * variance_two * short + doubt_two[column])
        over = one + two + np.float32(2) * one * two * both
        # Covariances from few dates may contradict the variances; the sum never spreads less than a tenth.
        over = max(over, np.float32(0.1) * (one + two))
        # The polynomial of root_ratios:
        x = min(max(change, -ROOT_REACH), ROOT_REACH) * (np.float32(1) / ROOT_REACH)
        y = min(max(change_two, -ROOT_REACH), ROOT_REACH) * (np.float32(1) / ROOT_REACH)
        root = ((((((h * x + g) * x + f) * x + e) * x + d) * x + c) * x + b) * x + a
        root_two = ((((((h * y + g) * y + f) * y + e) * y + d) * y + c) * y + b) * y + a
        number[column] = one * root + two * root_two
        weight[column] = over * known


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _smooth(raw: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Sum a row with two columns more on each side over five columns; the edge goes on beside itself."""
    width = out.shape[0]
    raw[0] = raw[1] = raw[2]
    raw[width + 2] = raw[width + 3] = raw[width + 1]
    for column in range(width):
        out[column] = (
            TAPS[0] * (raw[column] + raw[column + 4])
            + TAPS[1] * (raw[column + 1] + raw[column + 3])
            + TAPS[2] * raw[column + 2]
        )


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _stack(
    number: NDArray[np.float32], weight: NDArray[np.float32], line: int, contrast: NDArray[np.float32]
) -> None:
    """Sum the five rows up to ``line`` and divide by what the sum spreads."""
    first, second, third = (line + 1) % 5, (line + 2) % 5, (line + 3) % 5
    fourth, fifth = (line + 4) % 5, line % 5
    for column in range(contrast.shape[0]):
        total = (
            TAPS[0] * (number[first, column] + number[fifth, column])
            + TAPS[1] * (number[second, column] + number[fourth, column])
            + TAPS[2] * number[third, column]
        )
        over = (
            TAPS[0] * (weight[first, column] + weight[fifth, column])
            + TAPS[1] * (weight[second, column] + weight[fourth, column])
            + TAPS[2] * weight[third, column]
        )
        contrast[column] = total / np.sqrt(max(over, np.float32(1e-6)))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _place(
    contrast: NDArray[np.float32], level: Levels, fed: NDArray[np.uint8], places: NDArray[np.uint16]
) -> None:
    """Give the bin of each contrast, one after the last where nothing is known."""
    middle, last = np.float32(CONTRAST_BINS // 2), np.float32(CONTRAST_BINS - 1)
    for column in range(contrast.shape[0]):
        place = np.rint(contrast[column] * np.float32(CONTRAST_STEPS)) + middle
        place = min(max(place, np.float32(0)), last)
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        places[column] = np.uint16(place if known else np.float32(CONTRAST_BINS))


@njit(cache=True, nogil=True)
def count_in(places: NDArray[np.uint16], counts: NDArray[np.int32]) -> None:
    """Count the bins of a row, by turns in two tables: neighbours are alike and would wait for each other.

    Parameters
    ----------
    places
        Bins, (width,); without a sign, else each would be asked whether it counts from the end.
    counts
        Two tables, (2, bins); added to.
    """
    even, odd = counts[0], counts[1]
    for pair in range(len(places) // 2):
        even[places[2 * pair]] += 1
        odd[places[2 * pair + 1]] += 1
    if len(places) % 2:
        even[places[len(places) - 1]] += 1
