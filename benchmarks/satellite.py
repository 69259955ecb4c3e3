"""How fast a radar date is taken in, each figure beside peers of the same run.

usage: python benchmarks/satellite.py [--quick]
Figures are processor time, medians of runs in turns, so that other work on the machine hardly moves them;
ours uses one thread where nothing else is said. Each table says what its peers do. The scenes are gamma
speckle of five looks.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter
from truceline.detect.radar.alerts import geojson_of
from truceline.detect.radar.backscatter import encode, grid_at, read_levels
from truceline.detect.radar.bands import BANDS, bands_of
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.history_file import load_history, save_history
from truceline.detect.radar.learning import SPREAD_BINS, learn_rows
from truceline.detect.radar.lifecycle import advance
from truceline.detect.radar.scoring import SCORE_STEPS
from truceline.detect.radar.series import observe
from truceline.geo.cog import write_cog_from
from truceline.geo.raster import Grid, rasterio

try:
    import xarray
except ImportError:
    xarray = None

RUNS = 5
SHOWN = ("date", "history", "one pass", "numpy", "xarray", "scipy", "copy")
START = datetime(2024, 1, 1, tzinfo=UTC)
POWER_BYTES = 8  # of both polarisations of a pixel
HISTORY_BYTES = 14 + 2 * 16  # what the update of the history reads only, and what it reads and writes


def grid(side: int) -> Grid:
    """Give the grid of a scene."""
    return Grid("EPSG:32636", (30.0, 0.0, 5e5, 0.0, -30.0, 4e6), side, side)


def powers(side: int, seed: int) -> np.ndarray:
    """Make a scene of gamma speckle, five looks."""
    rng = np.random.default_rng(seed)
    return (0.1 * rng.gamma(5, 0.2, (2, side, side))).astype(np.float32)


def update(power: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """Do the plain numpy update: a score per pixel, count, mean and covariance, a simple alert state."""
    level = np.log(power)
    change = level - state["mean"]
    a, b, c = (
        state["products"] / np.maximum(state["count"] - 1, 1)
        + np.array([0.02, 0, 0.02], np.float32)[:, None, None]
    )
    score = ((c - b) * change[0] + (a - b) * change[1]) / np.sqrt((a * c - b * b) * (a + c - 2 * b))
    exceeds = np.abs(score) > 4
    state["alert"] = np.where(exceeds, np.minimum(state["alert"] + 1, 2), 0).astype(np.uint8)
    state["count"] += ~exceeds
    state["mean"] += np.where(exceeds, 0, change / np.maximum(state["count"], 1))
    rest = level - state["mean"]
    taken = np.stack([change[0] * rest[0], change[0] * rest[1], change[1] * rest[1]])
    state["products"] += np.where(exceeds, 0, taken)
    return score


def update_labelled(power: "xarray.DataArray", state: "dict[str, xarray.DataArray]") -> None:
    """Do the plain update with named dimensions, without the covariance."""
    level = np.log(power)
    change = level - state["mean"]
    spread = state["square"] / np.maximum(state["count"] - 1, 1) + np.float32(0.02)
    exceeds = abs((change / np.sqrt(spread)).sum("band")) > 4
    state["alert"] = xarray.where(exceeds, np.minimum(state["alert"] + 1, 2), 0).astype(np.uint8)
    state["count"] = state["count"] + ~exceeds
    state["mean"] = state["mean"] + xarray.where(exceeds, 0, change / np.maximum(state["count"], 1))
    state["square"] = state["square"] + xarray.where(exceeds, 0, change * (level - state["mean"]))


def labelled(plane: np.ndarray) -> "xarray.DataArray":
    """Name the dimensions of an array (band, y, x) or (y, x)."""
    return xarray.DataArray(plane, dims=("band", "y", "x")[-plane.ndim :])


def blank(side: int) -> dict[str, np.ndarray]:
    """Start the plain update."""
    shape = (side, side)
    return {
        "count": np.zeros(shape, np.float32),
        "mean": np.zeros((2, *shape), np.float32),
        "products": np.zeros((3, *shape), np.float32),
        "alert": np.zeros(shape, np.uint8),
    }


def in_turns(
    works: Mapping[str, Callable[[int], object]],
    warm: int = 3,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Take the median time of each work, run one after the other several times."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(warm + RUNS):
        for name, work in works.items():
            start = clock()
            work(number)
            times[name].append(clock() - start)
    return {name: statistics.median(each[warm:]) for name, each in times.items()}


@njit(nogil=True, fastmath=True, error_model="numpy")
def one_pass(power, count, mean, products, alert):  # type: ignore[no-untyped-def]
    """Do the plain update of :func:`update` in one pass over memory."""
    for row in range(alert.shape[0]):
        for column in range(alert.shape[1]):
            number = count[row, column]
            one, two = np.log(power[0, row, column]), np.log(power[1, row, column])
            first, second = one - mean[0, row, column], two - mean[1, row, column]
            share = np.float32(1) / max(number - np.float32(1), np.float32(1))
            a = products[0, row, column] * share + np.float32(0.02)
            b = products[1, row, column] * share
            c = products[2, row, column] * share + np.float32(0.02)
            score = ((c - b) * first + (a - b) * second) / np.sqrt((a * c - b * b) * (a + c - 2 * b))
            quiet = np.float32(abs(score) <= 4)
            alert[row, column] = 0 if quiet else min(alert[row, column] + 1, 2)
            number += quiet
            count[row, column] = number
            part = quiet / max(number, np.float32(1))
            mean[0, row, column] += first * part
            mean[1, row, column] += second * part
            rest = quiet - part
            products[0, row, column] += first * first * rest
            products[1, row, column] += first * second * rest
            products[2, row, column] += second * second * rest


def history_alone(history: History) -> int:
    """Bring every pixel's own statistics and alert up to date, once more with today's scene."""
    height, trend = history.grid.height, np.zeros((2, 1, 1), np.float32)
    bins, gauge = np.zeros((3, SPREAD_BINS), np.int64), np.array([0, 1, 4], np.float32)
    advance(history.life, history.today.score, SCORE_STEPS, (len(history.stamps), 2, 3), (0, height))
    return learn_rows(history.past, history.today, history.life.state, gauge, trend, (0, height), bins)


def in_memory(side: int) -> float:
    """Print how fast the statistics alone are, and which share of the memory's speed they reach.

    Returns nanoseconds per pixel of a date.
    """
    scenes = [powers(side, seed) for seed in range(3)]
    history, other = (History.new(SarSettings(baseline=2), grid(side), ("vv", "vh")) for _ in range(2))
    state, plain = blank(side), blank(side)
    memory = np.ones(max(side * side, 4_000_000))

    def ours(number: int, history: History = history, threads: int = 1) -> None:
        stamp = Stamp(str(len(history.stamps)), START + timedelta(days=len(history.stamps)))
        observe(history, stamp, encode(scenes[number % 3]), threads)

    works = {
        "date": ours,
        "history": lambda _: history_alone(history),
        "one pass": lambda number: one_pass(scenes[number % 3], *plain.values()),
        "numpy": lambda number: update(scenes[number % 3], state),
        "scipy": lambda number: [gaussian_filter(band, 1.7, radius=2) for band in scenes[number % 3]],
        "copy": lambda number: scenes[number % 3].copy(),
        "read": lambda _: memory.sum(),
    }
    if xarray is not None:
        named = {name: labelled(blank(side)[name]) for name in ("count", "mean", "alert")}
        named["square"] = xarray.zeros_like(named["mean"])
        named_scenes = [labelled(scene) for scene in scenes]
        works["xarray"] = lambda number: update_labelled(named_scenes[number % 3], named)
    spent = in_turns(works)
    cores = os.cpu_count() or 1
    elapsed = in_turns(
        {"date": lambda number: ours(number, other, cores), "read": works["read"]}, clock=time.perf_counter
    )
    kept = sum(plane.nbytes for plane in history.planes.values()) / side**2
    plain_bytes = POWER_BYTES + 2 * sum(plane.nbytes for plane in plain.values()) / side**2
    moved = {"date": POWER_BYTES + 2 * kept, "history": HISTORY_BYTES}
    moved |= {"one pass": plain_bytes, "numpy": plain_bytes}

    def share(name: str, times: Mapping[str, float]) -> float:
        return moved[name] * side**2 / times[name] / (memory.nbytes / times["read"])

    cells = " ".join(
        f"{spent[name] / side**2 * 1e9:>8.1f}" if name in spent else f"{'-':>8}" for name in SHOWN
    )
    shares = " ".join(f"{share(name, spent):>8.2f}" for name in moved)
    print(f"{side:>5} x {side:<5} {cells} | {shares} {share('date', elapsed):>9.2f}")
    return spent["date"] / side**2 * 1e9


def write_scenes(folder: Path, side: int, count: int) -> None:
    """Write scenes as tiled GeoTIFFs without compression."""
    place = grid(side)
    for number in range(count):
        for word, band in zip(("vv", "vh"), powers(side, number), strict=True):
            with rasterio.open(
                folder / f"{number}_{word}.tif", "w", driver="GTiff", dtype="float32", count=1, width=side,
                height=side, crs=place.crs, transform=rasterio.Affine(*place.transform), tiled=True,
                blockxsize=256, blockysize=256,
            ) as target:  # fmt: skip
                target.write(band, 1)


def plain_date(folder: Path, number: int) -> None:
    """Take in a date with numpy: read rasters and state, update, write four bands and the state."""
    power = []
    for word in ("vv", "vh"):
        with rasterio.open(folder / f"{number}_{word}.tif") as source:
            power.append(source.read(1))
    file = folder / "plain.npz"
    with np.load(file) as stored:
        state = {name: stored[name] for name in stored}
    score = update(np.stack(power), state)
    np.savez(file, **state)
    place = grid(score.shape[0])
    with rasterio.open(
        folder / "plain.tif", "w", driver="GTiff", dtype="float32", count=4, width=place.width,
        height=place.height, crs=place.crs, transform=rasterio.Affine(*place.transform),
    ) as target:  # fmt: skip
        for band, values in enumerate((score, state["alert"], score, score), 1):
            target.write(values.astype(np.float32), band)


def our_dates(folder: Path, history: History, numbers: range) -> None:
    """Take in dates from files."""
    for number in numbers:
        paths = [folder / f"{number}_{word}.tif" for word in history.polarisations]
        stamp = Stamp(f"i{len(history.stamps)}", START + timedelta(days=len(history.stamps)))
        observe(history, stamp, read_levels(paths, history.grid, stamp.id, history.desk))


def through_files(side: int) -> None:
    """Print how fast dates are taken in from files, one by one with a state and many at once."""
    with tempfile.TemporaryDirectory() as name:
        folder, count = Path(name), 6
        write_scenes(folder, side, count)
        place = grid_at(folder / "0_vv.tif")
        first = History.new(SarSettings(baseline=3), place, ("vv", "vh"))
        our_dates(folder, first, range(count - 1))
        save_history(first, folder / "state")
        np.savez(folder / "plain.npz", **blank(side))
        state_px = (folder / "state").stat().st_size / side**2

        def one(_: int) -> None:
            history = load_history(folder / "state")
            our_dates(folder, history, range(count - 1, count))
            write_cog_from(
                folder / "c.tif", place, lambda rows, columns: bands_of(history, rows, columns), BANDS
            )
            (folder / "a.geojson").write_bytes(geojson_of(history))
            save_history(history, folder / "state2")

        def batch(_: int) -> None:
            our_dates(folder, History.new(SarSettings(baseline=3), place, ("vv", "vh")), range(count))

        spent = in_turns({"one": one, "batch": batch, "numpy": lambda _: plain_date(folder, count - 1)}, 1)
    spent["batch"] /= count
    cells = " ".join(f"{spent[name] / side**2 * 1e9:>10.1f}" for name in ("one", "batch", "numpy"))
    ratios = f"{spent['one'] / spent['numpy']:>8.2f}x {spent['batch'] / spent['numpy']:>9.2f}x"
    print(f"{side:>5} x {side:<5} {cells} {ratios} {state_px:>12.1f}")


def reliability(count: int) -> None:
    """Print how often objects of a stated probability were real, on speckle with lasting changes."""
    side, dates, found = 256, 14, []
    for seed in range(count):
        rng = np.random.default_rng(1000 + seed)
        gain, truth = np.ones((side, side), np.float32), np.zeros((side, side), bool)
        for top, left in rng.integers(8, side - 20, (12, 2)):
            size, level_db = rng.integers(3, 12), rng.choice((-5, -3, -2, 2, 3, 5))
            gain[top : top + size, left : left + size] = 10 ** (level_db / 10)
            truth[top : top + size, left : left + size] = True
        history = History.new(SarSettings(), grid(side), ("vv", "vh"))
        for number in range(dates):
            power = powers(side, 100 * seed + number) * (gain if number >= dates - 3 else 1)
            observe(history, Stamp(f"i{number}", START + timedelta(days=12 * number)), encode(power))
        features = json.loads(geojson_of(history))["features"]
        for said in (feature["properties"] for feature in features):
            lat, lon = history.grid.at(*np.mgrid[0.5:side, 0.5:side])
            off = (lat - said["centroid_lat_deg"]) ** 2 + (lon - said["centroid_lon_deg"]) ** 2
            found.append((said["probability"], bool(truth.ravel()[off.argmin()])))
    found.sort()
    print(f"\nprobability of {len(found)} objects on simulated speckle: stated, seen, objects")
    for part in np.array_split(np.array(found, float), min(8, max(len(found) // 10, 1))):
        print(f"{part[:, 0].mean():>9.2f} {part[:, 1].mean():>8.2f} {len(part):>6}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small scenes")
    quick = parser.parse_args().quick
    print("statistics in memory, ns per pixel (cost must not grow), and the share of the memory's speed:")
    print("bytes that must be read and written, over what reading memory (a sum) moves in the same time")
    print("  date      ours, all of it: encoding, weather, windows, scores, alerts and history")
    print("  history   ours, of it only each pixel's mean, variances, covariance, counts and alert state")
    print("  one pass  a plain score, count, mean, covariance and alert state of each pixel, compiled")
    print("  numpy     the same with numpy; xarray: without the covariance; scipy only smooths both bands")
    print("  cores     a date on all cores, elapsed")
    if xarray is None:
        print("xarray is not installed here: its column stays empty")
    heads = " ".join(f"{name:>8}" for name in SHOWN) + " | " + " ".join(f"{name:>8}" for name in SHOWN[:4])
    print(f"{'scene':>13} {heads} {'cores':>9}")
    sides = (128, 256, 512) if quick else (256, 1024, 2048)
    costs_ns = [in_memory(side) for side in sides]
    larger = (sides[-1] / sides[-2]) ** 2
    growth = costs_ns[-1] / costs_ns[-2] * larger
    print(f"from the second size to the third: {larger:.0f} times the pixels, {growth:.1f} times the cost")
    print("\nthrough files, ns per pixel and date; numpy: the same files read and written, no compression")
    print(f"{'scene':>13} {'one date':>10} {'of many':>10} {'numpy':>10} {'one':>9} {'of many':>10}", end="")
    print(f" {'state B/px':>12}")
    for side in (256, 512) if quick else (512, 1536):
        through_files(side)
    reliability(2 if quick else 12)


if __name__ == "__main__":
    main()
