"""PX4 ULog files (docs.px4.io, "ULog File Format"): the topics that tell where the aircraft was."""

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.codec.flightlog.track import is_place, track_table

MAGIC = b"ULog\x01\x12\x35"
HEADER_BYTES = 16
FIX_3D = 3
GLOBAL, GPS, SENSOR = "vehicle_global_position", "vehicle_gps_position", "sensor_gps"
_BASIC = {
    "int8_t": "i1", "uint8_t": "u1", "int16_t": "<i2", "uint16_t": "<u2", "int32_t": "<i4",
    "uint32_t": "<u4", "int64_t": "<i8", "uint64_t": "<u8", "float": "<f4", "double": "<f8",
    "bool": "u1", "char": "S1",
}  # fmt: skip
_TYPES = frozenset(b"BFIMPQADLCSRO")  # kinds of messages that the format knows
_MOST_BYTES = 1 << 16  # of one sample, nested formats unfolded

Rows = npt.NDArray[np.void]


class ULog(NamedTuple):
    """Samples by topic (first instance), and how many bytes could not be read."""

    topics: dict[str, Rows]
    left_over_bytes: int
    skipped_bytes: int


def parse(data: bytes) -> ULog:
    """Read the topics of positions from a whole file."""
    formats: dict[str, str] = {}
    wanted: dict[int, str] = {}
    samples: dict[str, list[bytes]] = {GLOBAL: [], GPS: [], SENSOR: []}
    at, end, skipped = HEADER_BYTES, len(data), 0
    appended: list[int] = []
    while at + 3 <= end:
        size, kind = struct.unpack_from("<HB", data, at)
        if kind not in _TYPES:
            step = _resume(data, at)
            skipped += step - at
            at = step
            continue
        body = at + 3
        cut = next((place for place in appended if at < place < body + size), None)
        if cut is not None:  # the message before appended data may be unfinished
            skipped, at = skipped + cut - at, cut
            continue
        if body + size > end:
            break
        if kind == 0x44 and size >= 2:  # D
            topic = wanted.get(data[body] | data[body + 1] << 8)
            if topic is not None:
                samples[topic].append(data[body + 2 : body + size])
        elif kind == 0x42 and size >= 40 and data[body + 8] & 1:  # B, with data appended after a crash
            appended = [place for place in struct.unpack_from("<3Q", data, body + 16) if place]
        elif kind == 0x46:  # F
            name, _, fields = data[body : body + size].decode("utf-8", "replace").partition(":")
            formats[name] = fields
        elif kind == 0x41 and size > 3:  # A
            name = data[body + 3 : body + size].decode("utf-8", "replace")
            if data[body] == 0 and name in samples:
                wanted[data[body + 1] | data[body + 2] << 8] = name
        at = body + size
    topics = {name: rows for name in samples if (rows := _rows(formats, name, samples[name])) is not None}
    return ULog(topics, end - at, skipped)


def _resume(data: bytes, at: int) -> int:
    """Find the next place from which two messages of known kinds follow each other."""
    for step in range(at + 1, len(data) - 3):
        if data[step + 2] in _TYPES:
            after = step + 3 + (data[step] | data[step + 1] << 8)
            if after == len(data) or (after + 3 <= len(data) and data[after + 2] in _TYPES):
                return step
    return len(data)


def _rows(formats: dict[str, str], name: str, samples: list[bytes]) -> Rows | None:
    kind = _dtype(formats, name, ())
    if kind is None or not samples:
        return None
    # Padding at the end of a sample need not be written.
    size = kind.itemsize
    return np.frombuffer(b"".join(one[:size].ljust(size, b"\0") for one in samples), kind)


def _dtype(formats: dict[str, str], name: str, inside: tuple[str, ...]) -> np.dtype[np.void] | None:
    if name not in formats or name in inside or len(inside) > 8:
        return None
    fields: list[tuple[str, str | np.dtype[np.void], tuple[int, ...]]] = []
    for one in filter(None, formats[name].split(";")):
        told, _, word = one.strip().partition(" ")
        base, _, count = told.partition("[")
        number = count.rstrip("]")
        kind: str | np.dtype[np.void] | None = _BASIC.get(base) or _dtype(formats, base, (*inside, name))
        if kind is None or (number and not number.isdigit()) or word in {field[0] for field in fields}:
            return None
        if int(number or 1) * np.dtype(kind).itemsize > _MOST_BYTES:
            return None
        fields.append((word, kind, (int(number),) if number else ()))
    made = np.dtype(fields)
    return made if 0 < made.itemsize <= _MOST_BYTES else None


def read_ulog(data: bytes) -> tuple[pa.Table, ULog]:
    """Read the positions of a log.

    The global position if it was logged, else GPS rows with a fix of three dimensions (of the receiver
    itself where the autopilot's choice was not logged); boot time becomes UTC by the median offset over
    the GPS rows.

    Returns
    -------
    tuple
        Rows of a track, and the log (for what was not read).
    """
    log = parse(data)
    source = GPS if GPS in log.topics else SENSOR
    gps = log.topics.get(source)
    topic, rows = (GLOBAL, log.topics[GLOBAL]) if GLOBAL in log.topics else (source, gps)
    if rows is None or "timestamp" not in (rows.dtype.names or ()):
        return track_table({"lat_deg": np.zeros(0), "lon_deg": np.zeros(0)}, topic), log
    if topic != GLOBAL and "fix_type" in (rows.dtype.names or ()):
        rows = rows[rows["fix_type"] >= FIX_3D]
    lat, lon = _degrees(rows, "lat", "latitude_deg"), _degrees(rows, "lon", "longitude_deg")
    rows, lat, lon = rows[is_place(lat, lon)], lat[is_place(lat, lon)], lon[is_place(lat, lon)]
    boot_us = rows["timestamp"].astype(np.int64)
    yaw = rows["yaw"].astype(float) if "yaw" in (rows.dtype.names or ()) else np.full(len(rows), np.nan)
    columns = {
        "t_s": (boot_us - boot_us[:1]) / 1e6,
        "time": boot_us + _offset_us(gps),
        "lat_deg": lat,
        "lon_deg": lon,
        "msl_m": _metres(rows, "alt", "altitude_msl_m"),
        "hae_m": _metres(rows, "alt_ellipsoid", "altitude_ellipsoid_m"),
        "heading_deg": np.degrees(yaw) % 360,
    }
    return track_table(columns, topic), log


def _offset_us(gps: Rows | None) -> float:
    if gps is None or not {"time_utc_usec", "timestamp"} <= set(gps.dtype.names or ()):
        return np.nan
    known = gps[gps["time_utc_usec"] > 0]
    if not len(known):
        return np.nan
    return float(np.median(known["time_utc_usec"].astype(np.int64) - known["timestamp"].astype(np.int64)))


def _degrees(rows: Rows, *names: str) -> npt.NDArray[np.float64]:
    """Older logs hold integers of 1e-7 degrees, newer ones degrees."""
    values = _pick(rows, names)
    return values.astype(float) / 1e7 if values.dtype.kind in "iu" else values.astype(float)


def _metres(rows: Rows, *names: str) -> npt.NDArray[np.float64]:
    values = _pick(rows, names)
    return values.astype(float) / 1e3 if values.dtype.kind in "iu" else values.astype(float)


def _pick(rows: Rows, names: tuple[str, ...]) -> npt.NDArray[np.generic]:
    for name in names:
        if name in (rows.dtype.names or ()) and rows[name].ndim == 1:
            return np.asarray(rows[name])
    return np.full(len(rows), np.nan)
