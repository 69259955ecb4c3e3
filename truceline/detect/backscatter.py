"""From linear power to a calibrated score: smoothing, scene normalisation, history, threshold.

Per date the power of each polarisation is averaged over a neighbourhood, written in dB and compared with
the mean of the pixel's own earlier dates. What the whole scene and its wider surroundings share (rain,
soil moisture, wind over water) is taken off. The rest of both polarisations is weighed by the covariance
of the pixel's history, pooled with the scene's, for a change of the same size in both. Only earlier dates
enter, so a series processed at once and date by date gives the same numbers.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.stats import t as student_t

from truceline.geo.raster import Float32, Grid, read_single
from truceline.model.errors import BadInput

# Tuned on the development stacks with injected changes (benchmark of the satellite contract).
EXPONENT = 0.3  # power is averaged as power**0.3: between the mean of dB, which loses bright changes
# beside dark ground, and the mean of power, which loses dark changes beside bright ground
SMOOTHING_PX = 1.4
SURROUNDINGS_PX = 45  # what a square of this side shares is weather, not a place
CLIP_DB = 3.0  # a residual counts at most this much for what the surroundings share
POOLED_DATES = 12.0  # the scene's covariance weighs as much as this many dates of the pixel's own
MEDIAN_TO_MEAN = np.float32(0.85)  # of a variance from few dates: chi-square of about five degrees of freedom
FLOOR_DB2 = 0.05  # variance below which no history is believed
# Scores of unchanged real pixels, divided by their 0.7 quantile, follow a Student t of about 20 degrees
# of freedom; the 0.7 quantile is hardly moved by a tenth of the scene having changed.
TAIL_FREEDOM = 20.0
SCALE_QUANTILE = 0.7
SCALE_FLOOR = 0.5  # spread (of 1 in theory) below which a scene's own spread is not believed
MIN_QUIET_SHARE = 0.2  # of the scene; with fewer pixels out of alert all pixels tell the weather

Bool = NDArray[np.bool_]


def read_powers(
    paths: Sequence[Path], like: Grid | None, item_id: str, threads: int | None = None
) -> tuple[Grid, Float32]:
    """Read the polarisations of one date.

    Parameters
    ----------
    paths
        One single-band float32 GeoTIFF of linear power per polarisation.
    like
        The grid of the dates before, if there were any.
    item_id
        For messages.
    threads
        Files read at the same time; None lets the machine decide.

    Returns
    -------
    tuple
        The grid, and an array (polarisations, height, width); NaN = no data, in all polarisations alike.

    Raises
    ------
    BadInput
        If a file is no such raster, looks like dB, or lies on another grid.
    """
    with ThreadPoolExecutor(threads) as pool:
        rasters = list(pool.map(read_single, paths))
    grid = like if like is not None else rasters[0][0]
    for path, (own, pixels) in zip(paths, rasters, strict=True):
        if not grid.same_as(own):
            raise BadInput(f"{path}: {item_id}", f"lies on the grid {own}; the others on {grid}")
        finite = pixels[np.isfinite(pixels)]
        if finite.size and np.median(finite) < 0:
            raise BadInput(str(path), "has a median below 0 and looks like dB; linear power is wanted")
    powers = np.stack([pixels for _, pixels in rasters])
    valid = (np.isfinite(powers) & (powers > 0)).all(axis=0)
    powers[:, ~valid] = np.nan
    return grid, powers


def smoothed_db(powers: Float32) -> Float32:
    """Average power over the neighbourhood of each pixel and write it in dB.

    Parameters
    ----------
    powers
        Array (polarisations, height, width), linear; NaN = no data.

    Returns
    -------
    numpy.ndarray
        The same shape; NaN where the pixel itself has no data.
    """
    valid = ~np.isnan(powers[0])
    weight = _blurred(valid.astype(np.float32))
    levels = np.full_like(powers, np.nan)
    for level, power in zip(levels, powers, strict=True):
        raised = np.where(valid, power, 0) ** np.float32(EXPONENT)
        level[valid] = (10 / EXPONENT) * np.log10(_blurred(raised)[valid] / weight[valid])
    return levels


def without_weather(residual: Float32, quiet: Bool) -> Float32:
    """Take off what the scene and its wider surroundings share.

    Parameters
    ----------
    residual
        dB against the history, array (polarisations, height, width).
    quiet
        Pixels that tell the weather: observed, with a history, not under an alert.

    Returns
    -------
    numpy.ndarray
        The same shape.
    """
    if not quiet.any():
        return residual
    share = np.maximum(_surroundings(quiet.astype(np.float32)), np.float32(1e-3))
    return np.stack([_flattened(layer, quiet, share) for layer in residual])


def _flattened(layer: Float32, quiet: Bool, share: Float32) -> Float32:
    centred = layer - np.median(layer[quiet])
    trend = np.zeros_like(centred)
    for clip in (CLIP_DB, CLIP_DB / 2):
        near = trend + np.clip(centred - trend, -clip, clip)
        trend = _surroundings(np.where(quiet, near, 0).astype(np.float32)) / share
    return np.asarray(centred - trend, np.float32)


def deviation(residual: Float32, products: Float32, fed: NDArray[np.uint16]) -> Float32:
    """Weigh the polarisations together into one signed number of unit spread, about.

    Parameters
    ----------
    residual
        dB against the history, array (polarisations, height, width).
    products
        Sums of squares (and, with two polarisations, of cross products second) of past residuals.
    fed
        Number of dates in the history, (height, width).

    Returns
    -------
    numpy.ndarray
        Array (height, width).
    """
    freedom = np.maximum(fed.astype(np.float32) - 1, 0)
    known = freedom > 0
    pooled = [
        np.float32(np.median(layer[known] / freedom[known])) / MEDIAN_TO_MEAN
        if known.any()
        else np.float32(1)
        for layer in products
    ]
    spread = [
        (layer + np.float32(POOLED_DATES) * pool) / (freedom + np.float32(POOLED_DATES))
        for layer, pool in zip(products, pooled, strict=True)
    ]
    shortness = 1 + 1 / np.maximum(fed, 1).astype(np.float32)  # the mean itself is uncertain
    if len(residual) == 1:
        return np.asarray(residual[0] / np.sqrt((spread[0] + FLOOR_DB2) * shortness), np.float32)
    first, both, second = spread[0] + np.float32(FLOOR_DB2), spread[1], spread[2] + np.float32(FLOOR_DB2)
    limit = np.float32(0.9) * np.sqrt(first * second)
    both = np.clip(both, -limit, limit)
    one, two = np.maximum(second - both, 0), np.maximum(first - both, 0)
    variance = one * one * first + 2 * one * two * both + two * two * second
    return np.asarray((one * residual[0] + two * residual[1]) / np.sqrt(variance * shortness), np.float32)


def calibrated(number: Float32, tested: Bool, quiet: Bool, far: float) -> Float32:
    """Scale deviations so that a share ``far`` of unchanged pixels reaches magnitude 1.

    Parameters
    ----------
    number
        Deviations, (height, width).
    tested
        Pixels that get a score; the others become NaN.
    quiet
        Pixels that tell how wide unchanged pixels spread today.
    far
        Wanted share of unchanged pixels that exceed.

    Returns
    -------
    numpy.ndarray
        Signed scores, float32.
    """
    told = np.abs(number[quiet & tested])
    spread = np.float32(np.quantile(told, SCALE_QUANTILE)) if told.size else np.float32(1)
    unit = student_t.ppf((1 + SCALE_QUANTILE) / 2, TAIL_FREEDOM)
    reach = np.float32(far_reach(far)) * max(spread / np.float32(unit), np.float32(SCALE_FLOOR))
    return np.where(tested, number / reach, np.float32(np.nan)).astype(np.float32)


def far_reach(far: float) -> float:
    """Give the deviation, in units of the null's own spread, that a share ``far`` of the null exceeds."""
    return float(student_t.isf(far / 2, TAIL_FREEDOM))


def quiet_pixels(observed: Bool, alerted: Bool) -> Bool:
    """Choose the pixels that tell the weather: those out of alert, unless they are too few."""
    quiet = observed & ~alerted
    return quiet if quiet.sum() >= MIN_QUIET_SHARE * max(1, int(observed.sum())) else observed


def _blurred(layer: Float32) -> Float32:
    return np.asarray(gaussian_filter(layer, SMOOTHING_PX, mode="nearest", truncate=2.5), np.float32)


def _surroundings(layer: Float32) -> Float32:
    return np.asarray(uniform_filter(layer, SURROUNDINGS_PX, mode="reflect"), np.float32)
