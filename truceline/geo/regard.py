"""Fields of regard: rectangles that lie wholly inside the ground that was looked at, never larger."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from truceline.geo.crs import from_local, to_local

INSIDE = 0.99  # a rectangle keeps off the edge
CUTS = 6  # how often ground of no simple form is halved
LEAST_SHARE = 1 / 64  # of the ground's box: smaller rectangles are left out
CONVEX = 1e-4  # share of its hull that a convex outline may lack: straight lines bend on a plane


class Rect(NamedTuple):
    """A rectangle: its middle, half sides in metres, and how far the first is turned from east to north."""

    x_m: float
    y_m: float
    a_m: float
    b_m: float
    turned_deg: float


class Field(NamedTuple):
    """A rectangle on the ground."""

    lat_deg: float
    lon_deg: float
    a_m: float
    b_m: float
    turned_deg: float


def fields_of(
    ground: dict[str, Any], hidden: dict[str, Any] | None = None, margin_m: float = 0.0
) -> list[Field]:
    """Cut ground into rectangles that lie inside it and touch nothing hidden.

    Parameters
    ----------
    ground
        GeoJSON Polygon or MultiPolygon; where it is not simple, or wider than the plane is good for, nothing
        of it counts.
    hidden
        The same, of what could not be seen.
    margin_m
        How sure the ground's edge is: rectangles keep so far off it.
    """
    area = shapely.from_geojson(msgspec.json.encode(ground))
    west, south, east, north = area.bounds if not area.is_empty else (0.0, 0.0, 9.0, 9.0)
    if not area.is_valid or max(east - west, north - south) > 5:
        return []
    if hidden is not None:
        cover = shapely.from_geojson(msgspec.json.encode(hidden))
        area = area.difference(cover if cover.is_valid else cover.envelope)
    lat, lon = (south + north) / 2, (west + east) / 2
    plane = _planar(area, lat, lon)
    if margin_m > 0:
        plane = plane.buffer(-margin_m, join_style="mitre")
    return [_placed(rect, lat, lon) for part in shapely.get_parts(plane) for rect in rects_inside(part)]


def field_in_all(frames: list[list[tuple[float, float]]], margin_m: float) -> Field | None:
    """Fit a rectangle into the ground that lies in each of some frames.

    Parameters
    ----------
    frames
        Corners in order, latitude and longitude in degrees.
    margin_m
        How far the rectangle keeps off the common edge.
    """
    lat, lon = frames[0][0]
    common: BaseGeometry | None = None
    for corners in frames:
        x, y = to_local([c[0] for c in corners], [c[1] for c in corners], lat, lon)
        frame = shapely.Polygon(np.stack([x, y], 1))
        if not frame.is_valid:
            return None
        common = frame if common is None else common.intersection(frame)
    if common is not None and margin_m > 0:
        common = common.buffer(-margin_m, join_style="mitre")
    rect = None if common is None else inner_rect(common)
    return None if rect is None else _placed(rect, lat, lon)


def rects_inside(area: BaseGeometry) -> Iterator[Rect]:
    """Cut an area, in metres, into rectangles inside it: one if it is convex, else of its halves."""
    least_m2 = shapely.minimum_rotated_rectangle(area).area * LEAST_SHARE
    waiting = [(area, CUTS)]
    while waiting:
        part, cuts = waiting.pop()
        if not isinstance(part, shapely.Polygon):
            waiting += [(one, cuts) for one in shapely.get_parts(part) if isinstance(one, shapely.Polygon)]
        elif part.area >= max(least_m2, 1e-6):
            hull = part.convex_hull
            if part.area >= (1 - CONVEX) * hull.area:
                rect = inner_rect(part)
                if rect is not None:
                    yield rect
            elif cuts:
                waiting += [(half, cuts - 1) for half in _halves(part)]


def inner_rect(area: BaseGeometry) -> Rect | None:
    """Fit a large rectangle into a polygon, in metres, whose middle sees all of it; None: there is none."""
    if not isinstance(area, shapely.Polygon) or not area.is_valid or area.area < 1e-6 or area.interiors:
        return None
    ring = np.array(shapely.geometry.polygon.orient(area).exterior.coords)
    side = np.diff(ring, axis=0)
    box = _box(area)
    along = box[1] - box[0]
    heading = math.atan2(along[1], along[0])
    cx, cy = area.centroid.x, area.centroid.y
    length = np.hypot(side[:, 0], side[:, 1])
    keep = length > 0
    nx, ny = side[keep, 1] / length[keep], -side[keep, 0] / length[keep]  # outward
    room = nx * (ring[:-1][keep, 0] - cx) + ny * (ring[:-1][keep, 1] - cy)
    c, s = math.cos(heading), math.sin(heading)
    angle = np.radians(np.arange(1, 90))[:, None]
    reach = np.abs(nx * c + ny * s) * np.cos(angle) + np.abs(ny * c - nx * s) * np.sin(angle)
    size = (room / np.maximum(reach, 1e-12)).min(1) * INSIDE
    k = int(np.argmax(size * np.abs(size) * np.sin(2 * angle[:, 0])))
    if size[k] <= 0:
        return None
    a_m, b_m = float(size[k] * math.cos(angle[k, 0])), float(size[k] * math.sin(angle[k, 0]))
    return Rect(cx, cy, a_m, b_m, math.degrees(heading))


def _halves(area: BaseGeometry) -> list[BaseGeometry]:
    """Cut an area across the longer side of its box."""
    box = _box(area)
    if np.hypot(*(box[1] - box[0])) < np.hypot(*(box[2] - box[1])):
        box = np.roll(box, -1, axis=0)
    near, far = (box[0] + box[1]) / 2, (box[3] + box[2]) / 2
    halves = ([box[0], near, far, box[3]], [near, box[1], box[2], far])
    return [area.intersection(shapely.Polygon(half)) for half in halves]


def _box(area: BaseGeometry) -> Any:
    """Give the corners (4, 2) of the smallest rectangle about an area, in order."""
    return shapely.get_coordinates(shapely.minimum_rotated_rectangle(area))[:4]


def _planar(area: BaseGeometry, lat_deg: float, lon_deg: float) -> BaseGeometry:
    def planar(xy: Any) -> Any:
        return np.stack(to_local(xy[:, 1], xy[:, 0], lat_deg, lon_deg), 1)

    return shapely.transform(area, planar)


def _placed(rect: Rect, lat_deg: float, lon_deg: float) -> Field:
    lat, lon = from_local(rect.x_m, rect.y_m, lat_deg, lon_deg)
    return Field(float(lat), float(lon), rect.a_m, rect.b_m, rect.turned_deg)
