"""Batches for the thermal network, made on the device that trains: cuts, pasted objects, spoilt pictures.

Pictures lie on the device as 8 bit; a batch is cut, pasted and spoilt by a few large operations, so that
one GPU is kept busy without workers. Upright and white-hot, as the pictures are: a person seen slantwise
stands, and a cold spot is no person.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cuts import FILL, LEAST_SEEN, Picture, load
from loss import BOX_CELLS, MIN_OVERLAP
from network import GROUPS, KINDS, STRIDE

CHANNELS = 1
SIDE_PX = 512
SCALE = (0.75, 2.2)  # persons are 12 x 19 pixels: most cuts enlarge
STRETCH = 0.08  # of one axis against the other
NEAR = 0.5  # share of cuts around an object
PASTES = 5  # objects put into a cut at most: things and grounds that were never seen together
PASTED = 0.6  # share of cuts that get some
MARGIN, FEATHER_PX = 1.12, 2.0  # what comes along around a pasted object, and how softly it ends


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
        (m, 2) picture and row of each object, (m,) how likely it is chosen: rare kinds more often.
    """

    pixels: Tensor
    boxes: Tensor
    groups: Tensor
    kinds: Tensor
    rows: Tensor
    share: Tensor


class Drawn(NamedTuple):
    """What is in a batch of cuts: (b, most, ...) as in :class:`Pack`, in pixels of the cut."""

    boxes: Tensor
    groups: Tensor
    kinds: Tensor


def pictures(data: Path, table: str) -> list[Picture]:
    """Read a table of the pack; every person, bicycle and vehicle is marked in it."""
    return load(data / "hituav_train", table, grey=True, known=(True,) * len(GROUPS))


def pack(pictures: list[Picture], device: str) -> Pack:
    """Bring pictures to the device."""
    most = max(len(p.boxes) for p in pictures)
    boxes = np.zeros((len(pictures), most, 4), np.float32)
    groups = np.full((len(pictures), most), -2, np.int64)
    kinds = np.full((len(pictures), most), -1, np.int64)
    for i, picture in enumerate(pictures):
        n = len(picture.boxes)
        boxes[i, :n], groups[i, :n], kinds[i, :n] = picture.boxes, picture.groups, picture.kinds
    rows = np.argwhere(groups >= 0)
    word = groups[tuple(rows.T)] * (len(KINDS) + 1) + kinds[tuple(rows.T)] + 1
    share = np.bincount(word)[word] ** -0.5
    pixels = np.stack([p.pixels[..., 0] for p in pictures])[:, None]
    return Pack(*[torch.from_numpy(a).to(device) for a in (pixels, boxes, groups, kinds, rows, share)])


def batches(
    pictures: list[Picture], data: Path, device: str, seed: int, batch: int, workers: int
) -> Iterator[tuple[Tensor, ...]]:
    """Give batches without end: pictures (b, 1, side, side) between 0 and 1, and targets as `loss.draw`.

    ``data`` and ``workers`` are of no use here: the device makes its batches itself.
    """
    own = pack(pictures, device)
    dice = torch.Generator(device).manual_seed(seed)
    while True:
        pixels, drawn, scale = _cuts(own, batch, dice)
        pixels, drawn = _pasted(own, pixels, drawn, scale, dice)
        yield (spoilt(pixels, dice), *targets(drawn))


def _uniform(dice: torch.Generator, low: float, high: float, *size: int) -> Tensor:
    return low + (high - low) * torch.rand(size, generator=dice, device=dice.device)


def _choose(own: Pack, count: int, dice: torch.Generator) -> Tensor:
    return own.rows[torch.multinomial(own.share, count, replacement=True, generator=dice)]


def _scales(count: int, dice: torch.Generator) -> Tensor:
    """Give (count, 2) factors along x and y."""
    both = _uniform(dice, *np.log(SCALE), count, 1).exp()
    return both * (STRETCH * torch.randn((count, 2), generator=dice, device=dice.device)).exp()


