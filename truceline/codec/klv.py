"""KLV packets of drone video: MISB ST 0601 local sets both ways, legacy EG 0104 universal sets in.

Bytes in, packets out, and back again; no files. MISB ST 0601 (coding of tags, checksum),
ST 1201 (IMAPB), SMPTE ST 336 (key, BER length, value).
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa

from truceline.codec.klv_tags import (
    BY_COLUMN,
    BY_TAG,
    CHECKSUM_TAG,
    COLUMNS,
    EG0104_FLOAT,
    EG0104_KEY,
    EG0104_TEXT,
    EG0104_TIME,
    KEY_BYTES,
    ST0601_KEY,
    TIME_TAG,
    Item,
)
from truceline.model.errors import BadInput

PREFIX = b"\x06\x0e\x2b\x34"
PACKET_BYTES = 1 << 20  # a longer packet is no telemetry but an attack or a broken length
INT64 = 1 << 63
TIME_LIMIT_US = 253_402_300_800_000_000  # year 10000: beyond it no calendar can say the time

Value = float | int | str


class Packet(NamedTuple):
    """One KLV packet, decoded; ``offset`` is where its carrier begins in the file, in bytes."""

    standard: str
    time_us: int | None
    checksum_ok: bool | None
    length_bytes: int
    fields: dict[str, Value]
    raw: tuple[tuple[str, bytes], ...]
    pid: int | None = None
    pts_s: float | None = None
    offset: int = 0


class Cut(NamedTuple):
    """Where a packet lies in a buffer: from ``start``, its value from ``value``, up to ``end``."""

    start: int
    value: int
    end: int


def decode(packet: bytes, value_at: int) -> Packet | None:
    """Decode one whole packet.

    Parameters
    ----------
    packet
        Key, length and value.
    value_at
        Where the value begins.

    Returns
    -------
    Packet or None
        ``None`` when the key is not one of ours.
    """
    if packet.startswith(ST0601_KEY):
        return _decode_local(packet, value_at)
    if packet.startswith(EG0104_KEY):
        return _decode_universal(packet, value_at)
    return None


def find_packet(data: bytes, start: int) -> Cut | None:
    """Tell where the packet at ``start`` ends; ``end`` may lie behind the buffer.

    Returns
    -------
    Cut or None
        ``None`` when the length field itself is cut off, or claims more than 1 MiB.
    """
    read = read_length(data, start + KEY_BYTES, len(data))
    if read is None or read[0] > PACKET_BYTES:
        return None
    return Cut(start, read[1], read[1] + read[0])


def read_length(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Read a BER length: (length, where the value begins), ``None`` if it is cut off or absurd."""
    if at >= end:
        return None
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 8 or at + 1 + count > end:
        return None
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def checksum(data: bytes) -> int:
    """Sum 16-bit words, the last one filled up with a zero byte (ST 0601, tag 1)."""
    return (256 * sum(data[::2]) + sum(data[1::2])) & 0xFFFF


def items(packet: bytes, value_at: int) -> Iterator[tuple[int, bytes, int]]:
    """Walk the items of a local set: (tag, value, where the value begins).

    A length that runs past the packet ends the walk with tag -1 and the rest of the bytes.
    """
    at, end = value_at, len(packet)
    while at < end:
        start, tag = at, 0
        while at < end:
            tag = tag << 7 | packet[at] & 0x7F
            at += 1
            if packet[at - 1] < 0x80 or at - start > 4:
                break
        length = read_length(packet, at, end)
        if packet[at - 1] >= 0x80 or length is None or length[1] + length[0] > end:
            yield -1, packet[start:], start
            return
        at = length[1] + length[0]
        yield tag, packet[length[1] : at], length[1]


