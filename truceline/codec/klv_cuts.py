"""Where KLV packets lie in a buffer: found for many at a time, decoded later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from truceline.codec.klv import PACKET_BYTES, Packet, decode
from truceline.codec.klv_tags import EG0104_KEY, KEY_BYTES, ST0601_KEY

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

KEYS = tuple(np.frombuffer(key, np.uint8) for key in (ST0601_KEY, EG0104_KEY))
HEAD_BYTES = KEY_BYTES + 9  # of a key and the longest length


@dataclass(frozen=True)
class Cuts:
    """Packets of known keys: packet i is ``data[begin[i]:end[i]]``, its value starts at ``value[i]``.

    ``pid`` is -1 and ``pts_s`` NaN where there is none; ``offset`` is the place of the packet's carrier
    in the file, in bytes. Iterating decodes packet by packet.
    """

    data: Bytes
    begin: Ints
    value: Ints
    end: Ints
    pid: Ints
    pts_s: Floats
    offset: Ints

    @property
    def count(self) -> int:
        return len(self.begin)

    def __iter__(self) -> Iterator[Packet]:
        for row in range(len(self.begin)):
            begin = int(self.begin[row])
            packet = decode(self.data[begin : int(self.end[row])].tobytes(), int(self.value[row]) - begin)
            if packet is not None:
                pid, pts_s = int(self.pid[row]), float(self.pts_s[row])
                yield packet._replace(
                    pid=None if pid < 0 else pid,
                    pts_s=None if np.isnan(pts_s) else pts_s,
                    offset=int(self.offset[row]),
                )

    def rows(self, first: int, end: int) -> "Cuts":
        """Give the packets from ``first`` up to ``end``."""
        return self._some(slice(first, end))

    def ordered(self, order: Ints) -> "Cuts":
        """Give the packets in another order."""
        return self._some(order)

    def _some(self, some: slice | Ints) -> "Cuts":
        return Cuts(
            self.data,
            self.begin[some],
            self.value[some],
            self.end[some],
            self.pid[some],
            self.pts_s[some],
            self.offset[some],
        )


def no_cuts() -> Cuts:
    """Give no packets."""
    none = np.zeros(0, np.int64)
    return Cuts(np.zeros(0, np.uint8), none, none, none, none, np.zeros(0), none)


def joined(parts: Sequence[Cuts]) -> Cuts:
    """Put packets of several buffers one behind the other."""
    parts = [part for part in parts if part.count]
    if len(parts) < 2:
        return parts[0] if parts else no_cuts()
    starts = np.cumsum([0, *(len(part.data) for part in parts[:-1])])
    shift = np.repeat(starts, [part.count for part in parts])
    return Cuts(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.begin for part in parts]) + shift,
        np.concatenate([part.value for part in parts]) + shift,
        np.concatenate([part.end for part in parts]) + shift,
        np.concatenate([part.pid for part in parts]),
        np.concatenate([part.pts_s for part in parts]),
        np.concatenate([part.offset for part in parts]),
    )


def find_keys(data: Bytes) -> Ints:
    """Find where a key of ours begins, in order."""
    last = len(data) - KEY_BYTES + 1
    if last <= 0:
        return np.zeros(0, np.int64)
    places = np.flatnonzero(data[:last] == KEYS[0][0])
    for k in (1, 2, 3):
        places = places[data[places + k] == KEYS[0][k]]
    return np.asarray(places[is_known(data[places[:, None] + np.arange(KEY_BYTES)])], np.int64)


def is_known(window: Bytes) -> npt.NDArray[np.bool_]:
    """Tell for many keys, shape (n, 16), whether they are ours."""
    return np.asarray((window == KEYS[0]).all(1) | (window == KEYS[1]).all(1))


def read_lengths(data: Bytes, at: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Read BER lengths at many places: where the values begin and end; -1 where cut off or absurd.

    Parameters
    ----------
    data
        The buffer.
    at
        Places of the length fields.
    ends
        Where the bytes that belong to each of them end.
    """
    inside = at < ends
    first = np.where(inside, data[np.minimum(at, len(data) - 1)].astype(np.int64), 0x80)
    count = np.where(first < 0x80, 0, first & 0x7F)
    good = inside & ((first < 0x80) | ((count >= 1) & (count <= 8))) & (at + 1 + count <= ends)
    length = np.where(first < 0x80, first, 0)
    for k in range(int(count[good].max(initial=0))):
        more = good & (count > k)
        length[more] = np.minimum(length[more] << 8 | data[at[more] + 1 + k], PACKET_BYTES + 1)
    good &= length <= PACKET_BYTES
    value = np.where(good, at + 1 + count, -1)
    return value, np.where(good, value + length, -1)
