"""From incidents and the force as it stands to one dispatch instance (contract classes 4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from truceline.dispatch.instance import FirstLook, Instance, Night, Node, Task, Unit
from truceline.geo.crs import distance_m, distances_m
from truceline.model.classes import CANDIDATES
from truceline.model.decided import Incident
from truceline.model.place import Point, utc_text
from truceline.view.teams import TeamItem

# Contract classes, section 4; a mission may bring its own table.
TASK_WORDS: Mapping[str, str] = {
    "explosion_cluster": "shelling",
    "shot_cluster": "shooting_report",
    "activity_ban": "shooting_report",
    "crossing": "intrusion",
    "no_fly": "intrusion",
    "absence": "verify_withdrawal",
    "timetable": "verify_withdrawal",
    "range_band_cap": "weapon_site_visit",
    "sensor_interference": "look_again",
}
_DAY_S = 86_400
_NODE_CE90_M = 50.0


class Needs(msgspec.Struct, frozen=True):
    """What a kind of task asks for; weights and times are round assumptions of ours."""

    requires: dict[str, int]
    min_units: int
    weight: float
    deadline_s: int
    service_s: int
    decide_s: int


NEEDS: Mapping[str, Needs] = {
    "shelling": Needs({"observe": 3, "patrol": 1}, 2, 9, 7200, 2700, 900),
    "shooting_report": Needs({"observe": 2, "patrol": 1}, 1, 6, 7200, 1800, 900),
    "intrusion": Needs({"qrf": 1, "observe": 1}, 1, 8, 5400, 1800, 900),
    "verify_withdrawal": Needs({"observe": 2, "liaison": 1}, 1, 4, 14_400, 3600, 1800),
    "weapon_site_visit": Needs({"observe": 1, "liaison": 1}, 1, 4, 14_400, 2700, 1800),
    "look_again": Needs({"look": 1}, 1, 2, 7200, 900, 1800),
}
_FIRST_LOOK = FirstLook(share_pct=40, look_s=600)
_PENALTY = 2.0  # a task without a team costs twice what the latest start would


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of the job: an instance, and what a sentence about it needs.

    ``lead`` is the incident that the task is for, ``incidents`` all that wait with it, ``busy``
    when units that have an order will be free.
    """

    instance: Instance
    lead: str
    incidents: dict[str, Incident]
    task_kind: str
    sector: str
    place: Point
    x_km: float
    y_km: float
    now_utc: datetime
    units_at: dict[str, Point]
    busy: dict[str, datetime | None]
    supersedes: tuple[int, ...] = ()


def task_kind(incident: Incident, words: Mapping[str, str] = TASK_WORDS) -> str | None:
    """Name the kind of task that an incident becomes; None: it is for the liaison officer.

    An ``absence`` of persons is an intrusion, of equipment a withdrawal to be verified. What rests on
    changed ground alone asks for somebody who looks: from orbit nobody sees what it is.
    """
    if incident.verdict == "covered_by_notice" or incident.class_ == "escalation":
        return None
    if incident.verdict == "could_not_observe" or "meaning" in incident.measured:
        return "look_again"
    if incident.class_ == "absence" and incident.measured.get("class") in CANDIDATES["person"]:
        return words.get("crossing")
    return words.get(incident.class_)


class Ground:
    """The force's nodes on the earth: nearest node, and place in the words of the line."""

    def __init__(self, force: Instance) -> None:
        self.force = force
        self._placed = [node for node in force.nodes if node.lat_deg is not None and node.lon_deg is not None]
        rows = [[1.0, node.lat_deg, node.lon_deg] for node in self._placed]
        self._rows = np.array(rows, dtype=float).reshape(-1, 3)
        plane = np.array([[node.x_m, node.y_m] for node in self._placed], dtype=float)
        self._fit = np.linalg.lstsq(self._rows, plane, rcond=None)[0] if len(self._placed) >= 3 else None
        self._misses = plane - self._rows @ self._fit if self._fit is not None else plane

    @property
    def is_laid(self) -> bool:
        """Whether the force lies on the earth at all."""
        return self._fit is not None

    def nearest(self, at: Point) -> Node:
        """Find the node nearest to a place."""
        return min(self._placed, key=lambda node: (distance_m(at, _point(node)), node.id))

    def place(self, node_id: str) -> Point | None:
        """Give a node's place on the earth."""
        return next((_point(node) for node in self._placed if node.id == node_id), None)

    def along_km(self, at: Point) -> tuple[float, float]:
        """Kilometres along the line and across it, one decimal.

        A flat fit over all nodes, bent by what it misses at the nodes near by (inverse distance
        weights; Shepard, 1968), because the line has bends and the plane of the force has none.
        """
        if self._fit is None:
            return 0.0, 0.0
        plane = np.array([1.0, at.lat_deg, at.lon_deg]) @ self._fit
        apart_m = distances_m(at.lat_deg, at.lon_deg, self._rows[:, 1], self._rows[:, 2])
        weight = 1.0 / np.maximum(apart_m, 1.0) ** 4
        plane = plane + weight @ self._misses / weight.sum()
        return round(float(plane[0]) / 1000, 1), round(float(plane[1]) / 1000, 1)


