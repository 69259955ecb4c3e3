"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truceline.model.errors import BadInput


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; it takes the target's name when all went well."""
    handle, beside = _beside(target, folder=False)
    os.close(handle)
    try:
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside the target to fill; it replaces the target when all went well."""
    _, beside = _beside(target, folder=True)
    old = beside.with_name(beside.name + ".old")
    try:
        yield beside
        if target.exists():
            target.replace(old)
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _beside(target: Path, folder: bool) -> tuple[int, Path]:
    try:
        if folder:
            return -1, Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
        handle, path = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
        return handle, Path(path)
    except OSError as error:
        raise BadInput(str(target), f"cannot be written: {error.strerror}") from error
