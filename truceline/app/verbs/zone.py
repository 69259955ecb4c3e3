"""Draw the zones of an agreement: geodesic offsets of its lines as GeoJSON polygons.

One feature per zone, side and version of the line. With --schema: the JSON Schema of agreement files.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from truceline.geo.zone import Belt
    from truceline.rules.agreement import Agreement


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agreement", metavar="AGREEMENT.toml", type=Path, nargs="?", help="the agreement")
    parser.add_argument("--out", metavar="ZONES.geojson", type=Path, help="where the polygons go")
    parser.add_argument("--at", metavar="TIME", help="only what is valid at this moment (RFC 3339)")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of agreement files instead"
    )


def run(args: argparse.Namespace) -> int:
    import json

    if args.schema:
        from truceline.rules.schema import agreement_schema

        print(json.dumps(agreement_schema(), indent=2, ensure_ascii=False))
        return 0
    if args.agreement is None or args.out is None:
        raise BadInput("zone", "give AGREEMENT.toml and --out, or --schema")
    from truceline.app.output import whole_file
    from truceline.app.progress import progress
    from truceline.model.place import utc_time
    from truceline.rules.agreement import read_agreement

    try:
        at = None if args.at is None else utc_time(args.at)
    except ValueError as error:
        raise BadInput("--at", str(error)) from error
    agreement = read_agreement(args.agreement)
    features = list(progress(_features(agreement, at), "zones"))
    with whole_file(args.out) as path:
        collection = {"type": "FeatureCollection", "features": features}
        path.write_text(json.dumps(collection, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def _features(agreement: "Agreement", at: "datetime | None") -> "Iterator[dict[str, Any]]":
    from truceline.geo.offset import area_outline
    from truceline.geo.zone import Area, Period, geodesic_ring

    zones = agreement.zones
    for zone in zones.zones.values():
        if at is not None and not zone.period.holds(at):
            continue
        rules = [provision.rule.id for provision in agreement.provisions if zone.id in provision.zones]
        if isinstance(zone, Area):
            outline = area_outline(tuple(geodesic_ring(ring) for ring in zone.rings))
            yield _feature(outline, {"zone": zone.id, "rules": rules}, zone.period)
            continue
        for number, version in enumerate(zones.lines[zone.line]):
            if at is not None and not version.period.holds(at):
                continue
            starts = [p.from_utc for p in (zone.period, version.period) if p.from_utc is not None]
            ends = [p.until_utc for p in (zone.period, version.period) if p.until_utc is not None]
            period = Period(max(starts, default=None), min(ends, default=None))
            if starts and ends and max(starts) >= min(ends):
                continue
            yield from _belt(agreement, zone, number, rules, period)


def _belt(
    agreement: "Agreement", zone: "Belt", number: int, rules: list[str], period: Any
) -> "Iterator[dict[str, Any]]":
    from truceline.geo.offset import belt_outlines

    version = agreement.zones.lines[zone.line][number]
    stretch_m = None if zone.sector is None else agreement.zones.stretch_m(zone.sector, version)
    for side, outline in belt_outlines(version, zone, stretch_m).items():
        properties = {
            "zone": zone.id, "side": side, "inner_m": zone.inner_m, "outer_m": zone.outer_m,
            "ends": zone.ends, "sector": zone.sector, "line": zone.line, "line_version": number,
            "rules": rules,
        }  # fmt: skip
        yield _feature(outline, properties, period)


def _feature(outline: Any, said: dict[str, Any], period: Any) -> dict[str, Any]:
    from shapely.geometry import mapping

    from truceline.geo.offset import area_m2
    from truceline.model.place import utc_text

    blank = ("zone", "side", "inner_m", "outer_m", "ends", "sector", "line", "line_version")
    properties: dict[str, Any] = {**dict.fromkeys(blank), **said}
    properties["valid_from"] = None if period.from_utc is None else utc_text(period.from_utc)
    properties["valid_until"] = None if period.until_utc is None else utc_text(period.until_utc)
    properties["area_m2"] = round(area_m2(outline), 1)
    shape = outline.geoms[0] if len(outline.geoms) == 1 else outline
    return {"type": "Feature", "properties": properties, "geometry": _rounded(mapping(shape))}


def _rounded(geometry: Any) -> Any:
    if isinstance(geometry, dict):
        return {key: _rounded(value) for key, value in geometry.items()}
    if isinstance(geometry, tuple | list):
        return [_rounded(value) for value in geometry]
    return round(geometry, 7) if isinstance(geometry, float) else geometry
