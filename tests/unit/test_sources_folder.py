"""What is new in a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from truceline.sources import folder
from truceline.sources.folder import sweeps


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "POLL_S", 0.0)


def names(sweep: Iterator[Path]) -> list[str]:
    return [file.name for file in sweep]


def written(path: Path, content: str = "x", at_s: float = 1_000.0) -> Path:
    path.write_text(content)
    os.utime(path, (at_s, at_s))
    return path


def test_one_sweep_tells_complete_files_by_name(tmp_path: Path, shelf):
    for name in ("b.ts", "a.klv", ".c.ts", "d.ts.part", "e.txt"):
        written(tmp_path / name)
    (tmp_path / "f.ts").mkdir()

    told = [names(sweep) for sweep in sweeps(tmp_path, "*.ts *.klv *.part", shelf, follow=False)]

    assert told == [["a.klv", "b.ts"]]


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path, shelf):
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.ts").symlink_to(written(tmp_path / "outside.ts"))

    assert [names(sweep) for sweep in sweeps(inside, "*.ts", shelf, follow=False)] == [[]]


def test_one_file_is_told_whatever_its_name(tmp_path: Path, shelf):
    file = written(tmp_path / "recording.bin")

    assert [names(sweep) for sweep in sweeps(file, "*.ts", shelf, follow=False)] == [["recording.bin"]]


def test_following_waits_for_a_folder_that_is_missing(tmp_path: Path, shelf):
    following = sweeps(tmp_path / "in", "*.ts", shelf, follow=True)

    assert names(next(following)) == []
    (tmp_path / "in").mkdir()
    written(tmp_path / "in" / "a.ts")
    assert names(next(following)) == ["a.ts"]


def test_a_file_is_told_again_only_when_it_was_written_anew(tmp_path: Path, shelf):
    file = written(tmp_path / "a.ts")
    following = sweeps(tmp_path, "*.ts", shelf, follow=True)

    assert names(next(following)) == ["a.ts"]
    assert names(next(following)) == []
    written(file, at_s=2_000.0)
    assert names(next(following)) == ["a.ts"]


@pytest.mark.parametrize("written_s", [10_000.0, 20_000.0])  # a sender's clock may run ahead of ours
def test_a_file_that_changes_is_told_when_it_has_come_to_rest(
    tmp_path: Path, shelf, monkeypatch: pytest.MonkeyPatch, written_s: float
):
    clock = [10_000.0]
    monkeypatch.setattr(folder.time, "time", lambda: clock[0])
    file = written(tmp_path / "a.ts", at_s=written_s)
    following = sweeps(tmp_path, "*.ts", shelf, follow=True, settle_s=2.0)

    assert names(next(following)) == []
    clock[0] += 1.5
    written(file, "more", at_s=written_s + 1.5)
    assert names(next(following)) == []
    clock[0] += 1.5
    assert names(next(following)) == []
    clock[0] += 1.5
    assert names(next(following)) == ["a.ts"]


def test_a_file_renamed_into_place_need_not_rest(tmp_path: Path, shelf):
    written(tmp_path / "a.ts")

    assert names(next(sweeps(tmp_path, "*.ts", shelf, follow=True, settle_s=60.0))) == ["a.ts"]


def test_without_following_nothing_need_rest(tmp_path: Path, shelf):
    (tmp_path / "a.ts").write_text("x")

    assert names(next(sweeps(tmp_path, "*.ts", shelf, follow=False, settle_s=60.0))) == ["a.ts"]


def test_stop_ends_a_sweep_at_the_next_file(tmp_path: Path, shelf):
    for name in ("a.ts", "b.ts"):
        written(tmp_path / name)
    following = sweeps(tmp_path, "*.ts", shelf, follow=True)
    sweep = next(following)

    assert next(sweep).name == "a.ts"
    shelf.stop.set()
    assert names(sweep) == []
    assert list(following) == []


def test_a_folder_that_takes_long_to_look_through_is_looked_through_less_often(
    tmp_path: Path, shelf, monkeypatch: pytest.MonkeyPatch
):
    class Waits(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return False

    waited: list[float | None] = []
    clock = iter(range(100))
    monkeypatch.setattr(folder.time, "monotonic", lambda: float(next(clock)))
    (tmp_path / "a.json").touch()
    shelf.stop = Waits()
    found = sweeps(tmp_path, "*.json", shelf, follow=True)

    told = [len(list(next(found))) for _ in range(3)]

    assert told == [1, 0, 0]
    assert waited == [folder.POLL_S, folder.REST * 1.0]


def test_what_was_taken_in_before_a_restart_is_not_read_again_unless_it_changed(tmp_path: Path, shelf):
    written(tmp_path / "a.ts")
    written(tmp_path / "b.ts")
    assert [names(sweep) for sweep in sweeps(tmp_path, "*.ts", shelf, follow=False)] == [["a.ts", "b.ts"]]

    written(tmp_path / "b.ts", at_s=2_000.0)
    written(tmp_path / "c.ts")

    assert [names(sweep) for sweep in sweeps(tmp_path, "*.ts", shelf, follow=False)] == [["b.ts", "c.ts"]]


def test_a_file_at_which_a_source_was_ended_is_read_again(tmp_path: Path, shelf):
    written(tmp_path / "a.ts")
    sweep = next(sweeps(tmp_path, "*.ts", shelf, follow=True))
    next(sweep)
    sweep.close()

    assert [names(again) for again in sweeps(tmp_path, "*.ts", shelf, follow=False)] == [["a.ts"]]


def test_those_who_gather_before_they_hand_over_are_told_all_again(tmp_path: Path, shelf):
    written(tmp_path / "a.ts")

    for _ in range(2):
        found = sweeps(tmp_path, "*.ts", shelf, follow=False, remember=False)
        assert [names(sweep) for sweep in found] == [["a.ts"]]
