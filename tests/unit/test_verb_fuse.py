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
        (0, "look_id", -5, "negative"),
        (0, "sxy_m2", 1e300, "not positive definite"),
        (0, "x_m", math.nan, "not finite"),
        (0, "x_m", 1e300, "not on earth"),
        (0, "result_time", None, "null"),
        (2, "shape", "star", "rect or annulus"),
        (2, "look_id", None, "null"),
        (2, "a_m", 1e300, "larger than the earth"),
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


@pytest.mark.parametrize("file", [0, 1, 2])
def test_a_column_that_is_there_twice_is_named(tmp_path, capsys, file):
    paths = scene(tmp_path)
    table = pq.read_table(paths[file])
    name = table.column_names[0]
    pq.write_table(table.append_column(name, table[0]), paths[file])

    assert fuse(paths, tmp_path / "out") == 2
    assert capsys.readouterr().err.strip() == f"error: {paths[file]}: column {name}: twice"


@pytest.mark.parametrize("value", [math.inf, -1e300])
def test_a_bias_that_is_no_length_is_named(tmp_path, capsys, value):
    paths = scene(tmp_path)
    change(paths[1], "bias_sigma_m", 0, value)

    assert fuse(paths, tmp_path / "out") == 2
    assert "sensors.parquet: column bias_sigma_m: row 0: no error in metres" in capsys.readouterr().err


@pytest.mark.parametrize("column", ["p_car", "vx_mps", "svv_m2ps2"])
@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300, math.nan])
def test_odd_shares_and_speeds_are_lived_with(tmp_path, column, value):
    paths = scene(tmp_path)
    change(paths[0], column, 3, value)

    assert fuse(paths, tmp_path / "out") == 0
    assert np.isfinite(np.stack([pq.read_table(tmp_path / "out")[f"p_{c}"] for c in FUSION_CLASSES])).all()


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_of_several_faults_the_missing_file_is_named_and_the_first(tmp_path, capsys, missing):
    paths = scene(tmp_path)
    if missing != 1:
        change(paths[1], "sensor_id", 0, None)
    paths[missing].unlink()
    (tmp_path / "out").write_bytes(b"as it was")

    assert fuse(paths, tmp_path / "out") == 2
    assert capsys.readouterr().err.strip() == f"error: {paths[missing]}: no such file"
    assert (tmp_path / "out").read_bytes() == b"as it was"


def test_a_number_too_large_for_64_bits_is_named(tmp_path, capsys):
    paths = scene(tmp_path)
    table = pq.read_table(paths[0])
    ids = pa.array([2**63 + 5, *range(1, table.num_rows)], pa.uint64())
    pq.write_table(table.set_column(0, "detection_id", ids), paths[0])

    assert fuse(paths, tmp_path / "out") == 2
    assert "column detection_id: a value is too large" in capsys.readouterr().err


def test_times_in_nanoseconds_are_cut_to_microseconds(tmp_path):
    paths = scene(tmp_path)
    assert fuse(paths, tmp_path / "whole") == 0
    for path, places in ((paths[0], (3, 4)), (paths[2], (3, 4))):
        table = pq.read_table(path)
        for place in places:
            fine = table[place].cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy() + 7
            column = pa.array(fine).cast(pa.timestamp("ns", "UTC"))
            table = table.set_column(place, table.column_names[place], column)
        pq.write_table(table, path)

    assert fuse(paths, tmp_path / "fine") == 0
    assert (tmp_path / "fine").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("file", [0, 2])
@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_clock_that_is_wrong_by_years_is_named_and_fills_no_memory(tmp_path, capsys, file, year):
    paths = scene(tmp_path)
    change(paths[file], "phenomenon_time", 3, datetime(year, 1, 2, tzinfo=UTC))

    assert fuse(paths, tmp_path / "out") == 2
    line = capsys.readouterr().err.strip()
    assert f"{paths[file]}: column phenomenon_time: row 3" in line
    assert line.endswith("more than a year from most others, which are of 2026-03-01")


@pytest.mark.parametrize("more", [("--end", "9999-12-31T00:00:00Z"), ("--start", "0001-01-01T00:00:00Z")])
def test_more_output_times_than_memory_holds_are_refused(tmp_path, capsys, more):
    assert fuse(scene(tmp_path), tmp_path / "out", *more) == 2
    assert "in steps of 30 s; 10000000 at most" in capsys.readouterr().err


def test_an_end_before_the_start_is_refused(tmp_path, capsys):
    paths = scene(tmp_path)

    assert (
        fuse(paths, tmp_path / "out", "--start", "2026-03-01T07:00:00Z", "--end", "2026-03-01T06:00:00Z") == 2
    )
    assert "--end: 2026-03-01T06:00:00Z is before --start" in capsys.readouterr().err


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
