"""What a whole scene and wide surroundings share on one date: rain, soil moisture, wind over water.

The change against the history is averaged over small blocks; a smooth, outlier-proof surface through the
blocks is the weather. A place that changed covers few blocks and hardly bends it.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN

BLOCK_PX = 4  # divides the rows of a strip
SURROUNDINGS_BLOCKS = 7  # 28 px: what a square of 840 m shares is weather, not a place
CLIPS_DB = (6.0, 2.0, 1.0)  # how far a block may stand out and still pull in full, pass by pass
STRANGE_DB = 1.75  # a block that stands out so far does not pull at all in the last passes
LAST_PASSES = 2
STRANGE_WEIGHT = 1e-3  # so that some block always tells
MOST_ROUGH = 10.0
MEDIAN_OF_NORMAL = 0.6745  # of the distance from the middle, in standard deviations
EDGE_SHARE = 0.5  # spread of the weather at an edge, as a share of its height

Surface = NDArray[np.float32]
Blocks = NDArray[np.float64]


@njit(cache=True, nogil=True)
def sum_blocks(
    level: NDArray[np.int16],
    mean: NDArray[np.int16],
    known: NDArray[np.uint8],
    top: int,
    bottom: int,
    sums: NDArray[np.int64],
    counts: NDArray[np.int64],
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
    change = np.zeros(BLOCK_PX * across, np.int32)
    number = np.zeros(BLOCK_PX * across, np.int32)
    for down in range(top // BLOCK_PX, (bottom + BLOCK_PX - 1) // BLOCK_PX):
        rows = range(BLOCK_PX * down, min(BLOCK_PX * (down + 1), bottom))
        number[:] = 0
        for row in rows:
            for column in range(width):
                number[column] += (level[0, row, column] != UNSEEN) & (known[row, column] > 0)
        _add_up(number, counts[down])
        for layer in range(pols):
            change[:] = 0
            for row in rows:
                _add_changes(level[0, row], level[layer, row], mean[layer, row], known[row], change)
            _add_up(change, sums[layer, down])


@njit(cache=True, nogil=True)
def _add_changes(
    first: NDArray[np.int16], level: NDArray[np.int16], mean: NDArray[np.int16], known: NDArray[np.uint8],
    total: NDArray[np.int32],
) -> None:  # fmt: skip
    for column in range(level.shape[0]):
        change = np.int32(level[column]) - np.int32(mean[column])
        total[column] += change if (first[column] != UNSEEN) & (known[column] > 0) else np.int32(0)


@njit(cache=True, nogil=True)
def _add_up(pixels: NDArray[np.int32], blocks: NDArray[np.int64]) -> None:
    for block in range(blocks.shape[0]):
        at = BLOCK_PX * block
        blocks[block] += pixels[at] + pixels[at + 1] + pixels[at + 2] + pixels[at + 3]


def surface(sums: NDArray[np.int64], counts: NDArray[np.int64]) -> Surface:
    """Lay the weather through the blocks.

    Parameters
    ----------
    sums
        Sums of changes, codes, (polarisations, blocks down, blocks across).
    counts
        Pixels in each block, (blocks down, blocks across).

    Returns
    -------
    numpy.ndarray
        Codes at the middle of each block, (polarisations, blocks down, blocks across).
    """
    full = counts > 0
    if not full.any():
        return np.zeros(sums.shape, np.float32)
    weight = counts.astype(np.float64)
    around = np.empty(weight.shape)
    _around(weight, around)
    layers = np.empty(sums.shape, np.float32)
    for layer, trend in zip(sums, layers, strict=True):
        block = layer / np.maximum(weight, 1)
        _lay(block, weight, around, float(np.median(block[full])), trend)
    return layers


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _lay(block: Blocks, weight: Blocks, around: Blocks, middle: float, out: NDArray[np.float32]) -> None:
    """Lay a surface through the blocks of one polarisation; each pass lets them pull less.

    The last passes weigh them by Tukey's biweight (Beaton and Tukey, Technometrics 16, 1974).
    """
    trend = np.full(block.shape, middle)
    pulled = np.empty(block.shape)
    for clip in CLIPS_DB:
        reach = clip * STEPS_PER_DB
        for row in range(block.shape[0]):
            for column in range(block.shape[1]):
                near = min(max(block[row, column] - trend[row, column], -reach), reach)
                pulled[row, column] = weight[row, column] * (trend[row, column] + near)
        _around(pulled, trend)
        for row in range(block.shape[0]):
            for column in range(block.shape[1]):
                told = trend[row, column] / max(around[row, column], 1e-9)
                # Where nothing was seen for a long way round, the scene's middle tells the weather.
                trend[row, column] = told if around[row, column] > 1e-6 else middle
    weights, told = np.empty(block.shape), np.empty(block.shape)
    for _ in range(LAST_PASSES):
        for row in range(block.shape[0]):
            for column in range(block.shape[1]):
                off = (block[row, column] - trend[row, column]) / (STRANGE_DB * STEPS_PER_DB)
                near = max(1 - off * off, 0.0)
                weights[row, column] = weight[row, column] * (near * near + STRANGE_WEIGHT)
                pulled[row, column] = weights[row, column] * block[row, column]
        _around(weights, told)
        _around(pulled, weights)
        for row in range(block.shape[0]):
            for column in range(block.shape[1]):
                if around[row, column] > 1e-6:
                    trend[row, column] = weights[row, column] / told[row, column]
    out[:] = trend


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _around(blocks: Blocks, out: Blocks) -> None:
    """Average over squares of SURROUNDINGS_BLOCKS; beyond the edge the scene is mirrored."""
    height, width = blocks.shape
    half = SURROUNDINGS_BLOCKS // 2
    line = np.empty(width + 2 * half)
    for row in range(height):
        line[:] = 0
        for step in range(-half, half + 1):
            source = blocks[_mirrored(row + step, height)]
            for column in range(width):
                line[column + half] += source[column]
        for step in range(1, half + 1):
            line[half - step] = line[half + _mirrored(-step, width)]
            line[half + width - 1 + step] = line[half + _mirrored(width - 1 + step, width)]
        own = out[row]
        own[:] = 0
        for step in range(SURROUNDINGS_BLOCKS):
            for column in range(width):
                own[column] += line[column + step]
        own *= 1 / SURROUNDINGS_BLOCKS**2


@njit(cache=True, nogil=True)
def _mirrored(place: int, count: int) -> int:
    place = place % (2 * count)
    return place if place < count else 2 * count - 1 - place


def roughness(
    sums: NDArray[np.int64],
    counts: NDArray[np.int64],
    trend: Surface,
    pooled_db2: Sequence[float],
    dates: int,
) -> NDArray[np.float32]:
    """Tell how much more the blocks of each polarisation scatter than their pixels alone would let them.

    Waves and slicks move neighbouring pixels together, and one polarisation more than the other; over a
    window such noise does not average out.

    Parameters
    ----------
    sums, counts, trend
        As in :func:`surface`.
    pooled_db2
        The scene's usual variance, covariance, variance of a pixel.
    dates
        Dates in the history.

    Returns
    -------
    numpy.ndarray
        Variance of a window over that of as many independent pixels, (polarisations,), 1 to MOST_ROUGH.
    """
    rough = np.ones(len(sums), np.float32)
    full = 2 * counts > BLOCK_PX**2
    if dates < 1 or not full.any():
        return rough
    for layer, (total, own) in enumerate(zip(sums, trend, strict=True)):
        off = np.abs(total[full] / counts[full] - own[full]) / STEPS_PER_DB
        variance = BLOCK_PX**2 * (float(np.median(off)) / MEDIAN_OF_NORMAL) ** 2
        usual = pooled_db2[2 * layer] * (1 + 1 / dates)
        rough[layer] = min(max(variance / max(usual, 1e-6), 1.0), MOST_ROUGH)
    return rough


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
