"""The ground that a photo shows by what it states: level ground, a pinhole lens, and how sure that is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.geo.camera import Camera, axes_of, cut_ground, sights
from truceline.geo.photo_tags import PhotoTags

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Standard deviations of what a photo states: code GNSS; barometric height; compass; gimbal.
SIGMA_PLACE_M, SIGMA_HEIGHT_SHARE, SIGMA_YAW_DEG, SIGMA_TILT_DEG = 2.5, 0.1, 5.0, 1.0
CE90_PER_SIGMA = 2.1460
UNKNOWN_YAW_DEG = 90.0
USUAL_FOCAL = 24.0 / 43.2666 * 1.25  # of the wider side: the lens of most drones, where none is told
USUAL_HEIGHT_M = 80.0  # where none is told; its error is the height itself
CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


class Errors(NamedTuple):
    """Standard deviations on the ground, metres: by the tilt, by the height, and all together."""

    tilt_m: Array
    height_m: Array
    all_m: Array


class Outline(NamedTuple):
    """A photo on the ground: four corners (lon, lat), the middle, and its 90 % error in metres."""

    corners: list[tuple[float, float]]
    center_lat_deg: float
    center_lon_deg: float
    ce90_m: float


def errors_of(
    above_m: Array, pitch_deg: Array, bank_deg: Array, height_known: Flags, yaw_known: Flags
) -> Errors:
    """Propagate the errors of position, height and angles to the middle of the picture."""
    steep = np.maximum(-np.sin(np.radians(pitch_deg)), 0.1)
    level_m = above_m * np.sqrt(np.clip(1 - steep**2, 0, 1)) / steep
    tilt_m = above_m * np.radians(np.hypot(SIGMA_TILT_DEG, bank_deg)) / steep**2
    height_m = level_m * np.where(height_known, SIGMA_HEIGHT_SHARE, 1.0)
    yaw_m = level_m * np.radians(np.where(yaw_known, SIGMA_YAW_DEG, UNKNOWN_YAW_DEG))
    return Errors(tilt_m, height_m, np.sqrt(SIGMA_PLACE_M**2 + tilt_m**2 + height_m**2 + yaw_m**2))


def outline_of(tags: PhotoTags) -> Outline | None:
    """Draw a photo on level ground; None without a position or a yaw, or with a corner in the sky."""
    if not np.isfinite([tags.lat_deg, tags.lon_deg, tags.yaw_deg]).all():
        return None
    height_known = tags.above_m > 0
    above_m = np.array([tags.above_m if height_known else USUAL_HEIGHT_M])
    focal_px = tags.focal_px if tags.focal_px > 0 else USUAL_FOCAL * max(tags.width_px, tags.height_px)
    turned = tags.orientation >= 5  # the picture lies on its side
    wide, high = (tags.height_px, tags.width_px) if turned else (tags.width_px, tags.height_px)
    fov = (2 * np.degrees(np.arctan(side / 2 / focal_px)) for side in (wide, high))
    camera = Camera(
        np.array([tags.lat_deg]),
        np.array([tags.lon_deg]),
        above_m,
        axes_of(tags.yaw_deg, tags.pitch_deg, tags.roll_deg, 0, 0, 0),
        *(np.array([angle]) for angle in fov),
    )
    places = [cut_ground(camera, sights(camera, *corner), 0.0)[:2] for corner in ((0, 0), *CORNERS)]
    lat, lon = (np.array([float(place[axis][0]) for place in places]) for axis in (0, 1))
    if not np.isfinite(lat + lon).all():
        return None
    pitch, bank = np.array([tags.pitch_deg]), np.array([tags.bank_deg])
    errors = errors_of(above_m, pitch, bank, np.array([height_known]), np.array([True]))
    corners = list(zip(lon[1:].tolist(), lat[1:].tolist(), strict=True))
    return Outline(corners, float(lat[0]), float(lon[0]), CE90_PER_SIGMA * float(errors.all_m[0]))
