"""The human gate in types: no order without a commander's approval; the steps of an order."""

import re
from datetime import UTC, datetime

import pytest
from truceline.model.decided import STEPS, Decision, Order, Recommendation, Tasking
from truceline.model.errors import Refused
from truceline.model.place import Point

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
TASK = Tasking(
    unit="P-1", task="t1", depart_s=0, path=("a",), arrive_s=60, start_s=60, leave_s=600, return_s=900
)
PLACE = Point(lat_deg=1, lon_deg=2, ce90_m=3)


def proposal(**more):
    given = {"incident_ids": ("inc-1",), "action": "Send P-1.", "why": "two blasts", "now_utc": MOMENT}
    return Recommendation(**given, tasks=(TASK,), places={"t1": PLACE}, **more)


def decision(**more):
    said = {"verdict": "approved", "role": "commander", **more}
    return Decision(recommendation_id="rec-1", reason="near", by="cora", at_utc=MOMENT, **said)


@pytest.mark.parametrize("verdict", ["approved", "amended"])
def test_an_approval_makes_an_order_that_names_where_it_comes_from(verdict):
    order_id, order = Order.of(decision(verdict=verdict).approval("dec-1"), TASK, proposal())

    assert re.fullmatch("ord-[0-9a-f]{32}", order_id)
    assert (order.decision_id, order.recommendation_id, order.incident_ids) == ("dec-1", "rec-1", ("inc-1",))
    assert (order.unit, order.tasking, order.to) == ("P-1", TASK, PLACE)


def test_the_same_decision_and_task_make_the_same_order_and_others_another():
    ids = {
        Order.of(decision().approval(decision_id), task, proposal())[0]
        for decision_id in ("dec-1", "dec-1", "dec-2")
        for task in (
            TASK,
            Tasking(**{**{f: getattr(TASK, f) for f in TASK.__struct_fields__}, "unit": "P-2"}),
        )
    }

    assert len(ids) == 4


def test_a_rejection_makes_no_order():
    with pytest.raises(Refused, match="rejected") as refused:
        decision(verdict="rejected").approval("dec-1")
    assert refused.value.status == 409


@pytest.mark.parametrize("role", ["admin", "observer", "operator", "party-liaison", "auditor"])
def test_nobody_but_a_commander_approves(role):
    with pytest.raises(Refused, match=role) as refused:
        decision(role=role).approval("dec-1")
    assert refused.value.status == 403


def test_an_order_is_of_nothing_but_an_approval():
    with pytest.raises(AttributeError):
        Order.of(decision(), TASK, proposal())


def test_orders_go_through_the_steps_of_the_contract(shared):
    page = (shared / "contracts/wire.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| `POST /orders/{id}/state`"))
    steps = [part.split(r"\|") for part in re.search(r"`(SENT [^`]*)`", row)[1].split(" → ")]
    allowed: dict[str, set[str]] = {"CREATED": {"SENT"}}
    for here, there in zip(steps, [*steps[1:], []], strict=True):
        allowed[here[0]] = set(there)
        allowed |= {end: set() for end in here[1:]}

    for state, following in allowed.items():
        cancellable = {"CANCELLED"} if following else set()
        assert STEPS[state] == following | cancellable, state
    assert set(STEPS) == {*allowed, "CANCELLED"}
