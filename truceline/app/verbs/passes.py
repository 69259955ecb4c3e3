"""Tell when satellites rise over a place, how high, and whether the ground lies in sunlight.

ELEMENTS holds two- or three-line element sets, or OMM as JSON or CSV. Of several sets of one
satellite the one whose epoch is nearest to the middle of the window counts. With --along the file
also tells, for each part of an agreement's lines, which satellite sees it next.
"""

import argparse
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from truceline.codec.elements import Elements
    from truceline.dispatch.passes import Pass

LONGEST_DAYS = 366.0  # no element set says anything so far ahead; keeps the work bounded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of contract satellite, section 6."""
    parser.add_argument("elements", metavar="ELEMENTS", type=Path, help="element sets: TLE or OMM")
    parser.add_argument("--lat", metavar="DEG", type=float, required=True, help="latitude, WGS 84")
    parser.add_argument("--lon", metavar="DEG", type=float, required=True, help="longitude, WGS 84")
    parser.add_argument("--alt", metavar="M", type=float, default=0.0, help="metres above the ellipsoid (0)")
    parser.add_argument(
        "--from", dest="from_text", metavar="TIME", required=True, help="begin of the window (RFC 3339)"
    )
    parser.add_argument(
        "--to", dest="to_text", metavar="TIME", required=True, help="end of the window (RFC 3339)"
    )
    parser.add_argument(
        "--min-elevation-deg", metavar="DEG", type=float, default=10.0, help="least elevation (10)"
    )
    parser.add_argument(
        "--along", metavar="AGREEMENT.toml", type=Path, help="also tell the next pass along its lines"
    )
    parser.add_argument("--step-km", metavar="KM", type=float, default=20.0, help="length of a part (20)")
    parser.add_argument("--out", metavar="JSON", type=Path, required=True, help="file to write")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Find the passes and write them, ordered by rise."""
    import json

    from truceline.app.output import whole_file
    from truceline.app.progress import progress, say
    from truceline.codec.elements import MAX_BYTES, nearest_sets, read_elements
    from truceline.dispatch.passes import STALE_DAYS, Place, passes_of
    from truceline.geo.raster import regular_file
    from truceline.model.place import utc_text

    for flag, value, most in (("--lat", args.lat, 90), ("--lon", args.lon, 180), ("--alt", args.alt, 1e5)):
        if not (math.isfinite(value) and abs(value) <= most):
            raise BadInput(flag, f"{value} is not within ±{most:g}")
    if not -90 <= args.min_elevation_deg <= 90:
        raise BadInput("--min-elevation-deg", f"{args.min_elevation_deg} is not within ±90")
    from_utc, until_utc = _moment("--from", args.from_text), _moment("--to", args.to_text)
    if not 0 < (until_utc - from_utc).total_seconds() <= LONGEST_DAYS * 86_400:
        raise BadInput(
            "--to", f"{args.to_text} is not after --from, or more than {LONGEST_DAYS:g} days later"
        )
    if regular_file(args.elements).stat().st_size > MAX_BYTES:
        raise BadInput(str(args.elements), f"is larger than {MAX_BYTES} bytes")
    middle = from_utc + (until_utc - from_utc) / 2
    sets = nearest_sets(read_elements(args.elements.read_bytes(), str(args.elements)), middle)
    place = Place(args.lat, args.lon, args.alt)
    found: list[Pass] = []
    for one in progress(sets, "satellites", len(sets), args.quiet):
        age_days = max(abs((end - one.epoch_utc).total_seconds()) for end in (from_utc, until_utc)) / 86_400
        if age_days > STALE_DAYS:
            say("warning", f"{one.satellite}: its elements are up to {age_days:.0f} days old")
        found += passes_of(one, place, from_utc, until_utc, args.min_elevation_deg)
    found.sort(key=lambda each: (each.rise_utc or from_utc, each.norad_id))
    document: dict[str, Any] = {
        "lat_deg": args.lat, "lon_deg": args.lon, "alt_m": args.alt,
        "from": utc_text(from_utc), "to": utc_text(until_utc),
        "min_elevation_deg": args.min_elevation_deg, "passes": [_row(each) for each in found],
    }  # fmt: skip
    if args.along is not None:
        document["parts"] = list(_parts(args, sets, (from_utc, until_utc)))
    with whole_file(args.out) as path:
        path.write_text(json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0


def _parts(
    args: argparse.Namespace, sets: "tuple[Elements, ...]", window: "tuple[datetime, datetime]"
) -> "Iterator[dict[str, Any]]":
    """Tell, for the middle of each part of each line, the first pass to culminate."""
    from truceline.app.progress import progress
    from truceline.dispatch.passes import Place, passes_of
    from truceline.rules.agreement import read_agreement

    if not (math.isfinite(args.step_km) and args.step_km >= 1):
        raise BadInput("--step-km", f"{args.step_km} is not 1 or more")
    lines = read_agreement(args.along).zones.lines
    for line_id, versions in progress(sorted(lines.items()), "lines", len(lines), args.quiet):
        curve = versions[-1].curve
        count = max(1, math.ceil(curve.length_m / 1000 / args.step_km))
        ends_m = [curve.length_m * number / count for number in range(count + 1)]
        for first_m, last_m in pairwise(ends_m):
            lat, lon = curve.point_at((first_m + last_m) / 2)
            found = [
                each
                for one in sets
                for each in passes_of(one, Place(lat, lon, args.alt), *window, args.min_elevation_deg)
            ]
            soonest = min(found, key=lambda each: (each.highest_utc, each.norad_id), default=None)
            yield {
                "line": line_id,
                "km_from": round(first_m / 1000, 3),
                "km_to": round(last_m / 1000, 3),
                "lat_deg": round(lat, 6),
                "lon_deg": round(lon, 6),
                "next": None if soonest is None else _row(soonest),
            }


def _moment(flag: str, text: str) -> "datetime":
    from truceline.model.place import utc_time

    try:
        return utc_time(text)
    except ValueError as error:
        raise BadInput(flag, f"{error}; e.g. 2025-05-09T12:00:00Z") from error


def _row(one: "Pass") -> dict[str, Any]:
    return {
        "satellite": one.satellite, "norad_id": one.norad_id,
        "rise": _milliseconds(one.rise_utc), "culmination": _milliseconds(one.culmination_utc),
        "set": _milliseconds(one.set_utc),
        "rise_azimuth_deg": _azimuth(one.rise_azimuth_deg), "set_azimuth_deg": _azimuth(one.set_azimuth_deg),
        "max_elevation_deg": round(one.max_elevation_deg, 4),
        "culmination_azimuth_deg": _azimuth(one.culmination_azimuth_deg),
        "culmination_range_km": round(one.culmination_range_km, 3),
        "direction": one.direction, "sunlit_ground": one.sunlit_ground,
        "epoch": _milliseconds(one.epoch_utc), "epoch_age_days": round(one.epoch_age_days, 4),
    }  # fmt: skip


def _milliseconds(moment: "datetime | None") -> str | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _azimuth(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, 4) % 360
