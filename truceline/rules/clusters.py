"""Clusters of reports: explosions and shots near each other in place and time (contract wire B)."""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import msgspec

from truceline.model.decided import Incident
from truceline.model.names import name
from truceline.model.observed import Report

EARTH_RADIUS_M = 6_371_008.8  # contract wire B: mean radius, IUGG
NEAR_M = 500.0
NEAR_S = 300.0
CLASSES = {"explosion": "explosion_cluster", "shot": "shot_cluster"}

_Cell = tuple[int, int, int, int]
_AROUND = tuple(product((-1, 0, 1), repeat=4))


class _Spot(msgspec.Struct, frozen=True, eq=False):
    """One report, placed on the sphere; chords are shorter than arcs, so near arcs share cells."""

    id: str
    report: Report
    xyz: tuple[float, float, float]
    time_s: float
    cell: _Cell


class Clusters:
    """Connected components of the reports of one type; the set decides, never the order.

    Reports stand in cells of 500 m and 300 s, so that a new one is compared with the few around
    it; a withdrawn one leads to a search through its own component only.
    """

    def __init__(self, type_: str) -> None:
        self.class_ = CLASSES[type_]
        self._spots: dict[str, _Spot] = {}
        self._cells: dict[_Cell, dict[str, _Spot]] = {}
        self._component: dict[str, set[str]] = {}

    def add(self, report_id: str, report: Report) -> tuple[list[set[str]], list[set[str]]]:
        """Add a report.

        Returns
        -------
        tuple
            The components there were, and the one there is.
        """
        if report_id in self._spots:
            return [], []
        spot = _spot(report_id, report)
        before: dict[int, set[str]] = {}
        for other in self._linked(spot):
            component = self._component[other.id]
            before[id(component)] = component
        self._spots[report_id] = spot
        self._cells.setdefault(spot.cell, {})[report_id] = spot
        old = [set(component) for component in before.values()]
        joined = max(before.values(), key=len, default=set[str]())
        for component in before.values():
            if component is not joined:
                joined |= component
        joined.add(report_id)
        for member in (report_id, *(m for component in old for m in component)):
            self._component[member] = joined
        return old, [set(joined)]

    def remove(self, report_id: str) -> tuple[list[set[str]], list[set[str]]]:
        """Take a report out; answers as :meth:`add`, what is left may be several."""
        spot = self._spots.pop(report_id, None)
        if spot is None:
            return [], []
        cell = self._cells[spot.cell]
        del cell[report_id]
        if not cell:
            del self._cells[spot.cell]
        old = self._component.pop(report_id)
        left = old - {report_id}
        parts = []
        while left:
            part = self._reached(next(iter(left)))
            parts.append(set(part))
            left -= part
            for member in part:
                self._component[member] = part
        return [set(old)], parts

    def incident(self, members: set[str]) -> tuple[str, Incident] | None:
        """Make the incident of a component; None: one report alone is none."""
        if len(members) < 2:
            return None
        ids = sorted(members)
        spots = [self._spots[member] for member in ids]
        lat_deg, lon_deg = _middle(spots)
        centre = _on_sphere(lat_deg, lon_deg)
        spread_m = max(_arc_m(centre, spot.xyz) + (spot.report.ce90_m or 0.0) for spot in spots)
        times = [spot.report.time_utc for spot in spots]
        incident = Incident(
            class_=self.class_,
            report_ids=tuple(ids),
            start_utc=min(times),
            end_utc=max(times),
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            ce90_m=round(spread_m, 3),
        )
        return self.name_of(members), incident

    def name_of(self, members: set[str]) -> str:
        """Name the incident of a component: class and reports make it what it is."""
        return name("inc", self.class_, *sorted(members))

    def _reached(self, start: str) -> set[str]:
        found, waiting = {start}, [start]
        while waiting:
            for other in self._linked(self._spots[waiting.pop()]):
                if other.id not in found:
                    found.add(other.id)
                    waiting.append(other.id)
        return found

    def _linked(self, spot: _Spot) -> Iterator[_Spot]:
        x, y, z, t = spot.cell
        for dx, dy, dz, dt in _AROUND:
            for other in self._cells.get((x + dx, y + dy, z + dz, t + dt), {}).values():
                is_near = abs(other.time_s - spot.time_s) <= NEAR_S and other.id != spot.id
                if is_near and _arc_m(other.xyz, spot.xyz) <= NEAR_M:
                    yield other


def _spot(report_id: str, report: Report) -> _Spot:
    xyz = _on_sphere(report.lat_deg, report.lon_deg)
    time_s = report.time_utc.timestamp()
    x, y, z = (math.floor(part / NEAR_M) for part in xyz)
    return _Spot(report_id, report, xyz, time_s, (x, y, z, math.floor(time_s / NEAR_S)))


def _on_sphere(lat_deg: float, lon_deg: float) -> tuple[float, float, float]:
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    return (
        EARTH_RADIUS_M * math.cos(lat) * math.cos(lon),
        EARTH_RADIUS_M * math.cos(lat) * math.sin(lon),
        EARTH_RADIUS_M * math.sin(lat),
    )


def _arc_m(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    half_chord = math.dist(one, other) / 2 / EARTH_RADIUS_M
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, half_chord))


def _middle(spots: Sequence[_Spot]) -> tuple[float, float]:
    """Latitude and longitude of the mean on the sphere, the same bits in any order."""
    x, y, z = (math.fsum(spot.xyz[axis] for spot in spots) for axis in range(3))
    lat_deg, lon_deg = math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))
    return round(lat_deg, 7), round(lon_deg, 7)
