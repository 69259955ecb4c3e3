"""Convoys keep their names: made-up columns of trucks under one radar that looks every 10 s."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS
from truceline.model.classes import FUSION_CLASSES
from truceline.track.files.fusing import follow, output_times
from truceline.track.files.inputs import read_inputs

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
SENSOR = {
    "sensor_id": "r", "kind": "radar", "x_m": 0.0, "y_m": 0.0, "pd": 0.9, "clutter_per_km2": 0.005,
    "period_s": 10.0, "min_speed_mps": 0.0, "bias_sigma_m": 0.0, "latency_s": 0.0, "duplicates": False,
}  # fmt: skip


def way_m(seconds: float, from_s: float, until_s: float) -> float:
    """How far a convoy has come that stands, drives at 12 m/s between two moments, and stands again."""
    return 12.0 * min(max(seconds - from_s, 0.0), until_s - from_s)


def names(folder, size, steps, from_s, until_s, seed):
    """The names of the tracks that the trucks' detections went to, per look and truck; -1: not seen."""
    rng = np.random.default_rng(seed)
    rows, looks, which = [], [], []
    for k in range(steps):
        time = T0 + timedelta(seconds=10 * k)
        looks.append(
            {"look_id": k, "sensor_id": "r", "sortie_id": 0, "phenomenon_time": time, "result_time": time,
             "shape": "annulus", "cx_m": 0.0, "cy_m": 0.0, "a_m": 0.0, "b_m": 10_000.0, "heading_rad": 0.0}
        )  # fmt: skip
        for truck in np.flatnonzero(rng.random(size) < 0.95):
            x = 1000.0 - 60.0 * truck + way_m(10.0 * k, from_s, until_s)
            which.append((k, truck))
            rows.append(
                {"detection_id": len(which), "sensor_id": "r", "look_id": k, "phenomenon_time": time,
                 "result_time": time, "x_m": x + rng.normal(0, 12), "y_m": rng.normal(0, 12),
                 "sxx_m2": 144.0, "syy_m2": 144.0, "sxy_m2": 0.0, **{f"p_{c}": 1 / 7 for c in FUSION_CLASSES}}
            )  # fmt: skip
    paths = [folder / name for name in ("detections.parquet", "sensors.parquet", "looks.parquet")]
    for path, table, schema in zip(paths, (rows, [SENSOR], looks), (DETECTIONS, SENSORS, LOOKS), strict=True):
        pq.write_table(pa.Table.from_pylist(table, schema=schema), path)
    inputs = read_inputs(*paths)
    course = follow(inputs, output_times(inputs, 30, None, None), by_arrival=True)
    owner = dict(
        zip(inputs.detections["detection_id"][course.order].tolist(), course.owner.tolist(), strict=True)
    )
    found = np.full((steps, size), -1)
    for i, (k, truck) in enumerate(which):
        found[k, truck] = owner[i + 1]
    return found


def kept(found, before, after):
    """Share of the trucks whose most frequent name is the same in two spans of looks."""

    def usual(span):
        return [np.unique(c[c >= 0], return_counts=True) for c in found[span].T]

    first, second = ([v[n.argmax()] for v, n in usual(span)] for span in (before, after))
    return np.mean(np.array(first) == np.array(second))


def kept_on_average(tmp_path, from_s, until_s, before, after):
    shares = []
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        shares.append(kept(names(folder, 7, 40, from_s, until_s, seed), before, after))
    return np.mean(shares)


def test_a_convoy_that_sets_off_keeps_its_names(tmp_path):
    assert kept_on_average(tmp_path, 203.0, 1e4, slice(10, 20), slice(24, 32)) > 0.9


def test_a_convoy_that_stops_keeps_its_names(tmp_path):
    assert kept_on_average(tmp_path, -100.0, 204.0, slice(12, 20), slice(28, 40)) > 0.7


def test_a_convoy_that_stands_keeps_its_names(tmp_path):
    found = names(tmp_path, 7, 20, from_s=1e4, until_s=2e4, seed=5)

    assert all(len(np.unique(c[c >= 0])) == 1 for c in found[3:].T)
