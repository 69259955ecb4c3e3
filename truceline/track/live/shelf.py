"""What the running tracker knew after rounds that are over and what they showed, until late news asks for it.

It lies as Parquet in one file without a name beside the samples, which goes when the process does: a start
folds the log again. The file is cut into blocks, so that what is put back in another size leaves no gaps.
"""

import io
import json
import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.model.errors import Broken
from truceline.track.live.bearing import Bearing, unheard
from truceline.track.live.carried import Carried, from_table, to_table
from truceline.track.live.running import Seen

BLOCK_BYTES = 1 << 16
_KEY = b"round"
_WORDS = ("side", "missed_by")  # what a round showed is arrays but for these

Place = tuple[int, ...]  # blocks, and the size in bytes behind them; empty: nothing was put there


class Shelf:
    """Keeps ends of rounds on disk.

    Parameters
    ----------
    folder
        Where the file lies; it is made when something is put away for the first time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self._blocks = 0
        self._free: list[int] = []

    def put(self, end: Carried, lesson: Bearing | None) -> Place:
        """Write the tracker after a round, and what the round said about sensors.

        Raises
        ------
        Broken
            If it cannot be written.
        """
        table, rest = to_table(end)
        told = {"carried": rest, "lesson": None if lesson is None else _told(lesson)}
        sink = pa.BufferOutputStream()
        pq.write_table(
            table.replace_schema_metadata({_KEY: json.dumps(told)}),
            sink,
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            write_statistics=False,
        )
        return self._write(memoryview(sink.getvalue()))

    def put_seen(self, seen: Seen) -> Place:
        """Write what a round showed.

        Raises
        ------
        Broken
            If it cannot be written.
        """
        sink = io.BytesIO()
        columns: dict[str, Any] = seen._asdict()
        words = [columns.pop(word) for word in _WORDS]
        np.savez(sink, words=np.array(json.dumps(words)), **columns)
        size = len(sink.getvalue())
        packed = pa.compress(sink.getvalue(), codec="zstd", asbytes=True)
        return self._write(memoryview(size.to_bytes(8, "little") + packed))

    def seen(self, place: Place) -> Seen:
        """Read what a round showed, which stays where it is."""
        content = self._read(place)
        size = int.from_bytes(content[:8], "little")
        with np.load(io.BytesIO(pa.decompress(content[8:], size, codec="zstd", asbytes=True))) as arrays:
            columns = {word: arrays[word] for word in Seen._fields if word not in _WORDS}
            told = json.loads(str(arrays["words"]))
        words: dict[str, Any] = dict(zip(_WORDS, map(tuple, told), strict=True))
        return Seen(**columns, **words)

    def clear(self, place: Place) -> None:
        """Let a place be written to again."""
        self._free += place[:-1]

    def take(self, place: Place) -> tuple[Carried, Bearing | None]:
        """Read what was put at a place, which is free then."""
        table = pq.read_table(pa.BufferReader(self._read(place)))
        told = json.loads(table.schema.metadata[_KEY])
        self.clear(place)
        return from_table(table, told["carried"]), _lesson(told["lesson"])

    def _write(self, content: memoryview) -> Place:
        blocks = []
        try:
            if self._file < 0:
                self._open()
            for start in range(0, len(content), BLOCK_BYTES):
                block = self._free.pop() if self._free else self._blocks
                self._blocks = max(self._blocks, block + 1)
                blocks.append(block)
                part, at = content[start : start + BLOCK_BYTES], block * BLOCK_BYTES
                while len(part):
                    written = os.pwrite(self._file, part, at)
                    part, at = part[written:], at + written
        except OSError as error:
            raise Broken(f"{self._folder}: a round cannot be put away: {error.strerror}") from error
        return (*blocks, len(content))

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, path = tempfile.mkstemp(prefix=".", dir=self._folder)
        weakref.finalize(self, os.close, self._file)
        Path(path).unlink()

    def _read(self, place: Place) -> bytes:
        parts = [os.pread(self._file, BLOCK_BYTES, block * BLOCK_BYTES) for block in place[:-1]]
        return b"".join(parts)[: place[-1]]


def _told(lesson: Bearing) -> list[object]:
    return [list(lesson.sensors), *(column.ravel().tolist() for column in lesson[1:])]


def _lesson(told: list[list[float]] | None) -> Bearing | None:
    if told is None:
        return None
    blank = unheard(tuple(str(name) for name in told[0]))
    columns = zip(blank[1:], told[1:], strict=True)
    return Bearing(blank.sensors, *(np.array(col, float).reshape(like.shape) for like, col in columns))
