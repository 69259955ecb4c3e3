"""Three radars watch the same things; one of them fails in one way, and the report says which and how."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS
from truceline.model.classes import FUSION_CLASSES

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
PLACE = np.array([[0.0, 0.0], [12_000.0, 0.0], [24_000.0, 0.0]])
REACH_M, SIGMA_M, THINGS, MINUTES = 15_000.0, 20.0, 40, 30
CLASSES = {f"p_{c}": 1 / len(FUSION_CLASSES) for c in FUSION_CLASSES}


def write(folder, fault):
    """What the radars see; ``fault`` changes what radar 1 shows in a look: (time, places, rng) → places.

    The answer tells where the things are at a second.
    """
    rng = np.random.default_rng(11)
    start = rng.uniform((-8000, -9000), (32_000, 9000), (THINGS, 2))
    v = rng.normal(0, 9, (THINGS, 2)) * (rng.random(THINGS) < 0.6)[:, None]
    looks, rows = [], []
    for second in range(0, 60 * MINUTES, 10):
        for radar in range(3):
            t = second + 3 * radar
            at, clock = start + v * t, 0.0
            at = at[(np.hypot(*(at - PLACE[radar]).T) < REACH_M) & (rng.random(THINGS) < 0.9)]
            at = at + rng.normal(0, SIGMA_M, at.shape)
            if radar == 1:
                at, clock = fault(t, at, rng)
            told = T0 + timedelta(seconds=t + clock)
            looks.append({
                "look_id": len(looks), "sensor_id": f"r{radar}", "sortie_id": radar, "shape": "annulus",
                "phenomenon_time": told, "result_time": T0 + timedelta(seconds=t + 3),
                "cx_m": PLACE[radar, 0], "cy_m": 0.0, "a_m": 0.0, "b_m": REACH_M, "heading_rad": 0.0,
            })  # fmt: skip
            rows += [
                {"detection_id": 0, "sensor_id": f"r{radar}", "look_id": len(looks) - 1, "x_m": x, "y_m": y,
                 "phenomenon_time": told, "result_time": looks[-1]["result_time"],
                 "sxx_m2": SIGMA_M**2, "syy_m2": SIGMA_M**2, "sxy_m2": 0.0, **CLASSES}
                for x, y in at
            ]  # fmt: skip
    for k, row in enumerate(rows):
        row["detection_id"] = k
    sensors = [
        {"sensor_id": f"r{r}", "kind": "radar", "x_m": PLACE[r, 0], "y_m": 0.0, "pd": 0.9, "period_s": 10.0,
         "clutter_per_km2": 0.001, "min_speed_mps": 0.0, "bias_sigma_m": 0.0, "latency_s": 3.0,
         "duplicates": False}
        for r in range(3)
    ]  # fmt: skip
    for name, of, schema in (
        ("detections", rows, DETECTIONS), ("sensors", sensors, SENSORS), ("looks", looks, LOOKS)
    ):  # fmt: skip
        pq.write_table(pa.Table.from_pylist(of, schema=schema), folder / f"{name}.parquet")
    return lambda second: start + v * second


def anywhere(rng, n):
    a, r = rng.uniform(0, 2 * np.pi, n), REACH_M * np.sqrt(rng.random(n))
    return PLACE[1] + np.stack([r * np.cos(a), r * np.sin(a)], 1)


def turned(at, angle):
    x, y = (at - PLACE[1]).T
    return PLACE[1] + np.stack(
        [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], 1
    )


OF_CONTRACT = {
    "sensor_id", "trust", "bias_x_m", "bias_y_m", "clock_offset_s", "suspect", "reasons", "from", "to",
}  # fmt: skip
BEYOND = {"bias_sigma_m", "clock_sigma_s", "azimuth_offset_rad", "azimuth_sigma_rad"}  # decision 0095

FAULTS = {
    "none": lambda t, at, rng: (at, 0.0),
    "bias": lambda t, at, rng: (at + np.array([6.0, -8.0]), 0.0),
    "azimuth": lambda t, at, rng: (turned(at, 0.006), 0.0),
    "clock": lambda t, at, rng: (at, -2.0),
    "jammed": lambda t, at, rng: (at[:0] if 600 < t < 1200 else at, 0.0),
    "flood": lambda t, at, rng: (
        np.concatenate([at, anywhere(rng, 60)]) if 600 < t < 900 else at, 0.0
    ),
    "untruthful": lambda t, at, rng: (anywhere(rng, len(at)), 0.0),
    "untruthful for ten minutes": lambda t, at, rng: (
        anywhere(rng, len(at)) if 600 < t < 1200 else at, 0.0
    ),
}  # fmt: skip


def test_groups_and_weights_of_a_run_fit_its_tracks(tmp_path):
    write(tmp_path, FAULTS["none"])
    files = [str(tmp_path / "detections.parquet"), "--sensors", str(tmp_path / "sensors.parquet")]
    files += ["--looks", str(tmp_path / "looks.parquet"), "--out", str(tmp_path / "t.parquet")]
    files += ["--groups", str(tmp_path / "g.parquet"), "--weights", str(tmp_path / "w.parquet")]

    assert main(["fuse", *files]) == 0

    tracks, weights = pq.read_table(tmp_path / "t.parquet"), pq.read_table(tmp_path / "w.parquet")
    used = [one for row in tracks["detection_ids"].to_pylist() for one in row]
    assert weights["detection_id"].to_pylist() == used
    per_row = weights.group_by(["time", "track_id"]).aggregate([("weight", "sum")])["weight_sum"].to_pylist()
    assert per_row == pytest.approx([1.0] * len(per_row), abs=1e-4)
    known = {(row["time"], row["track_id"]) for row in tracks.to_pylist()}
    for group in pq.read_table(tmp_path / "g.parquet").to_pylist():
        assert {(group["time"], track) for track in group["track_ids"]} <= known
        assert group["count_low"] <= group["count"] + 1 and group["count"] <= group["count_high"] + 1


@pytest.mark.parametrize("fault", FAULTS)
def test_the_report_names_the_one_sensor_that_fails_and_how(fault, tmp_path):
    write(tmp_path, FAULTS[fault])
    files = [str(tmp_path / "detections.parquet"), "--sensors", str(tmp_path / "sensors.parquet")]
    files += ["--looks", str(tmp_path / "looks.parquet"), "--out", str(tmp_path / "t.parquet")]

    assert main(["fuse", *files, "--sensor-report", str(tmp_path / "r.json")]) == 0

    report = {s["sensor_id"]: s for s in json.loads((tmp_path / "r.json").read_text())["sensors"]}
    reason = {"none": [], "azimuth": ["bias"]}.get(fault, fault.split()[:1])
    assert {name: s["reasons"] for name, s in report.items()} == {"r0": [], "r1": reason, "r2": []}
    assert all(set(one) == OF_CONTRACT | BEYOND for one in report.values())
    r1 = report["r1"]
    assert r1["clock_offset_s"] == pytest.approx(2.0 if fault == "clock" else 0.0, abs=0.5)
    if fault == "bias":
        assert (r1["bias_x_m"], r1["bias_y_m"]) == pytest.approx((6, -8), abs=3)
    if fault == "azimuth":
        assert r1["azimuth_offset_rad"] == pytest.approx(0.006, abs=0.002)
    if fault in ("jammed", "flood", "untruthful for ten minutes"):
        assert "2026-03-01T06:09" <= r1["from"] <= "2026-03-01T06:12"


def test_a_radar_that_tells_of_things_where_there_are_none_leaves_the_picture_of_the_others(tmp_path):
    things = write(tmp_path, FAULTS["untruthful"])
    files = [str(tmp_path / "detections.parquet"), "--sensors", str(tmp_path / "sensors.parquet")]
    files += ["--looks", str(tmp_path / "looks.parquet"), "--out", str(tmp_path / "t.parquet")]

    assert main(["fuse", *files]) == 0

    end = T0 + timedelta(minutes=MINUTES - 1)
    rows = [row for row in pq.read_table(tmp_path / "t.parquet").to_pylist() if row["time"] == end]
    shown = np.array([(row["x_m"], row["y_m"]) for row in rows if row["existence"] >= 0.5])
    apart = np.hypot(*(shown[:, None] - things((MINUTES - 1) * 60)).transpose(2, 0, 1))
    covered = (
        np.hypot(*(things((MINUTES - 1) * 60)[:, None] - PLACE[[0, 2]]).transpose(2, 0, 1)) < 14_000
    ).any(1)
    assert (apart.min(0)[covered] < 100).mean() > 0.9
    assert (apart.min(1) > 100).mean() < 0.1
