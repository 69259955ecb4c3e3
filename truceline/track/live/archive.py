"""Rounds of the running tracker: at hand while news may still come, after that as pieces.

A piece that is put away holds the tracks after its round, one row each, and names the piece before it, so
that memory holds the newest of them alone and any older one is found.
"""

import json
from typing import Any

import msgspec
import pyarrow as pa

from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.track.live.bearing import Bearing, Taken, added, taken_off
from truceline.track.live.carried import NOTHING, Carried, from_table, to_table
from truceline.track.live.rounds import Chunk
from truceline.track.live.running import Running, Seen
from truceline.track.live.shelf import Place, Shelf
from truceline.track.live.watched import Watched

_KEY = b"round"


class Round(msgspec.Struct):
    """One window: what fell into it, the tracker after it, and what was claimed of it."""

    start_s: int
    chunks: dict[str, Chunk] = {}
    running: Running | None = None  # of the newest round
    end: Carried | None = None
    lesson: Bearing | None = None  # what it said about the sensors
    place: Place = ()  # of these two on the shelf, while they are not in memory
    watched: Watched | None = None  # what its looks showed
    taken: dict[str, Taken] = {}  # off the sensors' rows in it
    sensors: tuple[str, ...] = ()  # that were known when it began
    renamed: dict[int, int] = {}
    seen: Seen | None = None  # in the newest rounds, and in those that were run again
    kept: Place = ()  # of it on the shelf, as it was when it was forgotten last
    names: dict[int, int] = {}  # of tracks that turned out to be others, as it was claimed
    is_dirty: bool = False  # something was run since it was claimed
    claimed: tuple[str, str] = ("", "")  # inputs and piece of the newest claim
    seq: int | None = None
    pending: bool = False
    cited: set[int] = set()

    def was_run(self) -> bool:
        """Tell whether the tracker after it is known."""
        return self.end is not None or self.running is not None or bool(self.place)

    def was_shown(self) -> bool:
        """Tell whether what it showed is known."""
        return self.seen is not None or bool(self.kept)

    def is_cold(self) -> bool:
        """Tell whether nothing of it is in memory that can be had again."""
        return self.end is None and self.running is None and self.seen is None and not self.held()

    def goes_on(self, bearing: Bearing) -> bool:
        """Tell whether it would be run as it was, should the tracks before it be the same."""
        is_known = self.end is not None and self.lesson is not None and self.sensors == bearing.sensors
        return is_known and taken_off(bearing) == self.taken

    def learn(self, bearing: Bearing) -> None:
        """Take over what became known of sensors before it, where that changes none of its rows."""
        if self.running is not None:
            self.running.learn(bearing)
        if self.end is not None and self.lesson is not None:
            self.end = self.end._replace(bearing=added(bearing, self.lesson))

    def held(self) -> int:
        """Count the rows and looks that are in memory."""
        told = [chunk.rows for chunk in self.chunks.values() if chunk.rows is not None]
        return sum(len(one.told.time) + len(one.looked.time) for one in told)

    def forget_rows(self) -> None:
        """Let go of rows and looks, which are read again from their pieces."""
        for chunk in self.chunks.values():
            chunk.rows = None

    def show(self, seen: Seen) -> None:
        """Take in what the tracker showed of it."""
        self.seen, self.is_dirty = seen, True

    def shown(self, shelf: Shelf) -> Seen | None:
        """Give what it showed, in memory or on the shelf; None: that is not known any more."""
        return self.seen if self.seen is not None or not self.kept else shelf.seen(self.kept)

    def forget_seen(self, shelf: Shelf) -> None:
        """Put what it showed on the shelf, unless it has still to be claimed."""
        self.watched = None
        if self.is_dirty or self.seen is None:
            return
        if self.kept:
            shelf.clear(self.kept)
        self.kept, self.seen = shelf.put_seen(self.seen), None

    def put_away(self, shelf: Shelf) -> None:
        """Put the tracker after it on the shelf."""
        if self.end is not None and self.running is None:
            self.place = shelf.put(self.end, self.lesson)
            self.end = self.lesson = None

    def clear(self, shelf: Shelf) -> None:
        """Leave nothing on the shelf."""
        shelf.clear(self.place)
        shelf.clear(self.kept)
        self.place = self.kept = ()

    def take_back(self, shelf: Shelf) -> None:
        """Take the tracker after it from the shelf, if it lies there."""
        if self.place:
            self.end, self.lesson = shelf.take(self.place)
            self.place = ()


class Archive:
    """The rounds that were put away, newest first."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.head = ""  # hash of the newest piece
        self._end: Carried = NOTHING

    def end(self) -> Carried:
        """Give the tracker after the newest round that was put away."""
        return self._end

    def push(self, round_: Round, end: Carried) -> None:
        """Put a round away that is newer than all that were, and the tracker after it."""
        table, rest = to_table(end)
        told = {
            "before": self.head,
            "carried": rest,
            "start_s": round_.start_s,
            "chunks": [
                [c.entry, c.seq, c.piece, c.source, c.detector, c.looks] for c in round_.chunks.values()
            ],
            "claimed": list(round_.claimed),
            "seq": round_.seq,
            "cited": sorted(round_.cited),
            "renamed": [[new, old] for new, old in round_.renamed.items()],
        }
        table = table.replace_schema_metadata({_KEY: json.dumps(told)})
        self.head = pieces.seal(table, self._blobs, f"round-{round_.start_s}.parquet").sha256
        self._end = end

    def pop(self) -> Round:
        """Take the newest round out again."""
        table, told = self._read(self.head)
        round_ = Round(
            start_s=told["start_s"],
            chunks={entry: Chunk(entry, *rest) for entry, *rest in told["chunks"]},
            end=from_table(table, told["carried"]),
            claimed=(told["claimed"][0], told["claimed"][1]),
            seq=told["seq"],
            cited=set(told["cited"]),
            renamed={int(new): int(old) for new, old in told["renamed"]},
        )
        self.head = told["before"]
        if self.head:
            table, before = self._read(self.head)
            self._end = from_table(table, before["carried"])
        else:
            self._end = NOTHING
        return round_

    def _read(self, sha256: str) -> tuple[pa.Table, dict[str, Any]]:
        table = pieces.read(self._blobs, sha256)
        return table, json.loads((table.schema.metadata or {})[_KEY])
