"""How fast the tracker is, beside a plain numpy Kalman loop and Stone Soup in the same run.

usage: python benchmarks/fusion.py [--quick]
Prints detections per second of processor time for each, the ratio, the cost against the number of
things, how much faster than real time, and the memory of a further detection. The plain loop is told
which detection is whose and only filters. Stone Soup (global nearest neighbour, constant velocity), where
it is installed, follows the same 50 things over the same minutes as we do: those of the scenario maker of
$TRUCELINE_SHARED (default ../shared), or else of the world below. It is spared reading the files, the empty
looks and the late ones, which it gets in order of time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS
from truceline.model.classes import FUSION_CLASSES
from truceline.track.files.fusing import follow, output_times, tracks_table
from truceline.track.files.inputs import read_inputs

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
RADARS, PERIOD_S, RANGE_M, PD, SIGMA_M, CLUTTER_PER_KM2 = 8, 10, 10_000.0, 0.9, 20.0, 0.005


def world(folder: Path, things: int, minutes: int, seed: int = 1) -> list[Path]:
    """Write what eight radars along a corridor of 100 km see of things that drive and stand."""
    rng = np.random.default_rng(seed)
    place = rng.uniform((0, 0), (100_000, 20_000), (things, 2))
    velocity = rng.normal(0, 8, (things, 2)) * (rng.random(things) < 0.55)[:, None]
    columns: dict[str, list[np.ndarray]] = {"t": [], "look": [], "radar": [], "xy": [], "thing": []}
    looks = []
    for second in range(0, 60 * minutes, PERIOD_S):
        for radar in range(RADARS):
            t, centre = second + radar, np.array([6_250 + 12_500 * radar, 10_000.0])
            at = place + velocity * t
            seen = np.flatnonzero((np.hypot(*(at - centre).T) < RANGE_M) & (rng.random(things) < PD))
            false = rng.poisson(CLUTTER_PER_KM2 * np.pi * RANGE_M**2 / 1e6)
            r, a = RANGE_M * np.sqrt(rng.random(false)), rng.uniform(0, 2 * np.pi, false)
            clutter = centre + np.stack([r * np.cos(a), r * np.sin(a)], 1)
            columns["xy"].append(np.concatenate([at[seen] + rng.normal(0, SIGMA_M, (len(seen), 2)), clutter]))
            columns["thing"].append(np.r_[seen, np.full(false, -1)])
            n = len(seen) + false
            for name, value in (("t", t), ("look", len(looks)), ("radar", radar)):
                columns[name].append(np.full(n, value))
            looks.append((len(looks), radar, t, *centre))
    rows = {name: np.concatenate(parts) for name, parts in columns.items()}
    np.save(folder / "whose.npy", rows["thing"])
    _write(folder, rows, looks)
    return [folder / f"{name}.parquet" for name in ("detections", "sensors", "looks")]


def _write(folder: Path, rows: dict[str, np.ndarray], looks: list[tuple[float, ...]]) -> None:
    n = len(rows["t"])
    start = int(T0.timestamp() * 1e6)

    def times(seconds: np.ndarray) -> pa.Array:
        return pa.array((start + seconds * 1e6).astype(np.int64)).cast(pa.timestamp("us", "UTC"))

    values = {
        "detection_id": np.arange(1, n + 1), "sensor_id": [f"radar_{r}" for r in rows["radar"]],
        "look_id": rows["look"], "phenomenon_time": times(rows["t"]), "result_time": times(rows["t"] + 1),
        "x_m": rows["xy"][:, 0], "y_m": rows["xy"][:, 1], "sxx_m2": np.full(n, SIGMA_M**2),
        "syy_m2": np.full(n, SIGMA_M**2), "sxy_m2": np.zeros(n),
        **{f"p_{c}": np.full(n, 1 / len(FUSION_CLASSES)) for c in FUSION_CLASSES},
    }  # fmt: skip
    empty = pa.nulls(n)
    table = pa.table(
        [pa.array(values.get(f.name, empty)).cast(f.type) for f in DETECTIONS], schema=DETECTIONS
    )
    pq.write_table(table, folder / "detections.parquet")
    sensors = [
        {"sensor_id": f"radar_{r}", "kind": "radar", "x_m": 0.0, "y_m": 0.0, "pd": PD,
         "clutter_per_km2": CLUTTER_PER_KM2, "period_s": float(PERIOD_S), "min_speed_mps": 0.0,
         "bias_sigma_m": 0.0, "latency_s": 1.0, "duplicates": False}
        for r in range(RADARS)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(sensors, schema=SENSORS), folder / "sensors.parquet")
    rows_of_looks = [
        {
            "look_id": i, "sensor_id": f"radar_{r}", "sortie_id": r, "shape": "annulus", "cx_m": x, "cy_m": y,
            "phenomenon_time": T0 + timedelta(seconds=t), "result_time": T0 + timedelta(seconds=t + 1),
            "a_m": 0.0, "b_m": RANGE_M, "heading_rad": 0.0,
        }
        for i, r, t, x, y in looks
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows_of_looks, schema=LOOKS), folder / "looks.parquet")


def ours(paths: list[Path]) -> int:
    """From files to a table of tracks."""
    inputs = read_inputs(*paths)
    times = output_times(inputs, 30, None, None)
    tracks_table(follow(inputs, times, by_arrival=True), inputs, times)
    return len(inputs.detections["detection_id"])


def plain_loop(paths: list[Path]) -> int:
    """Filter each detection into the thing that it is of, one after the other, with numpy."""
    table = pq.read_table(paths[0])
    z = np.stack([table["x_m"].to_numpy(), table["y_m"].to_numpy()], 1)
    t = table["phenomenon_time"].cast(pa.int64()).to_numpy() / 1e6
    whose = np.load(paths[0].parent / "whose.npy")
    states: dict[int, tuple[float, np.ndarray, np.ndarray]] = {}
    h, noise = np.eye(2, 4), SIGMA_M**2 * np.eye(2)
    for k in np.flatnonzero(whose >= 0):
        if whose[k] not in states:
            states[whose[k]] = (t[k], np.r_[z[k], 0, 0], np.diag([400.0, 400.0, 150.0, 150.0]))
            continue
        before, x, p = states[whose[k]]
        dt = t[k] - before
        f = np.eye(4) + dt * np.eye(4, k=2)
        x, p = f @ x, f @ p @ f.T + 0.3 * dt * np.diag([dt * dt / 3, dt * dt / 3, 1, 1])
        gain = p @ h.T @ np.linalg.inv(h @ p @ h.T + noise)
        states[whose[k]] = (t[k], x + gain @ (z[k] - h @ x), p - gain @ h @ p)
    return int((whose >= 0).sum())


def looks_of(paths: list[Path]) -> list[list[dict[str, Any]]]:
    """Detections look by look, in order of time; those of no look, told by people, one by one."""
    names = [
        "detection_id",
        "sensor_id",
        "look_id",
        "phenomenon_time",
        "x_m",
        "y_m",
        "sxx_m2",
        "syy_m2",
        "sxy_m2",
    ]
    rows = pq.read_table(paths[0], columns=names).to_pylist()
    keys = [
        (row["phenomenon_time"], row["sensor_id"], row["look_id"] or -row["detection_id"]) for row in rows
    ]
    looks: dict[Any, list[dict[str, Any]]] = {key: [] for key in sorted(keys)}
    for key, row in zip(keys, rows, strict=True):
        looks[key].append(row)
    return list(looks.values())


def stone_soup(looks: list[list[dict[str, Any]]]) -> int:
    """Global nearest neighbour of Stone Soup; what was not seen for a minute is let go."""
    from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
    from stonesoup.hypothesiser.distance import DistanceHypothesiser
    from stonesoup.measures import Mahalanobis
    from stonesoup.models.measurement.linear import LinearGaussian
    from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
    from stonesoup.predictor.kalman import KalmanPredictor
    from stonesoup.types.detection import Detection
    from stonesoup.types.state import GaussianState
    from stonesoup.types.track import Track
    from stonesoup.updater.kalman import KalmanUpdater

    predictor = KalmanPredictor(CombinedLinearGaussianTransitionModel([ConstantVelocity(0.3)] * 2))
    updater = KalmanUpdater(None)
    associator = GNNWith2DAssignment(
        DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=4)
    )
    tracks: set[Track] = set()
    for rows in looks:
        detections = {
            Detection(
                np.array([[row["x_m"]], [row["y_m"]]]),
                timestamp=row["phenomenon_time"].replace(tzinfo=None),
                measurement_model=LinearGaussian(
                    4, (0, 2), np.array([[row["sxx_m2"], row["sxy_m2"]], [row["sxy_m2"], row["syy_m2"]]])
                ),
            )
            for row in rows
        }
        now = next(iter(detections)).timestamp
        taken = set()
        for track, hypothesis in associator.associate(tracks, detections, now).items():
            if hypothesis:
                track.append(updater.update(hypothesis))
                taken.add(hypothesis.measurement)
        for one in detections - taken:
            (x, y), noise = one.state_vector[:, 0], one.measurement_model.noise_covar
            start = np.diag([noise[0, 0], 150, noise[1, 1], 150])
            tracks.add(Track([GaussianState([x, 0, y, 0], start, timestamp=now)]))
        tracks = {t for t in tracks if (now - t.timestamp).total_seconds() < 60}
    return sum(map(len, looks))


def rate(act: Callable[[], int]) -> float:
    """Detections per second of processor time."""
    start = time.process_time()
    return act() / (time.process_time() - start)


def per_detection(folder: Path, minutes: tuple[int, int]) -> float:
    """Bytes of peak memory for a further detection: two runs of different length, each on its own."""
    peaks = []
    for length in minutes:
        paths = world(folder, 500, length)
        out = subprocess.run(
            [sys.executable, __file__, "--peak", str(folder)], capture_output=True, check=True
        )
        peaks.append((int(out.stdout), pq.read_metadata(paths[0]).num_rows))
    (less, few), (more, many) = peaks
    return (more - less) / (many - few)


def peak(folder: Path) -> None:
    """Print the peak memory of one run, bytes."""
    ours([folder / f"{name}.parquet" for name in ("detections", "sensors", "looks")])
    # The kernel's figure of this program alone: `ru_maxrss` also holds what its parent had when it began.
    line = next(row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row)
    print(int(line.split()[1]) * 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one turn each and few things")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak is not None:
        peak(args.peak)
        return
    turns = 1 if args.quick else 5
    with tempfile.TemporaryDirectory() as name:
        ours(world(Path(name), 5, 1))  # compiles
        base = 0.0
        for things in (50, 500) if args.quick else (50, 500, 5000):
            minutes = 10 if args.quick else 15
            paths = world(Path(name), things, minutes)
            pairs = [(rate(lambda: ours(paths)), rate(lambda: plain_loop(paths))) for _ in range(turns)]  # noqa: B023
            we, they = median(a for a, _ in pairs), median(b for _, b in pairs)
            base = base or we
            print(
                f"{things:5d} things: ours {we:9.0f}/s  numpy loop {they:7.0f}/s  ratio {we / they:5.1f}  "
                f"time per detection against 50 things {base / we:4.2f}  "
                f"{we * minutes * 60 / pq.read_metadata(paths[0]).num_rows:6.0f} times real time"
            )
        _beside_stone_soup(Path(name), 3 if args.quick else 10, turns)
        further = per_detection(Path(name), (5, 15) if args.quick else (10, 60))
        print(f"  500 things: {further:.0f} bytes of peak memory for a further detection")


def made(folder: Path, minutes: int) -> tuple[list[Path], str]:
    """Fifty things of the scenario maker, where it is at hand, or of :func:`world`; and whose they are."""
    maker = Path(os.environ.get("TRUCELINE_SHARED") or "../shared") / "score/fusion/gen_scenario.py"
    if not maker.exists():
        return world(folder, 50, minutes), "our own world"
    told = [str(maker), "--objects", "50", "--hours", str(minutes / 60), "--seed", "7", "--out", str(folder)]
    subprocess.run([sys.executable, *told], check=True, stdout=subprocess.DEVNULL)
    return [folder / f"{name}.parquet" for name in ("detections", "sensors", "looks")], "the scenario maker"


def _beside_stone_soup(folder: Path, minutes: int, turns: int) -> None:
    paths, whose = made(folder, minutes)
    ours(paths)
    we = median(rate(lambda: ours(paths)) for _ in range(turns))
    print(f"   50 things of {whose}, {minutes} minutes, {pq.read_metadata(paths[0]).num_rows} detections:")
    try:
        import stonesoup  # noqa: F401
    except ImportError:
        print(f"            ours {we:9.0f}/s; peer Stone Soup not installed, no ratio")
        return
    looks = looks_of(paths)
    they = rate(lambda: stone_soup(looks))
    print(f"            ours {we:9.0f}/s  Stone Soup {they:7.1f}/s  ratio {we / they:5.0f}")


if __name__ == "__main__":
    main()
