"""How fast optical change, clouds, point series and passes are, each beside a peer in the same run.

usage: python benchmarks/satellite_optical.py [--quick]
Prints ours, the peer, their ratio (above 1: ours is faster), and the cost at four times the size divided by
four (1: it grows linearly). Processor time, median of five turns taken alternately.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy.ndimage import gaussian_filter
from truceline.codec.elements import read_elements
from truceline.detect.optical.cloud_mask import mask_clouds
from truceline.detect.optical.compare import compare
from truceline.detect.radar.point_series import judge
from truceline.dispatch.passes import Place, passes_of

SET = (
    "1 39634U 14016A   25129.48193779  .00000222  00000+0  56871-4 0  9990\n"
    "2 39634  98.1800 137.8668 0001386  90.8293 269.3066 14.59199646591170\n"
)


def seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


Act = Callable[[], object]


def row(what: str, name: str, turns: int, ours: Act, peer: Act, larger: Act) -> None:
    ours(), peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(turns)]
    own, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = [b / a for a, b in pairs]
    spread = (max(ratios) - min(ratios)) / 2 / statistics.median(ratios)
    growth = seconds(larger) / own / 4
    peers = f"{name:30s} {other:9.3f} s {other / own:7.2f}x"
    print(f"{what:28s} {own:9.3f} s  {peers}  ±{spread:4.0%}  {growth:5.2f}")


def pair(side: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    before = gaussian_filter(rng.normal(size=(6, side, side)), (0, 2, 2)).astype(np.float32)
    after = (before * 1.2 + rng.normal(0, 0.02, before.shape)).astype(np.float32)
    after[:, side // 3 : side // 2, side // 3 : side // 2] += 0.5
    return before, after


def plain_alteration(before: np.ndarray, after: np.ndarray) -> None:
    """Reweighted canonical differences of all pixels with numpy's general eigenvalues, fifty rounds."""
    one, two = (side.reshape(6, -1).astype(float) for side in (before, after))
    weight = np.ones(one.shape[1])
    for _ in range(50):
        joint = np.cov(np.vstack([one, two]), aweights=weight)
        xx, xy, yy = joint[:6, :6], joint[:6, 6:], joint[6:, 6:]
        values, mix = np.linalg.eig(np.linalg.solve(xx, xy) @ np.linalg.solve(yy, xy.T))
        mix = np.real(mix)
        other = np.linalg.solve(yy, xy.T) @ mix
        scale = [np.sqrt(np.maximum(np.diag(m.T @ s @ m), 1e-12)) for m, s in ((mix, xx), (other, yy))]
        left, right = (mix / scale[0]).T @ one, (other / scale[1]).T @ two
        difference = left - right
        variance = np.maximum(2 * (1 - np.sqrt(np.clip(np.real(values), 0, 1))), 1e-6)[:, None]
        weight = np.exp(-0.5 * (difference**2 / variance).sum(axis=0)) + 1e-9


def look_at(scene: np.ndarray) -> None:
    list(mask_clouds(lambda a, b: scene[:, a:b], scene.shape[1:], 6, 1))


def whole_library(scene: np.ndarray) -> None:
    from ukis_csmask.mask import CSmask

    names = ["blue", "green", "red", "nir", "swir16", "swir22"]
    threads = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    pixels = np.ascontiguousarray(scene.transpose(1, 2, 0))
    CSmask(pixels, names, providers=["CPUExecutionProvider"], **threads)


def judge_many(count: int) -> None:
    rng = np.random.default_rng(2)
    for _ in range(count):
        judge(rng.gamma(4, 0.025, (100, 9)), rng.gamma(4, 0.005, (100, 9)), ["ascending"] * 100)


def every_split(count: int) -> None:
    """Two means at each place of each series, written out."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        series = 10 * np.log10(rng.gamma(4, 0.005, (100, 9)).mean(axis=1))
        rng.gamma(4, 0.025, (100, 9))
        max(
            place * (100 - place) / 100 * (series[:place].mean() - series[place:].mean()) ** 2
            for place in range(4, 97)
        )


def ours_passes(days: int) -> None:
    start = datetime(2025, 5, 9, tzinfo=UTC)
    passes_of(
        read_elements(SET.encode(), "set")[0], Place(35.17, 33.36), start, start + timedelta(days=days), 10.0
    )


def peer_passes(days: int) -> None:
    from skyfield.api import EarthSatellite, load, wgs84

    clock = load.timescale(builtin=True)
    satellite = EarthSatellite(*SET.splitlines(), "S1A", clock)
    start = clock.utc(2025, 5, 9)
    satellite.find_events(wgs84.latlon(35.17, 33.36), start, start + days, altitude_degrees=10.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller inputs, three turns")
    args = parser.parse_args()
    turns, side, series, days = (3, 256, 200, 4) if args.quick else (5, 1024, 2000, 30)
    print(f"{'what':28s} {'ours':>11s}  {'peer':30s} {'':>11s} {'ratio':>8s}  spread  at 4x/4")
    small, large = pair(side), pair(2 * side)
    row(
        "optical change, a pair", "numpy MAD alone, every pixel", turns,
        lambda: compare(*small), lambda: plain_alteration(*small), lambda: compare(*large),
    )  # fmt: skip
    scene, wide = (
        np.random.default_rng(3).uniform(0.05, 0.4, (6, n, n)).astype(np.float32) for n in (448, 832)
    )
    row(
        "clouds, strips", "ukis-csmask, whole scene", 1 if args.quick else 3,
        lambda: look_at(scene), lambda: whole_library(scene), lambda: look_at(wide),
    )  # fmt: skip
    row(
        "point series", "numpy, each split", turns,
        lambda: judge_many(series), lambda: every_split(series), lambda: judge_many(4 * series),
    )  # fmt: skip
    row(
        "passes of a satellite", "skyfield find_events", turns,
        lambda: ours_passes(days), lambda: peer_passes(days), lambda: ours_passes(4 * days),
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
