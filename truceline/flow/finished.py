"""Which pieces of input were wholly taken in, kept over restarts: a start need not read an archive again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

FOLDER = Path("cache", "finished")


class Finished:
    """Remembers pieces of one source; it may be deleted at any time, and what it forgot is read again.

    Each line holds how many entries the log had when the piece was noted: of a log that was put back to an
    earlier state, what came after that state is forgotten here too (:func:`trim`).

    Parameters
    ----------
    data_dir
        Data folder; lines of the file under ``cache/finished`` are ``[entries, piece]`` in JSON.
    source
        What the source is and how it is set: one that is set otherwise reads everything again.
    entries
        Tells how many entries the log has.
    """

    def __init__(self, data_dir: Path, source: str, entries: Callable[[], int]) -> None:
        self._path = data_dir / FOLDER / f"{hashlib.sha256(source.encode()).hexdigest()[:32]}.jsonl"
        self._entries = entries
        self._pieces = {piece for _, piece in _lines(self._path)}

    def __contains__(self, piece: str) -> bool:
        return piece in self._pieces

    def add(self, piece: str) -> None:
        """Note that everything out of a piece is durable."""
        if piece in self._pieces:
            return
        self._pieces.add(piece)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([self._entries(), piece]) + "\n")
        except OSError:
            return  # it is read again after the next start, nothing more


def trim(data_dir: Path, entries: int) -> None:
    """Forget what was noted after the state that the log is in, of all sources; call it before they start."""
    for path in sorted((data_dir / FOLDER).glob("*.jsonl")):
        found = _lines(path)
        kept = [line for line in found if line[0] <= entries]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        try:
            if path.read_bytes() != text.encode():
                beside = path.with_suffix(".new")
                beside.write_text(text, encoding="utf-8")
                beside.replace(path)
        except OSError:
            path.unlink()  # to forget everything is never wrong


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        try:
            entries, piece = json.loads(line)
        except (ValueError, TypeError):  # torn by a crash
            continue
        if isinstance(entries, int) and isinstance(piece, str):
            found.append((entries, piece))
    return found
