"""What is read is not written over."""

from pathlib import Path

import pytest
from truceline.app.cli import main
from truceline.app.spared import spare_inputs
from truceline.model.errors import BadInput


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tables": "a", "out": "x/../a"}, "given twice; --out"),
        ({"inputs": ["b", "a"], "out": "a"}, "given twice"),
        ({"out": "a", "sensor_report": "b", "weights": "b"}, "given twice; --sensor-report"),
        ({"items": "x/items.json", "out": "x"}, "x/items.json lies in it"),
        ({"items": "a", "state": "x/new", "out": "x"}, "x/new lies in it"),
    ],
)
def test_what_is_read_is_not_written_over(tmp_path, monkeypatch, given, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    paths = {k: [Path(one) for one in v] if isinstance(v, list) else Path(v) for k, v in given.items()}

    with pytest.raises(BadInput, match=says):
        spare_inputs({"verb": "detect", **paths})


@pytest.mark.parametrize(
    "given",
    [
        {"items": "x/items.json", "out": "y"},
        {"items": "x/items.json", "out": "x/out"},
        {"items": "a", "state": "b", "out": None},
        {"verb": "enroll", "data": "x/data", "out": "x"},
    ],
)
def test_other_places_may_be_written(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()

    spare_inputs({k: Path(v) if v and k != "verb" else v for k, v in given.items()})


def test_the_command_line_refuses_before_it_reads(tmp_path, capsys):
    table = tmp_path / "detections.parquet"
    table.write_bytes(b"precious")

    assert main(["fuse", str(table), "--sensors", str(table), "--out", str(table)]) == 2

    assert table.read_bytes() == b"precious"
    assert "given twice" in capsys.readouterr().err
