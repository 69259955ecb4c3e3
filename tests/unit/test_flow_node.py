"""The node: durable before it answers, nothing said twice, and no picture that is wrong."""

import logging
import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from truceline.flow.node import Node
from truceline.log.journal import Appended
from truceline.log.reader import read_facts
from truceline.log.verify import read_trust, verify_path
from truceline.model.decided import Decision, Order, Recommendation, Statement, Tasking, User
from truceline.model.errors import BadInput, Broken, Refused
from truceline.model.facts import Claim
from truceline.model.observed import Report
from truceline.model.place import utc_text

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
PATIENCE_S = 20


def report(number, type_="shot", corrects=None):
    body = Report(type=type_, time_utc=START + timedelta(seconds=40 * number), lat_deg=38.0, lon_deg=127.0,
                  corrects=corrects)  # fmt: skip
    return Claim(kind="report", id=f"r{number}", body=body, actor="user:olga")


@pytest.fixture
def opened(tmp_path):
    """Open the node of one folder, again and again; whatever is open at the end is closed."""
    nodes = []

    def open_node():
        for node in nodes:
            node.stop()
        nodes.clear()
        node = Node(tmp_path / "data")
        node.start()
        nodes.append(node)
        return node

    yield open_node
    for node in nodes:
        node.stop()


@pytest.fixture
def node(opened):
    return opened()


def put(node, *claims):
    return node.submit(claims).result(timeout=PATIENCE_S)


def content(data_dir):
    """All that the log says, without salts, times and hashes."""
    return [(fact.kind, fact.id, fact.refs, bytes(fact.body)) for fact in read_facts(data_dir)]


def until(condition):
    """Wait for something, but not for long."""
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_an_answer_comes_after_the_entry_and_its_checkpoint_are_on_the_disk(node, monkeypatch):
    flushed = []
    real = os.fdatasync
    monkeypatch.setattr(
        os, "fdatasync", lambda handle: (real(handle), flushed.append(node.journal.tree_size))
    )

    (outcome,) = put(node, report(1))

    assert outcome.new
    assert flushed
    lines = (node.journal.log_dir / "000000.jsonl").read_bytes().splitlines()
    place = next(n for n, line in enumerate(lines) if b'"id":"r1"' in line)
    assert any(line.startswith(b'{"checkpoint"') for line in lines[place + 1 :])


