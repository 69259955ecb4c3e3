"""Batches for the thermal network, made on the device that trains.

Pictures lie on the device as 8 bit; a batch is cut, pasted and spoilt by a few large operations, so that
one GPU is kept busy without workers. Upright and white-hot, as the pictures are: a person seen slantwise
stands, and a cold spot is no person.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cuts import LEAST_SEEN, Picture
from loss import BOX_CELLS, MIN_OVERLAP
from network import GROUPS, STRIDE
from pack import Drawn, Pack, choose, normal, pack, pictures, sampled, signs, uniform
from pasted import pasted
from recipe import VARIED, Recipe
from tone import spoilt

__all__ = ["CHANNELS", "batches", "pictures", "targets"]

CHANNELS = 1
SIDE_PX = 512
SCALE = (0.75, 2.2)  # persons are 12 x 19 pixels: most cuts enlarge
STRETCH = 0.08  # of one axis against the other
NEAR = 0.5  # share of cuts around an object


def batches(
    pictures: list[Picture],
    data: Path,
    device: str,
    seed: int,
    batch: int,
    workers: int,
    recipe: Recipe = VARIED,
) -> Iterator[tuple[Tensor, ...]]:
    """Give batches without end: pictures (b, 1, side, side) between 0 and 1, and targets as `loss.draw`.

    ``data`` and ``workers`` are of no use here: the device makes its batches itself.
    """
    own = pack(pictures, device, recipe.by_date)
    dice = torch.Generator(device).manual_seed(seed)
    while True:
        pixels, drawn, scale = _cuts(own, batch, dice)
        pixels, drawn = pasted(own, pixels, drawn, scale, recipe, dice)
        yield (spoilt(pixels, recipe, dice), *targets(drawn))


def _scales(count: int, dice: torch.Generator) -> Tensor:
    """Give (count, 2) factors along x and y."""
    both = uniform(dice, *np.log(SCALE), count, 1).exp()
    return both * normal(dice, STRETCH, count, 2).exp()


def _cuts(own: Pack, count: int, dice: torch.Generator) -> tuple[Tensor, Drawn, Tensor]:
    """Cut squares out of pictures, half of them around an object, half of them mirrored."""
    size = own.boxes.new_tensor([own.pixels.shape[3], own.pixels.shape[2]])
    scale = _scales(count, dice)
    rows = own.rows[choose(own.share, count, dice)]
    near = uniform(dice, 0, 1, count) < NEAR
    box = own.boxes[rows[:, 0], rows[:, 1]]
    around = (box[:, :2] + box[:, 2:]) / 2 + uniform(dice, -0.45, 0.45, count, 2) * SIDE_PX / scale
    anywhere = uniform(dice, 0, 1, count, 2) * size
    which = torch.where(near, rows[:, 0], choose(own.picture_share, count, dice))
    middle = torch.where(near[:, None], around, anywhere)
    reach = SIDE_PX / scale  # little of a cut lies beyond the picture
    least, most = 0.4 * reach, size - 0.4 * reach
    middle = torch.where(most > least, torch.minimum(torch.maximum(middle, least), most), size / 2)
    sign = signs(dice, count)
    boxes = _moved(own.boxes[which], middle, scale, sign)
    at = middle.new_full((count, 2), SIDE_PX / 2)
    pixels = sampled(own.pixels[which], middle, scale, sign, SIDE_PX, at)
    return pixels, Drawn(boxes, own.groups[which], own.kinds[which]), scale


def _moved(boxes: Tensor, middle: Tensor, scale: Tensor, sign: Tensor) -> Tensor:
    """Bring boxes (b, n, 4) of a picture into a cut around ``middle``."""
    factor = scale.clone()
    factor[:, 0] *= sign
    ends = (boxes.unflatten(2, (2, 2)) - middle[:, None, None]) * factor[:, None, None] + SIDE_PX / 2
    return torch.cat([ends.amin(2), ends.amax(2)], 2)


def targets(drawn: Drawn) -> tuple[Tensor, ...]:
    """Draw what the network is told, as `loss.draw` does for one cut; (b, ...) each."""
    whole, groups, kinds = drawn
    boxes = whole.clamp(0, SIDE_PX)
    area = (whole[..., 2:] - whole[..., :2]).prod(2)
    seen = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(2) / area.clamp(min=1e-6)
    there = (groups > -2) & (seen > 0)
    sure = there & (groups >= 0) & (seen >= LEAST_SEEN)
    cells = (torch.arange(SIDE_PX // STRIDE, device=boxes.device) + 0.5) * STRIDE
    return _fill(boxes, groups, kinds, cells, there & ~sure, sure)


def _fill(
    boxes: Tensor, groups: Tensor, kinds: Tensor, cells: Tensor, vague: Tensor, sure: Tensor
) -> tuple[Tensor, ...]:
    left, top, right, bottom = boxes[..., None].unbind(2)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    home = (middle / STRIDE).long().clamp(0, len(cells) - 1)
    spread = ((boxes[..., 2:] - boxes[..., :2]) * (1 - MIN_OVERLAP) / 2.2).clamp(min=0.4 * STRIDE)
    bell_x = (-((cells - cells[home[..., :1]]) ** 2) / (2 * spread[..., :1] ** 2)).exp()
    bell_y = (-((cells - cells[home[..., 1:]]) ** 2) / (2 * spread[..., 1:] ** 2)).exp()
    bell = bell_y[..., :, None] * bell_x[..., None, :] * sure[..., None, None]
    heat = torch.stack([(bell * (groups == g)[..., None, None]).amax(1) for g in range(len(GROUPS))], 1)

    in_x, in_y = (cells > left) & (cells < right), (cells > top) & (cells < bottom)
    inside = (bell >= BOX_CELLS) & in_y[..., :, None] & in_x[..., None, :]
    count, most = groups.shape
    b = torch.arange(count, device=boxes.device)[:, None].expand(count, most)
    n = torch.arange(most, device=boxes.device)[None].expand(count, most)
    inside[b, n, home[..., 1], home[..., 0]] |= sure
    area = ((right - left) * (bottom - top))[..., None]
    owner = torch.where(inside, area, torch.inf).argmin(1)  # the smallest box keeps a cell
    owned = inside.any(1)
    row = owner.flatten(1)[..., None]

    def of_owner(values: Tensor) -> Tensor:
        return values.gather(1, row.squeeze(2)).view_as(owner)

    x, y = cells[None, None, :], cells[None, :, None]
    sides = torch.stack(
        [
            x - of_owner(boxes[..., 0]), y - of_owner(boxes[..., 1]),
            of_owner(boxes[..., 2]) - x, of_owner(boxes[..., 3]) - y,
        ], 1,
    )  # fmt: skip
    weight = bell.gather(1, owner[:, None])[:, 0] * owned
    kind = torch.where(owned, of_owner(kinds), -1)
    off_x = (cells > left - STRIDE) & (cells < right + STRIDE)
    off_y = (cells > top - STRIDE) & (cells < bottom + STRIDE)
    hidden = (off_y[..., :, None] & off_x[..., None, :] & vague[..., None, None]).any(1)
    care = torch.where(hidden[:, None], heat > 0.999, True).float().expand_as(heat)
    return heat, care, sides.clamp(min=0.5), weight, kind
