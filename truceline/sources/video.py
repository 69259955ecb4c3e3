"""Drone video as it comes in: a folder of clips, a file, or a live stream, cut into short pieces.

Each piece is a clip that can be decoded alone, and its telemetry as rows. A file that cannot be read
becomes a degraded observation: that nothing could be seen is also something to know.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from truceline.codec.demux import PACKET, Entry
from truceline.codec.klv_cuts import Cuts, joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_stream import KlvStream
from truceline.model.errors import BadInput
from truceline.model.units import Seconds
from truceline.plug import Intake, Source, Taken
from truceline.sources.datagrams import address_of, live_pieces
from truceline.sources.flown import Flown, taken_of
from truceline.sources.folder import sweeps
from truceline.sources.unreadable import file_time, unreadable

CHUNK_BYTES = PACKET << 13  # whole transport packets: none is put together from two reads


class _Piece(NamedTuple):
    begin: int
    end: int
    packets: Cuts


class Video(Source):
    """Watches a folder of ``.ts`` and ``.klv`` files, reads one file, or receives a live stream.

    Parameters
    ----------
    path
        Folder or file, or ``udp://127.0.0.1:PORT`` (MPEG-TS in UDP or RTP, on loopback).
    piece_s
        Length of a piece; a file shorter than two of them stays whole.
    pattern
        Names to read, separated by blanks.
    settle_s
        A file counts as complete when its size has not changed for so long.
    """

    path: Path
    piece_s: Seconds = 10.0
    pattern: str = "*.ts *.klv"
    settle_s: Seconds = 0.5

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield one observation per piece, files in order of their names as they come."""
        address = address_of(str(self.path))
        if address is not None:
            for piece in live_pieces(address, self.piece_s, intake, follow=follow):
                yield taken_of(self.name, piece, intake)
            return
        for sweep in sweeps(self.path, self.pattern, intake, follow=follow, settle_s=self.settle_s):
            for file in sweep:
                yield from self._take(file, intake)

    def _take(self, file: Path, intake: Intake) -> Iterator[Taken]:
        try:
            stream, packets, sha256, size_bytes = _read(file)
        except BadInput as error:
            yield Taken(noun=unreadable(self.name, file, str(error)))
            return
        for index, piece in enumerate(_pieces(stream, packets, size_bytes, self.piece_s)):
            key = f"{sha256}:{index}"
            if not intake.has(key):
                yield taken_of(self.name, self._piece(file, stream, piece, key), intake)

    def _piece(self, file: Path, stream: KlvStream, piece: _Piece, key: str) -> Flown:
        with file.open("rb") as read:
            read.seek(piece.begin)
            clip = read.read(piece.end - piece.begin)
        # The program tables are put before it, so that the piece can be decoded alone.
        clip = (stream.tables if piece.begin else b"") + clip
        rows, notes = to_rows(piece.packets), stream.notes()
        return Flown(key, file.name, clip, stream.form, rows, notes, file_time(file))


def _read(file: Path) -> tuple[KlvStream, Cuts, str, int]:
    """Read the telemetry of a file, its hash and its size."""
    stream, digest, size_bytes = KlvStream(file.name), hashlib.sha256(), 0
    packets: list[Cuts] = []
    try:
        with file.open("rb") as read:
            while chunk := read.read(CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
                packets.append(stream.feed(chunk))
    except OSError as error:
        raise BadInput(file.name, f"cannot be read: {error.strerror}") from error
    packets.append(stream.finish())
    return stream, joined(packets), digest.hexdigest(), size_bytes


def _pieces(stream: KlvStream, packets: Cuts, size_bytes: int, piece_s: float) -> list[_Piece]:
    """Cut at places where a decoder may start, the first one at least ``piece_s`` after the last cut."""
    cuts = [0]
    entries = [entry for entry in stream.entries if entry.pts_s is not None]
    if entries and _length_s(entries, packets) >= 2 * piece_s > 0:
        begun_s = entries[0].pts_s or 0.0
        for entry in entries[1:]:
            at_s = entry.pts_s or 0.0
            if at_s - begun_s >= piece_s or at_s < begun_s:  # the clock has 33 bits: it may start anew
                cuts.append(entry.offset)
                begun_s = at_s
    edges = [*cuts, size_bytes]
    order = np.searchsorted(packets.offset, edges)
    order[-1] = packets.count
    spans = zip(pairwise(edges), pairwise(order.tolist()), strict=True)
    return [_Piece(begin, end, packets.rows(first, last)) for (begin, end), (first, last) in spans]


def _length_s(entries: list[Entry], packets: Cuts) -> float:
    known = packets.pts_s[np.isfinite(packets.pts_s)]
    stamps = np.concatenate([known, [entry.pts_s for entry in entries if entry.pts_s is not None]])
    return float(stamps.max() - stamps.min())
