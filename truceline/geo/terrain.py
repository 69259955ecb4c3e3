"""Height models as rasters: read where the sights go, and cut by them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
from rasterio.enums import Resampling
from rasterio.windows import Window, from_bounds

from truceline.geo.camera import Camera, go_along
from truceline.geo.raster import open_raster
from truceline.model.errors import BadInput

Array = npt.NDArray[np.float64]

STEPS = 256  # along a sight, before the crossing is halved
HALVINGS = 20
MOST_PIXELS = 4096  # of a side; a wider model is read coarser
FARTHEST_M = 60_000.0  # a sight is not followed farther
LOWEST_M, HIGHEST_M = -500.0, 9000.0  # what a height on earth can be


class Terrain:
    """Heights over an area, read once; outside of it, and without data, unknown.

    Parameters
    ----------
    path
        A single-band raster of heights in metres, of the same kind as the sensor's (above mean sea
        level for most models).
    lat_deg, lon_deg
        Places that must be inside; the window is widened by ``margin_deg``.

    Raises
    ------
    BadInput
        If the raster cannot be read, has no CRS, or does not cover any of the places.
    """

    def __init__(self, path: Path, lat_deg: Array, lon_deg: Array, margin_deg: float = 0.1) -> None:
        self._path = path
        known = np.isfinite(lat_deg + lon_deg)
        with open_raster(path) as source:
            if source.crs is None or source.count != 1:
                raise BadInput(str(path), "must be a height model: one band of metres, with its CRS")
            self._to_grid = pyproj.Transformer.from_crs(4326, source.crs.to_wkt(), always_xy=True).transform
            window = _window(source, self._to_grid, lat_deg[known], lon_deg[known], margin_deg)
            if window is None:
                raise BadInput(str(path), "does not cover the ground under the flight")
            coarser = max(1.0, max(window.width, window.height) / MOST_PIXELS)
            shape = int(np.ceil(window.height / coarser)), int(np.ceil(window.width / coarser))
            heights = source.read(1, window=window, out_shape=shape, resampling=Resampling.average)
            self._to_pixels = _to_pixels(source.transform, window, shape)
            nodata = source.nodata
        values = heights.astype(float)
        values[(values < LOWEST_M) | (values > HIGHEST_M)] = np.nan
        if nodata is not None:
            values[heights == nodata] = np.nan
        self._heights = values
        if not np.isfinite(values).any():
            raise BadInput(str(path), "holds no heights under the flight")

    def height_m(self, lat_deg: Array, lon_deg: Array) -> Array:
        """Read heights between pixel centres (bilinear); NaN outside and without data."""
        x, y = self._to_grid(lon_deg, lat_deg)
        x, y = np.asarray(x), np.asarray(y)
        column, row = (a * x + b * y + c - 0.5 for a, b, c in self._to_pixels)
        rows, columns = self._heights.shape
        with np.errstate(invalid="ignore"):
            inside = (column >= -0.5) & (row >= -0.5) & (column <= columns - 0.5) & (row <= rows - 0.5)
        c = np.clip(np.where(inside, column, 0), 0, columns - 1)
        r = np.clip(np.where(inside, row, 0), 0, rows - 1)
        left, top = np.floor(c).astype(int), np.floor(r).astype(int)
        right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        u, v = c - left, r - top
        upper = self._heights[top, left] * (1 - u) + self._heights[top, right] * u
        lower = self._heights[bottom, left] * (1 - u) + self._heights[bottom, right] * u
        return np.where(inside, upper * (1 - v) + lower * v, np.nan)

    def cut(self, camera: Camera, sight: Array) -> Array:
        """Give the distance at which each sight first meets the ground; NaN where it does not."""
        lowest_m = float(np.nanmin(self._heights))
        with np.errstate(invalid="ignore", divide="ignore"):
            farthest_m = (camera.height_m - lowest_m) / sight[:, 2]
        good = np.isfinite(farthest_m) & (sight[:, 2] > 0) & (farthest_m > 0)
        farthest_m = np.where(good, np.minimum(farthest_m * 1.05, FARTHEST_M), np.nan)
        above = np.zeros(len(farthest_m), bool)
        begin_m, end_m = np.full(len(farthest_m), np.nan), np.full(len(farthest_m), np.nan)
        for k in range(STEPS + 1):
            at_m = farthest_m * k / STEPS
            clear_m = self._clearance_m(camera, sight, at_m)
            crossed = above & (clear_m <= 0) & np.isnan(end_m)
            end_m[crossed] = at_m[crossed]
            above |= clear_m > 0
            begin_m = np.where((clear_m > 0) & np.isnan(end_m), at_m, begin_m)
        for _ in range(HALVINGS):
            middle_m = (begin_m + end_m) / 2
            clear = self._clearance_m(camera, sight, middle_m) > 0
            begin_m, end_m = np.where(clear, middle_m, begin_m), np.where(clear, end_m, middle_m)
        return np.asarray((begin_m + end_m) / 2)

    def _clearance_m(self, camera: Camera, sight: Array, range_m: Array) -> Array:
        lat, lon, height_m = go_along(camera, sight, range_m)
        return np.asarray(height_m - self.height_m(lat, lon))


def _to_pixels(transform: Any, window: Window, shape: tuple[int, int]) -> Array:
    """Coefficients from grid coordinates to columns and rows of what was read, shape (2, 3)."""
    to_grid = np.array([transform[:3], transform[3:6], (0, 0, 1)], float)
    part = np.array(
        [
            [window.width / shape[1], 0, window.col_off],
            [0, window.height / shape[0], window.row_off],
            [0, 0, 1],
        ]
    )
    return np.asarray(np.linalg.inv(to_grid @ part)[:2])


def _window(
    source: Any, to_grid: Callable[..., Any], lat_deg: Array, lon_deg: Array, margin_deg: float
) -> Window | None:
    if not len(lat_deg):
        return None
    south, north = lat_deg.min() - margin_deg, lat_deg.max() + margin_deg
    wide = margin_deg / max(0.05, float(np.cos(np.radians(lat_deg.mean()))))
    west, east = lon_deg.min() - wide, lon_deg.max() + wide
    x, y = to_grid([west, east, east, west], [south, south, north, north])
    x, y = np.asarray(x), np.asarray(y)
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        return None
    asked = from_bounds(x.min(), y.min(), x.max(), y.max(), source.transform).round_lengths().round_offsets()
    here = Window(0, 0, source.width, source.height)
    try:
        return asked.intersection(here)
    except Exception:
        return None
