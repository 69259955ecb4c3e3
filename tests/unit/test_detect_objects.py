"""Objects of a clip become rows with a place, a class and a picture in which nobody can be recognised."""

import io
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from truceline.codec.klv import encode
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.detect.objects import Objects
from truceline.detect.pictures import spotter
from truceline.detect.pictures.film import MOST_FRAMES, film_frames
from truceline.detect.pictures.finder import Found
from truceline.detect.pictures.motion import Hit
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.plug import load
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose

START_US = 1_700_000_000_000_000
START = datetime.fromtimestamp(START_US / 1e6, UTC)
POSE = pose(0.0, 90.0, 8.0, 6.0, height_m=200.0) | {"frame_center_msl_m": 100.0}
BOX = (100.0, 60.0, 150.0, 90.0)


@pytest.fixture
def one_car(monkeypatch):
    found = Found(np.array([BOX], np.float32), np.array([0.9], np.float32), np.array([0]), np.array([0]))
    monkeypatch.setattr(spotter, "find", lambda *_: found)


def piece(shelf):
    dice = np.random.default_rng(3)
    pictures = [dice.integers(0, 255, (240, 320, 3), np.uint8) for _ in range(20)]
    clip = write_clip(pictures, [(i / 5, encode(START_US + i * 200_000, POSE)) for i in range(10)], 10.0)
    sink = io.BytesIO()
    pq.write_table(to_table([p for some in read_packets([clip], KlvStream("c")) for p in some]), sink)
    blobs = [
        shelf.put(clip, "video/mp2t", "clip.ts"),
        shelf.put(sink.getvalue(), "application/vnd.apache.parquet", "telemetry.parquet"),
    ]
    span = Span(from_utc=START, until_utc=START)
    return Observation(source="u", key="k", phenomenon=span, result_utc=START), blobs


def test_an_object_has_one_row_a_second_with_place_class_and_picture(shelf, one_car):
    found = Objects(row_s=1.0).detect(*piece(shelf), shelf)

    rows = found.rows.to_pylist()
    assert found.rows.schema == DETECTION and found.status == "ok"
    assert len(rows) == 2
    for row in rows:
        assert row["p_car"] > 0.99  # what the network rates .9
        assert abs(row["lat_deg"] - 50) < 1e-3 and row["ce90_m"] > 0
        assert (shelf.root / row["chip_sha256"]).exists()
        assert json.loads(row["note"])["category"] == "car"
        # A box that stays in its place under a camera that does, too.
        assert row["speed_mps"] < 3 * row["speed_sigma_mps"] < 10
    assert len({row["object"] for row in rows}) == 1


@pytest.mark.parametrize("blur", [True, False])
def test_what_a_thing_is_drawn_with_is_coarse_unless_asked_otherwise(shelf, monkeypatch, blur):
    box = np.array([[40, 20, 280, 220]], np.float32)
    found = Found(box, np.array([0.9], np.float32), np.array([0]), np.array([4]))
    monkeypatch.setattr(spotter, "find", lambda *_: found)
    monkeypatch.setitem(spotter.LIKELY_M, 0, (0.0, 1000.0))

    stored = Objects(blur=blur).detect(*piece(shelf), shelf)

    frame = next(blob for blob in stored.blobs if blob.name == "frame")
    inside = np.asarray(Image.open(shelf.open(frame)).convert("L"), float)[60:180, 80:240]
    assert (np.abs(np.diff(inside, axis=1)).mean() < 12) == blur


def test_a_piece_without_video_is_degraded_not_an_error(shelf):
    observation, blobs = piece(shelf)

    found = Objects().detect(observation, blobs[1:], shelf)

    assert (found.status, found.rows.num_rows) == ("degraded", 0)


def test_the_same_piece_gives_the_same_rows(shelf):
    seen = piece(shelf)

    assert Objects().detect(*seen, shelf).rows.equals(Objects().detect(*seen, shelf).rows)


def test_the_plug_in_is_found_by_its_word():
    assert isinstance(load("detect", {"kind": "objects", "analysed_hz": 1.0}), Objects)


def test_the_frame_marks_its_objects_and_comes_first(shelf, one_car):
    found = Objects().detect(*piece(shelf), shelf)

    assert [blob.name for blob in found.blobs] == ["frame", "chip", "chip", "film.json", "film"]
    pixels = np.asarray(Image.open(shelf.open(found.blobs[0])).convert("L"), float)
    left, top, right, _ = (round(side) for side in BOX)
    assert pixels[top - 3, left - 2 : left + 6].mean() > 200
    assert pixels[top - 3, right - 6 : right + 1].mean() > 200


def film_of(shelf, found):
    table, film = (shelf.open(blob).read_bytes() for blob in found.blobs[-2:])
    index = json.loads(table)
    cut = [film[one["at"] : one["at"] + one["bytes"]] for one in index["frames"]]
    return index, [Image.open(io.BytesIO(one)).convert("L") for one in cut], film


def test_the_film_of_a_clip_tells_each_frame_s_packet_time_and_boxes(shelf, one_car):
    found = Objects().detect(*piece(shelf), shelf)

    index, pictures, film = film_of(shelf, found)
    frames = index["frames"]
    assert [one["frame"] for one in frames] == [0, 4, 8, 12, 16]  # ten a second; five looked at
    assert [one["packet"] for one in frames] == [0, 2, 4, 6, 8]  # five packets a second
    assert frames[2]["time_utc"] == "2023-11-14T22:13:20.8Z"
    assert {picture.size for picture in pictures} == {(index["width_px"], index["height_px"])} == {(320, 240)}
    assert sum(one["bytes"] for one in frames) == len(film)
    (box,) = frames[2]["boxes"]
    assert box["box"] == [BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1]]
    assert max(box["classes"], key=box["classes"].get) == "car"
    assert box["place"][1] == pytest.approx(50, abs=1e-3) and box["place"][2] > 0
    assert len({b["object"] for f in frames for b in f["boxes"]}) == 1
    told = {(f["frame"], f["packet"]): b["row"] for f in frames for b in f["boxes"] if b["row"] is not None}
    rows = found.rows.to_pylist()
    assert all((rows[n]["frame"], rows[n]["packet"]) == at for at, n in told.items())


def test_nothing_found_leaves_no_film(shelf, monkeypatch):
    nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int), np.zeros(0, int))
    monkeypatch.setattr(spotter, "find", lambda *_: nothing)

    found = Objects().detect(*piece(shelf), shelf)

    assert found.blobs == ()


def test_faces_in_a_film_are_as_coarse_as_in_a_picture(shelf, monkeypatch):
    box = np.array([[40, 20, 280, 220]], np.float32)
    found = Found(box, np.array([0.9], np.float32), np.array([1]), np.array([0]))
    monkeypatch.setattr(spotter, "find", lambda *_: found)
    monkeypatch.setitem(spotter.LIKELY_M, 1, (0.0, 1000.0))

    _, pictures, _ = film_of(shelf, Objects().detect(*piece(shelf), shelf))

    for picture in pictures:
        assert np.abs(np.diff(np.asarray(picture, float)[60:180, 80:240], axis=1)).mean() < 12


def test_long_pieces_get_films_of_a_bounded_number_of_frames():
    hit = Hit(0, 0.0, 0, 0, 1, 1, -1, 1.0)

    assert len(film_frames([hit], 12, 25.0, 25 * 3600)) <= MOST_FRAMES
    assert film_frames([hit], 5, 25.0, 250) == set(range(0, 250, 10))
    assert film_frames([], 5, 25.0, 250) == set()
