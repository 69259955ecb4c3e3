"""The journal: the one writer of the log; what it acknowledges is on the disk, signed and chained."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Self

import msgspec

from truceline.log import recover
from truceline.log.admit import admit, needs_body
from truceline.log.blobs import Blobs
from truceline.log.canon import canonical
from truceline.log.entry import (
    CHECKPOINT_START,
    blanked_line,
    body_hash,
    checkpoint_line,
    decode_fact,
    decode_raws,
    entry_line,
    header_bytes,
    lines_of,
    segments,
)
from truceline.log.keys import sync_folder, write_new
from truceline.log.merkle import leaf_hash
from truceline.log.recover import State
from truceline.model.errors import BadInput, Broken, Refused
from truceline.model.facts import Claim, Fact, Header, entry_key
from truceline.model.place import utc_text

SEGMENT_BYTES = 64 << 20


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that is a durable fact; ``new`` is false when it was one before."""

    fact: Fact
    new: bool
    leaf_sha256: str


class _Staged(msgspec.Struct):
    """A line on its way to the disk."""

    fact: Fact
    line: bytes
    leaf: bytes


class Journal:
    """The log of a data folder, open for writing; made by :meth:`open`, one at a time.

    One thread appends; any thread may read. After a failed write everything is refused until
    the folder is opened again.
    """

    def __init__(self, data_dir: Path, state: State, lock: int, now: Callable[[], datetime]) -> None:
        self.data_dir = data_dir
        self.log_dir = data_dir / "log"
        self.blobs = Blobs(data_dir / "blobs")
        self.segment_bytes = SEGMENT_BYTES
        self.tree_size = state.tree.size
        self._state = state
        self._lock, self._now = lock, now
        self._reading = Lock()
        self._broken = ""
        self._file = self._open_segment(state.last_segment)
        self._end = os.fstat(self._file).st_size

    @classmethod
    def open(
        cls, data_dir: Path, origin: str = "hq", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> Self:
        """Open the log of a data folder, making folder, keys and log where there are none.

        An unacknowledged tail (a torn last line, entries without a checkpoint) is cut off.

        Raises
        ------
        BadInput
            If the folder cannot be written or another process writes to it.
        Broken
            If the log is corrupt; file and line are named.
        """
        lock = -1
        try:
            keys = recover.prepare(data_dir, origin)
            lock = recover.take_lock(data_dir)
            state = recover.load(data_dir / "log", keys)
            journal = cls(data_dir, state, lock, now)
            if state.last_checkpoint is None:
                journal._write_group([])
            journal._blank()
        except OSError as error:
            recover.release(lock)
            raise BadInput(str(data_dir), f"cannot be written: {error.strerror}") from error
        except (BadInput, Broken):
            recover.release(lock)
            raise
        return journal

    def append(self, claims: Sequence[Claim]) -> list[Appended | Refused]:
        """Make claims durable as one group: written, flushed and signed before this returns.

        Returns
        -------
        list
            For each claim, in order, what it has become, or why it was refused (the others stand).
            The n-th claim gets ``tree_size + n`` when all before it are new, so it may be cited so.

        Raises
        ------
        Broken
            If the disk failed, now or before; nothing of this group is in the log.
        """
        self._check_whole()
        moment = utc_text(self._now())
        staged: list[_Staged] = []
        keys: dict[tuple[str, str, int], int] = {}
        answers: list[Appended | Refused] = []
        self._broken = "a group was interrupted"  # until this one is whole, or has failed by name
        for claim in claims:
            try:
                answers.append(self._stage(claim, moment, staged, keys))
            except Refused as refused:
                answers.append(refused)
        if staged:
            self._write_group(staged)
            self._state.entries.update(keys)
            if any(item.fact.kind == "erasure" for item in staged):
                self._blank()
        self._broken = ""
        return answers

    def facts(self) -> Iterator[Fact]:
        """Yield the facts from ``seq`` 0 to the last acknowledged one."""
        left = self.tree_size
        for segment in segments(self.log_dir):
            for _, line in lines_of(segment):
                if left == 0:
                    return
                if not line.startswith(CHECKPOINT_START):
                    yield decode_fact(line)
                    left -= 1

    def read(self, seq: int) -> Fact:
        """Read one fact.

        Raises
        ------
        BadInput
            If there is no such entry.
        """
        with self._reading:
            line = self._state.index.line(seq)
        return decode_fact(line)

    def latest(self, entry_id: str) -> int | None:
        """Find the newest entry of an id."""
        return self._state.newest.get(entry_id)

    def knows(self, key: tuple[str, str, int]) -> bool:
        """Tell whether the entry of that key (``facts.entry_key``) is in the log."""
        return key in self._state.entries

    def checkpoint(self) -> dict[str, Any]:
        """Return the last signed checkpoint: ``{"checkpoint":…,"signatures":[…]}``."""
        return dict(self._state.last_checkpoint or {})

    def leaf(self, seq: int) -> str:
        """Return the leaf hash of an entry, hex."""
        if not 0 <= seq < self.tree_size:
            raise BadInput(f"entry {seq}", f"the log has {self.tree_size} entries")
        return self._state.tree.leaf(seq).hex()

    def inclusion(self, seq: int, tree_size: int) -> list[str]:
        """Prove that an entry is in the tree of a size; hex, from the leaf upwards."""
        return self._proof(self._state.tree.inclusion, seq, tree_size)

    def consistency(self, first: int, second: int) -> list[str]:
        """Prove that the log of size ``second`` begins with that of size ``first``; hex."""
        return self._proof(self._state.tree.consistency, first, second)

    def close(self) -> None:
        """Let go of files and lock; the log already ends with a checkpoint."""
        if self._lock >= 0:
            os.close(self._file)
            recover.release(self._lock)
            self._lock = -1
            self._broken = self._broken or "closed"

    def _proof(self, prove: Callable[[int, int], list[bytes]], first: int, second: int) -> list[str]:
        if second > self.tree_size:
            raise BadInput("tree_size", f"the log has {self.tree_size} entries")
        try:
            return [node.hex() for node in prove(first, second)]
        except ValueError as error:
            raise BadInput("proof", str(error)) from error

    def _check_whole(self) -> None:
        if self._broken:
            raise Broken(f"{self.log_dir}: nothing is accepted until a restart: {self._broken}")

    def _stage(
        self, claim: Claim, moment: str, staged: list[_Staged], keys: dict[tuple[str, str, int], int]
    ) -> Appended:
        state = self._state
        try:
            body = canonical(claim.body)
        except ValueError as error:
            raise Refused(f"{claim.kind} {claim.id}: {error}", 422) from error
        key = entry_key(claim.kind, claim.id, claim.refs)
        known = keys.get(key, state.entries.get(key))
        if known is not None:
            fact = self.read(known) if known < self.tree_size else staged[known - self.tree_size].fact
            return _again(fact, body, state.tree.leaf(known).hex())
        self._check_claim(claim, self.tree_size + len(staged))
        gate_body: dict[str, Any] = msgspec.json.decode(body) if needs_body(claim.kind) else {}
        admit(state.roll, claim.kind, claim.actor, claim.refs, gate_body)
        salt = secrets.token_hex(16)
        header = Header(
            actor=claim.actor,
            blobs=claim.blobs,
            body_sha256=body_hash(body, salt),
            id=claim.id,
            kind=claim.kind,
            prev_sha256=state.previous,
            refs=claim.refs,
            seq=state.tree.size,
            time_utc=moment,
            v=1,
        )
        written = header_bytes(header)
        fact = Fact(header=header, body=msgspec.Raw(body), salt=salt)
        item = _Staged(fact=fact, line=entry_line(written, body, salt), leaf=leaf_hash(written))
        state.take(fact, item.leaf, gate_body)
        keys[key] = fact.seq
        staged.append(item)
        return Appended(fact=fact, new=True, leaf_sha256=item.leaf.hex())

    def _check_claim(self, claim: Claim, seq: int) -> None:
        refs, what = claim.refs, f"{claim.kind} {claim.id}"
        if not 1 <= len(claim.id) <= 128:
            raise Refused(f"{what}: an id has 1 to 128 characters", 422)
        if not _is_unicode(claim.id + claim.actor):
            raise Refused(f"{what}: id and actor must be text", 422)
        if refs and (list(refs) != sorted(set(refs)) or not 0 <= refs[0] <= refs[-1] < seq):
            raise Refused(f"{what}: refs must be ascending entries of this log before {seq}", 409)
        for blob in claim.blobs:
            if not self.blobs.has(blob.sha256):
                raise Refused(f"{what}: sample {blob.sha256} is not stored yet", 409)

    def _write_group(self, staged: list[_Staged]) -> None:
        """Write entries and their checkpoint in one write and flush; all or Broken."""
        state = self._state
        checkpoint = {
            "log_id": state.keys.log.key_id,
            "origin": state.keys.origin,
            "prev_checkpoint_sha256": state.previous_checkpoint,
            "root_sha256": state.tree.root().hex(),
            "time_utc": utc_text(self._now()),
            "tree_size": state.tree.size,
            "v": 1,
        }
        line = checkpoint_line(state.keys.log, checkpoint)
        data = b"".join([*(item.line for item in staged), line])
        try:
            if self._end >= self.segment_bytes:
                self._rotate()
            start = self._end
            _write_all(self._file, data)
            os.fdatasync(self._file)
        except OSError as error:
            self._fail(error)
        self._end = start + len(data)
        for item in staged:
            state.index.add(state.last_segment, start, len(item.line) - 1)
            start += len(item.line)
            state.newest[item.fact.id] = item.fact.seq
        state.note_checkpoint(line)
        self.tree_size = state.tree.size

    def _fail(self, error: OSError) -> None:
        """Refuse everything from here on; a retried flush would prove nothing."""
        self._broken = f"writing failed: {error.strerror}"
        try:
            # What was not acknowledged must not come back as a fact; recovery cuts what stays.
            os.ftruncate(self._file, self._end)
            os.fsync(self._file)
        except OSError:
            self._broken += ", and the unacknowledged bytes could not be cut off"
        raise Broken(f"{self.log_dir}: {self._broken}") from error

    def _rotate(self) -> None:
        number = self._state.last_segment + 1
        fresh = self._open_segment(number)
        os.close(self._file)
        self._file, self._end = fresh, 0
        self._state.last_segment = number

    def _open_segment(self, number: int) -> int:
        path = self.log_dir / f"{number:06d}.jsonl"
        is_new = not path.exists()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        if is_new:
            sync_folder(self.log_dir)
        return handle

    def _blank(self) -> None:
        """Overwrite the bodies of entries that an erasure names, segment by segment, atomically."""
        state = self._state
        by_segment: dict[int, dict[int, tuple[str, str]]] = {}
        for seq, words in state.erasures(self.read).items():
            by_segment.setdefault(state.index.place(seq)[0], {})[seq] = words
        try:
            for number, targets in by_segment.items():
                self._rewrite(number, targets)
        except OSError as error:
            self._fail(error)

    def _rewrite(self, number: int, targets: dict[int, tuple[str, str]]) -> None:
        path = self.log_dir / f"{number:06d}.jsonl"
        index = self._state.index
        parts: list[bytes] = []
        places: list[tuple[int, int, int]] = []
        offset = 0
        seq = next(seq for seq in range(len(index)) if index.place(seq)[0] == number)
        for _, line in lines_of(path):
            written = line + b"\n"
            if not line.startswith(CHECKPOINT_START):
                if seq in targets:
                    written = blanked_line(bytes(decode_raws(line).header), *targets[seq])
                places.append((seq, offset, len(written) - 1))
                seq += 1
            parts.append(written)
            offset += len(written)
        beside = self.data_dir / f".{path.name}"
        write_new(beside, b"".join(parts))
        with self._reading:
            beside.replace(path)
            sync_folder(self.log_dir)
            for place in places:
                index.move(*place)
            self._state.erased.update(targets)
            if number == self._state.last_segment:
                os.close(self._file)
                self._file, self._end = self._open_segment(number), offset


def _again(fact: Fact, body: bytes, leaf: str) -> Appended:
    if fact.redacted is None and bytes(fact.body) != body:
        raise Refused(f"{fact.kind} {fact.id} is known with other content (entry {fact.seq})", 409)
    return Appended(fact=fact, new=False, leaf_sha256=leaf)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


__all__ = ["Appended", "Journal"]
