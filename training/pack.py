"""The thermal pack on the device that trains, and squares cut out of it there."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from blobs import blobs
from cuts import FILL, Picture, load
from network import GROUPS, KINDS

MOST_BLOBS = 20  # of a picture: what looks like a person to a blob finder and is none


class Pack(NamedTuple):
    """The pack on the device.

    Attributes
    ----------
    pixels
        (n, 1, h, w) 8 bit.
    boxes
        (n, most, 4) left, top, right, bottom, pixels; unused rows are zero.
    groups, kinds
        (n, most) index into ``GROUPS`` (-1: don't care, -2: unused row) and ``KINDS`` (-1: none).
    rows, share
        (m, 2) picture and row of each object, (m,) how likely it is chosen: what is rare more often.
    picture_share
        (n,) how likely a picture is chosen.
    blob_picture, blobs
        (k,), (k, 2): where something stands out that is no person.
    """

    pixels: Tensor
    boxes: Tensor
    groups: Tensor
    kinds: Tensor
    rows: Tensor
    share: Tensor
    picture_share: Tensor
    blob_picture: Tensor
    blobs: Tensor


class Drawn(NamedTuple):
    """What is in a batch of cuts: (b, most, ...) as in :class:`Pack`, in pixels of the cut."""

    boxes: Tensor
    groups: Tensor
    kinds: Tensor


def pictures(data: Path, table: str) -> list[Picture]:
    """Read a table of the pack; every person, bicycle and vehicle is marked in it."""
    return load(data / "hituav_train", table, grey=True, known=(True,) * len(GROUPS))


def pack(pictures: list[Picture], device: str, by_date: bool) -> Pack:
    """Bring pictures to the device; ``by_date``: dates that have little are chosen more often."""
    most = max(len(p.boxes) for p in pictures)
    boxes = np.zeros((len(pictures), most, 4), np.float32)
    groups = np.full((len(pictures), most), -2, np.int64)
    kinds = np.full((len(pictures), most), -1, np.int64)
    for i, picture in enumerate(pictures):
        n = len(picture.boxes)
        boxes[i, :n], groups[i, :n], kinds[i, :n] = picture.boxes, picture.groups, picture.kinds
    date = np.unique([p.date if by_date else "" for p in pictures], return_inverse=True)[1]
    rows = np.argwhere(groups >= 0)
    word = groups[tuple(rows.T)] * (len(KINDS) + 1) + kinds[tuple(rows.T)] + 1
    word += date[rows[:, 0]] * len(GROUPS) * (len(KINDS) + 1)
    stands = [blobs(picture, GROUPS)[:MOST_BLOBS] for picture in pictures]
    arrays = (
        np.stack([p.pixels[..., 0] for p in pictures])[:, None],
        boxes,
        groups,
        kinds,
        rows,
        np.bincount(word)[word] ** -0.5,
        np.bincount(date)[date] ** -0.5,
        np.repeat(np.arange(len(pictures)), [len(some) for some in stands]),
        np.concatenate(stands).astype(np.float32),
    )
    return Pack(*[torch.from_numpy(a).to(device) for a in arrays])


def uniform(dice: torch.Generator, low: float, high: float, *size: int) -> Tensor:
    """Throw dice."""
    return low + (high - low) * torch.rand(size, generator=dice, device=dice.device)


def normal(dice: torch.Generator, spread: float, *size: int) -> Tensor:
    """Throw dice of which most fall near zero."""
    return spread * torch.randn(size, generator=dice, device=dice.device)


def signs(dice: torch.Generator, count: int) -> Tensor:
    """Give -1 or 1."""
    return torch.where(uniform(dice, 0, 1, count) < 0.5, -1.0, 1.0)


def choose(share: Tensor, count: int, dice: torch.Generator) -> Tensor:
    """Choose rows by their share."""
    return torch.multinomial(share, count, replacement=True, generator=dice)


def sampled(pixels: Tensor, middle: Tensor, scale: Tensor, sign: Tensor, side: int, at: Tensor) -> Tensor:
    """Draw squares out of pictures.

    Parameters
    ----------
    pixels
        (b, 1, h, w) 8 bit.
    middle, at
        (b, 2): this place of the picture comes to that place of the square, pixels.
    scale, sign
        (b, 2) factors along x and y; (b,) -1 where mirrored.
    side
        Of the square, pixels.

    Returns
    -------
    Tensor
        (b, 1, side, side), 0 to 1.
    """
    high, wide = pixels.shape[2:]
    steps = torch.arange(side, device=pixels.device) + 0.5
    x = (steps - at[:, :1]) / scale[:, :1] * sign[:, None] + middle[:, :1]
    y = (steps - at[:, 1:]) / scale[:, 1:] + middle[:, 1:]
    grid = torch.stack(
        [
            (2 * x / wide - 1)[:, None, :].expand(-1, side, -1),
            (2 * y / high - 1)[:, :, None].expand(-1, -1, side),
        ],
        3,
    )
    grey = FILL / 255
    return F.grid_sample(pixels.float() / 255 - grey, grid, align_corners=False) + grey
