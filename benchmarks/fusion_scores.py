"""How good the tracker's picture is, beside a filter that is told which detection is whose, and under faults.

usage: python benchmarks/fusion_scores.py [--quick] [--scorer FOLDER]
FOLDER holds a scenario maker, a scorer and the told filter (gen_scenario.py, score.py, clairvoyant.py,
see contract fusion, How it is scored). Prints GOSPA, IDF1 and class accuracy as ratios to those of the
told filter and the share of errors inside their 95 % ellipse; then, with one radar, drone or acoustic
station at fault, GOSPA as a ratio to that without the fault, whether the sensor report names the fault, whom
else it accuses, and by how much it errs about the clock.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from truceline.track.files.fusing import follow, output_times, tracks_table
from truceline.track.files.inputs import read_inputs
from truceline.track.files.report import sensor_report

Tables = dict[str, dict[str, Any]]
BIAS_M, CLOCK_S, BURST, DISPLACED_M = 10.0, 2.0, 100, 400.0


def tracks(folder: Path, out: Path) -> tuple[Path, dict[str, Any]]:
    """Fuse a scenario's files causally; give the tracks and what is said of each sensor."""
    inputs = read_inputs(*(folder / f"{name}.parquet" for name in ("detections", "sensors", "looks")))
    times = output_times(inputs, 30, None, None)
    course = follow(inputs, times, by_arrival=True)
    pq.write_table(tracks_table(course, inputs, times), out)
    return out, {one["sensor_id"]: one for one in sensor_report(course, inputs)["sensors"]}


