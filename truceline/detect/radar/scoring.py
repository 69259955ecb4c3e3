"""From contrasts to scores: the strongest window near each pixel.

A pixel counts with the strongest window near it (a scan statistic, Kulldorff, A spatial scan statistic,
1997), bounded by what its own window shows, so that the edge of a changed place is found and unchanged
neighbours are not. Each loop runs along a row without branches, as in the matched filter.
"""

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import UNSEEN, Levels
from truceline.detect.radar.matched import LIMIT, Past, Today, count_in
from truceline.detect.radar.restless import RECENT_STEPS, calm_row
from truceline.detect.radar.weather import Surface, lay_row
from truceline.geo.loops import njit

STRENGTH_STEPS = 32  # bins of a strength per unit, for its tail
STRENGTH_BINS = 1025
SCORE_STEPS = 1024
UNTESTED = -32768  # code of a score where nothing was tested
# What lasts counts more: dates that each show at least LEAST of the same sign are summed.
LEAST = np.float32(1.5)
PASSED = np.float32(0.75)  # an earlier date counts at most this share of the reach
LIKE = np.float32(0.65)  # of an earlier date is seen today, else it has passed
CALM = np.float32(1.25)  # where the scene is more restless only today counts: soaked ground stays soaked
BOUND = np.float32(2.5)  # the strongest window counts at most so many times the pixel's own,
CORE = np.float32(1.25)  # and so many to exceed,
HALF = np.float32(0.4)  # which takes this share of the strongest: beside a place the window shows less


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def score_rows(
    past: Past, today: Today, state: NDArray[np.uint8], gauge: NDArray[np.float32], restless: Surface,
    baseline: int, rows: tuple[int, int], bins: NDArray[np.int64],
) -> None:  # fmt: skip
    """Let each pixel count with the strongest window near it, and write its score.

    Parameters
    ----------
    past
        History before this date.
    today
        ``contrast`` is read, also beside the rows; ``calm`` and ``score`` of the rows are written.
    state
        Alert states before this date, (height, width).
    gauge
        Middle and width of the contrasts, the strength that a score of 1 stands for, and the part of a
        contrast that the date before foretells.
    restless
        Width of the contrasts around each block, in widths of the scene, (blocks down, blocks across).
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
    places = np.empty(width, np.uint16)
    counts = np.zeros((2, 2 * STRENGTH_BINS + 1), np.int32)
    laid, cores = np.empty(width, np.float32), np.empty(width, np.float32)
    for line in range(lines):
        row, at = top + line - 2, line % 5
        if 0 <= row < height:
            level, fed, own = today.level[0, row], past.fed[row], calm[at, 2 : width + 2]
            lay_row(restless, row, laid)
            calm_row(level, today.contrast[row], fed, past.unrest[row], laid, gauge, own)
            if 2 <= line < lines - 2:
                _note(own, today.calm[row])
            _last_long(past.recent[:, row], laid, gauge, own)
            _reach_across(calm[at], ends[at])
        else:
            calm[at] = 0
            ends[at] = 0
        if line < 4:
            continue
        row = top + line - 4
        level, fed, strength = today.level[0, row], past.fed[row], laid
        _strongest(calm, ends, line, gauge[2], strength, cores)
        _write(level, fed, past.seen[row], strength, gauge, baseline, today.score[row])
        _place_strength(level, fed, state[row], cores, places)
        count_in(places, counts)
    for place in range(STRENGTH_BINS):
        free = counts[0, place] + counts[1, place]
        bins[0, place] += free
        bins[1, place] += free + counts[0, STRENGTH_BINS + place] + counts[1, STRENGTH_BINS + place]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _note(calm: NDArray[np.float32], codes: NDArray[np.int8]) -> None:
    """Keep the calm contrasts for the history, each at most four widths."""
    for column in range(calm.shape[0]):
        code = np.rint(calm[column] * np.float32(RECENT_STEPS))
        code = min(max(code, np.float32(-127)), np.float32(127))
        codes[column] = np.int8(np.int32(code))  # by way of 32 bits, converted many at a time


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _last_long(
    recent: NDArray[np.int8],
    widths: NDArray[np.float32],
    gauge: NDArray[np.float32],
    calm: NDArray[np.float32],
) -> None:
    """Let what lasts count: sums over two and three dates, in units of what the noise of the sum spreads.

    An earlier date counts only so far that one strong date does not pass for two.
    """
    reach, memory, unit = gauge[2], gauge[3], np.float32(1 / RECENT_STEPS)
    # The variance of a sum of equal ones of which each foretells a part of the next:
    root_two = np.float32(1) / np.sqrt(2 + 2 * memory)
    root_three = np.float32(1) / np.sqrt(3 + 4 * memory + 2 * memory * memory)
    most = PASSED * reach
    newer_row, older_row = recent[0], recent[1]
    for column in range(calm.shape[0]):
        alone = calm[column]
        sign = np.float32(1) if alone > 0 else np.float32(-1)
        own = abs(alone)
        told = sign * np.float32(newer_row[column]) * unit
        newer, older = min(told, most), min(sign * np.float32(older_row[column]) * unit, most)
        two = (own + newer) * root_two
        three = (own + newer + older) * root_three
        is_long = (own >= LEAST) & (newer >= LEAST) & (own >= LIKE * told)
        best = two if is_long else own
        best = max(best, three) if is_long & (older >= LEAST) else best
        is_lasting = (best >= reach) & (best > own) & (widths[column] < CALM)
        calm[column] = sign * best if is_lasting else alone


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
    calm: NDArray[np.float32], ends: NDArray[np.float32], line: int, reach: np.float32,
    strength: NDArray[np.float32], cores: NDArray[np.float32],
) -> None:  # fmt: skip
    """Let each pixel of the middle row count with the strongest window within two pixels.

    ``line`` is the last of the five rows, which lie in turn in ``calm`` and ``ends``; ``cores`` are the
    sizes that may exceed, whose tail tells how far unchanged pixels reach.
    """
    first, second, third = (line + 1) % 5, (line + 2) % 5, (line + 3) % 5
    fourth, fifth = (line + 4) % 5, line % 5
    edge = np.float32(0.99) * reach
    above, middle, below = ends[second], ends[third], ends[fourth]
    for column in range(strength.shape[0]):
        up, own, down = calm[first, column + 2], calm[third, column + 2], calm[fifth, column + 2]
        high = max(up, down, middle[3, column], above[1, column], below[1, column])
        low = min(up, down, middle[2, column], above[0, column], below[0, column])
        # Of the sign of its own, at most BOUND times its own:
        sign = np.float32(1) if own > 0 else np.float32(-1)
        near, size = high if own > 0 else -low, abs(own)
        core = min(near, CORE * size) if size >= HALF * near else np.float32(0)
        cores[column] = core
        strength[column] = sign * max(min(near, BOUND * size, edge), core)


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
    places: NDArray[np.uint16],
) -> None:  # fmt: skip
    """Give the bin of each strength: without, with an open alert, and one for what is not known."""
    for column in range(level.shape[0]):
        size = abs(strength[column]) * np.float32(STRENGTH_STEPS)
        place = np.int16(min(size, np.float32(STRENGTH_BINS - 1)))
        is_open = (state[column] == 1) | (state[column] == 2)
        place += np.int16(STRENGTH_BINS) if is_open else np.int16(0)
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        places[column] = np.uint16(place if known else np.int16(2 * STRENGTH_BINS))
