"""Transport streams in (ISO/IEC 13818-1): telemetry PES packets, and places where a decoder may start.

The reader needs no program tables: it takes every PES packet of stream id 0xBD or 0xFC, so that a
stream whose tables are lost is still read. Transport packets are looked at as arrays throughout.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SYNC = 0x47
PACKET = 188
TICKS_PER_S = 90_000  # of a presentation time stamp
WRAP_TICKS = 1 << 33  # time stamps start anew after 26.5 hours
TELEMETRY_IDS = (0xBD, 0xFC)
PES_BYTES = 1 << 20  # of telemetry; a longer one is given up
FARTHER = 16  # times as far as before is looked while no noise comes, in transport packets
PID_BITS = 0x00FF_1F00  # of the first four bytes of a transport packet, the first of them in the lowest bits
WAITING = 256  # PES packets that may wait for an earlier one that is not finished

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Heads = npt.NDArray[np.uint32]


class PesPackets(NamedTuple):
    """Finished PES packets of telemetry, in the order in which they begin.

    The payload of packet i is ``data[begin[i]:end[i]]``; ``offset`` is where its first transport packet
    lies in the stream; ``pts_s`` is NaN where it has none.
    """

    data: Bytes
    begin: Ints
    end: Ints
    pid: Ints
    stream_id: Ints
    pts_s: npt.NDArray[np.float64]
    offset: Ints


class Entry(NamedTuple):
    """A place where a decoder may start: byte offset of the packet and presentation time."""

    offset: int
    pts_s: float | None


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
    telemetry_packets, missing_packets
        Transport packets of telemetry, and how many their counters say are not there (of a gap, at most 15).
    entries
        Random access points of the video, in file order.
    tables
        First PAT and PMT, put before a piece so that it can be decoded.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.skipped_bytes = 0
        self.left_over_bytes = 0
        self.telemetry_packets = 0
        self.missing_packets = 0
        self.entries: list[Entry] = []
        self.tables: bytes = b""
        self._buffer = b""
        self._offset = 0  # of the buffer's first byte in the stream
        self._telemetry: set[int] = set()  # PIDs of telemetry, as their bits lie in a packet's head
        self._before: dict[int, Bytes] = {}  # the last transport packet of each telemetry PID
        self._waiting = np.zeros((0, PACKET), np.uint8)
        self._waiting_at = np.zeros(0, np.int64)
        self._table_pids = {0}
        self._table_seen: set[int] = set()

    def feed(self, chunk: bytes) -> PesPackets:
        """Take the next bytes; answer the PES packets that are finished, in file order."""
        self._buffer += chunk
        before = len(self._waiting)
        self._scan(last=False)
        return self._assemble(last=False) if len(self._waiting) > before else _no_packets()

    def finish(self) -> PesPackets:
        """Say that the stream has ended; answer what was still open."""
        self._scan(last=True)
        self.left_over_bytes += len(self._buffer)
        self._buffer = b""
        return self._assemble(last=True)

    def _scan(self, last: bool) -> None:
        data = np.frombuffer(self._buffer, np.uint8)
        at, most = 0, len(data)
        while len(data) - at >= PACKET:
            count = min((len(data) - at) // PACKET, most)
            block = data[at : at + count * PACKET].reshape(count, PACKET)
            head = _heads(self._buffer, at, count)
            wrong = head & 0xFF != SYNC
            good = int(wrong.argmax()) if wrong.any() else count
            if 0 < good < count and _began_inside(data[at + (good - 1) * PACKET :]):
                good -= 1  # a byte of noise looked like the sync byte of that packet
            if good:
                self._packets(block[:good], head[:good], self._offset + at)
                at += good * PACKET
                most *= FARTHER
            if good < count:
                step = _next_sync(data[at + 1 :], last)
                if step is None:  # the rest cannot be judged before more bytes have come
                    break
                self.skipped_bytes += step + 1
                at += step + 1
                most = (
                    FARTHER  # where noise is frequent, what lies behind it must not be read again and again
                )
        if last and len(data) - at >= PACKET:
            self.skipped_bytes += len(data) - at
            at = len(data)
        self._buffer = self._buffer[at:]
        self._offset += at

    def _packets(self, block: Bytes, head: Heads, offset: int) -> None:
        self.packets += len(block)
        heads = np.flatnonzero(head & 0x1000_4000 == 0x1000_4000)  # a unit starts, and there is a payload
        at = np.where(head[heads] & 0x2000_0000 != 0, 5 + block[heads, 4].astype(np.int64), 4)
        heads, at = heads[at <= PACKET - 4], at[at <= PACKET - 4]
        is_pes = (block[heads, at] == 0) & (block[heads, at + 1] == 0) & (block[heads, at + 2] == 1)
        ids = block[heads, at + 3]
        self._telemetry |= set((head[heads[is_pes & _is_telemetry_id(ids)]] & PID_BITS).tolist())
        if self._table_pids - self._table_seen:
            self._keep_tables(block, heads, at)
        video = is_pes & (ids >= 0xE0) & (ids <= 0xEF)
        has_field = at > 5
        for i in np.flatnonzero(video & has_field & (block[heads, 5] & 0x40 != 0)):
            start = block[heads[i], at[i] :].tobytes()
            self.entries.append(Entry(offset + int(heads[i]) * PACKET, _pts_s(start)))
        if not self._telemetry:
            return
        told = head & (PID_BITS | 0x1000_0000)  # and whether there is a payload
        wanted = np.array([bits | 0x1000_0000 for bits in self._telemetry], np.uint32)
        ours = np.flatnonzero(np.isin(told, wanted, kind="sort"))  # the other kind makes a table at each call
        if len(ours):
            rows = block[ours]
            self._keep(rows, _pids(rows), offset + ours * PACKET)

    def _keep(self, rows: Bytes, pid: Ints, offset: Ints) -> None:
        """Put telemetry packets aside, without those sent twice (as the standard allows)."""
        fresh = np.ones(len(rows), bool)
        for number in distinct(pid):
            mine = np.flatnonzero(pid == number)
            first = self._before.get(int(number), np.zeros(PACKET, np.uint8))
            before = np.concatenate([first[None], rows[mine[:-1]]])
            same = (rows[mine, 3] ^ before[:, 3]) & 0x0F == 0
            same[same] = _alike(rows[mine[same]], before[same])
            fresh[mine] = ~same if before[0, 0] else np.concatenate([[True], ~same[1:]])
            self._before[int(number)] = rows[mine[-1]].copy()
            self.missing_packets += _missing(before, rows[mine])
        self.telemetry_packets += int(fresh.sum())
        self._waiting = np.concatenate([self._waiting, rows[fresh]])
        self._waiting_at = np.concatenate([self._waiting_at, offset[fresh]])

    def _keep_tables(self, block: Bytes, heads: npt.NDArray[np.intp], at: Ints) -> None:
        pid = _pids(block[heads, :3])
        while missing := sorted(self._table_pids - self._table_seen):
            found = {number: np.flatnonzero(pid == number) for number in missing}
            taken = [(number, int(places[0])) for number, places in found.items() if len(places)]
            for number, i in taken:
                packet = block[heads[i]].tobytes()
                self._table_seen.add(number)
                self.tables += packet
                if number == 0:
                    self._table_pids |= _programs(packet[int(at[i]) + 1 + packet[int(at[i])] :])
            if not taken:
                break

    def _assemble(self, last: bool) -> PesPackets:
        rows, where = self._waiting, self._waiting_at
        pid = _pids(rows)
        starts = rows[:, 1] & 0x40 != 0
        owner = _owners(pid, starts)
        order = np.argsort(owner, kind="stable")
        order = order[owner[order] >= 0]
        at = np.minimum(_payload_at(rows[order]), PACKET)
        inside = np.arange(PACKET, dtype=np.uint8) >= at[:, None].astype(np.uint8)
        data = np.concatenate([rows[order][inside], np.zeros(16, np.uint8)])  # heads can be read past a cut
        first = np.flatnonzero(np.diff(owner[order], prepend=-1))
        edges = np.concatenate([[0], np.cumsum(PACKET - at)])
        begin = edges[first]
        size = np.diff(np.append(begin, edges[-1]))
        begun = owner[order][first]
        declared = data[begin + 4].astype(np.int64) << 8 | data[begin + 5]
        wanted = np.where((size >= 6) & (declared > 0), declared + 6, PES_BYTES)
        done = (size >= wanted) | _followed(pid[begun])
        unfinished = np.flatnonzero(~done)
        # One that never ends must not keep the others waiting.
        unfinished = unfinished[len(done) - unfinished <= WAITING]
        out = len(done) if last or not len(unfinished) else int(unfinished[0])
        stays = owner >= (begun[out] if out < len(begun) else len(rows))
        self._waiting, self._waiting_at = rows[stays], where[stays]
        ids = data[begin + 3]
        mine = np.flatnonzero(_is_telemetry_id(ids) & (np.arange(len(done)) < out))
        head_bytes = np.minimum(9 + data[begin + 8].astype(np.int64), size)
        end = begin + np.minimum(size, wanted)
        return PesPackets(
            data,
            np.minimum(begin + head_bytes, end)[mine],
            end[mine],
            pid[begun[mine]],
            ids[mine].astype(np.int64),
            _pts(data, begin[mine], size[mine]),
            where[begun[mine]],
        )


def distinct(pid: Ints) -> Ints:
    """Give each PID once; most streams of telemetry have one."""
    return pid[:1] if (pid == pid[:1]).all() else np.unique(pid)


def _alike(rows: Bytes, before: Bytes) -> Flags:
    """Tell which packets are the same in all but their clock, which the standard lets differ (2.4.3.3).

    Equal counters alone do not make a packet one sent twice: some multiplexers never count.
    """
    differs = rows != before
    has_clock = (rows[:, 3] & 0x20 != 0) & (rows[:, 4] >= 7) & (rows[:, 5] & 0x10 != 0)
    differs[has_clock, 6:12] = False
    return np.asarray(~differs.any(1))


def _missing(before: Bytes, rows: Bytes) -> int:
    """Count by their counters the packets that lay between these and those before, unless a cut is stated."""
    steps = rows[:, 3] - before[:, 3] & 0x0F
    cut = (rows[:, 3] & 0x20 != 0) & (rows[:, 4] > 0) & (rows[:, 5] & 0x80 != 0)
    counts = (before[:, 0] == SYNC) & (steps > 1) & ~cut
    return int((steps[counts].astype(np.int64) - 1).sum())


def _no_packets() -> PesPackets:
    none = np.zeros(0, np.int64)
    return PesPackets(np.zeros(16, np.uint8), none, none, none, none, np.zeros(0), none)


def _heads(data: bytes, at: int, count: int) -> Heads:
    """Take the first four bytes of transport packets, the first of them in the lowest bits."""
    return np.ndarray(count, "<u4", data, at, PACKET).astype(np.uint32)


def _pids(rows: Bytes) -> Ints:
    return (rows[:, 1].astype(np.int64) & 0x1F) << 8 | rows[:, 2]


def _programs(section: bytes) -> set[int]:
    """Read where the program tables are from the association table, its pointer field left out."""
    end = min(len(section), 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4)
    entries = (section[place : place + 4] for place in range(8, end - 3, 4))
    # Program 0 names the network table.
    return {int.from_bytes(one[2:], "big") & 0x1FFF for one in entries if one[:2] != b"\0\0"}


def _is_telemetry_id(ids: Bytes) -> Flags:
    return np.asarray((ids == TELEMETRY_IDS[0]) | (ids == TELEMETRY_IDS[1]))


def _payload_at(rows: Bytes) -> Ints:
    """Where the payload of each transport packet begins."""
    return np.where(rows[:, 3] & 0x20 != 0, 5 + rows[:, 4].astype(np.int64), 4)


def _owners(pid: Ints, starts: Flags) -> Ints:
    """For each row the row that began its PES packet, -1 before the first start of its PID."""
    owner = np.full(len(pid), -1, np.int64)
    for number in distinct(pid):
        mine = np.flatnonzero(pid == number)
        owner[mine] = np.maximum.accumulate(np.where(starts[mine], mine, -1))
    return owner


def _followed(pid: Ints) -> Flags:
    """Tell for each PES packet whether a later one of the same PID has begun."""
    followed = np.ones(len(pid), bool)
    for number in distinct(pid):
        followed[np.flatnonzero(pid == number)[-1]] = False
    return followed


def _began_inside(data: Bytes) -> bool:
    """Tell whether the packets that follow begin inside this one: then it is noise itself."""
    window = data[1 : 3 * PACKET]
    if len(window) < 3 * PACKET - 1:
        return False
    parts = window[: PACKET - 1], window[PACKET : 2 * PACKET - 1], window[2 * PACKET :]
    return bool(np.any((parts[0] == SYNC) & (parts[1] == SYNC) & (parts[2][: PACKET - 1] == SYNC)))


def _next_sync(data: Bytes, last: bool) -> int | None:
    """Find the next sync byte that another follows 188 bytes on, or that begins the last packet."""
    reach, seen = FARTHER * PACKET, 0
    while seen + PACKET < len(data):
        part = data[seen : seen + reach + PACKET]
        pairs = np.flatnonzero((part[:-PACKET] == SYNC) & (part[PACKET:] == SYNC))
        if len(pairs):
            return seen + int(pairs[0])
        seen, reach = seen + reach, reach * FARTHER
    if last:
        return len(data) - PACKET if len(data) >= PACKET and data[-PACKET] == SYNC else None
    return len(data) - PACKET if len(data) > PACKET else None


def _pts_s(pes: bytes) -> float | None:
    """Read the presentation time stamp in the head of a PES packet, seconds."""
    if len(pes) < 14 or not pes[7] & 0x80:
        return None
    ticks = (pes[9] >> 1 & 7) << 30 | (int.from_bytes(pes[10:12], "big") >> 1) << 15
    return (ticks | int.from_bytes(pes[12:14], "big") >> 1) / TICKS_PER_S


def _pts(data: Bytes, begin: Ints, size: Ints) -> npt.NDArray[np.float64]:
    """Read many time stamps at a time; NaN where there is none."""
    b = [data[begin + k].astype(np.int64) for k in range(7, 14)]
    ticks = (b[2] >> 1 & 7) << 30 | (b[3] << 8 | b[4]) >> 1 << 15 | (b[5] << 8 | b[6]) >> 1
    return np.where((size >= 14) & (b[0] & 0x80 != 0), ticks / TICKS_PER_S, np.nan)


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
