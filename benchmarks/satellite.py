"""How fast a radar date is taken in, beside a plain numpy update and a memory copy in the same run.

usage: python benchmarks/satellite.py [--quick]
Prints one line per scene size: ours, plain numpy, their ratio, and the cost per pixel, which must not grow.
Both work in memory on two polarisations; the plain one has no spatial context, no weather and no alerts.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
from truceline.detect.radar.backscatter import encode
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.series import observe
from truceline.geo.raster import Grid

RUNS = 5
START = datetime(2024, 1, 1, tzinfo=UTC)


def powers(side: int, seed: int) -> np.ndarray:
    """Make a scene of gamma speckle, five looks."""
    rng = np.random.default_rng(seed)
    return (0.1 * rng.gamma(5, 0.2, (2, side, side))).astype(np.float32)


def plain(scenes: list[np.ndarray]) -> Callable[[int], None]:
    """Give an update of count, mean and covariance with a per-pixel score, in numpy."""
    shape = scenes[0].shape
    count, mean, products = 0, np.zeros(shape, np.float32), np.ones((3, *shape[1:]), np.float32)

    def update(number: int) -> None:
        nonlocal count, mean, products
        count += 1
        level = np.log(scenes[number % len(scenes)])
        change = level - mean
        a, b, c = products / count
        score = ((c - b) * change[0] + (a - b) * change[1]) / np.sqrt(np.abs(a * c - b * b) + 1)
        taken = np.abs(score) < 4
        mean = mean + np.where(taken, change / count, 0)
        rest = level - mean
        products = products + np.where(
            taken, np.stack([change[0] * rest[0], change[0] * rest[1], change[1] * rest[1]]), 0
        )

    return update


def ours(scenes: list[np.ndarray], threads: int) -> Callable[[int], None]:
    """Give the update of the radar series, from powers to alerts."""
    side = scenes[0].shape[1]
    grid = Grid("EPSG:32636", (30.0, 0.0, 5e5, 0.0, -30.0, 4e6), side, side)
    history = History.new(SarSettings(baseline=2), grid, ("vv", "vh"))

    def update(number: int) -> None:
        stamp = Stamp(str(len(history.stamps)), START + timedelta(days=len(history.stamps)))
        observe(history, stamp, encode(scenes[number % len(scenes)]), threads)

    return update


def seconds(update: Callable[[int], object]) -> float:
    """Take the median of a few runs after three to warm up."""
    times = []
    for number in range(RUNS + 3):
        start = time.perf_counter()
        update(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small scenes")
    quick = parser.parse_args().quick
    print(f"{'scene':>12} {'ours':>10} {'numpy':>10} {'copy':>10} {'ours/numpy':>11} {'ns per pixel':>13}")
    for side in (128, 256, 512) if quick else (256, 1024, 2048):
        scenes = [powers(side, seed) for seed in range(3)]
        mine, theirs = seconds(ours(scenes, 2)), seconds(plain(scenes))
        copy = seconds(lambda _, scenes=scenes: scenes[0].copy())
        row = f"{side:>5} x {side:<4} {mine:>9.4f}s {theirs:>9.4f}s {copy:>9.5f}s"
        print(f"{row} {mine / theirs:>10.2f}x {mine / side**2 * 1e9:>13.0f}")


if __name__ == "__main__":
    main()
