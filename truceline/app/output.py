"""Files and folders that appear whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truceline.model.errors import BadInput


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; it takes the target's name when all went well."""
    if target.is_dir():
        raise BadInput(str(target), "is a folder, not a file")
    beside = _beside(target, folder=False)
    try:
        yield beside
        to_disk(beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Wait until the disk has all of a file."""
    with path.open("rb") as written:
        os.fsync(written.fileno())


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside the target to fill; it replaces the target when all went well."""
    if target.exists() and not target.is_dir():
        raise BadInput(str(target), "is a file, not a folder")
    beside = _beside(target, folder=True)
    old = beside.with_name(beside.name + ".old")
    try:
        yield beside
        if target.exists():
            target.replace(old)
        try:
            beside.replace(target)
        except OSError:
            if old.exists():
                old.replace(target)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _beside(target: Path, folder: bool) -> Path:
    """Make a hidden file or folder next to the target, with the rights that a new one has by custom."""
    beside = target.absolute().with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        if folder:
            beside.mkdir()
        else:
            beside.touch(exist_ok=False)
    except OSError as error:
        raise BadInput(str(target), f"cannot be written: {error.strerror}") from error
    return beside
