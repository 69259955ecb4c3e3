"""Columns of decoded KLV packets, filled in any order, and the table they make."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.codec.klv import TELEMETRY, Packet
from truceline.codec.klv_tags import COLUMNS

Index = npt.NDArray[np.intp]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class _Raw:
    """Items without a column, in blocks of packets that hold the same ids at the same lengths."""

    def __init__(self) -> None:
        self._rows: list[Index] = []
        self._lists: list[pa.Array] = []

    def put(self, rows: Index, ids: Sequence[str], lengths: Sequence[int], data: bytes) -> None:
        """Set items; ``data`` holds their values one behind the other, packet by packet."""
        count, each = len(rows), len(ids)
        edges = np.zeros(count * each + 1, np.int32)
        np.cumsum(np.tile(np.array(lengths, np.int32), count), out=edges[1:])
        values = pa.Array.from_buffers(
            pa.binary(), count * each, [None, pa.py_buffer(edges), pa.py_buffer(data)]
        )
        names = pa.array(ids, pa.string()).take(pa.array(np.tile(np.arange(each), count)))
        pairs = pa.StructArray.from_arrays([names, values], ["id", "value"])
        bounds = np.arange(count + 1, dtype=np.int32) * np.int32(each)
        self._rows.append(rows)
        self._lists.append(pa.ListArray.from_arrays(pa.array(bounds), pairs))

    def array(self, count: int) -> pa.Array:
        """Give the column, packets in their order."""
        without = np.ones(count, bool)
        for rows in self._rows:
            without[rows] = False
        self.put(np.flatnonzero(without), (), (), b"")
        order = np.concatenate(self._rows)
        told = pa.concat_arrays(self._lists)
        if (order[1:] > order[:-1]).all():
            return told
        return told.take(pa.array(np.argsort(order, kind="stable")))


class Rows:
    """Columns of ``count`` packets; what nobody puts stays null.

    Attributes
    ----------
    standard
        Whether the packet is of the legacy set.
    checksum
        1 right, 0 wrong, -1 none.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.standard = np.zeros(count, bool)
        self.checksum = np.full(count, -1, np.int8)
        self._time = np.zeros(count, np.int64), np.zeros(count, bool)
        self._numbers: dict[str, tuple[npt.NDArray[np.generic], Flags]] = {}
        self._texts: dict[str, tuple[npt.NDArray[np.int32], dict[str, int]]] = {}
        self._raw = _Raw()
        self._nulls: dict[pa.DataType, pa.Array] = {}

    def put_time(self, rows: Index, time_us: Ints, known: Flags) -> None:
        """Set the time, microseconds since 1970."""
        self._time[0][rows], self._time[1][rows] = np.where(known, time_us, 0), known

    def put_number(
        self, column: str, rows: Index, values: npt.NDArray[np.generic], known: npt.NDArray[np.bool_]
    ) -> None:
        """Set numbers; where they are not known, what was there stays."""
        if column not in self._numbers:
            kind = np.int64 if COLUMNS[column] == "int" else np.float64
            self._numbers[column] = np.zeros(self.count, kind), np.zeros(self.count, bool)
        number, there = self._numbers[column]
        if not known.all():
            rows, values = rows[known], values[known]
        number[rows] = values
        there[rows] = True

    def put_text(self, column: str, rows: Index, text: str) -> None:
        """Set one text in several rows."""
        if column not in self._texts:
            self._texts[column] = np.full(self.count, -1, np.int32), {}
        codes, known = self._texts[column]
        codes[rows] = known.setdefault(text, len(known))

    def put_raw(self, rows: Index, ids: Sequence[str], values: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Set the items without a column: ids, and per id a value for each row, shape (n, length)."""
        data = np.concatenate(values, axis=1)
        self._raw.put(rows, ids, [value.shape[1] for value in values], data.tobytes())

    def put_packet(self, row: int, packet: Packet) -> None:
        """Set what one packet holds."""
        at = np.array([row])
        self.standard[row] = packet.standard == "EG0104"
        if packet.time_us is not None:
            self.put_time(at, np.array([packet.time_us]), np.array([True]))
        if packet.checksum_ok is not None:
            self.checksum[row] = packet.checksum_ok
        for column, value in packet.fields.items():
            if isinstance(value, str):
                self.put_text(column, at, value)
            else:
                self.put_number(column, at, np.array([value]), np.array([True]))
        ids, values = [one for one, _ in packet.raw], [value for _, value in packet.raw]
        if ids:
            self._raw.put(at, ids, [len(value) for value in values], b"".join(values))

    def table(self, first_index: int, pid: Ints, pts_s: npt.NDArray[np.float64], length: Ints) -> pa.Table:
        """Make the table."""
        time = pa.array(self._time[0].view("M8[us]"), mask=~self._time[1]).cast(TELEMETRY.field("time").type)
        standards = pa.array(["ST0601", "EG0104"])
        columns = {
            "packet_index": pa.array(np.arange(first_index, first_index + self.count)),
            "pid": pa.array(pid, mask=pid < 0),
            "pts_s": pa.array(pts_s, from_pandas=True),
            "time": time,
            "standard": standards.take(pa.array(self.standard.astype(np.int8))),
            "checksum_ok": pa.array(self.checksum == 1, mask=self.checksum < 0),
            "length_bytes": pa.array(length),
            "raw": self._raw.array(self.count),
        }
        for column in COLUMNS:
            columns[column] = self._column(column)
        return pa.table({field.name: columns[field.name] for field in TELEMETRY}, schema=TELEMETRY)

    def _column(self, column: str) -> pa.Array:
        if column in self._numbers:
            number, there = self._numbers[column]
            return pa.array(number, mask=None if there.all() else ~there)
        if column in self._texts:
            codes, known = self._texts[column]
            return pa.array(list(known), pa.string()).take(pa.array(codes, mask=codes < 0))
        kind = TELEMETRY.field(column).type
        if kind not in self._nulls:
            self._nulls[kind] = pa.nulls(self.count, kind)
        return self._nulls[kind]


def to_table(packets: Sequence[Packet], first_index: int = 0) -> pa.Table:
    """Make rows of packets that were decoded one by one."""
    out = Rows(len(packets))
    for row, packet in enumerate(packets):
        out.put_packet(row, packet)
    pid = np.array([-1 if p.pid is None else p.pid for p in packets], np.int64)
    pts_s = np.array([np.nan if p.pts_s is None else p.pts_s for p in packets], float)
    return out.table(first_index, pid, pts_s, np.array([p.length_bytes for p in packets], np.int64))
