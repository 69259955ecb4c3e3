"""Opening a log again: what it says of itself, and what of its tail was never acknowledged."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from truceline.log.admit import Roll, needs_body
from truceline.log.canon import canonical, parse_canonical
from truceline.log.entry import CHECKPOINT_START, ZEROS, check_signed, checked_leaf, lines_of, segments
from truceline.log.keys import Key, load_key, load_or_make_key, sync_folder, write_new
from truceline.log.merkle import Tree
from truceline.log.reader import Index
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Fact, entry_key

_LONGEST_CHECKPOINT = 1 << 16
_held: set[int] = set()  # locks of this process, by file descriptor


class Keys(NamedTuple):
    """The private keys of a data folder."""

    log: Key
    mission: Key
    origin: str


class _Read(NamedTuple):
    """An entry that was read: its fact without a body, leaf, place, and body."""

    fact: Fact
    leaf: bytes
    segment: int
    offset: int
    length: int
    body: bytes


class State:
    """What the journal knows of its log: tree, index, identities, the gate's roll."""

    def __init__(self, keys: Keys, log_dir: Path) -> None:
        self.keys = keys
        self.tree = Tree()
        self.index = Index(log_dir)
        self.roll = Roll()
        self.entries: dict[tuple[str, str, int], int] = {}
        self.newest: dict[str, int] = {}
        self.previous = ZEROS
        self.previous_checkpoint = ZEROS
        self.last_checkpoint: dict[str, Any] | None = None
        self.last_segment = 0
        self.erased: set[int] = set()
        self._erasures: list[int] = []

    def take(self, fact: Fact, leaf: bytes, gate_body: dict[str, Any] | None) -> None:
        """Take in the next entry (its place and identity are noted once it is durable)."""
        self.tree.append(leaf)
        self.previous = leaf.hex()
        self.roll.take(fact.kind, fact.refs, gate_body)
        if fact.kind == "erasure":
            self._erasures.append(fact.seq)
        if fact.redacted is not None:
            self.erased.add(fact.seq)

    def note_checkpoint(self, line: bytes) -> None:
        """Take in a checkpoint line."""
        self.last_checkpoint = json.loads(line)
        body = canonical(self.last_checkpoint["checkpoint"])
        self.previous_checkpoint = hashlib.sha256(body).hexdigest()

    def erasures(self, read: Callable[[int], Fact]) -> dict[int, tuple[str, str]]:
        """Name the entries that are to be blanked and are not yet, with ``by`` and ``reason``."""
        wanted: dict[int, tuple[str, str]] = {}
        for seq in self._erasures:
            fact = read(seq)
            body = msgspec.json.decode(fact.body)
            for ref in fact.refs:
                if ref not in self.erased:
                    wanted.setdefault(ref, (body["by"], body["reason"]))
        return wanted


def prepare(data_dir: Path, origin: str) -> Keys:
    """Make the folders and keys that are missing, and read the keys.

    Raises
    ------
    BadInput
        If a key cannot be read.
    Broken
        If the log belongs to another key than the one beside it.
    """
    log_dir, key_dir = data_dir / "log", data_dir / "keys"
    for folder in (data_dir, log_dir, key_dir):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            sync_folder(folder.parent)
    known = log_dir / "keys.json"
    if known.exists():
        log_key = load_key(key_dir / "log.pem")
    else:
        log_key = load_or_make_key(key_dir / "log.pem")
        # Written beside, in another folder: nothing else may ever lie in the log folder.
        write_new(key_dir / "log.json", canonical({"keys": [log_key.record("log", origin)]}))
        (key_dir / "log.json").replace(known)
        sync_folder(log_dir)
    try:
        record = parse_canonical(known.read_bytes())["keys"][0]
        origin = str(record["holder"])
    except (ValueError, LookupError, TypeError) as error:
        raise Broken(f"{known}: no list of one log key: {error}") from error
    if record != log_key.record("log", origin):
        raise Broken(f"{known}: names another key than {key_dir / 'log.pem'}")
    known_before = (key_dir / "trust.json").exists()
    # Whoever holds trust.json would take what another key signs for a forgery.
    mission = (load_key if known_before else load_or_make_key)(key_dir / "mission.pem")
    if not known_before:
        trust = {"keys": [log_key.record("log", origin), mission.record("mission", f"{origin} mission")]}
        write_new(key_dir / "trust.json", canonical(trust))
    return Keys(log_key, mission, origin)


