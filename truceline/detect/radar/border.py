"""Border noise: at the edges of a radar scene some rows and columns hold almost nothing, but not no data.

Where the swath ends, products carry powers far below what any surface or the receiver itself returns (Ali et
al., Methods to Remove the Border Noise From Sentinel-1 SAR Data, IEEE JSTARS 11(3), 2018). From one date to
the next the edge moves, and each time it would look like a loss of echo. From the edges inwards, such pixels
count as no data, until the first that a surface may have made.
"""

import numpy as np
from numpy.typing import NDArray

from truceline.detect.desk import Desk
from truceline.geo.loops import njit

# Calm water returns -30 dB at the darkest, the receiver's noise of Sentinel-1 lies above -30 dB.
FAINTEST_DB = -35

Levels = NDArray[np.int16]
Rows = tuple[int, int, int]  # first, end, step


def leave_border_out(levels: Levels, faintest: int, unseen: int, desk: Desk) -> None:
    """Turn border noise into no data.

    Parameters
    ----------
    levels
        Codes (polarisations, height, width), changed in place.
    faintest
        Code that border noise lies below in every polarisation.
    unseen
        Code of a pixel without data.
    desk
        Where they lie.
    """
    codes = (np.int16(faintest), np.int16(unseen))
    for step in (1, -1):
        waiting = np.ones(levels.shape[2], np.bool_)  # columns in which no surface was met so far
        for top, bottom in desk.strips()[::step]:
            rows = (top, bottom, 1) if step > 0 else (bottom - 1, top - 1, -1)
            if waiting.any():
                _go_down(levels, rows, waiting, *codes)
            if step > 0:
                _go_across(levels, rows, *codes)
            elif not waiting.any():
                break
            desk.let_go(top, bottom)


@njit(cache=True, nogil=True)
def _go_across(levels: Levels, rows: Rows, faintest: np.int16, unseen: np.int16) -> None:
    """Clear each row from both ends."""
    width = levels.shape[2]
    for row in range(*rows):
        for from_right in range(2):
            for place in range(width):
                column = width - 1 - place if from_right else place
                if not _clear(levels, row, column, faintest, unseen):
                    break


@njit(cache=True, nogil=True)
def _go_down(
    levels: Levels, rows: Rows, waiting: NDArray[np.bool_], faintest: np.int16, unseen: np.int16
) -> None:
    """Clear the columns that wait, row by row, until none waits."""
    for row in range(*rows):
        for column in range(levels.shape[2]):
            if waiting[column]:
                waiting[column] = _clear(levels, row, column, faintest, unseen)
        if not waiting.any():
            break


@njit(cache=True, nogil=True)
def _clear(levels: Levels, row: int, column: int, faintest: np.int16, unseen: np.int16) -> bool:
    """Clear a pixel of border noise; tell whether it is one, or has no data."""
    for layer in range(levels.shape[0]):
        if levels[layer, row, column] >= faintest:
            return False
    for layer in range(levels.shape[0]):
        levels[layer, row, column] = unseen
    return True