def _cuts(own: Pack, count: int, dice: torch.Generator) -> tuple[Tensor, Drawn, Tensor]:
    """Cut squares out of pictures, half of them around an object, half of them mirrored."""
    size = own.boxes.new_tensor([own.pixels.shape[3], own.pixels.shape[2]])
    scale = _scales(count, dice)
    rows = _choose(own, count, dice)
    near = _uniform(dice, 0, 1, count) < NEAR
    box = own.boxes[rows[:, 0], rows[:, 1]]
    around = (box[:, :2] + box[:, 2:]) / 2 + _uniform(dice, -0.45, 0.45, count, 2) * SIDE_PX / scale
    anywhere = _uniform(dice, 0, 1, count, 2) * size
    which = torch.where(
        near, rows[:, 0], torch.randint(len(own.pixels), (count,), generator=dice, device=dice.device)
    )
    middle = torch.where(near[:, None], around, anywhere)
    reach = SIDE_PX / scale  # little of a cut lies beyond the picture
    least, most = 0.4 * reach, size - 0.4 * reach
    middle = torch.where(most > least, torch.minimum(torch.maximum(middle, least), most), size / 2)
    sign = torch.where(_uniform(dice, 0, 1, count) < 0.5, -1.0, 1.0)
    boxes = _moved(own.boxes[which], middle, scale, sign)
    pixels = _sampled(own.pixels[which], middle, scale, sign)
    return pixels, Drawn(boxes, own.groups[which], own.kinds[which]), scale


def _moved(boxes: Tensor, middle: Tensor, scale: Tensor, sign: Tensor) -> Tensor:
    """Bring boxes (b, n, 4) of a picture into a cut around ``middle``."""
    factor = scale.clone()
    factor[:, 0] *= sign
    ends = (boxes.unflatten(2, (2, 2)) - middle[:, None, None]) * factor[:, None, None] + SIDE_PX / 2
    return torch.cat([ends.amin(2), ends.amax(2)], 2)


def _sampled(pixels: Tensor, middle: Tensor, scale: Tensor, sign: Tensor, at: Tensor | None = None) -> Tensor:
    """Draw cuts (b, 1, side, side) between 0 and 1 with ``middle`` of the picture at ``at`` of the cut."""
    high, wide = pixels.shape[2:]
    steps = torch.arange(SIDE_PX, device=pixels.device) + 0.5
    at = middle.new_full((len(pixels), 2), SIDE_PX / 2) if at is None else at
    x = (steps - at[:, :1]) / scale[:, :1] * sign[:, None] + middle[:, :1]
    y = (steps - at[:, 1:]) / scale[:, 1:] + middle[:, 1:]
    grid = torch.stack(
        [
            (2 * x / wide - 1)[:, None, :].expand(-1, SIDE_PX, -1),
            (2 * y / high - 1)[:, :, None].expand(-1, -1, SIDE_PX),
        ],
        3,
    )
    grey = FILL / 255
    return F.grid_sample(pixels.float() / 255 - grey, grid, align_corners=False) + grey


