"""The journal: what it acknowledges is there, what it cannot keep it refuses."""

import errno
import os
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from truceline.log import verify
from truceline.log.journal import Appended, Journal
from truceline.log.merkle import check_consistency, check_inclusion
from truceline.log.reader import index_of, read_checkpoint_lines, read_facts
from truceline.model.errors import BadInput, Broken, Refused
from truceline.model.facts import Blob, Claim


def clock():
    ticks = count()
    return lambda: datetime(2026, 3, 1, 6, tzinfo=UTC) + timedelta(seconds=next(ticks))


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "data", now=clock())
    yield journal
    journal.close()


def claim(kind="report", id="r-1", body=None, refs=(), actor="user:chief", blobs=()):
    return Claim(kind=kind, id=id, body=body or {"type": "note"}, refs=refs, actor=actor, blobs=blobs)


def put(journal, *args, **settings):
    (answer,) = journal.append([claim(*args, **settings)])
    assert isinstance(answer, Appended), answer
    return answer.fact.seq


def verdict(journal):
    trust = verify.read_trust(journal.data_dir / "keys" / "trust.json")
    return verify.verify_path(journal.data_dir, trust)


def chain(journal, verdict="approved", role="commander"):
    """Append up to a decision; return its seq."""
    chief = put(journal, "user", "u", {"action": "created", "name": "chief", "by": "admin", "role": role})
    incident = put(journal, "incident", "inc", {"class": "shot_cluster"})
    proposal = put(journal, "recommendation", "rec", {"action": "look"}, (incident,))
    body = {"verdict": verdict, "by": "chief", "role": "commander"}
    return put(journal, "decision", "dec", body, (chief, proposal))


def test_an_empty_log_verifies(journal):
    assert verdict(journal)[0] == 0


def test_what_was_appended_reads_back_after_opening_again(journal):
    put(journal, id="a", body={"type": "note", "lat_deg": 48.0, "text": "é\u2028"})
    journal.close()

    again = Journal.open(journal.data_dir)

    assert again.read(0).noun(dict) == {"type": "note", "lat_deg": 48.0, "text": "é\u2028"}
    assert [fact.id for fact in again.facts()] == ["a"]
    assert again.latest("a") == 0
    again.close()


def test_same_id_and_content_is_the_first_answer_again(journal):
    first = journal.append([claim()])[0]

    second = journal.append([claim()])[0]

    assert isinstance(second, Appended)
    assert (second.new, second.leaf_sha256) == (False, first.leaf_sha256)
    assert journal.tree_size == 1


def test_same_id_with_other_content_is_refused_and_the_rest_of_the_group_stands(journal):
    answers = journal.append([claim(), claim(body={"type": "shot"}), claim(id="r-2")])

    assert [type(answer) for answer in answers] == [Appended, Refused, Appended]
    assert answers[1].status == 409
    assert journal.tree_size == 2


def test_a_derived_claim_may_come_back_for_another_reason(journal):
    journal.append([claim(id="a"), claim(id="b")])

    answers = [journal.append([claim("incident", "inc", refs=refs)])[0] for refs in ((0,), (0, 1), (0, 1))]

    assert [answer.new for answer in answers] == [True, True, False]


def test_refs_may_cite_entries_of_the_same_group_and_nothing_later(journal):
    answers = journal.append([claim(id="a"), claim("incident", "i", refs=(0,)), claim(id="c", refs=(3,))])

    assert [type(answer) for answer in answers] == [Appended, Appended, Refused]


def test_a_sample_must_be_stored_before_it_is_cited(journal):
    absent = Blob(sha256="0" * 64, size_bytes=1, media_type="image/png", name="chip")

    refused = journal.append([claim(blobs=(absent,))])[0]
    stored = journal.append([claim(blobs=(journal.blobs.put(b"x", "image/png", "chip"),))])[0]

    assert isinstance(refused, Refused)
    assert isinstance(stored, Appended)


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": 2**60}, {"x": "\ud800"}])
def test_a_body_that_is_no_canonical_json_is_refused(journal, body):
    assert isinstance(journal.append([claim(body=body)])[0], Refused)


def test_an_order_comes_from_an_approving_decision_of_a_commander(journal):
    decision = chain(journal)

    assert isinstance(journal.append([claim("order", "ord", refs=(decision,))])[0], Appended)
    assert verdict(journal)[0] == 0


@pytest.mark.parametrize("refs", [(), (0,), (2,)])
def test_an_order_without_a_decision_is_refused(journal, refs):
    chain(journal)

    assert isinstance(journal.append([claim("order", "ord", refs=refs)])[0], Refused)


