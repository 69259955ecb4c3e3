"""The fold that turns detections into tracks, in rounds of fixed UTC windows.

A late or corrected piece takes the tracker back to the end of the round before it and forward from
there; only rounds whose rows have changed are claimed again. What is in force in the end depends on
the set of detections alone: rows are worked on by (time, entry, row), and a track is named after the
row that founded it. A track ends when it was not seen for three hours; until then its existence
falls by 1/e in five and a half hours of silence.
"""

import hashlib
import json
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truceline.geo.zone import Zones
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Blob, Claim, Fact
from truceline.model.names import name, number
from truceline.model.observed import Detections, Tracks
from truceline.model.place import Span, utc_text
from truceline.model.tables import TIME, TRACK
from truceline.model.units import CE90_PER_SIGMA
from truceline.track.engine import DONE, WIDTH, run, seen_since
from truceline.track.types import NO_SHAPE, Array, Events, Rows, State, bare_ground, copied, empty, grown

ACTOR = "engine:fuse"
CLUTTER_PER_KM2 = 0.1  # of sensors that say nothing about themselves: assume many false detections
UNSAID_EXISTS = 0.3  # without a confidence of its own one detection alone founds no track to act on
VELOCITY_VARIANCE = 4.0  # m2/s2: a row's speed and course carry no error of their own
FINEST_M = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_GRID = np.zeros(0)


class Chunk(msgspec.Struct, frozen=True):
    """The rows of one entry that fall into one round."""

    entry: str
    time: Array  # seconds since 1970
    row: Array
    rows: Rows
    names: Array
    places: Array  # (n, 2): latitude, longitude


class Round(msgspec.Struct):
    """One window: what fell into it, the tracker after it, and what was claimed of it."""

    start_s: int
    chunks: dict[str, Chunk] = {}
    end: State | None = None
    used: list[tuple[int, str, int]] = []  # track, entry, row
    newest: tuple[float, str] = (-1.0, "")
    table: pa.Table | None = None
    claimed: tuple[str, str] = ("", "")  # inputs and piece of the newest claim
    said: pa.Table | None = None  # its rows
    seq: int | None = None
    pending: bool = False
    cited: set[int] = set()


