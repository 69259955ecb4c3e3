"""Things of other pictures put into cuts: what was never seen together is learnt together.

Each is as warm against its new ground as it was against its own, a little more or less. Where the recipe says
so, of a person only what differs from the ground comes along, so that nothing but the person tells where it
was put; some persons are put beside others, which is where boxes go wrong; and some things that are none come
without a mark.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cuts import FILL
from network import GROUPS
from pack import Drawn, Pack, choose, normal, sampled, signs, uniform
from recipe import Recipe

PASTES = 5  # objects put into a cut at most
PASTED = 0.6  # share of cuts that get some
MARGIN, FEATHER_PX = 1.12, 2.0  # what comes along around an object, and how softly it ends
PATCH_PX = 224  # what is larger is not put anywhere
RING_PX = 6.0
SIZE = 0.2  # spread of an object's own factor
LEAST_MATTE = 0.4  # of the strongest difference from the ground: what differs as much is all person
MOST_SHARED = 0.3  # of the smaller box, with another beside it
FALSE_PX = 7.0, 11.0  # half of what a person measures
PERSON = GROUPS.index("person")


class Thing(NamedTuple):
    """One object per cut, still in its own picture.

    Attributes
    ----------
    which
        (b,) picture.
    middle, half
        (b, 2) pixels.
    group, kind
        (b,) as in :class:`pack.Pack`; -2: no object at all.
    """

    which: Tensor
    middle: Tensor
    half: Tensor
    group: Tensor
    kind: Tensor


def pasted(
    own: Pack, pixels: Tensor, drawn: Drawn, scale: Tensor, recipe: Recipe, dice: torch.Generator
) -> tuple[Tensor, Drawn]:
    """Put objects into cuts (b, 1, side, side) that were enlarged by ``scale`` (b, 2)."""
    count, edge = len(pixels), PATCH_PX // 2
    wanted = torch.where(
        uniform(dice, 0, 1, count) < PASTED,
        torch.randint(1, PASTES + 1, (count,), generator=dice, device=dice.device),
        0,
    )
    canvas = F.pad(pixels, (edge,) * 4, value=FILL / 255)
    for slot in range(PASTES):
        drawn = _put(own, canvas, drawn, _object(own, count, dice), wanted > slot, scale, recipe, dice)
    false = torch.randint(0, recipe.false + 1, (count,), generator=dice, device=dice.device)
    for slot in range(recipe.false):
        drawn = _put(own, canvas, drawn, _blob(own, count, dice), false > slot, scale, recipe, dice)
    return canvas[:, :, edge:-edge, edge:-edge], drawn


def _object(own: Pack, count: int, dice: torch.Generator) -> Thing:
    which, row = own.rows[choose(own.share, count, dice)].unbind(1)
    box = own.boxes[which, row]
    middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2
    return Thing(which, middle, half, own.groups[which, row], own.kinds[which, row])


def _blob(own: Pack, count: int, dice: torch.Generator) -> Thing:
    one = torch.randint(len(own.blobs), (count,), generator=dice, device=dice.device)
    middle = own.blobs[one]
    none = torch.full_like(one, -2)
    half = middle.new_tensor(FALSE_PX).expand_as(middle)
    return Thing(own.blob_picture[one], middle, half, none, none)


def _put(
    own: Pack,
    canvas: Tensor,
    drawn: Drawn,
    thing: Thing,
    wanted: Tensor,
    scale: Tensor,
    recipe: Recipe,
    dice: torch.Generator,
) -> Drawn:
    """Put one object into each cut that wants it and has room; ``canvas`` is changed in place."""
    count, side = len(canvas), canvas.shape[2] - PATCH_PX
    factor = scale * normal(dice, SIZE, count, 1).clamp(-0.4, 0.4).exp()
    half = thing.half * factor
    at, beside = _place(drawn, thing.group, half, side, recipe.beside, dice)
    new = torch.cat([at - half, at + half], 1)
    fits = ((at > 0) & (at < side) & (MARGIN * half + RING_PX + FEATHER_PX < PATCH_PX / 2)).all(1)
    free = wanted & fits & ~_meets(new, drawn, beside)

    corner = at.floor().long()  # of the patch, on the canvas with its edge of half a patch
    inner_at = at - corner + PATCH_PX // 2
    donor = sampled(own.pixels[thing.which], thing.middle, factor, signs(dice, count), PATCH_PX, inner_at)
    steps = torch.arange(PATCH_PX, device=canvas.device)
    b = torch.arange(count, device=canvas.device)[:, None, None]
    rows = (corner[:, 1:].clamp(0, side) + steps)[:, :, None]
    columns = (corner[:, :1].clamp(0, side) + steps)[:, None, :]
    ground = canvas[b, 0, rows, columns][:, None]
    inner, ring = _masks(inner_at, half)
    off = donor - _mean(donor, ring)
    matte = _matte(off, inner)
    thin = ((thing.group == PERSON) | (thing.group < 0))[:, None, None, None]
    alpha = torch.where(thin & recipe.matte, matte, inner) * free[:, None, None, None]
    gain = normal(dice, recipe.warmth, count).clamp(-0.5, 0.6).exp()[:, None, None, None]
    put = ground * (1 - alpha) + (_mean(ground, ring) + off * gain) * alpha
    canvas[b, 0, rows, columns] = put[:, 0]
    return Drawn(
        torch.cat([drawn.boxes, new[:, None]], 1),
        torch.cat([drawn.groups, torch.where(free, thing.group, -2)[:, None]], 1),
        torch.cat([drawn.kinds, thing.kind[:, None]], 1),
    )


def _place(
    drawn: Drawn, group: Tensor, half: Tensor, side: int, share: float, dice: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Choose a place anywhere, or beside a person or bicycle; tell which are beside one."""
    count = len(half)
    anywhere = uniform(dice, 0.04, 0.96, count, 2) * side
    small = (drawn.groups > 0).float()
    other = choose(small + 1e-6, 1, dice)[:, 0]
    b = torch.arange(count, device=half.device)
    box = drawn.boxes[b, other]
    reach = (box[:, 2] - box[:, 0]) / 2 + half[:, 0]
    step = torch.stack(
        [
            signs(dice, count) * reach * uniform(dice, 0.75, 1.2, count),
            uniform(dice, -0.5, 0.5, count) * half[:, 1],
        ],
        1,
    )
    beside = (uniform(dice, 0, 1, count) < share) & (small[b, other] > 0) & (group == PERSON)
    return torch.where(beside[:, None], (box[:, :2] + box[:, 2:]) / 2 + step, anywhere), beside


