"""Small parts of the flow: the clock, settings, sources at work, and the way down from an entry."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from truceline.flow.clock import Clock
from truceline.flow.core import mission_of
from truceline.flow.courier import Courier
from truceline.flow.mission import Watched
from truceline.flow.node import Node
from truceline.flow.why import chain, find, lines, says
from truceline.log.journal import Journal
from truceline.log.reader import read_facts
from truceline.model.decided import Config
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Claim, Fact, Header, Redacted
from truceline.model.observed import Observation, Report
from truceline.plug import Taken
from truceline.view.holds import Holds

START = datetime(2030, 5, 1, tzinfo=UTC)


def fact(seq, kind, body, *refs, entry_id="", redacted=None):
    header = Header("user:x", (), "", entry_id or f"e{seq}", kind, "", refs, seq, "2030-05-01T00:00:00Z", 1)
    return Fact(header, msgspec.Raw(msgspec.json.encode(body)), redacted=redacted)


def test_an_exercise_begins_when_the_mission_says_and_runs_faster():
    clock = Clock(START, speed=10_000)

    assert START <= clock.now() < START + timedelta(hours=10)
    assert clock.now() <= clock.now()


def test_without_a_start_the_wall_clock_tells_the_time_at_its_own_speed():
    clock = Clock(None, speed=50)

    assert clock.speed == 1.0
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_an_exercise_that_starts_again_never_runs_behind_what_was_said():
    clock = Clock(START)
    later = START + timedelta(hours=5)

    clock.advance_to(later)
    clock.advance_to(START)

    assert clock.now() >= later


def test_the_wall_clock_is_not_moved_by_what_a_log_says():
    clock = Clock()
    clock.advance_to(START + timedelta(days=36_500))

    assert clock.now() < START + timedelta(days=36_500)


def test_the_way_down_names_each_entry_once_nearest_first():
    facts = [
        fact(0, "report", {"type": "shot"}), fact(1, "report", {"type": "shot"}),
        fact(2, "incident", {"class": "shot_cluster"}, 0, 1), fact(3, "report", {"type": "note"}),
        fact(4, "recommendation", {"action": "go"}, 0, 2),
    ]  # fmt: skip

    steps = chain(facts, 4)

    assert [(step.depth, step.seq) for step in steps] == [(0, 4), (1, 2), (1, 0), (2, 1)]
    text = list(lines(steps))
    assert text[0].lstrip().startswith("4 recommendation")
    assert "shot_cluster" in text[1]


def test_an_entry_says_what_it_is_about_in_one_line():
    assert says(fact(0, "detection", {"rows": 7, "detector": "movers"})) == "7 rows by movers"
    assert says(fact(0, "track", {"rows": 2})) == "2 rows by the tracker"
    assert says(fact(0, "report", {"type": "shot", "text": "heard"})) == "shot · heard"
    assert says(fact(0, "report", {}, redacted=Redacted("user:x", "a name"))) == "erased by user:x: a name"
    assert len(says(fact(0, "report", {"text": "long " * 100}))) == 160


def test_an_entry_is_found_by_number_or_by_the_latest_of_its_id(tmp_path):
    journal = Journal.open(tmp_path)
    journal.append([Claim(kind="report", id="r", body={}, actor="user:x")])
    for because in (0, 1):
        journal.append([Claim(kind="incident", id="i", body={}, actor="engine:x", refs=(because,))])
    journal.close()

    assert find(tmp_path, "1")[1] == 1
    assert find(tmp_path, "i")[1] == 2
    assert find(tmp_path, "r")[1] == 0
    for unknown in ("99", "nobody", "-1", "²"):
        with pytest.raises(BadInput, match="among 3"):
            find(tmp_path, unknown)


def test_settings_never_reach_a_file_outside_of_the_mission(tmp_path):
    journal = Journal.open(tmp_path / "data")
    blob = journal.blobs.put(b"evil", "text/plain", "setting-0")
    for path in ("../evil.toml", str(tmp_path / "evil.toml")):
        settings = {"mission": path, "files": {path: blob.sha256}}
        config = Config(version="1", settings=settings)
        journal.append([Claim(kind="config", id=path, body=config, actor="node:settings", blobs=(blob,))])

        with (
            pytest.raises(Broken, match="outside of the mission"),
            mission_of(tmp_path / "data", journal.blobs),
        ):
            pass

    journal.close()
    assert not list(tmp_path.rglob("evil.toml"))


class Post:
    """A source that brings the same report with other words, again and again."""

    name = "post"

    def observe(self, intake, follow):
        for text in ("first", "second", "second"):
            body = Report(type="note", time_utc=START, lat_deg=1.0, lon_deg=2.0, text=text)
            yield Taken(noun=body, id="r-1")


def test_what_the_log_refuses_of_a_source_is_told_once_and_the_rest_goes_on(tmp_path):
    node = Node(tmp_path)
    node.start()

    node.supply.start(Watched("patrol", Post(), 0.0, ()), follow=False)
    node.wait_idle(20)
    node.stop()

    facts = list(read_facts(tmp_path))
    told = [fact.noun(Observation) for fact in facts if fact.kind == "observation"]
    assert [fact.noun(Report).text for fact in facts if fact.kind == "report"] == ["first"]
    assert [(one.source, one.status) for one in told] == [("post", "degraded")]
    assert "known with other content" in told[0].reason


def test_a_clock_that_changes_its_pace_goes_on_from_where_it_was():
    clock = Clock(START, speed=100_000)
    before = clock.now()

    clock.run_at(1.0)

    assert before <= clock.now()
    assert clock.now() - before < timedelta(hours=12)
    assert clock.speed == 1.0


def test_an_order_that_was_cancelled_while_it_was_held_never_leaves():
    holds = Holds()
    courier = Courier(holds)
    until = {"scope": "orders", "until_utc": "2030-05-01T01:00:00Z"}
    said = []
    for one in (
        fact(0, "statement", {"about": "hold", "by": "c", "attributes": until}, entry_id="h"),
        fact(1, "order", {}, entry_id="ord-a"),
        fact(2, "order", {}, entry_id="ord-b"),
        fact(3, "order_state", {"order_id": "ord-a", "state": "CANCELLED", "at_utc": START, "by": "c"}),
        fact(4, "statement", {"about": "hold", "by": "c", "stance": "lifted", "attributes": {"hold": "h"}}),
    ):
        holds.apply(one)
        said += courier.apply(one)

    assert [claim.body.order_id for claim in said] == ["ord-b"]
    assert courier.due() is None
