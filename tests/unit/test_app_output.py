"""Outputs appear whole or not at all, and others may read them as they may read any new file."""

import os
from pathlib import Path

import pytest
from truceline.app.output import whole_file, whole_folder
from truceline.model.errors import BadInput


@pytest.fixture
def usual():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_file_and_folder_have_the_rights_of_any_new_one(tmp_path, usual):
    with whole_file(tmp_path / "a") as path:
        path.write_text("a")
    with whole_folder(tmp_path / "b") as folder:
        (folder / "c").write_text("c")

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o755


def test_what_fails_leaves_nothing_and_keeps_what_was_there(tmp_path):
    (tmp_path / "a").write_text("kept")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "kept").write_text("kept")

    for whole, name in ((whole_file, "a"), (whole_folder, "b")):
        with pytest.raises(ZeroDivisionError), whole(tmp_path / name):
            _ = 1 / 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "kept" and (tmp_path / "b" / "kept").exists()


def test_a_folder_is_never_replaced_by_a_file_nor_a_file_by_a_folder(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()

    with pytest.raises(BadInput, match="is a folder"), whole_file(tmp_path / "folder"):
        pass
    with pytest.raises(BadInput, match="is a file"), whole_folder(tmp_path / "file"):
        pass

    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be written"), whole_file(tmp_path / "no" / "a"):
        pass


def test_a_folder_that_could_not_take_its_place_leaves_the_old_one_there(tmp_path, monkeypatch):
    old = tmp_path / "out"
    old.mkdir()
    (old / "answer").write_text("old")
    moving = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name.startswith(".out.") and not self.name.endswith(".old"):
            raise PermissionError("not now")
        return moving(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError), whole_folder(old) as folder:
        (folder / "answer").write_text("new")

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (old / "answer").read_text() == "old"
