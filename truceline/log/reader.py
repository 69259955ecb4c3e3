"""Reading a log beside the process that writes it: no lock, nothing changed."""

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from truceline.log.entry import CHECKPOINT_START, ZEROS, check_signed, checked_leaf, lines_of, segments
from truceline.log.merkle import Tree
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


def read_facts(path: Path) -> Iterator[Fact]:
    """Yield the facts of a log in order of ``seq``, as far as a signed checkpoint covers them.

    What was altered is not handed on unseen: body, leaf and chain of each entry are checked, and in the
    end root and signature of the last checkpoint (all that ``verify`` checks is more).

    Parameters
    ----------
    path
        Data folder or log folder; a server may be writing to it.

    Raises
    ------
    BadInput
        If there is no log.
    Broken
        If a line is corrupt, named by file and offset, or the last checkpoint does not hold.
    """
    tree, previous = Tree(), ZEROS
    place, last = "", b""
    for segment, offset, line in read_lines(path):
        place = f"{segment}: offset {offset}"
        if line.startswith(CHECKPOINT_START):
            last = line
            continue
        try:
            raws, header, leaf = checked_leaf(line)
            if header.seq != tree.size or header.prev_sha256 != previous:
                raise ValueError("chain broken")
        except ValueError as error:
            raise Broken(f"{place}: {error}") from error
        previous = leaf.hex()
        tree.append(leaf)
        yield Fact(header=header, body=raws.body, salt=raws.salt, redacted=raws.redacted)
    if last:
        try:
            check_signed(json.loads(last), public_key(path), tree)
        except ValueError as error:
            raise Broken(f"{place}: {error}") from error


def public_key(path: Path) -> bytes:
    """Read the public key that a log names as its own.

    Raises
    ------
    Broken
        If it names none.
    """
    named = log_folder(path) / "keys.json"
    try:
        return bytes.fromhex(json.loads(named.read_bytes())["keys"][0]["public_key_hex"])
    except (ValueError, LookupError, TypeError) as error:
        raise Broken(f"{named}: no list of one log key: {error}") from error


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
