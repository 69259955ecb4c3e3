"""What a node's sources took in is not read again after a restart."""

import json
from pathlib import Path

import pytest
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.sources import patrol

MISSION = """
schema = "truceline.mission/1"
name = "quiet line"
[[source]]
kind = "patrol"
name = "patrol"
path = "{folder}"
[node]
workers = 0
"""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    through = patrol.read_rows

    def noted(file: Path, *more):
        names.append(file.name)
        return through(file, *more)

    monkeypatch.setattr(patrol, "read_rows", noted)
    return names


def pass_once(tmp_path: Path) -> int:
    mission = tmp_path / "mission.toml"
    mission.write_text(MISSION.format(folder=tmp_path / "in"))
    node = Node(tmp_path / "data", load_mission(mission))
    node.start(follow=False)
    try:
        while not node.wait_idle(1):
            pass
        return sum(fact.kind == "report" for fact in node.journal.facts())
    finally:
        node.stop()


def report(tmp_path: Path, name: str) -> None:
    said = {
        "id": name,
        "type": "explosion",
        "time_utc": "2026-03-01T06:00:00Z",
        "lat_deg": 48.0,
        "lon_deg": 37.0,
    }
    (tmp_path / "in" / f"{name}.json").write_text(json.dumps(said))


def test_a_restart_reads_only_what_came_since(tmp_path: Path, read: list[str]):
    (tmp_path / "in").mkdir()
    report(tmp_path, "a")
    assert pass_once(tmp_path) == 1

    report(tmp_path, "b")
    assert pass_once(tmp_path) == 2

    assert read == ["a.json", "b.json"]


def test_a_log_that_was_taken_away_reads_everything_again(tmp_path: Path, read: list[str]):
    (tmp_path / "in").mkdir()
    report(tmp_path, "a")
    pass_once(tmp_path)
    (tmp_path / "data" / "log").rename(tmp_path / "elsewhere")

    assert pass_once(tmp_path) == 1
    assert read == ["a.json", "a.json"]
