"""Tell which point series of radar echo show a lasting change.

SERIES.csv (or .csv.gz) has one row per date and series: series_id, time, orbit_state, vv_0 … vv_8 and
vh_0 … vh_8 (3 × 3 windows, linear power, empty = missing). ALERTS.csv gets one row per series.
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

LARGEST_BYTES = 1 << 30  # unpacked text: about three million dates
COLUMNS = ("series_id", "time", "orbit_state")
WRITTEN = ("series_id", "n_obs", "change_probability", "change_time", "first_seen", "direction")

Row = tuple["datetime", str, list[float], list[float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of contract satellite, section 5."""
    parser.add_argument("series", metavar="SERIES.csv[.gz]", type=Path, help="point series")
    parser.add_argument("--out", metavar="ALERTS.csv", type=Path, required=True, help="file to write")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Judge each series and write one row for it."""
    import csv

    from truceline.app.output import whole_file
    from truceline.app.progress import progress

    found: dict[str, list[Row]] = {}
    for key, row in _rows(args.series):
        found.setdefault(key, []).append(row)
    if not found:
        raise BadInput(str(args.series), "holds no row")
    powers = [power for rows in found.values() for row in rows for power in (*row[2], *row[3])]
    if sum(power < 0 for power in powers) > sum(power > 0 for power in powers):
        raise BadInput(str(args.series), "is mostly below 0 and looks like dB; linear power is wanted")
    with whole_file(args.out) as path, path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(WRITTEN)
        for key in progress(sorted(found), "series", len(found), args.quiet):
            writer.writerow(_judged(key, found[key]))
    return 0


def _judged(key: str, rows: "list[Row]") -> list[str]:
    import numpy as np

    from truceline.detect.radar.point_series import judge
    from truceline.model.place import utc_text

    rows = sorted(rows, key=lambda row: (row[0], row[1], row[2], row[3]))
    powers = np.array([row[2:] for row in rows], float)
    powers[~(powers > 0)] = np.nan  # a power that is not positive is no data
    verdict = judge(powers[:, 0], powers[:, 1], [row[1] for row in rows])
    answer = [key, str(verdict.observations), f"{verdict.probability:.4f}", "", "", "none"]
    if round(verdict.probability, 4) >= 0.5 and verdict.step > 0:
        before, first = rows[verdict.step - 1][0], rows[verdict.step][0]
        answer[3] = utc_text((before + (first - before) / 2).replace(microsecond=0))
        answer[4] = utc_text(first)
        answer[5] = "increase" if verdict.rises else "decrease"
    return answer


def _rows(path: Path) -> "Iterator[tuple[str, Row]]":
    import csv

    from truceline.model.place import utc_time

    lines = csv.reader(_lines(path), strict=True)
    try:
        header = next(lines, [])
        at = _columns([word.strip() for word in header], path)
        for cells in lines:
            if not cells:
                continue
            where = f"{path}:{lines.line_num}"
            if len(cells) != len(header):
                raise BadInput(where, f"has {len(cells)} columns; {len(header)} are wanted")
            key = cells[at["series_id"]].strip()
            if not key:
                raise BadInput(where, "series_id is empty")
            try:
                moment = utc_time(cells[at["time"]].strip())
            except ValueError as error:
                raise BadInput(where, f"time: {error}; e.g. 2025-05-09T12:00:00Z") from error
            orbit = cells[at["orbit_state"]].strip()
            powers = [
                [_power(cells[at[f"{word}_{n}"]], f"{word}_{n}", where) for n in range(9)]
                for word in ("vv", "vh")
            ]
            yield key, (moment, orbit, powers[0], powers[1])
    except csv.Error as error:
        raise BadInput(f"{path}:{lines.line_num}", f"is no row of a CSV table: {error}") from error


def _columns(header: list[str], path: Path) -> dict[str, int]:
    wanted = [*COLUMNS, *(f"{word}_{number}" for word in ("vv", "vh") for number in range(9))]
    for word in wanted:
        if word not in header:
            raise BadInput(f"{path}:1", f"column {word} is missing")
    for index, word in enumerate(header):
        if word not in wanted:
            raise BadInput(f"{path}:1", f"column {word[:40]!r} is unknown")
        if word in header[:index]:
            raise BadInput(f"{path}:1", f"column {word} stands twice")
    return {word: header.index(word) for word in wanted}


def _power(text: str, column: str, where: str) -> float:
    text = text.strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput(where, f"{column}: {text[:40]!r} is no number") from error
    if math.isinf(value):
        raise BadInput(where, f"{column}: {text[:40]!r} is no finite number")
    return value


def _lines(path: Path) -> "Iterator[str]":
    import gzip
    import zlib

    from truceline.geo.raster import regular_file

    total = 0
    real = regular_file(path)
    with real.open("rb") as begin:
        packed = begin.read(2) == b"\x1f\x8b"
    number = 0
    try:
        with gzip.open(real, "rb") if packed else real.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                total += len(line)
                if total > LARGEST_BYTES:
                    raise BadInput(str(path), f"unpacks to more than {LARGEST_BYTES} bytes")
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}:{number}", "is no UTF-8 text") from error
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}:{number + 1}", "cannot be read to its end (truncated or damaged)") from error
