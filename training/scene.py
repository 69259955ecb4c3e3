"""Made-up scenes: vehicles, guns and persons drawn on pictures of real ground.

Everything is a few upright boxes in metres, seen by a camera from above (pitch from 35 degrees to
straight down), lit by one sun per picture. What is learnt from them is listed in the model card.
"""

from typing import NamedTuple

import cv2
import numpy as np

from network import GROUPS, KINDS

FINE = 2  # drawn so many times larger, then averaged
PAINTS = (
    (235, 235, 232),
    (30, 30, 33),
    (120, 122, 125),
    (175, 178, 180),
    (150, 25, 25),
    (30, 50, 110),
    (45, 70, 50),
    (190, 175, 140),
    (85, 88, 60),
    (200, 150, 40),
)
FIELD_PAINTS = ((85, 88, 60), (70, 75, 50), (150, 135, 100), (100, 95, 80))
GLASS = (35, 40, 45)


class Block(NamedTuple):
    """An upright box: middle (along, across), length, width, foot, head (metres); colour, None: paint."""

    along: float
    across: float
    length: float
    width: float
    foot: float
    head: float
    colour: tuple[int, int, int] | None = None


class Thing(NamedTuple):
    """What stands in a scene: group, kind and the blocks it is made of."""

    group: int
    kind: int
    blocks: list[Block]
    paints: tuple[tuple[int, int, int], ...] = PAINTS


class Sky(NamedTuple):
    """Sun and camera of a picture: shadow per metre of height (right, down), depth of shade, camera pitch."""

    shadow: np.ndarray
    shade: float
    pitch_deg: float


def _kind(word: str) -> int:
    return KINDS.index(word)


def car(dice: np.random.Generator) -> Thing:
    length, width = dice.uniform(3.7, 5.0), dice.uniform(1.65, 1.95)
    cabin, back = dice.uniform(0.42, 0.6) * length, dice.uniform(-0.14, 0.02) * length
    return Thing(
        0,
        _kind("car"),
        [
            Block(0, 0, length, width, 0.2, 0.85),
            Block(back, 0, cabin, 0.88 * width, 0.85, 1.2, GLASS),
            Block(back, 0, 0.62 * cabin, 0.8 * width, 1.2, 1.45),
        ],
    )


def van(dice: np.random.Generator) -> Thing:
    length, high = dice.uniform(4.8, 6.5), dice.uniform(1.9, 2.6)
    return Thing(
        0,
        _kind("van"),
        [
            Block(0, 0, length, 2.0, 0.2, 1.1),
            Block(-0.1 * length, 0, 0.78 * length, 1.9, 1.1, high),
            Block(0.31 * length, 0, 0.1 * length, 1.7, 1.1, 0.85 * high, GLASS),
        ],
    )


def truck(dice: np.random.Generator) -> Thing:
    length, high = dice.uniform(5.5, 10), dice.uniform(2.2, 3.6)
    paint = PAINTS[dice.integers(len(PAINTS))] if dice.random() < 0.6 else None
    return Thing(
        0,
        _kind("truck"),
        [
            Block(-0.13 * length, 0, 0.74 * length, 2.45, 0.9, high, paint),
            Block(0.4 * length, 0, 0.2 * length, 2.4, 0.3, 2.7),
            Block(0.48 * length, 0, 0.03 * length, 2.1, 1.6, 2.5, GLASS),
        ],
    )


def bus(dice: np.random.Generator) -> Thing:
    length = dice.uniform(9, 14)
    units = [
        Block(x * length, 0, dice.uniform(0.8, 2), 1.5, 3.1, 3.3, (150, 150, 150))
        for x in dice.uniform(-0.4, 0.4, dice.integers(1, 4))
    ]
    return Thing(
        0,
        _kind("bus"),
        [
            Block(0, 0, length, 2.55, 0.3, 1.4),
            Block(0, 0, length, 2.55, 1.4, 2.3, GLASS),
            Block(0, 0, length, 2.5, 2.3, 3.1),
            *units,
        ],
    )


