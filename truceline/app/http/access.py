"""The access file: who opened a sample, and who read much. The log holds writes only (threat model, 5)."""

import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from truceline.app.http.gate import Caller

_LOG = logging.getLogger(__name__)
FOLDER = "access"
MANY = 1000  # items read at once that are worth a line
_KEPT = timedelta(days=396)  # a year, and the month that it ended in


class AccessFile:
    """Lines of JSON, one file a month, beside the log; what is older than a year goes at a start.

    A line that cannot be written is said in the program log: it withholds nothing from anybody.

    Parameters
    ----------
    data_dir
        Data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._lock = threading.Lock()
        oldest = f"{datetime.now(UTC) - _KEPT:%Y-%m}.jsonl"
        for path in self._folder.glob("????-??.jsonl"):
            if path.name < oldest:
                path.unlink()

    def opened(self, who: Caller, sha256: str, media_type: str) -> None:
        """Note that a sample was opened."""
        self._write({"by": who.name, "role": who.role, "what": media_type, "sample": sha256})

    def read(self, who: Caller, path: str, count: int) -> None:
        """Note that many items were read; few are not noted."""
        if count > MANY:
            self._write({"by": who.name, "role": who.role, "what": path, "items": count})

    def _write(self, said: dict[str, str | int]) -> None:
        now = datetime.now(UTC)
        line = msgspec.json.encode({"at_utc": now, **said}) + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with self._lock:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                handle = os.open(self._folder / f"{now:%Y-%m}.jsonl", flags, 0o600)
                try:
                    os.write(handle, line)
                finally:
                    os.close(handle)
        except OSError as error:
            _LOG.warning("the access file cannot be written: %s", error.strerror)
