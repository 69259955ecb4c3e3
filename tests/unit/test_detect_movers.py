"""What moves in a clip is found, placed and shown; what stands still is not."""

import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy import ndimage
from truceline.codec.klv import encode
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.detect import movers
from truceline.detect.health import Health
from truceline.detect.movers import Movers
from truceline.geo.camera import cut_ground, sights
from truceline.geo.crs import distances_m
from truceline.geo.footprint import locate
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.plug import load
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose

START_US = 1_700_000_000_000_000
START = datetime.fromtimestamp(START_US / 1e6, UTC)
WIDTH, HEIGHT, FPS = 320, 240, 10
POSE = pose(0.0, 60.0, 8.0, 6.0) | {"frame_center_msl_m": 100.0}


@cache
def frames(speed_px: float, pan_px: float = 1.0, seconds: int = 5) -> list[np.ndarray]:
    """Rough ground under a panning camera, a bright box that drives on it, a mark on the lens."""
    rng = np.random.default_rng(7)
    ground = ndimage.gaussian_filter(rng.normal(0, 1, (HEIGHT, 3 * WIDTH)), 2)
    ground = (100 + 30 * ground / ground.std()).clip(0, 255)
    pictures = []
    for i in range(seconds * FPS):
        pan = round(pan_px * i)
        picture = ground[:, pan : pan + WIDTH].copy()
        x = box_x(i, speed_px, pan_px)
        picture[120:130, x : x + 16] = 250
        picture[10:30, 10:60] = np.where(np.indices((20, 50)).sum(0) % 8 < 4, 255, 0)
        pictures.append(np.dstack([picture.astype(np.uint8)] * 3))
    return pictures


def box_x(i: int, speed_px: float, pan_px: float) -> int:
    return round(60 + (speed_px - pan_px) * i)