class Fuse(Fold):
    """Follows what was seen as moving or standing things.

    Parameters
    ----------
    blobs
        Where pieces are read and sealed.
    zones
        For the side of the line on which a track was first seen; None: sides stay null.
    late_h
        How late news may be and still find its round's end in memory; what is later costs more,
        because the tracker then begins at the beginning of what it remembers.
    round_s
        Length of a round.
    """

    def __init__(
        self, blobs: Blobs, zones: Zones | None = None, late_h: float = 72, round_s: int = 600
    ) -> None:
        self._blobs = blobs
        self._zones = zones
        self._late_s = late_h * 3600
        self._round_s = round_s
        self._rounds: dict[int, Round] = {}
        self._starts: list[int] = []
        self._entries: dict[str, tuple[int, list[int]]] = {}  # entry → its newest seq, its rounds
        self._by_seq: dict[int, str] = {}
        self._by_claim: dict[str, int] = {}
        self._sides: dict[int, str | None] = {}

    def apply(self, fact: Fact) -> Iterable[Claim]:
        if fact.kind == "track" and fact.actor == ACTOR:
            return list(self._logged(fact))
        if fact.kind != "detection" or fact.redacted is not None:
            return ()
        said = fact.noun(Detections)
        touched: set[int] = set()
        for seq in said.supersedes:
            entry = self._by_seq.get(seq, "")
            if entry in self._entries and self._entries[entry][0] == seq:
                touched |= self._forget(entry)
        if fact.id in self._entries:
            touched |= self._forget(fact.id)
        fresh = self._remember(fact, said)
        if not touched and not fresh:
            return ()
        again = self._work(touched, fresh)
        return list(self._answers(again, fact))

    def _forget(self, entry: str) -> set[int]:
        _, starts = self._entries.pop(entry)
        for start in starts:
            del self._rounds[start].chunks[entry]
        return set(starts)

    def _remember(self, fact: Fact, said: Detections) -> dict[int, Chunk]:
        """Sort an entry's rows into rounds."""
        self._by_seq[fact.seq] = fact.id
        table = pieces.read(self._blobs, said.piece) if said.rows else None
        fresh = _chunks(table, fact.id, self._round_s) if table is not None else {}
        for start, chunk in fresh.items():
            if start not in self._rounds:
                self._rounds[start] = Round(start)
                insort(self._starts, start)
            self._rounds[start].chunks[fact.id] = chunk
        self._entries[fact.id] = (fact.seq, sorted(fresh))
        return fresh

    def _work(self, touched: set[int], fresh: dict[int, Chunk]) -> list[Round]:
        """Run the tracker where something changed; answer the rounds that were run."""
        if not touched and len(fresh) == 1:
            start, chunk = next(iter(fresh.items()))
            round_ = self._rounds[start]
            first = (float(chunk.time.min()), chunk.entry)
            if start == self._starts[-1] and round_.end is not None and first > round_.newest:
                self._run(round_, [chunk], round_.end)
                return [round_]
        done: list[Round] = []
        at = bisect_left(self._starts, min(touched | set(fresh)))
        last = max(touched | set(fresh))
        while at > 0 and self._rounds[self._starts[at - 1]].end is None:
            at -= 1
        for i in range(at, len(self._starts)):
            round_ = self._rounds[self._starts[i]]
            before = self._rounds[self._starts[i - 1]].end if i else None
            old, round_.used, round_.newest = round_.end, [], (-1.0, "")
            state = copied(before) if before is not None else empty(32, 2, 1)
            self._run(round_, list(round_.chunks.values()), state)
            done.append(round_)
            if (
                self._starts[i] >= last
                and old is not None
                and round_.end is not None
                and _same(old, round_.end)
            ):
                break
        self._thin_out()
        return done

    def _thin_out(self) -> None:
        """Forget the tracker's state after rounds that are older than late news may be."""
        for start in self._starts:
            if start >= self._starts[-1] - self._late_s:
                break
            self._rounds[start].end = None

    def _run(self, round_: Round, chunks: list[Chunk], state: State) -> None:
        """Feed rows to the tracker and rebuild the round's table."""
        if chunks:
            time, entry, row, rows, names, places = _together(chunks)
            owner, course = np.zeros(len(time), np.int64), np.zeros((len(time), 2), np.float32)
            events = _events(time, entry)
            tally = np.zeros((len(events.time), 3))
            begin, ground = np.zeros(5, np.int64), bare_ground(np.zeros(2), np.zeros(2), 1)
            begin[4] = len(state.alive)
            none, nothing, no_names = np.zeros(1, np.int64), np.zeros((1, WIDTH)), np.zeros((1, 3), np.int64)
            while (
                run(
                    state,
                    ground,
                    events,
                    rows,
                    names,
                    _NO_GRID,
                    True,
                    owner,
                    course,
                    tally,
                    none,
                    nothing,
                    no_names,
                    begin,
                )
                != DONE
            ):
                state = grown(state)
            used = zip(owner.tolist(), entry.tolist(), row.tolist(), strict=True)
            round_.used = [*round_.used, *used]
            round_.newest = (float(time[-1]), str(entry[-1]))
            for i in np.flatnonzero(owner == names):
                self._sides[int(owner[i])] = self._side(float(time[i]), places[i])
        round_.end = state
        round_.table = self._table(round_, state)

    def _side(self, time_s: float, place: Array) -> str | None:
        if self._zones is None:
            return None
        lat_deg, lon_deg = float(place[0]), float(place[1])
        moment = _EPOCH + timedelta(seconds=time_s)
        line = self._zones.nearest_line(lat_deg, lon_deg, moment)
        return None if line is None else self._zones.side_of(line, lat_deg, lon_deg, moment)

    def _table(self, round_: Round, state: State) -> pa.Table:
        """One row per track seen in the round, as it was when last seen in it."""
        ids, out = np.zeros(len(state.alive), np.int64), np.zeros((len(state.alive), WIDTH))
        n = seen_since(state, float(round_.start_s), True, ids, out) if round_.used else 0
        order = np.argsort(ids[:n], kind="mergesort")
        ids, out = ids[:n][order], out[:n][order]
        ids_used = np.array([track for track, _, _ in round_.used], np.int64)
        by_track = np.argsort(ids_used, kind="mergesort")
        counts = np.searchsorted(ids_used[by_track], ids, "right") - np.searchsorted(ids_used[by_track], ids)
        entry = pa.array([round_.used[i][1] for i in by_track], pa.string())
        row = pa.array([round_.used[i][2] for i in by_track], pa.int64())
        offsets = pa.array(np.r_[0, np.cumsum(counts)].astype(np.int32))
        half, mean = (out[:, 3] - out[:, 4]) / 2, (out[:, 3] + out[:, 4]) / 2
        columns = {
            "track_id": pa.array(ids),
            "time_utc": _times(out[:, 0]),
            "lat_deg": out[:, 2],
            "lon_deg": (out[:, 1] + 180) % 360 - 180,
            "ce90_m": CE90_PER_SIGMA * np.sqrt(mean + np.hypot(half, out[:, 5])),
            "speed_mps": np.hypot(out[:, 6], out[:, 7]),
            "course_deg": np.degrees(np.arctan2(out[:, 6], out[:, 7])) % 360,
            "exists_p": out[:, 8],
            **{f"p_{word}": out[:, 9 + i] for i, word in enumerate(FUSION_CLASSES)},
            "side": pa.array([self._sides[track] for track in ids.tolist()], pa.string()),
            "last_seen_utc": _times(out[:, 16]),
            "detections_used": pa.array(out[:, 17].astype(np.int64)),
            "from_rows": pa.ListArray.from_arrays(
                offsets, pa.StructArray.from_arrays([entry, row], ["entry", "row"])
            ),
        }
        return pa.table([pa.array(columns[f.name]).cast(f.type) for f in TRACK], schema=TRACK)

    def _answers(self, rounds: list[Round], fact: Fact) -> Iterator[Claim]:
        for round_ in rounds:
            if not round_.pending:
                yield from self._claim(round_, fact)
        empty_ones = [r.start_s for r in rounds if not r.chunks and not r.claimed[1] and not r.pending]
        for start in empty_ones:
            del self._rounds[start]
            self._starts.remove(start)

    def _claim(self, round_: Round, fact: Fact) -> Iterator[Claim]:
        """Claim a round unless the newest claim says the same."""
        if round_.table is None or (round_.table.num_rows == 0 and round_.seq is None):
            return
        inputs = hashlib.sha256(json.dumps(sorted(round_.chunks)).encode()).hexdigest()
        if inputs == round_.claimed[0] and round_.said is not None and round_.table.equals(round_.said):
            return
        start = _EPOCH + timedelta(seconds=round_.start_s)
        span = Span(from_utc=start, until_utc=start + timedelta(seconds=self._round_s))
        piece = pieces.seal(round_.table, self._blobs, f"tracks-{utc_text(start)}.parquet")
        entry_id = name("trk", utc_text(span.from_utc), utc_text(span.until_utc), inputs, piece.sha256)
        older = (round_.seq,) if round_.seq is not None else ()
        new = {self._entries[entry][0] for entry in round_.chunks} - round_.cited
        round_.cited |= new
        round_.claimed, round_.said, round_.pending = (inputs, piece.sha256), round_.table, True
        self._by_claim[entry_id] = round_.start_s
        yield Claim(
            kind="track",
            id=entry_id,
            body=_body(span, inputs, piece, round_.table.num_rows, older),
            actor=ACTOR,
            refs=(*sorted({*new, *older} - {fact.seq}), fact.seq),
            blobs=(piece,),
        )

    def _logged(self, fact: Fact) -> Iterator[Claim]:
        """Our own claim is in the log now; say at once what has changed meanwhile."""
        start = self._by_claim.get(fact.id)
        if start is None or start not in self._rounds:
            return
        round_ = self._rounds[start]
        round_.seq, round_.pending = fact.seq, False
        yield from self._claim(round_, fact)


