"""``truceline fuse`` on small made-up scenes, and what it refuses: by place, writing nothing then."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS
from truceline.model.classes import FUSION_CLASSES
from truceline.track.files import fusing
from truceline.track.files.fusing import follow, output_times, tracks_table
from truceline.track.files.hindsight import look_back
from truceline.track.files.inputs import read_inputs
from truceline.track.state.regard import inside
from truceline.track.state.types import ANNULUS, RECT

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)


def scene(
    folder: Path, steps: int = 30, seen_until: int = 30, speed: float = 5.0, looks: bool = True,
    seen_from: int = 0, looked_from: int = 0,
) -> list[Path]:  # fmt: skip
    """One radar looks every 10 s; one thing drives east and is seen for a while."""
    rng = np.random.default_rng(7)
    rows, looked = [], []
    for k in range(steps):
        time = T0 + timedelta(seconds=10 * k)
        if k < looked_from:
            continue
        looked.append(
            {"look_id": k, "sensor_id": "r", "sortie_id": 0, "phenomenon_time": time, "result_time": time,
             "shape": "annulus", "cx_m": 0.0, "cy_m": 0.0, "a_m": 0.0, "b_m": 10_000.0, "heading_rad": 0.0}
        )  # fmt: skip
        if seen_from <= k < seen_until:
            x, y = 1000 + speed * 10 * k + rng.normal(0, 10), rng.normal(0, 10)
            rows.append(
                {"detection_id": 100 + k, "sensor_id": "r", "look_id": k, "phenomenon_time": time,
                 "result_time": time, "x_m": x, "y_m": y, "sxx_m2": 100.0, "syy_m2": 100.0, "sxy_m2": 0.0,
                 **{f"p_{c}": 0.4 if c == "truck" else 0.1 for c in FUSION_CLASSES}}
            )  # fmt: skip
    sensor = {"sensor_id": "r", "kind": "radar", "x_m": 0.0, "y_m": 0.0, "pd": 0.9, "clutter_per_km2": 0.005,
              "period_s": 10.0, "min_speed_mps": 0.0, "bias_sigma_m": 5.0,
              "latency_s": 0.0, "duplicates": False}  # fmt: skip
    paths = [folder / name for name in ("detections.parquet", "sensors.parquet", "looks.parquet")]
    pq.write_table(pa.Table.from_pylist(rows, schema=DETECTIONS), paths[0])
    pq.write_table(pa.Table.from_pylist([sensor], schema=SENSORS), paths[1])
    pq.write_table(pa.Table.from_pylist(looked, schema=LOOKS), paths[2])
    return paths if looks else paths[:2]


def tracks(paths: list[Path], smooth: bool = False) -> list[dict]:
    inputs = read_inputs(paths[0], paths[1], paths[2] if len(paths) > 2 else None)
    times = output_times(inputs, 30, int(T0.timestamp() * 1e6), None)
    course = follow(inputs, times, by_arrival=not smooth)
    if smooth:
        course = look_back(course, (times - times[0]) / 1e6, 1)
    return tracks_table(course, inputs, times).to_pylist()


def test_one_thing_is_one_track_with_its_speed_and_class(tmp_path):
    rows = tracks(scene(tmp_path))

    last = rows[-1]
    assert {row["track_id"] for row in rows} == {100}
    assert last["existence"] > 0.8
    assert last["vx_mps"] == pytest.approx(5, abs=1)
    assert last["p_truck"] == max(last[f"p_{c}"] for c in FUSION_CLASSES)
    assert last["sxx_m2"] >= 5.0**2  # the bias does not average out


def test_every_detection_is_named_once(tmp_path):
    rows = tracks(scene(tmp_path))

    named = [d for row in rows for d in row["detection_ids"]]
    assert sorted(named) == list(range(100, 130))


def test_detections_used_are_those_listed_so_far_also_where_they_are_gone_through_in_parts(
    tmp_path, monkeypatch
):
    whole = tracks(scene(tmp_path))
    monkeypatch.setattr(fusing, "PART", 7)

    rows = tracks(scene(tmp_path))

    listed = np.cumsum([len(row["detection_ids"]) for row in rows]).tolist()
    assert [row["detections_used"] for row in rows] == listed
    assert rows == whole


@pytest.mark.parametrize("looks", [True, False])
def test_silence_counts_only_where_somebody_looked(tmp_path, looks):
    rows = tracks(scene(tmp_path, steps=30, seen_until=15, speed=0.0, looks=looks))

    after = [r for r in rows if r["time"] > T0 + timedelta(seconds=200) and r["existence"] >= 0.5]
    assert bool(after) is False if looks else [r["track_id"] for r in rows]


def test_looking_back_is_nearer_to_the_truth_than_following(tmp_path):
    paths = scene(tmp_path, steps=60, seen_until=60)

    def error(rows):
        true = [1000 + 5 * (row["time"] - T0).total_seconds() for row in rows[2:-1]]
        return float(
            np.mean(
                [(row["x_m"] - x) ** 2 + row["y_m"] ** 2 for row, x in zip(rows[2:-1], true, strict=True)]
            )
        )

    assert error(tracks(paths, smooth=True)) < error(tracks(paths))


def test_a_thing_was_there_before_it_was_first_seen_where_nobody_had_looked(tmp_path):
    rows = tracks(scene(tmp_path, seen_from=7, looked_from=7), smooth=True)

    first = rows[0]
    assert first["time"] == T0 + timedelta(seconds=30)
    assert first["detections_used"] == 0
    assert abs(first["x_m"] - 1150) < 3 * math.sqrt(first["sxx_m2"])


def test_a_look_that_did_not_show_a_thing_says_that_it_came_later(tmp_path):
    rows = tracks(scene(tmp_path, seen_from=7), smooth=True)

    assert rows[0]["time"] == T0 + timedelta(seconds=90)


def test_hindsight_takes_back_what_was_gone_already(tmp_path):
    paths = scene(tmp_path, seen_until=15)

    def last(smooth):
        return max(row["time"] for row in tracks(paths, smooth) if row["existence"] >= 0.5)

    assert last(smooth=True) == T0 + timedelta(seconds=120) < last(smooth=False)


@pytest.mark.parametrize(
    ("x", "y", "shape", "field", "held"),
    [
        (15, 0, ANNULUS, (0, 0, 10, 20, 1, 0), True),
        (5, 0, ANNULUS, (0, 0, 10, 20, 1, 0), False),
        (0, 9, RECT, (0, 0, 10, 2, 0, 1), True),
        (9, 0, RECT, (0, 0, 10, 2, 0, 1), False),
    ],
)
def test_fields_of_regard_are_those_of_the_contract(x, y, shape, field, held):
    assert inside(float(x), float(y), shape, np.array(field, float)) is held


def change(path, column, row, value):
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    index = table.column_names.index(column)
    pq.write_table(table.set_column(index, column, pa.array(values, table.schema.field(index).type)), path)


def fuse(paths, out, *more):
    return main(
        [
            "fuse",
            str(paths[0]),
            "--sensors",
            str(paths[1]),
            "--looks",
            str(paths[2]),
            "--out",
            str(out),
            *more,
        ]
    )


@pytest.mark.parametrize(
    ("file", "column", "value", "says"),
    [
        (0, "sensor_id", "nobody", "not in SENSORS"),
        (0, "look_id", 999, "not in LOOKS"),
        (0, "detection_id", 100, "twice"),
        (0, "sxx_m2", math.inf, "not finite"),
        (0, "sxy_m2", 500.0, "not positive definite"),
        (0, "x_m", math.nan, "not finite"),
        (0, "result_time", None, "null"),
        (2, "shape", "star", "rect or annulus"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(tmp_path, capsys, file, column, value, says):
    paths = scene(tmp_path)
    change(paths[file], column, 3, value)

    assert fuse(paths, tmp_path / "out.parquet") == 2

    line = capsys.readouterr().err.strip()
    assert says in line and column in line and "row 3" in line and "\n" not in line
    assert not (tmp_path / "out.parquet").exists()


def test_a_missing_column_and_a_wrong_type_are_named(tmp_path, capsys):
    paths = scene(tmp_path)
    table = pq.read_table(paths[0])
    pq.write_table(table.drop_columns(["p_car"]), paths[0])
    assert fuse(paths, tmp_path / "out") == 2
    assert "p_car: missing" in capsys.readouterr().err

    index = table.column_names.index("x_m")
    pq.write_table(table.set_column(index, "x_m", table["x_m"].cast(pa.string())), paths[0])
    assert fuse(paths, tmp_path / "out") == 2
    assert "column x_m: is string" in capsys.readouterr().err


def test_a_look_of_another_sensor_is_refused(tmp_path, capsys):
    paths = scene(tmp_path)
    other = pq.read_table(paths[1]).to_pylist()[0] | {"sensor_id": "s"}
    pq.write_table(pa.Table.from_pylist([*pq.read_table(paths[1]).to_pylist(), other]), paths[1])
    change(paths[2], "sensor_id", 3, "s")

    assert fuse(paths, tmp_path / "out") == 2

    assert "belongs to another sensor" in capsys.readouterr().err


def test_no_detections_are_no_tracks_with_all_columns(tmp_path):
    paths = scene(tmp_path, seen_until=0)

    assert fuse(paths, tmp_path / "out.parquet") == 0

    table = pq.read_table(tmp_path / "out.parquet")
    assert table.num_rows == 0
    assert {"track_id", "existence", "detection_ids", "p_other"} <= set(table.column_names)
    assert fuse(paths, tmp_path / "out.parquet", "--smooth") == 0


def test_a_clock_that_runs_ahead_and_odd_probabilities_are_lived_with(tmp_path):
    paths = scene(tmp_path)
    change(paths[0], "result_time", 3, pq.read_table(paths[0])["phenomenon_time"][0].as_py())
    change(paths[0], "p_car", 4, 7.0)

    assert fuse(paths, tmp_path / "out.parquet") == 0
    assert pq.read_table(tmp_path / "out.parquet").num_rows > 0


def test_heights_and_origin_are_carried_over(tmp_path):
    paths = scene(tmp_path)
    table = pq.read_table(paths[0])
    table = table.append_column("alt_agl_m", pa.array([120.0] * table.num_rows))
    table = table.append_column("alt_sigma_m", pa.array([5.0] * table.num_rows))
    pq.write_table(
        table.replace_schema_metadata({"origin_lat_deg": "48.0", "origin_lon_deg": "37.0"}), paths[0]
    )

    assert fuse(paths, tmp_path / "out.parquet") == 0

    found = pq.read_table(tmp_path / "out.parquet")
    assert found["alt_agl_m"].to_pylist()[-1] == pytest.approx(120)
    assert found.schema.metadata[b"origin_lat_deg"] == b"48.0"
