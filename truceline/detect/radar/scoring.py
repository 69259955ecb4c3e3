"""From contrasts to scores: what is calm, what lasts, and the strongest window near each pixel.

A pixel counts with the strongest window near it (a scan statistic, Kulldorff, A spatial scan statistic,
1997), bounded by what its own window shows, so that the edge of a changed place is found and unchanged
neighbours are not. Each loop runs along a row without branches, as in the matched filter.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import UNSEEN, Levels
from truceline.detect.radar.matched import LIMIT, Past, Today
from truceline.detect.radar.weather import Surface, lay_row

UNREST_STEPS = 4096
STRENGTH_STEPS = 32  # bins of a strength per unit, for its tail
STRENGTH_BINS = 1025
SCORE_STEPS = 1024
RECENT_STEPS = 512
UNTESTED = -32768  # code of a score where nothing was tested
CALM_DATES = np.float32(20.0)  # an unrest of 1 weighs as much as this many dates of the pixel's own
UNREST_AFTER = 3  # dates in the history before the unrest is learnt
# What lasts counts more, tuned on two of the development stacks and looked at on the other two:
CAP = np.float32(2.5)  # an earlier date counts at most so many times today
LEAST = np.float32(2.5)  # and from this contrast on, in widths
ALMOST = np.float32(0.9)  # and only if that lifts the pixel to this share of a score of 1
CLEAR_DB2 = np.float32(0.2)  # and only where the weather is known better than this
BOUND = np.float32(2.5)  # the strongest window counts at most so many times the pixel's own
ROOT_TWO, ROOT_THREE = np.float32(1 / math.sqrt(2)), np.float32(1 / math.sqrt(3))


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
    lines = bottom - top + 4
    calm = np.zeros((5, width + 4), np.float32)  # of the last five lines
    ends = np.zeros((5, 4, width), np.float32)  # and their lowest and highest of three, and of five
    places = np.empty(width, np.int16)
    counts = np.zeros((2, 2 * STRENGTH_BINS + 1), np.int32)
    unsure, laid = np.empty(width, np.float32), np.empty(width, np.float32)
    for line in range(lines):
        row, at = top + line - 2, line % 5
        if 0 <= row < height:
            unsure[:] = 0
            for layer in range(doubt.shape[0]):
                lay_row(doubt[layer], row, laid)
                unsure += laid
            own = calm[at, 2 : width + 2]
            calm_row(today.contrast[row], past.fed[row], past.unrest[row], gauge, own)
            _last_long(today.level[0, row], past.fed[row], past.recent[:, row], unsure, gauge, own)
            _reach_across(calm[at], ends[at])
        else:
            calm[at] = 0
            ends[at] = 0
        if line < 4:
            continue
        row = top + line - 4
        level, fed, strength = today.level[0, row], past.fed[row], laid
        _strongest(calm, ends, line, strength)
        _write(level, fed, past.seen[row], strength, gauge, baseline, today.score[row])
        _place_strength(level, fed, state[row], strength, places)
        for column in range(width):
            counts[column % 2, places[column]] += 1
    free = counts[0, :STRENGTH_BINS] + counts[1, :STRENGTH_BINS]
    bins[0] += free
    bins[1] += free + counts[0, STRENGTH_BINS:-1] + counts[1, STRENGTH_BINS:-1]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def calm_row(
    contrast: NDArray[np.float32], fed: NDArray[np.uint8], unrest: NDArray[np.uint16],
    gauge: NDArray[np.float32], out: NDArray[np.float32],
) -> None:  # fmt: skip
    """Give the contrasts of a row in units of the scene's width and of each pixel's own unrest."""
    middle, scale = gauge[0], np.float32(1) / gauge[1]
    for column in range(contrast.shape[0]):
        dates = max(np.float32(fed[column]) - np.float32(1 + UNREST_AFTER), np.float32(0))
        own = np.float32(unrest[column]) * np.float32(1 / UNREST_STEPS)
        # Over the root of (dates x own + CALM_DATES) / (dates + CALM_DATES):
        part = np.sqrt((dates + CALM_DATES) / (dates * own + CALM_DATES))
        out[column] = (contrast[column] - middle) * scale * part


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _last_long(
    level: Levels, fed: NDArray[np.uint8], recent: NDArray[np.int16], unsure: NDArray[np.float32],
    gauge: NDArray[np.float32], calm: NDArray[np.float32],
) -> None:  # fmt: skip
    """Let what lasts count: sums over two and three dates, whose noise spreads by the root of their number.

    An earlier date counts at most ``CAP`` times today's, so that one strong date does not pass for two.
    """
    reach = ALMOST * gauge[2]
    newer_row, older_row = recent[0], recent[1]
    unit = np.float32(1 / RECENT_STEPS)
    for column in range(level.shape[0]):
        alone = calm[column]
        sign = np.float32(1) if alone > 0 else np.float32(-1)
        own = abs(alone)
        newer = sign * np.float32(newer_row[column]) * unit
        older = sign * np.float32(older_row[column]) * unit
        two = own + min(newer, CAP * own)
        three = two + min(older, CAP * own)
        best = own
        best = max(best, two * ROOT_TWO) if newer > LEAST else best
        best = max(best, three * ROOT_THREE) if (newer > LEAST) & (older > LEAST) else best
        is_lasting = (best >= reach) & (unsure[column] < CLEAR_DB2)
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        calm[column] = (sign * best if is_lasting else alone) if known else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _reach_across(calm: NDArray[np.float32], ends: NDArray[np.float32]) -> None:
    """Find the lowest and the highest of three and of five columns around each."""
    low3, high3, low5, high5 = ends[0], ends[1], ends[2], ends[3]
    for column in range(low3.shape[0]):
        first, last = calm[column], calm[column + 4]
        left, own, right = calm[column + 1], calm[column + 2], calm[column + 3]
        low, high = min(left, own, right), max(left, own, right)
        low3[column], high3[column] = low, high
        low5[column], high5[column] = min(low, first, last), max(high, first, last)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _strongest(
    calm: NDArray[np.float32], ends: NDArray[np.float32], line: int, strength: NDArray[np.float32]
) -> None:
    """Let each pixel of the middle row count with the strongest window within two pixels.

    ``line`` is the last of the five rows, which lie in turn in ``calm`` and ``ends``.
    """
    first, second, third = (line + 1) % 5, (line + 2) % 5, (line + 3) % 5
    fourth, fifth = (line + 4) % 5, line % 5
    above, middle, below = ends[second], ends[third], ends[fourth]
    for column in range(strength.shape[0]):
        up, own, down = calm[first, column + 2], calm[third, column + 2], calm[fifth, column + 2]
        high = max(up, down, middle[3, column], above[1, column], below[1, column])
        low = min(up, down, middle[2, column], above[0, column], below[0, column])
        # Of the sign of its own, at most BOUND times its own:
        strength[column] = min(high, BOUND * own) if own > 0 else max(low, BOUND * own)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _write(
    level: Levels, fed: NDArray[np.uint8], seen: NDArray[np.uint8], strength: NDArray[np.float32],
    gauge: NDArray[np.float32], baseline: int, score: NDArray[np.int16],
) -> None:  # fmt: skip
    unit, least = np.float32(SCORE_STEPS) / gauge[2], np.uint8(baseline)
    for column in range(score.shape[0]):
        code = np.int16(min(max(np.rint(strength[column] * unit), -LIMIT), LIMIT))
        is_tested = (level[column] != UNSEEN) & (fed[column] > 0) & (seen[column] >= least)
        score[column] = code if is_tested else np.int16(UNTESTED)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _place_strength(
    level: Levels, fed: NDArray[np.uint8], state: NDArray[np.uint8], strength: NDArray[np.float32],
    places: NDArray[np.int16],
) -> None:  # fmt: skip
    """Give the bin of each strength: without, with an open alert, and one for what is not known."""
    for column in range(level.shape[0]):
        size = abs(strength[column]) * np.float32(STRENGTH_STEPS)
        place = np.int16(min(size, np.float32(STRENGTH_BINS - 1)))
        is_open = (state[column] == 1) | (state[column] == 2)
        place += np.int16(STRENGTH_BINS) if is_open else np.int16(0)
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        places[column] = place if known else np.int16(2 * STRENGTH_BINS)
