"""Radar power as codes: levels in dB as 16-bit integers, read strip by strip.

A level needs no more than 1/256 dB where speckle alone spreads by more than 1 dB; integers make the memory
of a series small, sums exact, and the answer the same however the scene is cut.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from truceline.detect.desk import Desk
from truceline.detect.radar.border import FAINTEST_DB, leave_border_out
from truceline.geo.loops import njit
from truceline.geo.raster import Grid, SingleBand
from truceline.model.errors import BadInput

Levels = NDArray[np.int16]

STEPS_PER_DB = 256
UNSEEN = -32768  # code of a pixel without data
_TOP = 32767.0  # 128 dB
# A power is (1 + part) x 2^octave; its bits (IEEE 754) hold the octave + 127 and the part.
_EXPONENT, _MANTISSA, _ONE = np.int32(0x7F800000), np.int32(0x007FFFFF), np.int32(0x3F800000)
_PER_OCTAVE = np.float32(10 * STEPS_PER_DB * math.log10(2))
LOG_TERMS = (
    Chebyshev.interpolate(lambda part: 10 * STEPS_PER_DB * np.log10(1 + part), 7, domain=(0, 1))
    .convert(kind=Polynomial, domain=(-1, 1))
    .coef.astype(np.float32)
)
ROOT_REACH = np.float32(16 * STEPS_PER_DB)
ROOT_TERMS = 7


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
    with ExitStack() as stack, ThreadPoolExecutor(len(paths)) as pool:
        # Opened here: each thread that asks for a CRS opens the tables of all of them.
        rasters = [stack.enter_context(closing(SingleBand(path))) for path in paths]
        for raster in rasters:
            if not grid.same_as(raster.grid):
                raise BadInput(
                    f"{raster.path}: {item_id}", f"lies on the grid {raster.grid}; the others on {grid}"
                )
        list(pool.map(lambda raster, layer: _fill(raster, layer, desk), rasters, levels))
    for top, bottom in desk.strips() if len(paths) > 1 else ():
        _join(levels, top, bottom)
        desk.let_go(top, bottom)
    leave_border_out(levels, FAINTEST_DB * STEPS_PER_DB, UNSEEN, desk)
    return levels


def encode(powers: NDArray[np.float32]) -> Levels:
    """Write powers (polarisations, height, width) as codes, as :func:`read_levels` does."""
    levels = np.empty(powers.shape, np.int16)
    for power, level in zip(powers, levels, strict=True):
        _encode(np.ascontiguousarray(power, np.float32), np.float32(math.nan), level)
    _join(levels, 0, powers.shape[1])
    leave_border_out(levels, FAINTEST_DB * STEPS_PER_DB, UNSEEN, Desk(powers.shape[1:]))
    return levels


def decibels(codes: NDArray[np.int16]) -> NDArray[np.float32]:
    """Give the levels of codes in dB, NaN where there is no data."""
    return np.where(codes == UNSEEN, np.nan, codes / STEPS_PER_DB).astype(np.float32)


def _fill(raster: SingleBand, layer: Levels, desk: Desk) -> None:
    finite = negative = 0
    for top, bottom in desk.strips():
        counts = _encode(raster.rows(top, bottom), np.float32(raster.nodata), layer[top:bottom])
        finite, negative = finite + counts[0], negative + counts[1]
        desk.let_go(top, bottom)
    if 2 * negative > finite:
        raise BadInput(str(raster.path), "has a median below 0 and looks like dB; linear power is wanted")


@njit(cache=True, nogil=True, error_model="numpy")
def _encode(power: NDArray[np.float32], nodata: np.float32, codes: Levels) -> tuple[int, int]:
    """Write powers as codes; count finite values and those below 0."""
    finite = negative = 0
    mantissa = np.empty(power.shape[1], np.int32)
    for row in range(power.shape[0]):
        own = power[row]
        bits = own.view(np.int32)
        for column in range(own.shape[0]):
            mantissa[column] = (bits[column] & _MANTISSA) | _ONE
        part = mantissa.view(np.float32)
        # Counts of 32 bits in a row: the compiler takes twice as many at once as of 64.
        finite_here = negative_here = np.int32(0)
        for column in range(own.shape[0]):
            value = own[column]
            is_finite = ((bits[column] & _EXPONENT) != _EXPONENT) & (value != nodata)
            finite_here += np.int32(is_finite)
            negative_here += np.int32(is_finite & (value < 0))
            share = part[column] - np.float32(1)
            code = LOG_TERMS[7]
            for term in range(6, -1, -1):
                code = code * share + LOG_TERMS[term]
            code += np.float32((bits[column] >> 23) - 127) * _PER_OCTAVE
            code = min(max(np.rint(code), -_TOP), _TOP)
            codes[row, column] = np.int16(code) if is_finite & (value > 0) else np.int16(UNSEEN)
        finite += int(finite_here)
        negative += int(negative_here)
    return finite, negative


@njit(cache=True, nogil=True)
def _join(levels: Levels, top: int, bottom: int) -> None:
    """Let a pixel without data in one polarisation have none in any."""
    for row in range(top, bottom):
        for one in range(1, levels.shape[0]):
            _mask(levels[one, row], levels[0, row])
        for other in range(1, levels.shape[0]):
            _mask(levels[0, row], levels[other, row])


@njit(cache=True, nogil=True)
def _mask(by: Levels, level: Levels) -> None:
    for column in range(level.shape[0]):
        own = level[column]
        level[column] = np.int16(UNSEEN) if by[column] == UNSEEN else own


def root_ratios(exponent: float) -> NDArray[np.float32]:
    """Fit ``(10^(exponent x / 10) - 1) / exponent`` in dB for every change x of -16 to 16 dB.

    Speckle in dB leans to the dark side and in power to the bright; a root of the power ratio is nearly
    symmetric (Wilson and Hilferty, The distribution of chi-square, PNAS 17, 1931, for the cube root).

    Parameters
    ----------
    exponent
        Of the power ratio, at most 0.5.

    Returns
    -------
    numpy.ndarray
        Coefficients of a polynomial in x / 16 dB, constant first, (ROOT_TERMS + 1,); right to 0.001 dB.
    """
    scale = 10 / math.log(10)
    reach_db = float(ROOT_REACH) / STEPS_PER_DB
    fit = Chebyshev.interpolate(
        lambda part: (10 ** (exponent * reach_db * part / 10) - 1) / exponent * scale, ROOT_TERMS
    )
    return fit.convert(kind=Polynomial).coef.astype(np.float32)