def piece(shelf, pictures: list[np.ndarray], fields: dict = POSE) -> tuple[Observation, list[Blob]]:
    packets = [(i / 5, encode(START_US + i * 200_000, fields)) for i in range(len(pictures) // 2)]
    clip = write_clip(pictures, packets, FPS)
    rows = to_table([p for some in read_packets([clip], KlvStream("c")) for p in some])
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    blobs = [
        shelf.put(clip, "video/mp2t", "clip.ts"),
        shelf.put(sink.getvalue(), "application/vnd.apache.parquet", "telemetry.parquet"),
    ]
    seen = Observation(
        source="u", key="k", phenomenon=Span(from_utc=START, until_utc=START), result_utc=START
    )
    return seen, blobs


def test_moving_box_is_found_once_a_second_where_it_is(shelf):
    found = Movers().detect(*piece(shelf, frames(speed_px=4.0)), shelf)

    rows = found.rows.to_pylist()
    assert found.rows.schema == DETECTION
    assert (found.status, len({row["object"] for row in rows})) == ("ok", 1)
    assert 3 <= len(rows) <= 5
    for row in rows:
        i = row["frame"]
        assert row["x_px"] + row["w_px"] / 2 == pytest.approx(box_x(i, 4.0, 1.0) + 8, abs=4)
        assert row["y_px"] + row["h_px"] / 2 == pytest.approx(125, abs=4)
        assert (row["time_utc"] - START).total_seconds() == pytest.approx(i / FPS, abs=1e-3)
        assert {row[f"p_{word}"] for word in ("person", "car", "other")} == {1 / 7}
        assert 0.3 <= row["confidence"] <= 1


def test_box_is_placed_under_the_middle_of_its_lower_edge(shelf):
    row = Movers().detect(*piece(shelf, frames(4.0)), shelf).rows.to_pylist()[0]
    located = locate(
        to_table([p for some in read_packets([encode(START_US, POSE)], KlvStream("c")) for p in some])
    )
    across = 2 * (row["x_px"] + row["w_px"] / 2) / WIDTH - 1
    down = 2 * (row["y_px"] + row["h_px"]) / HEIGHT - 1
    lat, lon, _ = cut_ground(located.camera, sights(located.camera, across, down), located.ground_m)

    assert distances_m(row["lat_deg"], row["lon_deg"], lat, lon)[0] < 0.5
    assert row["ce90_m"] < 20


def test_speed_on_the_ground_follows_from_pixels(shelf):
    row = Movers().detect(*piece(shelf, frames(4.0)), shelf).rows.to_pylist()[0]

    # The pose says that the camera stands still, the ground that it pans a pixel a frame: the speed is the
    # one against the ground, 4 px a frame; 320 px are 161 m.
    assert row["speed_mps"] == pytest.approx(4 * FPS * 161 / 320, rel=0.05)
    assert row["course_deg"] == pytest.approx(90, abs=5)


def test_chip_shows_the_box(shelf):
    found = Movers().detect(*piece(shelf, frames(4.0)), shelf)
    row = found.rows.to_pylist()[0]

    chip = Image.open(shelf.open(row["chip_sha256"]))
    x, y, w, h = json.loads(row["note"])["chip_px"]
    inside = chip.convert("L").getpixel(
        (round(row["x_px"] + row["w_px"] / 2 - x), round(row["y_px"] + row["h_px"] / 2 - y))
    )

    assert chip.size == (w, h)
    assert 160 <= w <= 320
    assert inside > 200
    assert "frame" in {blob.name for blob in found.blobs}


@pytest.mark.parametrize("blur", [True, False])
def test_pictures_are_veiled_unless_asked_otherwise(shelf, monkeypatch, blur):
    veils = []
    monkeypatch.setattr(movers, "store_pictures", lambda *args: veils.append(args[-1]) or ({}, []))

    Movers(blur=blur).detect(*piece(shelf, frames(4.0)), shelf)

    assert (veils[0] is not None) == blur


def test_box_that_stands_on_the_ground_is_no_mover(shelf):
    assert Movers().detect(*piece(shelf, frames(speed_px=0.0)), shelf).rows.num_rows == 0


def test_same_clip_gives_the_same_rows(shelf):
    told = piece(shelf, frames(4.0))

    assert Movers().detect(*told, shelf).rows.equals(Movers().detect(*told, shelf).rows)


def test_without_pose_rows_have_no_place(shelf):
    row = Movers().detect(*piece(shelf, frames(4.0), {"platform_call_sign": "S"}), shelf).rows.to_pylist()[0]

    assert (row["lat_deg"], row["ce90_m"]) == (None, None)


def test_piece_without_video_is_degraded(shelf):
    seen, blobs = piece(shelf, frames(4.0, seconds=1))
    broken = shelf.put(b"\x47" + b"no video" * 999, "video/mp2t", "clip.ts")

    assert Movers().detect(seen, blobs[1:], shelf).status == "degraded"
    assert Movers().detect(seen, [broken, blobs[1]], shelf).status == "degraded"


def test_damaged_frames_are_counted_and_the_rest_is_seen(shelf):
    seen, blobs = piece(shelf, frames(4.0))
    data = bytearray(shelf.open(blobs[0]).read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 6000, 97):
        data[at] ^= 0x55 if at % 188 > 4 else 0
    blobs[0] = shelf.put(bytes(data), "video/mp2t", "clip.ts")

    found = Movers().detect(seen, blobs, shelf)

    assert found.rows.schema == DETECTION
    assert found.status == "degraded"
    assert "frames that do not decode: " in found.reason


def test_both_are_found_by_their_word():
    assert isinstance(load("detect", {"kind": "movers", "analysed_hz": 2}), Movers)
    assert isinstance(load("detect", {"kind": "health"}), Health)


def test_health_says_what_contradicts_itself(shelf):
    row = locate(
        to_table([p for some in read_packets([encode(START_US, POSE)], KlvStream("c")) for p in some])
    ).rows
    centre = {f"frame_center_{axis}_deg": row[f"pose_{axis}_deg"][0].as_py() for axis in ("lat", "lon")}
    pictures = frames(0.0, seconds=2)

    good = Health().detect(*piece(shelf, pictures, {**POSE, **centre}), shelf)
    bad = Health().detect(*piece(shelf, pictures, {**POSE, **centre, "platform_heading_deg": 5.0}), shelf)

    assert (good.status, good.reason, good.rows.num_rows) == ("ok", "", 0)
    assert bad.status == "degraded"
    assert "-5.00 degrees" in bad.reason


def test_cars_of_a_real_simulator_recording_move(shared: Path, shelf):
    data = (shared / "data/drone/klv/osh_part1.ts").read_bytes()
    rows = to_table([p for some in read_packets([data], KlvStream("c")) for p in some])
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    blobs = [shelf.put(data, "video/mp2t", "clip.ts"), shelf.put(sink.getvalue(), "x", "telemetry.parquet")]
    seen = Observation(
        source="u", key="k", phenomenon=Span(from_utc=START, until_utc=START), result_utc=START
    )

    found = Movers().detect(seen, blobs, shelf).rows.to_pylist()

    # Cars on a motorway, seen by eye in the recording: small, fast, inside the picture's ground.
    assert 2 <= len({row["object"] for row in found}) <= 8
    assert all(row["w_px"] < 12 and 10 < row["speed_mps"] < 45 for row in found)
    assert all(distances_m(row["lat_deg"], row["lon_deg"], 34.706, -86.672) < 700 for row in found)
