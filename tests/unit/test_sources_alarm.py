"""Ground sensors' tables out of a folder, and what the detector ``reported`` makes of them."""

import hashlib
import math
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shapely.geometry import shape as shaped
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS, with_origin
from truceline.detect.reported import Reported
from truceline.geo.crs import distance_m, from_local
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.place import Point
from truceline.model.tables import DETECTION
from truceline.sources.alarm import Alarm

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
ORIGIN = (48.0, 37.0)


class Basket:
    """An intake and media that remember."""

    def __init__(self, known=()):
        self.stop, self.files, self.known, self.memory = threading.Event(), {}, set(known), None

    def put(self, sample, media_type, name):
        sha256 = hashlib.sha256(sample.read_bytes()).hexdigest()
        self.files[sha256] = sample
        return Blob(sha256=sha256, size_bytes=sample.stat().st_size, media_type=media_type, name=name)

    def open(self, blob) -> Path:
        return self.files[blob.sha256]

    def now(self):
        return T0

    def has(self, key):
        return key in self.known

    def has_finished(self, piece):
        return False

    def finish(self, piece):
        pass


def row(number: int, **more):
    return {
        "detection_id": number, "sensor_id": "r", "look_id": 1, "phenomenon_time": T0, "result_time": T0,
        "x_m": 3000.0, "y_m": 4000.0, "sxx_m2": 400.0, "syy_m2": 100.0, "sxy_m2": 0.0,
        **dict.fromkeys((f"p_{c}" for c in FUSION_CLASSES), 1 / 7), **more,
    }  # fmt: skip


def write(folder: Path, rows, looks=1, origin=True):
    sensor = {"sensor_id": "r", "kind": "radar", "bias_sigma_m": 0.0, "duplicates": False}
    table = pa.Table.from_pylist([sensor], schema=SENSORS)
    pq.write_table(with_origin(table, *ORIGIN) if origin else table, folder / "sensors.parquet")
    looked = [
        {"look_id": k, "sensor_id": "r", "sortie_id": 0, "phenomenon_time": T0 + timedelta(seconds=10 * k),
         "result_time": T0 + timedelta(seconds=10 * k + 1), "shape": "annulus", "cx_m": 0.0, "cy_m": 0.0,
         "a_m": 200.0, "b_m": 10_000.0, "heading_rad": 0.0}
        for k in range(looks)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(looked, schema=LOOKS), folder / "1.looks.parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema=DETECTIONS), folder / "1.detections.parquet")


def observed(folder, basket=None):
    return list(Alarm(name="radar", path=folder).observe(basket or Basket(), follow=False))


def test_a_piece_is_an_observation_with_its_span_and_footprint(tmp_path):
    write(tmp_path, [row(1)], looks=7)

    (one,) = observed(tmp_path)

    said = one.noun
    assert said.phenomenon.from_utc == T0
    assert said.phenomenon.until_utc == T0 + timedelta(seconds=60, microseconds=1)
    assert said.result_utc == T0 + timedelta(seconds=61)
    assert [blob.name for blob in one.blobs] == ["detections", "looks", "sensors"]
    assert (said.attributes["rows"], said.attributes["looks"]) == (1, 7)


def test_a_footprint_lies_inside_the_field_of_regard(tmp_path):
    write(tmp_path, [])

    footprint = observed(tmp_path)[0].noun.footprint

    polygon, centre = shaped(footprint), Point(lat_deg=48.0, lon_deg=37.0, ce90_m=0)
    assert polygon.is_valid and polygon.exterior.is_ccw and len(polygon.interiors) == 1
    far = [
        distance_m(centre, Point(lat_deg=lat, lon_deg=lon, ce90_m=0)) for lon, lat in polygon.exterior.coords
    ]
    assert max(far) == pytest.approx(10_000, abs=0.1)


def test_nothing_seen_is_an_observation_too(tmp_path):
    write(tmp_path, [])
    basket = Basket()

    (one,) = observed(tmp_path, basket)
    found = Reported().detect(one.noun, one.blobs, basket)

    assert one.noun.status == "ok"
    assert found.rows.num_rows == 0 and found.rows.schema.equals(DETECTION)


def test_what_is_logged_already_is_not_taken_again(tmp_path):
    write(tmp_path, [row(1)])
    (one,) = observed(tmp_path)

    assert observed(tmp_path, Basket({one.noun.key})) == []


@pytest.mark.parametrize("how", ["no parquet", "no origin", "no looks and no rows"])
def test_a_bad_piece_is_named(tmp_path, how):
    write(tmp_path, [], origin=how != "no origin")
    if how == "no parquet":
        (tmp_path / "1.detections.parquet").write_bytes(b"PAR1 not at all")
    if how == "no looks and no rows":
        (tmp_path / "1.looks.parquet").unlink()

    (one,) = observed(tmp_path)

    assert one.noun.status == "degraded" and "1.detections.parquet" in one.noun.reason


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("cx_m", pa.array([None], pa.float64())),
        ("b_m", pa.array([math.inf])),
        ("a_m", pa.array(["far"])),
        ("shape", pa.array([None], pa.string())),
        ("shape", pa.array(["circle"])),
    ],
)
def test_a_look_without_a_field_of_regard_is_named_and_hides_no_other_piece(tmp_path, column, values):
    write(tmp_path, [row(1)])
    for ending in ("detections.parquet", "looks.parquet"):
        (tmp_path / f"2.{ending}").write_bytes((tmp_path / f"1.{ending}").read_bytes())
    looks = pq.read_table(tmp_path / "1.looks.parquet")
    at = looks.column_names.index(column)
    pq.write_table(looks.set_column(at, column, values), tmp_path / "1.looks.parquet")

    bad, good = (one.noun for one in observed(tmp_path))

    assert bad.status == "degraded" and f"1.looks.parquet: column {column}" in bad.reason
    assert good.status == "ok"


