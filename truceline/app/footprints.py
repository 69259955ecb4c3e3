"""Footprints of a whole flight for the verb, located run by run, so that a long one stays small in memory."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from truceline.app.telemetry import telemetry_tables
from truceline.geo.azimuth import LEAST_BIAS_DEG, Finding
from truceline.geo.footprint import Located, locate
from truceline.geo.pose import INPUTS

MOST_PACKETS = 12_000  # located together; the last run may be twice as long


def located_runs(
    path: Path, ground_elevation_m: float | None, dem: Path | None, lost: list[str]
) -> Iterator[Located]:
    """Hand over the footprints of a file, run by run; findings count packets from the file's first.

    At the end, what was lost of the file is added to ``lost``.

    Raises
    ------
    BadInput
        If the file or the height model cannot be read.
    """
    tables = (table.select(INPUTS) for table in telemetry_tables(path, lost))
    first = 0
    for run in _runs(tables):
        located = locate(run, ground_elevation_m, dem)
        yield located._replace(findings=tuple(_moved(one, first) for one in located.findings))
        first += run.num_rows


def _runs(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        while sum(one.num_rows for one in waiting) >= 2 * MOST_PACKETS:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, MOST_PACKETS).combine_chunks()
            waiting = [whole.slice(MOST_PACKETS)]
    yield pa.concat_tables(waiting).combine_chunks()


def _moved(one: Finding, by: int) -> Finding:
    if not by:
        return one
    return _told(one._replace(first_packet=one.first_packet + by, last_packet=one.last_packet + by))


def _told(one: Finding) -> Finding:
    """Write the packets' numbers anew at the beginning of the text."""
    span = (
        f"packet {one.first_packet}"
        if one.text.startswith("packet ")
        else f"packets {one.first_packet} to {one.last_packet}"
    )
    return one._replace(text=re.sub(r"^packets? \d+(?: to \d+)?", span, one.text))


def joined_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Join findings that go on from one run into the next and say the same."""
    joined: list[Finding] = []
    open_: dict[str, int] = {}  # where in the list the latest finding of each kind stands
    for one in findings:
        place = open_.get(one.kind)
        if place is not None and _goes_on(joined[place], one):
            joined[place] = _told(joined[place]._replace(last_packet=one.last_packet))
            continue
        open_[one.kind] = len(joined)
        joined.append(one)
    return joined


def _goes_on(before: Finding, one: Finding) -> bool:
    if one.first_packet != before.last_packet + 1 or before.text.startswith("packet "):
        return False
    if one.estimate_deg is None or before.estimate_deg is None:
        return one.estimate_deg == before.estimate_deg
    return abs(one.estimate_deg - before.estimate_deg) < LEAST_BIAS_DEG
