"""Photos of a folder on the ground: by what they state, and by their overlap where they have one.

Contract drone, section 5. A photo whose picture contradicts its own yaw is flagged and placed by the
overlap.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.detect.photos.adjust import (
    Poses,
    adjust,
    ground_of_pixels,
    yaws_by_overlap,
)
from truceline.detect.photos.match import match_photos
from truceline.detect.photos.reader import Photo
from truceline.geo.crs import from_local, to_local
from truceline.geo.photo_ground import (
    CE90_PER_SIGMA,
    SIGMA_PLACE_M,
    USUAL_FOCAL,
    USUAL_HEIGHT_M,
    Errors,
    errors_of,
)

Array = npt.NDArray[np.float64]

REVERSED_DEG = 135.0
BIAS_DEG = 15.0  # of a compass: a greater difference is a fault
GNSS_SHARED = 0.5  # of the variance: errors that all photos of a flight have in common


class Placed(NamedTuple):
    """One photo on the ground; positions null where it has none."""

    photo: Photo
    corners: Array | None  # (4, 2) longitude, latitude: pixel top-left, top-right, bottom-right, bottom-left
    center: tuple[float, float] | None  # latitude, longitude
    heading_deg: float | None
    ce90_m: float | None
    method: str
    health: list[str]


def place_photos(photos: Sequence[Photo]) -> list[Placed]:
    """Place all photos of one flight.

    Parameters
    ----------
    photos
        In any order; the result is in the same order and does not depend on it.
    """
    known = [k for k, photo in enumerate(photos) if np.isfinite(photo.tags.lat_deg + photo.tags.lon_deg)]
    placed = {k: Placed(p, None, None, None, None, "none", ["no_position"]) for k, p in enumerate(photos)}
    known.sort(key=lambda k: photos[k].name)
    if known:
        for k, one in zip(known, _place([photos[k] for k in known]), strict=True):
            placed[k] = one
    return [placed[k] for k in range(len(photos))]


def _place(photos: list[Photo]) -> list[Placed]:
    origin = photos[0].tags.lat_deg, photos[0].tags.lon_deg
    stated = _stated(photos, origin)
    height_known = np.array([np.isfinite(photo.tags.above_m) and photo.tags.above_m > 0 for photo in photos])
    told = np.array([photo.tags.yaw_deg for photo in photos])
    count = len(photos)
    middles = np.array([(photo.tags.width_px / 2, photo.tags.height_px / 2) for photo in photos])
    centres = ground_of_pixels(photos, stated, np.arange(count), middles)
    reach = np.array([np.hypot(p.tags.width_px, p.tags.height_px) / 2 for p in photos]) / stated.focal_px
    reach = reach * stated.above_m / np.maximum(-np.sin(np.radians(stated.pitch_deg)), 0.2) ** 2
    pairs = match_photos(photos, centres, reach)
    seen = yaws_by_overlap(photos, pairs, stated)
    off = (seen - told + 180) % 360 - 180
    start = stated._replace(yaw_deg=np.where(np.isfinite(seen), seen, stated.yaw_deg))
    after = adjust(photos, pairs, start, height_known)
    off = np.where(after.tied, (after.poses.yaw_deg - told + 180) % 360 - 180, off)
    corners = _corners(photos, after.poses)
    center = ground_of_pixels(photos, after.poses, np.arange(count), middles)
    bank = np.array([photo.tags.bank_deg for photo in photos])
    errors = errors_of(after.poses.above_m, after.poses.pitch_deg, bank, height_known, np.isfinite(told))
    ce90 = _ce90_m(errors, after.tied, after.rms_m)
    found = []
    for k, photo in enumerate(photos):
        lat, lon = from_local(corners[k, :, 0], corners[k, :, 1], *origin)
        at = from_local(center[k, 0], center[k, 1], *origin)
        up = corners[k, 0] + corners[k, 1] - corners[k, 2] - corners[k, 3]
        found.append(
            Placed(
                photo,
                np.stack([lon, lat], 1),
                (float(at[0]), float(at[1])),
                float(np.degrees(np.arctan2(up[0], up[1])) % 360),
                float(ce90[k]),
                "overlap" if after.tied[k] else "stated",
                _health(off[k], told[k], bool(height_known[k])),
            )
        )
    return found


def _stated(photos: list[Photo], origin: tuple[float, float]) -> Poses:
    east, north = to_local([p.tags.lat_deg for p in photos], [p.tags.lon_deg for p in photos], *origin)
    above = np.array([p.tags.above_m for p in photos])
    above[~(above > 0)] = np.nan
    usual_m = float(np.nanmedian(above)) if np.isfinite(above).any() else USUAL_HEIGHT_M
    focal = np.array([p.tags.focal_px for p in photos])
    wide = np.array([max(p.tags.width_px, p.tags.height_px) for p in photos])
    return Poses(
        np.asarray(east, float),
        np.asarray(north, float),
        np.where(np.isfinite(above), above, usual_m),
        np.nan_to_num(np.array([p.tags.yaw_deg for p in photos])),
        np.array([p.tags.pitch_deg for p in photos]),
        np.array([p.tags.roll_deg for p in photos]),
        np.where(np.isfinite(focal), focal, USUAL_FOCAL * wide),
    )


def _corners(photos: list[Photo], poses: Poses) -> Array:
    size = np.array([(p.tags.width_px, p.tags.height_px) for p in photos], float)
    places = [size * share for share in ([0, 0], [1, 0], [1, 1], [0, 1])]
    return np.stack([ground_of_pixels(photos, poses, np.arange(len(photos)), one) for one in places], 1)


def _ce90_m(errors: Errors, tied: npt.NDArray[np.bool_], rms_m: Array) -> Array:
    """Say how far off the middle of each picture may be, metres."""
    # Ties average what differs between the photos; what they have in common stays.
    number = max(1, int(tied.sum()))
    shared = SIGMA_PLACE_M**2 * (GNSS_SHARED + (1 - GNSS_SHARED) / number)
    apart = (errors.tilt_m**2 + errors.height_m**2) / number
    together = np.sqrt(shared + apart + np.nan_to_num(rms_m) ** 2)
    return np.asarray(CE90_PER_SIGMA * np.where(tied, together, errors.all_m))


def _health(off_deg: float, told_deg: float, height_known: bool) -> list[str]:
    words = []
    if np.isnan(told_deg):
        words.append("no_yaw")
    elif np.isfinite(off_deg) and abs(off_deg) >= REVERSED_DEG:
        words.append("yaw_180")
    elif np.isfinite(off_deg) and abs(off_deg) >= BIAS_DEG:
        words.append("yaw_bias")
    if not height_known:
        words.append("no_height")
    return words


def to_features(placed: Sequence[Placed]) -> dict[str, Any]:
    """Write a GeoJSON feature collection."""
    return {"type": "FeatureCollection", "features": [_feature(one) for one in placed]}


def _feature(one: Placed) -> dict[str, Any]:
    moment = one.photo.tags.time
    corners = None if one.corners is None else [[round(float(v), 9) for v in row] for row in one.corners]
    ring = None if corners is None else _ring(corners)
    return {
        "type": "Feature",
        "geometry": None if ring is None else {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "file_name": one.photo.name,
            "time": None if moment is None else moment.isoformat().replace("+00:00", "Z"),
            "center_lat_deg": None if one.center is None else round(one.center[0], 9),
            "center_lon_deg": None if one.center is None else round(one.center[1], 9),
            "corners_lonlat": corners,
            "heading_deg": None if one.heading_deg is None else round(one.heading_deg, 3),
            "ce90_m": None if one.ce90_m is None else round(one.ce90_m, 3),
            "method": one.method,
            "health": one.health,
        },
    }


def _ring(corners: list[list[float]]) -> list[list[float]]:
    """Close the outline, counter-clockwise (RFC 7946)."""
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, [*corners[1:], corners[0]], strict=True))
    ordered = corners if area > 0 else corners[::-1]
    return [*ordered, ordered[0]]