def _body(span: Span, inputs: str, piece: Blob, rows: int, older: tuple[int, ...]) -> Tracks:
    return Tracks(round=span, inputs_sha256=inputs, piece=piece, rows=rows, supersedes=older)


def _same(one: State, other: State) -> bool:
    return all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def _chunks(table: pa.Table, entry: str, round_s: int) -> dict[int, Chunk]:
    """Take the rows that show a thing at a place, by round."""
    no_meaning = pc.is_null(table["meaning"])
    kind = pc.fill_null(pc.equal(table["kind"], "sighting"), True)
    placed = pc.and_(
        pc.is_valid(table["lat_deg"]), pc.and_(pc.is_valid(table["lon_deg"]), pc.is_valid(table["ce90_m"]))
    )
    keep = np.flatnonzero(pc.and_(pc.and_(no_meaning, kind), placed).to_numpy())
    table = table.take(pa.array(keep))
    micro = table["time_utc"].cast(pa.int64()).to_numpy()
    start = micro // (round_s * 1_000_000) * round_s
    found = {}
    for at in np.unique(start):
        mine = np.flatnonzero(start == at)
        part = table.take(pa.array(mine))
        found[int(at)] = _chunk(part, entry, micro[mine] / 1e6, keep[mine])
    return found


def _chunk(table: pa.Table, entry: str, seconds: Array, row: Array) -> Chunk:
    def column(word: str) -> Array:
        return np.asarray(table[word].cast(pa.float64()).to_numpy(zero_copy_only=False), float)

    lat, lon = column("lat_deg"), column("lon_deg")
    variance = np.maximum(column("ce90_m") / CE90_PER_SIGMA, FINEST_M) ** 2
    speed, course = column("speed_mps"), np.radians(column("course_deg"))
    vx, vy = speed * np.sin(course), speed * np.cos(course)
    told = column("speed_sigma_mps") ** 2
    svv = np.where(np.isfinite(vx), np.where(np.isfinite(told), told, VELOCITY_VARIANCE), np.nan)
    nothing = np.zeros(len(lat))
    shares = np.stack([np.nan_to_num(column(f"p_{word}")) for word in FUSION_CLASSES], 1)
    total = shares.sum(1, keepdims=True)
    shares = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / len(FUSION_CLASSES))
    confidence = column("confidence")
    rows = Rows(
        z=np.stack([lon, lat, variance, variance, nothing, vx, vy, svv], 1),
        bias2=variance / 2,  # half of it stays: errors of one sensor in one place are akin
        p=shares.astype(np.float32),
        exists=np.where(np.isfinite(confidence), confidence, UNSAID_EXISTS).astype(np.float32),
        alt=np.full((len(lat), 2), np.nan, np.float32),
    )
    names = np.array([number(entry, str(r)) for r in row.tolist()], np.int64)
    return Chunk(entry, seconds, row, rows, names, np.stack([lat, lon], 1))


