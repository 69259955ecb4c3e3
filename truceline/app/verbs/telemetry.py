"""Read where a drone was from its own log: subtitles, MAVLink, ULog or data flash.

One row per position (contract drone, section 6). What could not be read is counted on stderr, and stands
as `lost` in the metadata of the file.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="DJI .srt, MAVLink .tlog, PX4 .ulg or ArduPilot .BIN"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET", help="file to write")


def run(args: argparse.Namespace) -> int:
    """Read the log."""
    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.app.progress import progress
    from truceline.app.telemetry import file_chunks, lost_metadata, warn_of
    from truceline.codec.flightlog.log import read_log

    table, notes = read_log(str(args.file), progress(file_chunks(args.file), "log"))
    with whole_file(args.out) as path:
        pq.write_table(table.replace_schema_metadata(lost_metadata(notes)), path)
    warn_of(args.file, notes)
    return 0
