"""Who reads a log is not handed what was altered, however well the altering was hidden."""

import hashlib
import json

import pytest
from truceline.log.canon import canonical
from truceline.log.entry import body_hash
from truceline.log.journal import Journal
from truceline.log.merkle import Tree, leaf_hash
from truceline.log.reader import read_facts
from truceline.model.errors import Broken
from truceline.model.facts import Claim


@pytest.fixture
def data(tmp_path):
    journal = Journal.open(tmp_path)
    for name, text in (("a", "two tanks"), ("b", "a note")):
        journal.append([Claim(kind="report", id=name, body={"text": text}, actor="user:x")])
    journal.close()
    return tmp_path


def read_lines(data):
    return [json.loads(line) for line in (data / "log" / "000000.jsonl").read_bytes().splitlines()]


def write_lines(data, lines):
    (data / "log" / "000000.jsonl").write_bytes(b"".join(canonical(line) + b"\n" for line in lines))


def chain_again(lines):
    """Make all hashes right again, as somebody without the log's key could."""
    previous, tree, last = "0" * 64, Tree(), "0" * 64
    for line in lines:
        if "header" in line:
            line["header"]["body_sha256"] = body_hash(canonical(line["body"]), line["salt"])
            line["header"]["prev_sha256"] = previous
            leaf = leaf_hash(canonical(line["header"]))
            tree.append(leaf)
            previous = leaf.hex()
        else:
            line["checkpoint"]["root_sha256"] = tree.root().hex()
            line["checkpoint"]["prev_checkpoint_sha256"] = last
            last = hashlib.sha256(canonical(line["checkpoint"])).hexdigest()
    return lines


def test_a_whole_log_is_read(data):
    assert [fact.id for fact in read_facts(data)] == ["a", "b"]


def test_an_altered_body_is_named_by_its_place(data):
    lines = read_lines(data)
    lines[1]["body"]["text"] = "two trucks"
    write_lines(data, lines)

    with pytest.raises(Broken, match=r"000000\.jsonl: offset \d+: body does not match its hash"):
        list(read_facts(data))


def test_an_entry_that_was_taken_out_is_missed(data):
    lines = read_lines(data)
    write_lines(data, [lines[0], *lines[3:]])

    with pytest.raises(Broken, match="chain broken"):
        list(read_facts(data))


def test_hashes_that_were_made_right_again_lack_the_signature(data):
    lines = read_lines(data)
    lines[1]["body"]["text"] = "two trucks"
    write_lines(data, chain_again(lines))

    with pytest.raises(Broken, match="is not signed by the log's key"):
        list(read_facts(data))


def test_a_signed_checkpoint_speaks_for_its_own_entries_alone(data):
    lines, signed = read_lines(data), read_lines(data)
    lines[3]["body"]["text"] = "no note"
    write_lines(data, [*chain_again(lines)[:-1], signed[-1]])

    with pytest.raises(Broken, match="do not give the root"):
        list(read_facts(data))
