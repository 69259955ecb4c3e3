"""What ``--sensor-report`` says of a clock, of what people tell and of a look at one thing."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.test_verb_fuse import scene
from truceline.track.files.fusing import follow, output_times
from truceline.track.files.inputs import read_inputs
from truceline.track.files.report import sensor_report
from truceline.track.sensors.minutes import DID, FALSE, LOOKS, LOOSE, SECTOR, SHOULD, SHOWN, WIDTH
from truceline.track.sensors.trouble import flood, jams


def report(paths):
    inputs = read_inputs(*paths)
    course = follow(inputs, output_times(inputs, 30, None, None), by_arrival=True)
    return {one["sensor_id"]: one for one in sensor_report(course, inputs)["sensors"]}, course


def arriving(path, later_s):
    """Let each row arrive so much later than it was so."""
    table = pq.read_table(path)
    times = [
        time + timedelta(seconds=float(late))
        for time, late in zip(table["phenomenon_time"].to_pylist(), later_s(table.num_rows), strict=True)
    ]
    at = table.column_names.index("result_time")
    pq.write_table(table.set_column(at, table.field(at), pa.array(times, table.field(at).type)), path)


@pytest.mark.parametrize("late_s", [-2.0, 2.0])
def test_a_clock_shows_in_how_long_news_takes_where_no_other_sensor_tells(tmp_path, late_s):
    paths = scene(tmp_path, steps=60, seen_until=60)
    arriving(paths[0], lambda n: np.full(n, late_s))

    found, _ = report(paths)

    assert found["r"]["reasons"] == ["clock"]
    assert found["r"]["clock_offset_s"] == pytest.approx(late_s)


def test_news_that_takes_now_long_and_now_short_says_nothing_of_a_clock(tmp_path):
    paths = scene(tmp_path, steps=60, seen_until=60)
    arriving(paths[0], lambda n: np.random.default_rng(1).uniform(0, 1800, n))

    found, _ = report(paths)

    assert found["r"]["suspect"] is False
    assert found["r"]["clock_offset_s"] == 0


@pytest.mark.parametrize(("off_m", "loose"), [(300.0, 0), (6000.0, 40)])
def test_what_a_person_tells_late_is_loose_only_where_no_track_can_be_meant(tmp_path, off_m, loose):
    paths = scene(tmp_path, steps=60, seen_until=60, speed=0.0)
    detections, sensors = pq.read_table(paths[0]), pq.read_table(paths[1])
    person = sensors.to_pylist()[0] | {"sensor_id": "p", "kind": "report", "latency_s": 1800.0}
    told = [
        row | {"detection_id": 1000 + k, "sensor_id": "p", "look_id": None, "y_m": row["y_m"] + off_m,
               "sxx_m2": 250_000.0, "syy_m2": 250_000.0,
               "result_time": row["result_time"] + timedelta(seconds=200 + k)}
        for k, row in enumerate(detections.to_pylist()[:40])
    ]  # fmt: skip
    pq.write_table(pa.concat_tables([detections, pa.Table.from_pylist(told, detections.schema)]), paths[0])
    pq.write_table(pa.Table.from_pylist([*sensors.to_pylist(), person], sensors.schema), paths[1])

    _, course = report(paths)

    p = course.minutes.sums[0].sum(0)  # "p" comes before "r"
    assert p[SHOWN] == 40
    assert p[LOOSE] == pytest.approx(loose, abs=2)


@pytest.mark.parametrize(("things", "spells"), [(1, 0), (5, 1)])
def test_one_thing_that_is_not_shown_is_no_jam_however_often_it_is_looked_at(things, spells):
    minutes = np.zeros((20, WIDTH))
    minutes[:, LOOKS], minutes[:, SHOULD], minutes[:, DID] = 60, 50 * things, 50 * things
    minutes[:, SHOWN] = 50 * things
    minutes[5:15, DID], minutes[5:15, SHOWN] = 0, 0

    assert len(jams(minutes)) == spells


def test_a_sensor_that_still_shows_its_false_detections_is_not_jammed_whatever_tracks_expect():
    minutes = np.zeros((30, WIDTH))
    minutes[:, LOOKS], minutes[:, FALSE], minutes[:, SHOWN], minutes[:, LOOSE] = 60, 5, 5, 5
    minutes[10:14, SHOULD] = 120  # a column that is no longer there

    assert jams(minutes) == []


def test_a_sensor_that_shows_not_even_its_false_detections_is_jammed_though_no_track_is_near():
    minutes = np.zeros((60, WIDTH))
    minutes[:, LOOKS], minutes[:, FALSE], minutes[:, SHOWN], minutes[:, LOOSE] = 60, 5, 5, 5
    minutes[20:30, SHOWN] = minutes[20:30, LOOSE] = 0

    (spell,) = jams(minutes)

    assert (spell.first, spell.last) == (20, 30)


@pytest.mark.parametrize(("sectors", "is_flood"), [(2, False), (8, True)])
def test_a_flood_is_all_over_the_field_and_a_crowd_in_a_part_of_it(sectors, is_flood):
    minutes = np.zeros((30, WIDTH))
    minutes[:, LOOKS], minutes[:, FALSE], minutes[:, SHOWN] = 6, 1, 20
    minutes[10, SHOWN], minutes[10, LOOSE] = 420, 400
    minutes[10, SECTOR : SECTOR + sectors] = 400 / sectors

    assert (flood(minutes) is not None) == is_flood
