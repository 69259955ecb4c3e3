"""Lines and polygons of an agreement, read from GeoJSON beside it."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from truceline.model.errors import BadInput

Part = tuple[tuple[float, float], ...]  # latitude, longitude


def read_lines(path: Path, feature: str | None) -> list[Part]:
    """Read all parts of the (Multi)LineStrings of a file, in its order.

    Parameters
    ----------
    path
        GeoJSON Feature, FeatureCollection or bare geometry.
    feature
        Only features whose ``name`` is this.
    """
    parts = []
    for geometry in _geometries(path, feature):
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        if kind == "LineString":
            parts.append(_part(path, coordinates, 2))
        elif kind == "MultiLineString":
            parts += [_part(path, line, 2) for line in _list(path, coordinates)]
        else:
            raise BadInput(path.name, f"holds a {kind}, expected LineString or MultiLineString")
    if not parts:
        raise BadInput(path.name, "holds no line")
    return parts


def read_rings(path: Path, feature: str | None) -> list[Part]:
    """Read all rings, outer ones and holes, of the (Multi)Polygons of a file."""
    rings = []
    for geometry in _geometries(path, feature):
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        if kind not in ("Polygon", "MultiPolygon"):
            raise BadInput(path.name, f"holds a {kind}, expected Polygon or MultiPolygon")
        for polygon in [coordinates] if kind == "Polygon" else _list(path, coordinates):
            rings += [_ring(path, ring) for ring in _list(path, polygon)]
    if not rings:
        raise BadInput(path.name, "holds no polygon")
    return rings


def _geometries(path: Path, feature: str | None) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInput(str(path.name), f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(str(path.name), f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInput(path.name, "is not GeoJSON: expected an object")
    if "geometry" not in found and "features" not in found:
        return [found]
    features = found.get("features", [found]) if "features" in found else [found]
    kept = []
    for item in features if isinstance(features, list) else []:
        properties = (item.get("properties") or {}) if isinstance(item, dict) else {}
        if feature is None or properties.get("name") == feature:
            kept.append(item.get("geometry") if isinstance(item, dict) else None)
    if feature is not None and not kept:
        raise BadInput(path.name, f"holds no feature with the name {feature!r}")
    return [geometry if isinstance(geometry, dict) else {} for geometry in kept]


def _list(path: Path, coordinates: Any) -> list[Any]:
    if not isinstance(coordinates, list):
        raise BadInput(path.name, f"is not GeoJSON: {coordinates!r:.40} where a list of coordinates is due")
    return coordinates


def _ring(path: Path, coordinates: Any) -> Part:
    """Read a ring: closed (RFC 7946, 3.1.6), with ground inside, and not around a pole."""
    ring = _part(path, coordinates, 4)
    if ring[0] != ring[-1]:
        raise BadInput(path.name, "has a ring whose last position is not its first")
    if len(set(ring)) < 3:
        raise BadInput(path.name, "has a ring with no ground inside")
    east_deg = sum((later[1] - sooner[1] + 180) % 360 - 180 for sooner, later in pairwise(ring))
    if abs(east_deg) > 180:
        raise BadInput(path.name, "has a ring around a pole, of which no inside is known")
    return ring


def _part(path: Path, coordinates: Any, least: int) -> Part:
    try:
        part = tuple((float(position[1]), float(position[0])) for position in coordinates)
    except (TypeError, ValueError, LookupError) as error:
        raise BadInput(path.name, f"is not GeoJSON: bad coordinates: {error}") from error
    if len(part) < least or len(set(part)) < 2:
        raise BadInput(path.name, f"has a part with {len(part)} positions, expected {least} or more")
    for lat_deg, lon_deg in part:
        if not (-90 <= lat_deg <= 90 and -180 <= lon_deg <= 180):
            raise BadInput(path.name, f"has a position out of range: longitude {lon_deg}, latitude {lat_deg}")
    return part
