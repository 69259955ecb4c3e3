"""What is new in a folder: complete files, each once, and again when it was written anew."""

import fnmatch
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from truceline.plug import Intake

POLL_S = 0.2
REST = 9  # a folder of very many files is looked through a tenth of the time at most


class _State(NamedTuple):
    name: str
    size_bytes: int
    written_ns: int

    @property
    def mark(self) -> str:
        """The state as one text."""
        return f"{self.written_ns} {self.size_bytes} {self.name}"


def sweeps(
    path: Path,
    names: str,
    intake: Intake,
    *,
    follow: bool,
    settle_s: float = 0.0,
    remember: bool = True,
) -> Iterator[Iterator[Path]]:
    """Yield, sweep by sweep, the files that have not been told as they are now, ordered by name.

    Names that begin with a dot or end in ``.part`` are still being written, and links may lead out of
    the folder: neither is told. What vanishes is told again when it returns changed.

    Parameters
    ----------
    path
        Folder, or one file, which is told whatever its name; one that is missing may come yet.
    names
        Patterns of file names, separated by blanks.
    intake
        Its ``stop`` ends the sweep at the next file, and all sweeps; it remembers over restarts which files
        were taken in as they are now.
    follow
        Sweep again and again; else once.
    settle_s
        While following, a file is complete when it was last written, or first seen, so long ago.
    remember
        A file counts as taken in when the next one is asked for; False for those who gather before they
        hand over.
    """
    told = _Told(settle_s if follow else 0.0)
    while not intake.stop.is_set():
        begun_s, before = time.monotonic(), told.count
        yield _sweep(path, names, intake, told, remember)
        if not follow:
            return
        looked_s = time.monotonic() - begun_s if told.count == before else 0.0
        intake.stop.wait(max(POLL_S, REST * looked_s))


def _sweep(path: Path, names: str, intake: Intake, told: "_Told", remember: bool) -> Iterator[Path]:
    for file in _listed(path, names):
        if intake.stop.is_set():
            return
        state = _state(file)
        if state is None or not told.take(state):
            continue
        if not remember:
            yield file
        elif not intake.has_finished(state.mark):
            yield file
            if _can_be_read(file):  # else a restart is how people ask for it to be tried again
                intake.finish(state.mark)


class _Told:
    """Which states of files were told; a state is taken once, and only when it has come to rest."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._states: set[_State] = set()
        self._resting: dict[str, tuple[_State, float]] = {}

    @property
    def count(self) -> int:
        """How many states were told."""
        return len(self._states)

    def take(self, state: _State) -> bool:
        if state in self._states:
            return False
        now_s = time.time()  # the file system's clock, not the mission's
        before, since_s = self._resting.get(state.name, (None, now_s))
        if before != state:
            since_s = now_s
            self._resting[state.name] = (state, now_s)
        # Renamed into place: written to its end longer ago than it must rest.
        if now_s - min(since_s, state.written_ns / 1e9) < self._settle_s:
            return False
        del self._resting[state.name]
        self._states.add(state)
        return True


def _listed(path: Path, names: str) -> list[Path]:
    if not path.is_dir():
        return [path]
    patterns = names.split()
    with os.scandir(path) as entries:
        found = sorted(
            entry.name
            for entry in entries
            if any(fnmatch.fnmatch(entry.name, pattern) for pattern in patterns)
            and not entry.name.startswith(".")
            and not entry.name.endswith(".part")
            and not entry.is_symlink()
        )
    return [path / name for name in found]


def _can_be_read(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError:
        return False
    return True


def _state(file: Path) -> _State | None:
    try:
        status = file.stat()
    except OSError:  # gone between listing and looking
        return None
    return _State(file.name, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
