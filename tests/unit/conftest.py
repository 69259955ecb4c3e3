"""What sources and detectors are given in their tests: a place for bytes, a clock, a memory."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from truceline.model.facts import Blob


class Shelf:
    """An intake and media in one, that keeps blobs in a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.stop = root, Event()
        self.known: tuple[str, ...] = ()
        self.memory = None
        self.finished: list[str] = []

    def put(self, sample: bytes | Path, media_type: str, name: str) -> Blob:
        data = sample if isinstance(sample, bytes) else sample.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        (self.root / sha256).write_bytes(data)
        return Blob(sha256=sha256, size_bytes=len(data), media_type=media_type, name=name)

    def open(self, blob: Blob | str) -> Path:
        return self.root / (blob if isinstance(blob, str) else blob.sha256)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def has(self, key: str) -> bool:
        return key in self.known

    def has_finished(self, piece: str) -> bool:
        return piece in self.finished

    def finish(self, piece: str) -> None:
        self.finished.append(piece)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "blobs").mkdir()
    return Shelf(tmp_path / "blobs")
