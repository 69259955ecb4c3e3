"""Cuts for the thermal network: pictures of `hituav_train`, split by date as given."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cuts import SIDE_PX, Picture, cut_out, load, spoil
from loss import Target

# Upright and white-hot, as the pictures are: a person seen slantwise stands, and a cold spot is no person.
CHANNELS = 1
SCALE = (0.75, 2.0)  # persons are 12 x 19 pixels: most cuts enlarge
NEAR = 0.55  # share of cuts around an object


def pictures(data: Path, table: str = "train.json") -> list[Picture]:
    """Read the pack; every person, bicycle and vehicle is marked in it."""
    return load(data / "hituav_train", table, grey=True, known=(True, True, True))


def material(data: Path) -> tuple[list[Picture]]:
    """Read what cuts are taken from."""
    return (pictures(data),)


def cuts(seed: int, own: list[Picture]) -> Iterator[tuple[np.ndarray, Target]]:
    """Give cuts without end; rare kinds are looked for as often as common ones, half of the time."""
    dice = np.random.default_rng(seed)
    by_kind: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i, picture in enumerate(own):
        for j, (group, kind) in enumerate(zip(picture.groups, picture.kinds, strict=True)):
            if group >= 0:
                by_kind.setdefault((int(group), int(kind)), []).append((i, j))
    share = np.array([len(rows) ** 0.5 for rows in by_kind.values()])
    lists = list(by_kind.values())
    while True:
        scale = float(np.exp(dice.uniform(*np.log(SCALE))))
        if dice.random() < NEAR:
            rows = lists[dice.choice(len(lists), p=share / share.sum())]
            i, j = rows[dice.integers(len(rows))]
            box = own[i].boxes[j]
            middle = (box[:2] + box[2:]) / 2 + dice.uniform(-0.45, 0.45, 2) * SIDE_PX / scale
        else:
            i = int(dice.integers(len(own)))
            high, wide = own[i].pixels.shape[:2]
            middle = dice.uniform(0, 1, 2) * (wide, high)
        pixels, target = cut_out(own[i], middle.astype(np.float32), scale, dice, upright=True)
        yield spoil(pixels, dice, invert=0.0, colour=False), target
