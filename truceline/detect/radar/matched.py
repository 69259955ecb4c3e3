"""The spatial matched filter of a radar series, over strips of rows.

Both polarisations are weighed by the spread of the pixel's own history, summed over a window of five by
five pixels. Each loop runs along a row without branches, so that the compiler takes many pixels at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import ROOT_REACH, ROOT_TERMS, UNSEEN, Levels
from truceline.detect.radar.weather import Surface, lay_row
from truceline.geo.loops import njit

SPREAD_STEPS = 256  # steps of a variance per dB²
CONTRAST_STEPS = 200  # bins of a contrast per unit, for its middle and width
CONTRAST_BINS = 4001

POOLED_DATES = np.float32(5.0)  # the scene's covariance weighs as much as this many dates of the pixel
FLOOR_DB2 = np.float32(0.05)  # variance below which no history is believed
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
    rest = np.empty((2, width), np.int16)
    trend, own = np.empty(width, np.float32), np.empty((2, width), np.float32)
    raw = np.zeros((2, width + 4), np.float32)
    for line in range(lines):
        row = min(max(top + line - 2, 0), height - 1)
        level, fed = today.level[0, row], past.fed[row]
        for layer in range(pols):
            lay_row(scene.trend[layer], row, trend)
            _take_off(level, today.level[layer, row], past.mean[layer, row], fed, trend, rest[layer])
            lay_row(scene.doubt[layer], row, own[layer])
            _weigh(past.spread[layer, row], fed, scene.pooled[2 * layer], scene.rough[layer], own[layer])
            if top <= top + line - 2 < bottom:
                today.residual[layer, row] = rest[layer]
        if pols == 2:
            _join_two(level, fed, past.cross[row], scene, rest, own, raw)
        else:
            _join_one(level, fed, scene, rest[0], own[0], raw)
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
def _take_off(
    level: Levels, own: Levels, mean: NDArray[np.int16], fed: NDArray[np.uint8], trend: NDArray[np.float32],
    rest: NDArray[np.int16],
) -> None:  # fmt: skip
    """Take history and weather off a row of one polarisation; 0 where nothing is known."""
    for column in range(level.shape[0]):
        change = np.rint(np.float32(own[column]) - np.float32(mean[column]) - trend[column])
        change = min(max(change, -LIMIT), LIMIT)
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        rest[column] = np.int16(change if known else np.float32(0))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _weigh(
    spread: NDArray[np.uint16], fed: NDArray[np.uint8], pooled: np.float32, rough: np.float32,
    own: NDArray[np.float32],
) -> None:  # fmt: skip
    """Put the inverse variance of a row of one polarisation in the place of the doubt in its weather."""
    for column in range(spread.shape[0]):
        dates = max(np.float32(fed[column]), np.float32(1))
        share = np.float32(1) / (dates - np.float32(1) + POOLED_DATES)
        known = (dates - np.float32(1)) * np.float32(1 / SPREAD_STEPS) * np.float32(spread[column])
        variance = (known + POOLED_DATES * pooled) * share + FLOOR_DB2
        short = np.float32(1) + np.float32(1) / dates  # the mean itself is uncertain
        own[column] = np.float32(1) / (rough * variance * short + own[column])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _join_two(
    level: Levels, fed: NDArray[np.uint8], cross: NDArray[np.int16], scene: Scene, rest: NDArray[np.int16],
    own: NDArray[np.float32], raw: NDArray[np.float32],
) -> None:  # fmt: skip
    """Weigh both polarisations for an equal change in dB: inverse variances, and what that spreads."""
    width, pooled = level.shape[0], scene.pooled[1]
    ones, twos = own[0], own[1]
    number, weight = raw[0, 2 : width + 2], raw[1, 2 : width + 2]
    _root(rest[0], scene.roots, number)
    _root(rest[1], scene.roots, weight)
    for column in range(width):
        dates = max(np.float32(fed[column]), np.float32(1))
        share = np.float32(1) / (dates - np.float32(1) + POOLED_DATES)
        known = (dates - np.float32(1)) * np.float32(1 / SPREAD_STEPS) * np.float32(cross[column])
        both = (known + POOLED_DATES * pooled) * share * (np.float32(1) + np.float32(1) / dates)
        one, two = ones[column], twos[column]
        over = one + two + np.float32(2) * one * two * both
        # Covariances from few dates may contradict the variances; the sum never spreads less than a tenth.
        over = max(over, np.float32(0.1) * (one + two))
        is_known = (level[column] != UNSEEN) & (fed[column] > 0)
        number[column] = one * number[column] + two * weight[column]
        weight[column] = over if is_known else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _join_one(
    level: Levels, fed: NDArray[np.uint8], scene: Scene, rest: NDArray[np.int16], own: NDArray[np.float32],
    raw: NDArray[np.float32],
) -> None:  # fmt: skip
    width = level.shape[0]
    number, weight = raw[0, 2 : width + 2], raw[1, 2 : width + 2]
    _root(rest, scene.roots, number)
    for column in range(width):
        number[column] *= own[column]
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        weight[column] = own[column] if known else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _root(rest: NDArray[np.int16], roots: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Evaluate the polynomial of :func:`~truceline.detect.radar.backscatter.root_ratios`."""
    for column in range(rest.shape[0]):
        change = min(max(np.float32(rest[column]), -ROOT_REACH), ROOT_REACH) * (np.float32(1) / ROOT_REACH)
        total = roots[ROOT_TERMS]
        for term in range(ROOT_TERMS - 1, -1, -1):
            total = total * change + roots[term]
        out[column] = total


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
