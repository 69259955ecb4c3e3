"""Where a camera looks: rotation of platform and sensor, line of sight, and the cut with the ground.

Frames: body and sensor are forward, right, down; local is north, east, down. Rotations are taken in
the order of contract drone, section 2 (MISB ST 0601, ST 0107): heading, pitch, roll of the platform,
then azimuth, elevation, roll of the sensor. Everything takes arrays, one entry per packet or pixel.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.geo.crs import from_earth_centred, normals, to_earth_centred

Array = npt.NDArray[np.float64]

A_M, B_M = 6_378_137.0, 6_356_752.314245  # WGS 84

# Assumed standard deviations of one packet: what no packet of the wild tells us.
# Attitude and gimbal of a stabilised turret whose boresight was set; GNSS with corrections; ground height
# against the terrain model. A boresight that was never set shows as a bias, see geo.azimuth.
SIGMA_ANGLE_DEG = 0.06
SIGMA_POSITION_M = 1.5
SIGMA_HEIGHT_M = 5.0

_LINE, _CIRCLE = 1.6449, 2.1460  # 90 % within: of an error along a line, of a circular one (per sigma)
_LEAST_DEPRESSION = np.sin(np.radians(1.0))  # flatter sights have no useful end


class Camera(NamedTuple):
    """Poses and opening angles, n of each; NaN where unknown.

    ``axes`` has shape (n, 3, 3); its columns are the sensor's forward, right and down in local north,
    east, down.
    """

    lat_deg: Array
    lon_deg: Array
    height_m: Array
    axes: Array
    hfov_deg: Array
    vfov_deg: Array


def axes_of(
    heading_deg: Any,
    pitch_deg: Any,
    roll_deg: Any,
    azimuth_deg: Any,
    elevation_deg: Any,
    sensor_roll_deg: Any,
) -> Array:
    """Turn six angles into sensor axes, shape (n, 3, 3); any NaN makes all of its axes NaN."""
    platform = _turn(heading_deg, pitch_deg, roll_deg)
    return platform @ _turn(azimuth_deg, elevation_deg, sensor_roll_deg)


def _turn(heading_deg: Any, pitch_deg: Any, roll_deg: Any) -> Array:
    """Rotate about down, then right, then forward: columns are the turned axes."""
    h, p, r = (
        np.radians(np.atleast_1d(np.asarray(angle, float))) for angle in (heading_deg, pitch_deg, roll_deg)
    )
    ch, sh, cp, sp, cr, sr = np.cos(h), np.sin(h), np.cos(p), np.sin(p), np.cos(r), np.sin(r)
    rows = [
        [ch * cp, ch * sp * sr - sh * cr, ch * sp * cr + sh * sr],
        [sh * cp, sh * sp * sr + ch * cr, sh * sp * cr - ch * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return np.moveaxis(np.array([[np.broadcast_to(cell, h.shape) for cell in row] for row in rows]), -1, 0)


def turned(axes: Array, by_deg: Any) -> Array:
    """Turn axes about the vertical, clockwise positive."""
    return _turn(by_deg, np.zeros(len(axes)), np.zeros(len(axes))) @ axes


def sights(camera: Camera, right: Any, down: Any) -> Array:
    """Give the direction through a place in the picture, unit vectors north, east, down (n, 3).

    Parameters
    ----------
    camera
        Poses and opening angles.
    right, down
        Place in the picture: 0, 0 is its centre, 1, 1 the bottom-right corner.
    """
    right, down = (np.broadcast_to(np.asarray(x, float), camera.hfov_deg.shape) for x in (right, down))
    # An unknown opening angle does not matter for the centre.
    across = np.where(right == 0, 0.0, np.tan(np.radians(_opening(camera.hfov_deg)) / 2) * right)
    along = np.where(down == 0, 0.0, np.tan(np.radians(_opening(camera.vfov_deg)) / 2) * down)
    seen = np.stack([np.ones_like(across), across, along], -1)
    sight = np.einsum("nij,nj->ni", camera.axes, seen)
    return np.asarray(sight / np.linalg.norm(sight, axis=-1, keepdims=True))


def _opening(angle_deg: Array) -> Array:
    return np.where((angle_deg > 0) & (angle_deg < 179), angle_deg, np.nan)


def _start(lat_deg: Array, lon_deg: Array, height_m: Array, sight: Array) -> tuple[Array, Array]:
    up = normals(lat_deg, lon_deg)
    lon = np.radians(lon_deg)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], -1)
    north = np.cross(up, east)
    begin = to_earth_centred(lat_deg, lon_deg) + height_m[:, None] * up
    return begin, sight[:, :1] * north + sight[:, 1:2] * east - sight[:, 2:] * up


def cut_ground(camera: Camera, sight: Array, ground_m: Any) -> tuple[Array, Array, Array]:
    """Cut lines of sight with level ground.

    Parameters
    ----------
    camera
        Where the sights begin.
    sight
        Unit vectors north, east, down, shape (n, 3).
    ground_m
        Height of the ground, of the same kind as ``camera.height_m``.

    Returns
    -------
    tuple of arrays
        Latitude, longitude, and distance in metres; NaN where the sight does not reach the ground.
    """
    ground_m = np.broadcast_to(np.asarray(ground_m, float), camera.lat_deg.shape)
    begin, way = _start(camera.lat_deg, camera.lon_deg, camera.height_m, sight)
    # Level ground is the ellipsoid with both axes lengthened by its height (differs by millimetres).
    scale = np.stack([A_M + ground_m, A_M + ground_m, B_M + ground_m], -1)
    p, d = begin / scale, way / scale
    a, b, c = np.sum(d * d, -1), np.sum(p * d, -1), np.sum(p * p, -1) - 1
    with np.errstate(invalid="ignore"):
        root = np.sqrt(b * b - a * c)
        range_m = np.where((c > 0) & (b < 0), (-b - root) / a, np.nan)
    lat, lon = from_earth_centred(begin + range_m[:, None] * way)
    return lat, lon, range_m


def go_along(camera: Camera, sight: Array, range_m: Array) -> tuple[Array, Array, Array]:
    """Go along lines of sight: latitude, longitude and height of the ends."""
    begin, way = _start(camera.lat_deg, camera.lon_deg, camera.height_m, sight)
    end = begin + range_m[:, None] * way
    lat, lon = from_earth_centred(end)
    return lat, lon, np.sum((end - to_earth_centred(lat, lon)) * normals(lat, lon), -1)


def ce90_of(
    sight: Array, range_m: Array, sigma_deg: Any = SIGMA_ANGLE_DEG, sigma_azimuth_deg: Any = 0.0
) -> Array:
    """Say how far off a ground point may be: 90 % radius, metres.

    The error is an ellipse: across the sight the angle counts, along it the angle and the ground's
    height count the more, the flatter the sight is.

    Parameters
    ----------
    sight, range_m
        Unit vectors north, east, down, and distances to the ground.
    sigma_deg
        Standard deviation of the sight's angle.
    sigma_azimuth_deg
        The same of the azimuth alone: a heading that nothing checks.
    """
    steep = np.maximum(sight[..., 2], _LEAST_DEPRESSION)
    level = np.sqrt(np.clip(1 - steep**2, 0, 1))
    angle = np.radians(sigma_deg)
    along = np.sqrt(
        (range_m * angle / steep) ** 2 + (SIGMA_HEIGHT_M * level / steep) ** 2 + SIGMA_POSITION_M**2
    )
    return ce90_of_axes(along, across_of(sight, range_m, sigma_deg, sigma_azimuth_deg))


def across_of(sight: Array, range_m: Array, sigma_deg: Any, sigma_azimuth_deg: Any) -> Array:
    """Give the standard deviation across the sight on the ground, metres."""
    level = np.sqrt(np.clip(1 - sight[..., 2] ** 2, 0, 1))
    turn = range_m * level * np.radians(sigma_azimuth_deg)
    return np.asarray(np.sqrt((range_m * np.radians(sigma_deg)) ** 2 + turn**2 + SIGMA_POSITION_M**2))


def ce90_of_axes(along_m: Array, across_m: Array) -> Array:
    """Give the 90 % radius of an error ellipse with these standard deviations, metres."""
    large, small = np.maximum(across_m, along_m), np.minimum(across_m, along_m)
    return np.asarray(large * (_LINE + (_CIRCLE - _LINE) * (small / large) ** 2))


def between(camera: Camera, at_s: Array, times_s: Array, longest_gap_s: float = 2.0) -> Camera:
    """Interpolate poses linearly in time (``at_s`` rising); NaN farther from a packet than the gap.

    Axes are mixed and made orthonormal again: right for the small turns between packets.
    """
    known = np.flatnonzero(
        np.isfinite(camera.axes).all((1, 2)) & np.isfinite(at_s) & np.isfinite(camera.lat_deg)
    )
    if not len(known):
        nothing = np.full(len(times_s), np.nan)
        return Camera(nothing, nothing, nothing, np.full((len(times_s), 3, 3), np.nan), nothing, nothing)
    known = known[np.argsort(at_s[known], kind="stable")]
    at = at_s[known]
    after = np.clip(np.searchsorted(at, times_s), 1, max(1, len(at) - 1))
    right, left = known[np.minimum(after, len(at) - 1)], known[after - 1]
    span = at_s[right] - at_s[left]
    share = np.clip(np.divide(times_s - at_s[left], span, out=np.zeros_like(times_s), where=span > 0), 0, 1)
    nearest = np.minimum(np.abs(times_s - at_s[left]), np.abs(times_s - at_s[right]))
    far = nearest > longest_gap_s

    def mix(values: Array) -> Array:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        mixed = np.where(
            weight == 0,
            values[left],
            np.where(weight == 1, values[right], values[left] * (1 - weight) + values[right] * weight),
        )
        mixed[far] = np.nan
        return np.asarray(mixed)

    axes = mix(camera.axes)
    forward = axes[..., 0] / np.linalg.norm(axes[..., 0], axis=-1, keepdims=True)
    right_axis = axes[..., 1] - np.sum(axes[..., 1] * forward, -1, keepdims=True) * forward
    right_axis /= np.linalg.norm(right_axis, axis=-1, keepdims=True)
    axes = np.stack([forward, right_axis, np.cross(forward, right_axis)], -1)
    lon = camera.lon_deg
    return Camera(
        mix(camera.lat_deg), mix(lon), mix(camera.height_m), axes, mix(camera.hfov_deg), mix(camera.vfov_deg)
    )
