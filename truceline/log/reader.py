"""Reading a log beside the process that writes it: no lock, nothing changed."""

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from truceline.log.entry import CHECKPOINT_START, checked_leaf, decode_fact, lines_of, segments
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Fact


def log_folder(path: Path) -> Path:
    """Return the log folder of a data folder, or the folder itself when it is one.

    Raises
    ------
    BadInput
        If there is no log.
    """
    folder = path / "log" if (path / "log").is_dir() else path
    if not (folder / "keys.json").is_file() or not (folder / "000000.jsonl").is_file():
        raise BadInput(str(path), "no log here (keys.json and 000000.jsonl are missing)")
    return folder


def read_lines(path: Path) -> Iterator[tuple[Path, int, bytes]]:
    """Yield (segment, offset, line) of each line that a checkpoint covers, checkpoints included."""
    waiting: list[tuple[Path, int, bytes]] = []
    for segment in segments(log_folder(path)):
        for offset, line in lines_of(segment):
            waiting.append((segment, offset, line))
            if line.startswith(CHECKPOINT_START):
                yield from waiting
                waiting.clear()


def read_facts(path: Path, check: bool = False) -> Iterator[Fact]:
    """Yield the facts of a log in order of ``seq``, as far as a signed checkpoint covers them.

    Parameters
    ----------
    path
        Data folder or log folder; a server may be writing to it.
    check
        Also check every hash: body, leaf and chain (signatures and roots are for ``verify``).

    Raises
    ------
    BadInput
        If there is no log.
    Broken
        If a line is corrupt, named by file and offset.
    """
    previous, seq = b"", 0
    for segment, offset, line in read_lines(path):
        if line.startswith(CHECKPOINT_START):
            continue
        try:
            if check:
                _, header, leaf = checked_leaf(line)
                if header.seq != seq or header.prev_sha256 != (previous.hex() or "0" * 64):
                    raise ValueError("chain broken")
                previous = leaf
            fact = decode_fact(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Broken(f"{segment}: offset {offset}: {error}") from error
        seq += 1
        yield fact


def read_checkpoint_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield ``{"checkpoint":…,"signatures":[…]}`` in order."""
    for segment, offset, line in read_lines(path):
        if line.startswith(CHECKPOINT_START):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise Broken(f"{segment}: offset {offset}: no checkpoint: {error}") from error


class Index:
    """Where each entry lies: segment, offset and length by ``seq`` (20 bytes an entry)."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self._segment, self._offset, self._length = array("L"), array("Q"), array("L")

    def __len__(self) -> int:
        return len(self._segment)

    def add(self, segment: int, offset: int, length: int) -> None:
        """Note where the next entry lies; ``length`` without the LF."""
        self._segment.append(segment)
        self._offset.append(offset)
        self._length.append(length)

    def move(self, seq: int, offset: int, length: int) -> None:
        """Note that an entry lies elsewhere in its segment."""
        self._offset[seq], self._length[seq] = offset, length

    def place(self, seq: int) -> tuple[int, int, int]:
        """Return (segment, offset, length)."""
        return self._segment[seq], self._offset[seq], self._length[seq]

    def line(self, seq: int) -> bytes:
        """Read one line.

        Raises
        ------
        BadInput
            If there is no such entry.
        """
        if not 0 <= seq < len(self):
            raise BadInput(f"entry {seq}", f"the log has {len(self)} entries")
        segment, offset, length = self.place(seq)
        with (self.log_dir / f"{segment:06d}.jsonl").open("rb") as file:
            file.seek(offset)
            return file.read(length)


def index_of(path: Path) -> Index:
    """Index a log for reading single entries."""
    index = Index(log_folder(path))
    for segment, offset, line in read_lines(path):
        if not line.startswith(CHECKPOINT_START):
            index.add(int(segment.stem), offset, len(line))
    return index
