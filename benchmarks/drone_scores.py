"""How right the scores of the drone's eyes are, and the maps that make them so.

usage: python benchmarks/drone_scores.py [--pictures 20] [--weights FOLDER] [--network NAME]
                                         [--unknown DATE ...]
The packaged thermal networks have learnt from every date of the pack: for them, give a folder that holds
twins which have not (model card), or their chances come out too high, and say which dates these do not know.
Looks at marked pictures that were held back from training, of $TRUCELINE_SHARED (default ../shared), in every
way of looking. Per way and kind of thing: how many boxes, how many of them right, the mean difference between
score and share of right boxes in ten bins as the network gives it and as the map does (fitted on one half of
the pictures, told on the other, both ways round), and the map fitted on all, for ``chance.py``.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from truceline.detect.pictures import finder
from truceline.detect.pictures.finder import Found
from truceline.detect.pictures.looks import raw_thermal, raw_visible
from truceline.detect.pictures.reading import read_picture
from truceline.detect.pictures.spotter import CAR_M, raw_frame

GROUPS = ("vehicle", "person", "bicycle")
WORDS = {"person": 1, "human": 1, "bicycle": 2, "motorbike": 2}
MATCH = 0.5
RIDGE = 1.0  # few boxes say little: towards the identity
THERMAL_CAR_PX = 50.0


class Marked(NamedTuple):
    """A picture, the boxes marked in it (left, top, right, bottom), their groups, and which do not count."""

    path: Path
    boxes: np.ndarray
    groups: np.ndarray
    ignored: np.ndarray


Look = Callable[[np.ndarray, Marked], Found]


def marked(folder: Path, listed: Path, dates: list[str] | None = None) -> list[Marked]:
    """Read a list in the manner of COCO, or the pictures of some dates in it."""
    told = json.loads(listed.read_text())
    words = {one["id"]: WORDS.get(one["name"], 0) for one in told["categories"]}
    found = []
    for image in told["images"]:
        if dates is not None and image["date_captured"] not in dates:
            continue
        mine = [one for one in told["annotations"] if one["image_id"] == image["id"]]
        boxes = np.array([one["bbox"] for one in mine], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        groups = np.array([words[one["category_id"]] for one in mine], int)
        ignored = np.array([bool(one.get("ignore", 0) or one.get("iscrowd", 0)) for one in mine], bool)
        found.append(Marked(folder / image["file_name"], boxes, groups, ignored))
    return found


def empty(folder: Path) -> list[Marked]:
    """Read the pictures without a vehicle or person."""
    listed = json.loads((folder / "index.json").read_text())
    nothing = np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool)
    names = [one["file_name"] for one in listed if one["vehicles"] == "none"]
    return [Marked(folder / "images" / name, *nothing) for name in names]


def right(found: Found, truth: Marked) -> tuple[np.ndarray, np.ndarray]:
    """Tell which boxes lie on a marked thing of their kind, each taken once, and which do not count."""
    order = np.argsort(-found.scores, kind="stable")
    hit, void = np.zeros(len(order), bool), np.zeros(len(order), bool)
    taken = np.zeros(len(truth.boxes), bool)
    for i in order:
        low = np.maximum(found.boxes[i, :2], truth.boxes[:, :2])
        high = np.minimum(found.boxes[i, 2:], truth.boxes[:, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        both = (found.boxes[i, 2:] - found.boxes[i, :2]).prod() + (
            truth.boxes[:, 2:] - truth.boxes[:, :2]
        ).prod(1)
        alike = shared / (both - shared)
        good = (alike >= MATCH) & ~taken & (truth.groups == found.groups[i])
        if good.any():
            best = int(np.argmax(np.where(good, alike, -1)))
            taken[best] = True
            hit[i], void[i] = not truth.ignored[best], truth.ignored[best]
    return hit, void


def fit(score: np.ndarray, hit: np.ndarray) -> tuple[float, float]:
    """Fit slope and shift of the odds."""
    odds = np.log(score / (1 - score))

    def loss(x: np.ndarray) -> float:
        z = x[0] * odds + x[1]
        return float(np.logaddexp(0, np.where(hit, -z, z)).sum() + RIDGE * ((x[0] - 1) ** 2 + x[1] ** 2))

    found = minimize(loss, [1.0, 0.0], bounds=[(0.1, 10), (-10, 10)])
    return float(found.x[0]), float(found.x[1])


def off(score: np.ndarray, hit: np.ndarray) -> float:
    """Mean difference between score and share of right boxes, ten bins of equal number."""
    parts = np.array_split(np.argsort(score, kind="stable"), 10)
    return float(sum(len(p) * abs(score[p].mean() - hit[p].mean()) for p in parts if len(p)) / len(score))


def mapped(score: np.ndarray, slope: float, shift: float) -> np.ndarray:
    return 1 / (1 + np.exp(-slope * np.log(score / (1 - score)) - shift))


def frame_look(name: str) -> Look:
    """Look as at a frame of a video whose telemetry tells the scale: here the marked cars do."""

    def look(pixels: np.ndarray, truth: Marked) -> Found:
        cars = (truth.boxes[:, 2:] - truth.boxes[:, :2]).max(1, initial=0)[truth.groups == 0]
        length_px = float(np.median(cars)) if len(cars) else THERMAL_CAR_PX
        return raw_frame(pixels, name, CAR_M / length_px)

    return look


def ways(shared: Path, most: int, unknown: list[str]) -> Iterator[tuple[str, str, list[Marked], Look]]:
    """Give each way of looking, with pictures, and what looks."""
    data = shared / "data" / "drone"
    visible = some(marked(data / "visible_train" / "images", data / "visible_train" / "val.json"), most)
    visible += some(marked(data / "auair" / "images", data / "auair" / "annotations.json"), most // 2)
    visible += some(empty(data / "visible_background"), most // 2)
    pack = data / "hituav_train"
    thermal = [
        one
        for table in ("train.json", "val.json")
        for one in some(marked(pack / "images", pack / table, unknown), 2 * most)
    ]
    yield "visible", "frame", visible, frame_look("visible")
    yield "thermal", "frame", thermal, frame_look("thermal")
    yield "thermal", "still", thermal, lambda pixels, _: raw_thermal(np.ascontiguousarray(pixels[..., :1]))
    yield "visible", "still", visible, lambda pixels, _: raw_visible(pixels)


def some(pictures: list[Marked], most: int) -> list[Marked]:
    """Choose pictures evenly."""
    return [pictures[k * len(pictures) // most] for k in range(most)] if len(pictures) > most else pictures


def stand_in(folder: Path) -> None:
    """Let the networks of a folder, ``NAME.onnx``, stand in for the package's."""
    finder.WEIGHTS = folder
    for name in finder.SHA256:
        if (folder / f"{name}.onnx").exists():
            finder.SHA256[name] = hashlib.sha256((folder / f"{name}.onnx").read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=20, help="of each place or date")
    parser.add_argument("--weights", type=Path, help="folder of networks to judge instead of the package's")
    parser.add_argument("--network", choices=tuple(finder.SHA256), help="judge only this one")
    parser.add_argument("--unknown", nargs="+", default=["2021-01-21"], help="thermal dates not learnt from")
    options = parser.parse_args()
    if options.weights:
        stand_in(options.weights)
    shared = Path(os.environ.get("TRUCELINE_SHARED") or "../shared")
    if not shared.is_dir():
        print(f"{shared}: no folder; the marked pictures are wanted", file=sys.stderr)
        return 2
    print(f"{'way':16s} {'kind':8s} {'boxes':>6s} {'right':>6s} {'off, raw':>9s} {'off, map':>9s}  map")
    for name, how, pictures, look in ways(shared, options.pictures, options.unknown):
        if options.network not in (None, name):
            continue
        scores, hits, groups, halves = [], [], [], []
        for number, truth in enumerate(pictures):
            found = look(read_picture(truth.path).pixels, truth)
            hit, void = right(found, truth)
            scores.append(found.scores[~void])
            hits.append(hit[~void])
            groups.append(found.groups[~void])
            halves.append(np.full(int((~void).sum()), number % 2))
        score = np.clip(np.concatenate(scores).astype(float), 1e-4, 1 - 1e-4)
        hit, group, half = (np.concatenate(one) for one in (hits, groups, halves))
        for kind, word in enumerate(GROUPS):
            mine = group == kind
            if mine.sum() < 40:
                continue
            s, h, part = score[mine], hit[mine], half[mine]
            told = np.empty(len(s))
            for side in (0, 1):
                told[part == side] = mapped(s[part == side], *fit(s[part != side], h[part != side]))
            slope, shift = fit(s, h)
            line = f"{name} {how:8s} {word:8s} {len(s):6d} {int(h.sum()):6d}"
            errors = f"{off(s, h):9.3f} {off(told, h):9.3f}"
            print(f"{line} {errors}  Map({slope:.2f}, {shift:.2f})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
