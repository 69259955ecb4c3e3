"""How restless the contrasts are: each pixel by its own history, and each part of the scene today.

A harvested or windy stretch scatters more than the rest of the scene; measured by the scene's width alone it
would make most of the alerts of the day.
"""

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import UNSEEN, Levels
from truceline.detect.radar.matched import Past, Today
from truceline.detect.radar.weather import BLOCK_PX, Surface, add_up, median_code
from truceline.geo.loops import njit

UNREST_STEPS = 4096
UNREST_AFTER = 3  # dates in the history before the unrest is learnt
CALM_DATES = np.float32(20.0)  # an unrest of 1 weighs as much as this many dates of the pixel's own
RECENT_STEPS = 32
TOLD_ROWS = 2  # every second row tells: contrasts of neighbouring rows are much alike
SMALL, LARGE = 1.25, 2.5  # widths: contrasts below, before and today, tell what the scene remembers
CHANGED, MOST_MEMORY = 0.05, 0.8  # as much of the memory may be of changed places; more is not believed
MOST = np.float32(3.9)  # a contrast counts at most so many widths
STEPS = 64  # of the mean size of a block's contrasts; with MOST it fits into 8 bits
_FINE = 64  # of the median
AROUND_BLOCKS = 7  # the median over so many hardly feels a changed place
USUAL_SHARE = 1.05  # from this times the scene's on a stretch is restless


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def calm_row(
    level: Levels, contrast: NDArray[np.float32], fed: NDArray[np.uint8], unrest: NDArray[np.uint16],
    widths: NDArray[np.float32], gauge: NDArray[np.float32], out: NDArray[np.float32],
) -> None:  # fmt: skip
    """Give the contrasts of a row in units of the local width and of each pixel's own unrest.

    Parameters
    ----------
    level
        Codes of the first polarisation, (width,).
    contrast, fed, unrest
        Of today and of the history, (width,).
    widths
        Local width in widths of the scene, (width,).
    gauge
        Middle and width of the scene's contrasts.
    out
        Filled, 0 where nothing is known.
    """
    middle, scale = gauge[0], np.float32(1) / gauge[1]
    for column in range(contrast.shape[0]):
        dates = max(np.float32(fed[column]) - np.float32(1 + UNREST_AFTER), np.float32(0))
        own = np.float32(unrest[column]) * np.float32(1 / UNREST_STEPS)
        # Over the root of (dates x own + CALM_DATES) / (dates + CALM_DATES):
        part = np.sqrt((dates + CALM_DATES) / (dates * own + CALM_DATES)) / widths[column]
        known = np.float32((level[column] != UNSEEN) & (fed[column] > 0))
        out[column] = (contrast[column] - middle) * scale * part * known


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def sum_sizes(
    past: Past, today: Today, gauge: NDArray[np.float32], top: int, bottom: int, sums: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> tuple[int, int]:  # fmt: skip
    """Sum the sizes of the contrasts over blocks, and how they go with those of the date before.

    Parameters
    ----------
    past, today
        History before this date, and the date with its contrasts.
    gauge
        Middle and width of the contrasts.
    top, bottom
        Rows to take; ``top`` is the first row of a block.
    sums, counts
        Filled: sizes in 1/STEPS and pixels, (blocks down, blocks across).

    Returns
    -------
    tuple of int
        Sum of the products of both dates' contrasts, and of the squares of those before, in 1/RECENT_STEPS²,
        of pixels that are small on both: large ones may have changed.
    """
    width = today.contrast.shape[1]
    products, squares = 0, 0
    small, large = np.int32(SMALL * RECENT_STEPS), np.int32(LARGE * RECENT_STEPS)
    one, calm = np.ones(width, np.float32), np.zeros(width, np.float32)
    sizes = np.zeros(BLOCK_PX * counts.shape[1], np.int32)
    number = np.zeros_like(sizes)
    for row in range(top, bottom, TOLD_ROWS):
        level, fed = today.level[0, row], past.fed[row]
        calm_row(level, today.contrast[row], fed, past.unrest[row], one, gauge, calm)
        for column in range(width):
            sizes[column] = np.int32(np.rint(min(abs(calm[column]), MOST) * np.float32(STEPS)))
            number[column] = (level[column] != UNSEEN) & (fed[column] > 0)
        add_up(sizes, sums[row // BLOCK_PX])
        add_up(number, counts[row // BLOCK_PX])
        product = square = np.int32(0)
        for column in range(width):
            own = np.int32(np.rint(min(max(calm[column], -MOST), MOST) * np.float32(RECENT_STEPS)))
            before = np.int32(past.recent[0, row, column])
            before = before if (abs(before) < small) & (abs(own) < large) else np.int32(0)
            product += own * before
            square += before * before
        products += int(product)
        squares += int(square)
    return products, squares


def memory_of(products: int, squares: int) -> float:
    """Tell which part of a contrast the date before foretells, from 0 to MOST_MEMORY.

    Soil that was soaked is still damp after twelve days; waves have passed. That much of what stood out
    shows again without any change.

    Parameters
    ----------
    products, squares
        See :func:`sum_sizes`.
    """
    part = (products / max(squares, 1) - CHANGED) / (1 - CHANGED)
    return min(max(part, 0.0), MOST_MEMORY)


def restlessness(sums: NDArray[np.int32], counts: NDArray[np.int32]) -> Surface:
    """Tell where the scene is more restless than in its middle.

    Parameters
    ----------
    sums, counts
        See :func:`sum_sizes`.

    Returns
    -------
    numpy.ndarray
        Width of the contrasts around each block over the usual one, (blocks down, blocks across), not
        below 1.
    """
    share = np.ones(sums.shape, np.float32)
    if counts.any():
        _relate(sums, counts, share)
    return share


@njit(cache=True, nogil=True)
def _relate(sums: NDArray[np.int32], counts: NDArray[np.int32], share: Surface) -> None:
    """Give the mean of three by three medians over the usual size, not below 1."""
    height, width = sums.shape
    sizes, told = np.empty(sums.shape, np.float32), np.empty(sums.shape, np.float32)
    _mean_sizes(sums, counts, sizes, told)
    usual = median_code(sizes, told) / np.float32(_FINE)
    middles = medians(_codes(sizes, told, usual))
    unit = np.float32(USUAL_SHARE * max(usual, np.float32(1)))
    for row in range(height):
        for column in range(width):
            total = np.int32(0)
            for down in range(-1, 2):
                for across in range(-1, 2):
                    total += np.int32(middles[_beside(row + down, height), _beside(column + across, width)])
            share[row, column] = max(np.float32(total * (1 / 9)) / unit, np.float32(1))


@njit(cache=True, nogil=True)
def _beside(place: int, count: int) -> int:
    """Mirror a place next to an edge at the first or last of ``count``."""
    place = abs(place)
    return max(2 * count - 2 - place, 0) if place >= count else min(place, count - 1)


@njit(cache=True, nogil=True)
def _mean_sizes(sums: NDArray[np.int32], counts: NDArray[np.int32], sizes: Surface, told: Surface) -> None:
    """Give the mean size of each block in 1/(STEPS x _FINE), and 1 where one is known."""
    for row in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            number = counts[row, column]
            sizes[row, column] = np.float32(sums[row, column] / max(number, 1)) * np.float32(_FINE)
            told[row, column] = np.float32(number > 0)


@njit(cache=True, nogil=True)
def _codes(sizes: Surface, told: Surface, usual: np.float32) -> NDArray[np.uint8]:
    """Round the sizes; the edge goes on beside itself for half a window."""
    (height, width), half = sizes.shape, AROUND_BLOCKS // 2
    codes = np.empty((height + 2 * half, width + 2 * half), np.uint8)
    for row in range(codes.shape[0]):
        own = min(max(row - half, 0), height - 1)
        for column in range(codes.shape[1]):
            at = min(max(column - half, 0), width - 1)
            size = sizes[own, at] / np.float32(_FINE) if told[own, at] > 0 else usual
            codes[row, column] = np.uint8(np.rint(size))
    return codes


@njit(cache=True, nogil=True)
def medians(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Find the medians of all windows of seven by seven codes, bit by bit from the highest.

    Parameters
    ----------
    codes
        (rows, columns).

    Returns
    -------
    numpy.ndarray
        (rows - 6, columns - 6). A bit belongs to the median if at most half of the window lies below.
    """
    rows, columns = codes.shape[0] - AROUND_BLOCKS + 1, codes.shape[1] - AROUND_BLOCKS + 1
    found = np.zeros((rows, columns), np.uint8)
    below, least = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    for row in range(rows):
        own = found[row]
        for bit in range(7, -1, -1):
            step = np.uint8(1 << bit)
            for column in range(columns):
                least[column] = np.uint8(own[column] + step)
                below[column] = 0
            for down in range(AROUND_BLOCKS):
                _count_below(codes[row + down], least, below)
            for column in range(columns):
                kept, higher = own[column], least[column]  # a load in one case alone would be a branch
                own[column] = higher if below[column] <= np.uint8(AROUND_BLOCKS**2 // 2) else kept
    return found


@njit(cache=True, nogil=True)
def _count_below(line: NDArray[np.uint8], least: NDArray[np.uint8], below: NDArray[np.uint8]) -> None:
    for column in range(least.shape[0]):
        limit, number = least[column], below[column]
        for step in range(AROUND_BLOCKS):
            number = np.uint8(number + np.uint8(line[column + step] < limit))  # 64 bytes at a time
        below[column] = number
