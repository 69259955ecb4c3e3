"""Hand over from one verb to the next: tables, alerts and reports become what the next one reads.

INPUT is recognised by its columns or schema, never by its name: Parquet of `detect video`,
`video track`, `video locate`, TRACKS, LOOKS; alerts GeoJSON; report lines.
"""

import argparse
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="what to hand over")
    parser.add_argument("--to", required=True, choices=("observations", "detections"), help="for whom")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="OBS.jsonl, or a folder")
    parser.add_argument("--party", default="unknown", metavar="ID", help="whose it is (default unknown)")
    parser.add_argument("--source", metavar="NAME", help="who says so (default: the file's name)")
    parser.add_argument("--sensor", metavar="NAME", help="id of the sensor (default: the file's name)")
    parser.add_argument("--origin", metavar="LAT,LON", help="where the local plane lies")
    parser.add_argument(
        "--hold-s", type=float, default=60.0, metavar="S", help="how long a look counts (default 60)"
    )
    parser.add_argument("--looks", type=Path, metavar="FOOTPRINTS.parquet", help="where the video looked")


def run(args: argparse.Namespace) -> int:
    from truceline.app.handover import to_detections, to_observations
    from truceline.app.progress import say

    origin = _origin(args.origin)
    if not 0 < args.hold_s <= 86_400:
        raise BadInput("--hold-s", f"{args.hold_s:g} is not between 0 and 86400 seconds")
    if args.to == "observations":
        if args.looks is not None:
            raise BadInput("--looks", "is for --to detections")
        left_out = to_observations(args.inputs, args.out, args.party, args.source, origin, args.hold_s)
    else:
        left_out = to_detections(args.inputs, args.out, args.sensor, origin, args.looks)
    for why, count in left_out.items():
        say("warning", f"{count} {why}")
    return 0


def _origin(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput("--origin", f"{text!r} is not LAT,LON, e.g. 48.0,37.0") from error
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise BadInput("--origin", f"{text!r} is no place: latitude is -90 to 90, longitude -180 to 180")
    return lat, lon
