"""Replay: what the log says and what follows from it are the same, or the first difference is named."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from truceline.app.cli import main
from truceline.flow.node import Node
from truceline.log.journal import Journal
from truceline.model.decided import Incident
from truceline.model.facts import Claim
from truceline.model.observed import Report

START = datetime(2030, 5, 1, 6, tzinfo=UTC)


@pytest.fixture
def data(tmp_path):
    """A log of three shots that make one cluster, twice told anew."""
    node = Node(tmp_path / "data")
    node.start()
    for number in range(3):
        at = START + timedelta(seconds=30 * number)
        body = Report(type="shot", time_utc=at, lat_deg=38.0, lon_deg=127.0)
        node.submit([Claim(kind="report", id=f"r-{number}", body=body, actor="user:olga")]).result(timeout=20)
    node.stop()
    return tmp_path / "data"


def say(data, **changes):
    """Append the newest incident once more, changed, as an engine that is not ours would."""
    journal = Journal.open(data)
    fact = journal.read(journal.tree_size - 1)
    body = msgspec.structs.replace(fact.noun(Incident), **changes.pop("body", {}))
    values = {"kind": "incident", "id": fact.id, "body": body, "actor": "engine:judge", "refs": fact.refs}
    journal.append([Claim(**{**values, **changes})])
    journal.close()


def replayed(data, capsys, *words):
    code = main(["replay", str(data), *words])
    return code, capsys.readouterr().out


def test_a_log_that_was_left_alone_is_the_same(data, capsys):
    assert replayed(data, capsys) == (0, "the same: 2 claims derived again from 6 entries\n")
    assert replayed(data, capsys, "--shuffle", "3")[0] == 0


def test_a_claim_that_follows_from_nothing_is_named(data, capsys):
    say(data, id="inc-0")

    code, said = replayed(data, capsys)

    assert code == 3 and "entry 6 (incident inc-0): is in the log but is not derived" in said


def test_a_claim_in_other_words_is_named_with_what_differs(data, capsys):
    rewrite(data, 5, lambda incident: incident.update(lat_deg=39.0))

    code, said = replayed(data, capsys)

    assert code == 3 and "entry 5" in said and "lat_deg is 39" in said and "derived 38" in said


def test_a_claim_that_rests_on_other_entries_is_named_with_both(data, capsys):
    rewrite(data, 5, lambda incident: None, refs=(1, 4))

    code, said = replayed(data, capsys)

    assert code == 3 and "entry 5" in said and "rests on [1, 4], derived [1, 2, 3, 4]" in said


def test_a_log_that_was_altered_is_not_the_same(data, capsys):
    path = data / "log" / "000000.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"type":"shot"', b'"type":"note"', 1))

    code, said = replayed(data, capsys, "--json")

    found = json.loads(said)
    assert code == 3 and not found["same"]
    assert "body does not match its hash" in found["difference"]["what"]


def test_what_was_not_known_then_is_left_out(data, capsys):
    journal = Journal.open(data)
    moment = journal.read(2).header.time_utc
    journal.close()

    assert replayed(data, capsys, "--until", moment)[1] == "the same: 0 claims derived again from 3 entries\n"


def rewrite(data, seq, change, refs=None):
    """Write a log anew with one incident changed, by the keys of the same mission."""
    old = Journal.open(data)
    facts = list(old.facts())
    old.close()
    for path in (data / "log").iterdir():
        path.unlink()
    journal = Journal.open(data)
    for fact in facts:
        body = json.loads(bytes(fact.body))
        if fact.seq == seq:
            change(body)
        rests = refs if refs is not None and fact.seq == seq else fact.refs
        claim = Claim(kind=fact.kind, id=fact.id, body=body, actor=fact.actor, refs=rests, blobs=fact.blobs)
        journal.append([claim])
    journal.close()
