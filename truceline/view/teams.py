"""The mission's units: where they are, what they do, when they are free."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from truceline.log.fold import Fold
from truceline.model.decided import ENDED, Order, OrderState
from truceline.model.errors import BadInput
from truceline.model.facts import Claim, Fact, Job
from truceline.model.place import Point
from truceline.view.board import Board
from truceline.view.reports import ReportItem, Reports

_STATE_OF_ORDER = {
    "CREATED": "ordered",
    "SENT": "ordered",
    "RECEIPT": "ordered",
    "ACK": "ordered",
    "WILCO": "under_way",
    "EXECUTING": "on_task",
}
_MOVED_M = 1000.0  # a unit that stands farther from where a proposal saw it is another proposal
_CE90_M = 30.0  # a position that tells no error: a hand-held receiver under trees


class Node(msgspec.Struct, frozen=True):
    """A node of the force file, as far as a view needs it."""

    id: str
    lat_deg: float | None = None
    lon_deg: float | None = None
    sector: str | None = None


class Unit(msgspec.Struct, frozen=True):
    id: str
    contingent: str
    node: str
    home_node: str
    type: str = ""
    flies: bool = False


class Force(msgspec.Struct, frozen=True):
    """The part of the mission's force file that tells who is there and where."""

    nodes: tuple[Node, ...] = ()
    units: tuple[Unit, ...] = ()


class TeamItem(msgspec.Struct, frozen=True):
    unit: str
    contingent: str
    type: str
    flies: bool
    node: str
    at: Point | None
    state: str = "ready"
    order_id: str | None = None
    last_contact_utc: datetime | None = None
    free_at_utc: datetime | None = None


class Teams(Fold):
    """Folds positions of units, orders and their states.

    Where a unit is follows from the set of reports that count, as for every other subject. Whoever
    has a task counts as a unit where a proposal is concerned, also without a force file.

    Raises
    ------
    BadInput
        If the force file cannot be read.
    """

    def __init__(self, force: bytes | None, board: Board, reports: Reports) -> None:
        self._board = board
        self._reports = reports
        self._heard: dict[str, datetime] = {}  # unit -> when it last said how far its order is
        self._home: dict[str, str] = {}  # unit -> the node where the force file puts it
        self._items: dict[str, TeamItem] = {}
        try:
            known = msgspec.json.decode(force, type=Force) if force else Force()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput("force file", f"tells no nodes and units: {error}") from error
        self._nodes = {node.id: node for node in known.nodes}
        for unit in known.units:
            at = self._place(unit.node)
            self._home[unit.id] = unit.node
            self._items[unit.id] = TeamItem(unit.id, unit.contingent, unit.type, unit.flies, unit.node, at)

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.redacted is not None:
            return ()
        if fact.kind == "report":
            self._report(fact)
        elif fact.kind == "order":
            order = fact.noun(Order)
            free_s = order.tasking.return_s if order.tasking.return_s is not None else order.tasking.leave_s
            self._set(
                order.unit,
                state="ordered",
                order_id=fact.id,
                free_at_utc=order.now_utc + timedelta(seconds=free_s),
            )
        elif fact.kind == "order_state":
            self._order_state(fact, fact.noun(OrderState))
        return ()

    def units(self) -> list[TeamItem]:
        """List the units by id."""
        return [self._items[unit] for unit in sorted(self._items)]

    def unit(self, unit: str) -> TeamItem | None:
        return self._items.get(unit)

    def nodes(self) -> dict[str, Node]:
        """Give the places that units move between, by id."""
        return self._nodes

    def _report(self, fact: Fact) -> None:
        touched = [self._reports.get(report_id) for report_id in self._reports.touched]
        subjects = {item.report.subject_id for item in touched if item and item.report.type == "position"}
        for unit in sorted(subject for subject in subjects if subject is not None):
            at = self._stand(unit)
            for waiting in self._board.waiting_on(unit):
                seen_at = waiting.recommendation.units_at.get(unit)
                if seen_at is not None and (at is None or _apart_m(seen_at, at) > _MOVED_M):
                    self._board.touch_unit(unit, fact.seq, f"{unit} is no longer where it was")

    def _stand(self, unit: str) -> Point | None:
        """Put a unit where its newest position that counts says; without one, where the force file does."""
        newest = self._reports.position(unit)
        at = position_of(newest) if newest is not None else None
        if unit in self._home:
            node = (self._nearest(at) if at is not None else None) or self._home[unit]
            at = at or self._place(node)
            moments = [self._heard.get(unit), newest.report.time_utc if newest is not None else None]
            contact = max((moment for moment in moments if moment is not None), default=None)
            self._set(unit, at=at, node=node, last_contact_utc=contact)
        return at

    def _order_state(self, fact: Fact, said: OrderState) -> None:
        order = self._board.order(said.order_id)
        if order is None:
            return
        unit = order.order.unit
        if said.state == "CANTDO":
            self._board.touch_unit(unit, fact.seq, f"{unit} said that it cannot")
        if unit not in self._items or self._items[unit].order_id != said.order_id:
            return
        if said.state in ENDED:
            self._heard[unit] = said.at_utc
            self._set(unit, state="ready", order_id=None, free_at_utc=None, last_contact_utc=said.at_utc)
        else:
            self._set(unit, state=_STATE_OF_ORDER[said.state])

    def _set(self, unit: str, **changes: object) -> None:
        if unit in self._items:
            self._items[unit] = msgspec.structs.replace(self._items[unit], **changes)

    def _place(self, node_id: str) -> Point | None:
        node = self._nodes.get(node_id)
        if node is None or node.lat_deg is None or node.lon_deg is None:
            return None
        return Point(lat_deg=node.lat_deg, lon_deg=node.lon_deg, ce90_m=50.0)

    def _nearest(self, at: Point) -> str | None:
        placed = [(_apart_m(point, at), node) for node in self._nodes if (point := self._place(node))]
        return min(placed)[1] if placed else None


def position_of(item: ReportItem) -> Point:
    """Give the place that a position report tells."""
    said = item.report
    return Point(lat_deg=said.lat_deg, lon_deg=said.lon_deg, ce90_m=said.ce90_m or _CE90_M)


def _apart_m(a: Point, b: Point) -> float:
    """Great-circle distance, good enough to tell whether somebody moved a kilometre."""
    lat_a, lat_b = math.radians(a.lat_deg), math.radians(b.lat_deg)
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b.lon_deg - a.lon_deg) / 2) ** 2
    )
    return 2 * 6_371_008.8 * math.asin(math.sqrt(half))