def compose(
    ground: Ground,
    items: Mapping[str, Incident],
    kind: str,
    teams: Sequence[TeamItem],
    now_utc: datetime,
    supersedes: tuple[int, ...] = (),
) -> Ask:
    """Write the instance for one group of incidents.

    Parameters
    ----------
    ground
        The force and where it lies.
    items
        Incidents of one kind of task in one sector, by id; each has a position.
    kind
        The kind of task.
    teams
        Where the units are and what they do.
    now_utc
        Time of the decision.
    supersedes
        Entries of the recommendations that this one replaces.
    """
    lead = max(items, key=lambda one: (_rank(items[one]), items[one].start_utc, one))
    at = _at(items[lead])
    node = ground.nearest(at)
    x_km, y_km = ground.along_km(at)
    known = {item.unit: item for item in teams}
    return Ask(
        instance=_as_of(ground.force, _task(lead, kind, node.id), known, now_utc),
        lead=lead,
        incidents={one: items[one] for one in sorted(items)},
        task_kind=kind,
        sector=node.sector,
        place=at,
        x_km=x_km,
        y_km=y_km,
        now_utc=now_utc,
        units_at={item.unit: item.at for item in teams if item.at is not None},
        busy={item.unit: item.free_at_utc for item in teams if item.order_id is not None},
        supersedes=supersedes,
    )


def _task(lead: str, kind: str, node: str) -> Task:
    needs = NEEDS.get(kind, NEEDS["shooting_report"])
    return Task(
        id=lead,
        kind=kind,
        node=node,
        requires=needs.requires,
        min_units=needs.min_units,
        weight=needs.weight,
        release_s=0,
        deadline_s=needs.deadline_s,
        service_s=needs.service_s,
        notify_lead_s=0,
        uncovered_penalty=needs.weight * needs.deadline_s * _PENALTY,
        look=None if kind == "look_again" else _FIRST_LOOK,
        excluded_contingents=(),
    )


def _as_of(force: Instance, task: Task, known: Mapping[str, TeamItem], now_utc: datetime) -> Instance:
    """Move the force file to a moment: its nights and shifts come back every day."""
    began = datetime.fromisoformat(force.now_utc)
    elapsed = int((now_utc - began).total_seconds()) % _DAY_S
    return msgspec.structs.replace(
        force,
        id=task.id,
        now_utc=utc_text(now_utc),
        night=_nights(force, elapsed),
        units=tuple(_unit(unit, known.get(unit.id), elapsed) for unit in force.units),
        tasks=(task,),
        committed=(),
    )


def _unit(unit: Unit, item: TeamItem | None, elapsed: int) -> Unit:
    available, shift_end = unit.available_s - elapsed, unit.shift_end_s - elapsed
    if shift_end <= 0:
        available, shift_end = available + _DAY_S, shift_end + _DAY_S
    node = unit.node
    if item is not None:
        node = item.node
        if item.order_id is not None:
            # One order at a time: a unit under way gets its next task when it is home again.
            available = shift_end
    return msgspec.structs.replace(unit, node=node, available_s=available, shift_end_s=shift_end)


def _nights(force: Instance, elapsed: int) -> tuple[Night, ...]:
    spans = sorted(
        (night.start_s + day * _DAY_S - elapsed, night.end_s + day * _DAY_S - elapsed)
        for night in force.night
        for day in (-1, 0, 1, 2)
    )
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(Night(start, end) for start, end in merged if end > -_DAY_S)


def decide_by(ask: Ask) -> datetime:
    """Tell by when somebody should have decided."""
    return ask.now_utc + timedelta(seconds=NEEDS.get(ask.task_kind, NEEDS["shooting_report"]).decide_s)


def _rank(incident: Incident) -> tuple[int, float]:
    order = {"violation": 3, "possible_violation": 2, "could_not_observe": 1}
    return (order.get(incident.verdict or "", 2), incident.probability or 0.0)


def _at(incident: Incident) -> Point:
    return Point(
        lat_deg=incident.lat_deg or 0.0,
        lon_deg=incident.lon_deg or 0.0,
        ce90_m=_NODE_CE90_M if incident.ce90_m is None else incident.ce90_m,
    )


def _point(node: Node) -> Point:
    return Point(lat_deg=node.lat_deg or 0.0, lon_deg=node.lon_deg or 0.0, ce90_m=_NODE_CE90_M)
