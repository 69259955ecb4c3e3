"""Outlines of belts: geodesic offsets of a line as polygons in degrees."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import Voronoi
from shapely.geometry import LineString, MultiLineString, MultiPoint, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from truceline.geo import crs
from truceline.geo.crs import GEOD, Array
from truceline.geo.line import Curve
from truceline.geo.zone import Belt, LineVersion, Side

STRETCH_M = 40_000.0  # one plane each; 60 km from its middle a length is wrong by 15 in a million
SEGMENT_M = 5_000.0  # a geodesic of 5 km, seen from 40 km, leaves its chord by a millimetre
SAGITTA_M = 1.0  # by how much a chord leaves an arc; the contract allows 5 m
EDGE_M = 2_000.0  # a chord of 2 km in degrees leaves the geodesic by 0.2 m at 70°
_SNAP_DEG = 1e-7
_BESIDE_M = 0.5  # samples on either side of an end or a sector's limit: the cell ends between them
_SLIVER_M2 = 5.0
_GRID_M = 0.001  # ends that differ in the last bits must meet, or a face stays open


class _Samples(NamedTuple):
    """Points along the line whose Voronoi cells make up what is nearest to which stretch."""

    lat: Array
    lon: Array
    part: npt.NDArray[np.intp]
    chainage: Array
    counts: npt.NDArray[np.bool_]  # inside the sector, and no flat end


def belt_outlines(
    version: LineVersion, belt: Belt, stretch_m: tuple[float, float] | None
) -> dict[Side, MultiPolygon]:
    """Make the polygons of a belt for the sides it has.

    The belt is what lies between two distances from the line, cut to the Voronoi cells of the part
    of the line that counts (so a flat end takes away all that is nearest to the end), and split by
    the line into its sides. Each stretch is built in a plane of its own; vertices on a limit are
    then put on the geodesic offset exactly.

    Parameters
    ----------
    version, belt
        The line as it ran, and the belt along it.
    stretch_m
        Chainages of its sector; None: the whole line.

    Returns
    -------
    dict
        Side → outline, longitude and latitude, counter-clockwise, 7 decimals.
    """
    curve = version.curve
    samples = _sample(curve, belt, stretch_m)
    faces: dict[Side, list[BaseGeometry]] = {"A": [], "B": []}
    for part in range(len(curve.parts)):
        mine = samples.part == part
        first, last = samples.chainage[mine].min(), samples.chainage[mine].max()
        count = max(1, math.ceil((last - first) / STRETCH_M))
        limits = np.linspace(first, last, count + 1)
        for start, end in pairwise(limits):
            for side, face in _faces(version, belt, samples, part, (float(start), float(end))):
                faces[side].append(face)
    wanted: tuple[Side, ...] = ("A", "B") if belt.side == "both" else (belt.side,)
    return {side: _joined(faces[side]) for side in wanted}


def area_outline(rings: tuple[Array, ...]) -> MultiPolygon:
    """Make the polygon of an area from rings of latitude and longitude."""
    shape: BaseGeometry = Polygon()
    for ring in rings:
        shape = shape.symmetric_difference(Polygon(ring[:, ::-1]).buffer(0))
    return _joined([shape])


def area_m2(outline: MultiPolygon) -> float:
    """Measure an outline on the ellipsoid, its edges as geodesics."""
    return abs(float(GEOD.geometry_area_perimeter(outline)[0]))


def _sample(curve: Curve, belt: Belt, stretch_m: tuple[float, float] | None) -> _Samples:
    step_m = min(200.0, max(25.0, belt.outer_m / 100))
    lats, lons, parts, chainages, ends = [], [], [], [], []
    for number, (first, last) in enumerate(curve.part_limits_m()):
        at = np.linspace(first, last, max(2, math.ceil((last - first) / step_m)) + 1)[1:-1]
        extra = [first + _BESIDE_M, last - _BESIDE_M]
        for limit in stretch_m or ():
            extra += [c for c in (limit - _BESIDE_M, limit + _BESIDE_M) if first < c < last]
        near = np.array(extra)
        at = at[(np.abs(at[:, None] - near[None, :]) > 2 * _BESIDE_M).all(axis=1)]
        at = np.sort(np.r_[at, near])
        places = [curve.point_at(float(chainage)) for chainage in at]
        beyond = _beyond(curve.parts[number])
        lats.append(np.array([beyond[0][0], *(place[0] for place in places), beyond[1][0]]))
        lons.append(np.array([beyond[0][1], *(place[1] for place in places), beyond[1][1]]))
        parts.append(np.full(len(at) + 2, number))
        chainages.append(np.r_[first, at, last])
        is_end = np.zeros(len(at) + 2, bool)
        is_end[[0, -1]] = True
        ends.append(is_end)
    chainage, is_end = np.concatenate(chainages), np.concatenate(ends)
    counts = ~is_end if belt.ends == "flat" else np.ones(len(is_end), bool)
    if stretch_m is not None:
        at_end = stretch_m[1] >= curve.length_m - 1e-3
        counts &= (chainage >= stretch_m[0]) & ((chainage < stretch_m[1]) | at_end)
    return _Samples(np.concatenate(lats), np.concatenate(lons), np.concatenate(parts), chainage, counts)


def _beyond(part: Array) -> list[tuple[float, float]]:
    """Places a little beyond both ends of a part, on its end segments drawn on."""
    found = []
    for end, inner in ((part[0], part[1]), (part[-1], part[-2])):
        azimuth = GEOD.inv(inner[1], inner[0], end[1], end[0])[1] + 180
        lon, lat, _ = GEOD.fwd(end[1], end[0], azimuth, _BESIDE_M)
        found.append((float(lat), float(lon)))
    return found


def _faces(
    version: LineVersion, belt: Belt, samples: _Samples, part: int, limits_m: tuple[float, float]
) -> Iterator[tuple[Side, BaseGeometry]]:
    """Build what belongs to one stretch of one part, in the plane of its middle."""
    curve = version.curve
    origin = curve.point_at(sum(limits_m) / 2)
    x, y = crs.to_local(samples.lat, samples.lon, *origin)
    reach_m = (limits_m[1] - limits_m[0]) / 2 + 2.2 * belt.outer_m + 2_000
    near = np.hypot(x, y) <= reach_m
    overlap_m = 250.0  # stretches overlap by a sample, so that no seam is left between them
    is_mine = (samples.part == part) & samples.counts & near
    is_mine &= (samples.chainage >= limits_m[0] - overlap_m) & (samples.chainage <= limits_m[1] + overlap_m)
    if not is_mine.any():
        return
    region = _cells(np.column_stack([x[near], y[near]]), is_mine[near], reach_m)
    segments = _segments(curve, part, limits_m, origin)
    region = region.intersection(_buffer(segments, belt.outer_m))
    if belt.inner_m > 0:
        region = region.difference(_buffer(segments, belt.inner_m))
    lines = [region.boundary, segments, *_extensions(curve.parts[part], origin, belt)]
    cut = shapely.union_all(lines, grid_size=_GRID_M)
    for face in shapely.polygonize([cut]).geoms:
        inside = face.representative_point()
        if face.area < _SLIVER_M2 or not region.contains(inside):
            continue
        lat, lon = crs.from_local(inside.x, inside.y, *origin)
        side = version.side(curve.nearest(float(lat), float(lon)))
        yield side, _on_offset(face, origin, curve, belt)


def _cells(points: Array, wanted: npt.NDArray[np.bool_], reach_m: float) -> BaseGeometry:
    """Join the Voronoi cells of some of the points; far points around close all of them."""
    around = np.radians(np.arange(0, 360, 30))
    far = 4 * reach_m * np.column_stack([np.cos(around), np.sin(around)])
    diagram = Voronoi(np.concatenate([points, far]))
    corners = (diagram.vertices[diagram.regions[diagram.point_region[i]]] for i in np.flatnonzero(wanted))
    return shapely.union_all([MultiPoint(each).convex_hull for each in corners])


def _segments(
    curve: Curve, part: int, limits_m: tuple[float, float], origin: tuple[float, float]
) -> MultiLineString:
    """Lay the segments of one part between two chainages, and a little more, on the plane."""
    vertices, ends_m = curve.parts[part], curve.vertex_chainages_m(part)
    found = []
    for i, (here, there) in enumerate(pairwise(vertices)):
        length_m = ends_m[i + 1] - ends_m[i]
        pieces = max(1, math.ceil(length_m / SEGMENT_M))
        steps = np.linspace(0, length_m, pieces + 1)
        azimuth = GEOD.inv(here[1], here[0], there[1], there[0])[0]
        lon, lat, _ = GEOD.fwd(
            np.full(pieces + 1, here[1]), np.full(pieces + 1, here[0]), np.full(pieces + 1, azimuth), steps
        )
        lon[0], lat[0], lon[-1], lat[-1] = here[1], here[0], there[1], there[0]
        x, y = crs.to_local(lat, lon, *origin)
        xy = np.column_stack([x, y])
        for j, (start_m, end_m) in enumerate(pairwise(ends_m[i] + steps)):
            if end_m >= limits_m[0] - SEGMENT_M and start_m <= limits_m[1] + SEGMENT_M:
                found.append(LineString(xy[j : j + 2]))
    return MultiLineString(found)


def _buffer(segments: MultiLineString, distance_m: float) -> BaseGeometry:
    """Join the capsules around single segments; buffering the line at once would smooth it first."""
    angle = 2 * math.acos(max(0.0, 1 - SAGITTA_M / distance_m))
    quarter = max(8, math.ceil(math.pi / 2 / angle))
    return shapely.union_all(
        shapely.buffer(np.array(segments.geoms, dtype=object), distance_m, quad_segs=quarter)
    )


def _extensions(part: Array, origin: tuple[float, float], belt: Belt) -> Iterator[LineString]:
    """Draw the end segments on: beyond an end they part the sides."""
    for end, inner in ((part[0], part[1]), (part[-1], part[-2])):
        azimuth = GEOD.inv(inner[1], inner[0], end[1], end[0])[1] + 180
        lon, lat, _ = GEOD.fwd(end[1], end[0], azimuth, 1.1 * belt.outer_m)
        x, y = crs.to_local([end[0], lat], [end[1], lon], *origin)
        yield LineString(np.column_stack([x, y]))


def _on_offset(face: BaseGeometry, origin: tuple[float, float], curve: Curve, belt: Belt) -> BaseGeometry:
    """Take a face to degrees and put its vertices on the limits exactly."""

    def to_degrees(xy: Array) -> Array:
        lat, lon = crs.from_local(xy[:, 0], xy[:, 1], *origin)
        distance_m, _, _, _, foot_lat, foot_lon = curve.nearest_many(lat, lon)
        for limit_m in (belt.inner_m, belt.outer_m):
            off = (np.abs(distance_m - limit_m) < 2 + limit_m * 1e-3) & (limit_m > 0)
            if off.any():
                azimuth = GEOD.inv(foot_lon[off], foot_lat[off], lon[off], lat[off])[0]
                fixed = GEOD.fwd(foot_lon[off], foot_lat[off], azimuth, np.full(off.sum(), limit_m))
                lon[off], lat[off] = fixed[0], fixed[1]
        lon = origin[1] + (lon - origin[1] + 180) % 360 - 180
        return np.column_stack([lon, lat])

    dense = shapely.segmentize(face, EDGE_M)
    return shapely.make_valid(shapely.transform(dense, to_degrees))


def _joined(faces: list[BaseGeometry]) -> MultiPolygon:
    if not faces:
        return MultiPolygon()
    joined = shapely.union_all(faces, grid_size=_SNAP_DEG)
    polygons = []
    for polygon in getattr(joined, "geoms", [joined]):
        if isinstance(polygon, Polygon) and _ring_m2(polygon.exterior.coords) >= _SLIVER_M2:
            holes = [hole for hole in polygon.interiors if _ring_m2(hole.coords) >= _SLIVER_M2]
            polygons.append(orient(Polygon(polygon.exterior, holes), 1.0))
    return MultiPolygon(polygons)


def _ring_m2(coordinates: object) -> float:
    lon, lat = np.asarray(coordinates, float).T[:2]
    return abs(float(GEOD.polygon_area_perimeter(lon, lat)[0]))
