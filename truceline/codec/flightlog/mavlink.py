"""MAVLink 1 and 2 (mavlink.io, "Packet serialization"): positions of a telemetry log or of a live link.

A log is frames, each behind eight bytes of time; noise lies between them. A frame is believed when its
checksum is right, wherever it begins, so that a broken length never hides the frames behind it.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.codec.flightlog.track import track_table

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

MAGIC = (0xFE, 0xFD)  # MAVLink 1 and 2
STAMP_BYTES = 8
GLOBAL_POSITION_INT = 33
_EXTRA = 104  # of GLOBAL_POSITION_INT: seeds the checksum with the message's definition
_PAYLOAD = 28
_LONGEST = 10 + 255 + 2 + 13  # head, payload, checksum, signature
_FIELDS = np.dtype(
    [
        ("boot_ms", "<u4"), ("lat", "<i4"), ("lon", "<i4"), ("alt_mm", "<i4"), ("rel_mm", "<i4"),
        ("vx", "<i2"), ("vy", "<i2"), ("vz", "<i2"), ("heading", "<u2"),
    ]
)  # fmt: skip


def _crc_table() -> npt.NDArray[np.uint16]:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ 0x8408, table >> 1).astype(np.uint16)
    return table


_CRC = _crc_table()  # CRC-16/MCRF4XX


class Positions(NamedTuple):
    """GLOBAL_POSITION_INT messages: time stamps in microseconds, the system that sent them, fields."""

    time_us: Ints
    system: Ints
    fields: npt.NDArray[np.void]


class MavlinkLog:
    """Takes a telemetry log piece by piece; without stamps, the datagrams of a live link.

    Attributes
    ----------
    bad_frames
        Positions whose checksum was wrong.
    skipped_bytes
        Bytes that belong to no frame.
    left_over_bytes
        Bytes of a frame that the end cuts (after the last piece).
    """

    def __init__(self, has_stamps: bool = True) -> None:
        self.bad_frames = 0
        self.skipped_bytes = 0
        self.left_over_bytes = 0
        self._stamp = STAMP_BYTES if has_stamps else 0
        self._buffer = b""
        self._covered = 0  # in the buffer: where the last frame that was counted ends

    def feed(self, chunk: bytes, last: bool = False) -> Positions:
        """Take the next bytes (with ``last``: there are no more)."""
        self._buffer += chunk
        data = np.frombuffer(self._buffer, np.uint8)
        # What begins in the tail is looked at when the rest of it is there.
        reach = len(data) if last else max(0, len(data) - _LONGEST - self._stamp)
        at = np.flatnonzero((data[:reach] == MAGIC[0]) | (data[:reach] == MAGIC[1]))
        at = at[(at >= self._stamp) & (at + 8 <= len(data))]
        frames = _frames(data, at)
        ours = (frames.message == GLOBAL_POSITION_INT) & (frames.end <= len(data))
        ours &= (frames.length <= _PAYLOAD) & ((frames.head == 10) | (frames.length == _PAYLOAD))
        right = _checks(data, frames, np.flatnonzero(ours))
        found = _positions(data, frames, right, self._stamp)
        self._count(data, frames, right, ours, reach if last else max(0, reach - self._stamp))
        self._buffer = self._buffer[max(0, reach - self._stamp) :]
        return found

    def _count(
        self, data: Bytes, frames: "_Frames", right: Ints, ours: npt.NDArray[np.bool_], upto: int
    ) -> None:
        """Count what is no frame; other messages count as frames when another one follows them."""
        follows = np.append(data, np.zeros(_LONGEST + STAMP_BYTES, np.uint8))[frames.end + self._stamp]
        linked = np.isin(follows, MAGIC) | (frames.end == len(data))
        linked |= np.isin(frames.at, frames.end[linked] + self._stamp)  # or it follows one itself
        cut = (frames.end > len(data)) & (linked | (frames.at == self._covered + self._stamp))
        linked |= cut & (upto == len(data))
        wrong = ours & linked
        wrong[right] = False
        self.bad_frames += int(wrong.sum())
        linked[right] = True
        linked &= ~wrong
        begin, end = frames.at[linked] - self._stamp, frames.end[linked]
        # Bytes are counted once: up to ``upto``, less those that frames cover.
        covered_to = np.maximum.accumulate(np.concatenate([[self._covered], end]))
        fresh = np.minimum(end, upto) - np.maximum(begin, covered_to[:-1])
        covered = min(self._covered, upto) + int(np.clip(fresh, 0, None).sum())
        self.skipped_bytes += upto - covered
        self._covered = max(0, int(covered_to[-1]) - upto)
        self.left_over_bytes = int((len(data) - frames.at[cut] + self._stamp).max(initial=0))


class _Frames(NamedTuple):
    at: Ints
    head: Ints  # bytes before the payload
    length: Ints
    message: Ints
    system: Ints
    end: Ints


def _frames(data: Bytes, at: Ints) -> _Frames:
    b = np.concatenate([data, np.zeros(16, np.uint8)]).astype(np.int64) if len(at) else np.zeros(16, np.int64)
    second = b[at] == MAGIC[1]
    length = b[at + 1]
    message = np.where(second, b[at + 7] | b[at + 8] << 8 | b[at + 9] << 16, b[at + 5])
    system = np.where(second, b[at + 5], b[at + 3])
    head = np.where(second, 10, 6)
    signature = np.where(second & (b[at + 2] & 1 == 1), 13, 0)
    return _Frames(at, head, length, message, system, at + head + length + 2 + signature)


def _checks(data: Bytes, frames: _Frames, which: Ints) -> Ints:
    """Give those of some frames whose checksum is right and which do not overlap an earlier one."""
    good = np.zeros(len(frames.at), bool)
    shape = frames.head * 256 + frames.length
    for one in np.unique(shape[which]):
        same = which[shape[which] == one]
        size = int(frames.head[same[0]] + frames.length[same[0]])
        rows = data[frames.at[same][:, None] + np.arange(size + 2)]
        crc = np.full(len(same), 0xFFFF, np.uint16)
        for k in range(1, size):
            crc = crc >> 8 ^ _CRC[(crc ^ rows[:, k]) & 0xFF]
        crc = crc >> 8 ^ _CRC[(crc ^ _EXTRA) & 0xFF]
        good[same] = crc == (rows[:, size] | rows[:, size + 1].astype(np.uint16) << 8)
    kept, until = [], 0
    for i in np.flatnonzero(good):
        if frames.at[i] >= until:
            kept.append(i)
            until = int(frames.end[i])
    return np.array(kept, np.int64)


def _positions(data: Bytes, frames: _Frames, right: Ints, stamp: int) -> Positions:
    payload = np.zeros((len(right), _PAYLOAD), np.uint8)
    for row, i in enumerate(right):
        begin = int(frames.at[i] + frames.head[i])
        length = int(frames.length[i])  # MAVLink 2 leaves out the zeros at the end
        payload[row, :length] = data[begin : begin + length]
    stamps = np.zeros(len(right), np.int64)
    for k in range(stamp):
        stamps = stamps << 8 | data[frames.at[right] - stamp + k]
    return Positions(stamps, frames.system[right], payload.view(_FIELDS)[:, 0])


def stamped(positions: Positions, time_us: int) -> Positions:
    """Give positions of a live link the time at which they came, microseconds since 1970."""
    return positions._replace(time_us=np.full(len(positions.fields), time_us, np.int64))


def positions_table(parts: list[Positions]) -> pa.Table:
    """Make rows of a track: heights above mean sea level and above home, degrees, UTC."""
    time_us = np.concatenate([part.time_us for part in parts])
    fields = np.concatenate([part.fields for part in parts])
    heading = fields["heading"].astype(float) / 100
    heading[fields["heading"] == 0xFFFF] = np.nan
    return track_table(
        {
            "t_s": (time_us - time_us[0]) / 1e6 if len(time_us) else time_us,
            "time": time_us.astype(float) if not len(time_us) else time_us,
            "lat_deg": fields["lat"] / 1e7,
            "lon_deg": fields["lon"] / 1e7,
            "msl_m": fields["alt_mm"] / 1e3,
            "rel_alt_m": fields["rel_mm"] / 1e3,
            "heading_deg": heading,
        },
        "GLOBAL_POSITION_INT",
    )
