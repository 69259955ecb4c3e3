"""Observation lines of contract zone: read, checked, and settled to one sighting per id."""

import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from truceline.model.classes import BASE_KINDS
from truceline.model.errors import BadInput
from truceline.model.observed import Sighting
from truceline.model.place import Point, utc_time
from truceline.model.units import Latitude, Longitude, Metres, Ratio
from truceline.rules.agreement import Agreement

KINDS = frozenset({"sighting", "activity", "interference", "response", "notice", "no_observation"})
_QUIET_KINDS = frozenset({"coverage"})
_NO_CONTENT = frozenset({"received_time", "case"})  # when it reached us, and which exercise it is of


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of one line that mean something, with their types and ranges."""

    time: str
    party: str = "unknown"
    class_: str | None = msgspec.field(default=None, name="class")
    classes: tuple[str, ...] | None = None
    count: Annotated[int, Meta(ge=0)] = 1
    object: str | None = None
    lat_deg: Latitude | None = None
    lon_deg: Longitude | None = None
    ce90_m: Metres | None = None
    confidence: Ratio = 1.0
    alt_agl_m: float | None = None
    activity: str | None = None
    unit_size: str | None = None
    calibre_mm: float | None = None
    range_km: float | None = None
    episode: str | None = None
    notice_type: str | None = None
    from_time: str | None = None
    until_time: str | None = None
    radius_m: Metres | None = None
    max_count: Annotated[int, Meta(ge=0)] | None = None
    consent: bool | None = None
    reason: str | None = None
    source: str | None = None
    party_assumed: bool = False


class Stub(msgspec.Struct, frozen=True, kw_only=True):
    """What every line must say."""

    id: str
    kind: str | None = None
    revision: int = 0
    retracted: bool = False
    case: str | None = None


class Raw(NamedTuple):
    """One line, checked; ``sighting`` is None for a retraction or a kind the rules do not read."""

    number: int
    stub: Stub
    text: bytes
    sighting: Sighting | None


class Settled(NamedTuple):
    """What a set of lines says: one sighting per id, and what was left aside."""

    sightings: list[Sighting]
    ignored: list[tuple[str, str]]
    conflicts: list[str]


_STUB = msgspec.json.Decoder(Stub)
_LINE = msgspec.json.Decoder(Line)


def read_lines(lines: Iterable[bytes], file: str, agreement: Agreement) -> list[Raw]:
    """Read and check observation lines.

    Raises
    ------
    BadInput
        At the first bad line; the place is its number.
    """
    found = []
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            found.append(_raw(number, text, agreement))
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadInput(f"{file}:{number}", str(error)) from error
    return found


def settle(rows: Sequence[Raw]) -> Settled:
    """Let the highest revision of each id count; what two lines say differently is a conflict."""
    by_id: dict[str, list[Raw]] = {}
    for row in rows:
        by_id.setdefault(row.stub.id, []).append(row)
    sightings, ignored, conflicts = [], [], []
    for key, versions in sorted(by_id.items()):
        newest = versions[0]
        if len(versions) > 1:
            highest = max(row.stub.revision for row in versions)
            contents = {_content(row.text): row for row in versions if row.stub.revision == highest}
            newest = contents[max(contents)]
            if len(contents) > 1:
                conflicts.append(key)
        if newest.stub.retracted:
            continue
        if newest.sighting is not None:
            sightings.append(newest.sighting)
        elif newest.stub.kind not in _QUIET_KINDS:
            ignored.append((key, "unknown_kind"))
    return Settled(sightings, ignored, conflicts)


def _raw(number: int, text: bytes, agreement: Agreement) -> Raw:
    stub = _STUB.decode(text)
    if stub.retracted:
        return Raw(number, stub, text, None)
    if stub.kind is None:
        raise ValueError("the field `kind` is missing")
    if stub.kind not in KINDS:
        return Raw(number, stub, text, None)
    return Raw(number, stub, text, _sighting(stub, _LINE.decode(text), agreement))


def _sighting(stub: Stub, line: Line, agreement: Agreement) -> Sighting:
    kind = str(stub.kind)
    if line.party != "unknown" and line.party not in agreement.parties:
        raise ValueError(f"party: `{line.party}` is no party of the agreement")
    _check_classes(kind, line, agreement)
    if kind == "sighting":
        for key in ("lat_deg", "lon_deg", "ce90_m"):
            if getattr(line, key) is None:
                raise ValueError(f"the field `{key}` is missing: a sighting has a position and its error")
    for key in ("alt_agl_m", "calibre_mm", "range_km"):
        value = getattr(line, key)
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{key}: is not finite")
    if (line.lat_deg is None) != (line.lon_deg is None):
        raise ValueError("a position needs both lat_deg and lon_deg")
    values: dict[str, Any] = {name: getattr(line, name) for name in _SAME if getattr(line, name) is not None}
    if line.lat_deg is not None and line.lon_deg is not None:
        values["at"] = Point(lat_deg=line.lat_deg, lon_deg=line.lon_deg, ce90_m=line.ce90_m or 0.0)
    if kind in ("notice", "no_observation") and line.classes is not None:
        values["classes"] = agreement.base_kinds(line.classes)
    return Sighting(
        id=stub.id,
        kind=kind,
        time=_time("time", line.time),
        from_time=None if line.from_time is None else _time("from_time", line.from_time),
        until_time=None if line.until_time is None else _time("until_time", line.until_time),
        **values,
    )


def _check_classes(kind: str, line: Line, agreement: Agreement) -> None:
    groups = agreement.class_ids if kind in ("notice", "no_observation") else {}
    for word in (*((line.class_,) if line.class_ is not None else ()), *(line.classes or ())):
        if word not in BASE_KINDS and word not in groups:
            raise ValueError(f"class: `{word}` is no base kind")
    if line.classes is not None and not line.classes:
        raise ValueError("classes: is empty")


def _time(key: str, text: str) -> datetime:
    try:
        return utc_time(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _content(text: bytes) -> str:
    """Canonical JSON (sorted keys, no spaces) of what a line says."""
    said = {key: value for key, value in json.loads(text).items() if key not in _NO_CONTENT}
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_SAME = (
    "party", "class_", "classes", "count", "object", "confidence", "alt_agl_m", "activity", "unit_size",
    "calibre_mm", "range_km", "episode", "notice_type", "radius_m", "max_count", "consent", "reason",
    "source", "party_assumed",
)  # fmt: skip
