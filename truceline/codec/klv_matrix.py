"""KLV packets as rows, fast: packets of equal layout are one matrix of bytes, decoded column by column.

A layout is where items begin and which tags and lengths stand there. Packets that share it with too
few others are decoded one by one, so the cost stays in proportion to the bytes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.codec.klv import INT64, TIME_LIMIT_US, decode, imapb_scale, items, universal_items
from truceline.codec.klv_cuts import Bytes, Cuts
from truceline.codec.klv_rows import Rows
from truceline.codec.klv_tags import (
    BY_TAG,
    CHECKSUM_TAG,
    EG0104_FLOAT,
    EG0104_TEXT,
    EG0104_TIME,
    ST0601_KEY,
    TIME_TAG,
    Item,
)

LEAST_ALIKE = 4  # fewer packets of one layout are decoded one by one
MOST_LAYOUTS = 12  # of one length in one call; more are noise, not a stream

Index = npt.NDArray[np.intp]


class _Part(NamedTuple):
    """One item of a layout: its id, and where its value lies in the packet."""

    id: str | int
    at: int
    end: int


class _Layout(NamedTuple):
    local: bool
    parts: list[_Part]
    fixed: Index  # places in the packet whose bytes make the layout


def to_rows(cuts: Cuts, first_index: int = 0) -> pa.Table:
    """Decode packets into rows of ``TELEMETRY`` (contract drone, section 1).

    Parameters
    ----------
    cuts
        Packets of known keys.
    first_index
        ``packet_index`` of the first row.
    """
    out = Rows(cuts.count)
    for rows, matrix, value_at in _of_equal_length(cuts):
        _decode_alike(out, rows, matrix, value_at)
    return out.table(first_index, cuts.pid, cuts.pts_s, cuts.end - cuts.begin)


def _of_equal_length(cuts: Cuts) -> Iterator[tuple[Index, Bytes, int]]:
    length, head = cuts.end - cuts.begin, cuts.value - cuts.begin
    shape = length << 8 | head
    order = np.argsort(shape, kind="stable")
    edges = np.flatnonzero(np.diff(shape[order])) + 1
    for rows in np.split(order, edges):
        if len(rows):
            windows = np.lib.stride_tricks.sliding_window_view(cuts.data, int(length[rows[0]]))
            yield rows, windows[cuts.begin[rows]], int(head[rows[0]])


def _decode_alike(out: Rows, rows: Index, matrix: Bytes, value_at: int) -> None:
    for _ in range(MOST_LAYOUTS):
        if len(rows) < LEAST_ALIKE:
            break
        layout = _layout(matrix[0].tobytes(), value_at)
        alike = (matrix[:, layout.fixed] == matrix[0, layout.fixed]).all(1)
        if alike.all():
            _decode_layout(out, rows, matrix, layout)
            return
        if np.count_nonzero(alike) >= LEAST_ALIKE:
            _decode_layout(out, rows[alike], matrix[alike], layout)
        else:
            _decode_singly(out, rows[alike], matrix[alike], value_at)
        rows, matrix = rows[~alike], matrix[~alike]
    _decode_singly(out, rows, matrix, value_at)


def _decode_singly(out: Rows, rows: Index, matrix: Bytes, value_at: int) -> None:
    for row, line in zip(rows, matrix, strict=True):
        packet = decode(line.tobytes(), value_at)
        if packet is not None:
            out.put_packet(int(row), packet)


def _layout(packet: bytes, value_at: int) -> _Layout:
    local = packet.startswith(ST0601_KEY)
    parts: list[_Part] = []
    fixed, last = list(range(16)), value_at
    if local:
        parts = [_Part(tag, at, at + len(value)) for tag, value, at in items(packet, value_at)]
    else:
        parts = [
            _Part(key.hex(), at, at + len(value)) for key, value, at in universal_items(packet, value_at)
        ]
    for part in parts:
        # What could not be read as items must be the same bytes to be the same layout.
        broken = part.id in (-1, "")
        fixed += range(last, part.end if broken else part.at)
        last = part.end
    return _Layout(local, parts, np.array(fixed, np.intp))


def _decode_layout(out: Rows, rows: Index, matrix: Bytes, layout: _Layout) -> None:
    out.standard[rows] = not layout.local
    raw: list[tuple[str, Bytes]] = []
    for part in layout.parts:
        values = matrix[:, part.at : part.end]
        if part.id in (-1, ""):
            raw.append(("error", values))
        elif layout.local:
            _local_item(out, rows, matrix, part, values, raw)
        else:
            _universal_item(out, rows, part, values, raw)
    if raw:
        out.put_raw(rows, [name for name, _ in raw], [values for _, values in raw])


def _local_item(
    out: Rows, rows: Index, matrix: Bytes, part: _Part, values: Bytes, raw: list[tuple[str, Bytes]]
) -> None:
    if part.id == CHECKSUM_TAG:
        out.checksum[rows] = _checksums_hold(matrix, part) if part.end - part.at == 2 else False
    elif part.id == TIME_TAG:
        _time(out, rows, values)
    elif (item := BY_TAG.get(int(part.id))) is None:
        raw.append((str(part.id), values))
    elif item.coding == "text":
        _text(out, item.column, rows, values)
    elif values.shape[1]:
        number, known = _numbers(item, values)
        out.put_number(item.column, rows, number, known)


def _universal_item(out: Rows, rows: Index, part: _Part, values: Bytes, raw: list[tuple[str, Bytes]]) -> None:
    key = bytes.fromhex(str(part.id))
    if key == EG0104_TIME:
        _time(out, rows, values)
    elif key in EG0104_TEXT:
        _text(out, EG0104_TEXT[key], rows, values)
    elif key not in EG0104_FLOAT:
        raw.append((str(part.id), values))
    elif values.shape[1] in (4, 8):
        with np.errstate(invalid="ignore"):  # a signalling NaN is a value not known like another
            number = np.ascontiguousarray(values).view(f">f{values.shape[1]}")[:, 0].astype(float)
        out.put_number(EG0104_FLOAT[key], rows, number, np.isfinite(number))


def _time(out: Rows, rows: Index, values: Bytes) -> None:
    width = values.shape[1]
    if 0 < width <= 8:
        told = _unsigned(values)
        out.put_time(rows, told.astype(np.int64), told < TIME_LIMIT_US)
    else:
        told_us = [int.from_bytes(line.tobytes(), "big") for line in values]
        known = np.array([width > 0 and one < TIME_LIMIT_US for one in told_us], bool)
        out.put_time(
            rows, np.array([one if ok else 0 for one, ok in zip(told_us, known, strict=True)]), known
        )


def _text(out: Rows, column: str, rows: Index, values: Bytes) -> None:
    if (values == values[0]).all():
        out.put_text(column, rows, values[0].tobytes().decode("utf-8", "replace"))
        return
    places: dict[bytes, list[int]] = {}
    for row, line in zip(rows, np.ascontiguousarray(values), strict=True):
        places.setdefault(line.tobytes(), []).append(int(row))
    for told, where in places.items():
        out.put_text(column, np.array(where), told.decode("utf-8", "replace"))


def _unsigned(values: Bytes) -> npt.NDArray[np.uint64]:
    width = values.shape[1]
    if width in (1, 2, 4, 8):
        return np.ascontiguousarray(values).view(f">u{width}")[:, 0].astype(np.uint64)
    told = np.zeros(len(values), np.uint64)
    for k in range(width):
        told = told << np.uint64(8) | values[:, k]
    return told


def _signed(values: Bytes) -> npt.NDArray[np.int64]:
    spare = np.int64(64 - 8 * values.shape[1])
    return np.asarray(_unsigned(values).view(np.int64) << spare >> spare)


def _numbers(item: Item, values: Bytes) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Decode values of a known tag; see :func:`truceline.codec.klv.decode_value` for one of them."""
    bits = 8 * values.shape[1]
    always = np.ones(len(values), bool)
    if bits > 64:
        return _wide(item, values)
    if item.coding == "int":
        return _signed(values), always
    if item.coding == "signed":
        code = _signed(values)
        return item.highest * code.astype(float) / ((1 << (bits - 1)) - 1), code != -(1 << (bits - 1))
    told = _unsigned(values)
    if item.coding == "uint":
        return told.view(np.int64), told < np.uint64(INT64)
    if item.coding == "unsigned":
        return item.lowest + (item.highest - item.lowest) * told.astype(float) / ((1 << bits) - 1), always
    scale, offset = imapb_scale(item, bits)
    value = (told.astype(float) - offset) / scale + item.lowest
    # The code is truncated, so both ends of the range may be missed by one step.
    inside = (value >= item.lowest - 1 / scale) & (value <= item.highest + 1 / scale)
    return value, inside & (told <= np.uint64(1 << (bits - 1)))


def _wide(item: Item, values: Bytes) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Integers of more than eight bytes: known if what they hold fits eight."""
    if item.coding not in ("uint", "int"):
        return np.zeros(len(values)), np.zeros(len(values), bool)
    signed = item.coding == "int"
    told = [int.from_bytes(line.tobytes(), "big", signed=signed) for line in values]
    known = np.array([-INT64 <= one < INT64 for one in told], bool)
    return np.array([one if ok else 0 for one, ok in zip(told, known, strict=True)], np.int64), known


def _checksums_hold(matrix: Bytes, part: _Part) -> npt.NDArray[np.bool_]:
    told = matrix[:, part.at].astype(np.int64) << 8 | matrix[:, part.at + 1]
    # Even places weigh 256, odd ones 1; behind the two bytes left out the parity is the same.
    even = matrix[:, ::2].sum(1, dtype=np.int64)
    odd = matrix[:, 1::2].sum(1, dtype=np.int64)
    left_out = (256, 1) if part.at % 2 == 0 else (1, 256)
    total = 256 * even + odd
    total -= left_out[0] * matrix[:, part.at].astype(np.int64)
    total -= left_out[1] * matrix[:, part.at + 1].astype(np.int64)
    return np.asarray(total & 0xFFFF == told)
