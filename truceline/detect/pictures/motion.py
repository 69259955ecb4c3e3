"""What moves against the ground while the camera moves too.

The picture is held still by the motion of its tiles (phase correlation; Kuglin and Hines 1975), a
pixel counts as moving when it differs from the frames before **and** after (three-frame difference;
Collins et al., VSAM 2000), and what moves is linked over frames: only steady ways are reported.
Coordinates are pixels of the analysed picture, x right, y down; transforms are affine, 2 x 3.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage, spatial

from truceline.detect.pictures.frames import Frame

Array = npt.NDArray[np.float64]
Image32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

TILES = (3, 4)
EDGE_WEIGHT = 0.6  # a shift of half a pixel along an edge is no motion
LEVEL = 6.0  # times the noise of the difference picture
LEAST_AREA_PX = 8
LARGEST_SHARE = 0.05  # of the picture: more is a failed registration, not an object
MOST_BLOBS = 60  # a picture with more of them is not registered
GATE_PX = 14.0
LEAST_HITS = 3
MOST_MISSES = 2
LEAST_WAY_PX = 5.0
LEAST_DIRECT = 0.6
STILL_LEVEL = 5.0  # grey levels: what changes less while the camera moves is drawn on the picture
STILL_PAIRS = 4
LEAST_MOTION_PX = 2.0
MARGIN_PX = 8  # coded edges and black bars flicker
DRAWN_EDGE = 8.0  # grey levels per pixel
DRAWN_REACH_PX = 6
_REACH = np.arange(-4, 5)
_BELL = np.exp(-(_REACH**2) / 2.0) / np.exp(-(_REACH**2) / 2.0).sum()
_SLOPES = (_REACH * _BELL, _BELL), (_BELL, _REACH * _BELL)  # of a Gaussian of one pixel, along x and y


class Hit(NamedTuple):
    """A moving thing in one frame: box in pixels of the full frame, ``thing`` numbers it in the clip."""

    frame: int
    pts_s: float
    x_px: float
    y_px: float
    w_px: float
    h_px: float
    thing: int
    score: float


class _Blob(NamedTuple):
    frame: Frame
    box: tuple[float, float, float, float]
    still: Array  # place on the picture held still, x, y
    strength: float
    drawn: bool
    turn: int = 0


def find_movers(frames: Iterable[Frame], lag: int = 2) -> Iterator[Hit]:
    """Find moving things in a sequence of frames.

    Parameters
    ----------
    frames
        In order of time, about 5 a second.
    lag
        A frame is compared with the ones this many steps before and after.

    Yields
    ------
    Hit
        Per frame and thing, things in order of their first frame.
    """
    ways: list[list[_Blob]] = []
    done: list[list[_Blob]] = []
    for turn, blobs in enumerate(_blobs(frames, lag)):
        done += _extend(ways, [blob._replace(turn=turn) for blob in blobs], turn)
    things = sorted(
        (way for way in done + ways if _is_steady(way)), key=lambda way: (way[0].frame.number, way[0].box)
    )
    for number, way in enumerate(things, 1):
        score = _score(way)
        for blob in way:
            scale = blob.frame.width_px / blob.frame.grey.shape[1]
            x, y, w, h = (side * scale for side in blob.box)
            yield Hit(blob.frame.number, blob.frame.pts_s, x, y, w, h, number, score)


def register(before: Image32, after: Image32) -> Array:
    """Estimate the affine motion of the ground from one frame to the next.

    Returns
    -------
    array of shape (2, 3)
        Takes a place x, y in ``before`` to its place in ``after``.
    """
    # Half the size tells well enough where to look; the tiles tell the rest.
    dx, dy = (2 * way for way in _shift(_halved(before), _halved(after)))
    height, width = before.shape
    rows, columns = TILES
    h, w = height // rows, width // columns
    places, moved = [], []
    for row in range(rows):
        for column in range(columns):
            y, x = row * h, column * w
            y2, x2 = y + round(dy), x + round(dx)
            if not (0 <= y2 <= height - h and 0 <= x2 <= width - w):
                y2, x2 = min(max(y2, 0), height - h), min(max(x2, 0), width - w)
                y, x = min(max(y2 - round(dy), 0), height - h), min(max(x2 - round(dx), 0), width - w)
            tile = before[y : y + h, x : x + w]
            if float(tile.std()) < 2.0:
                continue  # nothing to hold on to
            tx, ty = _shift(tile, after[y2 : y2 + h, x2 : x2 + w])
            places.append((x + w / 2, y + h / 2))
            moved.append((x + w / 2 + x2 - x + tx, y + h / 2 + y2 - y + ty))
    return _affine(np.array(places).reshape(-1, 2), np.array(moved).reshape(-1, 2), (dx, dy))


def _halved(picture: Image32) -> Image32:
    return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _shift(before: Image32, after: Image32) -> tuple[float, float]:
    """Find the translation by phase correlation, to a fraction of a pixel."""
    height, width = before.shape
    window = _window(height, width)
    first = fft.rfft2((before - before.mean()) * window)
    second = fft.rfft2((after - after.mean()) * window)
    cross = second * np.conj(first)
    peak_at = fft.irfft2(cross / (np.abs(cross) + 1e-3), s=before.shape)
    y, x = np.unravel_index(int(np.argmax(peak_at)), peak_at.shape)
    found = []
    for at, size, line in ((int(x), width, peak_at[y, :]), (int(y), height, peak_at[:, x])):
        left, middle, right = (float(line[(at + k) % size]) for k in (-1, 0, 1))
        bend = left - 2 * middle + right
        part = 0.5 * (left - right) / bend if bend < 0 else 0.0
        found.append((at + part + size / 2) % size - size / 2)
    return found[0], found[1]


@lru_cache(maxsize=16)
def _window(height: int, width: int) -> Image32:
    return np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)


def _affine(places: Array, moved: Array, shift: tuple[float, float]) -> Array:
    plain = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    keep = np.ones(len(places), bool)
    best = plain
    for _ in range(4):
        if keep.sum() < 5:
            return plain
        design = np.column_stack([places[keep], np.ones(keep.sum())])
        best = np.linalg.lstsq(design, moved[keep], rcond=None)[0].T
        off = np.hypot(*(moved - places @ best[:, :2].T - best[:, 2]).T)
        keep = off <= max(0.5, 2.5 * float(np.median(off)))
    # A camera turns and zooms a little between frames: anything else is a wrong fit.
    return best if np.abs(best[:, :2] - np.eye(2)).max() < 0.2 else plain


def _then(first: Array, second: Array) -> Array:
    """Chain two affine motions."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def _back(motion: Array) -> Array:
    inverse = np.linalg.inv(motion[:, :2])
    return np.column_stack([inverse, -inverse @ motion[:, 2]])


