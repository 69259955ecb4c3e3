"""Rounds of the running tracker: in memory while news may still come, after that as pieces.

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
from truceline.track.live.watched import Watched

_KEY = b"round"


class Round(msgspec.Struct):
    """One window: what fell into it, the tracker after it, and what was claimed of it."""

    start_s: int
    chunks: dict[str, Chunk] = {}
    running: Running | None = None  # of the newest round
    end: Carried | None = None
    lesson: Bearing | None = None  # what it said about the sensors
    watched: Watched | None = None  # what its looks showed
    taken: dict[str, Taken] = {}  # off the sensors' rows in it
    sensors: tuple[str, ...] = ()  # that were known when it began
    renamed: dict[int, int] = {}
    seen: Seen | None = None  # in the newest rounds, and in those that were run again
    names: dict[int, int] = {}  # of tracks that turned out to be others, as it was claimed
    is_dirty: bool = False  # something was run since it was claimed
    claimed: tuple[str, str] = ("", "")  # inputs and piece of the newest claim
    seq: int | None = None
    pending: bool = False
    cited: set[int] = set()

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

    def cool(self) -> None:
        """Let go of what is read again from pieces when it is needed."""
        if not self.pending and not self.is_dirty:
            self.seen = None
        for chunk in self.chunks.values():
            chunk.rows = None


class Archive:
    """The rounds that were put away, newest first."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.head = ""  # hash of the newest piece
        self._end: Carried = NOTHING

    def end(self) -> Carried:
        """Give the tracker after the newest round that was put away."""
        return self._end

    def push(self, round_: Round) -> None:
        """Put a round away that is newer than all that were."""
        if round_.end is None:
            raise LookupError(f"round {round_.start_s} was never run")
        table, rest = to_table(round_.end)
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
        self._end = round_.end

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
