"""Networks that find vehicles, persons and bicycles in pictures: loaded from the package, run on the CPU.

``visible`` looks at daylight pictures, ``thermal`` at thermal ones; ``plain``, taught otherwise on the same
thermal pictures, looks beside it (`looks.py`), ``second`` looks again at persons (`second.py`).

A network is one ONNX file beside its model card in ``weights/``: an 8-bit picture in (1, h, w, channels;
sides multiples of 32), three maps out at a quarter of its size: heat per group, four sides of a box in
pixels, shares of the kinds of vehicle. The file's SHA-256 is checked before it is opened.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from truceline.model.errors import Broken

Picture = npt.NDArray[np.uint8]
Hot = Literal["white", "black"]  # which shade of a thermal picture is warm
Array = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

WEIGHTS = Path(__file__).with_name("weights")
SHA256 = {
    "thermal": "6c37624664d9002d4bc453d8a7281ca7819fd670c6cbe1117df26235f3091c70",
    "plain": "cf89e2ef63c0fdc52e1225b25b127ca6f3a428731b7e5c7b6ec1426396e16c31",
    "second": "66a77a9b9bde017b2f5b26f0b15249bd520a129e1ed8fdcc5eae73b1545b5b9b",
    "visible": "a8388474f99b440d6c1a7ec0cc27606f587e81f4ef0f038bb02d78892cac5361",
}
CHANNELS = {"thermal": 1, "visible": 3}
VERSION = {"thermal": "4", "visible": "2"}
GROUPS = ("vehicle", "person", "bicycle")
KINDS = ("car", "other_vehicle", "truck", "van", "bus", "trailer")  # inside "vehicle", as trained
STRIDE, MULTIPLE = 4, 32
FILL = 115  # grey beyond the picture's edge, as in training
THREADS = 2
TILE_PX, OVERLAP_PX = 1536, 192  # larger pictures are looked at in pieces: bounded memory
MOST_PEAKS = 500
BLOCK = 256  # boxes that are compared with all others at a time


class Found(NamedTuple):
    """Boxes found, n of each, best first.

    Attributes
    ----------
    boxes
        (n, 4) left, top, right, bottom, pixels.
    scores
        (n,) between 0 and 1.
    groups, kinds
        (n,) index into ``GROUPS``, and into ``KINDS`` (-1: no vehicle).
    """

    boxes: Array
    scores: Array
    groups: Ints
    kinds: Ints

    def keep(self, which: Any) -> "Found":
        """Keep some, by index or mask."""
        return Found(*[column[which] for column in self])

    def categories(self) -> list[str]:
        """Give the word of contract drone, section 4, per box."""
        words = np.array([*KINDS, ""])[self.kinds]
        return [
            str(kind) if group == 0 else GROUPS[group]
            for group, kind in zip(self.groups.tolist(), words, strict=True)
        ]


NOTHING = Found(
    np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64)
)


@lru_cache(maxsize=len(SHA256))
def session(name: str) -> Any:
    """Open a network of the package.

    Raises
    ------
    Broken
        If its file is missing or not the one that was trained.
    """
    import onnxruntime

    path = WEIGHTS / f"{name}.onnx"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Broken(f"{path.name}: cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise Broken(f"{path.name}: is not the file that was trained; install the package again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    # A thread that waits leaves its core to decoding and registration.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def find(name: str, picture: Picture, scale: float, least_score: float) -> Found:
    """Look at a picture once, at one scale.

    Parameters
    ----------
    name
        Of the network.
    picture
        (h, w, channels), 8 bit.
    scale
        The picture is enlarged by it before it is looked at; boxes are in pixels of the picture given.
    least_score
        Boxes with a lower score are left out.
    """
    high, wide = picture.shape[:2]
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    scaled = resized(picture, size)
    ratio = np.array([wide / size[0], high / size[1]] * 2, np.float32)
    parts = []
    for y in starts(size[1]):
        for x in starts(size[0]):
            piece = scaled[y : y + TILE_PX, x : x + TILE_PX]
            found = _peaks(name, piece, least_score)
            sure = _off_cut(found.boxes, (x, y), piece.shape[:2], size)
            parts.append(
                found.keep(sure)._replace(boxes=found.boxes[sure] + np.array([x, y, x, y], np.float32))
            )
    found = joined(parts)
    return found._replace(boxes=found.boxes * ratio)


def joined(parts: list[Found]) -> Found:
    """Put boxes of several places or looks into one list, best first."""
    found = Found(*[np.concatenate(column) for column in zip(*parts, strict=True)])
    return found.keep(np.argsort(-found.scores, kind="stable"))


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Change a picture's size (width, height): averaged when it shrinks, bilinear when it grows."""
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    way = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8).reshape(*size[::-1], -1)


