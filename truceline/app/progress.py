"""What a verb says on stderr: what to mind, and, on a terminal only, how far it is."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from truceline.model.text import visible

T = TypeVar("T")


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
    """Write one line to stderr, hostile characters made visible."""
    print(f"{level}: {visible(message.strip().replace(chr(10), '; '))}", file=sys.stderr)
