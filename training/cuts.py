"""Reading the training pictures, and random cuts out of them: turned, scaled and spoilt."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from loss import Target, draw
from network import GROUPS, KINDS, STRIDE

cv2.setNumThreads(1)
SIDE_PX = 256
FILL = 115  # grey beyond the picture's edge, as at inference
LEAST_SEEN = 0.45  # an object cut more than that is neither right nor wrong


class Picture(NamedTuple):
    """A decoded picture and what is on it.

    ``boxes`` (n, 4) left, top, right, bottom; ``groups``, ``kinds`` as in `loss.draw`; ``known`` tells per
    group whether everything of that group is marked; ``margin_px`` is left out of the loss;
    ``date`` is the flight's, where stated.
    """

    pixels: np.ndarray
    boxes: np.ndarray
    groups: np.ndarray
    kinds: np.ndarray
    known: tuple[bool, ...]
    margin_px: int
    date: str = ""


def load(folder: Path, table: str, grey: bool, known: tuple[bool, ...], margin_px: int = 0) -> list[Picture]:
    """Read a COCO table and decode its pictures once."""
    content = json.loads((folder / table).read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    marks: dict[int, list[dict]] = {}
    for mark in content["annotations"]:
        marks.setdefault(mark["image_id"], []).append(mark)
    how = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    files = [str(folder / "images" / image["file_name"]) for image in content["images"]]
    with ThreadPoolExecutor() as readers:
        decoded = list(readers.map(lambda file: cv2.imread(file, how), files))
    pictures = []
    for image, stored in zip(content["images"], decoded, strict=True):
        pixels = stored[..., None] if grey else cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
        own = marks.get(image["id"], [])
        boxes = np.array([m["bbox"] for m in own], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        groups = np.array([_group(m, names) for m in own], np.int64)
        kinds = np.array([_kind(names[m["category_id"]]) for m in own], np.int64)
        if margin_px:
            high, wide = pixels.shape[:2]
            cut = (
                (boxes[:, :2] < margin_px).any(1)
                | (boxes[:, 2] > wide - margin_px)
                | (boxes[:, 3] > high - margin_px)
            )
            groups[cut] = -1
        pictures.append(
            Picture(pixels, boxes, groups, kinds, known, margin_px, image.get("date_captured", ""))
        )
    return pictures


def _group(mark: dict, names: dict[int, str]) -> int:
    if mark.get("ignore"):
        return -1
    word = names[mark["category_id"]]
    return GROUPS.index(word) if word in GROUPS else 0


def _kind(word: str) -> int:
    return KINDS.index(word) if word in KINDS else -1


def halved(picture: Picture) -> Picture:
    """Give the picture at half its size: cuts that shrink are quicker from it."""
    pixels = cv2.resize(picture.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    pixels = pixels.reshape(*pixels.shape[:2], picture.pixels.shape[2])
    return picture._replace(pixels=pixels, boxes=picture.boxes / 2, margin_px=(picture.margin_px + 1) // 2)


def cut_out(
    picture: Picture, middle: np.ndarray, scale: float, dice: np.random.Generator
) -> tuple[np.ndarray, Target]:
    """Take a square of ``SIDE_PX`` pixels around a place, scaled, mirrored and turned."""
    reach = SIDE_PX / scale
    left, top = _held(middle - reach / 2, reach, picture.pixels.shape[1::-1])
    pixels = _window(picture.pixels, left, top, reach, scale)
    boxes = (picture.boxes - np.array([left, top, left, top], np.float32)) * np.float32(scale)
    care = np.ones((len(GROUPS), SIDE_PX // STRIDE, SIDE_PX // STRIDE), np.float32)
    for i, known in enumerate(picture.known):
        care[i] = known
    if picture.margin_px:
        _leave_edges(care, picture, left, top, scale)
    pixels, boxes, care = _turn(pixels, boxes, care, int(dice.integers(4)))
    if dice.integers(2):
        pixels, care = pixels[:, ::-1], care[:, :, ::-1].copy()
        boxes = np.column_stack([SIDE_PX - boxes[:, 2], boxes[:, 1], SIDE_PX - boxes[:, 0], boxes[:, 3]])
    return np.ascontiguousarray(pixels), _target(boxes, picture.groups, picture.kinds, care)


def _held(corner: np.ndarray, reach: float, size: tuple[int, ...]) -> np.ndarray:
    """Move a window so that little of it lies beyond the picture."""
    over = 0.1 * reach
    most = np.array(size, np.float32) - reach + over
    return np.where(most > -over, np.clip(corner, -over, np.maximum(most, -over)), (most - over) / 2)


def _window(pixels: np.ndarray, left: float, top: float, reach: float, scale: float) -> np.ndarray:
    if scale < 0.7:  # averaging first: a thinned picture is not what a higher camera sees
        x0, y0 = int(np.floor(left)), int(np.floor(top))
        size = int(np.ceil(reach)) + 1
        part = _padded(pixels, x0, y0, size)
        small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        shift = np.float32([[1, 0, -(left - x0) * scale], [0, 1, -(top - y0) * scale]])
        out = cv2.warpAffine(small, shift, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
    else:
        moves = np.float32(
            [[scale, 0, -left * scale + (scale - 1) / 2], [0, scale, -top * scale + (scale - 1) / 2]]
        )
        fill = (FILL,) * 3
        out = cv2.warpAffine(
            pixels,
            moves,
            (SIDE_PX, SIDE_PX),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
    return out.reshape(SIDE_PX, SIDE_PX, pixels.shape[2])


def _padded(pixels: np.ndarray, x: int, y: int, size: int) -> np.ndarray:
    high, wide = pixels.shape[:2]
    out = np.full((size, size, pixels.shape[2]), FILL, np.uint8)
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + size, wide), min(y + size, high)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = pixels[y0:y1, x0:x1]
    return out


def _leave_edges(care: np.ndarray, picture: Picture, left: float, top: float, scale: float) -> None:
    """Leave out the band in which a cut vehicle may or may not be marked."""
    high, wide = picture.pixels.shape[:2]
    band = 4 * picture.margin_px
    cells = (np.arange(care.shape[1]) + 0.5) * STRIDE / scale
    x, y = left + cells, top + cells
    off_x = ((x > -band) & (x < band)) | ((x > wide - band) & (x < wide + band))
    off_y = ((y > -band) & (y < band)) | ((y > high - band) & (y < high + band))
    care[:, off_y[:, None] | off_x[None, :]] = 0


def _turn(pixels: np.ndarray, boxes: np.ndarray, care: np.ndarray, turn: int) -> tuple[np.ndarray, ...]:
    for _ in range(turn):  # anticlockwise by a quarter
        pixels, care = np.rot90(pixels), np.rot90(care, axes=(1, 2))
        boxes = np.column_stack([boxes[:, 1], SIDE_PX - boxes[:, 2], boxes[:, 3], SIDE_PX - boxes[:, 0]])
    return pixels, boxes, care.copy()


def _target(boxes: np.ndarray, groups: np.ndarray, kinds: np.ndarray, care: np.ndarray) -> Target:
    inside = np.clip(boxes, 0, SIDE_PX)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    seen = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1]) / np.maximum(area, 1e-6)
    kept = seen > 0
    groups = np.where(seen < LEAST_SEEN, -1, groups)[kept]
    return draw(inside[kept], groups, kinds[kept], care)


def spoil(pixels: np.ndarray, dice: np.random.Generator, invert: float, colour: bool) -> np.ndarray:
    """Change brightness, contrast, gamma, colour, sharpness and noise, as cameras and weather do."""
    x = pixels.astype(np.float32) / 255
    if dice.random() < 0.8:
        x = np.clip(x, 0, 1) ** float(np.exp(dice.normal(0, 0.25)))
        x = (x - x.mean()) * float(np.exp(dice.normal(0, 0.25))) + x.mean() + float(dice.normal(0, 0.08))
    if dice.random() < invert:
        x = 1 - x
    if colour:
        if dice.random() < 0.4:
            x = np.broadcast_to(x.mean(2, keepdims=True), x.shape)
        elif dice.random() < 0.6:
            x = x * np.exp(dice.normal(0, 0.08, 3)).astype(np.float32)
            grey = x.mean(2, keepdims=True)
            x = grey + (x - grey) * float(dice.uniform(0.3, 1.6))
    if dice.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), float(dice.uniform(0.4, 1.3))).reshape(x.shape)
    if dice.random() < 0.4:
        x = x + dice.normal(0, dice.uniform(0.005, 0.04), (*x.shape[:2], 1)).astype(np.float32)
    out = (np.clip(x, 0, 1) * 255).astype(np.uint8)
    if dice.random() < 0.3:
        code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(dice.integers(35, 90))])[1]
        out = cv2.imdecode(code, cv2.IMREAD_UNCHANGED).reshape(out.shape)
    return out
