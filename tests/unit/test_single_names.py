"""Single things keep their names: made-up trucks under one radar that looks every 10 s."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS
from truceline.model.classes import FUSION_CLASSES
from truceline.track.files.fusing import follow, output_times, tracks_table
from truceline.track.files.inputs import read_inputs

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
SENSOR = {
    "sensor_id": "r", "kind": "radar", "x_m": 0.0, "y_m": 0.0, "pd": 0.9, "clutter_per_km2": 0.005,
    "period_s": 10.0, "min_speed_mps": 0.0, "bias_sigma_m": 0.0, "latency_s": 0.0, "duplicates": False,
}  # fmt: skip


def write(folder, paths, looks, seed, reach_m=8000.0):
    """Write the radar's tables of things that follow paths (seconds to x, y); per detection its thing."""
    rng = np.random.default_rng(seed)
    rows, seen, thing = [], [], []
    for k in range(looks):
        time = T0 + timedelta(seconds=10 * k)
        times = {"phenomenon_time": time, "result_time": time}
        seen.append(
            {"look_id": k, "sensor_id": "r", "sortie_id": 0, **times, "shape": "annulus", "cx_m": 0.0,
             "cy_m": 0.0, "a_m": 0.0, "b_m": reach_m, "heading_rad": 0.0}
        )  # fmt: skip
        places = [(i, *path(10.0 * k)) for i, path in enumerate(paths)]
        places += [(-1, *rng.uniform(-reach_m, reach_m, 2)) for _ in range(rng.poisson(1))]
        for i, x, y in places:
            if np.hypot(x, y) > reach_m or (i >= 0 and rng.random() > 0.9):
                continue
            thing.append(i)
            rows.append(
                {"detection_id": len(thing), "sensor_id": "r", "look_id": k, **times,
                 "x_m": x + rng.normal(0, 15), "y_m": y + rng.normal(0, 15), "sxx_m2": 225.0, "syy_m2": 225.0,
                 "sxy_m2": 0.0, **{f"p_{c}": 1 / 7 for c in FUSION_CLASSES}}
            )  # fmt: skip
    files = [folder / name for name in ("detections.parquet", "sensors.parquet", "looks.parquet")]
    for path, table, schema in zip(files, (rows, [SENSOR], seen), (DETECTIONS, SENSORS, LOOKS), strict=True):
        pq.write_table(pa.Table.from_pylist(table, schema=schema), path)
    return files, np.array(thing)


def tracked(files):
    """The table of tracks of what was written."""
    inputs = read_inputs(*files)
    times = output_times(inputs, 30, None, None)
    return tracks_table(follow(inputs, times, by_arrival=True), inputs, times)


def name_of(table, ids, first, last):
    """The name that most detections between two looks went to."""
    used = {
        d: t
        for t, ds in zip(table["track_id"].to_pylist(), table["detection_ids"].to_pylist(), strict=True)
        for d in ds
    }
    names, counts = np.unique([used.get(d, -1) for d in ids[first:last]], return_counts=True)
    return int(names[counts.argmax()])


def kept(tmp_path, paths, looks, seeds=8, reach_m=8000.0, span=12):
    """Share of the things whose name is the same in their first and their last detections."""
    same = []
    for seed in range(seeds):
        folder = tmp_path / str(seed)
        folder.mkdir()
        files, thing = write(folder, paths, looks, seed, reach_m)
        table = tracked(files)
        for i in range(len(paths)):
            ids = np.flatnonzero(thing == i) + 1
            same.append(name_of(table, ids, 0, span) == name_of(table, ids, -span, None))
    return np.mean(same)


def turned(seconds):
    """Drive east at 14 m/s, and north from a junction on."""
    way = 14.0 * seconds
    return min(way, 2233.0), max(way - 2233.0, 0.0)


def stopped_and_gone(seconds):
    """Stand still, then drive off to the south."""
    return 500.0, -11.0 * max(seconds - 204.0, 0.0)


def beyond(seconds):
    """Leave the field of regard and come back on another road, two minutes later."""
    way = 12.0 * seconds
    if way < 2300.0:
        return 6000.0 + way, 0.0
    return 8300.0 - (way - 2300.0), 0.5 * min(way - 2300.0, 900.0)


def test_a_truck_that_turns_off_keeps_its_name(tmp_path):
    assert kept(tmp_path, [turned], 36) > 0.85


def test_a_truck_that_sets_off_keeps_its_name(tmp_path):
    assert kept(tmp_path, [stopped_and_gone], 42) > 0.85


def test_a_truck_that_leaves_the_field_of_regard_and_returns_keeps_its_name(tmp_path):
    assert kept(tmp_path, [beyond], 40) > 0.85


def test_a_truck_that_is_overtaken_keeps_its_name(tmp_path):
    slow, quick = (lambda s: (6.0 * s, 0.0)), (lambda s: (14.0 * s - 2400.0, 5.0))
    assert kept(tmp_path, [slow, quick], 60) > 0.85


def test_trucks_that_drive_side_by_side_for_minutes_while_one_overtakes_are_no_column(tmp_path):
    slow, quick = (lambda s: (11.0 * s, 0.0)), (lambda s: (14.0 * s - 900.0, 5.0))
    assert kept(tmp_path, [slow, quick], 60) > 0.7


def test_a_truck_that_stands_where_another_passes_keeps_its_name(tmp_path):
    stands, passes = (lambda s: (3000.0, 0.0)), (lambda s: (12.0 * s, 8.0))
    assert kept(tmp_path, [stands, passes], 50) > 0.85


def test_what_was_written_before_a_name_was_found_stays(tmp_path):
    files, _ = write(tmp_path, [turned, stopped_and_gone, beyond], 42, 3)
    whole = tracked(files)
    for end in range(5, 13):
        until = T0 + timedelta(seconds=30 * (end - 1))
        cut = tmp_path / str(end)
        cut.mkdir()
        parts = [cut / file.name for file in files]
        for file, part in zip(files, parts, strict=True):
            table = pq.read_table(file)
            if "result_time" in table.column_names:
                table = table.filter(pc.less_equal(table["result_time"], pa.scalar(until)))
            pq.write_table(table, part)
        rows = whole.filter(pc.less_equal(whole["time"], pa.scalar(until)))
        assert tracked(parts).equals(rows)


def test_the_pace_of_a_thing_that_walks_tells_that_it_is_a_person(tmp_path):
    files, _ = write(tmp_path, [lambda s: (1.4 * s - 3000.0, 400.0)], 60, 5)
    table = tracked(files)
    firm = pc.and_(pc.greater(table["existence"], 0.5), pc.greater(table["detections_used"], 20))
    last = table.filter(firm)
    assert len(set(last["track_id"].to_pylist())) == 1
    assert last["p_person"][-1].as_py() > 0.5