def load(log_dir: Path, keys: Keys) -> State:
    """Read a log from its start, check hashes and chain, and cut off what was never acknowledged.

    The tail is cut only when it is a tail: whole entries that no checkpoint covers, and at most
    one torn line after them. A last checkpoint that lacks its line end alone is signed and whole:
    it gets its line end. Anything else that does not hold is corruption.

    Raises
    ------
    Broken
        If the log is corrupt; file and line are named.
    """
    state = State(keys, log_dir)
    paths = segments(log_dir)
    end, waiting = _read(state, paths)
    unended = _unended_checkpoint(paths)
    if unended:
        try:
            _settle(state, waiting, unended)
        except ValueError as error:
            raise Broken(f"{paths[-1]}: last line: {error}") from error
        end = (len(paths) - 1, paths[-1].stat().st_size)
    if state.last_checkpoint is not None:
        _check_last(state, paths[end[0]])
    _cut(paths, end)
    if unended:
        _end_line(paths[-1])
    state.last_segment = max(len(paths) - 1, 0)
    return state


def _read(state: State, paths: list[Path]) -> tuple[tuple[int, int], list[_Read]]:
    """Read all lines; give where the last checkpoint ends, and the entries after it."""
    end = (0, 0)
    waiting: list[_Read] = []
    previous = ZEROS
    for number, path in enumerate(paths):
        line_number = 0
        for offset, line in lines_of(path):
            line_number += 1
            try:
                if line.startswith(CHECKPOINT_START):
                    _settle(state, waiting, line)
                    end = (number, offset + len(line) + 1)
                    continue
                raws, header, leaf = checked_leaf(line)
                if header.seq != state.tree.size + len(waiting) or header.prev_sha256 != previous:
                    raise ValueError("chain broken")
            except ValueError as error:
                raise Broken(f"{path}: line {line_number}: {error}") from error
            previous = leaf.hex()
            fact = Fact(header=header, redacted=raws.redacted)
            waiting.append(_Read(fact, leaf, number, offset, len(line), bytes(raws.body)))
    return end, waiting


def take_lock(data_dir: Path) -> int:
    """Take the lock of the one writer.

    Raises
    ------
    BadInput
        If another process holds it.
    """
    handle = os.open(data_dir / "log", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise BadInput(str(data_dir), "another process is writing to this log") from error
    _held.add(handle)
    # A forked worker shares the lock, and would hold it on when the writer is killed.
    os.register_at_fork(after_in_child=lambda: release(handle))
    return handle


def release(lock: int) -> None:
    """Let go of the lock on a log."""
    if lock in _held:
        _held.discard(lock)
        os.close(lock)


def _settle(state: State, waiting: list[_Read], checkpoint: bytes) -> None:
    """Take in the entries that a checkpoint covers, and the checkpoint."""
    for fact, leaf, segment, offset, length, body in waiting:
        is_open = fact.redacted is None and needs_body(fact.kind)
        state.take(fact, leaf, msgspec.json.decode(body) if is_open else None)
        state.index.add(segment, offset, length)
        state.entries[entry_key(fact.kind, fact.id, fact.refs)] = fact.seq
        state.newest[fact.id] = fact.seq
    waiting.clear()
    _check_checkpoint(state, checkpoint)


def _check_checkpoint(state: State, line: bytes) -> None:
    previous = state.previous_checkpoint
    try:
        state.note_checkpoint(line)
        checkpoint = (state.last_checkpoint or {})["checkpoint"]
        held = checkpoint["prev_checkpoint_sha256"] == previous
        held = held and checkpoint["tree_size"] == state.tree.size
    except (LookupError, TypeError) as error:
        raise ValueError(f"no checkpoint: {error}") from error
    if not held:
        raise ValueError("checkpoint does not follow the one before it")


def _check_last(state: State, path: Path) -> None:
    """Check root and signature of the last checkpoint."""
    try:
        check_signed(state.last_checkpoint or {}, state.keys.log.public, state.tree)
    except ValueError as error:
        raise Broken(f"{path}: {error}") from error


def _unended_checkpoint(paths: list[Path]) -> bytes:
    """Give the last line where it is a whole checkpoint without its line end; else nothing."""
    if not paths:
        return b""
    with paths[-1].open("rb") as file:
        file.seek(max(0, paths[-1].stat().st_size - _LONGEST_CHECKPOINT))
        line = file.read().rpartition(b"\n")[2]
    return line if line.startswith(CHECKPOINT_START) and line.endswith(b"}]}") else b""


def _end_line(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cut(paths: list[Path], end: tuple[int, int]) -> None:
    """Cut off the tail after the last checkpoint; it was never acknowledged."""
    for number, path in enumerate(paths):
        keep = end[1] if number == end[0] else 0
        if number < end[0] or path.stat().st_size <= keep:
            continue
        with path.open("rb+") as file:
            file.seek(keep)
            tail = file.read().splitlines(keepends=True)[-1]
            if tail.startswith(CHECKPOINT_START) and tail[:-1].endswith(b"}]}"):
                raise Broken(f"{path}: the last checkpoint line does not end as a line")
            file.truncate(keep)
            os.fsync(file.fileno())
