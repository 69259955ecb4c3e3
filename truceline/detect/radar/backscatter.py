"""Radar power as codes: levels in dB as 16-bit integers, read strip by strip.

A level needs no more than 1/256 dB where speckle alone spreads by more than 1 dB; integers make the memory
of a series small, sums exact, and the answer the same however the scene is cut.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from truceline.detect.radar.desk import Desk
from truceline.geo.raster import Grid, SingleBand
from truceline.model.errors import BadInput

Levels = NDArray[np.int16]

STEPS_PER_DB = 256
UNSEEN = -32768  # code of a pixel without data
_TOP = 32767.0  # 128 dB


def grid_at(path: Path) -> Grid:
    """Give the grid of a single-band float32 GeoTIFF.

    Raises
    ------
    BadInput
        If it is none.
    """
    raster = SingleBand(path)
    raster.close()
    return raster.grid


def read_levels(paths: Sequence[Path], grid: Grid, item_id: str, desk: Desk) -> Levels:
    """Read the polarisations of one date.

    Parameters
    ----------
    paths
        One single-band float32 GeoTIFF of linear power per polarisation.
    grid
        Where their pixels must lie.
    item_id
        For messages.
    desk
        Where the result lies, until the next date is read.

    Returns
    -------
    numpy.ndarray
        Codes (polarisations, height, width) in 1/256 dB, ``UNSEEN`` where any polarisation has no data.

    Raises
    ------
    BadInput
        If a file is no such raster, looks like dB, or lies on another grid.
    """
    levels = desk.levels(len(paths))
    with ThreadPoolExecutor(len(paths)) as pool:
        jobs = [
            pool.submit(_fill, path, grid, item_id, layer, desk)
            for path, layer in zip(paths, levels, strict=True)
        ]
        for job in jobs:
            job.result()
    for top, bottom in desk.strips() if len(paths) > 1 else ():
        _join(levels, top, bottom)
        desk.let_go(top, bottom)
    return levels


def encode(powers: NDArray[np.float32]) -> Levels:
    """Write powers (polarisations, height, width) as codes, as :func:`read_levels` does."""
    levels = np.empty(powers.shape, np.int16)
    for power, level in zip(powers, levels, strict=True):
        _encode(np.ascontiguousarray(power, np.float32), math.nan, level)
    _join(levels, 0, powers.shape[1])
    return levels


def decibels(codes: NDArray[np.int16]) -> NDArray[np.float32]:
    """Give the levels of codes in dB, NaN where there is no data."""
    return np.where(codes == UNSEEN, np.nan, codes / STEPS_PER_DB).astype(np.float32)


def _fill(path: Path, grid: Grid, item_id: str, layer: Levels, desk: Desk) -> None:
    finite = negative = 0
    raster = SingleBand(path)
    try:
        if not grid.same_as(raster.grid):
            raise BadInput(f"{path}: {item_id}", f"lies on the grid {raster.grid}; the others on {grid}")
        for top, bottom in desk.strips():
            counts = _encode(raster.rows(top, bottom), raster.nodata, layer[top:bottom])
            finite, negative = finite + counts[0], negative + counts[1]
            desk.let_go(top, bottom)
    finally:
        raster.close()
    if 2 * negative > finite:
        raise BadInput(str(path), "has a median below 0 and looks like dB; linear power is wanted")


@njit(cache=True, nogil=True)
def _encode(power: NDArray[np.float32], nodata: float, codes: Levels) -> tuple[int, int]:
    """Write powers as codes; count finite values and those below 0."""
    finite = negative = 0
    for row in range(power.shape[0]):
        for column in range(power.shape[1]):
            value = power[row, column]
            codes[row, column] = UNSEEN
            if not np.isfinite(value) or value == nodata:
                continue
            finite += 1
            if value > 0:
                code = np.rint(np.log10(value) * np.float32(10 * STEPS_PER_DB))
                codes[row, column] = np.int16(min(max(code, -_TOP), _TOP))
            elif value < 0:
                negative += 1
    return finite, negative


@njit(cache=True, nogil=True)
def _join(levels: Levels, top: int, bottom: int) -> None:
    """Let a pixel without data in one polarisation have none in any."""
    for row in range(top, bottom):
        for column in range(levels.shape[2]):
            for one in range(levels.shape[0]):
                if levels[one, row, column] == UNSEEN:
                    for other in range(levels.shape[0]):
                        levels[other, row, column] = UNSEEN


def root_ratios(exponent: float) -> NDArray[np.float32]:
    """Tabulate ``(10^(exponent x / 10) - 1) / exponent`` in dB for every change x of -16 to 16 dB.

    Speckle in dB leans to the dark side and in power to the bright; a root of the power ratio is nearly
    symmetric (Wilson and Hilferty, The distribution of chi-square, PNAS 17, 1931, for the cube root).
    """
    change_db = np.arange(-16 * STEPS_PER_DB, 16 * STEPS_PER_DB + 1) / STEPS_PER_DB
    scale = 10 / math.log(10)
    return ((10 ** (exponent * change_db / 10) - 1) / exponent * scale).astype(np.float32)
