"""MPEG transport streams (ISO/IEC 13818-1): telemetry and cut points out, video and telemetry in.

The reader needs no program tables: it takes every PES packet of stream id 0xBD or 0xFC, so that a
stream whose tables are lost is still read. Packets are looked at as arrays, only those of a
telemetry PID one by one.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SYNC = 0x47
PACKET = 188
TICKS_PER_S = 90_000  # of a presentation time stamp
TELEMETRY_IDS = (0xBD, 0xFC)
PES_BYTES = 1 << 20  # of telemetry; a longer one is given up
WAITING = 256  # PES packets that may wait for an earlier one that is not finished

Bytes = npt.NDArray[np.uint8]


class Pes(NamedTuple):
    """A finished PES packet of telemetry; ``offset`` is where its first transport packet begins."""

    pid: int
    stream_id: int
    pts_s: float | None
    payload: bytes
    offset: int
    whole: bool


class Entry(NamedTuple):
    """A place where a decoder may start: byte offset of the packet and presentation time."""

    offset: int
    pts_s: float | None


class _Open:
    """A PES packet that is being put together."""

    def __init__(self, pid: int, offset: int) -> None:
        self.pid = pid
        self.offset = offset
        self.data = bytearray()
        self.done = False

    @property
    def wanted(self) -> int | None:
        """Whole length in bytes as declared, ``None`` when left open or not yet known."""
        declared = int.from_bytes(self.data[4:6], "big") if len(self.data) >= 6 else 0
        return declared + 6 if declared else None


class Demux:
    """Takes the bytes of a stream piece by piece and hands over its telemetry PES packets.

    Attributes
    ----------
    packets
        Transport packets seen.
    skipped_bytes
        Noise between packets.
    left_over_bytes
        Bytes of the last, cut transport packet (after :meth:`finish`).
    entries
        Random access points of the video, in file order.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.skipped_bytes = 0
        self.left_over_bytes = 0
        self.entries: list[Entry] = []
        self.tables: bytes = b""  # first PAT and PMT, put before a piece so that it can be decoded
        self._buffer = b""
        self._offset = 0  # of the buffer's first byte in the stream
        self._pids: set[int] = set()
        self._open: dict[int, _Open] = {}
        self._counter: dict[int, int] = {}
        self._queue: deque[_Open] = deque()
        self._table_pids = {0}
        self._table_seen: set[int] = set()

    def feed(self, chunk: bytes) -> list[Pes]:
        """Take the next bytes; answer the PES packets that are finished, in file order."""
        self._buffer += chunk
        self._scan(last=False)
        return self._finished()

    def finish(self) -> list[Pes]:
        """Say that the stream has ended; answer what was still open."""
        self._scan(last=True)
        self.left_over_bytes += len(self._buffer)
        self._buffer = b""
        for open_ in self._queue:
            open_.done = True
        return self._finished()

    def _scan(self, last: bool) -> None:
        data = np.frombuffer(self._buffer, np.uint8)
        at = 0
        while len(data) - at >= PACKET:
            count = (len(data) - at) // PACKET
            block = data[at : at + count * PACKET].reshape(count, PACKET)
            wrong = np.flatnonzero(block[:, 0] != SYNC)
            good = int(wrong[0]) if len(wrong) else count
            if 0 < good < count and _began_inside(data[at + (good - 1) * PACKET :]):
                good -= 1  # a byte of noise looked like the sync byte of that packet
            if good:
                self._packets(block[:good], self._offset + at)
                at += good * PACKET
            if good < count:
                step = _next_sync(data[at + 1 :], last)
                if step is None:  # the rest cannot be judged before more bytes have come
                    break
                self.skipped_bytes += step + 1
                at += step + 1
        if last and len(data) - at >= PACKET:
            self.skipped_bytes += len(data) - at
            at = len(data)
        self._buffer = self._buffer[at:]
        self._offset += at

    def _packets(self, block: Bytes, offset: int) -> None:
        self.packets += len(block)
        pid = (block[:, 1].astype(np.int64) & 0x1F) << 8 | block[:, 2]
        starts = (block[:, 1] & 0x40) != 0
        has_payload = (block[:, 3] & 0x10) != 0
        has_field = (block[:, 3] & 0x20) != 0
        at = np.where(has_field, 5 + block[:, 4].astype(np.int64), 4)
        heads = np.flatnonzero(starts & has_payload & (at <= PACKET - 4))
        places = at[heads]
        is_pes = (
            (block[heads, places] == 0) & (block[heads, places + 1] == 0) & (block[heads, places + 2] == 1)
        )
        ids = block[heads, places + 3]
        self._pids.update(int(p) for p in pid[heads[is_pes & np.isin(ids, TELEMETRY_IDS)]])
        if not self.tables or not self._table_seen >= self._table_pids:
            self._keep_tables(block, pid, heads, at)
        video = heads[is_pes & (ids >= 0xE0) & (ids <= 0xEF)]
        random = has_field[video] & (block[video, 4] > 0) & ((block[video, 5] & 0x40) != 0)
        for i in video[random]:
            packet = block[i].tobytes()
            self.entries.append(Entry(offset + int(i) * PACKET, _pts_s(packet[int(at[i]) :])))
        if self._pids:
            for i in np.flatnonzero(np.isin(pid, list(self._pids)) & has_payload & (at < PACKET)):
                where = offset + int(i) * PACKET
                self._payload(int(pid[i]), block[i].tobytes(), int(at[i]), bool(starts[i]), where)

    def _keep_tables(
        self, block: Bytes, pid: npt.NDArray[np.int64], heads: npt.NDArray[np.intp], at: npt.NDArray[np.int64]
    ) -> None:
        for i in heads:
            number = int(pid[i])
            if number not in self._table_pids or number in self._table_seen:
                continue
            packet = block[i].tobytes()
            self._table_seen.add(number)
            self.tables += packet
            section = packet[int(at[i]) + 1 + packet[int(at[i])] :]
            if number == 0 and len(section) > 8:
                end = min(len(section), 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4)
                for place in range(8, end - 3, 4):
                    if section[place : place + 2] != b"\0\0":  # program 0 names the network table
                        self._table_pids.add(int.from_bytes(section[place + 2 : place + 4], "big") & 0x1FFF)

    def _payload(self, pid: int, packet: bytes, at: int, starts: bool, offset: int) -> None:
        counter = packet[3] & 0x0F
        if not starts and self._counter.get(pid) == counter:
            return  # sent twice, as the standard allows
        self._counter[pid] = counter
        if starts:
            self._close(pid)
            if packet[at + 3 : at + 4] and packet[at + 3] in TELEMETRY_IDS:
                self._open[pid] = _Open(pid, offset)
                self._queue.append(self._open[pid])
        open_ = self._open.get(pid)
        if open_ is None:
            return
        open_.data += packet[at:]
        if len(open_.data) > PES_BYTES or (open_.wanted is not None and len(open_.data) >= open_.wanted):
            self._close(pid)

    def _close(self, pid: int) -> None:
        open_ = self._open.pop(pid, None)
        if open_ is not None:
            open_.done = True

    def _finished(self) -> list[Pes]:
        finished: list[Pes] = []
        while self._queue and (self._queue[0].done or len(self._queue) > WAITING):
            open_ = self._queue.popleft()
            if self._open.get(open_.pid) is open_:
                del self._open[open_.pid]
            finished.append(_to_pes(open_))
        return finished


