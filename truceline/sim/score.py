"""What was planted, what was found, what was missed: the truth file held against the board."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from truceline.geo.crs import distance_m
from truceline.model.place import Point
from truceline.view.board import IncidentItem

_EARLY = timedelta(minutes=30)
_LATE = timedelta(hours=6)


class Planted(msgspec.Struct, frozen=True):
    """One planted event (``expected`` false: something that is no incident)."""

    id: str
    what: str
    from_utc: datetime
    until_utc: datetime
    lat_deg: float
    lon_deg: float
    radius_m: float
    classes: tuple[str, ...]
    expected: bool


class Truth(msgspec.Struct, frozen=True):
    schema: str
    events: tuple[Planted, ...]


class Result(msgspec.Struct, frozen=True):
    """What became of one planted event."""

    event: Planted
    found: tuple[IncidentItem, ...]

    @property
    def is_right(self) -> bool:
        """Tell whether what should be found was found, and what should not was not."""
        return bool(self.found) == self.event.expected


def score(truth_file: Path, incidents: Sequence[IncidentItem]) -> tuple[list[Result], list[IncidentItem]]:
    """Match incidents with planted events by place, time and class.

    Returns
    -------
    tuple
        One result per planted event, and the incidents that belong to none of them.
    """
    truth = msgspec.json.decode(truth_file.read_bytes(), type=Truth)
    results = [Result(event, tuple(i for i in incidents if _belongs(i, event))) for event in truth.events]
    claimed = {item.id for result in results if result.event.expected for item in result.found}
    return results, [item for item in incidents if item.id not in claimed]


def _belongs(item: IncidentItem, event: Planted) -> bool:
    said: Any = item.incident
    if said.class_ not in event.classes and said.verdict not in event.classes:
        return False
    if said.verdict == "could_not_observe" and "could_not_observe" not in event.classes:
        return False
    if said.end_utc < event.from_utc - _EARLY or said.start_utc > event.until_utc + _LATE:
        return False
    if said.lat_deg is None or said.lon_deg is None:
        return False
    here = Point(lat_deg=said.lat_deg, lon_deg=said.lon_deg, ce90_m=0)
    there = Point(lat_deg=event.lat_deg, lon_deg=event.lon_deg, ce90_m=0)
    return distance_m(here, there) <= event.radius_m
