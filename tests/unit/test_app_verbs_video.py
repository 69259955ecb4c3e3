"""The verbs on drone video, and what they do with bad input (contract drone, section 8)."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.codec.klv import TELEMETRY, encode
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose

START_US = 1_700_000_000_000_000
POSE = pose(90.0, 45.0, 10.0, 8.0)
PACKET = encode(START_US, POSE)


def clip(count: int = 20) -> bytes:
    pictures = [np.full((64, 96, 3), 40 + 3 * i, np.uint8) for i in range(count)]
    return write_clip(pictures, [(i / 5, PACKET) for i in range(count // 2)], 10.0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "o.parquet"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_klv_writes_one_row_per_packet(tmp_path, out):
    (tmp_path / "a.klv").write_bytes(PACKET * 3)

    assert run("video", "klv", tmp_path / "a.klv", "--out", out) == 0

    table = pq.read_table(out)
    assert table.schema == TELEMETRY
    assert table["packet_index"].to_pylist() == [0, 1, 2]


def test_same_input_gives_the_same_bytes(tmp_path, out):
    (tmp_path / "a.klv").write_bytes(PACKET * 3)
    told = []
    for _ in range(2):
        for word in ("klv", "locate"):
            assert run("video", word, tmp_path / "a.klv", "--out", out) == 0
            told.append(out.read_bytes())

    assert told[:2] == told[2:]


def test_locate_takes_the_ground_and_writes_findings(tmp_path, out):
    (tmp_path / "a.klv").write_bytes(PACKET * 2 + encode(START_US, {}))
    health = tmp_path / "h.json"

    assert (
        run(
            "video",
            "locate",
            tmp_path / "a.klv",
            "--out",
            out,
            "--ground-elevation",
            "100",
            "--health",
            health,
        )
        == 0
    )

    assert pq.read_table(out)["method"].to_pylist() == ["pose", "pose", "none"]
    (finding,) = json.loads(health.read_text())
    assert finding.keys() == {"kind", "first_packet", "last_packet", "estimate_deg", "sigma_deg", "text"}
    assert (finding["kind"], finding["first_packet"]) == ("no_pose", 2)


def test_detect_writes_the_columns_of_the_contract(tmp_path, out):
    (tmp_path / "x.ts").write_bytes(clip())

    assert run("detect", "video", tmp_path / "x.ts", "--out", out, "--every", 2) == 0

    assert pq.read_schema(out).names == [
        "time", "pts_s", "frame_index", "bbox_x_px", "bbox_y_px", "bbox_w_px", "bbox_h_px", "category",
        "score", "lat_deg", "lon_deg", "ce90_m", "model", "slide_east_m", "slide_north_m",
    ]  # fmt: skip


def test_detect_takes_a_folder(tmp_path, out):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.ts").write_bytes(clip())

    assert run("detect", "video", tmp_path / "in", "--out", out) == 0
    assert run("detect", "video", out.parent, "--out", tmp_path / "p.parquet") == 2


@pytest.mark.parametrize("option", [("--every", "0"), ("--model", "oracle")])
def test_detect_refuses_options_that_mean_nothing(option, tmp_path, out):
    (tmp_path / "x.ts").write_bytes(clip(5))

    assert run("detect", "video", tmp_path / "x.ts", "--out", out, *option) == 2


def test_long_flight_is_located_in_runs_and_its_findings_go_on(tmp_path, out, monkeypatch):
    monkeypatch.setattr("truceline.app.footprints.MOST_PACKETS", 30)
    (tmp_path / "a.klv").write_bytes(b"".join(encode(START_US + i * 200_000, {}) for i in range(100)))
    health = tmp_path / "h.json"

    assert run("video", "locate", tmp_path / "a.klv", "--out", out, "--health", health) == 0

    assert pq.read_table(out)["packet_index"].to_pylist() == list(range(100))
    (finding,) = json.loads(health.read_text())
    assert (finding["kind"], finding["first_packet"], finding["last_packet"]) == ("no_pose", 0, 99)
    assert finding["text"] == "packets 0 to 99: no pose"
