"""How restless the contrasts are: each pixel by its own history, and each part of the scene today.

A harvested or windy stretch scatters more than the rest of the scene; measured by the scene's width alone it
would make most of the alerts of the day.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import UNSEEN, Levels
from truceline.detect.radar.matched import Past, Today
from truceline.detect.radar.weather import BLOCK_PX, Surface, add_up, median_code

UNREST_STEPS = 4096
UNREST_AFTER = 3  # dates in the history before the unrest is learnt
CALM_DATES = np.float32(20.0)  # an unrest of 1 weighs as much as this many dates of the pixel's own
RECENT_STEPS = 32
TOLD_ROWS = 2  # every second row tells: contrasts of neighbouring rows are much alike
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
        known = (level[column] != UNSEEN) & (fed[column] > 0)
        out[column] = (contrast[column] - middle) * scale * part if known else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def sum_sizes(
    past: Past, today: Today, gauge: NDArray[np.float32], top: int, bottom: int, sums: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> None:  # fmt: skip
    """Sum the sizes of the contrasts over blocks.

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
    """
    width = today.contrast.shape[1]
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
    told = counts > 0
    if not told.any():
        return np.ones(sums.shape, np.float32)
    sizes = (sums / np.maximum(counts, 1)).astype(np.float32)
    usual = float(median_code(sizes * np.float32(_FINE), told.astype(np.float32))) / _FINE
    sizes[~told] = usual
    middles = cv2.medianBlur(np.rint(sizes).astype(np.uint8), AROUND_BLOCKS).astype(np.float32)
    share = cv2.blur(middles, (3, 3)) / np.float32(USUAL_SHARE * max(usual, 1.0))
    return np.asarray(np.maximum(share, 1), np.float32)
