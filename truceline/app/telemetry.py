"""Telemetry of a video file for the verbs, in tables of bounded size."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from truceline.app.progress import progress, say
from truceline.codec.demux import PACKET
from truceline.codec.klv_cuts import Cuts, joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.model.errors import BadInput

BATCH_PACKETS, BATCH_BYTES = 16_384, 1 << 24  # of one table: keeps a long flight small in memory

# Whole transport packets, so that none has to be put together from two pieces of a clean stream.
PIECE_BYTES = PACKET << 16


def telemetry_tables(path: Path, lost: list[str]) -> Iterator[pa.Table]:
    """Hand over the telemetry of a file in tables of bounded size.

    At the end, what was lost is added to ``lost``.

    Raises
    ------
    BadInput
        If the file cannot be read or holds no telemetry.
    """
    stream = KlvStream(str(path))
    waiting: list[Cuts] = []
    index, count, size_bytes = 0, 0, 0
    for cuts in read_packets(progress(file_chunks(path), "telemetry"), stream):
        waiting.append(cuts)
        count, size_bytes = count + cuts.count, size_bytes + len(cuts.data)
        if count >= BATCH_PACKETS or size_bytes >= BATCH_BYTES:
            yield to_rows(joined(waiting), index)
            index, count, size_bytes, waiting = index + count, 0, 0, []
    yield to_rows(joined(waiting), index)
    lost += stream.notes()


def warn_of(path: Path, notes: Sequence[str]) -> None:
    """Say on stderr, in one line, what is to be minded about a file; nothing if there are no notes."""
    if notes:
        say("warning", f"{path}: {'; '.join(notes)}")


def lost_metadata(lost: Sequence[str]) -> dict[str, str]:
    """Give what a Parquet file says of its input's losses (`lost` in its metadata); nothing if none."""
    return {"lost": "; ".join(lost)} if lost else {}


def file_chunks(path: Path, size_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Read a regular file in pieces.

    Raises
    ------
    BadInput
        If it is missing, not regular, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadInput(str(path), "is not a regular file")
            while chunk := file.read(size_bytes):
                yield chunk
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
