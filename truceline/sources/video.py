"""Drone video as it comes in: a folder of recorded clips, or one file, cut into short pieces.

Each piece is a clip that can be decoded alone, and its telemetry as rows. A file that cannot be read
becomes a degraded observation: that nothing could be seen is also something to know.
"""

import hashlib
import io
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from shapely.geometry import Polygon, mapping
from shapely.ops import unary_union

from truceline.codec.demux import Entry
from truceline.codec.klv_cuts import Cuts, joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_stream import KlvStream
from truceline.geo.footprint import Located, locate
from truceline.geo.pose import numbers
from truceline.model.errors import BadInput
from truceline.model.observed import Observation, Scalar
from truceline.model.place import Span
from truceline.model.units import Seconds
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps

CHUNK_BYTES = 1 << 20
TELEMETRY_TYPE = "application/vnd.apache.parquet"
CLIP_TYPES = {"ts": "video/mp2t", "klv": "application/octet-stream"}
FOOTPRINTS = 60  # frames whose outlines are joined: more of them draw the same ground


class _Piece(NamedTuple):
    begin: int
    end: int
    packets: Cuts


class Video(Source):
    """Watches a folder of ``.ts`` and ``.klv`` files, or reads one file.

    Parameters
    ----------
    path
        Folder or file.
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
        for sweep in sweeps(self.path, self.pattern, intake.stop, follow=follow, settle_s=self.settle_s):
            for file in sweep:
                yield from self._take(file, intake)

    def _take(self, file: Path, intake: Intake) -> Iterator[Taken]:
        try:
            stream, packets, sha256, size_bytes = _read(file)
        except BadInput as error:
            yield Taken(noun=_unreadable(self.name, file, error))
            return
        for index, piece in enumerate(_pieces(stream, packets, size_bytes, self.piece_s)):
            key = f"{sha256}:{index}"
            if not intake.has(key):
                yield self._piece(file, stream, piece, key, intake)

    def _piece(self, file: Path, stream: KlvStream, piece: _Piece, key: str, intake: Intake) -> Taken:
        table = to_rows(piece.packets)
        located = locate(table)
        with file.open("rb") as read:
            read.seek(piece.begin)
            clip = read.read(piece.end - piece.begin)
        tables = stream.tables if piece.begin else b""  # so that the piece can be decoded alone
        name = f"clip.{stream.form}"
        blobs = (
            intake.put(tables + clip, CLIP_TYPES[stream.form], name),
            intake.put(_parquet(table), TELEMETRY_TYPE, "telemetry.parquet"),
        )
        reasons = _reasons(table, located, stream)
        observation = Observation(
            source=self.name,
            key=key,
            phenomenon=_span(table, file),
            result_utc=_span(table, file).until_utc,
            status="degraded" if reasons else "ok",
            reason="; ".join(reasons),
            footprint=_footprint(located),
            attributes=_attributes(table, file),
        )
        return Taken(noun=observation, blobs=blobs)


def _state(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


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


def _unreadable(source: str, file: Path, error: BadInput) -> Observation:
    moment = _file_time(file)
    return Observation(
        source=source,
        key=f"unreadable:{file.name}:{(_state(file) or (0, 0))[0]}",
        phenomenon=Span(from_utc=moment, until_utc=moment),
        result_utc=moment,
        status="degraded",
        reason=str(error),
        attributes={"file": file.name},
    )


def _file_time(file: Path) -> datetime:
    state = _state(file)
    return datetime.fromtimestamp(state[1] // 1_000_000_000 if state else 0, UTC)


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


def _span(table: pa.Table, file: Path) -> Span:
    times = table["time"].cast(pa.int64()).drop_null().to_numpy()
    if not len(times):
        return Span(from_utc=_file_time(file), until_utc=_file_time(file))
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    # Half open: the last packet is still inside.
    return Span(
        from_utc=begin + timedelta(microseconds=int(times.min())),
        until_utc=begin + timedelta(microseconds=int(times.max()) + 1),
    )


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _reasons(table: pa.Table, located: Located, stream: KlvStream) -> list[str]:
    reasons = []
    if not table.num_rows:
        reasons.append("no telemetry")
    elif not np.isfinite(
        numbers(table.select(["time"]).cast(pa.schema([("time", pa.int64())])), "time")
    ).any():
        reasons.append("no packet tells the time")
    reasons += [note.removeprefix(f"{stream.where}: ") for note in stream.notes()]
    for finding in located.findings:
        if finding.kind in ("azimuth_bias", "yaw_180") and finding.estimate_deg is not None:
            reasons.append(f"{finding.kind} of {finding.estimate_deg:+.2f} degrees")
    for word in ("center_disagrees", "no_pose", "horizon", "bad_checksum", "time_jump"):
        count = sum(f.last_packet - f.first_packet + 1 for f in located.findings if f.kind == word)
        if count:
            reasons.append(f"{word} in {count} of {table.num_rows} packets")
    return reasons


def _attributes(table: pa.Table, file: Path) -> dict[str, Scalar]:
    attributes: dict[str, Scalar] = {
        "file": os.fspath(file.name),
        "packets": table.num_rows,
        "bad_checksums": sum(ok is False for ok in table["checksum_ok"].to_pylist()),
    }
    if table.num_rows:
        middle: dict[str, Any] = table.slice(table.num_rows // 2, 1).to_pylist()[0]
        for column in ("sensor_lat_deg", "sensor_lon_deg", "sensor_hae_m", "sensor_msl_m"):
            if middle[column] is not None:
                attributes[column] = float(middle[column])
    for column in ("platform_call_sign", "platform_designation", "platform_tail_number"):
        known = [text for text in table[column].to_pylist() if text]
        if known:
            attributes[column] = known[0]
    return attributes


def _footprint(located: Located) -> dict[str, Any] | None:
    """Join the outlines of the frames; frames with a corner in the sky do not count."""
    step = max(1, located.rows.num_rows // FOOTPRINTS)
    outlines = []
    for row in located.rows.to_pylist()[::step]:
        corners = [(row[f"corner{n}_lon_deg"], row[f"corner{n}_lat_deg"]) for n in range(1, 5)]
        if "center_disagrees" in row["health"] or any(None in corner for corner in corners):
            continue
        outline = Polygon(corners)
        if (
            outline.is_valid
            and max(outline.bounds[2] - outline.bounds[0], outline.bounds[3] - outline.bounds[1]) < 1
        ):
            outlines.append(outline)
    if not outlines:
        return None
    shape: dict[str, Any] = json.loads(json.dumps(mapping(unary_union(outlines).simplify(1e-6))))
    return shape
