"""What is new in a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from truceline.sources import folder
from truceline.sources.folder import sweeps


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Event:
    monkeypatch.setattr(folder, "POLL_S", 0.0)
    return Event()


def names(sweep: Iterator[Path]) -> list[str]:
    return [file.name for file in sweep]


def written(path: Path, content: str = "x", at_s: float = 1_000.0) -> Path:
    path.write_text(content)
    os.utime(path, (at_s, at_s))
    return path


def test_one_sweep_tells_complete_files_by_name(tmp_path: Path, stop: Event):
    for name in ("b.ts", "a.klv", ".c.ts", "d.ts.part", "e.txt"):
        written(tmp_path / name)
    (tmp_path / "f.ts").mkdir()

    told = [names(sweep) for sweep in sweeps(tmp_path, "*.ts *.klv *.part", stop, follow=False)]

    assert told == [["a.klv", "b.ts"]]


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path, stop: Event):
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.ts").symlink_to(written(tmp_path / "outside.ts"))

    assert [names(sweep) for sweep in sweeps(inside, "*.ts", stop, follow=False)] == [[]]


def test_one_file_is_told_whatever_its_name(tmp_path: Path, stop: Event):
    file = written(tmp_path / "recording.bin")

    assert [names(sweep) for sweep in sweeps(file, "*.ts", stop, follow=False)] == [["recording.bin"]]


def test_following_waits_for_a_folder_that_is_missing(tmp_path: Path, stop: Event):
    following = sweeps(tmp_path / "in", "*.ts", stop, follow=True)

    assert names(next(following)) == []
    (tmp_path / "in").mkdir()
    written(tmp_path / "in" / "a.ts")
    assert names(next(following)) == ["a.ts"]


def test_a_file_is_told_again_only_when_it_was_written_anew(tmp_path: Path, stop: Event):
    file = written(tmp_path / "a.ts")
    following = sweeps(tmp_path, "*.ts", stop, follow=True)

    assert names(next(following)) == ["a.ts"]
    assert names(next(following)) == []
    written(file, at_s=2_000.0)
    assert names(next(following)) == ["a.ts"]


@pytest.mark.parametrize("written_s", [10_000.0, 20_000.0])  # a sender's clock may run ahead of ours
def test_a_file_that_changes_is_told_when_it_has_come_to_rest(
    tmp_path: Path, stop: Event, monkeypatch: pytest.MonkeyPatch, written_s: float
):
    clock = [10_000.0]
    monkeypatch.setattr(folder.time, "time", lambda: clock[0])
    file = written(tmp_path / "a.ts", at_s=written_s)
    following = sweeps(tmp_path, "*.ts", stop, follow=True, settle_s=2.0)

    assert names(next(following)) == []
    clock[0] += 1.5
    written(file, "more", at_s=written_s + 1.5)
    assert names(next(following)) == []
    clock[0] += 1.5
    assert names(next(following)) == []
    clock[0] += 1.5
    assert names(next(following)) == ["a.ts"]


def test_a_file_renamed_into_place_need_not_rest(tmp_path: Path, stop: Event):
    written(tmp_path / "a.ts")

    assert names(next(sweeps(tmp_path, "*.ts", stop, follow=True, settle_s=60.0))) == ["a.ts"]


def test_without_following_nothing_need_rest(tmp_path: Path, stop: Event):
    (tmp_path / "a.ts").write_text("x")

    assert names(next(sweeps(tmp_path, "*.ts", stop, follow=False, settle_s=60.0))) == ["a.ts"]


def test_stop_ends_a_sweep_at_the_next_file(tmp_path: Path, stop: Event):
    for name in ("a.ts", "b.ts"):
        written(tmp_path / name)
    following = sweeps(tmp_path, "*.ts", stop, follow=True)
    sweep = next(following)

    assert next(sweep).name == "a.ts"
    stop.set()
    assert names(sweep) == []
    assert list(following) == []


def test_a_folder_that_takes_long_to_look_through_is_looked_through_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Waits(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return False

    waited: list[float | None] = []
    clock = iter(range(100))
    monkeypatch.setattr(folder.time, "monotonic", lambda: float(next(clock)))
    (tmp_path / "a.json").touch()
    found = sweeps(tmp_path, "*.json", Waits(), follow=True)

    told = [len(list(next(found))) for _ in range(3)]

    assert told == [1, 0, 0]
    assert waited == [folder.POLL_S, folder.REST * 1.0]