def _together(chunks: list[Chunk]) -> tuple[Array, Array, Array, Rows, Array, Array]:
    """Join chunks, sorted by time, entry and row."""
    time = np.concatenate([c.time for c in chunks])
    entry = np.concatenate([np.full(len(c.time), c.entry) for c in chunks])
    row = np.concatenate([c.row for c in chunks])
    order = np.lexsort((row, entry, time))
    rows = Rows(*(np.concatenate(parts)[order] for parts in zip(*(c.rows for c in chunks), strict=True)))
    names = np.concatenate([c.names for c in chunks])[order]
    places = np.concatenate([c.places for c in chunks])[order]
    return time[order], entry[order], row[order], rows, names, places


def _events(time: Array, entry: Array) -> Events:
    """One event per moment and entry: a track takes at most one row of it."""
    first = np.flatnonzero(np.r_[True, (np.diff(time) != 0) | (entry[1:] != entry[:-1])])
    n = len(first)
    none = np.zeros(n, np.int64)
    return Events(
        time=time[first],
        known=time[first],
        first=first,
        size=np.diff(np.r_[first, len(time)]),
        sensor=none,
        sortie=none.copy(),
        shape=np.full(n, NO_SHAPE, np.int64),
        field=np.zeros((n, 5)),
        pd=np.full(n, np.nan),
        clutter=np.full(n, CLUTTER_PER_KM2),
        min_speed=np.zeros(n),
        blind_to_persons=np.zeros(n, np.int64),
    )


def _times(seconds: Array) -> pa.Array:
    return pa.array(np.rint(seconds * 1e6).astype(np.int64)).cast(TIME)
