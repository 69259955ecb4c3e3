"""Turn detections of many sensors, late and out of order, into tracks with honest uncertainty.

Reads DETECTIONS, SENSORS and LOOKS and writes TRACKS (Parquet): an object is a vehicle, an aircraft,
a person on foot or something else, never a named person.

The sensor report has four members beyond the contract, all estimates of this run: `bias_sigma_m`,
`clock_sigma_s` and `azimuth_sigma_rad` (standard deviations; null where nothing was learnt) and
`azimuth_offset_rad`, counter-clockwise. A reader who does not know them loses nothing by ignoring them.

GROUPS holds, per output time, the columns and gatherings among the tracks in force, each with the number
of things in it (mean, and between what it lies in nine of ten cases) and a line of words. Where DETECTIONS
has a column `count` ("about ten vehicles"), the number puts together what was told, what is followed by
itself in that place and so is among it, and what later looks at the whole place saw.

WEIGHTS lists the detections of each row of TRACKS with their weight: the share, 0 to 1, of what they said
together about the place.
"""

import argparse
import os
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("detections", type=Path, metavar="DETECTIONS.parquet", help="what was seen")
    parser.add_argument("--sensors", type=Path, required=True, metavar="SENSORS.parquet", help="who saw it")
    parser.add_argument(
        "--looks", type=Path, metavar="LOOKS.parquet",
        help="where each sensor looked; without it, not having seen an object says nothing",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="TRACKS.parquet", help="where to write")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--causal", action="store_true", help="a row rests on what had arrived by then (default)"
    )
    how.add_argument("--smooth", action="store_true", help="every row may use everything")
    parser.add_argument("--grid-s", type=float, default=30.0, metavar="S", help="output times (default 30)")
    parser.add_argument(
        "--start", metavar="TIME", help="first output time, RFC 3339 (default: the first minute)"
    )
    parser.add_argument(
        "--end", metavar="TIME", help="last output time, RFC 3339 (default: the last detection)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="N",
        help="threads for looking back (--smooth); following runs in one; never changes the answer",
    )  # fmt: skip
    parser.add_argument(
        "--sensor-report", type=Path, metavar="REPORT.json", help="what the run tells about sensors"
    )
    parser.add_argument(
        "--groups", type=Path, metavar="GROUPS.parquet", help="columns and gatherings, with how many they are"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="WEIGHTS.parquet", help="what each detection weighs in its track"
    )


def run(args: argparse.Namespace) -> int:
    import json
    from contextlib import ExitStack

    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.track.files.fusing import follow, output_times, tracks_table, without_measurements
    from truceline.track.files.glances import Glances
    from truceline.track.files.groups import groups_table, told_counts
    from truceline.track.files.hindsight import look_back
    from truceline.track.files.inputs import read_inputs
    from truceline.track.files.report import sensor_report
    from truceline.track.files.weights import weights_table

    if not 1e-3 <= args.grid_s <= 1e6:
        raise BadInput("--grid-s", f"{args.grid_s:g} is no step between 0.001 and 1000000 seconds")
    if args.workers < 1:
        raise BadInput("--workers", f"{args.workers} is not 1 or more")
    start, end = _micro("--start", args.start), _micro("--end", args.end)
    if start is not None and end is not None and end < start:
        raise BadInput("--end", f"{args.end} is before --start {args.start}")
    inputs = read_inputs(args.detections, args.sensors, args.looks)
    counts = told_counts(args.detections) if args.groups is not None else {}
    times = output_times(inputs, args.grid_s, start, end)
    course = follow(inputs, times, by_arrival=not args.smooth)
    if args.smooth:
        course = look_back(course, (times - times[0]) / 1e6 if len(times) else times / 1e6, args.workers)
    glances = Glances(course) if counts else None
    if args.sensor_report is None and args.weights is None:
        course = without_measurements(course)
    table = tracks_table(course, inputs, times)
    with whole_file(args.out) as beside, ExitStack() as others:
        pq.write_table(table, beside, compression="zstd", use_dictionary=False)
        if args.groups is not None:
            pq.write_table(
                groups_table(table, counts, glances), others.enter_context(whole_file(args.groups))
            )
        if args.weights is not None:
            told = weights_table(table, course, inputs)
            pq.write_table(told, others.enter_context(whole_file(args.weights)))
        if args.sensor_report is not None:
            with whole_file(args.sensor_report) as report:
                text = json.dumps(sensor_report(course, inputs), indent=1, allow_nan=False)
                report.write_text(text + "\n", encoding="utf-8")
    return 0


def _micro(option: str, text: str | None) -> int | None:
    from datetime import UTC, datetime, timedelta

    from truceline.model.place import utc_time

    if text is None:
        return None
    try:
        return (utc_time(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except ValueError as error:
        raise BadInput(option, f"no RFC 3339 time with a zone: {error}") from error