def _began_inside(data: Bytes) -> bool:
    """Tell whether the packets that follow begin inside this one: then it is noise itself."""
    window = data[1 : 3 * PACKET]
    if len(window) < 3 * PACKET - 1:
        return False
    parts = window[: PACKET - 1], window[PACKET : 2 * PACKET - 1], window[2 * PACKET :]
    return bool(np.any((parts[0] == SYNC) & (parts[1] == SYNC) & (parts[2][: PACKET - 1] == SYNC)))


def _next_sync(data: Bytes, last: bool) -> int | None:
    """Find the next sync byte that another follows 188 bytes on, or that begins the last packet."""
    pairs = np.flatnonzero((data[:-PACKET] == SYNC) & (data[PACKET:] == SYNC))
    if len(pairs):
        return int(pairs[0])
    if last:
        return len(data) - PACKET if data[-PACKET] == SYNC else None
    return len(data) - PACKET if len(data) > PACKET else None


def _to_pes(open_: _Open) -> Pes:
    data = bytes(open_.data)
    whole = open_.wanted is None or len(data) >= open_.wanted
    begin = 9 + data[8] if len(data) > 8 else len(data)
    return Pes(
        open_.pid,
        data[3] if len(data) > 3 else 0,
        _pts_s(data),
        data[begin : open_.wanted],
        open_.offset,
        whole,
    )


