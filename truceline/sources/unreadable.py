"""A file that a source cannot read: said once in an observation, also over a restart."""

from datetime import UTC, datetime
from pathlib import Path

from truceline.model.observed import Observation
from truceline.model.place import Span

_MOST_CHARACTERS = 400


def unreadable(source: str, file: Path, reason: str) -> Observation:
    """Say that a file was there and why it tells nothing.

    Parameters
    ----------
    source
        Name of the source.
    file
        What was tried; its name and size make the key, so that it is not said again after a restart.
    reason
        What is wrong with it.
    """
    try:
        size_bytes = file.stat().st_size
    except OSError:
        size_bytes = 0
    moment = file_time(file)
    return Observation(
        source=source,
        key=f"unreadable:{file.name}:{size_bytes}",
        phenomenon=Span(from_utc=moment, until_utc=moment),
        result_utc=moment,
        status="degraded",
        reason=reason[:_MOST_CHARACTERS],
        attributes={"file": file.name},
    )


def file_time(file: Path) -> datetime:
    """Give when a file was last written, to the second; 1970 when it is gone."""
    try:
        written_s = int(file.stat().st_mtime)
    except OSError:
        written_s = 0
    return datetime.fromtimestamp(written_s, UTC)
