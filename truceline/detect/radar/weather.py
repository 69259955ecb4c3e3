"""What a whole scene and wide surroundings share on one date: rain, soil moisture, wind over water.

The change against the history is averaged over small blocks; a smooth, outlier-proof surface through the
blocks is the weather. A place that changed covers few blocks and hardly bends it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN

BLOCK_PX = 4  # divides the rows of a strip
SURROUNDINGS_BLOCKS = 5  # 20 px: what a square of 600 m shares is weather, not a place
CLIPS_DB = (6.0, 3.0, 1.5, 1.0, 0.7, 0.5, 0.5)  # how far a block may stand out and still pull, pass by pass
EDGE_SHARE = 0.5  # spread of the weather at an edge, as a share of its height

Surface = NDArray[np.float32]


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
    for row in range(top, bottom):
        down = row // BLOCK_PX
        for column in range(level.shape[2]):
            if level[0, row, column] == UNSEEN or known[row, column] == 0:
                continue
            across = column // BLOCK_PX
            counts[down, across] += 1
            for layer in range(level.shape[0]):
                change = np.int64(level[layer, row, column]) - np.int64(mean[layer, row, column])
                sums[layer, down, across] += change


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
    around = np.maximum(_around(weight), 1e-9)
    layers = []
    for layer in sums:
        block = np.where(full, layer / np.maximum(weight, 1), 0.0)
        middle = float(np.median(block[full]))
        trend = np.full(block.shape, middle)
        for clip in CLIPS_DB:
            reach = clip * STEPS_PER_DB
            near = np.clip(block - trend, -reach, reach)
            # Where nothing was seen for a long way round, the scene's middle tells the weather.
            told = _around(np.where(full, weight * (trend + near), 0)) / around
            trend = np.where(around > 1e-6, told, middle)
        layers.append(trend)
    return np.stack(layers).astype(np.float32)


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
    around = (1, 3, 3)
    span = maximum_filter(trend, around, mode="nearest") - minimum_filter(trend, around, mode="nearest")
    return np.asarray((EDGE_SHARE * span / STEPS_PER_DB) ** 2, np.float32)


def _around(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(uniform_filter(blocks, SURROUNDINGS_BLOCKS, mode="reflect"), np.float64)


@njit(cache=True, nogil=True)
def lay_row(trend: Surface, row: int, width: int, out: NDArray[np.float32]) -> None:
    """Interpolate the weather of one polarisation (blocks down, blocks across) along a row of pixels."""
    place = (row + 0.5) / BLOCK_PX - 0.5
    place = min(max(place, 0.0), trend.shape[0] - 1.0)
    upper = int(place)
    lower = min(upper + 1, trend.shape[0] - 1)
    share = np.float32(place - upper)
    for column in range(width):
        across = (column + 0.5) / BLOCK_PX - 0.5
        across = min(max(across, 0.0), trend.shape[1] - 1.0)
        left = int(across)
        right = min(left + 1, trend.shape[1] - 1)
        part = np.float32(across - left)
        above = trend[upper, left] + part * (trend[upper, right] - trend[upper, left])
        below = trend[lower, left] + part * (trend[lower, right] - trend[lower, left])
        out[column] = above + share * (below - above)
