"""Cuts for the daylight network: marked towns, and ground on which nothing stands."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from cuts import SIDE_PX, Picture, cut_out, halved, load, spoil
from feed import fed
from loss import Target
from scene import populate

CHANNELS = 3
CAR_M = 4.4
CAR_PX = (13.0, 100.0)  # length of a car in a cut
EMPTY, MADE_UP = 0.1, 0.25  # share of cuts without anything, and of made-up scenes
NEAR = 0.8


def pictures(data: Path, table: str) -> list[Picture]:
    """Read the marked pictures; the persons and bicycles in them are not marked."""
    return load(data / "visible_train", table, grey=False, known=(True, False, False), margin_px=3)


def grounds(data: Path) -> list[Picture]:
    """Read the pictures in which nothing stands."""
    folder = data / "visible_background"
    found = []
    for row in json.loads((folder / "index.json").read_text()):
        if row["vehicles"] == "none":
            pixels = cv2.cvtColor(cv2.imread(str(folder / "images" / row["file_name"])), cv2.COLOR_BGR2RGB)
            none = np.zeros(0, np.int64)
            found.append(Picture(pixels, np.zeros((0, 4), np.float32), none, none, (True, True, False), 0))
    return found


def car_px(picture: Picture) -> float:
    """Give the length of a car in a picture: what its longer cars measure, turned ones being shorter."""
    cars = picture.boxes[(picture.groups == 0) & (picture.kinds == 0)]
    return float(np.percentile((cars[:, 2:] - cars[:, :2]).max(1), 75))


def batches(
    pictures: list[Picture], data: Path, device: str, seed: int, batch: int, workers: int
) -> Iterator[tuple[Tensor, ...]]:
    """Give batches without end: pictures (b, 3, side, side) between 0 and 1, and targets as `loss.draw`."""
    return fed(cuts, (pictures, grounds(data)), device, seed, batch, workers)


def cuts(seed: int, own: list[Picture], ground: list[Picture]) -> Iterator[tuple[np.ndarray, Target]]:
    """Give cuts without end."""
    dice = np.random.default_rng(seed)
    marked = [p for p in own if (p.kinds == 0).any()]
    lengths = [car_px(p) for p in marked]
    small = np.array([length < 50 for length in lengths])
    share = np.where(small, 0.5 / small.sum(), 0.5 / max((~small).sum(), 1))  # either place as often
    share /= share.sum()
    halves: dict[int, Picture] = {}
    while True:
        wanted = float(np.exp(dice.uniform(*np.log(CAR_PX))))
        what = dice.random()
        if what < EMPTY + MADE_UP:
            picture = ground[dice.integers(len(ground))]
            scale = float(np.exp(dice.uniform(np.log(0.2), np.log(1.5))))
            middle = dice.uniform(0, 1, 2) * picture.pixels.shape[1::-1]
        else:
            i = int(dice.choice(len(marked), p=share))
            picture = marked[i]
            scale = float(np.clip(wanted / lengths[i], 0.15, 2.2))
            middle = _middle(picture, scale, dice)
        while scale < 0.6:
            picture, middle, scale = _half(picture, halves), middle / 2, scale * 2
        if EMPTY <= what < EMPTY + MADE_UP:
            pixels, target = _made_up(picture, middle, scale, wanted, dice)
        else:
            pixels, target = cut_out(picture, middle.astype(np.float32), scale, dice)
        yield spoil(pixels, dice, invert=0.05, colour=True), target


def _made_up(
    ground: Picture, middle: np.ndarray, scale: float, wanted: float, dice: np.random.Generator
) -> tuple[np.ndarray, Target]:
    """Put things on a cut of ground; one metre has as many pixels as a car of the wanted length tells."""
    pixels, _ = cut_out(ground, middle.astype(np.float32), scale, dice)
    pixels, boxes, groups, kinds = populate(pixels, wanted / CAR_M, dice)
    scene = Picture(pixels, boxes, groups, kinds, (True, True, False), 0)
    return cut_out(scene, np.full(2, SIDE_PX / 2, np.float32), 1.0, dice)


def _half(picture: Picture, halves: dict[int, Picture]) -> Picture:
    if id(picture) not in halves:
        halves[id(picture)] = halved(picture)
    return halves[id(picture)]


def _middle(picture: Picture, scale: float, dice: np.random.Generator) -> np.ndarray:
    if dice.random() > NEAR:
        return dice.uniform(0, 1, 2) * picture.pixels.shape[1::-1]
    rows = np.nonzero(picture.groups == 0)[0]
    rare = rows[picture.kinds[rows] != 0]
    pool = rare if len(rare) and dice.random() < 0.25 else rows
    box = picture.boxes[pool[dice.integers(len(pool))]]
    return (box[:2] + box[2:]) / 2 + dice.uniform(-0.45, 0.45, 2) * SIDE_PX / scale
