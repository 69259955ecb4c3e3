"""The shape in which things leave: the same item in lists and in events (contract wire, B and C)."""

from typing import Any

from truceline.app.forms.answer import plain
from truceline.model.classes import BASE_KINDS, from_cot, incident_sidc, sidc
from truceline.model.decided import Decision, Incident, OrderState, Recommendation
from truceline.model.facts import Fact
from truceline.view.board import Board, IncidentItem, OrderItem, RecommendationItem
from truceline.view.reports import ReportItem
from truceline.view.scene import TrackItem, missed_words
from truceline.view.teams import TeamItem

Item = dict[str, Any]
_CLUSTER = ("class", "report_ids", "start_utc", "end_utc", "lat_deg", "lon_deg")
_BY_RULE = (
    "ce90_m", "agreement", "rule", "article", "party", "verdict", "probability", "zone", "causes",
    "reasons", "measured", "explanation", "what",
)  # fmt: skip
_UNIT_KIND = "light_vehicle"  # a patrol in a vehicle, when the force file does not say it flies


def report_item(item: ReportItem) -> Item:
    """Show a report, with what the log adds to it."""
    return {
        "id": item.id,
        **plain(item.report),
        "seq": item.seq,
        "received_utc": plain(item.received_utc),
        "reporter": item.reporter.removeprefix("user:"),
    }


def incident_body(incident_id: str, case_id: str, seq: int, incident: Incident, exercise: bool) -> Item:
    """Show an incident without what the board knows of its case."""
    told = plain(incident)
    members = _CLUSTER if incident.rule is None else (*_CLUSTER, *_BY_RULE)
    return {
        "id": incident_id,
        "case_id": case_id,
        **{key: told[key] for key in members},
        "km": incident.km,
        "sidc": incident_sidc(incident.class_, exercise),
        "seq": seq,
    }


def incident_item(item: IncidentItem, exercise: bool) -> Item:
    """Show an incident in force."""
    return {
        **incident_body(item.id, item.case_id, item.seq, item.incident, exercise),
        "received_utc": plain(item.said_utc),
        "state": item.state,
        "released_to": plain(item.released_to),
    }


def incident_for_party(item: IncidentItem, exercise: bool) -> Item:
    """Show a released incident to a party: probabilities to two digits, nobody else's releases."""
    told = incident_item(item, exercise)
    del told["released_to"]
    if told.get("probability") is not None:
        told["probability"] = round(told["probability"], 2)
    return told


def withdrawn_item(fact: Fact, board: Board, exercise: bool) -> Item:
    """Show that an incident no longer holds."""
    case_id = board.case_of(fact.id) or fact.id
    body = incident_body(fact.id, case_id, fact.seq, fact.noun(Incident), exercise)
    return {**body, "withdrawn": True}


def recommendation_item(item: RecommendationItem, held: bool = False) -> Item:
    """Show a proposal and what became of it."""
    decided = None
    if item.decision is not None and item.decision_id is not None:
        decided = decision_item(item.decision_id, item.decision_seq, item.decision)
    return {
        "id": item.id,
        "seq": item.seq,
        **recommendation_body(item.recommendation),
        "state": item.state,
        "touched_seq": item.touched_seq,
        "changes": list(item.changes),
        "decision": decided,
        "withdrawn_because": item.withdrawn_because,
        "held": held,
    }


def recommendation_body(said: Recommendation) -> Item:
    """Show what a proposal says, empty lists included."""
    told = {"tasks": [], "ways": [], "left_uncovered": [], "places": {}, "units_at": {}, **plain(said)}
    return {key: part for key, part in told.items() if key not in ("supersedes", "withdrawn")}


def decision_item(decision_id: str, seq: int | None, decision: Decision) -> Item:
    """Show what a commander said."""
    return {"id": decision_id, "seq": seq, **plain(decision)}


