"""What a track rests on: rows of detections, each with its weight, down to the pixels."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from truceline.flow.why import Step, says
from truceline.log.blobs import Blobs
from truceline.log.pieces import read
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Fact
from truceline.model.observed import Detections, Tracks
from truceline.view.scene import ENDED, missed_words
from truceline.view.watch import WITNESS

PREFIX = "track-"  # what the name of a track begins with, in sightings and on the page
_MOST = 40  # tracks of one round that are told


class Used(msgspec.Struct, frozen=True):
    """One row of detections as a track used it.

    ``weight`` is its share, 0 to 1, of what the rows of the round said about the track's place; ``box_px``
    is left, top, width and height in ``frame`` of the sample that the detection looked at.
    """

    seq: int
    row: int
    weight: float | None
    time_utc: datetime
    sensor: str
    lat_deg: float
    lon_deg: float
    ce90_m: float
    meaning: str
    frame: int | None = None
    box_px: tuple[float, float, float, float] | None = None
    chip_sha256: str = ""
    said: str = ""  # words of the report that the row was read from
    report: int | None = None  # entry of that report


class Rests(msgspec.Struct, frozen=True):
    """A track in one round: what it was held to be, and the rows that said so, the weightiest first.

    ``missed`` says who did not see it since, though it looked there; empty: nobody.
    """

    track: str
    seq: int
    row: int
    time_utc: datetime
    exists_p: float
    meaning: str
    count: int
    detections: tuple[Used, ...]
    missed: str = ""


def rounds_of(facts: Sequence[Fact], track: str, blobs: Blobs) -> tuple[list[int], str]:
    """Find the entries in force in which a track was seen, the newest first, and who missed it since.

    Parameters
    ----------
    facts
        Facts by ``seq``.
    track
        E.g. ``track-812``.
    blobs
        Where the pieces lie.

    Raises
    ------
    BadInput
        If there is none.
    """
    over: set[int] = set()
    standing: list[tuple[datetime, int, Tracks]] = []
    for fact in reversed(facts):
        if fact.kind == "track" and fact.redacted is None:
            said = fact.noun(Tracks)
            over |= set(said.supersedes)
            if fact.seq not in over:
                standing.append((said.round.from_utc, fact.seq, said))
    found: list[int] = []
    missed, last = "", None
    for start, seq, said in sorted(standing, key=lambda one: one[:2], reverse=True):
        if last is not None and start < last - ENDED:
            break
        rows = read(blobs, said.piece)
        mine = rows.filter(pc.equal(rows["track_id"], _number(track))).to_pylist()
        missed = missed if missed or found else _missed(mine)
        if any(row.get("missed_by") is None for row in mine):
            found.append(seq)
            last = start
    if not found:
        raise BadInput(track, "no entry in force tells of such a track")
    return found, missed


def earlier(facts: Sequence[Fact], entries: Iterable[int], track: str, blobs: Blobs) -> list[Rests]:
    """Tell which rows a track used in the rounds of these entries."""
    return [
        one for entry in entries for one in _rests(facts, entry, facts[entry].noun(Tracks), blobs, {track})
    ]


def grounds(
    facts: Sequence[Fact], steps: Iterable[Step], blobs: Blobs, only: str = "", missed: str = ""
) -> list[Rests]:
    """Tell of the tracks on the way down which rows they used.

    Parameters
    ----------
    facts
        Facts by ``seq``.
    steps
        The way down from an entry, see :func:`truceline.flow.why.chain`.
    blobs
        Where the pieces lie.
    only
        The one track that was asked about; empty: those that an incident names, or all of the entry itself.
    missed
        Who missed that one track since.
    """
    steps = list(steps)
    wanted = {only} if only else {name for step in steps for name in _named(facts[step.seq])}
    found: list[Rests] = []
    told: set[str] = set()
    for step in steps:
        if step.kind != "track" or facts[step.seq].redacted is not None:
            continue
        said = facts[step.seq].noun(Tracks)
        mine = wanted if wanted or step.depth else None
        if mine is not None and not mine - told:
            continue
        for rests in _rests(facts, step.seq, said, blobs, mine):
            if rests.track not in told:
                told.add(rests.track)
                found.append(msgspec.structs.replace(rests, missed=missed) if missed else rests)
    return found


def last_used(facts: Sequence[Fact], entry: int, track: str, blobs: Blobs) -> Used | None:
    """Find the newest row that a track used in the round of an entry: who saw it last.

    Parameters
    ----------
    facts
        Facts by ``seq``.
    entry
        A track entry in which it was seen.
    track
        E.g. ``track-812``.
    blobs
        Where the pieces lie.
    """
    for rests in _rests(facts, entry, facts[entry].noun(Tracks), blobs, {track}):
        return max(rests.detections, key=lambda one: one.time_utc, default=None)
    return None


def reported(facts: Sequence[Fact], entries: Iterable[int], track: str, blobs: Blobs) -> list[Used]:
    """List the rows that a track used and that were read from reports, the newest first.

    Parameters
    ----------
    facts
        Facts by ``seq``.
    entries
        Track entries in which it was seen.
    track
        E.g. ``track-812``.
    blobs
        Where the pieces lie.
    """
    used = [
        one
        for entry in entries
        for rests in _rests(facts, entry, facts[entry].noun(Tracks), blobs, {track}, by_people=True)
        for one in rests.detections
    ]
    return sorted(used, key=lambda one: (one.time_utc, one.seq), reverse=True)


def lines(found: Iterable[Rests]) -> Iterator[str]:
    """Write what tracks rest on as text."""
    for one in found:
        count = f", stands for {one.count}" if one.count > 1 else ""
        yield f"{one.track} in entry {one.seq}: {one.meaning}, exists {one.exists_p:.2f}{count}, rests on"
        if one.missed:
            yield f"        {one.missed}"
        for used in one.detections:
            weight = "     " if used.weight is None else f"{used.weight:4.0%} "
            place = f"{used.lat_deg:.5f}, {used.lon_deg:.5f} ± {used.ce90_m:.0f} m"
            seen = f"entry {used.seq} row {used.row}, {used.sensor}, {used.time_utc:%Y-%m-%dT%H:%M:%SZ}"
            pixels = ""
            if used.box_px is not None:
                x, y, w, h = used.box_px
                pixels = f", frame {used.frame or 0}, {w:.0f} × {h:.0f} px at {x:.0f}, {y:.0f}"
            chip = f", picture {used.chip_sha256}" if used.chip_sha256 else ""
            words = f", entry {used.report}: {used.said}" if used.report is not None else ""
            yield f"  {weight} {seen}, {place}, {used.meaning}{pixels}{chip}{words}"


def _named(fact: Fact) -> Iterator[str]:
    """Name the tracks that an incident gives as its causes."""
    if fact.kind == "incident" and fact.redacted is None:
        body: dict[str, Any] = msgspec.json.decode(fact.body)
        for cause in body.get("causes", ()):
            if str(cause).startswith(PREFIX):
                yield str(cause).partition("@")[0]


def _number(track: str) -> int:
    digits = track.removeprefix(PREFIX)
    if not digits.isdecimal():
        raise BadInput(track, f"is no track; a track is {PREFIX}NUMBER")
    return int(digits)


def _rests(
    facts: Sequence[Fact],
    seq: int,
    said: Tracks,
    blobs: Blobs,
    wanted: set[str] | None,
    by_people: bool = False,
) -> Iterator[Rests]:
    """Read what tracks of a round rest on; ``by_people``: the rows alone that were read from reports."""
    table = read(blobs, said.piece)
    ids = table["track_id"].to_pylist()
    numbers = None if wanted is None else {_number(track) for track in wanted}
    by = table["missed_by"].to_pylist() if "missed_by" in table.column_names else [None] * len(ids)
    rows = [row for row, track in enumerate(ids) if numbers is None or track in numbers]
    missed = {ids[row]: row for row in rows if by[row] is not None}
    rows = [row for row in rows if by[row] is None][:_MOST]
    if not rows:
        return
    entries = _detections(facts, seq)
    pieces: dict[str, pa.Table] = {}
    for row, values in zip(rows, table.take(pa.array(rows)).to_pylist(), strict=True):
        used = []
        for one in values["from_rows"] or ():
            fact = entries.get(one["entry"])
            if fact is not None and (not by_people or fact.actor == WITNESS):
                if fact.id not in pieces:
                    pieces[fact.id] = read(blobs, fact.noun(Detections).piece)
                used.append(_used(fact, pieces[fact.id], one, _report(facts, fact)))
        yield Rests(
            track=f"{PREFIX}{values['track_id']}",
            seq=seq,
            row=row,
            time_utc=values["time_utc"],
            exists_p=values["exists_p"],
            meaning=_meaning(values),
            count=values.get("count") or 1,
            detections=tuple(
                sorted(used, key=lambda one: (-(one.weight or 0), one.time_utc, one.seq, one.row))
            ),
            missed=_missed(table.slice(missed[values["track_id"]], 1).to_pylist())
            if values["track_id"] in missed
            else "",
        )


def _missed(rows: Iterable[dict[str, Any]]) -> str:
    """Say who missed a track, by its rows of one round."""
    for row in rows:
        if row.get("missed_by") is not None:
            return missed_words(row["missed_by"], row["time_utc"])
    return ""


def _detections(facts: Sequence[Fact], seq: int) -> dict[str, Fact]:
    """Find the detections that a round rests on; those taken in earlier are cited by what it supersedes."""
    found: dict[str, Fact] = {}
    waiting, seen = [seq], set()
    while waiting:
        seq = waiting.pop()
        if seq in seen:
            continue
        seen.add(seq)
        for ref in facts[seq].refs:
            fact = facts[ref]
            if fact.kind == "detection" and fact.redacted is None:
                if fact.id not in found or fact.seq > found[fact.id].seq:
                    found[fact.id] = fact
            elif fact.kind == "track":
                waiting.append(ref)
    return found


def _report(facts: Sequence[Fact], fact: Fact) -> Fact | None:
    """Find the report that rows were read from; None: they were not."""
    return next((facts[ref] for ref in fact.refs if facts[ref].kind == "report"), None)


def _used(fact: Fact, table: pa.Table, one: dict[str, Any], report: Fact | None) -> Used:
    said = fact.noun(Detections)
    values = table.slice(one["row"], 1).to_pylist()[0]
    x, y, w, h = (values[word] for word in ("x_px", "y_px", "w_px", "h_px"))
    named = values["note"] if said.detector == "reported" else None
    return Used(
        seq=fact.seq,
        row=one["row"],
        weight=one.get("weight"),
        time_utc=values["time_utc"],
        sensor=named or said.source or said.detector,
        lat_deg=values["lat_deg"],
        lon_deg=values["lon_deg"],
        ce90_m=values["ce90_m"],
        meaning=_meaning(values),
        frame=values["frame"],
        box_px=None if None in (x, y, w, h) else (x, y, w, h),
        chip_sha256=values["chip_sha256"] or "",
        said=says(report).removeprefix("sighting · ") if report is not None else "",
        report=report.seq if report is not None else None,
    )


def _meaning(values: dict[str, Any]) -> str:
    """Name the likeliest class, with how likely it is."""
    shares = {word: values[f"p_{word}"] or 0.0 for word in FUSION_CLASSES}
    best = max(shares, key=lambda word: shares[word])
    return f"{best} {shares[best]:.0%}" if shares[best] > 1.01 / len(shares) else "class not known"
