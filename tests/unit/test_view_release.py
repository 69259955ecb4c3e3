"""Who is shown what: default deny."""

from datetime import UTC, datetime

import msgspec
import pytest
from truceline.model.decided import Incident, Order, OrderState, Statement, Tasking
from truceline.model.facts import Blob, Fact, Header
from truceline.model.observed import Report
from truceline.model.place import utc_text
from truceline.view.board import Board
from truceline.view.release import (
    Viewer,
    incident_for,
    incidents_for,
    may_open_sample,
    may_see_order,
    may_see_report,
    reporter_shown,
)
from truceline.view.reports import Reports

START = datetime(2026, 3, 1, tzinfo=UTC)
ROOM = [Viewer("x", role) for role in ("operator", "commander", "auditor")]
OLGA, OTTO = Viewer("olga", "observer"), Viewer("otto", "observer")
LISA, BERT = Viewer("lisa", "party-liaison", "A"), Viewer("bert", "party-liaison", "B")
ADMIN, NOWHERE = Viewer("admin", "admin"), Viewer("nix", "party-liaison")
PICTURE = Blob(sha256="a" * 64, size_bytes=1, media_type="image/jpeg", name="picture")
FOOTAGE = Blob(sha256="b" * 64, size_bytes=1, media_type="video/mp2t", name="clip")


class Log:
    """A small log: a report with a picture, footage, an incident on both, an order to olga."""

    def __init__(self):
        self.facts = []
        self.board, self.reports = Board(), Reports()
        report = Report(type="shot", time_utc=START, lat_deg=1, lon_deg=2, blobs=(PICTURE.sha256,))
        self.put("report", "r", report, "user:olga", blobs=(PICTURE,))
        self.put("observation", "o", {}, "source:uav", blobs=(FOOTAGE,))
        incident = Incident(
            class_="shot_cluster", report_ids=("r",), start_utc=START, end_utc=START, lat_deg=1, lon_deg=2
        )
        self.put("incident", "i", incident, refs=(0, 1))
        task = Tasking(unit="olga", task="t", depart_s=0, path=(), arrive_s=1, start_s=1, leave_s=2)
        order = Order(decision_id="d", recommendation_id="r", incident_ids=("i",), unit="olga", tasking=task,
                      text="go", now_utc=START)  # fmt: skip
        self.put("order", "ord", order)

    def put(self, kind, entry_id, body, actor="a", refs=(), blobs=()):
        header = Header(actor, blobs, "", entry_id, kind, "", refs, len(self.facts), utc_text(START), 1)
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)))
        self.facts.append(fact)
        self.board.apply(fact)
        self.reports.apply(fact)

    def release(self, party):
        self.put(
            "statement", f"rel-{party}", Statement(about="release", by="c", incident_id="i", party=party)
        )

    def opens(self, viewer, blob):
        released = incidents_for(viewer, self.board)
        return may_open_sample(viewer, blob.sha256, self.reports, released, self.facts.__getitem__)


@pytest.fixture
def log():
    return Log()


def test_the_operations_room_sees_everything(log):
    for viewer in ROOM:
        assert may_see_report(viewer, log.reports.items[0])
        assert may_see_order(viewer, log.board.order("ord"))
        assert [item.id for item in incidents_for(viewer, log.board)] == ["i"]
        assert log.opens(viewer, PICTURE)
        assert log.opens(viewer, FOOTAGE)
        assert reporter_shown(viewer) is None


@pytest.mark.parametrize("viewer", [ADMIN, LISA, BERT, NOWHERE, OTTO], ids=lambda v: v.name)
def test_nobody_else_sees_anything_that_is_not_theirs(log, viewer):
    assert not may_see_report(viewer, log.reports.items[0])
    assert not may_see_order(viewer, log.board.order("ord"))
    assert incidents_for(viewer, log.board) == []
    assert incident_for(viewer, log.board, "i") is None
    assert not log.opens(viewer, PICTURE)
    assert not log.opens(viewer, FOOTAGE)
    assert reporter_shown(viewer) == ("user:otto" if viewer is OTTO else False)


def test_an_observer_sees_own_reports_and_their_pictures(log):
    assert may_see_report(OLGA, log.reports.items[0])
    assert reporter_shown(OLGA) == "user:olga"
    assert log.opens(OLGA, PICTURE)
    assert not log.opens(OLGA, FOOTAGE)
    assert incidents_for(OLGA, log.board) == []


def test_an_order_is_shown_to_its_unit_once_it_was_sent(log):
    assert not may_see_order(OLGA, log.board.order("ord"))

    log.put("order_state", "s", OrderState(order_id="ord", state="SENT", at_utc=START, by="node"))

    assert may_see_order(OLGA, log.board.order("ord"))
    assert not may_see_order(OTTO, log.board.order("ord"))


def test_a_release_shows_one_party_the_incident_and_its_pictures_but_no_footage(log):
    log.release("A")

    assert [item.id for item in incidents_for(LISA, log.board)] == ["i"]
    assert incident_for(LISA, log.board, "i").id == "i"
    assert log.opens(LISA, PICTURE)
    assert not log.opens(LISA, FOOTAGE)
    assert incidents_for(BERT, log.board) == []
    assert not log.opens(BERT, PICTURE)


def test_of_two_released_parts_of_a_case_a_party_gets_the_one_it_asks_for(log):
    for name in ("left", "right"):
        part = Incident(class_="shot_cluster", report_ids=(name,), start_utc=START, end_utc=START,
                        lat_deg=1, lon_deg=2, supersedes=(2,))  # fmt: skip
        log.put("incident", name, part, refs=(2,))
        released = Statement(about="release", by="c", incident_id=name, party="A")
        log.put("statement", f"rel-{name}", released)

    assert incident_for(LISA, log.board, "left").id == "left"
    assert incident_for(LISA, log.board, "right").id == "right"
    assert incident_for(LISA, log.board, "i").case_id == "i"
