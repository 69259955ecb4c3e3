"""The ground of a scene that it could not show: what lies under cloud, or outside the data."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from truceline.geo.outlines import polygonize
from truceline.geo.raster import Grid

CELLS = 96  # along the longer side: an outline finer than this tells nobody more about a line on the ground
HIDES = 0.5  # share of a cell's pixels from which on it counts as hidden


def hidden_ground(unknown: Iterable[tuple[int, npt.NDArray[np.bool_]]], grid: Grid) -> dict[str, Any] | None:
    """Outline the ground of which nothing is known.

    Parameters
    ----------
    unknown
        Strips that together cover the scene: the first row of each, and where nothing is known in it,
        array (rows, width).
    grid
        Where the pixels lie.

    Returns
    -------
    dict or None
        GeoJSON Polygon or MultiPolygon in WGS 84, in whole cells; None when everything shows.
    """
    height, width = grid.shape
    side = -(-max(height, width) // CELLS)
    lefts = np.arange(0, width, side)
    missing = np.zeros((-(-height // side), len(lefts)))
    for top, strip in unknown:
        sums = np.add.reduceat(strip, lefts, axis=1, dtype=np.float64)
        np.add.at(missing, np.arange(top, top + len(strip)) // side, sums)
    tall = np.minimum(np.arange(1, len(missing) + 1) * side, height) - np.arange(len(missing)) * side
    wide = np.diff(np.append(lefts, width))
    hidden = (missing > HIDES * tall[:, None] * wide).astype(np.int32)
    a, b, c, d, e, f = grid.transform
    coarse = Grid(grid.crs, (a * side, b * side, c, d * side, e * side, f), len(lefts), len(missing))
    return polygonize(hidden, coarse).get(1)
