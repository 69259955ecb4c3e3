"""Files of rows: each row is read for itself, and what cannot be read is named once and the rest goes on."""

import csv
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from truceline.model.errors import BadInput
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.plug import Intake, Taken

MAX_BYTES = 64 << 20
Row = Mapping[str, str | None]
R = TypeVar("R")
T = TypeVar("T")


class Wrong(list[str]):
    """What of one file was left out, in words; ``content`` is the file as far as it could be read."""

    content: bytes = b""

    def key(self, file: Path) -> str:
        """Name the file as it is: the same bytes are told once."""
        return f"{file.name} {hashlib.sha256(self.content).hexdigest()}"


def read_rows(
    file: Path,
    wrong: Wrong,
    cut: Callable[[bytes, str], Iterator[tuple[str, R]]],
    read: Callable[[R, str], T | None],
) -> Iterator[T]:
    """Yield what the rows of a file say; what is wrong is noted, and ends the file only where it must.

    Parameters
    ----------
    file
        At most ``MAX_BYTES``.
    wrong
        Takes what was left out.
    cut
        Cuts the bytes into rows, each with its place; raises BadInput where the whole file is wrong.
    read
        Reads one row; None: it says nothing; raises BadInput where that row is wrong.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadInput(file.name, f"more than {MAX_BYTES} bytes")
        wrong.content = file.read_bytes()
        for place, row in cut(wrong.content, file.name):
            try:
                said = read(row, place)
            except BadInput as error:
                wrong.append(str(error))
                continue
            if said is not None:
                yield said
    except (BadInput, UnicodeDecodeError, csv.Error, OSError) as error:
        wrong.append(str(error))


def table(needed: Collection[str]) -> Callable[[bytes, str], Iterator[tuple[str, Row]]]:
    """Make what cuts a CSV table that has these columns."""

    def cut(content: bytes, name: str) -> Iterator[tuple[str, Row]]:
        rows = csv.DictReader(content.decode("utf-8-sig").splitlines())
        missing = [word for word in needed if word not in (rows.fieldnames or ())]
        if missing:
            raise BadInput(f"{name}:1", f"column {missing[0]} is missing")
        for row in rows:
            yield f"{name}:{rows.line_num}", row

    return cut


def left_out(source: str, file: Path, wrong: Wrong, intake: Intake) -> Iterator[Taken]:
    """Say in an observation, once, what of a file was left out; nothing when nothing was."""
    if not wrong or intake.has(wrong.key(file)):
        return
    now = intake.now()
    said = Observation(
        source=source,
        key=wrong.key(file),
        phenomenon=Span(from_utc=now, until_utc=now),
        result_utc=now,
        status="degraded",
        reason=f"{len(wrong)} left out: {wrong[0]}"[:400],
        attributes={"file": file.name, "wrong": len(wrong)},
    )
    yield Taken(noun=said, id=said.id, actor=f"source:{source}")
