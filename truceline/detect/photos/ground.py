"""Pixels of a placed photo on level ground: the plane that its four corners span."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from truceline.detect.photos.place import Placed
from truceline.detect.pictures.motion import Hit
from truceline.geo.crs import from_local, to_local

Array = npt.NDArray[np.float64]

WIDEST_M = 5000.0  # a photo that shows more ground looks at the horizon: its corners are drawn, not seen
NADIR_SHARE = 1.2  # upper and lower edge differ by less: seen from above, a thing is where its middle is


class Ground(NamedTuple):
    """A photo on the ground.

    ``plane`` takes stored pixels to metres east and north of ``origin`` (latitude, longitude).
    """

    plane: Array
    origin: tuple[float, float]
    metres_per_pixel: float
    coarsest_m: float  # the same, where it is largest
    ce90_m: float
    from_above: bool

    def places(self, hits: Sequence[Hit]) -> list[tuple[float, float, float]]:
        """Give latitude, longitude and ``ce90_m`` of hits: the lower edge's middle, from above the centre."""
        down = 0.5 if self.from_above else 1.0
        pixels = np.array([(hit.x_px + hit.w_px / 2, hit.y_px + hit.h_px * down) for hit in hits], float)
        east, north, scale_m = _mapped(self.plane, pixels.reshape(-1, 2))
        lat, lon = from_local(east, north, *self.origin)
        # What is farther away is less sure: tilt and height count with the ground that a pixel shows.
        ce90_m = self.ce90_m * np.maximum(1.0, scale_m / self.metres_per_pixel)
        return list(zip(np.asarray(lat).tolist(), np.asarray(lon).tolist(), ce90_m.tolist(), strict=True))


def ground_of(placed: Placed) -> Ground | None:
    """Span the ground of a photo; None without a place, or where it looks at the horizon."""
    if placed.corners is None or placed.center is None or placed.ce90_m is None:
        return None
    photo, origin = placed.photo, placed.center
    east, north = to_local(placed.corners[:, 1], placed.corners[:, 0], *origin)
    corners = np.stack([east, north], 1)
    if np.ptp(corners, axis=0).max() > WIDEST_M:
        return None
    pixels = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [photo.tags.width_px, photo.tags.height_px]
    plane = np.asarray(
        cv2.getPerspectiveTransform(pixels.astype(np.float32), corners.astype(np.float32)), float
    )
    middle = np.array([[photo.tags.width_px / 2, photo.tags.height_px / 2]])
    edges = [np.linalg.norm(corners[a] - corners[b]) for a, b in ((0, 1), (3, 2))]
    from_above = max(edges) < NADIR_SHARE * min(edges)
    scale_m = float(_mapped(plane, middle)[2][0])
    sides = np.hypot(*np.diff(corners, axis=0, append=corners[:1]).T)
    wide, high = photo.tags.width_px, photo.tags.height_px
    coarsest_m = float((sides / [wide, high, wide, high]).max())
    return Ground(plane, origin, scale_m, coarsest_m, placed.ce90_m, bool(from_above))


def _mapped(plane: Array, pixels: Array) -> tuple[Array, Array, Array]:
    """Take pixels to the ground: metres east, metres north, and metres that a pixel shows there."""
    x, y, w = plane @ np.vstack([pixels.T, np.ones(len(pixels))])
    scale_m = np.sqrt(np.abs(np.linalg.det(plane) / w**3))
    return x / w, y / w, scale_m
