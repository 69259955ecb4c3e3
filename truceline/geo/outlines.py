"""Outlines of labelled groups of pixels, as GeoJSON in WGS 84."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.affinity import translate

from truceline.geo.raster import Grid, geojson_of, to_wgs84

Piece = tuple[NDArray[np.int32], int, int]  # labels of a window, its first row and its first column
_SHEET_PX = 4_000_000


def polygonize(labels: NDArray[np.int32], grid: Grid) -> dict[int, dict[str, Any]]:
    """Draw the outline of each labelled group of pixels.

    Parameters
    ----------
    labels
        Array (height, width), 0 = background.
    grid
        Where the pixels lie.

    Returns
    -------
    dict
        Label → GeoJSON Polygon or MultiPolygon in WGS 84, right-hand rule, covering exactly its pixels.
    """
    return polygonize_windows([(labels, 0, 0)], grid)


def polygonize_windows(pieces: Iterable[Piece], grid: Grid) -> dict[int, dict[str, Any]]:
    """Draw the outlines of groups that are known by small windows, each label in one window alone.

    Many windows are laid onto one sheet: a call of GDAL takes longer than most outlines.
    """
    parts: dict[int, list[Any]] = {}
    for sheet in _sheets(pieces):
        for label, polygon in _drawn(sheet):
            parts.setdefault(label, []).append(polygon)
    a, b, c, d, e, f = grid.transform
    change = to_wgs84(grid.crs)

    def placed(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        columns, rows = xy[:, 0], xy[:, 1]
        return np.column_stack(change.transform(a * columns + b * rows + c, d * columns + e * rows + f))

    drawn = [found[0] if len(found) == 1 else shapely.MultiPolygon(found) for found in parts.values()]
    outlines = shapely.transform(np.array(drawn, object), placed)  # all at once: a call takes longer than one
    return dict(sorted(zip(parts, map(geojson_of, outlines), strict=True)))


def _sheets(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    sheet: list[Piece] = []
    height = width = 0
    for piece in pieces:
        down, across = piece[0].shape
        if sheet and (height + down + 1) * max(width, across) > _SHEET_PX:
            yield sheet
            sheet, height, width = [], 0, 0
        sheet.append(piece)
        height, width = height + down + 1, max(width, across)
    if sheet:
        yield sheet


def _drawn(pieces: Sequence[Piece]) -> Iterator[tuple[int, Any]]:
    """Give label and polygon of each group, x = column and y = row of the grid."""
    starts = np.cumsum([0, *(len(labels) + 1 for labels, _, _ in pieces)])
    labels = pieces[0][0]
    if len(pieces) > 1:
        labels = np.zeros((starts[-1], max(part.shape[1] for part, _, _ in pieces)), np.int32)
        for (part, _, _), start in zip(pieces, starts[:-1], strict=True):
            labels[start : start + len(part), : part.shape[1]] = part
    if not labels.any():
        return
    for geometry, value in shapes(labels, labels > 0, connectivity=4):
        polygon = shapely.geometry.shape(geometry)
        number = int(np.searchsorted(starts, polygon.bounds[1], side="right")) - 1
        _, top, left = pieces[number]
        yield int(value), translate(polygon, left, top - starts[number])
