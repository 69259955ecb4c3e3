"""Read the telemetry of drone video, say where each packet looks, and track what was detected.

`klv` writes one row per KLV packet, `locate` one footprint per packet, `track` one row per object and frame
(contract drone, sections 1, 2 and 7).
"""

import argparse
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subverbs and their options."""
    words = parser.add_subparsers(dest="word", metavar="WORD", required=True)
    klv = words.add_parser("klv", help="telemetry packets of a transport stream or a KLV file")
    locate = words.add_parser("locate", help="ground footprint of every packet, and sensor health")
    for word in (klv, locate):
        word.add_argument(
            "file", type=Path, metavar="FILE", help="MPEG transport stream, or bare KLV packets"
        )
        word.add_argument("--out", type=Path, required=True, metavar="PARQUET", help="file to write")
    track = words.add_parser("track", help="tracks of the boxes that detect video found")
    track.add_argument("file", type=Path, metavar="DETECTIONS.parquet", help="rows of detect video")
    track.add_argument("--out", type=Path, required=True, metavar="PARQUET", help="file to write")
    locate.add_argument("--dem", type=Path, metavar="TIF", help="height model (COG) of the ground, metres")
    locate.add_argument(
        "--ground-elevation",
        type=float,
        metavar="M",
        help="height of level ground, metres, above mean sea level where the packets say so for the sensor",
    )
    locate.add_argument("--health", type=Path, metavar="JSON", help="write the sensor's findings there")


def run(args: argparse.Namespace) -> int:
    """Run a subverb."""
    return {"klv": _klv, "locate": _locate, "track": _track}[args.word](args)


def _klv(args: argparse.Namespace) -> int:
    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.app.telemetry import lost_metadata, telemetry_tables, warn_of
    from truceline.codec.klv import TELEMETRY

    lost: list[str] = []
    with whole_file(args.out) as path, pq.ParquetWriter(path, TELEMETRY) as writer:
        for table in telemetry_tables(args.file, lost):
            writer.write_table(table)
        writer.add_key_value_metadata(lost_metadata(lost))
    warn_of(args.file, lost)
    return 0


def _track(args: argparse.Namespace) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.detect.boxes.tracking import track_video

    try:
        table = pq.read_table(args.file)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(str(args.file), "is missing, empty, or no Parquet file") from error
    tracks = track_video(table, str(args.file))
    with whole_file(args.out) as path:
        pq.write_table(tracks, path)
    return 0


def _locate(args: argparse.Namespace) -> int:
    import math

    import pyarrow.parquet as pq

    from truceline.app.footprints import joined_findings, located_runs
    from truceline.app.output import whole_file
    from truceline.app.telemetry import lost_metadata, warn_of
    from truceline.geo.azimuth import Finding
    from truceline.geo.footprint import FOOTPRINT

    if args.ground_elevation is not None and not math.isfinite(args.ground_elevation):
        raise BadInput("--ground-elevation", "must be a number of metres")
    findings: list[Finding] = []
    notes: list[str] = []
    lost: list[str] = []
    with whole_file(args.out) as path:
        with pq.ParquetWriter(path, FOOTPRINT) as writer:
            for located in located_runs(args.file, args.ground_elevation, args.dem, lost):
                writer.write_table(located.rows)
                findings += located.findings
                notes += [note for note in located.notes if note not in notes]
            writer.add_key_value_metadata(lost_metadata(lost))
        if args.health is not None:
            _write_health(args.health, [one._asdict() for one in joined_findings(findings)])
    warn_of(args.file, lost + notes)
    return 0


def _write_health(target: Path, findings: list[dict[str, object]]) -> None:
    import json

    from truceline.app.output import whole_file

    with whole_file(target) as path:
        path.write_text(json.dumps(findings, indent=1) + "\n", encoding="utf-8")
