"""Objects in photos: placed by what a photo states, and by its overlap with those before it."""

import hashlib
import json
import math
import tempfile
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image
from tests.unit.test_detect_photos import ABOVE_M, FOCAL_PX, ORIGIN, STRIP, ground, jpeg, picture
from truceline.detect import stills
from truceline.detect.pictures.finder import Found
from truceline.detect.stills import Stills
from truceline.geo.crs import from_local, to_local
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.plug import load

START = datetime(2025, 6, 1, tzinfo=UTC)
BOX = (100.0, 60.0, 130.0, 80.0)


@pytest.fixture
def one_car(monkeypatch):
    found = Found(np.array([BOX], np.float32), np.array([0.9], np.float32), np.array([0]), np.array([0]))
    monkeypatch.setattr(stills, "look_visible", lambda *_: found)


def observed(data):
    span = Span(from_utc=START, until_utc=START)
    return Observation(source="q", key=hashlib.sha256(data).hexdigest(), phenomenon=span, result_utc=START)


def look(shelf, data, **settings):
    found = Stills(**settings).detect(observed(data), [shelf.put(data, "image/jpeg", "photo")], shelf)
    shelf.memory = shelf.open(found.memory)
    return found


def strip_photo(k, texture, turned=False):
    east, north, yaw = STRIP[k]
    lat, lon = from_local(east, north, *ORIGIN)
    return jpeg(picture(texture, east, north, yaw), (float(lat), float(lon)), yaw + 180 * turned)


def truth(k):
    """Where the middle of the box lies on the ground: east, north."""
    east, north, yaw = STRIP[k]
    right, down = ((BOX[0] + BOX[2]) / 2 - 240, (BOX[1] + BOX[3]) / 2 - 180)
    x, y = right * ABOVE_M / FOCAL_PX, -down * ABOVE_M / FOCAL_PX
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    return east + x * c + y * s, north - x * s + y * c


def error_m(row, k):
    east, north = to_local(row["lat_deg"], row["lon_deg"], *ORIGIN)
    return math.dist((float(east), float(north)), truth(k))


def test_an_object_is_placed_by_what_its_photo_states(shelf, one_car):
    found = look(shelf, strip_photo(0, ground()))

    (row,) = found.rows.to_pylist()
    assert found.rows.schema == DETECTION and found.status == "ok"
    assert error_m(row, 0) < row["ce90_m"] < 8
    assert row["p_car"] == pytest.approx(0.9, abs=1e-4)
    assert [blob.name for blob in found.blobs] == ["frame", "chip"]


def test_a_photo_that_states_the_opposite_yaw_is_turned_by_those_before_it(shelf, one_car):
    texture = ground()
    for k in (0, 1):
        look(shelf, strip_photo(k, texture))

    found = look(shelf, strip_photo(2, texture, turned=True))

    (row,) = found.rows.to_pylist()
    assert found.status == "degraded" and found.reason == "yaw_180; placed by overlap"
    assert error_m(row, 2) < row["ce90_m"]


def test_a_photo_that_states_the_opposite_yaw_is_looked_at_again_and_turned_by_those_after_it(shelf, one_car):
    texture = ground()
    turned = strip_photo(0, texture, turned=True)
    first = look(shelf, turned)
    named = {one for k in (1, 2) for one in look(shelf, strip_photo(k, texture)).again}

    again = Stills().detect(observed(turned), [shelf.put(turned, "image/jpeg", "photo")], shelf)

    assert error_m(first.rows.to_pylist()[0], 0) > 20
    assert named == {observed(turned).id}
    (row,) = again.rows.to_pylist()
    assert again.reason == "yaw_180; placed by overlap" and error_m(row, 0) < row["ce90_m"]
    assert again.memory is None and again.again == ()


def test_photos_that_agree_ask_for_no_second_look(shelf, one_car):
    texture = ground()

    assert [look(shelf, strip_photo(k, texture)).again for k in range(4)] == [()] * 4


def test_a_photo_whose_place_was_remembered_before_corners_were_is_not_looked_at_again(shelf, one_car):
    texture = ground()
    turned = strip_photo(0, texture, turned=True)
    look(shelf, turned)
    (told,) = json.loads(shelf.memory.read_bytes())
    shelf.memory.write_text(json.dumps([{k: told[k] for k in ("sha256", "lat_deg", "lon_deg")}]))

    assert look(shelf, strip_photo(1, texture)).again == ()


def test_a_photo_before_whose_bytes_are_gone_is_left_out(shelf, one_car):
    texture = ground()
    first = strip_photo(0, texture)
    look(shelf, first)
    (shelf.root / hashlib.sha256(first).hexdigest()).write_bytes(b"")

    assert look(shelf, strip_photo(1, texture)).rows.num_rows == 1


def test_a_photo_without_a_place_gives_rows_without_one(shelf, one_car):
    found = look(shelf, jpeg(picture(ground(), 0, 0, 0), None, None))

    (row,) = found.rows.to_pylist()
    assert row["lat_deg"] is None and row["ce90_m"] is None and "no_position" in found.reason


@pytest.mark.parametrize("blur", [True, False])
def test_things_in_kept_pictures_are_coarse_unless_asked_otherwise(shelf, monkeypatch, blur):
    box = np.array([[40, 20, 440, 340]], np.float32)
    found = Found(box, np.array([0.9], np.float32), np.array([1]), np.array([0]))
    monkeypatch.setattr(stills, "look_visible", lambda *_: found)
    monkeypatch.setattr(stills, "plausible", lambda found, _: found)
    noise = np.random.default_rng(1).integers(0, 255, (360, 480), np.uint8)

    stored = look(shelf, jpeg(noise, ORIGIN, 0.0), blur=blur)

    inside = np.asarray(Image.open(shelf.open(stored.blobs[0])).convert("L"), float)[60:300, 80:400]
    assert (np.abs(np.diff(inside, axis=1)).mean() < 12) == blur


def test_what_a_photo_says_about_itself_goes_into_no_picture_cut_from_it(shelf, one_car):
    said = strip_photo(0, ground())
    told = said[:2] + b"\xff\xfe" + len(b"..SERIAL 0815").to_bytes(2, "big") + b"SERIAL 0815" + said[2:]
    assert b"Exif" in told and b"ns.adobe.com" in told

    stored = look(shelf, told).blobs

    assert [blob.name for blob in stored] == ["frame", "chip"]
    for blob in stored:
        content = shelf.open(blob).read_bytes()
        assert not [word for word in (b"Exif", b"adobe", b"drone-dji", b"SERIAL") if word in content]


def test_a_look_leaves_no_file_behind_but_in_the_blob_folder(shelf, one_car, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    look(shelf, strip_photo(0, ground()))

    assert not list(temporary.iterdir())


def test_a_piece_without_a_photo_is_degraded_and_forgets_nothing(shelf, one_car):
    look(shelf, strip_photo(0, ground()))
    before = shelf.memory
    span = Span(from_utc=START, until_utc=START)
    observation = Observation(source="q", key="k", phenomenon=span, result_utc=START)

    found = Stills().detect(observation, [], shelf)

    assert found.status == "degraded" and found.memory is None and shelf.memory == before


def test_the_plug_in_is_found_by_its_word():
    assert isinstance(load("detect", {"kind": "stills"}), Stills)
