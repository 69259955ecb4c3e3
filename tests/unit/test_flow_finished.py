"""What was taken in is remembered over restarts, and never longer than the log remembers it."""

from pathlib import Path

from truceline.flow.finished import FOLDER, Finished, trim


def test_a_piece_is_remembered_over_a_restart(tmp_path: Path):
    Finished(tmp_path, "radar", lambda: 7).add("a")

    again = Finished(tmp_path, "radar", lambda: 7)

    assert "a" in again and "b" not in again


def test_a_source_that_is_set_otherwise_reads_everything_again(tmp_path: Path):
    Finished(tmp_path, "radar least=1", lambda: 7).add("a")

    assert "a" not in Finished(tmp_path, "radar least=2", lambda: 7)


def test_a_log_put_back_to_an_earlier_state_forgets_what_came_after_it(tmp_path: Path):
    sizes = iter((7, 9))
    radar = Finished(tmp_path, "radar", lambda: next(sizes))
    radar.add("early")
    radar.add("late")

    trim(tmp_path, 8)
    trim(tmp_path, 20)  # the log grew again, by other news

    again = Finished(tmp_path, "radar", lambda: 20)
    assert "early" in again and "late" not in again


def test_a_line_torn_by_a_crash_costs_that_line_alone(tmp_path: Path):
    radar = Finished(tmp_path, "radar", lambda: 7)
    radar.add("a")
    (file,) = (tmp_path / FOLDER).iterdir()
    with file.open("ab") as opened:
        opened.write(b'[7, "b\xff')

    trim(tmp_path, 7)
    Finished(tmp_path, "radar", lambda: 8).add("c")

    again = Finished(tmp_path, "radar", lambda: 8)
    assert "a" in again and "c" in again and "b" not in again


def test_what_cannot_be_trimmed_is_forgotten(tmp_path: Path, monkeypatch):
    Finished(tmp_path, "radar", lambda: 9).add("late")

    def full(*_given, **_named):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full)
    trim(tmp_path, 8)

    assert "late" not in Finished(tmp_path, "radar", lambda: 9)