def universal_items(packet: bytes, value_at: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Walk the items of a universal set: (key, value, where the value begins).

    A length that runs past the packet ends the walk with an empty key and the rest of the bytes.
    """
    at, end = value_at, len(packet)
    while at < end:
        length = read_length(packet, at + KEY_BYTES, end)
        if length is None or length[0] + length[1] > end:
            yield b"", packet[at:], at
            return
        key, at = packet[at : at + KEY_BYTES], length[1] + length[0]
        yield key, packet[length[1] : at], length[1]


def _decode_local(packet: bytes, value_at: int) -> Packet:
    fields: dict[str, Value] = {}
    raw: list[tuple[str, bytes]] = []
    time_us: int | None = None
    checksum_ok: bool | None = None
    for tag, value, at in items(packet, value_at):
        if tag == CHECKSUM_TAG:
            told = packet[:at] + packet[at + 2 :]
            checksum_ok = len(value) == 2 and checksum(told) == int.from_bytes(value, "big")
        elif tag == TIME_TAG:
            time_us = _time_us(value)
        elif (item := BY_TAG.get(tag)) is not None:
            decoded = decode_value(item, value)
            if decoded is not None:
                fields[item.column] = decoded
        else:
            raw.append(("error" if tag < 0 else str(tag), value))
    return Packet("ST0601", time_us, checksum_ok, len(packet), fields, tuple(raw))


def _decode_universal(packet: bytes, value_at: int) -> Packet:
    fields: dict[str, Value] = {}
    raw: list[tuple[str, bytes]] = []
    time_us: int | None = None
    for key, value, _ in universal_items(packet, value_at):
        if key == EG0104_TIME:
            time_us = _time_us(value)
        elif key in EG0104_TEXT:
            fields[EG0104_TEXT[key]] = value.decode("utf-8", "replace")
        elif key in EG0104_FLOAT:
            number = _float(value)
            if number is not None:
                fields[EG0104_FLOAT[key]] = number
        else:
            raw.append((key.hex() or "error", value))
    return Packet("EG0104", time_us, None, len(packet), fields, tuple(raw))


def _time_us(value: bytes) -> int | None:
    time_us = int.from_bytes(value, "big")
    return time_us if value and time_us < TIME_LIMIT_US else None


def _float(value: bytes) -> float | None:
    if len(value) not in (4, 8):
        return None
    number = float(struct.unpack(">f" if len(value) == 4 else ">d", value)[0])
    return number if math.isfinite(number) else None


def decode_value(item: Item, value: bytes) -> Value | None:
    """Decode the value of a known tag; ``None`` if empty, out of range or a special value."""
    if item.coding == "text":
        return value.decode("utf-8", "replace")
    if not value:
        return None
    n = int.from_bytes(value, "big", signed=item.coding in ("signed", "int"))
    if item.coding in ("uint", "int"):
        return n if -INT64 <= n < INT64 else None
    bits = 8 * len(value)
    if bits > 64:
        return None  # no table knows a value of more than eight bytes
    if item.coding == "unsigned":
        return item.lowest + (item.highest - item.lowest) * n / ((1 << bits) - 1)
    if item.coding == "signed":
        return None if n == -(1 << (bits - 1)) else item.highest * n / ((1 << (bits - 1)) - 1)
    return _from_imapb(item, n, bits)


def imapb_scale(item: Item, bits: int) -> tuple[float, float]:
    """Scale and offset of ST 1201, IMAPB: code = trunc(scale * (x - lowest) + offset)."""
    scale = 2.0 ** (bits - 1 - math.ceil(math.log2(item.highest - item.lowest)))
    offset = 0.0
    if item.lowest < 0 < item.highest:
        offset = scale * item.lowest - math.floor(scale * item.lowest)
    return scale, offset


def _from_imapb(item: Item, n: int, bits: int) -> float | None:
    scale, offset = imapb_scale(item, bits)
    if n > 1 << (bits - 1):
        return None  # infinities, not-a-numbers and user-defined codes
    value = (n - offset) / scale + item.lowest
    # The code is truncated, so both ends of the range may be missed by one step.
    return value if item.lowest - 1 / scale <= value <= item.highest + 1 / scale else None


def encode(
    time_us: int, fields: Mapping[str, Value], raw: Iterable[tuple[int, bytes]] = (), version: int = 17
) -> bytes:
    """Write an ST 0601 packet: time first, then the fields in order of tags, version, checksum last.

    Parameters
    ----------
    time_us
        Microseconds since 1970-01-01 UTC.
    fields
        By column name of contract drone, section 1, in its units.
    raw
        Further items as they are, by tag.
    version
        Version of the standard (tag 65), unless ``fields`` names it.

    Raises
    ------
    BadInput
        If a column is unknown or a value does not fit its tag.
    """
    told: list[tuple[int, bytes]] = []
    for column, value in {"uas_ls_version": version, **fields}.items():
        item = BY_COLUMN.get(column)
        if item is None:
            raise BadInput(column, "no such column of ST 0601")
        told.append((item.tag, encode_value(item, value)))
    told.extend(raw)
    body = _item(TIME_TAG, time_us.to_bytes(8, "big"))
    body += b"".join(_item(tag, value) for tag, value in sorted(told, key=lambda one: one[0]))
    head = ST0601_KEY + _ber(len(body) + 4)
    return head + body + b"\x01\x02" + checksum(head + body + b"\x01\x02").to_bytes(2, "big")


def encode_value(item: Item, value: Value) -> bytes:
    """Write the value of a known tag with its usual length.

    Raises
    ------
    BadInput
        If the value is of another type or outside the tag's range.
    """
    if item.coding == "text":
        return str(value).encode()
    if isinstance(value, str) or not math.isfinite(value):
        raise BadInput(item.column, "is no number")
    bits = 8 * item.length
    try:
        if item.coding in ("uint", "int"):
            return int(value).to_bytes(item.length, "big", signed=item.coding == "int")
        least = -item.highest if item.coding == "signed" else item.lowest
        if not least <= value <= item.highest:
            raise BadInput(item.column, f"{value:g} lies outside {least:g} … {item.highest:g}")
        if item.coding == "unsigned":
            n = round((value - item.lowest) * ((1 << bits) - 1) / (item.highest - item.lowest))
        elif item.coding == "signed":
            n = round(value * ((1 << (bits - 1)) - 1) / item.highest)
        else:
            scale, offset = imapb_scale(item, bits)
            n = math.trunc(scale * (value - item.lowest) + offset)
        return n.to_bytes(item.length, "big", signed=item.coding == "signed")
    except OverflowError as error:
        raise BadInput(item.column, f"{value} does not fit {item.length} bytes") from error


def _ber(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    told = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(told)]) + told


def _item(tag: int, value: bytes) -> bytes:
    septets = [tag & 0x7F]
    while tag := tag >> 7:
        septets.append(0x80 | tag & 0x7F)
    return bytes(reversed(septets)) + _ber(len(value)) + value


_TYPES = {"float": pa.float64(), "int": pa.int64(), "text": pa.string()}
TELEMETRY = pa.schema(
    [
        pa.field("packet_index", pa.int64()),
        pa.field("pid", pa.int64()),
        pa.field("pts_s", pa.float64()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("standard", pa.string()),
        pa.field("checksum_ok", pa.bool_()),
        pa.field("length_bytes", pa.int64()),
        *(pa.field(column, _TYPES[kind]) for column, kind in COLUMNS.items()),
        pa.field("raw", pa.list_(pa.struct([("id", pa.string()), ("value", pa.binary())]))),
    ]
)
