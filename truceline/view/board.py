"""From incident to order: what holds, what waits for a decision, what was decided and carried out."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from truceline.log.fold import Fold
from truceline.model.decided import (
    Decision,
    Incident,
    Order,
    OrderState,
    Recommendation,
    Statement,
)
from truceline.model.facts import Claim, Fact, Job


class IncidentItem(msgspec.Struct, frozen=True):
    """An incident in force; ``case_id`` is the id of the first of its chain."""

    id: str
    case_id: str
    seq: int
    incident: Incident
    state: str
    released_to: frozenset[str]
    said_utc: datetime


class RecommendationItem(msgspec.Struct, frozen=True):
    """A proposal and what became of it.

    ``touched_seq`` is the newest entry that changed what it rests on (its own, if none did), and
    ``changes`` says in words what changed since it was made.
    """

    id: str
    seq: int
    recommendation: Recommendation
    state: str
    touched_seq: int
    changes: tuple[str, ...] = ()
    decision_id: str | None = None
    decision: Decision | None = None
    decision_seq: int | None = None
    withdrawn_because: str = ""


class OrderItem(msgspec.Struct, frozen=True):
    """An order and its steps."""

    id: str
    seq: int
    order: Order
    state: str
    history: tuple[tuple[int, OrderState], ...] = ()


class StatementItem(msgspec.Struct, frozen=True):
    id: str
    seq: int
    statement: Statement
    said_utc: datetime


_DECIDED = {"approved", "amended", "rejected"}


class Board(Fold):
    """Folds incidents, recommendations, decisions, orders, their states, and statements."""

    def __init__(self) -> None:
        self._incidents: dict[str, IncidentItem] = {}
        self._case_of: dict[str, str] = {}
        self._id_of_seq: dict[int, str] = {}
        self._case_state: dict[str, str] = {}
        self._released: dict[str, dict[str, IncidentItem]] = {}
        self._ids_of_case: dict[str, set[str]] = {}
        self._recommendations: dict[str, RecommendationItem] = {}
        self._orders: dict[str, OrderItem] = {}
        self._statements: list[StatementItem] = []
        self._waiting_by_case: dict[str, set[str]] = {}
        self._waiting_by_unit: dict[str, set[str]] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        step = {
            "incident": self._incident,
            "recommendation": self._recommendation,
            "decision": self._decision,
            "order": self._order,
            "order_state": self._order_state,
            "statement": self._statement,
        }.get(fact.kind)
        if step is not None and fact.redacted is None:
            step(fact)
        return ()

    def incidents(self) -> list[IncidentItem]:
        """List the incidents in force, by start and id."""
        return sorted(self._incidents.values(), key=lambda item: (item.incident.start_utc, item.id))

    def incident(self, incident_id: str) -> IncidentItem | None:
        """Find the incident in force of that id, or the one in force of that case."""
        item = self._incidents.get(incident_id)
        if item is None:
            parts = self._of_case(self._case_of.get(incident_id, incident_id))
            item = max(parts, key=lambda part: part.seq, default=None)
        return item

    def case_of(self, incident_id: str) -> str | None:
        """Tell the case of an incident, also of one that no longer holds."""
        return self._case_of.get(incident_id)

    def released(self, party: str) -> list[IncidentItem]:
        """List the incidents released to a party, as they were when they were released."""
        shown = self._released.get(party, {}).values()
        return sorted(shown, key=lambda item: (item.incident.start_utc, item.id))

    def recommendations(self) -> list[RecommendationItem]:
        """List the recommendations in the order in which they were made."""
        return sorted(self._recommendations.values(), key=lambda item: item.seq)

    def recommendation(self, recommendation_id: str) -> RecommendationItem | None:
        return self._recommendations.get(recommendation_id)

    def waiting(self) -> list[RecommendationItem]:
        """List what waits for a decision."""
        return [item for item in self.recommendations() if item.state == "waiting"]

    def waiting_on(self, unit: str) -> list[RecommendationItem]:
        """List what waits for a decision and gives a unit a task."""
        return [self._recommendations[one] for one in sorted(self._waiting_by_unit.get(unit, ()))]

    def orders(self) -> list[OrderItem]:
        return sorted(self._orders.values(), key=lambda item: item.seq)

    def order(self, order_id: str) -> OrderItem | None:
        return self._orders.get(order_id)

    def statements(self) -> list[StatementItem]:
        return list(self._statements)

    def _incident(self, fact: Fact) -> None:
        incident = fact.noun(Incident)
        replaced = [self._id_of_seq[seq] for seq in incident.supersedes if seq in self._id_of_seq]
        self._id_of_seq[fact.seq] = fact.id
        if fact.id not in self._case_of:
            cases = [self._case_of[old] for old in replaced]
            self._case_of[fact.id] = cases[0] if cases else fact.id
        case_id = self._case_of[fact.id]
        self._ids_of_case.setdefault(case_id, set()).add(fact.id)
        for old in replaced:
            if old in self._incidents and self._incidents[old].seq in incident.supersedes:
                del self._incidents[old]
        if incident.withdrawn:
            self._incidents.pop(fact.id, None)
            self._touch(self._waiting_by_case.get(case_id, ()), fact.seq, "the incident no longer holds")
            return
        self._incidents[fact.id] = IncidentItem(
            fact.id,
            case_id,
            fact.seq,
            incident,
            self._case_state.get(case_id, "open"),
            self._parties_shown(fact.id),
            fact.time_utc,
        )
        self._touch(
            self._waiting_by_case.get(case_id, ()), fact.seq, "the incident rests on more than before"
        )

    def _recommendation(self, fact: Fact) -> None:
        said = fact.noun(Recommendation)
        for item in list(self._recommendations.values()):
            if item.seq in said.supersedes and item.state == "waiting" and item.id != fact.id:
                self._close(item, "withdrawn", because="a newer recommendation took its place")
        known = self._recommendations.get(fact.id)
        if said.withdrawn:
            if known is not None and known.state == "waiting":
                self._close(known, "withdrawn", because=said.withdrawn_because, touched=fact.seq)
            return
        if known is not None and known.state in _DECIDED:
            return
        self._recommendations[fact.id] = RecommendationItem(fact.id, fact.seq, said, "waiting", fact.seq)
        for incident_id in said.incident_ids:
            case_id = self._case_of.get(incident_id, incident_id)
            self._waiting_by_case.setdefault(case_id, set()).add(fact.id)
        for task in said.tasks:
            self._waiting_by_unit.setdefault(task.unit, set()).add(fact.id)

    def _decision(self, fact: Fact) -> None:
        decision = fact.noun(Decision)
        item = self._recommendations.get(decision.recommendation_id)
        if item is None or item.state in _DECIDED:
            return
        self._close(item, decision.verdict)
        self._recommendations[item.id] = msgspec.structs.replace(
            self._recommendations[item.id],
            decision_id=fact.id,
            decision=decision,
            decision_seq=fact.seq,
        )

    def _order(self, fact: Fact) -> None:
        order = fact.noun(Order)
        self._orders[fact.id] = OrderItem(fact.id, fact.seq, order, "CREATED")
        self._touch(self._waiting_by_unit.get(order.unit, ()), fact.seq, f"{order.unit} has another order")

    def _order_state(self, fact: Fact) -> None:
        state = fact.noun(OrderState)
        item = self._orders.get(state.order_id)
        if item is None:
            return
        self._orders[item.id] = msgspec.structs.replace(
            item, state=state.state, history=(*item.history, (fact.seq, state))
        )

    def _statement(self, fact: Fact) -> None:
        said = fact.noun(Statement)
        self._statements.append(StatementItem(fact.id, fact.seq, said, fact.time_utc))
        if said.incident_id is None:
            return
        item = self.incident(said.incident_id)
        if item is None:
            return
        if said.about == "release" and said.party is not None:
            shown = self._released.setdefault(said.party, {})
            for older in [one for one in shown.values() if one.case_id == item.case_id]:
                if older.id not in self._incidents:
                    del shown[older.id]
            shown[item.id] = item
        elif said.about == "review" and said.stance is not None:
            self._case_state[item.case_id] = said.stance
        for part in self._of_case(item.case_id):
            self._incidents[part.id] = msgspec.structs.replace(
                part,
                state=self._case_state.get(part.case_id, "open"),
                released_to=self._parties_shown(part.id),
            )

    def touch_unit(self, unit: str, seq: int, what: str) -> None:
        """Mark what waits and rests on a unit as changed (called by the view of the teams)."""
        self._touch(self._waiting_by_unit.get(unit, ()), seq, what)

    def _of_case(self, case_id: str) -> list[IncidentItem]:
        """List the parts of a case that hold: it may have fallen apart."""
        parts = self._ids_of_case.get(case_id, ())
        return [self._incidents[part] for part in sorted(parts) if part in self._incidents]

    def _parties_shown(self, incident_id: str) -> frozenset[str]:
        return frozenset(party for party, shown in self._released.items() if incident_id in shown)

    def _touch(self, recommendation_ids: Iterable[str], seq: int, what: str) -> None:
        for recommendation_id in sorted(recommendation_ids):
            item = self._recommendations[recommendation_id]
            if seq > item.seq and item.state == "waiting":
                self._recommendations[recommendation_id] = msgspec.structs.replace(
                    item, touched_seq=seq, changes=tuple(dict.fromkeys((*item.changes, what)))
                )

    def _close(
        self, item: RecommendationItem, state: str, because: str = "", touched: int | None = None
    ) -> None:
        self._recommendations[item.id] = msgspec.structs.replace(
            item,
            state=state,
            withdrawn_because=because,
            touched_seq=item.touched_seq if touched is None else touched,
        )
        for waiting in (*self._waiting_by_case.values(), *self._waiting_by_unit.values()):
            waiting.discard(item.id)