def trailer(dice: np.random.Generator) -> Thing:
    length = dice.uniform(3, 8)
    return Thing(
        0,
        _kind("trailer"),
        [
            Block(0, 0, length, 2.2, 0.6, dice.uniform(1.0, 2.8)),
            Block(0.5 * length + 0.7, 0, 1.4, 0.2, 0.5, 0.7),
        ],
    )


def tracked(dice: np.random.Generator) -> Thing:
    length, width = dice.uniform(6, 7.4), dice.uniform(2.9, 3.6)
    blocks = [
        Block(0, 0, length, width, 0.3, 1.0, (45, 43, 38)),
        Block(0, 0, 0.95 * length, 0.7 * width, 0.5, 1.4),
    ]
    if dice.random() < 0.75:
        blocks += [
            Block(-0.3, 0, 2.8, 2.4, 1.4, 2.2),
            Block(0.35 * length + 0.5, 0, 0.6 * length, 0.2, 1.7, 1.9),
        ]
    return Thing(0, _kind("other_vehicle"), blocks, FIELD_PAINTS)


def gun(dice: np.random.Generator) -> Thing:
    spread = dice.uniform(0.3, 1.2)
    legs = [Block(-2.2, side * spread, 3.4, 0.3, 0.3, 0.7) for side in (-1, 1)]
    return Thing(
        0,
        _kind("other_vehicle"),
        [*legs, Block(0.2, 0, 1.0, 2.2, 0.3, 1.4), Block(2.6, 0, 4.6, 0.22, 1.2, 1.5)],
        FIELD_PAINTS,
    )


def person(dice: np.random.Generator) -> Thing:
    cloth = tuple(int(v) for v in dice.integers(20, 210, 3))
    if dice.random() < 0.15:  # lying
        blocks = [Block(0, 0, 1.2, 0.5, 0, 0.3, cloth), Block(0.75, 0, 0.25, 0.25, 0, 0.3, (120, 90, 70))]
    else:
        blocks = [
            Block(0, 0, 0.3, 0.35, 0, 0.9, (50, 50, 60)),
            Block(0, 0, 0.32, 0.52, 0.9, 1.5, cloth),
            Block(0.03, 0, 0.24, 0.22, 1.5, 1.75, (80, 60, 50)),
        ]
    return Thing(GROUPS.index("person"), -1, blocks)


def shed(dice: np.random.Generator) -> Thing:
    """Build what is no vehicle, but looks like one from far away: sheds, containers, pipes, slabs."""
    length, width = dice.uniform(0.8, 14), dice.uniform(0.6, 8)
    return Thing(-2, -1, [Block(0, 0, length, width, 0, dice.uniform(0.05, 3.5))])


MAKERS = (
    (car, 0.42),
    (van, 0.1),
    (truck, 0.12),
    (bus, 0.05),
    (trailer, 0.05),
    (tracked, 0.11),
    (gun, 0.05),
    (person, 0.05),
    (shed, 0.05),
)