def test_nothing_is_answered_while_the_flush_is_under_way(node, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(handle):
        begun.set()
        assert go_on.wait(PATIENCE_S)
        real(handle)

    monkeypatch.setattr(os, "fdatasync", slow)
    answer = node.submit([report(1)])

    assert begun.wait(PATIENCE_S)
    assert not answer.done()
    go_on.set()
    assert answer.result(timeout=PATIENCE_S)[0].new


def test_the_picture_shows_what_was_answered(node):
    put(node, report(1), report(2))

    with node.lock:
        assert node.views.reports.in_force("r1")
        (incident,) = node.views.board.incidents()
    assert incident.incident.report_ids == ("r1", "r2")


def test_each_claim_of_a_group_gets_its_own_answer(node):
    put(node, report(1))

    again, other, fresh = put(node, report(1), Claim(
        kind="report", id="r1", body=report(2).body, actor="user:olga"
    ), report(3))  # fmt: skip

    assert (again.new, fresh.new) == (False, True)
    assert isinstance(other, Refused)
    assert other.status == 409


def test_a_listener_hears_each_fact_once_in_order_and_no_more_when_it_leaves(node):
    heard = []
    leave = node.subscribe(lambda fact: heard.append(fact.seq))
    put(node, report(1), report(2))
    leave()
    put(node, report(9))

    assert heard == list(range(heard[0], heard[0] + 3))  # two reports and their incident


def test_a_flush_that_failed_is_not_acknowledged_and_all_is_refused_until_a_restart(
    opened, monkeypatch, caplog
):
    caplog.set_level(logging.CRITICAL)
    node = opened()
    put(node, report(1))

    def fails(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(Broken, match="No space left"):
            put(node, report(2))
    with pytest.raises(Broken, match="No space left"):
        put(node, report(3))
    assert "No space left" in node.failed

    node = opened()

    assert {item.id for item in node.views.reports.items} == {"r1"}
    (outcome,) = put(node, report(2))
    assert outcome.new
    assert len(node.views.board.incidents()) == 1


def test_claims_that_wait_when_the_disk_fails_are_refused_and_not_forgotten(node, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    begun, go_on = threading.Event(), threading.Event()

    def fails(handle):
        begun.set()
        assert go_on.wait(PATIENCE_S)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    first = node.submit([report(1)])
    assert begun.wait(PATIENCE_S)
    waiting = [node.submit([report(n)]) for n in range(2, 6)]
    go_on.set()

    for answer in (first, *waiting):
        with pytest.raises(Broken):
            answer.result(timeout=PATIENCE_S)


def test_a_fold_that_fails_stops_the_node_but_what_is_durable_is_acknowledged(opened, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    node = opened()

    def fails(fact):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(node.views.board, "apply", fails)

    (outcome,) = put(node, report(1))

    assert outcome.new
    assert until(lambda: node.failed is not None)
    assert node.failed == "ZeroDivisionError: a bug"
    with pytest.raises(Broken, match="a bug"):
        put(node, report(2))
    assert [item.id for item in opened().views.reports.items] == ["r1"]


def test_a_report_whose_incident_could_not_be_written_is_acknowledged_and_gets_it_at_the_next_start(
    opened, monkeypatch, caplog
):
    caplog.set_level(logging.CRITICAL)
    node = opened()
    put(node, report(1))
    calls = []
    real = os.fdatasync

    def second_fails(handle):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", second_fails)
        (outcome,) = put(node, report(2))
        assert until(lambda: node.failed is not None)
    assert outcome.new

    node = opened()

    assert until(lambda: len(node.views.board.incidents()) == 1)


def test_a_claim_handed_to_a_stopped_node_is_refused(tmp_path):
    node = Node(tmp_path / "data")
    node.start()
    node.stop()

    with pytest.raises(Broken, match="stopped"):
        put(node, report(1))


def test_a_second_node_on_the_same_folder_is_bad_input(node, tmp_path):
    with pytest.raises(BadInput, match="another process"):
        Node(tmp_path / "data")


def test_after_a_restart_nothing_is_said_again(opened):
    node = opened()
    put(node, report(1), report(2), report(3, "note", corrects="r1"), report(4))
    before = content(node.journal.data_dir)

    after = content(opened().journal.data_dir)

    assert after == before


INPUTS = [
    [report(1)],
    [report(2), report(3)],
    [report(4, "note", corrects="r2")],
    [report(5, "explosion"), report(6, "explosion")],
    [report(7)],
]


@pytest.mark.parametrize("kill_at", range(1, 10))
def test_a_stop_at_any_write_leaves_in_the_end_the_log_that_no_stop_would(
    tmp_path, opened, monkeypatch, caplog, kill_at
):
    caplog.set_level(logging.CRITICAL)
    whole = Node(tmp_path / "whole")
    whole.start()
    for group in INPUTS:
        put(whole, *group)
    whole.stop()
    calls = []
    real = os.fdatasync

    def dies_once(handle):
        calls.append(1)
        if len(calls) == kill_at:
            raise OSError(5, "Input/output error")
        real(handle)

    node = opened()
    monkeypatch.setattr(os, "fdatasync", dies_once)
    for group in INPUTS:
        try:
            put(node, *group)
        except Broken:  # as a sender does: the same again after the restart
            node = opened()
            put(node, *group)
    node = opened()

    assert content(node.journal.data_dir) == content(tmp_path / "whole")
    assert verify_path(tmp_path / "data", read_trust(tmp_path / "data/keys/trust.json"))[0] == 0


def commander(node):
    user = User(action="created", name="cora", by="admin", role="commander", token_sha256="0" * 64)
    put(node, Claim(kind="user", id="u1", body=user, actor="user:admin"))


TASK = Tasking(unit="P-1", task="t", depart_s=0, path=(), arrive_s=60, start_s=60, leave_s=600)


def order(node, number=1):
    """Let a commander approve a proposal; answer the order's id."""
    proposal = Recommendation(
        incident_ids=(), action="go", why=f"proposal {number}", now_utc=START, tasks=(TASK,)
    )
    said = put(node, Claim(kind="recommendation", id=f"rec-{number}", body=proposal, actor="user:oper"))
    decision = Decision(recommendation_id=f"rec-{number}", verdict="approved", reason="near", by="cora",
                        role="commander", at_utc=START)  # fmt: skip
    refs = (node.views.accounts.by_name("cora").seq, said[0].fact.seq)
    decided = put(
        node, Claim(kind="decision", id=f"dec-{number}", body=decision, actor="user:cora", refs=refs)
    )
    order_id, body = Order.of(decision.approval(f"dec-{number}"), TASK, proposal)
    refs = (*refs, decided[0].fact.seq)
    (outcome,) = put(node, Claim(kind="order", id=order_id, body=body, actor="user:cora", refs=refs))
    assert isinstance(outcome, Appended), outcome
    return order_id


def hold(node, until_utc):
    said = Statement(
        about="hold",
        by="cora",
        text="too near",
        attributes={"scope": "orders", "until_utc": utc_text(until_utc)},
    )
    put(node, Claim(kind="statement", id="hold-1", body=said, actor="user:cora"))


def sent(node):
    return [fact.id for fact in node.journal.facts() if fact.kind == "order_state"]


def test_an_order_is_sent_once_also_after_a_restart(opened):
    node = opened()
    commander(node)

    order_id = order(node)

    assert node.views.board.order(order_id).state == "SENT"
    node = opened()
    put(node, report(1))
    assert len(sent(node)) == 1


def test_a_held_order_waits_and_goes_when_the_hold_is_lifted(node):
    commander(node)
    hold(node, datetime.now(UTC) + timedelta(hours=1))
    order_id = order(node)
    put(node, report(1))
    assert node.views.board.order(order_id).state == "CREATED"

    lifted = Statement(about="hold", by="cora", stance="lifted", attributes={"hold": "hold-1"})
    put(node, Claim(kind="statement", id="lift-1", body=lifted, actor="user:cora"))

    assert node.views.board.order(order_id).state == "SENT"


def test_a_hold_that_ends_by_itself_wakes_the_node_and_the_order_goes(opened):
    node = opened()
    commander(node)
    hold(node, datetime.now(UTC) + timedelta(seconds=1.5))
    order_id = order(node)
    assert node.views.board.order(order_id).state == "CREATED"

    assert until(lambda: node.views.board.order(order_id).state == "SENT")
    clock = [fact for fact in node.journal.facts() if fact.actor == "node:clock"]
    assert len(clock) == 1


def test_two_held_orders_go_in_the_order_in_which_they_were_made(node):
    commander(node)
    hold(node, datetime.now(UTC) + timedelta(hours=1))
    ids = [order(node, 1), order(node, 2)]
    lifted = Statement(about="hold", by="cora", stance="lifted", attributes={"hold": "hold-1"})
    put(node, Claim(kind="statement", id="lift-1", body=lifted, actor="user:cora"))

    steps = [fact for fact in node.journal.facts() if fact.kind == "order_state"]
    assert [node.journal.read(fact.refs[0]).id for fact in steps] == ids


def test_no_order_is_taken_that_no_decision_stands_behind(node):
    commander(node)
    proposal = Recommendation(incident_ids=(), action="go", why="w", now_utc=START, tasks=(TASK,))
    (said,) = put(node, Claim(kind="recommendation", id="rec", body=proposal, actor="user:oper"))
    body = Order(decision_id="d", recommendation_id="rec", incident_ids=(), unit="P-1", tasking=TASK,
                 text="go", now_utc=START)  # fmt: skip

    (outcome,) = put(node, Claim(kind="order", id="o", body=body, actor="user:cora", refs=(said.fact.seq,)))

    assert isinstance(outcome, Refused)
    assert node.views.board.orders() == []
