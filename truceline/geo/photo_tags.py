"""What a drone photo says about itself: EXIF and XMP, and the ground that it shows by that.

Fields are those of the EXIF standard and of the maker's XMP name space ``drone-dji``; others that name
yaw, pitch, roll alike are read too. Clocks without a zone give no time.
"""

import io
import math
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from PIL import Image

from truceline.model.errors import BadInput

MOST_PIXELS = 200_000_000  # THREATS, section 7, rule 10: the header is checked first
FULL_FRAME_MM = 43.2666  # diagonal of 36 x 24 mm, of which the 35 mm equivalent speaks
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_XMP = re.compile(rb"<x:xmpmeta.{0,1000000}?</x:xmpmeta>", re.DOTALL)
_ITEM = re.compile(r"(?:drone-dji|Camera):(\w+)(?:\s*=\s*\"([^\"]*)\"|>([^<]*)<)")
# What the picture library raises on damaged files (UnidentifiedImageError is an OSError).
_DAMAGED = (
    OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, OverflowError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
_SIZE_TAGS = (0xA002, 0xA003)


class PhotoTags(NamedTuple):
    """What a photo states; angles in degrees, lengths in metres, pixels as stored; NaN where unknown.

    ``orientation`` is the EXIF code 1 … 8. ``focal_px`` counts stored pixels.
    """

    time: datetime | None
    width_px: int
    height_px: int
    orientation: int
    focal_px: float
    lat_deg: float
    lon_deg: float
    above_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@contextmanager
def opened(name: str, data: bytes) -> Iterator[Image.Image]:
    """Open a photo; its pixels are not decoded before they are asked for.

    Raises
    ------
    BadInput
        If it is no picture, or larger than 200 megapixels; also when decoding it fails.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged tags are not told; they need no lines of their own
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "TIFF")) as image:
                if image.width * image.height > MOST_PIXELS:
                    size = f"{image.width} x {image.height}"
                    raise BadInput(name, f"has {size} pixels, 200 million at most are read")
                yield image
        except _DAMAGED as error:
            raise BadInput(name, f"cannot be read as a picture: {error}") from error


def read_tags(image: Image.Image, data: bytes) -> PhotoTags:
    """Read what an opened photo states; ``data`` are its bytes."""
    orientation, exif, gps = _tags(image)
    told = _xmp(data)
    lat, lon = _place(gps)
    yaw = told.get("GimbalYawDegree", told.get("FlightYawDegree", told.get("Yaw", _number(gps.get(17)))))
    return PhotoTags(
        _time(exif, gps),
        image.width,
        image.height,
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        _focal_px(exif, image.width, image.height),
        lat,
        lon,
        told.get("RelativeAltitude", math.nan),
        yaw,
        told.get("GimbalPitchDegree", told.get("Pitch", -90.0)),
        told.get("GimbalRollDegree", told.get("Roll", 0.0)),
    )


def _tags(image: Image.Image) -> tuple[Any, dict[int, Any], dict[int, Any]]:
    """Read orientation, EXIF and GPS tags; damaged ones count as not told."""
    try:
        tags = image.getexif()
        return tags.get(0x0112, 1), dict(tags.get_ifd(EXIF_IFD)), dict(tags.get_ifd(GPS_IFD))
    except _DAMAGED:
        return 1, {}, {}


def _xmp(data: bytes) -> dict[str, float]:
    match = _XMP.search(data)
    found: dict[str, float] = {}
    if match:
        for word, attribute, element in _ITEM.findall(match[0].decode("utf-8", "replace")):
            number = _number(attribute or element)
            if math.isfinite(number):
                found[word] = number
    return found


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _place(gps: dict[int, Any]) -> tuple[float, float]:
    lat, lon = _degrees(gps.get(2)), _degrees(gps.get(4))
    lat = -lat if str(gps.get(1, "N")).strip("\0 ").upper() == "S" else lat
    lon = -lon if str(gps.get(3, "E")).strip("\0 ").upper() == "W" else lon
    # A receiver without a fix writes two zeros.
    known = abs(lat) <= 90 and abs(lon) <= 180 and not (lat == 0 and lon == 0)
    return (lat, lon) if known else (math.nan, math.nan)


def _degrees(parts: Any) -> float:
    if not isinstance(parts, tuple) or len(parts) != 3:
        return math.nan
    degrees, minutes, seconds = (_number(part) for part in parts)
    return degrees + minutes / 60 + (0.0 if math.isnan(seconds) else seconds) / 3600


def _focal_px(exif: dict[int, Any], width_px: int, height_px: int) -> float:
    """Focal length in stored pixels, by the 35 mm equivalent, else by the focal plane resolution.

    The equivalent speaks of the diagonal of the whole sensor; a picture wider than 3:2 is cut from a
    sensor of 4:3 whose width it keeps.
    """
    equivalent_mm = _number(exif.get(0xA405))
    if equivalent_mm > 0:
        wide, narrow = max(width_px, height_px), min(width_px, height_px)
        diagonal_px = wide * 1.25 if wide / narrow > 1.55 else math.hypot(wide, narrow)
        return equivalent_mm / FULL_FRAME_MM * diagonal_px
    focal_mm, per_unit = _number(exif.get(0x920A)), _number(exif.get(0xA20E))
    unit_mm = {2: 25.4, 3: 10.0, 4: 1.0}.get(exif.get(0xA210, 2), 25.4)
    told_width = _number(exif.get(_SIZE_TAGS[0]))
    scale = width_px / told_width if told_width > 0 else 1.0
    return focal_mm * per_unit / unit_mm * scale if focal_mm > 0 and per_unit > 0 else math.nan


def _time(exif: dict[int, Any], gps: dict[int, Any]) -> datetime | None:
    day, clock = gps.get(29), gps.get(7)
    try:
        if isinstance(day, str) and isinstance(clock, tuple) and len(clock) == 3:
            begin = datetime.strptime(day.strip("\0 "), "%Y:%m:%d").replace(tzinfo=UTC)
            hours, minutes, seconds = (float(part) for part in clock)
            return begin + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        zone, local = exif.get(0x9011), exif.get(0x9003)
        if isinstance(zone, str) and isinstance(local, str):
            text = local.strip("\0 ") + zone.strip("\0 ")
            return datetime.strptime(text, "%Y:%m:%d %H:%M:%S%z").astimezone(UTC)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return None
