"""The tables of an agreement file, as they are written (contract zone, section 1)."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from truceline.model.units import Latitude, Longitude, Metres, Ratio, Seconds

Moment = Annotated[datetime, Meta(tz=True)]
LonLat = tuple[Longitude, Latitude]
Side = Literal["A", "B"]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; unknown keys are errors."""


class DecisionTable(Table, frozen=True, kw_only=True):
    min_confidence: Ratio = 0.8
    join_gap_s: Seconds = 3600.0
    count_window_s: Seconds = 86400.0


class PartyTable(Table, frozen=True, kw_only=True):
    id: str
    name: str
    side: Literal["A", "B", "none"]


class LineTable(Table, frozen=True, kw_only=True):
    id: str
    path: str
    side_left: Side
    feature: str | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class SectorTable(Table, frozen=True, kw_only=True):
    id: str
    line: str
    start: LonLat | Literal["start", "end"] = msgspec.field(name="from")
    end: LonLat | Literal["start", "end"] = msgspec.field(name="to")


class ZoneTable(Table, frozen=True, kw_only=True):
    id: str
    line: str | None = None
    side: Literal["A", "B", "both"] | None = None
    inner_m: Metres | None = None
    outer_m: Metres | None = None
    sector: str | None = None
    ends: Literal["flat", "round"] | None = None
    polygon: str | None = None
    feature: str | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class SiteTable(Table, frozen=True, kw_only=True):
    id: str
    lat_deg: Latitude
    lon_deg: Longitude
    radius_m: Metres
    classes: tuple[str, ...] | None = None


class ClassTable(Table, frozen=True, kw_only=True):
    id: str
    kinds: tuple[str, ...]
    min_calibre_mm: float | None = None
    over_range_km: float | None = None
    min_range_km: float | None = None


class AgreementTable(Table, frozen=True, kw_only=True):
    """The whole file but its rules, whose keys depend on their type."""

    schema: Literal["truceline.agreement/1"]
    id: str
    title: str
    in_force_from: Moment
    in_force_until: Moment | None = None
    decision: DecisionTable = DecisionTable()
    party: tuple[PartyTable, ...] = ()
    line: tuple[LineTable, ...] = ()
    sector: tuple[SectorTable, ...] = ()
    zone: tuple[ZoneTable, ...] = ()
    site: tuple[SiteTable, ...] = ()
    class_: tuple[ClassTable, ...] = msgspec.field(default=(), name="class")
