"""What a verb says on stderr: what to mind, and, on a terminal only, how far it is."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from truceline.model.errors import BadInput, Refused
from truceline.model.text import visible

T = TypeVar("T")
_held: ContextVar[list[str] | None] = ContextVar("held", default=None)


def progress(items: Iterable[T], what: str, total: int | None = None, quiet: bool = False) -> Iterator[T]:
    """Hand items on and draw how far we are."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, desc=what, total=total, file=sys.stderr, leave=False)


def status(text: str) -> None:
    """Draw one line over the one before, on a terminal only; an empty text wipes it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def say(level: str, message: str) -> None:
    """Write one line to stderr, hostile characters made visible; within :func:`warnings_held`, later."""
    line = f"{level}: {visible(message.strip().replace(chr(10), '; '))}"
    held = _held.get()
    if held is None:
        print(line, file=sys.stderr)
    else:
        held.append(line)


@contextmanager
def warnings_held() -> Iterator[None]:
    """Keep what is said until the work inside is done.

    Bad input is answered by one line, the error's: what was said before it is forgotten.
    """
    held: list[str] = []
    token = _held.set(held)
    try:
        yield
    except (BadInput, Refused):
        held.clear()
        raise
    finally:
        _held.reset(token)
        for line in held:
            print(line, file=sys.stderr)
