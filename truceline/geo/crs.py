"""Metres on the earth: geodesic distances, a local plane, and earth-centred coordinates."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import Geod

from truceline.model.place import Point

Array = npt.NDArray[np.float64]

GEOD = Geod(ellps="WGS84")
_A_M = 6_378_137.0  # WGS 84, NGA.STND.0036, semi-major axis
_F = 1 / 298.257223563  # WGS 84, flattening
_B_M = _A_M * (1 - _F)
_E2 = _F * (2 - _F)
_EP2 = _E2 / (1 - _E2)


def distance_m(here: Point, there: Point) -> float:
    """Measure the geodesic between two points on WGS 84 (Karney 2013, *J. Geodesy* 87).

    Examples
    --------
    >>> pole, equator = Point(lat_deg=90, lon_deg=0, ce90_m=0), Point(lat_deg=0, lon_deg=0, ce90_m=0)
    >>> round(distance_m(pole, equator))
    10001966
    """
    return float(GEOD.inv(here.lon_deg, here.lat_deg, there.lon_deg, there.lat_deg)[2])


def distances_m(lat_deg: Any, lon_deg: Any, to_lat_deg: Any, to_lon_deg: Any) -> Array:
    """Measure many geodesics; shapes as numpy broadcasts them."""
    lat, lon, to_lat, to_lon = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (lat_deg, lon_deg, to_lat_deg, to_lon_deg))
    )
    return np.asarray(GEOD.inv(lon, lat, to_lon, to_lat)[2], float)


def to_local(lat_deg: Any, lon_deg: Any, origin_lat_deg: float, origin_lon_deg: float) -> tuple[Array, Array]:
    """Put points on a plane: metres east and north of an origin (azimuthal equidistant, WGS 84).

    Distances and directions from the origin are exact; a distance ``r`` away, lengths across the
    direction to the origin are stretched by about ``r² / 6 R²`` (4 in a million at 30 km).

    Returns
    -------
    tuple
        ``x_m`` east and ``y_m`` north, shaped as the input.
    """
    lat, lon = np.broadcast_arrays(np.asarray(lat_deg, float), np.asarray(lon_deg, float))
    azimuth_deg, _, length_m = GEOD.inv(
        np.full(lat.shape, origin_lon_deg), np.full(lat.shape, origin_lat_deg), lon, lat
    )
    azimuth = np.radians(azimuth_deg)
    length = np.asarray(length_m, float)
    return length * np.sin(azimuth), length * np.cos(azimuth)


def from_local(x_m: Any, y_m: Any, origin_lat_deg: float, origin_lon_deg: float) -> tuple[Array, Array]:
    """Take points back from the plane of :func:`to_local`.

    Returns
    -------
    tuple
        ``lat_deg`` and ``lon_deg``, shaped as the input.
    """
    x, y = np.broadcast_arrays(np.asarray(x_m, float), np.asarray(y_m, float))
    lon, lat, _ = GEOD.fwd(
        np.full(x.shape, origin_lon_deg),
        np.full(x.shape, origin_lat_deg),
        np.degrees(np.arctan2(x, y)),
        np.hypot(x, y),
    )
    return np.asarray(lat, float), np.asarray(lon, float)


def to_earth_centred(lat_deg: Any, lon_deg: Any) -> Array:
    """Put points of the ellipsoid into earth-centred, earth-fixed metres, shape (n, 3)."""
    lat, lon = np.radians(np.asarray(lat_deg, float)), np.radians(np.asarray(lon_deg, float))
    bend_m = _A_M / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    return np.stack(
        [
            bend_m * np.cos(lat) * np.cos(lon),
            bend_m * np.cos(lat) * np.sin(lon),
            bend_m * (1 - _E2) * np.sin(lat),
        ],
        axis=-1,
    )


def from_earth_centred(xyz_m: Array) -> tuple[Array, Array]:
    """Find latitude and longitude of points near the ellipsoid (Bowring 1976, *Survey Review* 23)."""
    x, y, z = xyz_m[..., 0], xyz_m[..., 1], xyz_m[..., 2]
    from_axis = np.hypot(x, y)
    reduced = np.arctan2(z * _A_M, from_axis * _B_M)
    lat = np.arctan2(z + _EP2 * _B_M * np.sin(reduced) ** 3, from_axis - _E2 * _A_M * np.cos(reduced) ** 3)
    return np.degrees(lat), np.degrees(np.arctan2(y, x))


def normals(lat_deg: Any, lon_deg: Any) -> Array:
    """Give the unit vectors pointing up from the ellipsoid, shape (n, 3)."""
    lat, lon = np.radians(np.asarray(lat_deg, float)), np.radians(np.asarray(lon_deg, float))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
