"""Samples in a content-addressed folder: ``ab/abcd…``, each file named by its own SHA-256."""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from truceline.log.keys import sync_folder
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Blob

CHUNK_BYTES = 1 << 20
_NAME = re.compile("[0-9a-f]{64}")


class Blobs:
    """The folder of samples; any number of threads and processes may put into it.

    Files that begin with a dot are unfinished and belong to nobody.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._durable: set[str] = set()
        self._folders: set[Path] = set()  # known to outlive a power cut

    def put(self, sample: Path | bytes, media_type: str, name: str) -> Blob:
        """Store a sample; it is durable when this returns.

        Raises
        ------
        BadInput
            If the sample cannot be read or is no regular file.
        Broken
            If it cannot be stored.
        """
        if isinstance(sample, bytes):
            return self._store(iter([sample]), hashlib.sha256(sample).hexdigest(), media_type, name)
        return self._store(_chunks(sample), None, media_type, name)

    def open(self, sample: str | Blob) -> Path:
        """Return the path of a stored sample.

        Raises
        ------
        BadInput
            If it is not there.
        """
        sha256 = sample.sha256 if isinstance(sample, Blob) else sample
        path = self._path(sha256)
        if not path.is_file():
            raise BadInput(sha256, "no such sample in the blob folder")
        return path

    def read(self, sample: str | Blob) -> bytes:
        """Return the bytes of a stored sample, which are those that it is named after.

        Raises
        ------
        BadInput
            If it is not there.
        Broken
            If its content has changed since.
        """
        path = self.open(sample)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.name:
            raise Broken(f"sample {path.name}: its content has changed")
        return content

    def remove(self, sha256: str) -> bool:
        """Remove a sample for good; false if it is not there.

        Raises
        ------
        Broken
            If it cannot be removed.
        """
        path = self._path(sha256)
        self._durable.discard(sha256)
        try:
            path.unlink()
            sync_folder(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Broken(f"{self.root}: sample cannot be removed: {error.strerror}") from error
        return True

    def has(self, sha256: str) -> bool:
        """Tell whether a sample is stored."""
        return _NAME.fullmatch(sha256) is not None and (
            sha256 in self._durable or self._path(sha256).is_file()
        )

    def is_whole(self, sha256: str) -> bool:
        """Tell whether a stored sample still has the content that it is named after; reads all of it."""
        with self.open(sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def _path(self, sha256: str) -> Path:
        if _NAME.fullmatch(sha256) is None:
            raise BadInput(sha256, "no SHA-256 in 64 lower-case hexadecimal digits")
        return self.root / sha256[:2] / sha256

    def _store(self, chunks: Iterator[bytes], sha256: str | None, media_type: str, name: str) -> Blob:
        try:
            if sha256 is not None and self._settle(sha256):
                size = self._path(sha256).stat().st_size
                return Blob(sha256=sha256, size_bytes=size, media_type=media_type, name=name)
            sha256, size = self._write(chunks)
        except OSError as error:
            raise Broken(f"{self.root}: sample cannot be stored: {error.strerror}") from error
        return Blob(sha256=sha256, size_bytes=size, media_type=media_type, name=name)

    def _settle(self, sha256: str) -> bool:
        """Tell whether a sample is there, and make it durable should another process be storing it."""
        path = self._path(sha256)
        if not path.is_file():
            return False
        if sha256 not in self._durable:
            if not self.is_whole(sha256):
                return False
            with path.open("rb") as file:
                os.fsync(file.fileno())
            self._make(self.root)
            self._make(path.parent)
            sync_folder(path.parent)
            self._durable.add(sha256)
        return True

    def _write(self, chunks: Iterator[bytes]) -> tuple[str, int]:
        self._make(self.root)
        beside = self.root / f".{secrets.token_hex(16)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        digest, size = hashlib.sha256(), 0
        try:
            with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                    size += len(chunk)
                file.flush()
                os.fsync(file.fileno())
            path = self._path(digest.hexdigest())
            self._make(path.parent)
            beside.replace(path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)
        self._durable.add(path.name)
        return path.name, size

    def _make(self, folder: Path) -> None:
        """Make a folder, or make sure that whoever made it is not cut off before it is durable."""
        if folder not in self._folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(folder.parent)
            self._folders.add(folder)


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadInput(str(path), "no regular file")
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