def _pts_s(pes: bytes) -> float | None:
    """Read the presentation time stamp in the head of a PES packet, seconds."""
    if len(pes) < 14 or not pes[7] & 0x80:
        return None
    ticks = (pes[9] >> 1 & 7) << 30 | (int.from_bytes(pes[10:12], "big") >> 1) << 15
    return (ticks | int.from_bytes(pes[12:14], "big") >> 1) / TICKS_PER_S


def is_transport_stream(head: bytes) -> bool:
    """Tell from its first bytes whether a file is a transport stream, also one with noise in front."""
    data = np.frombuffer(head, np.uint8)
    if len(data) >= PACKET and data[0] == SYNC and (len(data) <= PACKET or data[PACKET] == SYNC):
        return True
    for packets in (5, 2):
        reach = (packets - 1) * PACKET
        if len(data) > reach:
            in_step = np.ones(len(data) - reach, bool)
            for k in range(packets):
                in_step &= data[k * PACKET : k * PACKET + len(in_step)] == SYNC
            if in_step.any():
                return packets > 2 or len(data) < 5 * PACKET
    return False


VIDEO_PID, TELEMETRY_PID, TABLE_PID = 0x100, 0x101, 0x1000
STREAM_TYPES = {"h264": 0x1B, "mpeg2video": 0x02}


class Unit(NamedTuple):
    """A video access unit (Annex B for H.264) with its times in seconds."""

    pts_s: float
    dts_s: float
    key_frame: bool
    data: bytes


def mux(units: Iterable[Unit], telemetry: Iterable[tuple[float, bytes]], codec: str = "h264") -> bytes:
    """Write a transport stream of one video and one asynchronous KLV stream (MISB ST 1402).

    Parameters
    ----------
    units
        Video access units in decoding order.
    telemetry
        (presentation time in seconds, KLV packet), in order of time.
    codec
        ``h264`` or ``mpeg2video``.
    """
    counters: dict[int, int] = {}
    waiting = deque(telemetry)
    out = bytearray()
    for unit in units:
        while waiting and waiting[0][0] <= unit.pts_s:
            out += _telemetry(*waiting.popleft(), counters)
        if unit.key_frame or not out:
            out += _tables(STREAM_TYPES[codec], counters)
        head = _pes_head(0xE0, 0, unit.pts_s, unit.dts_s)
        # Every PES carries the clock: the decoder's buffer starts 0.7 s before the first picture.
        clock = max(0, round((unit.dts_s - 0.7) * TICKS_PER_S))
        out += _packetise(VIDEO_PID, head + unit.data, counters, clock, unit.key_frame)
    for pts_s, packet in waiting:
        out += _telemetry(pts_s, packet, counters)
    return bytes(out)


def _telemetry(pts_s: float, packet: bytes, counters: dict[int, int]) -> bytes:
    head = _pes_head(0xBD, len(packet), pts_s, None)
    return _packetise(TELEMETRY_PID, head + packet, counters, None, False)


