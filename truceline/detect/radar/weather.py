"""What a whole scene and wide surroundings share on one date: rain, soil moisture, wind over water.

The change against the history is averaged over small blocks; a smooth, outlier-proof surface through the
blocks is the weather. A place that changed covers few blocks and hardly bends it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN
from truceline.geo.loops import njit

BLOCK_PX = 4  # divides the rows of a strip
SURROUNDINGS_BLOCKS = 7  # 28 px: what a square of 840 m shares is weather, not a place
HALF = SURROUNDINGS_BLOCKS // 2
CLIPS_DB = (6.0, 2.0, 1.0)  # how far a block may stand out and still pull in full, pass by pass
STRANGE_DB = 1.75  # a block that stands out so far does not pull at all in the last passes
LAST_PASSES = 2
STRANGE_WEIGHT = 1e-3  # so that some block always tells
MEDIAN_OF_NORMAL = 0.6745  # of the distance from the middle, in standard deviations
EDGE_SHARE = 0.8  # spread of the weather at an edge, as a share of its height

Surface = NDArray[np.float32]
Share = Callable[..., Any]
Plane = NDArray[np.float32]
Line = NDArray[np.float32]


@njit(cache=True, nogil=True)
def sum_blocks(
    level: NDArray[np.int16],
    mean: NDArray[np.int16],
    known: NDArray[np.uint8],
    top: int,
    bottom: int,
    sums: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> None:
    """Sum the changes against the history over blocks, of all pixels with a history.

    Pixels under an alert count too: a soaked plain would else alert, drop out, and alert for ever.

    Parameters
    ----------
    level, mean
        Codes (polarisations, height, width).
    known
        Dates in the history, (height, width).
    top, bottom
        Rows to take; ``top`` is the first row of a block.
    sums
        Filled: (polarisations, blocks down, blocks across).
    counts
        Filled: (blocks down, blocks across).
    """
    pols, width = level.shape[0], level.shape[2]
    across = counts.shape[1]
    changes = np.zeros((pols, BLOCK_PX * across), np.int32)
    number = np.zeros(BLOCK_PX * across, np.int32)
    mask = np.zeros(width, np.int32)
    for down in range(top // BLOCK_PX, (bottom + BLOCK_PX - 1) // BLOCK_PX):
        number[:] = 0
        changes[:] = 0
        for row in range(BLOCK_PX * down, min(BLOCK_PX * (down + 1), bottom)):
            _mark(level[0, row], known[row], mask, number)
            for layer in range(pols):
                _add_changes(level[layer, row], mean[layer, row], mask, changes[layer])
        add_up(number, counts[down])
        for layer in range(pols):
            add_up(changes[layer], sums[layer, down])


@njit(cache=True, nogil=True)
def _mark(
    level: NDArray[np.int16], known: NDArray[np.uint8], mask: NDArray[np.int32], number: NDArray[np.int32]
) -> None:
    """Set all bits of the mask where a pixel counts, and count it."""
    for column in range(level.shape[0]):
        bits = np.int32(-1) if (level[column] != UNSEEN) & (known[column] > 0) else np.int32(0)
        mask[column] = bits
        number[column] -= bits


@njit(cache=True, nogil=True)
def _add_changes(
    level: NDArray[np.int16], mean: NDArray[np.int16], mask: NDArray[np.int32], total: NDArray[np.int32]
) -> None:
    for column in range(level.shape[0]):
        total[column] += (np.int32(level[column]) - np.int32(mean[column])) & mask[column]


@njit(cache=True, nogil=True)
def add_up(pixels: NDArray[np.int32], blocks: NDArray[np.int32]) -> None:
    """Add the pixels of a row, BLOCK_PX in each block, to a row of blocks."""
    for block in range(blocks.shape[0]):
        at = BLOCK_PX * block
        blocks[block] += pixels[at] + pixels[at + 1] + pixels[at + 2] + pixels[at + 3]


def surface(sums: NDArray[np.int32], counts: NDArray[np.int32], share: Share = map) -> Surface:
    """Lay the weather through the blocks.

    Parameters
    ----------
    sums
        Sums of changes, codes, (polarisations, blocks down, blocks across).
    counts
        Pixels in each block, (blocks down, blocks across).
    share
        Maps over the polarisations, as ``map`` or that of an executor, whose threads share them.

    Returns
    -------
    numpy.ndarray
        Codes at the middle of each block, (polarisations, blocks down, blocks across).
    """
    if not counts.any():
        return np.zeros(sums.shape, np.float32)
    weight = counts.astype(np.float32)
    layers = np.empty(sums.shape, np.float32)
    list(share(lambda layer, out: _lay(layer, weight, out), sums, layers))
    return layers


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _lay(sums: NDArray[np.int32], weight: Plane, trend: Plane) -> None:
    """Lay a surface through the blocks of one polarisation; each pass lets them pull less.

    The last passes weigh them by Tukey's biweight (Beaton and Tukey, Technometrics 16, 1974). A pass goes
    down the rows once: what pulls is made HALF rows ahead of the row that is laid.
    """
    height, width = sums.shape
    block = np.empty((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            block[row, column] = np.float32(sums[row, column]) / max(weight[row, column], np.float32(1))
    middle = median_code(block, weight)
    trend[:] = middle
    pulls = np.empty((SURROUNDINGS_BLOCKS, width), np.float32)
    weights = np.empty((SURROUNDINGS_BLOCKS, width), np.float32)
    around = np.empty(width, np.float32)
    for number in range(len(CLIPS_DB) + LAST_PASSES):
        clip = CLIPS_DB[min(number, len(CLIPS_DB) - 1)] if number < len(CLIPS_DB) else 0.0
        ahead = 0
        for row in range(height):
            while ahead < min(row + HALF + 1, height):
                at = ahead % SURROUNDINGS_BLOCKS
                _pull(block[ahead], weight[ahead], trend[ahead], clip, pulls[at], weights[at])
                ahead += 1
            _add_around(pulls, row, height, trend[row])
            _add_around(weights, row, height, around)
            for column in range(width):
                told = trend[row, column] / max(around[column], np.float32(1e-6))
                # Where nothing was seen for a long way round, the scene's middle tells the weather.
                trend[row, column] = told if around[column] > 0 else middle


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def median_code(values: Plane, weight: Plane) -> np.float32:
    """Find the median of the codes (of 16 bits) where the weight is not 0, to one code."""
    counts, total = np.zeros(1 << 16, np.int64), 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            if weight[row, column] > 0:
                code = min(max(int(np.rint(values[row, column])), -(1 << 15)), (1 << 15) - 1)
                counts[code + (1 << 15)] += 1
                total += 1
    place, below = 0, counts[0]
    while 2 * below < total:
        place += 1
        below += counts[place]
    return np.float32(place - (1 << 15))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _pull(block: Line, weight: Line, trend: Line, clip_db: float, pulls: Line, weights: Line) -> None:
    """Give what a row of blocks adds to the surface around it, and the weight of that."""
    if clip_db > 0:
        reach = np.float32(clip_db * STEPS_PER_DB)
        for column in range(block.shape[0]):
            near = min(max(block[column] - trend[column], -reach), reach)
            pulls[column] = weight[column] * (trend[column] + near)
            weights[column] = weight[column]
    else:
        unit = np.float32(1 / (STRANGE_DB * STEPS_PER_DB))
        for column in range(block.shape[0]):
            off = (block[column] - trend[column]) * unit
            near = max(np.float32(1) - off * off, np.float32(0))
            own = weight[column] * (near * near + np.float32(STRANGE_WEIGHT))
            weights[column] = own
            pulls[column] = own * block[column]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _add_around(ring: Plane, row: int, height: int, out: Line) -> None:
    """Sum the blocks around each of a row, whose rows lie in turn in a ring; the edge is mirrored."""
    width = out.shape[0]
    line = np.zeros(width + 2 * HALF, np.float32)
    inner = line[HALF : HALF + width]
    a, b, c = (
        _ring_row(ring, row - 3, height),
        _ring_row(ring, row - 2, height),
        _ring_row(ring, row - 1, height),
    )
    d, e, f = _ring_row(ring, row, height), _ring_row(ring, row + 1, height), _ring_row(ring, row + 2, height)
    g = _ring_row(ring, row + 3, height)
    for column in range(width):
        total = a[column] + b[column] + c[column] + d[column] + e[column] + f[column] + g[column]
        inner[column] = total
    for step in range(1, HALF + 1):
        line[HALF - step] = inner[_mirrored(-step, width)]
        line[HALF + width - 1 + step] = inner[_mirrored(width - 1 + step, width)]
    for column in range(width):
        total = np.float32(0)
        for step in range(SURROUNDINGS_BLOCKS):
            total += line[column + step]
        out[column] = total


@njit(cache=True, nogil=True)
def _ring_row(ring: Plane, row: int, height: int) -> Any:
    return ring[_mirrored(row, height) % SURROUNDINGS_BLOCKS]


@njit(cache=True, nogil=True)
def _mirrored(place: int, count: int) -> int:
    place = place % (2 * count)
    return place if place < count else 2 * count - 1 - place


def doubt(trend: Surface) -> Surface:
    """Tell how uncertain the weather is where it has an edge, such as that of a soaked field.

    Parameters
    ----------
    trend
        Codes, (polarisations, blocks down, blocks across).

    Returns
    -------
    numpy.ndarray
        Variances in dB², same shape: an edge may lie anywhere within the neighbouring blocks.
    """
    unsure = np.empty_like(trend)
    for layer, out in zip(trend, unsure, strict=True):
        _spread(layer, out)
    return unsure


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _spread(trend: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    height, width = trend.shape
    high, low = np.empty(width + 2, np.float32), np.empty(width + 2, np.float32)
    unit = np.float32(EDGE_SHARE / STEPS_PER_DB)
    for row in range(height):
        above, own, below = trend[max(row - 1, 0)], trend[row], trend[min(row + 1, height - 1)]
        for column in range(width):
            high[column + 1] = max(above[column], own[column], below[column])
            low[column + 1] = min(above[column], own[column], below[column])
        high[0], low[0], high[width + 1], low[width + 1] = high[1], low[1], high[width], low[width]
        for column in range(width):
            top = max(high[column], high[column + 1], high[column + 2])
            span = unit * (top - min(low[column], low[column + 1], low[column + 2]))
            out[row, column] = span * span


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def lay_row(trend: Surface, row: int, out: NDArray[np.float32]) -> None:
    """Interpolate the weather of one polarisation (blocks down, blocks across) along a row of pixels."""
    blocks = trend.shape[1]
    place = (row + 0.5) / BLOCK_PX - 0.5
    place = min(max(place, 0.0), trend.shape[0] - 1.0)
    upper = int(place)
    share = np.float32(place - upper)
    above, below = trend[upper], trend[min(upper + 1, trend.shape[0] - 1)]
    line = np.empty(blocks + 2, np.float32)
    for block in range(blocks):
        line[block + 1] = above[block] + share * (below[block] - above[block])
    line[0], line[blocks + 1] = line[1], line[blocks]
    whole = out.shape[0] // BLOCK_PX
    for block in range(whole):
        left, own, right = line[block], line[block + 1], line[block + 2]
        out[BLOCK_PX * block] = np.float32(0.375) * left + np.float32(0.625) * own
        out[BLOCK_PX * block + 1] = np.float32(0.125) * left + np.float32(0.875) * own
        out[BLOCK_PX * block + 2] = np.float32(0.875) * own + np.float32(0.125) * right
        out[BLOCK_PX * block + 3] = np.float32(0.625) * own + np.float32(0.375) * right
    for column in range(BLOCK_PX * whole, out.shape[0]):
        across = np.float32((column + 0.5) / BLOCK_PX + 0.5)
        left = int(across)
        out[column] = line[left] + (across - np.float32(left)) * (line[left + 1] - line[left])
