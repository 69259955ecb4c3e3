"""Any single bit of a stored log, sample or package counts; so does the order of its lines."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.log import verify
from truceline.log.journal import Journal
from truceline.log.merkle import Tree, check_consistency, check_inclusion, leaf_hash
from truceline.log.package import make_package
from truceline.model.facts import Claim


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flips") / "data"
    journal = Journal.open(folder)
    chip = journal.blobs.put(bytes(range(200)), "image/png", "chip")
    for number in range(6):
        body = {"type": "note", "text": 'é\\"x', "lat_deg": 48.125, "n": number}
        journal.append([Claim(kind="report", id=f"r{number}", body=body, actor="user:a", blobs=(chip,))])
    journal.append([Claim(kind="incident", id="inc", body={}, actor="fold:judge", refs=(1, 2))])
    journal.append(
        [Claim(kind="erasure", id="e", body={"by": "a", "reason": "b"}, actor="user:a", refs=(0,))]
    )
    journal.close()
    return folder


def _verdict(path, data):
    return verify.verify_path(path, verify.read_trust(data / "keys" / "trust.json"))[0]


def _names_an_entry_near(why, path, whole, offset):
    """Tell whether the entry that was hit is named, or a neighbour of the checkpoint that was hit."""
    named = {int(number) for number in re.findall(r"entr(?:y|ies) ([0-9]+)", why)}
    if path.suffix != ".jsonl":
        return named == {0} and "r0" in why
    if offset == len(whole) - 1:
        return "torn last line" in why
    lines = whole[:offset].split(b"\n")
    entries = sum(line.startswith(b'{"body"') for line in lines[:-1])
    return bool(named & {entries - 1, entries, entries + 1})


@settings(max_examples=300)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), which=st.integers(0, 2))
def test_a_flipped_bit_is_found(data, place, bit, which):
    files = [*sorted((data / "log").iterdir()), *sorted((data / "blobs").rglob("*/*"))]
    path = files[which]
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[int(place * len(whole))] ^= 1 << bit
    try:
        path.write_bytes(bytes(changed))

        code, finding = verify.verify_path(data, verify.read_trust(data / "keys" / "trust.json"))
    finally:
        path.write_bytes(whole)

    assert code in (2, 3)
    if path.name == "keys.json":
        assert "key" in finding["why"]
    else:
        assert path.name in finding["why"]
        assert _names_an_entry_near(finding["why"], path, whole, int(place * len(whole)))
    assert _verdict(data, data) == 0


def test_other_words_on_a_blanked_entry_are_named_with_their_place(data):
    path = data / "log" / "000000.jsonl"
    whole = path.read_bytes()
    said = b'"redacted":{"by":"a","reason":"b"}'
    line = whole[: whole.index(said)].count(b"\n") + 1
    try:
        path.write_bytes(whole.replace(said, said.replace(b'"b"', b'"c"')))

        code, finding = verify.verify_path(data)
    finally:
        path.write_bytes(whole)

    assert code == 3
    assert finding["why"].startswith(f"000000.jsonl line {line}: entry 0 is blanked")


def test_a_flipped_bit_of_a_package_is_found(data, tmp_path):
    package = make_package(data, ["inc"])
    path = tmp_path / "package.zip"
    path.write_bytes(package)
    assert _verdict(path, data) == 0
    chance = random.Random(4)
    for _ in range(300):
        changed = bytearray(package)
        changed[chance.randrange(len(package))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed))

        assert _verdict(path, data) in (2, 3)


@settings(max_examples=60)
@given(data_=st.data())
def test_lines_dropped_doubled_or_moved_are_found(data, data_):
    path = data / "log" / "000000.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    one = data_.draw(st.integers(0, len(lines) - 1))
    other = data_.draw(st.integers(0, len(lines) - 1).filter(lambda index: index != one))
    moved = list(lines)
    moved[one], moved[other] = moved[other], moved[one]
    change = data_.draw(
        st.sampled_from([moved, lines[:one] + lines[one + 1 :], lines[: one + 1] + lines[one:]])
    )
    if change == lines[:-1]:
        change = [*change, lines[0]]
    try:
        path.write_bytes(b"".join(change))

        code = _verdict(data, data)
    finally:
        path.write_bytes(whole)

    assert code == 3


@given(size=st.integers(1, 70), data_=st.data())
def test_every_proof_of_a_tree_holds_and_none_holds_for_another_leaf(size, data_):
    tree = Tree()
    for number in range(size):
        tree.append(leaf_hash(b"%d" % number))
    index = data_.draw(st.integers(0, size - 1))
    first = data_.draw(st.integers(1, size))
    path, growth = tree.inclusion(index, size), tree.consistency(first, size)

    assert check_inclusion(index, size, tree.leaf(index), path, tree.root())
    assert not check_inclusion(index, size, leaf_hash(b"other"), path, tree.root())
    assert check_consistency(first, size, tree.root(first), tree.root(), growth)
    assert not check_consistency(first, size, leaf_hash(b"other"), tree.root(), growth)
