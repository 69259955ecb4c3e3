"""Read the telemetry of drone video, and say where each packet looks.

`klv` writes one row per KLV packet, `locate` one footprint per packet (contract drone, sections 1 and 2).
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
    locate.add_argument(
        "--ground-elevation",
        type=float,
        metavar="M",
        help="height of level ground, metres, above mean sea level where the packets say so for the sensor",
    )
    locate.add_argument("--health", type=Path, metavar="JSON", help="write the sensor's findings there")


def run(args: argparse.Namespace) -> int:
    """Run a subverb."""
    return _klv(args) if args.word == "klv" else _locate(args)


def _klv(args: argparse.Namespace) -> int:
    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.app.telemetry import telemetry_tables
    from truceline.codec.klv import TELEMETRY

    with whole_file(args.out) as path, pq.ParquetWriter(path, TELEMETRY) as writer:
        for table in telemetry_tables(args.file):
            writer.write_table(table)
    return 0


def _locate(args: argparse.Namespace) -> int:
    import math

    import pyarrow as pa
    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.app.telemetry import telemetry_tables
    from truceline.geo.footprint import INPUTS, locate

    if args.ground_elevation is not None and not math.isfinite(args.ground_elevation):
        raise BadInput("--ground-elevation", "must be a number of metres")
    tables = [table.select(INPUTS) for table in telemetry_tables(args.file)]
    located = locate(pa.concat_tables(tables), args.ground_elevation)
    with whole_file(args.out) as path:
        pq.write_table(located.rows, path)
        if args.health is not None:
            _write_health(args.health, [finding._asdict() for finding in located.findings])
    return 0


def _write_health(target: Path, findings: list[dict[str, object]]) -> None:
    import json

    from truceline.app.output import whole_file

    with whole_file(target) as path:
        path.write_text(json.dumps(findings, indent=1) + "\n", encoding="utf-8")