def starts(length: int) -> list[int]:
    """Give where tiles begin along a side, evenly spread."""
    if length <= TILE_PX:
        return [0]
    count = -(-(length - OVERLAP_PX) // (TILE_PX - OVERLAP_PX))
    return [round(i * (length - TILE_PX) / (count - 1)) for i in range(count)]


def _off_cut(
    boxes: Array, corner: tuple[int, int], piece: tuple[int, ...], size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Tell which boxes do not touch a seam: those are whole in the neighbouring tile."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    sure = np.ones(len(boxes), bool)
    for axis in (0, 1):
        length = piece[1 - axis]
        if corner[axis] > 0:
            sure &= middle[:, axis] >= OVERLAP_PX / 2
        if corner[axis] + length < size[axis]:
            sure &= middle[:, axis] < length - OVERLAP_PX / 2
    return sure


def _peaks(name: str, picture: Picture, least_score: float) -> Found:
    high, wide, channels = picture.shape
    padded = np.full(
        (1, -(-high // MULTIPLE) * MULTIPLE, -(-wide // MULTIPLE) * MULTIPLE, channels), FILL, np.uint8
    )
    padded[0, :high, :wide] = picture
    heat, sides, shares = (out[0] for out in session(name).run(None, {"picture": padded}))
    heat, sides = (
        heat[: -(-high // STRIDE), : -(-wide // STRIDE)],
        sides[: -(-high // STRIDE), : -(-wide // STRIDE)],
    )
    around = cv2.dilate(np.ascontiguousarray(heat), np.ones((3, 3), np.uint8)).reshape(heat.shape)
    row, column, group = np.nonzero((heat >= max(least_score, 1e-3)) & (heat == around))
    score = heat[row, column, group]
    best = np.argsort(-score, kind="stable")[:MOST_PEAKS]
    row, column, group, score = row[best], column[best], group[best], score[best]
    x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
    left, top, right, bottom = sides[row, column].T
    boxes = np.stack([x - left, y - top, x + right, y + bottom], 1).astype(np.float32)
    boxes = np.clip(boxes, 0, np.array([wide, high, wide, high], np.float32))
    kind = np.where(group == 0, shares[row, column].argmax(1), -1)
    return Found(boxes, score.astype(np.float32), group.astype(np.int64), kind.astype(np.int64))


def agreed(views: list[Found], overlap: float) -> Found:
    """Put together what several looks at one picture found, best first.

    Boxes of a group that overlap the best of them by more than ``overlap`` are one thing: its box is
    their mean weighted by score, its score their sum over the number of looks (Solovyev et al. 2021).
    """
    found = joined(views)
    leader = np.zeros(len(found.scores), np.int64)
    for group in range(len(GROUPS)):
        mine = np.flatnonzero(found.groups == group)
        leader[mine] = mine[_leaders(found.boxes[mine], overlap)]
    first, scores = np.unique(leader), found.scores.astype(float)
    total = np.bincount(leader, scores)[first]
    sides = [np.bincount(leader, scores * side)[first] / total for side in found.boxes.T]
    agreed_on = np.minimum(total / len(views), scores[first])
    out = found.keep(first)._replace(
        boxes=np.stack(sides, 1).astype(np.float32), scores=agreed_on.astype(np.float32)
    )
    return out.keep(np.argsort(-out.scores, kind="stable"))


def _leaders(boxes: Array, overlap: float) -> Ints:
    """Tell for each box the row of the best one that is the same thing; boxes come best first."""
    left, top, right, bottom = boxes.T
    area, count = (right - left) * (bottom - top), len(boxes)
    leader = np.full(count, -1)
    for begin in range(0, count, BLOCK):
        rows = slice(begin, begin + BLOCK)
        wide = np.minimum(right[rows, None], right) - np.maximum(left[rows, None], left)
        high = np.minimum(bottom[rows, None], bottom) - np.maximum(top[rows, None], top)
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        same = shared > overlap * (area[rows, None] + area - shared)
        for i in range(begin, min(begin + BLOCK, count)):
            if leader[i] < 0:
                leader[same[i - begin] & (leader < 0)] = i
                leader[i] = i
    return leader