def _pes_head(stream_id: int, payload_bytes: int, pts_s: float, dts_s: float | None) -> bytes:
    stamps = _stamp(2 if dts_s is None else 3, pts_s) + (b"" if dts_s is None else _stamp(1, dts_s))
    length = 3 + len(stamps) + payload_bytes if payload_bytes else 0
    if length > 0xFFFF:
        length = 0
    flags = b"\x84" + (b"\x80" if dts_s is None else b"\xc0")
    return b"\0\0\1" + bytes([stream_id]) + length.to_bytes(2, "big") + flags + bytes([len(stamps)]) + stamps


def _stamp(mark: int, time_s: float) -> bytes:
    ticks = round(time_s * TICKS_PER_S) & (1 << 33) - 1
    return bytes([mark << 4 | ticks >> 29 & 0x0E | 1, ticks >> 22 & 0xFF, ticks >> 14 & 0xFE | 1]) + bytes(
        [ticks >> 7 & 0xFF, ticks << 1 & 0xFE | 1]
    )


def _packetise(pid: int, data: bytes, counters: dict[int, int], clock: int | None, key: bool) -> bytes:
    out = bytearray()
    at = 0
    while at < len(data):
        field = b""
        if at == 0 and (clock is not None or key):
            field = bytes([(0x10 if clock is not None else 0) | (0x40 if key else 0)])
            if clock is not None:
                field += (clock << 15 | 0x3F << 9).to_bytes(6, "big")
        room = PACKET - 4 - (len(field) + 1 if field else 0)
        take = min(room, len(data) - at)
        if take < room:  # a packet is always full: stuff the adaptation field
            spare = room - take
            if not field:
                spare -= 1  # its length byte
                field, spare = (b"\0", spare - 1) if spare else (b"", 0)
                out_field = bytes([len(field) + spare]) + field + b"\xff" * spare
            else:
                out_field = bytes([len(field) + spare]) + field + b"\xff" * spare
        else:
            out_field = bytes([len(field)]) + field if field else b""
        counter = counters.get(pid, 0)
        counters[pid] = counter + 1 & 0x0F
        flags = (0x30 if out_field else 0x10) | counter
        out += bytes([SYNC, (0x40 if at == 0 else 0) | pid >> 8, pid & 0xFF, flags]) + out_field
        out += data[at : at + take]
        at += take
    return bytes(out)


def _tables(stream_type: int, counters: dict[int, int]) -> bytes:
    programs = b"\0\1" + (0xE000 | TABLE_PID).to_bytes(2, "big")
    pat = _section(0, 1, programs)
    registration = b"\x05\x04KLVA"
    streams = bytes([stream_type]) + (0xE000 | VIDEO_PID).to_bytes(2, "big") + b"\xf0\0"
    streams += b"\x06" + (0xE000 | TELEMETRY_PID).to_bytes(2, "big") + b"\xf0\x06" + registration
    pmt = _section(2, 1, (0xE000 | VIDEO_PID).to_bytes(2, "big") + b"\xf0\0" + streams)
    out = b""
    for pid, section in ((0, pat), (TABLE_PID, pmt)):
        counter = counters.get(pid, 0)
        counters[pid] = counter + 1 & 0x0F
        packet = bytes([SYNC, 0x40 | pid >> 8, pid & 0xFF, 0x10 | counter]) + b"\0" + section
        out += packet.ljust(PACKET, b"\xff")
    return out


def _section(table_id: int, number: int, body: bytes) -> bytes:
    head = bytes([table_id]) + (0xB000 | len(body) + 9).to_bytes(2, "big")
    section = head + number.to_bytes(2, "big") + b"\xc1\0\0" + body
    return section + _crc(section).to_bytes(4, "big")


def _crc(data: bytes) -> int:
    """CRC-32/MPEG-2 of ISO/IEC 13818-1, annex A."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
