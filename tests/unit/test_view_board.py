"""The board: cases and their chains, what waits for a decision, orders, releases."""

from datetime import UTC, datetime

import msgspec
import pytest
from truceline.model.decided import (
    Decision,
    Incident,
    Order,
    OrderState,
    Recommendation,
    Statement,
    Tasking,
)
from truceline.model.facts import Fact, Header, Redacted
from truceline.model.place import utc_text
from truceline.view.board import Board

START = datetime(2026, 3, 1, tzinfo=UTC)


class Desk:
    """A board, and a way to tell it things one entry after the other."""

    def __init__(self):
        self.board = Board()
        self.seq = -1

    def say(self, kind, entry_id, body, redacted=None):
        self.seq += 1
        header = Header("a", (), "", entry_id, kind, "", (), self.seq, utc_text(START), 1)
        self.board.apply(Fact(header, msgspec.Raw(msgspec.json.encode(body)), redacted=redacted))
        return self.seq

    def incident(self, entry_id, *supersedes, withdrawn=False, **more):
        body = Incident(
            class_="shot_cluster", report_ids=(entry_id,), start_utc=START, end_utc=START, lat_deg=1.0,
            lon_deg=2.0, supersedes=supersedes, withdrawn=withdrawn, **more,
        )  # fmt: skip
        return self.say("incident", entry_id, body)

    def propose(self, entry_id, *incident_ids, unit="P-1", **more):
        tasks = (Tasking(unit=unit, task="t", depart_s=0, path=(), arrive_s=1, start_s=1, leave_s=2),)
        body = Recommendation(
            incident_ids=incident_ids, action="go", why="because", now_utc=START, tasks=tasks, **more
        )
        return self.say("recommendation", entry_id, body)

    def decide(self, entry_id, recommendation_id, verdict="approved"):
        body = Decision(
            recommendation_id=recommendation_id, verdict=verdict, reason="r", by="cora", role="commander",
            at_utc=START,
        )  # fmt: skip
        return self.say("decision", entry_id, body)

    def order(self, entry_id, unit="P-1"):
        task = Tasking(unit=unit, task="t", depart_s=0, path=(), arrive_s=1, start_s=1, leave_s=2)
        body = Order(
            decision_id="d", recommendation_id="r", incident_ids=(), unit=unit, tasking=task, text="go",
            now_utc=START,
        )  # fmt: skip
        return self.say("order", entry_id, body)

    def state(self, order_id, state):
        return self.say("order_state", f"{order_id}-{state}", OrderState(
            order_id=order_id, state=state, at_utc=START, by="x"
        ))  # fmt: skip

    def state_of_case(self, incident_id, **more):
        return self.say("statement", f"s{self.seq}", Statement(by="cora", incident_id=incident_id, **more))

    def shown(self):
        return {item.id: item.case_id for item in self.board.incidents()}


@pytest.fixture
def desk():
    return Desk()


def test_a_chain_keeps_the_case_of_its_first(desk):
    first = desk.incident("a")
    second = desk.incident("b", first)
    desk.incident("c", second)

    assert desk.shown() == {"c": "a"}
    assert {desk.board.incident(one).id for one in "abc"} == {"c"}
    assert desk.board.case_of("b") == "a"


def test_what_two_cases_become_is_of_the_elder_case(desk):
    elder, younger = desk.incident("a"), desk.incident("b")

    desk.incident("c", elder, younger)

    assert desk.shown() == {"c": "a"}


def test_a_withdrawn_incident_leaves_and_comes_back_into_its_case(desk):
    first = desk.incident("a")
    second = desk.incident("b", first)
    third = desk.incident("b", second, withdrawn=True)
    assert desk.shown() == {}
    assert desk.board.incident("a") is None

    desk.incident("a", third)

    assert desk.shown() == {"a": "a"}
    assert desk.board.incident("b").id == "a"


def test_the_same_incident_said_again_is_one_incident(desk):
    first = desk.incident("a")
    desk.incident("a", first)

    assert desk.shown() == {"a": "a"}
    assert desk.board.incident("a").seq == 1


def test_a_case_that_fell_apart_is_found_while_any_part_of_it_holds(desk):
    whole = desk.incident("whole")
    desk.incident("left", whole)
    right = desk.incident("right", whole)
    desk.incident("right", right, withdrawn=True)

    assert desk.board.incident("whole").id == "left"


def test_the_state_of_a_case_is_that_of_all_its_parts(desk):
    whole = desk.incident("whole")
    desk.incident("left", whole)
    desk.incident("right", whole)

    desk.state_of_case("left", about="review", stance="confirmed")

    assert {item.id: item.state for item in desk.board.incidents()} == {
        "left": "confirmed",
        "right": "confirmed",
    }


