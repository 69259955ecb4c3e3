"""What a verb says on stderr: what to mind, and, on a terminal only, how far it is."""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_HOSTILE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


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
    line = _HOSTILE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", message.strip().replace("\n", "; "))
    print(f"{level}: {line}", file=sys.stderr)
