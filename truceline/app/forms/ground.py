"""The agreement on the map: its lines, zones and sites as GeoJSON features, for drawing."""

import math
from typing import Any, Literal

import numpy as np
import shapely
from pyproj import Transformer

from truceline.geo.zone import Area, Belt, LineVersion, Zones, geodesic_ring
from truceline.model.place import utc_text
from truceline.rules.agreement import Agreement
from truceline.view.changes import ChangedPlace

Feature = dict[str, Any]
_STEP_M = 500.0  # between the drawn points of a line
_DIGITS = 6  # a decimetre: finer than a screen


def features(agreement: Agreement | None) -> list[Feature]:
    """Draw an agreement's latest lines, zones and sites; no agreement: nothing.

    Outlines of belts are drawn within a thousandth of their width; verdicts never rest on them
    but on geodesic margins.
    """
    if agreement is None:
        return []
    zones = agreement.zones
    found = [_feature(line_id, "line", _line(versions[-1])) for line_id, versions in zones.lines.items()]
    for zone in zones.zones.values():
        outline = _area(zone) if isinstance(zone, Area) else _belt(zone, zones)
        side = zone.side if isinstance(zone, Belt) else None
        found.append(_feature(zone.id, "zone", outline, side=side))
    for site in zones.sites.values():
        point = shapely.Point(site.lon_deg, site.lat_deg)
        found.append(_feature(site.id, "site", point, radius_m=site.radius_m))
    return found


def lines(agreement: Agreement | None) -> list[dict[str, Any]]:
    """List the agreement's lines with their lengths."""
    if agreement is None:
        return []
    return [
        {"id": line_id, "length_km": round(versions[-1].curve.length_m / 1000, 3)}
        for line_id, versions in agreement.zones.lines.items()
    ]


def sectors(agreement: Agreement | None) -> list[dict[str, Any]]:
    """List the sectors with the kilometres of the line that they cover."""
    if agreement is None:
        return []
    found = []
    for sector in agreement.zones.sectors.values():
        first_m, last_m = agreement.zones.stretch_m(sector.id, agreement.zones.lines[sector.line][-1])
        found.append(
            {
                "id": sector.id,
                "line": sector.line,
                "km_from": round(first_m / 1000, 3),
                "km_to": round(last_m / 1000, 3),
            }
        )
    return found


def changed_place(place: ChangedPlace) -> Feature:
    """Draw an alert: what changed, what it may mean, and the picture before and after."""
    return {
        "type": "Feature",
        "id": place.id,
        "geometry": place.outline,
        "properties": {
            "id": place.id,
            "kind": "change",
            "label": place.meaning,
            "time_utc": utc_text(place.time_utc),
            "confidence": round(place.confidence, 4),
            "area_m2": round(place.area_m2, 1),
            "chip_sha256": place.chip_sha256 or None,
            "note": place.note,
            "seq": place.seq,
        },
    }


def _feature(feature_id: str, kind: str, shape: Any, **properties: Any) -> Feature:
    rounded = shapely.set_precision(shape, 10**-_DIGITS, mode="pointwise")
    return {
        "type": "Feature",
        "id": feature_id,
        "geometry": shapely.geometry.mapping(rounded),
        "properties": {"id": feature_id, "kind": kind, "label": feature_id, **properties},
    }


def _line(version: LineVersion) -> Any:
    parts = [_stretch(version, *ends) for ends in _part_ends(version)]
    return shapely.MultiLineString(parts) if len(parts) > 1 else shapely.LineString(parts[0])


def _part_ends(version: LineVersion) -> list[tuple[float, float]]:
    ends: list[tuple[float, float]] = []
    at_m = 0.0
    for part in version.curve.parts:
        length_m = type(version.curve)([part]).length_m
        ends.append((at_m, at_m + length_m))
        at_m += length_m
    return ends


def _stretch(version: LineVersion, from_m: float, until_m: float) -> list[tuple[float, float]]:
    count = max(2, math.ceil((until_m - from_m) / _STEP_M) + 1)
    # A hair inside the ends, so that a gap between parts is not jumped.
    steps = np.linspace(from_m + 1e-6, until_m - 1e-6, count)
    return [(lon, lat) for lat, lon in (version.curve.point_at(float(step)) for step in steps)]


def _area(zone: Area) -> Any:
    shape: Any = shapely.Polygon()
    for ring in zone.rings:
        outline = geodesic_ring(ring)
        shape = shape.symmetric_difference(shapely.Polygon(outline[:, ::-1]).buffer(0))
    return shape


def _belt(zone: Belt, zones: Zones) -> Any:
    version = zones.lines[zone.line][-1]
    ends = _part_ends(version)
    if zone.sector is not None:
        first_m, last_m = zones.stretch_m(zone.sector, version)
        ends = [(max(first_m, a), min(last_m, b)) for a, b in ends if a < last_m and b > first_m]
    outlines = [_ribbon(zone, version, _stretch(version, *span)) for span in ends]
    return shapely.union_all([_whole(outline) for outline in outlines])


def _whole(shape: Any) -> Any:
    """Mend an outline that crosses itself, and keep its ground alone."""
    mended = shapely.make_valid(shape)
    grounds = [part for part in shapely.get_parts(mended) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(grounds)


def _ribbon(zone: Belt, version: LineVersion, places: list[tuple[float, float]]) -> Any:
    """Draw a belt along one stretch, in metres on a plane that touches the earth at its middle."""
    lon, lat = places[len(places) // 2]
    plane = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m"
    there = Transformer.from_crs("EPSG:4326", plane, always_xy=True)
    line = shapely.LineString(
        np.column_stack(there.transform([x for x, _ in places], [y for _, y in places]))
    )
    cap: Literal["round", "flat"] = "round" if zone.ends == "round" else "flat"
    if zone.side == "both":
        shape: Any = shapely.buffer(line, zone.outer_m, cap_style=cap)
        inner = shapely.buffer(line, zone.inner_m, cap_style=cap) if zone.inner_m > 0 else None
    else:
        sign = 1.0 if version.side_left == zone.side else -1.0
        shape = shapely.buffer(line, sign * zone.outer_m, single_sided=True)
        inner = shapely.buffer(line, sign * zone.inner_m, single_sided=True) if zone.inner_m > 0 else None
    if inner is not None:
        shape = _whole(shape).difference(_whole(inner))
    return shapely.transform(
        shape, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1], direction="INVERSE"))
    )