def populate(
    ground: np.ndarray, px_per_m: float, dice: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Put things on a picture of ground; give it with boxes (n, 4), groups and kinds as in `loss.draw`."""
    angle, length = dice.uniform(0, 2 * np.pi), float(np.exp(dice.uniform(np.log(0.2), np.log(2.5))))
    sky = Sky(
        length * np.array([np.cos(angle), np.sin(angle)]),
        dice.uniform(0.35, 0.65) * (dice.random() < 0.85),
        90.0 if dice.random() < 0.5 else dice.uniform(35, 90),
    )
    side = ground.shape[0]
    picture = cv2.resize(ground, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)
    boxes, groups, kinds = [], [], []
    makers, share = zip(*MAKERS, strict=True)
    heading = dice.uniform(0, 2 * np.pi)
    for _ in range(int(dice.integers(1, 9))):
        thing = makers[dice.choice(len(makers), p=share)](dice)
        crowd = int(dice.integers(1, 6)) if thing.kind < 0 and thing.group > 0 else 1
        middle = dice.uniform(0.03, 0.97, 2) * side / px_per_m
        for _ in range(crowd):
            at = middle + dice.normal(0, 2.0, 2) * (crowd > 1)
            turn = heading + dice.choice([0, np.pi / 2, np.pi]) + dice.normal(0, 0.06)
            turn = dice.uniform(0, 2 * np.pi) if dice.random() < 0.4 else turn
            box = _outline(thing, at, turn, px_per_m, sky)
            if any(_meet(box, other) for other in boxes):
                continue
            _draw(picture, thing, at, turn, px_per_m, sky, dice)
            boxes.append(box)
            groups.append(thing.group)
            kinds.append(thing.kind)
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    if dice.random() < 0.3:
        picture = _smeared(picture, dice)
    kept = [i for i, group in enumerate(groups) if group >= -1]
    return (
        picture,
        np.array([boxes[i] for i in kept], np.float32).reshape(-1, 4),
        np.array([groups[i] for i in kept], np.int64),
        np.array([kinds[i] for i in kept], np.int64),
    )


def _corners(block: Block, at: np.ndarray, turn: float) -> np.ndarray:
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([block.length, block.width]) / 2
    flat = half + np.array([block.along, block.across])
    c, s = np.cos(turn), np.sin(turn)
    return at + flat @ np.array([[c, s], [-s, c]])


def _seen(corners: np.ndarray, height: float, px_per_m: float, sky: Sky) -> np.ndarray:
    pitch = np.radians(sky.pitch_deg)
    out = corners * px_per_m
    return np.column_stack([out[:, 0], out[:, 1] - height * np.cos(pitch) * px_per_m])


def _outline(thing: Thing, at: np.ndarray, turn: float, px_per_m: float, sky: Sky) -> np.ndarray:
    points = np.concatenate(
        [
            _seen(_corners(block, at, turn), height, px_per_m, sky)
            for block in thing.blocks
            for height in (block.foot, block.head)
        ]
    )
    return np.concatenate([points.min(0), points.max(0)])


def _meet(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) > 0).all())


def _draw(
    picture: np.ndarray,
    thing: Thing,
    at: np.ndarray,
    turn: float,
    px_per_m: float,
    sky: Sky,
    dice: np.random.Generator,
) -> None:
    paint = np.clip(np.array(thing.paints[dice.integers(len(thing.paints))]) + dice.normal(0, 12, 3), 0, 255)
    fine = px_per_m * FINE
    if sky.shade > 0:
        mask = np.zeros(picture.shape[:2], np.float32)
        for block in thing.blocks:
            foot = _corners(block, at, turn) * fine
            points = np.concatenate(
                [foot + height * sky.shadow * fine for height in (block.foot, block.head)]
            )
            cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1.0)
        mask = cv2.GaussianBlur(mask, (0, 0), FINE * float(dice.uniform(0.4, 1.2)))[..., None]
        np.copyto(picture, (picture * (1 - sky.shade * mask)).astype(np.uint8))
    for block in thing.blocks:
        colour = np.array(block.colour if block.colour is not None else paint, float)
        foot, head = (_seen(_corners(block, at, turn), h, fine, sky) for h in (block.foot, block.head))
        hull = cv2.convexHull(np.concatenate([foot, head]).astype(np.int32))
        cv2.fillConvexPoly(picture, hull, tuple(int(v) for v in colour * dice.uniform(0.45, 0.8)))
        cv2.fillConvexPoly(
            picture, head.astype(np.int32), tuple(int(v) for v in colour * dice.uniform(0.85, 1.1))
        )
        _dirt(picture, hull, dice)


def _dirt(picture: np.ndarray, hull: np.ndarray, dice: np.random.Generator) -> None:
    x, y, w, h = cv2.boundingRect(hull)
    part = picture[max(y, 0) : y + h, max(x, 0) : x + w]
    if part.size:
        noise = dice.normal(0, 5, (*part.shape[:2], 1))
        np.copyto(part, np.clip(part + noise, 0, 255).astype(np.uint8))


def _smeared(picture: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Blur along the flight: exposure time times ground speed."""
    length, angle = int(dice.integers(2, 5)), dice.uniform(0, np.pi)
    kernel = np.zeros((7, 7), np.float32)
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = [tuple(int(v) for v in np.round(3 + side * step)) for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())
