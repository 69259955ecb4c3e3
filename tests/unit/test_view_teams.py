"""Teams: where units are, what they do, and what that does to proposals that wait."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from truceline.model.decided import Order, OrderState, Recommendation, Tasking
from truceline.model.facts import Fact, Header
from truceline.model.observed import Report
from truceline.model.place import Point, utc_text
from truceline.view.board import Board
from truceline.view.reports import Reports
from truceline.view.teams import Teams

START = datetime(2026, 3, 1, tzinfo=UTC)
FORCE = json.dumps({
    "nodes": [
        {"id": "base", "lat_deg": 38.0, "lon_deg": 127.0},
        {"id": "post", "lat_deg": 38.1, "lon_deg": 127.0},
        {"id": "nowhere"},
    ],
    "units": [
        {"id": "P-1", "contingent": "blue", "node": "base", "home_node": "base", "type": "patrol"},
        {"id": "D-1", "contingent": "blue", "node": "nowhere", "home_node": "base", "flies": True},
    ],
    "edges": [], "something_else": 1,
}).encode()  # fmt: skip
TASK = Tasking(unit="P-1", task="t", depart_s=0, path=(), arrive_s=60, start_s=60, leave_s=600, return_s=900)


class Desk:
    def __init__(self, force=FORCE):
        self.board = Board()
        self.reports = Reports()
        self.teams = Teams(force, self.board, self.reports)
        self.seq = -1

    def say(self, kind, entry_id, body):
        self.seq += 1
        header = Header("a", (), "", entry_id, kind, "", (), self.seq, utc_text(START), 1)
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)))
        self.reports.apply(fact)
        self.board.apply(fact)
        self.teams.apply(fact)
        return self.seq

    def at(self, lat_deg, minute=0, unit="P-1", type_="position", corrects=None):
        body = Report(type=type_, time_utc=START + timedelta(minutes=minute), lat_deg=lat_deg, lon_deg=127.0,
                      subject_id=unit, corrects=corrects)  # fmt: skip
        return self.say("report", f"p{self.seq + 1}", body)

    def order(self, order_id="o", task=TASK):
        body = Order(decision_id="d", recommendation_id="r", incident_ids=(), unit=task.unit, tasking=task,
                     text="go", now_utc=START)  # fmt: skip
        return self.say("order", order_id, body)

    def step(self, state, order_id="o"):
        body = OrderState(order_id=order_id, state=state, at_utc=START + timedelta(hours=1), by="P-1")
        return self.say("order_state", f"{order_id}{state}{self.seq}", body)

    def propose(self):
        body = Recommendation(incident_ids=("i",), action="go", why="w", now_utc=START, tasks=(TASK,),
                              units_at={"P-1": Point(lat_deg=38.0, lon_deg=127.0, ce90_m=30)})  # fmt: skip
        return self.say("recommendation", "rec", body)

    def unit(self, unit="P-1"):
        return self.teams.unit(unit)


@pytest.fixture
def desk():
    return Desk()


def test_units_of_the_force_are_ready_where_the_force_file_puts_them(desk):
    assert [item.unit for item in desk.teams.units()] == ["D-1", "P-1"]
    assert (desk.unit().state, desk.unit().at.lat_deg, desk.unit().node) == ("ready", 38.0, "base")
    assert desk.unit("D-1").flies
    assert desk.unit("D-1").at is None


def test_without_a_force_there_are_no_units():
    desk = Desk(force=None)
    desk.order()
    desk.at(38.0)

    assert desk.teams.units() == []


def test_a_position_moves_a_unit_to_the_nearest_node(desk):
    desk.at(38.08, minute=1)

    assert (desk.unit().node, desk.unit().at.lat_deg) == ("post", 38.08)
    assert desk.unit().last_contact_utc == START + timedelta(minutes=1)


def test_an_older_position_that_comes_late_moves_nothing(desk):
    desk.at(38.1, minute=5)
    desk.at(38.0, minute=1)

    assert desk.unit().at.lat_deg == 38.1


def test_a_position_that_was_taken_back_moves_nothing(desk):
    first = desk.at(38.09, minute=1)
    wrong = desk.at(38.01, minute=2)

    desk.at(0.0, type_="note", corrects=f"p{wrong}")
    assert (desk.unit().node, desk.unit().last_contact_utc) == ("post", START + timedelta(minutes=1))

    desk.at(0.0, type_="note", corrects=f"p{first}")
    assert (desk.unit().at.lat_deg, desk.unit().node, desk.unit().last_contact_utc) == (38.0, "base", None)


@pytest.mark.parametrize("order", [(38.02, 38.09), (38.09, 38.02)])
def test_of_two_positions_of_one_moment_the_same_counts_in_any_order(desk, order):
    for lat_deg in order:
        body = Report(type="position", time_utc=START, lat_deg=lat_deg, lon_deg=127.0, subject_id="P-1")
        desk.say("report", f"at-{lat_deg}", body)

    assert desk.unit().at.lat_deg == 38.09


@pytest.mark.parametrize(("unit", "type_"), [("P-1", "sighting"), ("X-9", "position")])
def test_other_reports_move_nobody(desk, unit, type_):
    desk.at(38.1, unit=unit, type_=type_)

    assert [item.node for item in desk.teams.units()] == ["nowhere", "base"]


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([], "ordered"),
        (["SENT", "RECEIPT", "ACK"], "ordered"),
        (["WILCO"], "under_way"),
        (["WILCO", "EXECUTING"], "on_task"),
        (["WILCO", "EXECUTING", "DONE"], "ready"),
        (["WILCO", "EXECUTING", "FAILED"], "ready"),
        (["CANTDO"], "ready"),
        (["CANCELLED"], "ready"),
    ],
)
def test_a_unit_does_what_the_steps_of_its_order_say(desk, steps, state):
    desk.order()
    for step in steps:
        desk.step(step)

    assert desk.unit().state == state
    assert desk.unit().order_id == (None if state == "ready" else "o")
    assert desk.unit().free_at_utc == (None if state == "ready" else START + timedelta(seconds=900))


def test_a_step_of_an_older_order_does_not_free_a_unit_that_has_a_newer_one(desk):
    desk.order("o1")
    desk.order("o2")
    desk.step("DONE", "o1")

    assert (desk.unit().state, desk.unit().order_id) == ("ordered", "o2")


def test_a_unit_that_moved_a_kilometre_touches_the_proposal_that_rests_on_it(desk):
    desk.propose()
    desk.at(38.001, minute=1)
    assert desk.board.recommendation("rec").changes == ()

    seq = desk.at(38.02, minute=2)

    assert desk.board.recommendation("rec").touched_seq == seq
    assert desk.board.recommendation("rec").changes == ("P-1 is no longer where it was",)


def test_a_unit_that_cannot_touches_the_proposal_that_rests_on_it(desk):
    desk.order()
    desk.propose()

    desk.step("CANTDO")

    assert desk.board.recommendation("rec").changes == ("P-1 said that it cannot",)


def test_without_a_force_whoever_has_a_task_is_a_unit_that_moves_and_cannot():
    desk = Desk(force=None)
    desk.order()
    desk.propose()

    desk.at(38.02, minute=2)
    desk.step("CANTDO")

    assert desk.board.recommendation("rec").changes == (
        "P-1 is no longer where it was",
        "P-1 said that it cannot",
    )
