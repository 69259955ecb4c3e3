"""Rows of detections as the running tracker takes them: by round, by sensor, in the order of time."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Fact
from truceline.model.names import number
from truceline.model.observed import Detections
from truceline.model.tables import LOOK
from truceline.model.units import CE90_PER_SIGMA
from truceline.track.live.looked import Looked, looked_of
from truceline.track.state.types import NO_SHAPE, Array, Events, Rows
from truceline.view.watch import PEOPLE

CLUTTER_PER_KM2 = 0.1  # of sensors that say nothing about themselves: assume many false detections
UNSAID_EXISTS = 0.3  # without a confidence of its own one detection alone founds no track to act on
VELOCITY_VARIANCE = 4.0  # m2/s2: a row's speed and course carry no error of their own
FINEST_M = 1.0
REPORTED = "reported"  # the detector whose rows name their sensor in ``note``
UNKNOWN = "unknown"  # a sensor that nobody names


class Told(NamedTuple):
    """Rows of detections, in any order unless told; arrays of equal length."""

    time: Array  # seconds since 1970
    entry: Array
    row: Array
    names: Array  # int64 name of the track that the row would found
    places: Array  # (n, 2): latitude, longitude
    sensor: Array
    things: Array  # how many things the row speaks of; NaN: one, or not said
    rows: Rows


NOTHING_TOLD = Told(
    time=np.zeros(0),
    entry=np.zeros(0, np.str_),
    row=np.zeros(0, np.int64),
    names=np.zeros(0, np.int64),
    places=np.zeros((0, 2)),
    sensor=np.zeros(0, np.str_),
    things=np.zeros(0),
    rows=Rows(
        np.zeros((0, 8)),
        np.zeros(0),
        np.zeros((0, 7), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, 2), np.float32),
    ),
)


class Heard(NamedTuple):
    """What an entry told within a round, and where it had looked."""

    told: Told
    looked: Looked


class Chunk(msgspec.Struct):
    """The rows and looks of one entry that fall into one round; they are read again when they are needed."""

    entry: str
    seq: int
    piece: str
    source: str
    detector: str
    looks: str = ""  # piece of the looks; none: its silence says nothing
    rows: Heard | None = None


def chunks_of(fact: Fact, said: Detections, blobs: Blobs, round_s: int) -> dict[int, Chunk]:
    """Cut an entry into rounds, by their start in seconds since 1970."""
    looks = said.looks.sha256 if said.looks is not None else ""
    if not said.rows and not looks:
        return {}
    whole = Chunk(fact.id, fact.seq, said.piece.sha256, said.source, said.detector, looks)
    rows, silences = _read(whole, blobs)
    starts = _starts(rows, round_s), _starts(silences, round_s)
    found = {}
    for at in np.unique(np.concatenate(starts)).tolist():
        chunk = msgspec.structs.replace(whole)
        chunk.rows = _heard(chunk, rows, silences, *(start == at for start in starts))
        found[at] = chunk
    return found


def rows_of(chunk: Chunk, start_s: int, blobs: Blobs, round_s: int) -> Heard:
    """Give the rows and looks of a chunk, from their pieces where they are not in memory."""
    if chunk.rows is None:
        tables = _read(chunk, blobs)
        chunk.rows = _heard(chunk, *tables, *(_starts(table, round_s) == start_s for table in tables))
    return chunk.rows


def _read(chunk: Chunk, blobs: Blobs) -> tuple[pa.Table, pa.Table]:
    rows = _followed(pieces.read(blobs, chunk.piece))
    looks = pieces.read(blobs, chunk.looks) if chunk.looks else LOOK.empty_table()
    return rows, looks.append_column("_row", pa.array(np.arange(looks.num_rows)))


def _heard(chunk: Chunk, rows: pa.Table, looks: pa.Table, mine: Array, mine_too: Array) -> Heard:
    told = _told(rows.take(pa.array(np.flatnonzero(mine))), chunk)
    return Heard(told, looked_of(looks.take(pa.array(np.flatnonzero(mine_too))), chunk.entry))


def joined(parts: Sequence[Told]) -> Told:
    """Put rows behind one another."""
    columns = [np.concatenate(column) for column in zip(*(part[:-1] for part in parts), strict=True)]
    rows = [np.concatenate(column) for column in zip(*(part.rows for part in parts), strict=True)]
    return Told._make([*columns, Rows(*rows)])


def in_order(told: Told) -> Told:
    """Sort rows by time, entry and row."""
    order = np.lexsort((told.row, told.entry, told.time))
    return part_of(told, order)


def part_of(told: Told, which: Array | slice) -> Told:
    """Take some rows."""
    return Told._make([*(column[which] for column in told[:-1]), Rows(*(one[which] for one in told.rows))])


def events_of(told: Told, looked: Looked, sensors: Sequence[str]) -> Events:
    """One event per moment, entry and sensor: a track takes at most one row of it.

    Parameters
    ----------
    told
        In order.
    looked
        The looks that showed them, or other looks of their entry, as far as their sensor tells what it shows.
    sensors
        All sensors of the run; an event holds the number of its own.
    """
    time, entry = told.time, told.entry
    number_of = {sensor: i for i, sensor in enumerate(sensors)}
    sensor = np.array([number_of[name] for name in told.sensor.tolist()], np.int64)
    new = (np.diff(time) != 0) | (entry[1:] != entry[:-1]) | (np.diff(sensor) != 0)
    first = np.flatnonzero(np.r_[True, new]) if len(time) else np.zeros(0, np.int64)
    n = len(first)
    said = dict(
        zip(zip(looked.entry.tolist(), looked.sensor.tolist(), strict=True), looked.clutter, strict=True)
    )
    makers = zip(entry[first].tolist(), told.sensor[first].tolist(), strict=True)
    return Events(
        time=time[first],
        known=time[first],
        first=first,
        size=np.diff(np.r_[first, len(time)]).astype(np.int64),
        sensor=sensor[first],
        sortie=np.zeros(n, np.int64),
        shape=np.full(n, NO_SHAPE, np.int64),
        field=np.zeros((n, 6)),
        pd=np.full(n, np.nan),
        clutter=np.array([said.get(maker, CLUTTER_PER_KM2) for maker in makers], float),
        min_speed=np.zeros(n),
        sight=np.zeros(n, np.int64),
    )


def first_heard(told: Told, looked: Looked, known: Sequence[str]) -> Iterator[str]:
    """Name the sensors that are not known yet, in the order in which they are first heard; all in order."""
    seen = set(known)
    sensors = np.concatenate([told.sensor, looked.sensor])
    kind = np.r_[np.zeros(len(told.sensor)), np.ones(len(looked.sensor))]
    for sensor in sensors[np.lexsort((kind, np.r_[told.time, looked.time]))].tolist():
        if sensor not in seen:
            seen.add(sensor)
            yield sensor


def _followed(table: pa.Table) -> pa.Table:
    """Keep the rows that show a thing at a place, with their number in the piece as ``_row``."""
    no_meaning = pc.is_null(table["meaning"])
    kind = pc.fill_null(pc.equal(table["kind"], "sighting"), True)
    placed = pc.and_(
        pc.is_valid(table["lat_deg"]), pc.and_(pc.is_valid(table["lon_deg"]), pc.is_valid(table["ce90_m"]))
    )
    keep = np.flatnonzero(pc.and_(pc.and_(no_meaning, kind), placed).to_numpy())
    return table.take(pa.array(keep)).append_column("_row", pa.array(keep))


def _starts(table: pa.Table, round_s: int) -> Array:
    micro = table["time_utc"].cast(pa.int64()).to_numpy()
    return np.asarray(micro // (round_s * 1_000_000) * round_s)


def _told(table: pa.Table, chunk: Chunk) -> Told:
    def column(word: str) -> Array:
        return np.asarray(table[word].cast(pa.float64()).to_numpy(zero_copy_only=False), float)

    lat, lon = column("lat_deg"), column("lon_deg")
    variance = np.maximum(column("ce90_m") / CE90_PER_SIGMA, FINEST_M) ** 2
    speed, course = column("speed_mps"), np.radians(column("course_deg"))
    vx, vy = speed * np.sin(course), speed * np.cos(course)
    sigma2 = column("speed_sigma_mps") ** 2
    svv = np.where(np.isfinite(vx), np.where(np.isfinite(sigma2), sigma2, VELOCITY_VARIANCE), np.nan)
    shares = np.stack([np.nan_to_num(column(f"p_{word}")) for word in FUSION_CLASSES], 1)
    total = shares.sum(1, keepdims=True)
    shares = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / len(FUSION_CLASSES))
    confidence = column("confidence")
    rows = Rows(
        z=np.stack([lon, lat, variance, variance, np.zeros(len(lat)), vx, vy, svv], 1),
        # Half of it stays: errors of one sensor in one place are akin, those of people each one's own.
        bias2=np.zeros(len(lat)) if chunk.source == PEOPLE else variance / 2,
        p=shares.astype(np.float32),
        exists=np.where(np.isfinite(confidence), confidence, UNSAID_EXISTS).astype(np.float32),
        alt=np.full((len(lat), 2), np.nan, np.float32),
    )
    row = table["_row"].to_numpy()
    return Told(
        time=table["time_utc"].cast(pa.int64()).to_numpy() / 1e6,
        entry=np.broadcast_to(np.array(chunk.entry), len(lat)),  # once in memory, for all rows
        row=row,
        names=np.array([number(chunk.entry, str(r)) for r in row.tolist()], np.int64),
        places=np.stack([lat, lon], 1),
        sensor=_sensors(table, chunk),
        things=column("count"),
        rows=rows,
    )


def _sensors(table: pa.Table, chunk: Chunk) -> Array:
    source = chunk.source or UNKNOWN
    if chunk.detector != REPORTED:
        return np.full(table.num_rows, source)
    return np.array([name or source for name in table["note"].to_pylist()], np.str_)