def _bring(picture: Image32, motion: Array) -> tuple[Image32, Flags]:
    """Draw a picture as it looks after a motion, and where it has something to say."""
    drawn = cv2.warpAffine(
        picture, motion, picture.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
        borderValue=-4096.0,
    )  # fmt: skip
    return np.asarray(drawn, np.float32), np.asarray(drawn >= 0)


def _blobs(frames: Iterable[Frame], lag: int) -> Iterator[list[_Blob]]:
    window: deque[tuple[Frame, Image32, Array, Array]] = deque(maxlen=2 * lag + 1)
    still: npt.NDArray[np.uint8] | None = None
    for frame in frames:
        picture = _smooth(frame.grey.astype(np.float32), 0.8)
        if window and window[-1][1].shape != picture.shape:
            window.clear()
            still = None
        if still is None:
            still = np.zeros(picture.shape, np.uint8)
        step = register(window[-1][1], picture) if window else np.eye(2, 3)
        home = _then(_back(step), window[-1][3]) if window else np.eye(2, 3)
        if window:
            _count_still(still, window[0][1], picture, _then(window[0][3], _back(home)))
        window.append((frame, picture, step, home))
        if len(window) == 2 * lag + 1:
            yield _look(list(window), lag, still)


def _count_still(still: npt.NDArray[np.uint8], before: Image32, after: Image32, motion: Array) -> None:
    if np.hypot(*motion[:, 2]) > LEAST_MOTION_PX:
        still += still < STILL_PAIRS  # more says no more
        still *= cv2.absdiff(after, before) < STILL_LEVEL