def test_an_order_from_a_rejecting_decision_is_refused(journal):
    decision = chain(journal, verdict="rejected")

    assert isinstance(journal.append([claim("order", "ord", refs=(decision,))])[0], Refused)


def test_the_gate_remembers_after_opening_again(journal):
    decision = chain(journal)
    journal.close()

    again = Journal.open(journal.data_dir)
    answers = [again.append([claim("order", "ord", refs=(ref,))])[0] for ref in (decision - 1, decision)]
    again.close()

    assert [type(answer) for answer in answers] == [Refused, Appended]


def test_only_a_commander_decides(journal):
    with pytest.raises(AssertionError, match="no user with the role commander"):
        chain(journal, role="operator")


def test_a_commander_whose_account_ended_decides_no_more(journal):
    chain(journal)
    put(journal, "user", "u-end", {"action": "ended", "name": "chief", "by": "admin"})

    answer = journal.append([claim("decision", "dec-2", {"verdict": "approved"}, (0, 2))])[0]

    assert isinstance(answer, Refused)


def test_a_decision_by_a_fold_is_refused(journal):
    chain(journal)

    answer = journal.append([claim("decision", "d2", {"verdict": "approved"}, (0, 2), actor="fold:advise")])[
        0
    ]

    assert isinstance(answer, Refused)


def test_an_erased_body_is_gone_from_the_file_and_the_log_still_verifies(journal):
    put(journal, id="a", body={"text": "Ivan from house 12"})
    put(journal, id="b", body={"text": "kept"})
    put(journal, "erasure", "e", {"by": "dpo", "reason": "names a person"}, (0,))
    after = put(journal, id="c")

    data = (journal.log_dir / "000000.jsonl").read_bytes()

    assert b"Ivan" not in data
    assert journal.read(0).redacted is not None
    assert (journal.read(1).noun(dict), journal.read(after).id) == ({"text": "kept"}, "c")
    assert verdict(journal)[0] == 0


def test_an_erasure_that_was_cut_short_is_finished_at_the_next_start(journal, monkeypatch):
    put(journal, id="a", body={"text": "Ivan from house 12"})
    monkeypatch.setattr(Journal, "_blank", lambda self: None)
    put(journal, "erasure", "e", {"by": "dpo", "reason": "names a person"}, (0,))
    journal.close()
    monkeypatch.undo()

    again = Journal.open(journal.data_dir)
    again.close()

    assert b"Ivan" not in (journal.log_dir / "000000.jsonl").read_bytes()
    assert verdict(again)[0] == 0


def test_what_the_gate_rests_on_cannot_be_erased(journal):
    decision = chain(journal)
    words = {"by": "dpo", "reason": "names a person"}

    answers = [journal.append([claim("erasure", f"e{ref}", words, (ref,))])[0] for ref in (0, decision)]

    assert all(isinstance(answer, Refused) for answer in answers)


def test_segments_rotate_and_the_log_goes_on(journal):
    journal.segment_bytes = 2000
    for number in range(20):
        put(journal, id=f"r-{number}")
    journal.close()

    again = Journal.open(journal.data_dir)
    put(again, id="last")
    again.close()

    assert len(list(journal.log_dir.glob("*.jsonl"))) > 3
    assert b'"id":"r-7"' in index_of(journal.data_dir).line(7)
    assert again.read(20).id == "last"
    assert verdict(again)[0] == 0


def test_proofs_hold_against_the_signed_checkpoints(journal):
    journal.append([claim(id=f"r-{number}") for number in range(5)])
    early = journal.checkpoint()["checkpoint"]
    journal.append([claim(id=f"q-{number}") for number in range(8)])
    late = journal.checkpoint()["checkpoint"]
    roots = [bytes.fromhex(point["root_sha256"]) for point in (early, late)]

    path = [bytes.fromhex(node) for node in journal.inclusion(3, 13)]
    growth = [bytes.fromhex(node) for node in journal.consistency(5, 13)]

    assert check_inclusion(3, 13, bytes.fromhex(journal.leaf(3)), path, roots[1])
    assert check_consistency(5, 13, *roots, growth)
    with pytest.raises(BadInput):
        journal.inclusion(3, 14)


