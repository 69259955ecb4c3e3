"""The detector ``reported``: DETECTIONS in local metres become rows with a place on earth."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS, with_origin
from truceline.detect.reported import Reported
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.plug import load

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)


class Media:
    """Samples in a folder, by name."""

    def __init__(self, folder: Path) -> None:
        self.memory, self.folder = None, folder

    def open(self, blob: Blob) -> Path:
        return self.folder / blob.name

    def put(self, sample, media_type, name):
        raise AssertionError("nothing to store")


def detect(
    folder: Path, rows: list[dict], bias_m: float = 0.0, origin: tuple[float, float] | None = (48.0, 37.0)
):
    table = pa.Table.from_pylist(rows, schema=DETECTIONS)
    pq.write_table(with_origin(table, *origin) if origin else table, folder / "detections")
    pq.write_table(
        pa.Table.from_pylist([{"sensor_id": "r", "bias_sigma_m": bias_m}], schema=SENSORS), folder / "sensors"
    )
    blobs = [
        Blob(sha256="0" * 64, size_bytes=1, media_type="x", name=name) for name in ("detections", "sensors")
    ]
    said = Observation(source="r", key="1", phenomenon=Span(from_utc=T0, until_utc=T0), result_utc=T0)
    return load("detect", {"kind": "reported"}).detect(said, blobs, Media(folder))


def row(**more):
    return {
        "detection_id": 1, "sensor_id": "r", "phenomenon_time": T0, "result_time": T0, "x_m": 0.0, "y_m": 0.0,
        "sxx_m2": 16.0, "syy_m2": 9.0, "sxy_m2": 0.0,
        **dict.fromkeys((f"p_{c}" for c in FUSION_CLASSES), 0.1),
        **more,
    }  # fmt: skip


def test_the_origin_of_the_plane_is_the_origin(tmp_path):
    (found,) = detect(tmp_path, [row()]).rows.to_pylist()

    assert (found["lat_deg"], found["lon_deg"]) == (pytest.approx(48.0), pytest.approx(37.0))
    assert sum(found[f"p_{c}"] for c in FUSION_CLASSES) == pytest.approx(1)


def test_the_admitted_bias_is_part_of_the_error(tmp_path):
    (found,) = detect(tmp_path, [row()], bias_m=3.0).rows.to_pylist()

    assert found["ce90_m"] == pytest.approx(2.1460 * 5)  # sqrt(16 + 9)


def test_speed_that_was_not_measured_stays_unknown(tmp_path):
    (found,) = detect(tmp_path, [row()]).rows.to_pylist()

    assert found["speed_mps"] is None and found["course_deg"] is None


def test_a_plane_without_an_origin_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="origin"):
        detect(tmp_path, [row()], origin=None)


def test_the_plug_in_is_found_by_its_word():
    assert isinstance(load("detect", {"kind": "reported"}), Reported)


BAD = [
    ({"phenomenon_time": None}, "without a phenomenon_time"),
    ({"sensor_id": "nobody"}, "of a sensor that is not in SENSORS"),
    ({"sensor_id": None}, "of a sensor that is not in SENSORS"),
    ({"x_m": float("nan")}, "without a finite position"),
    ({"y_m": None}, "without a finite position"),
    ({"y_m": float("inf")}, "without a finite position"),
    ({"sxx_m2": float("nan")}, "with a covariance that is not finite"),
    ({"sxy_m2": float("-inf")}, "with a covariance that is not finite"),
    ({"sxx_m2": 0.0}, "with a covariance that is not positive definite"),
    ({"syy_m2": -1.0}, "with a covariance that is not positive definite"),
    ({"sxy_m2": 12.0}, "with a covariance that is not positive definite"),
    ({"detection_id": 1}, "whose detection_id came before"),
]


@pytest.mark.parametrize(("fault", "words"), BAD)
def test_a_bad_row_is_left_out_named_and_counted_and_the_rest_goes_on(tmp_path, fault, words):
    good = [row(detection_id=1, x_m=10.0), row(detection_id=3, x_m=30.0)]

    found = detect(tmp_path, [good[0], row(**{"detection_id": 2, **fault}), good[1]])

    assert found.rows.num_rows == 2
    assert found.status == "degraded"
    named = f", detection_id {fault.get('detection_id', 2)}"
    assert found.reason == f"1 of 3 rows left out: 1 {words} (row 1{named})"


def test_every_kind_of_bad_row_is_counted_for_itself(tmp_path):
    rows = [row(detection_id=10 + k) | fault for k, (fault, _) in enumerate(BAD[:-1])]

    found = detect(tmp_path, [row(detection_id=1), *rows, row(detection_id=1)])

    assert found.rows.num_rows == 1
    assert found.reason.startswith("12 of 13 rows left out: 1 without a phenomenon_time (row 1, detection_id")
    assert "3 with a covariance that is not positive definite (row 9, detection_id 18)" in found.reason
    assert found.reason.endswith("1 whose detection_id came before (row 12, detection_id 1)")


def looks(folder: Path, **maker) -> list[dict]:
    """Take over a ring and a strip of one sensor, about which its maker tells something."""
    look = {"sensor_id": "r", "sortie_id": 0, "phenomenon_time": T0, "result_time": T0}
    ring = {**look, "look_id": 1, "shape": "annulus", "cx_m": 0.0, "cy_m": 1000.0, "a_m": 50.0, "b_m": 9000.0}
    strip = {**look, "look_id": 2, "shape": "rect", "cx_m": 0.0, "cy_m": 0.0, "a_m": 90.0, "b_m": 40.0}
    strip["heading_rad"] = math.pi / 2
    told = {"sensor_id": "r", "kind": "radar", "pd": 0.8, "min_speed_mps": 1.5} | maker
    tables = {
        "detections": with_origin(pa.Table.from_pylist([], schema=DETECTIONS), 48.0, 37.0),
        "looks": pa.Table.from_pylist([ring, strip], schema=LOOKS),
        "sensors": pa.Table.from_pylist([told], schema=SENSORS),
    }
    for word, table in tables.items():
        pq.write_table(table, folder / word)
    blobs = [Blob(sha256="0" * 64, size_bytes=1, media_type="x", name=word) for word in tables]
    said = Observation(source="r", key="1", phenomenon=Span(from_utc=T0, until_utc=T0), result_utc=T0)
    return load("detect", {"kind": "reported"}).detect(said, blobs, Media(folder)).looks.to_pylist()


def test_looks_say_by_their_silence_what_their_maker_tells(tmp_path):
    ring, strip = looks(tmp_path)

    assert (ring["shape"], ring["a_m"], ring["b_m"]) == ("annulus", 50.0, 9000.0)
    assert ring["lat_deg"] == pytest.approx(48 + 1000 / 111_200, abs=1e-5)
    assert (strip["shape"], strip["turned_deg"]) == ("rect", pytest.approx(90))
    assert (strip["pd"], strip["least_speed_mps"], strip["time_utc"]) == (0.8, 1.5, T0)
    assert strip["finds_person"] == strip["finds_car"] > 0


def test_satellites_say_nothing_of_persons_and_looks_without_a_probability_nothing_at_all(tmp_path):
    assert {look["finds_person"] for look in looks(tmp_path, kind="satellite")} == {0.0}
    assert looks(tmp_path, pd=math.nan) == []


def test_looks_say_where_their_sensor_stands_if_it_stands(tmp_path):
    ring, _ = looks(tmp_path, x_m=0.0, y_m=2000.0)

    assert ring["sensor_lat_deg"] == pytest.approx(48 + 2000 / 111_200, abs=1e-5)
    assert looks(tmp_path, x_m=math.nan, y_m=math.nan)[0]["sensor_lat_deg"] is None


def test_looks_carry_the_bias_of_a_sortie_that_the_maker_admits(tmp_path):
    assert looks(tmp_path, bias_sigma_m=6.0)[0]["bias_sigma_m"] == 6.0
    assert looks(tmp_path, bias_sigma_m=0.0)[0]["bias_sigma_m"] is None


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_row_of_a_clock_that_is_wrong_by_years_is_left_out_and_named(tmp_path, year):
    wrong = datetime(year, 1, 2, tzinfo=UTC)
    rows = [row(detection_id=k, phenomenon_time=wrong if k == 3 else T0) for k in range(6)]

    found = detect(tmp_path, rows)

    assert found.rows.num_rows == 5
    assert found.status == "degraded"
    assert found.reason == (
        "1 of 6 rows left out: 1 of a time more than a year from when it was told (row 3, detection_id 3)"
    )


def test_a_table_that_is_no_table_or_has_other_types_is_named(tmp_path):
    (tmp_path / "detections").write_bytes(b"hello")
    said = Observation(source="r", key="k", phenomenon=Span(from_utc=T0, until_utc=T0), result_utc=T0)
    blobs = [Blob(sha256="0" * 64, size_bytes=1, media_type="x", name="detections")]
    detector = load("detect", {"kind": "reported"})

    with pytest.raises(BadInput, match="k: detections: no readable Parquet file"):
        detector.detect(said, blobs, Media(tmp_path))
    table = with_origin(pa.Table.from_pylist([row()], schema=DETECTIONS), 48.0, 37.0)
    place = table.column_names.index("x_m")
    pq.write_table(table.set_column(place, "x_m", pa.array(["here"])), tmp_path / "detections")
    with pytest.raises(BadInput, match="k: detections: column x_m: is string, would be a number"):
        detector.detect(said, blobs, Media(tmp_path))


def test_sensors_that_tell_no_bias_are_known_all_the_same(tmp_path):
    detect(tmp_path, [row()])
    pq.write_table(pa.Table.from_pylist([{"sensor_id": "r"}]), tmp_path / "sensors")
    said = Observation(source="r", key="k", phenomenon=Span(from_utc=T0, until_utc=T0), result_utc=T0)
    blobs = [Blob(sha256="0" * 64, size_bytes=1, media_type="x", name=n) for n in ("detections", "sensors")]

    found = load("detect", {"kind": "reported"}).detect(said, blobs, Media(tmp_path))

    assert (found.rows.num_rows, found.status) == (1, "ok")
