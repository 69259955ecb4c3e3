"""The telemetry of a whole stream: transport stream or bare KLV, in pieces of any size."""

from collections.abc import Iterable, Iterator

from truceline.codec.klv import PREFIX, Packet, decode, find_packet
from truceline.codec.klv_tags import EG0104_KEY, KEY_BYTES, ST0601_KEY
from truceline.codec.mpegts import Demux, Entry, Pes, is_transport_stream
from truceline.model.errors import BadInput

HEAD_BYTES = 4096  # enough to tell what a stream is
UNIT_HEADER_BYTES = 5  # of an access unit in a synchronous stream (ISO/IEC 13818-1, 2.12.4)
SYNCHRONOUS = 0xFC


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
        self._demux = Demux()

    @property
    def left_over_bytes(self) -> int:
        return self._left_over_bytes + self._demux.left_over_bytes

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

    def feed(self, chunk: bytes) -> list[Packet]:
        """Take the next bytes.

        Raises
        ------
        BadInput
            If the stream is neither a transport stream nor KLV.
        """
        if not self.form:
            self._buffer += chunk
            if len(self._buffer) < HEAD_BYTES:
                return []
            chunk, self._buffer = self._buffer, b""
            self._recognise(chunk)
        if self.form == "ts":
            return [packet for pes in self._demux.feed(chunk) for packet in self._of_pes(pes)]
        self._buffer += chunk
        return self._bare()

    def finish(self) -> list[Packet]:
        """Say that the stream has ended; answer its last packets.

        Raises
        ------
        BadInput
            If the stream is empty or neither a transport stream nor KLV.
        """
        packets: list[Packet] = []
        if not self.form:
            chunk, self._buffer = self._buffer, b""
            self._recognise(chunk)
            packets = self.feed(chunk)
        packets += [packet for pes in self._demux.finish() for packet in self._of_pes(pes)]
        # A length that claims more than the file holds must not swallow the packets behind it.
        while (step := _next_known(self._buffer)) > 0:
            self._left_over_bytes += step
            self._buffer = self._buffer[step:]
            packets += self._bare()
        self._left_over_bytes += len(self._buffer)
        self._buffer = b""
        return packets

    def notes(self) -> list[str]:
        """Say what was not taken, one line each."""
        notes = []
        if self.skipped_bytes:
            notes.append(f"{self.where}: {self.skipped_bytes} bytes of noise skipped")
        if self.left_over_bytes:
            notes.append(f"{self.where}: {self.left_over_bytes} bytes of cut packets left over")
        return notes

    def _recognise(self, head: bytes) -> None:
        if not head:
            raise BadInput(self.where, "the file is empty")
        if head[0] == PREFIX[0]:
            self.form = "klv"
        elif is_transport_stream(head[: 4 * HEAD_BYTES]):
            self.form = "ts"
        else:
            raise BadInput(self.where, "neither an MPEG transport stream nor KLV packets")

    def _bare(self) -> list[Packet]:
        data, at = self._buffer, 0
        packets: list[Packet] = []
        while len(data) - at >= KEY_BYTES + 1:
            if not data.startswith(PREFIX, at):
                step = data.find(PREFIX, at + 1)
                step = len(data) - len(PREFIX) + 1 if step < 0 else step
                self._skipped_bytes += step - at
                at = step
                continue
            cut = find_packet(data, at)
            if cut is None and len(data) - at < KEY_BYTES + 9:
                break  # the length itself may still come
            if cut is None:
                self._skipped_bytes += 1
                at += 1
                continue
            self.known |= _is_known(data, at)
            if cut.end > len(data):
                break
            packet = decode(data[at : cut.end], cut.value - at)
            if packet is not None:
                packets.append(packet._replace(offset=self._offset + at))
            at = cut.end
        self._buffer = data[at:]
        self._offset += at
        return packets

    def _of_pes(self, pes: Pes) -> Iterator[Packet]:
        data, at = pes.payload, 0
        while at < len(data):
            if not data.startswith(PREFIX, at):
                if pes.stream_id != SYNCHRONOUS or not data.startswith(PREFIX, at + UNIT_HEADER_BYTES):
                    break  # begins inside a packet, or is no KLV at all
                at += UNIT_HEADER_BYTES
            cut = find_packet(data, at)
            self.known |= _is_known(data, at)
            if cut is None or cut.end > len(data):
                self._left_over_bytes += len(data) - at
                break
            packet = decode(data[at : cut.end], cut.value - at)
            if packet is not None:
                yield packet._replace(pid=pes.pid, pts_s=pes.pts_s, offset=pes.offset)
            at = cut.end


def _next_known(data: bytes) -> int:
    places = [data.find(key, 1) for key in (ST0601_KEY, EG0104_KEY)]
    return min((place for place in places if place > 0), default=-1)


def _is_known(data: bytes, at: int) -> bool:
    return data.startswith((ST0601_KEY, EG0104_KEY), at)


def read_packets(chunks: Iterable[bytes], stream: KlvStream) -> Iterator[list[Packet]]:
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
