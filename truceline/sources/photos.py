"""Photos of a drone as they come in: one observation each, with the ground that it states it shows."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from truceline.geo.photo_ground import Outline, outline_of
from truceline.geo.photo_tags import PhotoTags, opened, read_tags
from truceline.model.errors import BadInput
from truceline.model.observed import Observation, Scalar
from truceline.model.place import Span, utc_text
from truceline.model.units import Seconds
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps
from truceline.sources.unreadable import file_time, unreadable

LARGEST_BYTES = 256 << 20
# Many drones store a small picture behind the photo (CIPA DC-007, "MPO"): any JPEG reader reads the photo.
_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
}
_MOMENT = timedelta(microseconds=1)


class Photos(Source):
    """Watches a folder of photos, or reads one: EXIF and XMP say where it was and where it looked.

    Parameters
    ----------
    path
        Folder or file.
    pattern
        Names to read, separated by blanks.
    settle_s
        A file counts as complete when its size has not changed for so long.
    """

    path: Path
    pattern: str = "*.jpg *.JPG *.jpeg *.JPEG *.png *.webp *.tif *.tiff"
    settle_s: Seconds = 0.5

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield one observation per photo, files in order of their names as they come."""
        for sweep in sweeps(self.path, self.pattern, intake, follow=follow, settle_s=self.settle_s):
            for file in sweep:
                taken = self._take(file, intake)
                if taken is not None:
                    yield taken

    def _take(self, file: Path, intake: Intake) -> Taken | None:
        try:
            if file.stat().st_size > LARGEST_BYTES:
                raise BadInput(file.name, f"is larger than {LARGEST_BYTES >> 20} MiB")
            data = file.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            if intake.has(key):
                return None
            with opened(file.name, data) as image:
                tags, media_type = read_tags(image, data), _TYPES[str(image.format)]
        except OSError as error:
            return Taken(noun=unreadable(self.name, file, f"{file.name}: cannot be read: {error.strerror}"))
        except BadInput as error:
            return Taken(noun=unreadable(self.name, file, str(error)))
        blob = intake.put(data, media_type, "photo")
        return Taken(noun=self._noun(key, file, tags), blobs=(blob,))

    def _noun(self, key: str, file: Path, tags: PhotoTags) -> Observation:
        moment = tags.time or file_time(file)
        outline = outline_of(tags)
        reasons = _reasons(tags, outline)
        return Observation(
            source=self.name,
            key=key,
            phenomenon=Span(from_utc=moment, until_utc=moment + _MOMENT),
            result_utc=moment,
            status="degraded" if reasons else "ok",
            reason="; ".join(reasons),
            footprint=None if outline is None else _polygon(outline),
            attributes=_attributes(file.name, tags, moment, outline),
        )


def _reasons(tags: PhotoTags, outline: Outline | None) -> list[str]:
    reasons = []
    if tags.time is None:
        reasons.append("no clock with a zone: the file's time counts")
    if not np.isfinite(tags.lat_deg + tags.lon_deg):
        reasons.append("no_position")
    elif not np.isfinite(tags.yaw_deg):
        reasons.append("no_yaw")
    elif outline is None:
        reasons.append("horizon")
    if not tags.above_m > 0:
        reasons.append("no_height")
    return reasons


def _polygon(outline: Outline) -> dict[str, object]:
    ring = [list(corner) for corner in reversed(outline.corners)]  # counter-clockwise (RFC 7946)
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def _attributes(
    file_name: str, tags: PhotoTags, moment: datetime, outline: Outline | None
) -> dict[str, Scalar]:
    told: dict[str, Scalar] = {"file": file_name}
    if np.isfinite(tags.lat_deg + tags.lon_deg):
        told |= {"sensor_lat_deg": tags.lat_deg, "sensor_lon_deg": tags.lon_deg}
    if outline is not None:
        told |= {
            "frame_utc": utc_text(moment),
            "frame_packet": 0,
            "frame_center_lat_deg": outline.center_lat_deg,
            "frame_center_lon_deg": outline.center_lon_deg,
            "frame_ce90_m": outline.ce90_m,
        }
        for n, (lon, lat) in enumerate(outline.corners, 1):
            told |= {f"frame_corner{n}_lat_deg": lat, f"frame_corner{n}_lon_deg": lon}
    return told
