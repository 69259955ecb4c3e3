"""What a piece of drone telemetry comes to: one observation, with its clip and its rows."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from shapely.geometry import Polygon, mapping
from shapely.ops import unary_union

from truceline.geo.footprint import Located, locate
from truceline.geo.pose import numbers
from truceline.model.observed import Observation, Scalar
from truceline.model.place import Span, utc_text
from truceline.plug import Intake, Taken

TELEMETRY_TYPE = "application/vnd.apache.parquet"
CLIP_TYPES = {"ts": "video/mp2t", "klv": "application/octet-stream"}
_FRAME = (
    "frame_center_lat_deg", "frame_center_lon_deg", "ce90_m",
    *(f"corner{n}_{axis}_deg" for n in range(1, 5) for axis in ("lat", "lon")),
)  # fmt: skip
FOOTPRINTS = 60  # frames whose outlines are joined: more of them draw the same ground


class Flown(NamedTuple):
    """A piece: natural key, where it is from, its bytes and form, its packets, what was lost."""

    key: str
    file_name: str
    clip: bytes
    form: str
    telemetry: pa.Table
    notes: Sequence[str]
    otherwise: datetime  # when it was, where no packet tells


def taken_of(source: str, piece: Flown, intake: Intake) -> Taken:
    """Store a piece and say what it shows and what is wrong with it."""
    located = locate(piece.telemetry)
    blobs = (
        intake.put(piece.clip, CLIP_TYPES[piece.form], f"clip.{piece.form}"),
        intake.put(parquet(piece.telemetry), TELEMETRY_TYPE, "telemetry.parquet"),
    )
    reasons = _reasons(piece.telemetry, located, piece.notes)
    span = span_of(piece.telemetry, piece.otherwise)
    observation = Observation(
        source=source,
        key=piece.key,
        phenomenon=span,
        result_utc=span.until_utc,
        status="degraded" if reasons else "ok",
        reason="; ".join(reasons),
        footprint=_footprint(located),
        attributes=_attributes(piece.telemetry, located, piece.file_name),
    )
    return Taken(noun=observation, blobs=blobs)


def span_of(table: pa.Table, otherwise: datetime) -> Span:
    """Give the span of the packets' own times, or a moment where they tell none."""
    times = table["time"].cast(pa.int64()).drop_null().to_numpy()
    if not len(times):
        return Span(from_utc=otherwise, until_utc=otherwise)
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    # Half open: the last packet is still inside.
    return Span(
        from_utc=begin + timedelta(microseconds=int(times.min())),
        until_utc=begin + timedelta(microseconds=int(times.max()) + 1),
    )


def parquet(table: pa.Table) -> bytes:
    """Write a table as the bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _reasons(table: pa.Table, located: Located, notes: Sequence[str]) -> list[str]:
    reasons = []
    if not table.num_rows:
        reasons.append("no telemetry")
    elif not np.isfinite(
        numbers(table.select(["time"]).cast(pa.schema([("time", pa.int64())])), "time")
    ).any():
        reasons.append("no packet tells the time")
    reasons += notes
    for finding in located.findings:
        if finding.kind in ("azimuth_bias", "yaw_180") and finding.estimate_deg is not None:
            reasons.append(f"{finding.kind} of {finding.estimate_deg:+.2f} degrees")
        elif finding.kind in ("gnss_frozen", "gnss_jump", "clock_step", "packet_rate"):
            reasons.append(finding.text)
    for word in ("center_disagrees", "no_pose", "horizon", "bad_checksum", "time_jump"):
        count = sum(f.last_packet - f.first_packet + 1 for f in located.findings if f.kind == word)
        if count:
            reasons.append(f"{word} in {count} of {table.num_rows} packets")
    return reasons


def _attributes(table: pa.Table, located: Located, file_name: str) -> dict[str, Scalar]:
    attributes: dict[str, Scalar] = {
        "file": file_name,
        "packets": table.num_rows,
        "bad_checksums": sum(ok is False for ok in table["checksum_ok"].to_pylist()),
    }
    if table.num_rows:
        at = _last_frame(located.rows)
        attributes |= _frame(located.rows, at) if at is not None else {}
        told: dict[str, Any] = table.slice(table.num_rows // 2 if at is None else at, 1).to_pylist()[0]
        for column in ("sensor_lat_deg", "sensor_lon_deg", "sensor_hae_m", "sensor_msl_m"):
            if told[column] is not None:
                attributes[column] = float(told[column])
    for column in ("platform_call_sign", "platform_designation", "platform_tail_number"):
        known = [text for text in table[column].to_pylist() if text]
        if known:
            attributes[column] = known[0]
    return attributes


def _last_frame(rows: pa.Table) -> int | None:
    """Find the last packet whose whole frame lies on the ground at a known time."""
    whole = np.isfinite(sum(numbers(rows, name) for name in _FRAME)) & rows["time"].is_valid().to_numpy()
    good = np.array(["center_disagrees" not in words for words in rows["health"].to_pylist()], bool)
    found = np.flatnonzero(whole & good)
    return int(found[-1]) if len(found) else None


def _frame(rows: pa.Table, at: int) -> dict[str, Scalar]:
    """Tell of one frame where its corners lie, when, by which packet, and how sure that is."""
    row: dict[str, Any] = rows.slice(at, 1).to_pylist()[0]
    told: dict[str, Scalar] = {f"frame_{name.removeprefix('frame_')}": float(row[name]) for name in _FRAME}
    return told | {"frame_packet": int(row["packet_index"]), "frame_utc": utc_text(row["time"])}


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