def _pasted(
    own: Pack, pixels: Tensor, drawn: Drawn, scale: Tensor, dice: torch.Generator
) -> tuple[Tensor, Drawn]:
    """Put objects of other pictures into cuts, as warm against the ground as they were."""
    count = len(pixels)
    wanted = torch.where(
        _uniform(dice, 0, 1, count) < PASTED,
        torch.randint(1, PASTES + 1, (count,), generator=dice, device=dice.device),
        0,
    )
    for slot in range(PASTES):
        rows = _choose(own, count, dice)
        which, row = rows[:, 0], rows[:, 1]
        box = own.boxes[which, row]
        factor = scale * _uniform(dice, -0.2, 0.2, count, 1).exp()
        sign = torch.where(_uniform(dice, 0, 1, count) < 0.5, -1.0, 1.0)
        at = _uniform(dice, 0.04, 0.96, count, 2) * SIDE_PX
        half = (box[:, 2:] - box[:, :2]) / 2 * factor
        new = torch.cat([at - half, at + half], 1)
        free = (wanted > slot) & ~_meets(new, drawn)
        donor = _sampled(own.pixels[which], (box[:, :2] + box[:, 2:]) / 2, factor, sign, at)
        inner, ring = _masks(at, half)
        level = _mean(pixels, ring) - _mean(donor, ring)
        inner = inner * free[:, None, None, None]
        pixels = pixels * (1 - inner) + (donor + level) * inner
        groups = torch.where(free, own.groups[which, row], -2)
        drawn = Drawn(
            torch.cat([drawn.boxes, new[:, None]], 1),
            torch.cat([drawn.groups, groups[:, None]], 1),
            torch.cat([drawn.kinds, own.kinds[which, row][:, None]], 1),
        )
    return pixels, drawn


def _meets(box: Tensor, drawn: Drawn) -> Tensor:
    """Tell which boxes (b, 4) touch something that is there."""
    shared = torch.minimum(box[:, None, 2:], drawn.boxes[..., 2:]) - torch.maximum(
        box[:, None, :2], drawn.boxes[..., :2]
    )
    return ((shared > -3).all(2) & (drawn.groups > -2)).any(1)


def _masks(at: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Give the soft inside of an object and a ring around it, (b, 1, side, side) each."""
    steps = torch.arange(SIDE_PX, device=at.device) + 0.5
    off_x = (steps - at[:, :1]).abs() - MARGIN * half[:, :1]
    off_y = (steps - at[:, 1:]).abs() - MARGIN * half[:, 1:]
    off = torch.maximum(off_x[:, None, :], off_y[:, :, None])[:, None]
    return (0.5 - off / FEATHER_PX).clamp(0, 1), ((off > 0) & (off < 6)).float()


def _mean(pixels: Tensor, mask: Tensor) -> Tensor:
    total = (pixels * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)
    return total[:, None, None, None]


def spoilt(pixels: Tensor, dice: torch.Generator) -> Tensor:
    """Change brightness, contrast, gamma, slope, sharpness and noise, as cameras and weather do."""
    count = len(pixels)

    def some(share: float, values: Tensor, rest: float) -> Tensor:
        kept = _uniform(dice, 0, 1, count) < share
        return torch.where(kept, values, rest)[:, None, None, None]

    def normal(spread: float) -> Tensor:
        return spread * torch.randn(count, generator=dice, device=dice.device)

    x = pixels.clamp(0, 1) ** some(0.7, normal(0.3).exp(), 1.0)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * some(0.8, normal(0.3).exp(), 1.0) + mean + some(0.8, normal(0.1), 0.0)
    ramp = torch.linspace(-0.5, 0.5, SIDE_PX, device=x.device)
    x = x + some(0.3, normal(0.12), 0.0) * ramp + some(0.3, normal(0.12), 0.0) * ramp[:, None]
    soft = _blurred(x)
    x = soft + (x - soft) * some(0.5, _uniform(dice, 0.0, 1.8, count), 1.0)
    x = x + some(0.5, _uniform(dice, 0.0, 0.05, count), 0.0) * torch.randn(
        x.shape, generator=dice, device=x.device
    )
    return x.clamp(0, 1)


def _blurred(x: Tensor, spread: float = 1.2) -> Tensor:
    steps = torch.arange(-3, 4, device=x.device, dtype=x.dtype)
    bell = (-(steps**2) / (2 * spread**2)).exp()
    bell = bell / bell.sum()
    x = F.conv2d(F.pad(x, (3, 3, 0, 0), mode="replicate"), bell.view(1, 1, 1, 7))
    return F.conv2d(F.pad(x, (0, 0, 3, 3), mode="replicate"), bell.view(1, 1, 7, 1))


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
