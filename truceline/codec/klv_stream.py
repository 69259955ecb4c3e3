"""The telemetry of a whole stream: transport stream or bare KLV, in pieces of any size."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from truceline.codec.demux import Demux, Entry, PesPackets, distinct, is_transport_stream
from truceline.codec.klv import PREFIX, find_packet
from truceline.codec.klv_cells import HEADER_BYTES as UNIT_HEADER_BYTES
from truceline.codec.klv_cells import Cells, Tails, Unit
from truceline.codec.klv_cuts import HEAD_BYTES as KLV_HEAD_BYTES
from truceline.codec.klv_cuts import Bytes, Cuts, Ints, find_keys, is_known, joined, no_cuts, read_lengths
from truceline.codec.klv_tags import EG0104_KEY, KEY_BYTES, ST0601_KEY
from truceline.model.errors import BadInput
from truceline.model.text import percent

HEAD_BYTES = 4096  # enough to tell what a stream is
SYNCHRONOUS = 0xFC

Place = tuple[int, int, int]  # where a packet begins, its value begins, and it ends


class KlvStream:
    """Takes the bytes of a file piece by piece and hands over its KLV packets in file order.

    Attributes
    ----------
    form
        ``ts``, ``klv``, or ``""`` before enough bytes have come.
    known
        Whether a key of ours was seen, also of a packet that was cut.
    left_over_bytes
        Bytes of cut packets.
    skipped_bytes
        Noise between packets.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.form = ""
        self.known = False
        self._left_over_bytes = 0
        self._skipped_bytes = 0
        self._buffer = b""
        self._offset = 0
        self._size_bytes = 0
        self._demux = Demux()
        self._cells = Cells()
        self._tails = Tails()
        self._payloads: Counter[int] = Counter()  # by PID

    @property
    def left_over_bytes(self) -> int:
        return self._left_over_bytes + self._tails.lost_bytes + self._demux.left_over_bytes

    @property
    def skipped_bytes(self) -> int:
        return self._skipped_bytes + self._demux.skipped_bytes

    @property
    def entries(self) -> list[Entry]:
        """Random access points of the video."""
        return self._demux.entries

    @property
    def tables(self) -> bytes:
        """Program tables, to be put before a piece of the stream."""
        return self._demux.tables

    def feed(self, chunk: bytes) -> Cuts:
        """Take the next bytes.

        Raises
        ------
        BadInput
            If the stream is neither a transport stream nor KLV.
        """
        self._size_bytes += len(chunk)
        if not self.form:
            self._buffer += chunk
            if len(self._buffer) < HEAD_BYTES:
                return no_cuts()
            chunk, self._buffer = self._buffer, b""
            self._recognise(chunk)
        if self.form == "ts":
            return self._of_pes(self._demux.feed(chunk))
        self._buffer += chunk
        return self._bare(last=False)

    def finish(self) -> Cuts:
        """Say that the stream has ended; answer its last packets.

        Raises
        ------
        BadInput
            If the stream is empty or neither a transport stream nor KLV.
        """
        early = no_cuts()
        if not self.form:
            chunk, self._buffer = self._buffer, b""
            self._recognise(chunk)
            self._size_bytes -= len(chunk)
            early = self.feed(chunk)
        late = self._of_pes(self._demux.finish()) if self.form == "ts" else self._bare(last=True)
        late = joined([late, self._of_units(self._cells.finish())[1]])
        self._tails.finish()
        is_cut = self._buffer.startswith(PREFIX[: len(self._buffer)])
        self._left_over_bytes += len(self._buffer) * is_cut
        self._skipped_bytes += len(self._buffer) * (not is_cut)
        self._buffer = b""
        return joined([early, late])

    def notes(self) -> list[str]:
        """Say what was not taken, and what share that is."""
        missing, all_ = self._demux.missing_packets, self._demux.telemetry_packets
        lost = (
            (self.skipped_bytes, self._size_bytes, "bytes of noise skipped"),
            (self.left_over_bytes, self._size_bytes, "bytes of cut packets left over"),
            (missing, missing + all_, "transport packets of telemetry missing"),
        )
        return [f"{count} {what} ({percent(count, whole)})" for count, whole, what in lost if count]

    def _recognise(self, head: bytes) -> None:
        if not head:
            raise BadInput(self.where, "the file is empty")
        if head[0] == PREFIX[0]:
            self.form = "klv"
        elif is_transport_stream(head[: 4 * HEAD_BYTES]):
            self.form = "ts"
        else:
            raise BadInput(self.where, "neither an MPEG transport stream nor KLV packets")

    def _bare(self, last: bool) -> Cuts:
        data = np.frombuffer(self._buffer, np.uint8)
        keys = find_keys(data)
        self.known |= len(keys) > 0
        value, end = read_lengths(data, keys + KEY_BYTES, np.full(len(keys), len(data), np.int64))
        # Where the next key follows right behind a packet, many are taken at a time.
        leads_on = np.append(end[:-1] == keys[1:], False)
        breaks = np.flatnonzero(~leads_on)
        taken: list[Ints] = []
        at = 0
        while len(data) - at >= KEY_BYTES + 1:
            i = int(np.searchsorted(keys, at))
            if i < len(keys) and keys[i] == at and end[i] >= 0 and end[i] <= len(data):
                until = int(breaks[np.searchsorted(breaks, i)])
                until += 0 <= end[until] <= len(data)
                taken.append(np.arange(i, until))
                at = int(end[until - 1])
                continue
            after = self._step(at, int(keys[i]) if i < len(keys) and keys[i] > at else -1, last)
            if after is None and last:
                # A length that claims more than the file holds must not swallow the packets behind it.
                i = int(np.searchsorted(keys, at, side="right"))
                after = int(keys[i]) if i < len(keys) else None
                self._left_over_bytes += 0 if after is None else after - at
            if after is None:
                break
            at = after
        which = np.concatenate([np.zeros(0, np.int64), *taken])
        begin, no_pid, no_pts = keys[which], np.full(len(which), -1, np.int64), np.full(len(which), np.nan)
        found = Cuts(data, begin, value[which], end[which], no_pid, no_pts, self._offset + begin)
        self._buffer = self._buffer[at:]
        self._offset += at
        return found

    def _step(self, at: int, next_key: int, last: bool) -> int | None:
        """Get on from a place where no whole packet of ours begins; ``None``: more bytes must come."""
        data = self._buffer
        if not data.startswith(PREFIX, at):
            step = data.find(PREFIX, at + 1)
            step = len(data) - len(PREFIX) + 1 if step < 0 else step
            self._skipped_bytes += step - at
            return step
        cut = find_packet(data, at)
        if cut is None and len(data) - at < KLV_HEAD_BYTES:
            return None  # the length itself may still come
        if cut is None:
            self._skipped_bytes += 1
            return at + 1
        return None if cut.end > len(data) else cut.end

    def _of_pes(self, pes: PesPackets) -> Cuts:
        data, begin = pes.data, pes.begin
        head = np.minimum(begin[:, None] + np.arange(KEY_BYTES + UNIT_HEADER_BYTES), len(data) - 1)
        window = data[head]
        in_cells = (pes.stream_id == SYNCHRONOUS) & ~_begins(window)
        has_header = in_cells & _begins(window[:, UNIT_HEADER_BYTES:])
        begin = begin + np.where(has_header, UNIT_HEADER_BYTES, 0)
        window = np.where(has_header[:, None], window[:, UNIT_HEADER_BYTES:], window[:, :KEY_BYTES])
        value, end = read_lengths(data, begin + KEY_BYTES, pes.end)
        alone = is_known(window) & (end == pes.end)
        self.known |= bool(alone.any())
        whole = Cuts(
            data, begin[alone], value[alone], end[alone], pes.pid[alone], pes.pts_s[alone], pes.offset[alone]
        )
        nth = self._numbers(pes.pid)
        rest = [(i, one) for i in np.flatnonzero(~alone).tolist() for one in self._units(pes, i, int(nth[i]))]
        if not rest:
            return whole
        which, more = self._of_units([unit for _, unit in rest])
        owner = np.concatenate([np.flatnonzero(alone), np.array([i for i, _ in rest])[which]])
        return joined([whole, more]).ordered(np.argsort(owner, kind="stable"))

    def _numbers(self, pids: Ints) -> Ints:
        """Number payloads among those of their PID, from 1."""
        nth = np.zeros(len(pids), np.int64)
        for pid in distinct(pids).tolist():
            mine = np.flatnonzero(pids == pid)
            nth[mine] = self._payloads[pid] + 1 + np.arange(len(mine))
            self._payloads[pid] += len(mine)
        return nth

    def _units(self, pes: PesPackets, number: int, nth: int) -> list[Unit]:
        """Give the access units that a payload ends: most payloads are one."""
        data = pes.data[pes.begin[number] : pes.end[number]].tobytes()
        payload = Unit(data, int(pes.pid[number]), float(pes.pts_s[number]), int(pes.offset[number]))
        if pes.stream_id[number] != SYNCHRONOUS:
            return [payload._replace(nth=nth)]
        units = None if data.startswith(PREFIX) else self._cells.take(payload)
        return [payload._replace(header_bytes=UNIT_HEADER_BYTES)] if units is None else units

    def _of_units(self, units: list[Unit]) -> tuple[Ints, Cuts]:
        """Find the packets in access units, and the number of the unit that holds each of them."""
        kept: list[Unit] = []
        found: list[tuple[int, ...]] = []
        size = 0
        for number, unit in enumerate(units):
            for one in self._tails.ended(unit):
                places = list(self._walk(one))
                if places:
                    found += [(number, len(kept), *(size + at for at in place)) for place in places]
                    kept.append(one)
                    size += len(one.data)
        which, owner, begin, value, end = np.array(found, np.int64).reshape(-1, 5).T
        pid = np.array([unit.pid for unit in kept], np.int64)
        offset = np.array([unit.offset for unit in kept], np.int64)
        pts_s = np.array([unit.pts_s for unit in kept])
        data = np.frombuffer(b"".join(unit.data for unit in kept), np.uint8)
        return which, Cuts(data, begin, value, end, pid[owner], pts_s[owner], offset[owner])

    def _walk(self, unit: Unit) -> Iterator[Place]:
        """Find the packets of ours in an access unit."""
        data, at = unit.data, 0
        while at < len(data):
            at += 0 if data.startswith(PREFIX, at) else unit.header_bytes
            if not data.startswith(PREFIX, at):
                break  # begins inside a packet, or is no KLV at all
            cut = find_packet(data, at)
            ours = data.startswith((ST0601_KEY, EG0104_KEY), at)
            self.known |= ours
            if cut is None or cut.end > len(data):
                self._tails.keep(unit, at)
                break
            if ours:
                yield at, cut.value, cut.end
            at = cut.end


def _begins(window: Bytes) -> npt.NDArray[np.bool_]:
    return np.asarray((window[:, : len(PREFIX)] == np.frombuffer(PREFIX, np.uint8)).all(1))


def read_packets(chunks: Iterable[bytes], stream: KlvStream) -> Iterator[Cuts]:
    """Hand over the packets of a stream, chunk by chunk.

    Raises
    ------
    BadInput
        If it is neither a transport stream nor KLV, or holds no known key.
    """
    for chunk in chunks:
        yield stream.feed(chunk)
    yield stream.finish()
    if not stream.known:
        raise BadInput(stream.where, "no KLV stream with a known key (ST 0601 or EG 0104)")
