"""Transport streams out (ISO/IEC 13818-1): one video and one telemetry stream, as a drone sends them."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from truceline.codec.demux import PACKET, SYNC, TICKS_PER_S, WRAP_TICKS

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
        clock = max(0, round((unit.dts_s - 0.7) * TICKS_PER_S)) % WRAP_TICKS
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
    ticks = round(time_s * TICKS_PER_S) % WRAP_TICKS
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
