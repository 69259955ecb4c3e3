"""From video rows and reports to DETECTIONS, SENSORS and LOOKS (contract fusion)."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from truceline.codec.fusion_tables import SENSORS
from truceline.codec.reported_things import SURE, class_shares, classes_of, stated
from truceline.model.classes import probabilities
from truceline.model.observed import Report
from truceline.model.units import CE90_PER_SIGMA

Row = dict[str, Any]
FINEST_M = 1.0  # a stated error of nothing would have no covariance
UNSAID_CE90_M = 1000.0  # a person's report without an error


def video_row(row: Mapping[str, Any], sensor: str) -> Row | None:
    """Turn a row of ``detect video`` or ``video track`` into a detection; None: no time or no place."""
    wanted = ("time", "lat_deg", "lon_deg", "ce90_m", "score")
    if any(row.get(word) is None for word in wanted):
        return None
    shares = probabilities(row["category"] or "", min(max(row["score"], 0.0), 1.0))
    made = _row(sensor, row["time"], row["time"], row["lat_deg"], row["lon_deg"], row["ce90_m"], shares)
    return made | _velocity(row)


def _velocity(row: Mapping[str, Any]) -> Row:
    told = [row.get(word) for word in ("speed_mps", "course_deg", "speed_sigma_mps")]
    if None in told:
        return {}
    speed, course, sigma = (float(value) for value in told if value is not None)
    turn = math.radians(course)
    return {
        "vx_mps": speed * math.sin(turn),
        "vy_mps": speed * math.cos(turn),
        "svv_m2ps2": sigma**2,
    }


def report_row(report: Report, sensor: str, received: datetime | None) -> Row | None:
    """Turn a sighting that somebody reported into a detection; None: it is no sighting."""
    if report.type != "sighting":
        return None
    sure = stated(report.attributes, "confidence", 1.0)
    shares = class_shares(classes_of(report) or (), SURE if sure is None else sure)
    ce90 = report.ce90_m if report.ce90_m is not None else UNSAID_CE90_M
    time = report.time_utc
    return _row(sensor, time, received or time, report.lat_deg, report.lon_deg, ce90, shares)


def _row(
    sensor: str,
    time: datetime,
    result: datetime,
    lat: float,
    lon: float,
    ce90: float,
    shares: dict[str, float],
) -> Row:
    variance = max(ce90 / CE90_PER_SIGMA, FINEST_M) ** 2
    return {
        "sensor_id": sensor, "look_id": None, "phenomenon_time": time, "result_time": result,
        "lat_deg": lat, "lon_deg": lon, "sxx_m2": variance, "syy_m2": variance, "sxy_m2": 0.0,
        **{f"p_{word}": share for word, share in shares.items()},
    }  # fmt: skip


def one_per_second(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Keep one observed row per track and second: errors within a second are not independent."""
    kept: dict[tuple[int, int], Mapping[str, Any]] = {}
    for row in sorted(
        rows, key=lambda r: (r["time"] is None, r["time"] and r["time"].timestamp(), r["track_id"])
    ):
        if row["time"] is None:
            kept[-1, len(kept)] = row
        elif row.get("observed") is not False:
            kept.setdefault((row["track_id"], math.floor(row["time"].timestamp())), row)
    return list(kept.values())


def sensors_table(kinds: Mapping[str, str]) -> pa.Table:
    """Say what is known of sensors, which is little: look at it before use."""
    rows = [
        {
            "sensor_id": sensor, "kind": kind, "x_m": math.nan, "y_m": math.nan, "pd": math.nan,
            "clutter_per_km2": 0.01, "period_s": math.nan, "min_speed_mps": 0.0, "bias_sigma_m": 10.0,
            "latency_s": 0.0, "duplicates": kind == "report",
        }
        for sensor, kind in sorted(kinds.items())
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SENSORS)
