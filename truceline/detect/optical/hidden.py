"""The ground of a scene that it could not show: what lies under cloud, or outside the data."""

from typing import Any

import numpy as np

from truceline.detect.optical.strips import strips
from truceline.geo.outlines import polygonize
from truceline.geo.raster import Float32, Grid

CELLS = 96  # along the longer side: an outline finer than this tells nobody more about a line on the ground
HIDES = 0.5  # share of a cell's pixels from which on it counts as hidden


def hidden_ground(pixels: Float32, grid: Grid) -> dict[str, Any] | None:
    """Outline the ground of which nothing is known.

    Parameters
    ----------
    pixels
        Array (bands, height, width); NaN in the first band where nothing is known.
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
    for top, bottom in strips(height):
        unknown = np.add.reduceat(np.isnan(pixels[0, top:bottom]), lefts, axis=1, dtype=np.float64)
        np.add.at(missing, np.arange(top, bottom) // side, unknown)
    tall = np.minimum(np.arange(1, len(missing) + 1) * side, height) - np.arange(len(missing)) * side
    wide = np.diff(np.append(lefts, width))
    hidden = (missing > HIDES * tall[:, None] * wide).astype(np.int32)
    a, b, c, d, e, f = grid.transform
    coarse = Grid(grid.crs, (a * side, b * side, c, d * side, e * side, f), len(lefts), len(missing))
    return polygonize(hidden, coarse).get(1)
