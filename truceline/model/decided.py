"""From an incident to an order: what is claimed, proposed, decided by a person, and carried out."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from truceline.model.errors import Refused
from truceline.model.facts import Blob
from truceline.model.names import name
from truceline.model.place import Noun, Point
from truceline.model.units import Ratio

Verdict = Literal["violation", "possible_violation", "covered_by_notice", "could_not_observe"]
Role = Literal["admin", "observer", "operator", "commander", "party-liaison", "auditor"]
State = Literal[
    "CREATED", "SENT", "RECEIPT", "ACK", "WILCO", "CANTDO", "EXECUTING", "DONE", "FAILED", "CANCELLED"
]
STEPS: dict[str, frozenset[str]] = {
    "CREATED": frozenset({"SENT", "CANCELLED"}),
    "SENT": frozenset({"RECEIPT", "CANCELLED"}),
    "RECEIPT": frozenset({"ACK", "CANCELLED"}),
    "ACK": frozenset({"WILCO", "CANTDO", "CANCELLED"}),
    "WILCO": frozenset({"EXECUTING", "CANCELLED"}),
    "CANTDO": frozenset(),
    "EXECUTING": frozenset({"DONE", "FAILED", "CANCELLED"}),
    "DONE": frozenset(),
    "FAILED": frozenset(),
    "CANCELLED": frozenset(),
}
ENDED = frozenset(state for state, steps in STEPS.items() if not steps)


class Explanation(Noun):
    """Why, and what the accused party could rightly say against it; both are sentences."""

    supports: str
    challenges: str


class Incident(Noun, omit_defaults=False):
    """What holds against the agreement, or a cluster of reports (contracts zone and wire B) [incident].

    ``what`` names what was seen, in plain words and no more than was seen; ``km`` is where along
    the nearest line.
    ``causes`` are ids of reports, of changed places, or ``<entry id>/<row>`` for rows of pieces.
    ``supersedes`` are the entries this one replaces; with ``withdrawn`` it replaces them by nothing.
    """

    class_: str = msgspec.field(name="class")
    report_ids: tuple[str, ...]
    start_utc: datetime
    end_utc: datetime
    lat_deg: float | None
    lon_deg: float | None
    ce90_m: float | None = None
    agreement: str | None = None
    rule: str | None = None
    article: str | None = None
    party: str | None = None
    verdict: Verdict | None = None
    probability: Ratio | None = None
    zone: str | None = None
    causes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    measured: dict[str, float | int | str] = {}
    explanation: Explanation | None = None
    what: str = ""
    km: float | None = None
    supersedes: tuple[int, ...] = ()
    withdrawn: bool = False


class Alternative(Noun):
    """Another way, with its cost; ``ruled_out_by`` is the caveat or reason that bars it."""

    unit: str
    delta_cost: float | None = None
    ruled_out_by: str | None = None


class Explain(Noun):
    alternatives: tuple[Alternative, ...] = ()


class Tasking(Noun, omit_defaults=False):
    """One order of a dispatch plan (contract dispatch 1.5); seconds count from the plan's ``now_utc``."""

    unit: str
    task: str
    depart_s: int
    path: tuple[str, ...]
    arrive_s: int
    start_s: int
    leave_s: int
    role: Literal["main", "look"] = "main"
    return_s: int | None = None
    explain: Explain | None = None


class Way(Noun):
    """One row of "all ways with their cost": a unit's, a first look's, or waiting."""

    what: str
    there_utc: datetime | None
    cost: str
    proposed: bool = False
    barred_by: str | None = None
    unit: str | None = None  # who would go, where one unit takes the place of another …
    instead_of: str | None = None  # … and of whom


class Recommendation(Noun):
    """A proposal, by rule or by an operator; never an order [recommendation].

    ``places`` is where its tasks are, ``units_at`` where its units stood when it was made.
    """

    incident_ids: tuple[str, ...]
    action: str
    why: str
    now_utc: datetime
    tasks: tuple[Tasking, ...] = ()
    ways: tuple[Way, ...] = ()
    left_uncovered: tuple[str, ...] = ()
    due_utc: datetime | None = None
    valid_until_utc: datetime | None = None
    places: dict[str, Point] = {}
    units_at: dict[str, Point] = {}
    instance: Blob | None = None
    plan: Blob | None = None
    supersedes: tuple[int, ...] = ()
    withdrawn: bool = False
    withdrawn_because: str = ""


class Decision(Noun):
    """What a named person with the role ``commander`` said to a recommendation [decision].

    ``overridden`` says what of the proposal's care its amended tasks give up, and which departures had
    passed.
    """

    recommendation_id: str
    verdict: Literal["approved", "amended", "rejected"]
    reason: str
    by: str
    role: Role
    at_utc: datetime
    seen_seq: int | None = None
    tasks: tuple[Tasking, ...] | None = None
    overridden: tuple[str, ...] = ()

    def approval(self, decision_id: str) -> "Approval":
        """Hand out what orders are made of.

        Raises
        ------
        Refused
            If the decision rejects, or was not made by a commander.
        """
        if self.verdict not in ("approved", "amended"):
            raise Refused(f"decision {decision_id} is {self.verdict}: no order comes from it", 409)
        if self.role != "commander":
            raise Refused(f"decision {decision_id} was made by a {self.role}, not by a commander")
        return Approval(_decision_id=decision_id, _decision=self)


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that a commander approved: only :meth:`Decision.approval` makes one, only orders take one."""

    _decision_id: str
    _decision: Decision


class Order(Noun):
    """What one unit shall do [order]; made by :meth:`of` from an approval, in no other way."""

    decision_id: str
    recommendation_id: str
    incident_ids: tuple[str, ...]
    unit: str
    tasking: Tasking
    text: str
    now_utc: datetime
    to: Point | None = None

    @classmethod
    def of(cls, approval: Approval, tasking: Tasking, recommendation: Recommendation) -> tuple[str, "Order"]:
        """Make one order and its id from an approval.

        Returns
        -------
        tuple
            The id, a name over decision, unit and task, and the order.
        """
        decision_id, decision = approval._decision_id, approval._decision
        order = cls(
            decision_id=decision_id,
            recommendation_id=decision.recommendation_id,
            incident_ids=recommendation.incident_ids,
            unit=tasking.unit,
            tasking=tasking,
            text=recommendation.action,
            now_utc=recommendation.now_utc,
            to=recommendation.places.get(tasking.task),
        )
        return name("ord", decision_id, tasking.unit, tasking.task), order


class OrderState(Noun):
    """One step of an order (contract wire B) [order_state]."""

    order_id: str
    state: State
    at_utc: datetime
    by: str


class Statement(Noun):
    """Words of the parties, releases, packages given out, daily reports [statement]."""

    about: Literal["statement", "release", "evidence", "document", "hold", "review", "retention"]
    by: str
    incident_id: str | None = None
    party: str | None = None
    stance: str | None = None
    text: str = ""
    attributes: dict[str, Any] = {}


class User(Noun):
    """Who may what: an account made or ended, an enrolment, a refused request [user]."""

    action: Literal["created", "ended", "enrolment", "enrolled", "refused"]
    name: str
    by: str
    role: Role | None = None
    party: Literal["A", "B"] | None = None
    token_sha256: str | None = None
    code_sha256: str | None = None
    cert_sha256: str | None = None
    expires_utc: datetime | None = None
    text: str = ""


class Config(Noun):
    """The settings in force from here on [config]."""

    version: str
    settings: dict[str, Any]


class Erasure(Noun):
    """Which entry was blanked, by whom and why [erasure]."""

    by: str
    reason: str
