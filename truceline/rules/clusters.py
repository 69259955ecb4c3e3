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

_Cell = tuple[int, int, int]
_AROUND = tuple(product((-1, 0, 1), repeat=3))


class _Spot(msgspec.Struct, frozen=True, eq=False):
    """One report, placed on the sphere; chords are shorter than arcs, so near arcs share cells."""

    id: str
    report: Report
    xyz: tuple[float, float, float]
    time_s: float
    cell: _Cell
    slot: int


class Clusters:
    """Connected components of the reports of one type; the set decides, never the order.

    Reports stand in cells of 500 m, within them in slots of 300 s, so that a new one is compared with
    the few around it; a withdrawn one leads to a search through its own component only. What a change
    comes to is told by :meth:`changed`, which may leave large components for later.
    """

    def __init__(self, type_: str) -> None:
        self.class_ = CLASSES[type_]
        self._spots: dict[str, _Spot] = {}
        self._cells: dict[_Cell, dict[int, dict[str, _Spot]]] = {}
        self._component: dict[str, set[str]] = {}
        self._touched: set[str] = set()
        self._told: dict[str, frozenset[str]] = {}  # incident → its reports, as told last
        self._told_of: dict[str, str] = {}  # report → incident

    @property
    def waits(self) -> bool:
        """Tell whether a change has not been told yet."""
        return bool(self._touched)

    def add(self, report_id: str, report: Report) -> None:
        """Add a report."""
        if report_id in self._spots:
            return
        spot = _spot(report_id, report)
        before: dict[int, set[str]] = {}
        for other in self._near(spot):
            component = self._component[other.id]
            if id(component) not in before and _are_linked(other, spot):
                before[id(component)] = component
        self._spots[report_id] = spot
        self._cells.setdefault(spot.cell, {}).setdefault(spot.slot, {})[report_id] = spot
        joined = max(before.values(), key=len, default=set[str]())
        for component in before.values():
            if component is not joined:
                joined |= component
                self._component.update(dict.fromkeys(component, joined))
        joined.add(report_id)
        self._component[report_id] = joined
        self._touched.add(report_id)

    def remove(self, report_id: str) -> None:
        """Take a report out; what is left of its component may be several."""
        spot = self._spots.pop(report_id, None)
        if spot is None:
            return
        cell = self._cells[spot.cell]
        del cell[spot.slot][report_id]
        if not cell[spot.slot]:
            del cell[spot.slot]
        if not cell:
            del self._cells[spot.cell]
        left = self._component.pop(report_id) - {report_id}
        self._touched.add(report_id)
        while left:
            part = self._reached(next(iter(left)))
            left -= part
            self._touched.add(min(part))
            self._component.update(dict.fromkeys(part, part))

    def changed(self, most: int | None = None) -> tuple[list[str], dict[str, Incident]]:
        """Tell which incidents there were and are where something has changed.

        Parameters
        ----------
        most
            Components of more reports are left for later; None: none is.

        Returns
        -------
        tuple
            Names of incidents told before, and the incidents there are in their place.
        """
        waiting = sorted(self._touched)
        gone: dict[str, None] = {}
        come: dict[str, Incident] = {}
        seen: set[int] = set()
        while waiting:
            report_id = waiting.pop()
            component = self._component.get(report_id, set())
            if most is not None and len(component) > most:
                continue
            self._touched.discard(report_id)
            if id(component) in seen and component:
                continue
            seen.add(id(component))
            for old in {self._told_of[m] for m in (report_id, *component) if m in self._told_of}:
                members = self._told.pop(old)
                gone[old] = None
                for member in members:
                    del self._told_of[member]
                waiting.extend(members - component)
                self._touched |= members - component
            made = self.incident(component)
            if made is not None:
                come[made[0]] = made[1]
                self._told[made[0]] = frozenset(component)
                self._told_of.update(dict.fromkeys(component, made[0]))
        return sorted(gone), come

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
        return name("inc", self.class_, *ids), incident

    def _reached(self, start: str) -> set[str]:
        found, waiting = {start}, [start]
        while waiting:
            spot = self._spots[waiting.pop()]
            for other in self._near(spot):
                if other.id not in found and _are_linked(other, spot):
                    found.add(other.id)
                    waiting.append(other.id)
        return found

    def _near(self, spot: _Spot) -> Iterator[_Spot]:
        x, y, z = spot.cell
        for dx, dy, dz in _AROUND:
            cell = self._cells.get((x + dx, y + dy, z + dz))
            if cell is not None:
                for slot in (spot.slot - 1, spot.slot, spot.slot + 1):
                    yield from cell.get(slot, {}).values()


def _are_linked(one: _Spot, other: _Spot) -> bool:
    is_near = abs(one.time_s - other.time_s) <= NEAR_S and one.id != other.id
    return is_near and _arc_m(one.xyz, other.xyz) <= NEAR_M


def _spot(report_id: str, report: Report) -> _Spot:
    xyz = _on_sphere(report.lat_deg, report.lon_deg)
    time_s = report.time_utc.timestamp()
    x, y, z = (math.floor(part / NEAR_M) for part in xyz)
    return _Spot(report_id, report, xyz, time_s, (x, y, z), math.floor(time_s / NEAR_S))


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