def test_a_file_that_went_away_hides_no_other_piece(tmp_path, monkeypatch):
    write(tmp_path, [row(1)])
    files = [tmp_path / "0.detections.parquet", tmp_path / "1.detections.parquet"]
    monkeypatch.setattr("truceline.sources.alarm.sweeps", lambda *_, **__: [files])

    gone, good = (one.noun for one in observed(tmp_path))

    assert (gone.status, good.status) == ("degraded", "ok")
    assert gone.reason.startswith("0.detections.parquet: cannot be read")


def test_rows_get_their_place_error_speed_and_class(tmp_path):
    write(tmp_path, [row(1, vx_mps=3.0, vy_mps=-3.0, svv_m2ps2=1.0, p_car=0.0)])
    basket = Basket()
    (one,) = observed(tmp_path, basket)

    (found,) = Reported().detect(one.noun, one.blobs, basket).rows.to_pylist()

    lat, lon = from_local(3000.0, 4000.0, *ORIGIN)
    assert (found["lat_deg"], found["lon_deg"]) == (pytest.approx(float(lat)), pytest.approx(float(lon)))
    assert found["ce90_m"] == pytest.approx(2.1460 * 20)
    assert found["speed_mps"] == pytest.approx(math.hypot(3, 3))
    assert found["course_deg"] == pytest.approx(135)
    assert found["p_car"] == 0 and found["p_truck"] == pytest.approx(1 / 6)
    assert found["time_utc"] == T0 and found["meaning"] is None


def test_a_bad_row_is_left_out_named_and_counted(tmp_path):
    write(tmp_path, [row(1), row(2, x_m=math.nan), row(3, sxx_m2=-1.0)])
    basket = Basket()
    (one,) = observed(tmp_path, basket)

    found = Reported().detect(one.noun, one.blobs, basket)

    assert found.rows.num_rows == 1 and found.status == "degraded"
    assert "2 of 3 rows left out" in found.reason
    assert "row 1, " in found.reason and "row 2, " in found.reason


def test_an_observation_without_its_table_is_bad_input(tmp_path):
    write(tmp_path, [row(1)])
    (one,) = observed(tmp_path)

    with pytest.raises(BadInput, match="detections"):
        Reported().detect(one.noun, (), Basket())
