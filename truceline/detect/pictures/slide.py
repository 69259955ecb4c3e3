"""How far the pose slides over the ground that the picture shows to be the same.

Telemetry whose angles lag behind the aircraft moves its footprint while the camera stares at one place:
on a real flight by 31 m/s, and every parked car with it. Frames are registered against one another; what
the registered ground seems to move by on the ground is the pose's own motion, not that of things on it.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from truceline.detect.pictures.frames import Frame
from truceline.detect.pictures.motion import register
from truceline.detect.pictures.pixels import Aims, Poses
from truceline.geo.camera import cut_ground, sights
from truceline.geo.crs import to_local

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]

WIDTH_PX = 320
LEAST_STEP_S = 0.15  # a pose slides slowly: frames nearer to one another tell little
LONGEST_STEP_S = 2.0  # frames farther apart show other ground
LEAST_ALIKE, LEAST_COMMON = 0.5, 0.2  # correlation, and share of the picture, of ground seen twice
WINDOW_S = 4.0  # angles of real turrets are not older
GRID = np.array([(x, y) for x in (0.3, 0.5, 0.7) for y in (0.3, 0.5, 0.7)])  # shares of the picture


class Slid(NamedTuple):
    """How far a pose has slid over the ground: east and north in metres, shape (n, 2), from anywhere.

    ``doubt_m`` is how far it may be off by that: half of what it slides in ``WINDOW_S``.
    """

    metres: Array
    doubt_m: Array


class Slide:
    """Collects the motion of the ground from frame to frame, in order of time.

    Attributes
    ----------
    span_s
        When the first and the last frame were shown; None before there is one.
    """

    def __init__(self) -> None:
        self.span_s: tuple[float, float] | None = None
        self._last: tuple[float, Picture] | None = None
        self._times_s: list[tuple[float, float]] = []
        self._after: list[Array] = []  # where the places of GRID went, shares of the picture

    def add(self, frame: Frame) -> None:
        """Take in the next analysed frame."""
        self.span_s = (frame.pts_s if self.span_s is None else self.span_s[0], frame.pts_s)
        if self._last is not None and 0 < frame.pts_s - self._last[0] < LEAST_STEP_S:
            return
        high, wide = frame.grey.shape
        size = min(WIDTH_PX, wide), max(1, round(high * min(WIDTH_PX, wide) / wide))
        picture = np.asarray(cv2.resize(frame.grey, size, interpolation=cv2.INTER_AREA), np.float32)
        if self._last is not None:
            before_s, before = self._last
            if before.shape == picture.shape and 0 < frame.pts_s - before_s <= LONGEST_STEP_S:
                motion = register(before, picture)
                if _alike(before, picture, motion) >= LEAST_ALIKE:
                    went = (GRID * size) @ motion[:, :2].T + motion[:, 2]
                    self._times_s.append((before_s, frame.pts_s))
                    self._after.append(went / size)
        self._last = (frame.pts_s, picture)

    def by(self, poses: Poses, times_s: Array) -> Slid:
        """Tell how far the pose has slid until these moments, and what that makes of its error."""
        stops, way = self._way(poses)
        doubt = [_at(stops, way, times_s + shift) for shift in np.linspace(-WINDOW_S / 2, WINDOW_S / 2, 9)]
        reach = np.ptp(np.stack(doubt), axis=0)
        return Slid(_at(stops, way, times_s), np.hypot(reach[:, 0], reach[:, 1]) / 2)

    def _way(self, poses: Poses) -> tuple[Array, Array]:
        """Add up the steps: moments, and metres east and north since the first."""
        nothing = np.zeros(1), np.zeros((1, 2))
        if not self._times_s:
            return nothing
        at = np.array(self._times_s)
        before = _ground(poses.at(at[:, 0]), np.broadcast_to(GRID, (len(at), *GRID.shape)))
        after = _ground(poses.at(at[:, 1]), np.array(self._after))
        origin = before[np.argmax(np.isfinite(before).all((1, 2))), 0]
        if not np.isfinite(origin).all():
            return nothing
        span_s = (at[:, 1] - at[:, 0])[:, None]
        speed = np.median(_local(after, origin) - _local(before, origin), axis=1) / span_s
        # A single bad registration goes out and comes back: the middle of five is neither.
        step = ndimage.median_filter(np.nan_to_num(speed), (5, 1), mode="nearest") * span_s
        # A pair left out leaves a gap, in which nothing is known to slide.
        way = np.stack([np.cumsum(step, axis=0) - step, np.cumsum(step, axis=0)], 1).reshape(-1, 2)
        return at.ravel(), way


def _alike(before: Picture, after: Picture, motion: Array) -> float:
    """Correlate a picture, moved, with the one after it: other ground looks otherwise."""
    moved = cv2.warpAffine(before, motion, before.shape[::-1], borderValue=-1.0)
    seen = moved >= 0
    if seen.mean() < LEAST_COMMON:
        return 0.0
    one, other = moved[seen] - moved[seen].mean(), after[seen] - after[seen].mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0


def _at(stops: Array, way: Array, times_s: Array) -> Array:
    return np.stack([np.interp(times_s, stops, way[:, axis]) for axis in (0, 1)], 1)


def _ground(aims: Aims, places: Array) -> Array:
    """Put places of pictures on the ground: latitude and longitude, shape (n, k, 2)."""
    found = []
    for k in range(places.shape[1]):
        sight = sights(aims.camera, 2 * places[:, k, 0] - 1, 2 * places[:, k, 1] - 1)
        lat, lon, _ = cut_ground(aims.camera, sight, aims.ground_m)
        found.append(np.stack([lat, lon], 1))
    return np.stack(found, 1)


def _local(places: Array, origin: Array) -> Array:
    east, north = to_local(places[..., 0].ravel(), places[..., 1].ravel(), *origin)
    return np.stack([np.reshape(east, places.shape[:2]), np.reshape(north, places.shape[:2])], -1)
