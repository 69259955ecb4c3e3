"""Samples and pieces: named by what they are."""

import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pytest
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.errors import BadInput, Broken


def test_a_sample_lies_under_its_own_hash(tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    source = tmp_path / "clip.ts"
    source.write_bytes(b"frames" * 500_000)

    blob = blobs.put(source, "video/mp2t", "clip")

    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    assert (blob.sha256, blob.size_bytes) == (sha256, 3_000_000)
    assert blobs.open(blob) == tmp_path / "blobs" / sha256[:2] / sha256
    assert blobs.open(blob).read_bytes() == source.read_bytes()


def test_the_same_sample_twice_is_one_file(tmp_path):
    first, second = Blobs(tmp_path), Blobs(tmp_path)

    names = {blobs.put(b"same", "x/y", "n").sha256 for blobs in (first, first, second)}

    assert len(names) == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == list(names)


def test_a_damaged_sample_is_replaced_when_it_comes_again(tmp_path):
    blob = Blobs(tmp_path).put(b"same", "x/y", "n")
    Blobs(tmp_path).open(blob).write_bytes(b"sane")

    Blobs(tmp_path).put(b"same", "x/y", "n")

    assert Blobs(tmp_path).open(blob).read_bytes() == b"same"


def test_a_sample_whose_content_has_changed_is_not_read(tmp_path):
    blobs = Blobs(tmp_path)
    piece = pieces.seal(pa.table({"n": [1, 2]}), blobs, "rows")
    other = pieces.seal(pa.table({"n": [1, 3]}), blobs, "rows")
    blobs.open(piece).write_bytes(blobs.open(other).read_bytes())

    for read in (blobs.read, lambda blob: pieces.read(blobs, blob)):
        with pytest.raises(Broken, match="its content has changed"):
            read(piece)


def test_every_folder_above_a_sample_is_flushed_before_it_counts_as_stored(tmp_path, monkeypatch):
    flushed = []
    flush = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: (flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink())), flush(handle)),
    )
    root = tmp_path / "data" / "blobs"
    root.parent.mkdir()

    for blobs in (Blobs(root), Blobs(root)):  # the second finds what another process may be storing
        flushed.clear()
        sha256 = blobs.put(b"same", "x/y", "n").sha256

        assert {str(root.parent), str(root), str(root / sha256[:2])} <= set(flushed)


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", "A" * 64])
def test_an_unknown_sample_is_bad_input(tmp_path, name):
    assert not Blobs(tmp_path).has(name)
    with pytest.raises(BadInput):
        Blobs(tmp_path).open(name)


def test_a_pipe_is_no_sample(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(BadInput, match="no regular file"):
        Blobs(tmp_path / "blobs").put(tmp_path / "pipe", "x/y", "n")


def test_the_same_rows_give_the_same_piece_however_they_are_cut(tmp_path):
    blobs = Blobs(tmp_path)
    whole = pa.table({"a": list(range(10)), "b": ["x", None] * 5})
    cut = pa.concat_tables([whole.slice(0, 3), whole.slice(3)])

    first, second = (pieces.seal(table, blobs, "rows") for table in (whole, cut))

    assert first == second
    assert pieces.read(blobs, first).equals(whole)


def test_a_sample_that_is_no_table_is_bad_input(tmp_path):
    blobs = Blobs(tmp_path)

    with pytest.raises(BadInput, match="no Parquet"):
        pieces.read(blobs, blobs.put(b"junk", "x/y", "n"))
