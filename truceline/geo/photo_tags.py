"""What a drone photo says about itself: EXIF and XMP, and the ground that it shows by that.

Fields are those of the EXIF standard and of the XMP name spaces of makers: ``drone-dji``, ``drone``
(Autel), ``drone-parrot``, ``drone-skydio``, and ``Camera`` of Pix4D (Parrot, senseFly, Sentera, older
Autel). Clocks without a zone give no time.
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

from PIL import Image, UnidentifiedImageError

from truceline.model.errors import BadInput

MOST_PIXELS = 200_000_000  # THREATS, section 7, rule 10: the header is checked first
HIGHEST_M = 50_000.0  # no aircraft flies higher: more is damage
FULL_FRAME_MM = 43.2666  # diagonal of 36 x 24 mm, of which the 35 mm equivalent speaks
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_XMP = re.compile(rb"<x:xmpmeta.{0,1000000}?</x:xmpmeta>", re.DOTALL)
_VALUE = r"(?:\s*=\s*[\"']([^\"']*)[\"']|>([^<]*)<)"
_ITEM = re.compile(r"(?<![\w-])((?:drone-dji|drone-parrot|drone|Camera):\w+)" + _VALUE)
_SKYDIO = re.compile(r"<drone-skydio:CameraOrientationNED(.{0,600})", re.DOTALL)  # it tells others, too
_SKYDIO_ITEM = re.compile(r"(drone-skydio:(?:Yaw|Pitch|Roll))" + _VALUE)
_YAW = (
    "drone-dji:GimbalYawDegree", "drone:GimbalYawDegree", "drone-skydio:Yaw", "drone-parrot:CameraYawDegree",
    "drone-dji:FlightYawDegree", "drone:FlightYawDegree", "Camera:Yaw",
)  # fmt: skip
_PITCH = (
    "drone-dji:GimbalPitchDegree", "drone:GimbalPitchDegree", "drone-skydio:Pitch",
    "drone-parrot:CameraPitchDegree",
)  # fmt: skip
_ROLL = (
    "drone-dji:GimbalRollDegree", "drone:GimbalRollDegree", "drone-skydio:Roll",
    "drone-parrot:CameraRollDegree",
)  # fmt: skip
_HEIGHT = ("drone-dji:RelativeAltitude", "drone:RelativeAltitude", "Camera:AboveGroundAltitude")
# What the picture library raises on damaged files (UnidentifiedImageError is an OSError).
_DAMAGED = (
    OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, OverflowError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
_SIZE_TAGS = (0xA002, 0xA003)


class PhotoTags(NamedTuple):
    """What a photo states; angles in degrees, lengths in metres, pixels as stored; NaN where unknown.

    ``orientation`` is the EXIF code 1 … 8. ``focal_px`` counts stored pixels. ``bank_deg`` is how far an
    aircraft leans whose camera does not turn against it: a doubt, no angle of the camera here.
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
    bank_deg: float = 0.0


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
        if not data:
            raise BadInput(name, "the file is empty")
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "TIFF")) as image:
                if image.width * image.height > MOST_PIXELS:
                    size = f"{image.width} x {image.height}"
                    raise BadInput(name, f"has {size} pixels, 200 million at most are read")
                yield image
        except UnidentifiedImageError as error:
            raise BadInput(name, "is no picture (JPEG, PNG, WebP, TIFF)") from error
        except _DAMAGED as error:
            raise BadInput(name, f"is a damaged picture: {error}") from error


def read_tags(image: Image.Image, data: bytes) -> PhotoTags:
    """Read what an opened photo states; ``data`` are its bytes."""
    orientation, exif, gps = _tags(image)
    told = _xmp(data)
    lat, lon = _place(gps)
    above_m = _first(told, _HEIGHT, math.nan)
    # Pix4D counts pitch from straight down. Its roll is about the aircraft's nose, not the line of sight.
    yaw, pitch, roll = _upright(
        _first(told, _YAW, _number(gps.get(17))),
        _first(told, _PITCH, told.get("Camera:Pitch", 0.0) - 90.0),
        _first(told, _ROLL, 0.0),
    )
    return PhotoTags(
        _time(exif, gps),
        image.width,
        image.height,
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        _focal_px(exif, image.width, image.height),
        lat,
        lon,
        above_m if abs(above_m) < HIGHEST_M else math.nan,
        yaw,
        pitch,
        roll,
        min(abs(told.get("Camera:Roll", 0.0)), 90.0) if not any(word in told for word in _ROLL) else 0.0,
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
        text = match[0].decode("utf-8", "replace")
        skydio = _SKYDIO.search(text)
        items = _ITEM.findall(text) + (_SKYDIO_ITEM.findall(skydio[1]) if skydio else [])
        for word, attribute, element in items:
            number = _number(attribute or element)
            if math.isfinite(number):
                found.setdefault(word, number)
    return found


def _upright(yaw_deg: float, pitch_deg: float, roll_deg: float) -> tuple[float, float, float]:
    """Say the same attitude with a roll of at most 90 degrees, so that yaw is where the picture's top points.

    Near straight down the gimbals of DJI turn over: roll 180 and the opposite yaw.
    """
    roll_deg = (roll_deg + 180) % 360 - 180
    if abs(roll_deg) <= 90:
        return yaw_deg, pitch_deg, roll_deg
    return (yaw_deg + 360) % 360 - 180, -180 - pitch_deg, roll_deg - math.copysign(180, roll_deg)


def _first(told: dict[str, float], words: tuple[str, ...], otherwise: float) -> float:
    return next((told[word] for word in words if word in told), otherwise)


def _number(value: Any) -> float:
    """Read a number, also one written as a fraction; NaN if it is none."""
    try:
        above, _, below = value.partition("/") if isinstance(value, str) else (value, "", "")
        number = float(above) / float(below or 1)
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