def _look(
    window: list[tuple[Frame, Image32, Array, Array]], lag: int, still: npt.NDArray[np.uint8]
) -> list[_Blob]:
    frame, picture, _, home = window[lag]
    forth = back = np.eye(2, 3)
    for k in range(lag):
        forth = _then(forth, window[k + 1][2])
        back = _then(back, window[lag + 1 + k][2])
    before, seen_before = _bring(window[0][1], forth)
    behind, seen_behind = _bring(window[-1][1], _back(back))
    # Clouds and gain change whole regions: only what differs from its surroundings moved.
    difference = np.minimum(_change(picture, before), _change(picture, behind))
    both = (seen_before & seen_behind).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    seen = cv2.erode(both, cross, iterations=3, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
    seen[:MARGIN_PX] = seen[-MARGIN_PX:] = seen[:, :MARGIN_PX] = seen[:, -MARGIN_PX:] = False
    if seen.sum() < 0.2 * seen.size:
        return []
    edges = cv2.magnitude(
        *(cv2.sepFilter2D(picture, -1, *one, borderType=cv2.BORDER_REFLECT) for one in _SLOPES)
    )
    some = slice(None, None, 2), slice(None, None, 2)  # a quarter of the pixels tells the noise
    noise = 1.4826 * float(np.median(difference[some][seen[some]])) + 1.0
    level = _smooth(difference, 1.0) / (noise + EDGE_WEIGHT * edges / 2)
    moving = (level > LEVEL * 0.5) & seen
    parts, count = ndimage.label(_grown(moving, 2))
    if not 0 < count <= 20 * MOST_BLOBS:
        return []
    label, heights = parts[moving], level[moving]
    strength = np.zeros(count + 1, np.float32)
    np.maximum.at(strength, label, heights)
    area = np.bincount(label, minlength=count + 1)
    good = (strength > LEVEL) & (area >= LEAST_AREA_PX) & (area < LARGEST_SHARE * moving.size)
    if good.sum() > MOST_BLOBS:
        return []
    # An edge that stays in its place while the camera moves is drawn on the picture.
    drawn = _grown((still >= STILL_PAIRS) & (edges > DRAWN_EDGE), DRAWN_REACH_PX)
    blobs = []
    for i, place in enumerate(ndimage.find_objects(parts), 1):
        if good[i]:
            y, x = place
            box = (
                x.start + 2.0,
                y.start + 2.0,
                max(1.0, x.stop - x.start - 4.0),
                max(1.0, y.stop - y.start - 4.0),
            )
            middle = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
            overlay = bool(drawn[place][moving[place]].mean() > 0.3) or _at_margin(box, moving.shape)
            blobs.append(_Blob(frame, box, home[:, :2] @ middle + home[:, 2], float(strength[i]), overlay))
    return blobs


def _grown(mask: Flags, reach_px: int) -> Flags:
    """Grow a mask by so many pixels along rows and columns."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), cross, iterations=reach_px).astype(bool))


def _at_margin(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> bool:
    x, y, w, h = box
    inside = x > MARGIN_PX + 2 and x + w < shape[1] - MARGIN_PX - 2
    return not (inside and y > MARGIN_PX + 2 and y + h < shape[0] - MARGIN_PX - 2)


def _change(picture: Image32, other: Image32) -> Image32:
    change = cv2.subtract(picture, other)
    around = cv2.blur(change, (41, 41), borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.absdiff(change, around))


def _smooth(picture: Image32, sigma_px: float) -> Image32:
    reach = 2 * int(4 * sigma_px + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(picture, (reach, reach), sigma_px, borderType=cv2.BORDER_REFLECT))


def _extend(ways: list[list[_Blob]], blobs: list[_Blob], turn: int) -> list[list[_Blob]]:
    """Give each way its nearest blob, nearest pairs first; take out and hand back the ended ways."""
    taken: set[int] = set()
    if blobs and ways:
        ahead = np.array([_expected(way, blobs[0].frame.pts_s) for way in ways])
        apart = spatial.distance.cdist(ahead, np.array([blob.still for blob in blobs]))
        used: set[int] = set()
        for pair in np.argsort(apart, axis=None, kind="stable"):
            i, j = divmod(int(pair), len(blobs))
            if apart[i, j] > GATE_PX:
                break
            if i not in used and j not in taken:
                ways[i].append(blobs[j])
                used.add(i)
                taken.add(j)
    ended = [way for way in ways if turn - way[-1].turn > MOST_MISSES]
    ways[:] = [way for way in ways if turn - way[-1].turn <= MOST_MISSES]
    ways += [[blob] for j, blob in enumerate(blobs) if j not in taken]
    return ended


def _expected(way: list[_Blob], pts_s: float) -> Array:
    last = way[-1]
    if len(way) == 1 or last.frame.pts_s <= way[0].frame.pts_s:
        return last.still
    first = way[max(0, len(way) - 4)]
    speed = (last.still - first.still) / (last.frame.pts_s - first.frame.pts_s)
    return np.asarray(last.still + speed * (pts_s - last.frame.pts_s))


def _is_steady(way: list[_Blob]) -> bool:
    """Tell a way from swaying leaves, heat shimmer and what is drawn on the picture."""
    if len(way) < LEAST_HITS or 4 * sum(blob.drawn for blob in way) > len(way):
        return False
    return _way_px(way) >= LEAST_WAY_PX and _direct(way) >= LEAST_DIRECT


def _way_px(way: list[_Blob]) -> float:
    return float(np.linalg.norm(way[-1].still - way[0].still))


def _direct(way: list[_Blob]) -> float:
    places = np.array([blob.still for blob in way])
    return _way_px(way) / max(1e-9, float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum()))


def _score(way: list[_Blob]) -> float:
    """Rate a way between 0 and 1: long, straight and clear ways are likelier to be things."""
    clear = float(np.median([blob.strength for blob in way])) / LEVEL
    return round(len(way) / (len(way) + 2) * _direct(way) * min(1.0, 0.5 + 0.25 * clear), 4)