def biased(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor is off by ten metres."""
    tables["detections"]["x_m"][mine] += np.float32(BIAS_M)


def early(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor's clock is two seconds ahead."""
    tables["detections"]["phenomenon_time"][mine] += int(CLOCK_S * 1e6)
    of = tables["looks"]["sensor_id"] == tables["detections"]["sensor_id"][mine[0]]
    tables["looks"]["phenomenon_time"][of] += int(CLOCK_S * 1e6)


def jammed(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor shows nothing in the middle third."""
    time = tables["detections"]["phenomenon_time"]
    first, last = np.quantile(time, [1 / 3, 2 / 3])
    keep = np.ones(len(time), bool)
    keep[mine[(time[mine] > first) & (time[mine] < last)]] = False
    tables["detections"] = {k: v[keep] for k, v in tables["detections"].items()}


def flooded(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor shows, for a minute, false detections by the hundred in each look."""
    d, looks = tables["detections"], tables["looks"]
    middle = np.median(d["phenomenon_time"])
    own = looks["sensor_id"] == d["sensor_id"][mine[0]]
    at = np.repeat(np.flatnonzero(own & (abs(looks["phenomenon_time"] - middle) < 30e6)), BURST)
    like = rng.choice(mine, len(at))
    more = {k: v[like].copy() for k, v in d.items()}
    more["detection_id"] = d["detection_id"].max() + 1 + np.arange(len(at))
    for name in ("look_id", "phenomenon_time", "result_time"):
        more[name] = looks[name][at]
    ring, heading = looks["shape"][at] == "annulus", looks["heading_rad"][at]
    r, a = looks["b_m"][at] * np.sqrt(rng.random(len(at))), rng.uniform(0, 2 * np.pi, len(at))
    u, w = rng.uniform(-1, 1, len(at)) * looks["a_m"][at], rng.uniform(-1, 1, len(at)) * looks["b_m"][at]
    east = np.where(ring, r * np.cos(a), u * np.cos(heading) - w * np.sin(heading))
    north = np.where(ring, r * np.sin(a), u * np.sin(heading) + w * np.cos(heading))
    more["x_m"] = (looks["cx_m"][at] + east).astype(np.float32)
    more["y_m"] = (looks["cy_m"][at] + north).astype(np.float32)
    tables["detections"] = {k: np.concatenate([v, more[k]]) for k, v in d.items()}


def lying(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor tells of things where there are none."""
    d = tables["detections"]
    order = rng.permutation(len(mine))
    for name in ("x_m", "y_m"):
        d[name][mine] = d[name][mine][order] + rng.normal(0, 800, len(mine)).astype(np.float32)


def displaced(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor tells of things some hundred metres from where they are, each time in another direction."""
    way = rng.uniform(0, 2 * np.pi, len(mine))
    tables["detections"]["x_m"][mine] += (DISPLACED_M * np.cos(way)).astype(np.float32)
    tables["detections"]["y_m"][mine] += (DISPLACED_M * np.sin(way)).astype(np.float32)


def displaced_by_half(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """Half of what one sensor tells is displaced."""
    displaced(tables, mine[rng.random(len(mine)) < 0.5], rng)


def displaced_for_a_while(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """What one sensor tells is displaced for twenty minutes."""
    time = tables["detections"]["phenomenon_time"]
    displaced(tables, mine[abs(time[mine] - np.median(time)) < 600e6], rng)


def taken_away(tables: Tables, mine: np.ndarray, rng: np.random.Generator) -> None:
    """One sensor is not there: the most that can be had when one is jammed or tells no truth."""
    name = tables["detections"]["sensor_id"][mine[0]]
    for table in (tables["detections"], tables["looks"]):
        keep = table["sensor_id"] != name
        table.update({word: column[keep] for word, column in table.items()})


Fault = Callable[[Tables, np.ndarray, np.random.Generator], None]
FAULTS: dict[str, tuple[Fault, str]] = {
    "bias of 10 m": (biased, "bias"), "clock 2 s ahead": (early, "clock"), "jammed": (jammed, "jammed"),
    "burst of 100": (flooded, "flood"), "untruthful": (lying, "untruthful"),
    "displaced": (displaced, "untruthful"), "half displaced": (displaced_by_half, "untruthful"),
    "displaced 20 min": (displaced_for_a_while, "untruthful"), "taken away": (taken_away, ""),
}  # fmt: skip


def busiest(tables: Tables, kind: str) -> np.ndarray:
    """Rows of detections of the sensor of a kind that has most."""
    names = tables["sensors"]["sensor_id"][tables["sensors"]["kind"] == kind]
    sensor = tables["detections"]["sensor_id"]
    return max((np.flatnonzero(sensor == name) for name in names), key=len)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small scenario")
    parser.add_argument("--scorer", type=Path, metavar="FOLDER", help="scenario maker, scorer, told filter")
    args = parser.parse_args()
    if args.scorer is None:
        print("peer not given (--scorer FOLDER): no scores")
        return
    sys.path.insert(0, str(args.scorer))
    maker, scorer = importlib.import_module("gen_scenario"), importlib.import_module("score")
    with tempfile.TemporaryDirectory() as name:
        for things, hours, seed in [(50, 0.25, 7)] if args.quick else [(50, 1.0, 7), (500, 0.5, 8)]:
            measure(maker, scorer, args.scorer, Path(name), maker.generate(things, hours, seed))


def measure(maker: Any, scorer: Any, scripts: Path, folder: Path, tables: Tables) -> None:
    """Print one scenario's rows."""
    maker.write(tables, folder)
    told = folder / "told.parquet"
    subprocess.run([sys.executable, scripts / "clairvoyant.py", folder, "--out", told], check=True)
    truth = scorer.load(folder / "truth.parquet")
    limit, ours = (
        scorer.score(scorer.load(path), truth) for path in (told, tracks(folder, folder / "ours.parquet")[0])
    )
    things = tables["info"]["objects"]
    print(
        f"{things:5d} things: GOSPA {ours['gospa_m'] / limit['gospa_m']:.3f}  "
        f"IDF1 {ours['idf1'] / limit['idf1']:.3f}  "
        f"class {ours['class_accuracy'] / limit['class_accuracy']:.3f}  of the told filter's; "
        f"inside the 95 % ellipse {ours['nees_share95']:.3f}"
    )
    for kind in ("radar", "drone", "acoustic"):
        for fault, (spoil, word) in FAULTS.items():
            spoilt = {name: dict(table) for name, table in tables.items()}
            for name in ("detections", "looks"):
                spoilt[name] = {k: v.copy() for k, v in tables[name].items()}
            mine = busiest(spoilt, kind)
            sensor = tables["detections"]["sensor_id"][mine[0]]
            spoil(spoilt, mine, np.random.default_rng(3))
            for name in ("detections", "looks"):
                maker.write_table(spoilt[name], str(folder / f"{name}.parquet"))
            out, said = tracks(folder, folder / "ours.parquet")
            score = scorer.score(scorer.load(out), truth)
            ratio = score["gospa_m"] / ours["gospa_m"]
            print(
                f"{things:5d} things, {sensor}, {fault}: GOSPA {ratio:.3f} of that without; "
                f"{verdict(said, sensor, word)}"
            )


def verdict(said: dict[str, Any], sensor: str, word: str) -> str:
    """Tell what the sensor report made of a fault."""
    mine = said[sensor]
    others = [name for name, one in said.items() if one["suspect"] and name != sensor]
    named = "" if not word else "named" if word in mine["reasons"] else f"not named ({mine['reasons']})"
    clock = f", clock {mine['clock_offset_s'] + CLOCK_S:+.2f} s from the truth" if word == "clock" else ""
    return f"{named}{clock}, others accused: {', '.join(others) or 'none'}"


if __name__ == "__main__":
    main()
