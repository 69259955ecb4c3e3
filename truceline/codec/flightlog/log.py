"""A flight log of whatever kind: told by its first bytes, then by its name."""

from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa

from truceline.codec.flightlog import dataflash, ulog
from truceline.codec.flightlog.mavlink import MAGIC, STAMP_BYTES, MavlinkLog, positions_table
from truceline.codec.flightlog.subtitles import is_subtitles, read_subtitles
from truceline.model.errors import BadInput

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
        table, notes = read_subtitles(_joined(name, whole)), []
    elif kind == "ulog":
        table, log = ulog.read_ulog(_joined(name, whole))
        notes = _lost(log.skipped_bytes, log.left_over_bytes)
    else:
        table, flash = dataflash.read_dataflash(_joined(name, whole))
        notes = _lost(flash.skipped_bytes, flash.left_over_bytes)
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
    log = MavlinkLog()
    parts = [log.feed(chunk) for chunk in chunks]
    parts.append(log.feed(b"", last=True))
    notes = [f"{log.bad_frames} positions with a wrong checksum skipped"] if log.bad_frames else []
    return positions_table(parts), notes + _lost(log.skipped_bytes, 0)


def _lost(skipped: int, left_over: int) -> list[str]:
    notes = [f"{skipped} bytes of noise skipped"] if skipped else []
    return notes + ([f"{left_over} bytes of a cut record left over"] if left_over else [])