def test_a_second_writer_is_turned_away(journal):
    with pytest.raises(BadInput, match="another process"):
        Journal.open(journal.data_dir)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_flush_nothing_is_accepted_until_opened_again(journal, monkeypatch, number):
    put(journal, id="kept")
    monkeypatch.setattr(os, "fdatasync", lambda handle: _raise(number))

    with pytest.raises(Broken):
        journal.append([claim(id="lost")])
    monkeypatch.undo()
    with pytest.raises(Broken, match="until a restart"):
        journal.append([claim(id="later")])
    journal.close()
    again = Journal.open(journal.data_dir)

    assert [fact.id for fact in again.facts()] == ["kept"]
    assert isinstance(again.append([claim(id="lost")])[0], Appended)
    assert verdict(again)[0] == 0
    again.close()


def test_a_full_disk_in_the_middle_of_a_line_loses_nothing_acknowledged(journal, monkeypatch):
    put(journal, id="kept")
    real = os.write

    def half(handle, data):
        real(handle, bytes(data)[: len(data) // 2])
        _raise(errno.ENOSPC)

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", lambda *_: _raise(errno.EIO))
    with pytest.raises(Broken):
        journal.append([claim(id="lost"), claim(id="lost-too")])
    monkeypatch.undo()
    journal.close()
    again = Journal.open(journal.data_dir)

    assert [fact.id for fact in again.facts()] == ["kept"]
    assert verdict(again)[0] == 0
    again.close()


def test_a_read_only_folder_is_a_clear_error(tmp_path, monkeypatch):
    # Root may write anywhere, so the refusal of the system is played.
    monkeypatch.setattr(os, "open", lambda *_, **__: _raise(errno.EROFS))

    with pytest.raises(BadInput, match="cannot be written"):
        Journal.open(tmp_path / "data")


def test_a_corrupt_line_in_the_middle_is_named_and_nothing_is_cut(journal):
    for number in range(5):
        put(journal, id=f"r-{number}")
    journal.close()
    path = journal.log_dir / "000000.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b'"type":"note"', b'"type":"shot"')
    path.write_bytes(b"\n".join(lines))

    with pytest.raises(Broken, match=r"000000\.jsonl: line 4: body does not match"):
        Journal.open(journal.data_dir)

    assert path.read_bytes() == b"\n".join(lines)


def test_a_damaged_last_checkpoint_is_corruption_and_no_torn_tail(journal):
    put(journal, id="kept")
    journal.close()
    path = journal.log_dir / "000000.jsonl"
    data = path.read_bytes()
    wrong = data[:-9] + b"0" * 4 + data[-5:]
    for damaged in (data[:-1] + b"\x0b", wrong, wrong[:-1]):
        path.write_bytes(damaged)

        with pytest.raises(Broken):
            Journal.open(journal.data_dir)


def test_every_torn_tail_of_the_last_group_is_cut_off(journal):
    put(journal, id="kept")
    path = journal.log_dir / "000000.jsonl"
    kept = path.stat().st_size
    journal.append([claim(id="x"), claim(id="y")])
    journal.close()
    data = path.read_bytes()
    for end in (*range(kept + 1, len(data) - 1, 37), len(data) - 2):
        path.write_bytes(data[:end])

        again = Journal.open(journal.data_dir)
        again.close()

        assert path.read_bytes() == data[:kept]


def test_a_last_checkpoint_that_lacks_only_its_line_end_is_kept(journal):
    put(journal, id="kept")
    journal.close()
    path = journal.log_dir / "000000.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:-1])

    again = Journal.open(journal.data_dir)
    assert put(again, id="next") == 1
    again.close()

    assert path.read_bytes().startswith(data)
    assert verdict(journal)[0] == 0


def test_a_reader_beside_the_writer_sees_whole_groups_only(journal):
    journal.append([claim(id="a"), claim(id="b")])
    with (journal.log_dir / "000000.jsonl").open("ab") as file:
        file.write(b'{"body":{},"hea')

    assert [fact.id for fact in read_facts(journal.data_dir)] == ["a", "b"]
    assert [line["checkpoint"]["tree_size"] for line in read_checkpoint_lines(journal.data_dir)] == [0, 2]


def test_keys_are_readable_by_their_owner_alone(journal):
    keys = journal.data_dir / "keys"

    assert [(keys / name).stat().st_mode & 0o777 for name in ("log.pem", "mission.pem")] == [0o600, 0o600]
    assert journal.data_dir.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in journal.log_dir.iterdir()) == ["000000.jsonl", "keys.json"]


def test_a_mission_key_that_is_gone_is_not_made_anew(journal):
    journal.close()
    (journal.data_dir / "keys" / "mission.pem").unlink()

    with pytest.raises(BadInput, match=r"mission\.pem"):
        Journal.open(journal.data_dir)

    assert not (journal.data_dir / "keys" / "mission.pem").exists()


def _raise(number):
    raise OSError(number, os.strerror(number))