def _meets(box: Tensor, drawn: Drawn, beside: Tensor) -> Tensor:
    """Tell which boxes (b, 4) touch something that is there, or cover too much of what they are beside."""
    sides = torch.minimum(box[:, None, 2:], drawn.boxes[..., 2:]) - torch.maximum(
        box[:, None, :2], drawn.boxes[..., :2]
    )
    there = drawn.groups > -2
    touches = ((sides > -3).all(2) & there).any(1)
    area = (drawn.boxes[..., 2:] - drawn.boxes[..., :2]).prod(2)
    least = torch.minimum(area, (box[:, 2:] - box[:, :2]).prod(1)[:, None])
    covers = ((sides.clamp(min=0).prod(2) > MOST_SHARED * least) & there).any(1)
    return torch.where(beside, covers, touches)


def _masks(at: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Give the soft inside of an object and a ring around it, (b, 1, patch, patch) each."""
    steps = torch.arange(PATCH_PX, device=at.device) + 0.5
    off_x = (steps - at[:, :1]).abs() - MARGIN * half[:, :1]
    off_y = (steps - at[:, 1:]).abs() - MARGIN * half[:, 1:]
    off = torch.maximum(off_x[:, None, :], off_y[:, :, None])[:, None]
    return (0.5 - off / FEATHER_PX).clamp(0, 1), ((off > 0) & (off < RING_PX)).float()


def _matte(off: Tensor, inner: Tensor) -> Tensor:
    """Give how much of each pixel is object: what differs from the ground, softly."""
    differs = (off * inner).abs()
    most = differs.amax((1, 2, 3), keepdim=True).clamp(min=1 / 255)
    return F.avg_pool2d((differs / (LEAST_MATTE * most)).clamp(0, 1), 3, 1, 1) * inner


def _mean(pixels: Tensor, mask: Tensor) -> Tensor:
    total = (pixels * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)
    return total[:, None, None, None]
