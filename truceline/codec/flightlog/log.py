"""A flight log of whatever kind: told by its first bytes, then by its name."""

from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa

from truceline.codec.flightlog import dataflash, ulog
from truceline.codec.flightlog.mavlink import MAGIC, STAMP_BYTES, MavlinkLog, positions_table
from truceline.codec.flightlog.subtitles import is_subtitles, read_subtitles
from truceline.model.errors import BadInput
from truceline.model.text import percent

KINDS = {".srt": "subtitles", ".tlog": "mavlink", ".ulg": "ulog", ".bin": "dataflash"}
LONGEST_BYTES = 1 << 30  # of a log that is read as a whole


def read_log(name: str, chunks: Iterable[bytes]) -> tuple[pa.Table, list[str]]:
    """Read the positions of a log.

    Parameters
    ----------
    name
        Name of the file, for messages and for its kind where the first bytes leave it open.
    chunks
        Its bytes.

    Returns
    -------
    tuple
        Rows of a track, and notes on what was not read.

    Raises
    ------
    BadInput
        If the file is empty, is no log that is known, or holds no position.
    """
    pieces = iter(chunks)
    head = next(pieces, b"")
    kind = kind_of(name, head)
    whole = chain([head], pieces)
    if kind == "mavlink":
        table, notes = _mavlink(whole)
    elif kind == "subtitles":
        table, notes = read_subtitles(_joined(name, whole))
    elif kind == "ulog":
        data = _joined(name, whole)
        table, log = ulog.read_ulog(data)
        notes = _lost(log.skipped_bytes, log.left_over_bytes, len(data))
    else:
        data = _joined(name, whole)
        table, flash = dataflash.read_dataflash(data)
        notes = _lost(flash.skipped_bytes, flash.left_over_bytes, len(data))
    if not table.num_rows:
        raise BadInput(name, "no position in this log")
    return table, notes


def kind_of(name: str, head: bytes) -> str:
    """Tell the kind of a log.

    Raises
    ------
    BadInput
        If there is nothing, or nothing that is known.
    """
    if not head:
        raise BadInput(name, "the file is empty")
    told = KINDS.get(name.lower()[name.rfind(".") :], "") if "." in name else ""
    if head.startswith(ulog.MAGIC):
        return "ulog"
    if head.startswith(dataflash.HEAD) or (told == "dataflash" and dataflash.HEAD in head):
        return "dataflash"
    if told == "mavlink" and any(mark in head for mark in MAGIC):
        return "mavlink"
    if is_subtitles(head[:4096]) or (told == "subtitles" and b"-->" in head):
        return "subtitles"
    if len(head) > STAMP_BYTES and head[STAMP_BYTES] in MAGIC:
        return "mavlink"
    raise BadInput(name, "no flight log that is known (DJI .srt, MAVLink .tlog, PX4 .ulg, ArduPilot .BIN)")


def _joined(name: str, chunks: Iterator[bytes]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > LONGEST_BYTES:
            raise BadInput(name, "is longer than 1 GiB, no log of one flight is")
    return bytes(data)


def _mavlink(chunks: Iterator[bytes]) -> tuple[pa.Table, list[str]]:
    log, parts, size_bytes = MavlinkLog(), [], 0
    for chunk in chunks:
        size_bytes += len(chunk)
        parts.append(log.feed(chunk))
    parts.append(log.feed(b"", last=True))
    table, bad = positions_table(parts), log.bad_frames
    notes = []
    if bad:
        notes = [f"{bad} positions with a wrong checksum skipped ({percent(bad, bad + len(table))})"]
    return table, notes + _lost(log.skipped_bytes, log.left_over_bytes, size_bytes)


def _lost(skipped: int, left_over: int, size_bytes: int) -> list[str]:
    lost = ((skipped, "bytes of noise skipped"), (left_over, "bytes of a cut record left over"))
    return [f"{count} {what} ({percent(count, size_bytes)})" for count, what in lost if count]
