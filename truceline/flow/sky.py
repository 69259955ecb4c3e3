"""The orbits that a mission names, over its line: which satellite sees which stretch, and when."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from truceline.codec.elements import MAX_BYTES, Elements, nearest_sets, read_elements
from truceline.dispatch.passes import Pass, Place, passes_of
from truceline.flow.mission import Mission, SatelliteTable
from truceline.geo.crs import distances_m
from truceline.model.errors import BadInput
from truceline.view.overpass import NoSky, Overpass, Sky
from truceline.view.watch import Stations

PART_KM = 20.0  # a satellite at 700 km moves three times as far while one reads its name
_DAY = timedelta(days=1)
_MARGIN = timedelta(hours=1)  # a pass over midnight belongs whole to the day on which it is highest
_KEPT_DAYS = 64


class Part(NamedTuple):
    """A stretch of the line, seen as its middle is."""

    km_from: float
    km_to: float
    middle: Place


class Orbits:
    """Reckons passes day by day and keeps the days.

    Parameters
    ----------
    satellites
        Pairs of a mission's table and the element sets of its file.
    stations
        Places along the line.
    """

    def __init__(
        self, satellites: Sequence[tuple[SatelliteTable, tuple[Elements, ...]]], stations: Stations
    ) -> None:
        self._satellites = satellites
        self._parts = tuple(parts_of(stations))
        self._days: dict[datetime, tuple[Overpass, ...]] = {}
        self._lock = threading.Lock()

    def between(self, from_utc: datetime, until_utc: datetime) -> list[Overpass]:
        """List the passes that are highest in a span, by time, then satellite and kilometre."""
        found: list[Overpass] = []
        day = from_utc.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < until_utc:
            found += (one for one in self._day(day) if from_utc <= one.highest_utc < until_utc)
            day += _DAY
        return found

    def _day(self, day: datetime) -> tuple[Overpass, ...]:
        with self._lock:
            kept = self._days.get(day)
            if kept is None:
                kept = self._days[day] = tuple(sorted(self._reckoned(day), key=_order))
            while len(self._days) > _KEPT_DAYS:
                del self._days[next(iter(self._days))]
        return kept

    def _reckoned(self, day: datetime) -> Iterator[Overpass]:
        for table, sets in self._satellites:
            for elements in nearest_sets(sets, day + _DAY / 2):
                seen = [
                    (number, one)
                    for number, part in enumerate(self._parts)
                    for one in passes_of(
                        elements, part.middle, day - _MARGIN, day + _DAY + _MARGIN, table.min_elevation_deg
                    )
                    if _sees(table, one) and day <= one.highest_utc < day + _DAY
                ]
                yield from self._joined(seen)

    def _joined(self, seen: list[tuple[int, Pass]]) -> Iterator[Overpass]:
        """Make one of neighbouring parts that a satellite sees on the same way over."""
        seen.sort(key=lambda pair: (pair[1].highest_utc, pair[0]))
        ways: list[list[tuple[int, Pass]]] = []
        for number, one in seen:
            if ways and one.highest_utc - ways[-1][-1][1].highest_utc < _MARGIN / 2:
                ways[-1].append((number, one))
            else:
                ways.append([(number, one)])
        for way in ways:
            ordered = sorted(way, key=lambda pair: pair[0])
            for _, run in groupby(enumerate(ordered), key=lambda pair: pair[1][0] - pair[0]):
                yield self._overpass([pair for _, pair in run])

    def _overpass(self, run: list[tuple[int, Pass]]) -> Overpass:
        middle = run[len(run) // 2][1]
        return Overpass(
            satellite=middle.satellite,
            norad_id=middle.norad_id,
            from_utc=_second(middle.rise_utc or middle.highest_utc),
            until_utc=_second(middle.set_utc or middle.highest_utc),
            highest_utc=_second(middle.highest_utc),
            km_from=self._parts[run[0][0]].km_from,
            km_to=self._parts[run[-1][0]].km_to,
            max_elevation_deg=round(middle.max_elevation_deg, 1),
            direction=middle.direction,
            sunlit_ground=middle.sunlit_ground,
            epoch_age_days=round(abs(middle.epoch_age_days), 2),
        )


def sky_of(mission: Mission | None, stations: Stations | None) -> Sky:
    """Read the element sets that a mission names.

    Raises
    ------
    BadInput
        If a file is missing or wrong; it names the line.
    """
    if mission is None or stations is None or not mission.file.satellite:
        return NoSky()
    read = [(table, _elements(mission, table.elements)) for table in mission.file.satellite]
    return Orbits(read, stations)


def parts_of(stations: Stations) -> Iterator[Part]:
    """Cut the places along the line into stretches of ``PART_KM`` at most, none over a gap of the line."""
    lat, lon = np.asarray(stations.lat_deg), np.asarray(stations.lon_deg)
    apart_m = distances_m(lat[:-1], lon[:-1], lat[1:], lon[1:])
    breaks = np.flatnonzero(apart_m > 3 * stations.step_m) + 1
    most = max(1, int(PART_KM * 1000 / stations.step_m))
    for piece in np.split(np.arange(lat.size), breaks):
        for part in np.array_split(piece, -(-piece.size // most)):
            middle = int(part[part.size // 2])
            place = Place(float(lat[middle]), float(lon[middle]))
            first, last = float(part[0]), float(part[-1]) + 1
            yield Part(first * stations.step_m / 1000, last * stations.step_m / 1000, place)


def _elements(mission: Mission, name: str) -> tuple[Elements, ...]:
    path = mission.beside(name) or Path(name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(str(path), f"is larger than {MAX_BYTES} bytes")
        return read_elements(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error


def _sees(table: SatelliteTable, one: Pass) -> bool:
    if one.max_elevation_deg > table.max_elevation_deg:
        return False
    return table.looks == "both" or _side_of(one) == table.looks


def _side_of(one: Pass) -> Literal["left", "right"]:
    """Tell on which side of its way a satellite has the place, at its highest moment.

    It flies north or south; what sees it in the west lies to the east of it.
    """
    is_east_of_it = one.culmination_azimuth_deg > 180
    return "right" if is_east_of_it == (one.direction == "ascending") else "left"


def _order(one: Overpass) -> tuple[datetime, int, float]:
    return (one.highest_utc, one.norad_id, one.km_from)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
