"""Nested sets of ST 0601 packets: security (ST 0102), moving targets (ST 0903), remote view (ST 0806).

They stay in ``raw`` of the rows; these functions read them where somebody wants to know. Tags that
tell of weapons are not named.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from truceline.codec.klv import decode_value, items, read_length
from truceline.codec.klv_tags import Item

SECURITY_TAG, VIEW_TAG, TARGETS_TAG = "48", "73", "74"

CLASSIFICATIONS = {1: "UNCLASSIFIED", 2: "RESTRICTED", 3: "CONFIDENTIAL", 4: "SECRET", 5: "TOP SECRET"}
OFFSET = Item(10, "offset_deg", "imapb", -19.2, 19.2, 3)  # ST 0903, target location offsets
# ST 0903, location: latitude, longitude, height, then standard deviations; what is not known is cut off.
LATITUDE = Item(17, "lat_deg", "imapb", -90.0, 90.0, 4)
LONGITUDE = Item(17, "lon_deg", "imapb", -180.0, 180.0, 4)
DEVIATION = Item(17, "sigma_m", "imapb", 0.0, 650.0, 2)
MOST_TARGETS = 10_000  # of one packet; more are damage


class Security(NamedTuple):
    """Security set (ST 0102): classification and what is written beside it, empty where not told."""

    classification: str
    country: str
    caveats: str
    version: int | None


class Location(NamedTuple):
    """Where a target is by what the aircraft states; standard deviations east and north may be unknown."""

    lat_deg: float
    lon_deg: float
    sigma_east_m: float | None
    sigma_north_m: float | None


class Target(NamedTuple):
    """A moving target (ST 0903) in pixels of the frame, ``None`` where not told."""

    number: int
    x_px: int | None
    y_px: int | None
    left_px: int | None
    top_px: int | None
    right_px: int | None
    bottom_px: int | None
    confidence: float | None
    lat_offset_deg: float | None  # against the frame centre
    lon_offset_deg: float | None
    location: Location | None = None


class Targets(NamedTuple):
    """Targets of one frame: its size in pixels as told, and the targets."""

    width_px: int | None
    height_px: int | None
    frame: int | None
    targets: tuple[Target, ...]


class View(NamedTuple):
    """Remote video terminal set (ST 0806): time in microseconds, aircraft's speeds, frame code."""

    time_us: int | None
    platform_true_airspeed_mps: int | None
    platform_indicated_airspeed_mps: int | None
    frame: int | None


def nested(telemetry: pa.Table, tag: str) -> Iterator[tuple[int, bytes]]:
    """Hand over one tag of ``raw``, with the row that holds it.

    Parameters
    ----------
    telemetry
        Rows of contract drone, section 1.
    tag
        Its decimal number.
    """
    raw = telemetry["raw"].combine_chunks()
    told = raw.flatten()
    if not len(told):
        return
    rows = pc.list_parent_indices(raw)
    mine = pc.equal(told.field("id"), tag)
    values = told.field("value").filter(mine).to_pylist()
    yield from zip(rows.filter(mine).to_pylist(), values, strict=True)


def security_of(value: bytes) -> Security:
    """Read a security set."""
    told = _told(value)
    return Security(
        CLASSIFICATIONS.get(_number(told.get(1)) or 0, ""),
        _text(told.get(3)).strip("/"),
        _text(told.get(5)),
        _number(told.get(22)),
    )


def view_of(value: bytes) -> View:
    """Read a remote video terminal set."""
    told = _told(value)
    return View(*(_number(told.get(tag)) for tag in (2, 3, 4, 7)))


def targets_of(value: bytes, width_px: int | None = None, height_px: int | None = None) -> Targets:
    """Read a set of moving targets.

    Parameters
    ----------
    value
        Of tag 74.
    width_px, height_px
        Size of the frame, where the set does not tell it: targets are numbered through the pixels.
    """
    told = _told(value)
    width, height = _number(told.get(8)) or width_px, _number(told.get(9)) or height_px
    series = told.get(101, b"")
    targets: list[Target] = []
    at = 0
    while at < len(series) and len(targets) < MOST_TARGETS:
        length = read_length(series, at, len(series))
        if length is None or length[0] + length[1] > len(series):
            break
        at = length[0] + length[1]
        target = _target(series[length[1] : at], width)
        if target is not None:
            targets.append(target)
    return Targets(width, height, _number(told.get(7)), tuple(targets))


def _target(pack: bytes, width: int | None) -> Target | None:
    """Read a target pack: its number (BER-OID), then a local set."""
    number, at = 0, 0
    while at < len(pack):
        number = number << 7 | pack[at] & 0x7F
        at += 1
        if pack[at - 1] < 0x80 or at > 4:
            break
    if not at or pack[at - 1] >= 0x80:
        return None
    told = {tag: value for tag, value, _ in items(pack, at) if tag >= 0}

    def pixel(tag: int) -> tuple[int | None, int | None]:
        code = _number(told.get(tag))
        if not code or not width:
            return None, None
        return (code - 1) % width, (code - 1) // width  # pixels are counted from 1, row by row

    x, y = pixel(1)
    row, column = _number(told.get(19)), _number(told.get(20))
    if row and column:
        x, y = column - 1, row - 1
    share = _number(told.get(5))
    confidence = None if share is None else min(share, 100) / 100
    north, east = (_mapped(OFFSET, told.get(tag, b"")) for tag in (10, 11))
    return Target(number, x, y, *pixel(2), *pixel(3), confidence, north, east, _location(told.get(17, b"")))


def _location(value: bytes) -> Location | None:
    if len(value) < 8:
        return None
    lat, lon = _mapped(LATITUDE, value[:4]), _mapped(LONGITUDE, value[4:8])
    if lat is None or lon is None:
        return None
    east, north = (
        _mapped(DEVIATION, value[at : at + 2]) if len(value) >= at + 2 else None for at in (10, 12)
    )
    return Location(lat, lon, east, north)


def _mapped(item: Item, value: bytes) -> float | None:
    told = decode_value(item, value)
    return told if isinstance(told, float) else None


def _told(value: bytes) -> dict[int, bytes]:
    return {tag: item for tag, item, _ in items(value, 0) if tag >= 0}


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value and len(value) <= 8 else None


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").strip("\0 ")


def described(security: Security) -> dict[str, Any]:
    """Give what a security set says, for the attributes of an observation; empty without classification."""
    if not security.classification:
        return {}
    told = {"classification": security.classification, "classifying_country": security.country}
    return {key: text for key, text in told.items() if text}