def order_item(item: OrderItem, exercise: bool, flies: bool = False) -> Item:
    """Show an order with its steps."""
    order = item.order
    return {
        "id": item.id,
        "seq": item.seq,
        "unit": order.unit,
        "state": item.state,
        "order": order.text,
        "text": order.text,
        "to": plain(order.to),
        "decision_id": order.decision_id,
        "recommendation_id": order.recommendation_id,
        "incident_ids": list(order.incident_ids),
        "tasking": plain(order.tasking),
        "now_utc": plain(order.now_utc),
        "history": [{"seq": seq, **state_body(state)} for seq, state in item.history],
        "sidc": _unit_sidc(flies, exercise),
    }


def state_body(state: OrderState) -> Item:
    """Show one step of an order."""
    return {"order_id": state.order_id, "state": state.state, "at_utc": plain(state.at_utc), "by": state.by}


def track_item(item: TrackItem, exercise: bool) -> Item:
    """Show the newest row of a track."""
    return {
        "id": f"track-{item.track_id}",
        "track_id": str(item.track_id),
        "sidc": sidc(item.kind, "unknown", exercise),
        "kind": item.kind,
        "lat_deg": item.lat_deg,
        "lon_deg": item.lon_deg,
        "ce90_m": item.ce90_m,
        "time_utc": plain(item.time_utc),
        "existence": item.exists_p,
        "classes": {word: round(p, 4) for word, p in item.probability.items()},
        "speed_mps": item.speed_mps,
        "course_deg": item.course_deg,
        "side": item.side,
        "last_seen_utc": plain(item.last_seen_utc),
        "missed": missed_words(item.missed_by, item.time_utc) if item.missed_by is not None else "",
        "trail": [list(place) for place in item.trail],
        "seq": item.seq,
        "unit": False,
    }


def position_item(item: ReportItem, team: TeamItem | None, exercise: bool) -> Item:
    """Show where somebody said that they, or something, are: one live track per subject."""
    report = item.report
    cot_type = str(report.attributes.get("cot_type", "a-f-G"))
    own = team is not None or cot_type.startswith("a-f")
    kind = from_cot(cot_type) if cot_type != "a-f-G" else _UNIT_KIND
    code = _unit_sidc(team.flies, exercise) if team else sidc(kind, "own" if own else "unknown", exercise)
    return {
        "id": str(report.subject_id),
        "track_id": str(report.subject_id),
        "subject_id": report.subject_id,
        "label": str(report.subject_id),
        "sidc": code,
        "kind": kind,
        "lat_deg": report.lat_deg,
        "lon_deg": report.lon_deg,
        "ce90_m": report.ce90_m,
        "time_utc": plain(report.time_utc),
        "received_utc": plain(item.received_utc),
        "existence": 1.0,
        "classes": {BASE_KINDS[kind].fusion or "other": 1.0},
        "report_id": item.id,
        "seq": item.seq,
        "unit": team is not None,
        "state": team.state if team is not None else None,
    }


def team_item(item: TeamItem, exercise: bool) -> Item:
    """Show a unit of the mission: where it is and what it does next."""
    return {
        "id": item.unit,
        "unit": item.unit,
        "contingent": item.contingent,
        "type": item.type,
        "state": item.state,
        "node": item.node,
        "at": plain(item.at),
        "order_id": item.order_id,
        "last_contact_utc": plain(item.last_contact_utc),
        "free_at_utc": plain(item.free_at_utc),
        "sidc": _unit_sidc(item.flies, exercise),
    }


def standing_item(item: TeamItem, exercise: bool) -> Item:
    """Show a unit that has not reported yet where the force file puts it."""
    at = plain(item.at)
    return {
        **{key: at[key] for key in ("lat_deg", "lon_deg", "ce90_m")},
        "id": item.unit,
        "track_id": item.unit,
        "subject_id": item.unit,
        "label": item.unit,
        "sidc": _unit_sidc(item.flies, exercise),
        "kind": _UNIT_KIND,
        "time_utc": plain(item.last_contact_utc),
        "existence": 1.0,
        "classes": {},
        "unit": True,
        "state": item.state,
    }


def _unit_sidc(flies: bool, exercise: bool) -> str:
    return sidc("uav" if flies else _UNIT_KIND, "own", exercise)
