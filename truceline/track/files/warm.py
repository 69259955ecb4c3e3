"""Compile what `truceline fuse` needs before it is wanted."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS
from truceline.track.files.fusing import follow, output_times
from truceline.track.files.hindsight import look_back
from truceline.track.files.inputs import read_inputs
from truceline.track.files.report import sensor_report
from truceline.track.sensors.hearing import inverse

GRID_S, EVERY_S, LOOK_COUNT = 30.0, 10, 40


def warm() -> None:
    """Compile, once per machine, what following and looking back need: a radar sees a thing drive by."""
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        files = [Path(folder, name) for name in ("detections", "sensors", "looks")]
        for file, (rows, schema) in zip(files, _tables(), strict=True):
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
        first, again = read_inputs(*files), read_inputs(*files)  # following takes over what it is given
    times = output_times(first, GRID_S, None, None)
    sensor_report(follow(first, times, by_arrival=True), first)
    look_back(follow(again, times, by_arrival=False), (times - times[0]) / 1e6, 1)
    inverse(np.eye(1))  # asked for where sensors are compared


def _tables() -> list[tuple[list[dict[str, object]], pa.Schema]]:
    radar = {
        "sensor_id": "r", "kind": "radar", "x_m": 0.0, "y_m": 0.0, "pd": 0.9, "clutter_per_km2": 0.01,
        "period_s": float(EVERY_S), "min_speed_mps": 0.0, "bias_sigma_m": 0.0, "latency_s": 0.0,
        "duplicates": False,
    }  # fmt: skip
    looks, detections = [], []
    for k in range(LOOK_COUNT):
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=EVERY_S * k)
        known = {"sensor_id": "r", "look_id": k, "phenomenon_time": moment, "result_time": moment}
        looks.append(known | {
            "sortie_id": 0, "shape": "annulus", "cx_m": 0.0, "cy_m": 0.0, "a_m": 0.0, "b_m": 5000.0,
            "heading_rad": 0.0,
        })  # fmt: skip
        detections.append(known | {
            "detection_id": k, "x_m": 80.0 * k, "y_m": 1000.0, "sxx_m2": 25.0, "syy_m2": 25.0, "sxy_m2": 0.0,
            "p_car": 1.0,
        })  # fmt: skip
    return [(detections, DETECTIONS), ([radar], SENSORS), (looks, LOOKS)]
