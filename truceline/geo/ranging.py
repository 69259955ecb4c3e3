"""How far along its sight a sensor sees the ground: slant range and ground cut, weighed by their errors.

A flat sight makes the cut with the ground uncertain (height and angle count the more, the flatter it
is), a poor range finder the slant range; the mean with inverse variances takes the better one of each
flight. Where the two contradict each other beyond their errors, the error covers both.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.geo.camera import (
    SIGMA_HEIGHT_M,
    SIGMA_POSITION_M,
    Camera,
    across_of,
    ce90_of_axes,
    cut_ground,
    go_along,
    sights,
)
from truceline.geo.pose import Ground
from truceline.geo.terrain import Terrain

Array = npt.NDArray[np.float64]

SIGMA_RANGE_M = 2.0  # of a laser range, assumed: no packet of the wild tells it
CONTRADICT = 3.0  # standard deviations of their difference, in the median over a flight
_LEAST_STEEP = np.sin(np.radians(1.0))  # flatter sights have no useful end


class Reach(NamedTuple):
    """Where sights end: position, distance, height of the ground there, 90 % error; NaN: nowhere."""

    lat_deg: Array
    lon_deg: Array
    range_m: Array
    ground_m: Array
    ce90_m: Array
    sight: Array


class Sigma(NamedTuple):
    """Standard deviations of a sight, degrees: of its angle, and besides of its azimuth alone."""

    angle_deg: Array
    azimuth_deg: Array


def reach(
    camera: Camera, ground: Ground, slant_m: Array, sigma: Sigma, terrain: Terrain | None = None
) -> Reach:
    """Follow the middle of the picture to the ground.

    Parameters
    ----------
    camera, ground
        Poses, and heights of the same kind.
    slant_m
        Stated slant ranges, NaN unknown.
    sigma
        How sure the sight's angles are, per packet.
    terrain
        Height model; without it the ground is level at ``ground.ground_m``.
    """
    sight = sights(camera, 0.0, 0.0)
    if terrain is None:
        by_ground_m = cut_ground(camera, sight, ground.ground_m)[2]
    else:
        by_ground_m = terrain.cut(camera, sight)
    by_range_m = np.where((slant_m > 0) & np.isfinite(sight[:, 0]), slant_m, np.nan)
    steep = np.maximum(sight[:, 2], _LEAST_STEEP)
    level = np.sqrt(np.clip(1 - steep**2, 0, 1))
    angle = np.radians(sigma.angle_deg)
    sigma_range_m = np.hypot(SIGMA_RANGE_M, _jitter_m(by_range_m))
    sigma_ground_m = np.hypot(SIGMA_HEIGHT_M / steep, by_ground_m * angle * level / steep)
    apart_m = by_range_m - by_ground_m
    both = np.isfinite(apart_m)
    doubt_m = _doubt_m(apart_m[both], np.hypot(sigma_range_m, sigma_ground_m)[both])
    share = np.hypot(sigma_range_m, doubt_m) ** 2
    share = share / (share + np.hypot(sigma_ground_m, doubt_m) ** 2)  # what the ground cut counts
    share = np.where(both, share, np.where(np.isfinite(by_ground_m), 1.0, 0.0))
    range_m = np.where(both, by_range_m - share * apart_m, np.where(share == 1, by_ground_m, by_range_m))
    # The same angle error moves the cut along the ground twice: by the sight itself and by its length.
    along = range_m * angle * (share * level**2 / steep + steep)
    along = np.hypot(along, share * np.hypot(SIGMA_HEIGHT_M, doubt_m * steep) * level / steep)
    along = np.hypot(along, (1 - share) * np.hypot(sigma_range_m, doubt_m) * level)
    along = np.hypot(along, SIGMA_POSITION_M)
    across = across_of(sight, range_m, sigma.angle_deg, sigma.azimuth_deg)
    lat, lon, height_m = go_along(camera, sight, range_m)
    level_ground = (share == 1) & (terrain is None)
    return Reach(
        lat,
        lon,
        range_m,
        np.where(level_ground & np.isfinite(range_m), ground.ground_m, height_m),
        ce90_of_axes(along, across),
        sight,
    )


def _jitter_m(range_m: Array) -> float:
    """Noise of the stated ranges from packet to packet (third differences), not their drift."""
    known = range_m[np.isfinite(range_m)]
    if len(known) < 8:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(known, 3))) / np.sqrt(20.0))


def _doubt_m(apart_m: Array, sigma_m: Array) -> float:
    """Half of a lasting contradiction between slant range and ground cut."""
    if not len(apart_m):
        return 0.0
    middle_m = abs(float(np.median(apart_m)))
    return middle_m / 2 if middle_m > CONTRADICT * float(np.median(sigma_m)) else 0.0