def test_what_joins_a_case_later_has_its_state(desk):
    first = desk.incident("a")
    desk.state_of_case("a", about="review", stance="under_review")

    desk.incident("b", first)

    assert desk.board.incident("b").state == "under_review"


def test_a_party_sees_a_case_as_it_was_when_it_was_released(desk):
    first = desk.incident("a")
    desk.state_of_case("a", about="release", party="A")
    desk.incident("b", first)

    assert [item.id for item in desk.board.released("A")] == ["a"]
    assert desk.board.released("B") == []
    assert desk.board.incident("b").released_to == frozenset()

    desk.state_of_case("a", about="release", party="A")

    assert [item.id for item in desk.board.released("A")] == ["b"]
    assert desk.board.incident("b").released_to == {"A"}


def test_a_release_of_one_part_of_a_case_neither_shows_nor_hides_the_other(desk):
    whole = desk.incident("whole")
    desk.incident("left", whole)
    desk.incident("right", whole)

    desk.state_of_case("left", about="release", party="A")
    assert [item.id for item in desk.board.released("A")] == ["left"]
    desk.state_of_case("right", about="release", party="A")

    assert [item.id for item in desk.board.released("A")] == ["left", "right"]
    assert {item.released_to for item in desk.board.incidents()} == {frozenset("A")}


def test_a_release_of_what_no_longer_holds_shows_nothing(desk):
    first = desk.incident("a")
    desk.incident("a", first, withdrawn=True)

    desk.state_of_case("a", about="release", party="A")

    assert desk.board.released("A") == []


def test_a_proposal_is_touched_when_its_case_changes_and_not_when_another_does(desk):
    first = desk.incident("a")
    desk.propose("r", "a")
    desk.incident("z")
    assert desk.board.recommendation("r").touched_seq == 1

    changed = desk.incident("b", first)

    assert desk.board.recommendation("r").touched_seq == changed
    assert desk.board.recommendation("r").changes == ("the incident rests on more than before",)

    gone = desk.incident("b", changed, withdrawn=True)

    assert desk.board.recommendation("r").touched_seq == gone
    assert desk.board.recommendation("r").state == "waiting"


def test_an_order_to_its_unit_touches_a_proposal(desk):
    desk.incident("a")
    desk.propose("r", "a", unit="P-1")
    desk.order("o2", unit="P-2")
    assert desk.board.recommendation("r").changes == ()

    seq = desk.order("o1", unit="P-1")

    assert desk.board.recommendation("r").touched_seq == seq


def test_what_was_decided_is_not_touched_any_more(desk):
    first = desk.incident("a")
    desk.propose("r", "a")
    desk.decide("d", "r")

    desk.incident("b", first)

    assert desk.board.recommendation("r").touched_seq == 1


@pytest.mark.parametrize("first", ["approved", "rejected", "amended"])
def test_the_first_decision_wins(desk, first):
    desk.incident("a")
    desk.propose("r", "a")
    seq = desk.decide("d1", "r", first)

    desk.decide("d2", "r", "approved")

    item = desk.board.recommendation("r")
    assert (item.state, item.decision_id, item.decision_seq) == (first, "d1", seq)


def test_a_newer_proposal_takes_the_place_of_one_that_waits_but_not_of_a_decided_one(desk):
    desk.incident("a")
    old = desk.propose("r1", "a")
    desk.propose("r2", "a", supersedes=(old,))
    assert [item.id for item in desk.board.waiting()] == ["r2"]
    desk.decide("d", "r2")

    desk.propose("r3", "a", supersedes=(desk.board.recommendation("r2").seq,))

    assert {i.id: i.state for i in desk.board.recommendations()} == {
        "r1": "withdrawn", "r2": "approved", "r3": "waiting",
    }  # fmt: skip


def test_a_withdrawn_proposal_says_why_and_can_still_be_seen(desk):
    desk.incident("a")
    first = desk.propose("r", "a")
    desk.propose("r", "a", supersedes=(first,), withdrawn=True, withdrawn_because="nothing holds any more")

    item = desk.board.recommendation("r")
    assert (item.state, item.withdrawn_because) == ("withdrawn", "nothing holds any more")
    assert desk.board.waiting() == []


def test_a_decision_on_nothing_known_changes_nothing(desk):
    desk.decide("d", "r")

    assert desk.board.recommendations() == []


def test_an_order_walks_its_steps(desk):
    desk.order("o")
    for state in ("SENT", "RECEIPT", "ACK"):
        desk.state("o", state)
    desk.state("another", "DONE")

    item = desk.board.order("o")
    assert item.state == "ACK"
    assert [step.state for _, step in item.history] == ["SENT", "RECEIPT", "ACK"]
    assert [one.id for one in desk.board.orders()] == ["o"]


def test_a_blanked_entry_is_not_folded(desk):
    desk.say("incident", "a", {}, redacted=Redacted("user:x", "a name in it"))

    assert desk.shown() == {}
