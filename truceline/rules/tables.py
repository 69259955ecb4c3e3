"""The tables of an agreement file, as they are written (contract zone, section 1)."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from truceline.model.units import Latitude, Longitude, Ratio, Seconds

# No two places are farther apart than half way round the earth.
Reach = Annotated[float, Meta(ge=0, le=20_000_000)]
Moment = Annotated[datetime, Meta(tz=True)]
LonLat = tuple[Longitude, Latitude]
Side = Literal["A", "B"]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; unknown keys are errors."""


class BoundsTable(msgspec.Struct, frozen=True):
    """What any rule may say: whom it binds, and since when."""

    parties: tuple[str, ...] = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None

    def __post_init__(self) -> None:
        _check_order(self.valid_from, self.valid_until)


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

    def __post_init__(self) -> None:
        _check_order(self.valid_from, self.valid_until)


class SectorTable(Table, frozen=True, kw_only=True):
    id: str
    line: str
    start: LonLat | Literal["start", "end"] = msgspec.field(name="from")
    end: LonLat | Literal["start", "end"] = msgspec.field(name="to")


class ZoneTable(Table, frozen=True, kw_only=True):
    id: str
    line: str | None = None
    side: Literal["A", "B", "both"] | None = None
    inner_m: Reach | None = None
    outer_m: Reach | None = None
    sector: str | None = None
    ends: Literal["flat", "round"] | None = None
    polygon: str | None = None
    feature: str | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None

    def __post_init__(self) -> None:
        _check_order(self.valid_from, self.valid_until)


class SiteTable(Table, frozen=True, kw_only=True):
    id: str
    lat_deg: Latitude
    lon_deg: Longitude
    radius_m: Reach
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

    def __post_init__(self) -> None:
        _check_order(self.in_force_from, self.in_force_until)


def _check_order(start: datetime | None, end: datetime | None) -> None:
    """Refuse a period that holds no moment, and moments that UTC cannot name."""
    try:
        moments = [moment.astimezone(UTC) for moment in (start, end) if moment is not None]
    except OverflowError as error:
        raise ValueError("a time before the year 1 or after 9999") from error
    if len(moments) == 2 and moments[0] >= moments[1]:
        raise ValueError("a period that ends before it begins")
