"""Reports as JSON lines: bytes in, the sender's id and a :class:`Report` out (contract wire B)."""

import re
from typing import Any

import msgspec

from truceline.model.errors import BadInput
from truceline.model.observed import Report

ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
SERVED = frozenset({"seq", "received_utc", "reporter"})  # what `GET /reports` adds to an item
MAX_TEXT = 4000
MAX_BYTES = 1 << 20


def read_report(line: bytes, where: str) -> tuple[str, Report]:
    """Read one report with its ``id``, as sent or as an item of ``GET /reports``.

    Raises
    ------
    BadInput
        If it is no such report; ``where`` is put before what is wrong.
    """
    if len(line) > MAX_BYTES:
        raise BadInput(where, f"{len(line)} bytes, a report has {MAX_BYTES} at most")
    try:
        table = msgspec.json.decode(line, type=dict[str, Any])
        report_id = table.pop("id", None)
        for word in SERVED:
            table.pop(word, None)
        report = msgspec.convert(table, Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(where, f"no report: {error}") from error
    if not isinstance(report_id, str) or ID.fullmatch(report_id) is None:
        raise BadInput(where, "`id` is not 1 to 64 of A-Z a-z 0-9 . _ : -")
    if report.time_utc.tzinfo is None:
        raise BadInput(where, "`time_utc` has no zone, e.g. Z")
    if report.text is not None and len(report.text) > MAX_TEXT:
        raise BadInput(where, f"`text` has {len(report.text)} characters, {MAX_TEXT} at most")
    return report_id, report
