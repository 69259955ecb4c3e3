"""Find vehicles, persons and what moves in drone video, and where it is on the ground.

Writes one row per thing and analysed frame (contract drone, section 3). What moves is found by holding the
picture still, and has the category `mover`; what a network knows has its own (grey video is taken
for thermal). Persons are counted, never identified.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from truceline.detect.pictures.pixels import Poses
    from truceline.detect.pictures.slide import Slide
    from truceline.detect.pictures.spotter import Spotted

MODELS = ("auto", "movers", "objects")
SUFFIXES = (".ts", ".mpg", ".mpeg", ".mp4", ".mkv", ".m2ts")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", type=Path, metavar="FILE|DIR", help="a clip, or a folder of clips")
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET", help="file to write")
    parser.add_argument(
        "--model", default=MODELS[0], metavar="NAME", help="what looks: movers, objects (default: both)"
    )
    parser.add_argument(
        "--every", type=int, metavar="N", help="look at every Nth frame (default: about 5 a second)"
    )
    parser.add_argument(
        "--hot", choices=("white", "black"), default="white", help="shade of what is warm in thermal video"
    )


def run(args: argparse.Namespace) -> int:
    """Look at one clip or at all of a folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from truceline.app.output import whole_file
    from truceline.app.progress import progress, say
    from truceline.app.telemetry import lost_metadata, warn_of

    if args.model not in MODELS:
        raise BadInput("--model", f"{args.model!r} is unknown; known: {', '.join(MODELS)}")
    if args.every is not None and args.every < 1:
        raise BadInput("--every", "must be 1 or more")
    tables = []
    lost: list[str] = []
    for file in progress(_files(args.path), "clips"):
        notes: list[str] = []
        try:
            table = _detect(file, args, notes)
        except BadInput as error:
            if not args.path.is_dir():
                raise
            say("warning", f"{file}: {error.what}; left out")
            lost.append(f"{file.name}: {error.what}; left out")
            continue
        warn_of(file, notes)
        lost += [f"{file.name}: {note}" for note in notes]
        if args.path.is_dir():
            table = table.append_column("file_name", pa.array([file.name] * table.num_rows, pa.string()))
        tables.append(table)
    if not tables:
        raise BadInput(str(args.path), "none of its clips can be read")
    with whole_file(args.out) as path:
        pq.write_table(pa.concat_tables(tables).replace_schema_metadata(lost_metadata(lost)), path)
    return 0


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise BadInput(str(path), f"no video in this folder ({' '.join(SUFFIXES)})")
    return files


def _detect(file: Path, args: argparse.Namespace, notes: list[str]) -> "pa.Table":
    from truceline.detect.movers import Movers, look
    from truceline.detect.pictures.frames import Clip
    from truceline.detect.pictures.pixels import Poses
    from truceline.detect.pictures.spotter import Spotted, Spotter, uncovered
    from truceline.model.text import percent

    clip, settings = Clip(file, str(file)), Movers()
    clip.rate_hz()  # what holds no video is refused before its telemetry is read
    poses = Poses(_telemetry(file, notes))
    spotter = Spotter(poses, hot=args.hot)
    onlooker = None if args.model == "movers" else spotter
    moving = args.model != "objects"
    seen = look(clip, settings.analysed_hz, settings.width_px, args.every, onlooker, moving=moving)
    if seen.broken:
        notes.append(
            f"frames that do not decode, skipped: {seen.broken} ({percent(seen.broken, seen.frames)})"
        )
    if not seen.decoded:
        raise BadInput(str(file), "no frame can be decoded")
    movers = [Spotted(hit, "mover", "movers") for hit in uncovered(seen.hits, spotter.spotted)]
    rows = sorted([*spotter.spotted, *movers], key=lambda one: (one.hit.frame, one.model, one.hit))
    return _table(rows, (seen.width_px, seen.height_px), poses, seen.slide)


def _table(rows: "Sequence[Spotted]", size_px: tuple[int, int], poses: "Poses", slide: "Slide") -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    from truceline.detect.pictures.pixels import place

    hits = [one.hit for one in rows]
    places = place(hits, size_px, poses)
    slid = slide.by(poses, np.array([hit.pts_s for hit in hits], float))
    places = places._replace(ce90_m=places.ce90_m + slid.doubt_m)
    known = np.isfinite(places.lat_deg + places.ce90_m)
    time_us = [int(t) if np.isfinite(t) else None for t in places.time_us]
    columns: dict[str, tuple[Any, pa.DataType]] = {
        "time": (time_us, pa.timestamp("us", tz="UTC")),
        "pts_s": ([hit.pts_s for hit in hits], pa.float64()),
        "frame_index": ([hit.frame for hit in hits], pa.int64()),
        **{
            f"bbox_{side}_px": ([getattr(hit, f"{side}_px") for hit in hits], pa.float64())
            for side in ("x", "y", "w", "h")
        },
        "category": ([one.category for one in rows], pa.string()),
        "score": ([hit.score for hit in hits], pa.float64()),
        **{
            name: (np.where(known, values, np.nan), pa.float64())
            for name, values in zip(("lat_deg", "lon_deg", "ce90_m"), places[:3], strict=True)
        },
        "model": ([one.model for one in rows], pa.string()),
        "slide_east_m": (slid.metres[:, 0], pa.float64()),
        "slide_north_m": (slid.metres[:, 1], pa.float64()),
    }
    return pa.table({name: pa.array(v, kind, from_pandas=True) for name, (v, kind) in columns.items()})


def _telemetry(file: Path, notes: list[str]) -> "pa.Table":
    """Read the telemetry; a clip without any is looked at all the same, its rows have no place."""
    import pyarrow as pa

    from truceline.app.telemetry import telemetry_tables
    from truceline.codec.klv import TELEMETRY

    told: list[str] = []
    try:
        table = pa.concat_tables([TELEMETRY.empty_table(), *telemetry_tables(file, told)])
    except BadInput as error:
        notes.append(f"no telemetry, rows have no place: {error.what}")
        return TELEMETRY.empty_table()
    notes += told
    return table
