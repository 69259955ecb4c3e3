"""What the network is told: where centres are, how large the boxes, what kind of vehicle."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from network import GROUPS, HEAT, KIND, SIDE_PX, SIDES, STRIDE

MIN_OVERLAP = 0.6  # a centre shifted by two spreads still gives a box of about this overlap
BOX_CELLS = 0.35  # cells with at least this heat learn the box
BOX_WEIGHT, KIND_WEIGHT = 1.5, 0.2


class Target(NamedTuple):
    """Arrays of one cut; ``h`` and ``w`` count cells.

    Attributes
    ----------
    heat, care
        (groups, h, w): wanted heat; 0 where the cell is neither right nor wrong.
    sides
        (4, h, w): wanted distances to left, top, right, bottom, in pixels.
    weight
        (h, w): how much a cell counts for the box.
    kind
        (h, w): index into ``KINDS``, -1 where not known.
    """

    heat: np.ndarray
    care: np.ndarray
    sides: np.ndarray
    weight: np.ndarray
    kind: np.ndarray


def draw(boxes: np.ndarray, groups: np.ndarray, kinds: np.ndarray, care: np.ndarray) -> Target:
    """Draw the target of a cut.

    Parameters
    ----------
    boxes
        (n, 4) left, top, right, bottom in pixels of the cut.
    groups, kinds
        (n,) index into ``GROUPS`` (-1: don't care about anything there) and ``KINDS`` (-1: unknown).
    care
        (groups, h, w) of 0 and 1, changed in place where boxes are to be ignored.
    """
    high, wide = care.shape[1:]
    heat = np.zeros((len(GROUPS), high, wide), np.float32)
    sides = np.ones((4, high, wide), np.float32)
    weight = np.zeros((high, wide), np.float32)
    kind = np.full((high, wide), -1, np.int64)
    x = (np.arange(wide, dtype=np.float32) + 0.5) * STRIDE
    y = (np.arange(high, dtype=np.float32) + 0.5) * STRIDE
    order = np.argsort(-(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])) if len(boxes) else []
    for i in order:  # small ones last: they keep their cells
        left, top, right, bottom = boxes[i]
        if groups[i] < 0:
            c0, r0 = int(left // STRIDE), int(top // STRIDE)
            care[:, max(r0, 0) : int(bottom // STRIDE) + 1, max(c0, 0) : int(right // STRIDE) + 1] = 0
            continue
        spread = np.maximum(np.array([right - left, bottom - top]) * (1 - MIN_OVERLAP) / 2.2, 0.4 * STRIDE)
        mid_x, mid_y = (left + right) / 2, (top + bottom) / 2
        column = min(max(int(mid_x // STRIDE), 0), wide - 1)
        row = min(max(int(mid_y // STRIDE), 0), high - 1)
        bell = np.exp(-((y - y[row]) ** 2)[:, None] / (2 * spread[1] ** 2)) * np.exp(
            -((x - x[column]) ** 2)[None, :] / (2 * spread[0] ** 2)
        )
        heat[groups[i]] = np.maximum(heat[groups[i]], bell)
        inside = (bell >= BOX_CELLS) & (y > top)[:, None] & (y < bottom)[:, None]
        inside &= (x > left)[None, :] & (x < right)[None, :]
        inside[row, column] = True
        rows, columns = np.nonzero(inside)
        sides[:, rows, columns] = (x[columns] - left, y[rows] - top, right - x[columns], bottom - y[rows])
        weight[rows, columns] = bell[rows, columns]
        kind[rows, columns] = kinds[i]
        care[groups[i], row, column] = 1
    return Target(heat, care, np.maximum(sides, 0.5), weight, kind)


def loss(out: Tensor, heat: Tensor, care: Tensor, sides: Tensor, weight: Tensor, kind: Tensor) -> Tensor:
    """Add up focal heat (Law and Deng 2018), generalised IoU (Rezatofighi et al. 2019) and kind."""
    out = out.float()
    logit = out[:, HEAT]
    p = logit.sigmoid().clamp(1e-4, 1 - 1e-4)
    hot = (heat > 0.999).float()
    right = -(1 - p).pow(2) * p.log() * hot
    wrong = -p.pow(2) * (1 - p).log() * (1 - heat).pow(4) * (1 - hot)
    # A rare vehicle weighs as much as one of many persons: each group is divided by its own count.
    count = (hot * care).sum((0, 2, 3)).clamp(min=4.0)
    heat_loss = (((right + wrong) * care).sum((0, 2, 3)) / count).sum()

    wanted = sides
    found = SIDE_PX * out[:, SIDES].clamp(-4, 5).exp()
    overlap = _giou(found, wanted)
    box_loss = ((1 - overlap) * weight).sum() / weight.sum().clamp(min=1.0)

    each = F.cross_entropy(out[:, KIND], kind.clamp(min=0), reduction="none")
    known = weight * (kind >= 0)
    kind_loss = (each * known).sum() / known.sum().clamp(min=1.0)
    return heat_loss + BOX_WEIGHT * box_loss + KIND_WEIGHT * kind_loss


def _giou(a: Tensor, b: Tensor) -> Tensor:
    least, most = torch.minimum(a, b), torch.maximum(a, b)
    inter = (least[:, 0] + least[:, 2]) * (least[:, 1] + least[:, 3])
    area = (a[:, 0] + a[:, 2]) * (a[:, 1] + a[:, 3]) + (b[:, 0] + b[:, 2]) * (b[:, 1] + b[:, 3])
    union = area - inter
    hull = (most[:, 0] + most[:, 2]) * (most[:, 1] + most[:, 3])
    return inter / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
