"""Live streams on loopback: MPEG-TS in UDP or RTP (RFC 2250, RFC 3550), cut at key frames.

Nothing is taken from other machines: a relay beside the node, with its own checks, brings the stream.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from truceline.codec.klv_cuts import Cuts, joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_stream import KlvStream
from truceline.model.errors import BadInput
from truceline.plug import Intake
from truceline.sources.flown import Flown

DATAGRAM_BYTES = 65_535
RTP_HEAD_BYTES = 12
TS_PAYLOAD = 33  # RTP payload type of MPEG-TS (RFC 3551)
TICK_S = 0.2
QUIET_S = 3.0  # a stream that is not followed has ended when nothing came for so long
LONGEST_BYTES = 64 << 20  # of a piece without a key frame
BUFFER_BYTES = 4 << 20
_ADDRESS = re.compile(r"udp:/{1,2}(\[[0-9a-f:]+\]|[\w.]+):(\d{1,5})")


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int


def address_of(path: str) -> Address | None:
    """Read ``udp://HOST:PORT``; ``None`` for everything else.

    Raises
    ------
    BadInput
        If the host is not loopback, or there is no such port.
    """
    if not path.startswith("udp:"):
        return None
    match = _ADDRESS.fullmatch(path)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise BadInput(path, "must be udp://127.0.0.1:PORT")
    host = match[1].strip("[]")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BadInput(path, "only loopback is listened to, e.g. udp://127.0.0.1:5004")
    return Address("127.0.0.1" if host == "localhost" else host, int(match[2]))


class Rtp:
    """Takes RTP heads off datagrams (RFC 3550) and counts what its numbers say is missing.

    Attributes
    ----------
    lost
        Datagrams that are missing.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._number: int | None = None

    def payload(self, datagram: bytes) -> bytes:
        """Give what a datagram carries; of one without a head, all of it."""
        is_rtp = len(datagram) > RTP_HEAD_BYTES and datagram[0] >> 6 == 2 and datagram[1] & 0x7F == TS_PAYLOAD
        if not is_rtp:
            return datagram
        number = int.from_bytes(datagram[2:4], "big")
        if self._number is not None:
            gap = (number - self._number - 1) & 0xFFFF
            self.lost += gap if gap < 0x8000 else 0  # a late one is not a loss of thousands
        self._number = number
        head = RTP_HEAD_BYTES + 4 * (datagram[0] & 0x0F)
        if datagram[0] & 0x10 and len(datagram) >= head + 4:
            head += 4 + 4 * int.from_bytes(datagram[head + 2 : head + 4], "big")
        spare = datagram[-1] if datagram[0] & 0x20 else 0
        return datagram[head : len(datagram) - spare]


class Receiver:
    """Receives datagrams, takes RTP heads off, and counts what was lost on the way.

    Attributes
    ----------
    lost
        Datagrams that RTP's numbers say are missing.
    """

    def __init__(self, address: Address) -> None:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._socket.bind((address.host, address.port))
        except OSError as error:
            self._socket.close()
            raise BadInput(
                f"udp://{address.host}:{address.port}", f"cannot be listened to: {error}"
            ) from error
        self._socket.settimeout(TICK_S)
        self._rtp = Rtp()

    @property
    def lost(self) -> int:
        return self._rtp.lost

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def take(self) -> bytes:
        """Give what came within a tick, as one piece of the stream; empty when nothing did."""
        parts: list[bytes] = []
        end_s = time.monotonic() + TICK_S
        while time.monotonic() < end_s:
            try:
                parts.append(self._rtp.payload(self._socket.recv(DATAGRAM_BYTES)))
            except TimeoutError:
                break
        return b"".join(parts)


def live_pieces(address: Address, piece_s: float, intake: Intake, *, follow: bool) -> Iterator[Flown]:
    """Yield the pieces of a stream as they are complete, until ``intake.stop``.

    Raises
    ------
    BadInput
        If the port cannot be listened to.
    """
    with Receiver(address) as receiver:
        live = _Live(address, piece_s, intake)
        quiet_since_s = time.monotonic()
        while not intake.stop.is_set():
            chunk = receiver.take()
            if chunk:
                quiet_since_s = time.monotonic()
                yield from live.feed(chunk, receiver)
            elif not follow and time.monotonic() - quiet_since_s > QUIET_S:
                break
        yield from live.finish(receiver)


class _Live:
    """A stream in the making: bytes since the last cut, and the packets in them."""

    def __init__(self, address: Address, piece_s: float, intake: Intake) -> None:
        self._name = f"udp-{address.port}"
        self._piece_s = piece_s
        self._intake = intake
        self._stream = KlvStream(self._name)
        self._data = bytearray()
        self._begin = 0  # of the piece in the stream, bytes
        self._cuts: list[Cuts] = []
        self._entries = 0
        self._begun_s: float | None = None
        self._count = 0
        self._lost = self._noise = self._noise_told = 0
        self._started = intake.now()

    def feed(self, chunk: bytes, receiver: Receiver) -> Iterator[Flown]:
        self._data += chunk
        try:
            self._cuts.append(self._stream.feed(chunk))
        except BadInput:  # not yet, or no transport stream at all: begin anew
            self._noise += len(self._data)
            self._stream, self._data, self._begin = KlvStream(self._name), bytearray(), 0
            return
        for entry in self._stream.entries[self._entries :]:
            self._entries += 1
            at_s = entry.pts_s
            if at_s is None or entry.offset <= self._begin:
                self._begun_s = at_s if self._begun_s is None else self._begun_s
                continue
            if self._begun_s is None:
                self._begun_s = at_s
            if not 0 <= at_s - self._begun_s < self._piece_s:
                yield from self._cut(entry.offset, receiver)
                self._begun_s = at_s
        if len(self._data) > LONGEST_BYTES:
            yield from self._cut(self._begin + len(self._data), receiver)

    def finish(self, receiver: Receiver) -> Iterator[Flown]:
        if not self._data:
            return
        try:
            self._cuts.append(self._stream.finish())
        except BadInput:  # too little, or nothing that is known
            return
        yield from self._cut(self._begin + len(self._data), receiver)

    def _cut(self, end: int, receiver: Receiver) -> Iterator[Flown]:
        size = end - self._begin
        clip, self._data = bytes(self._data[:size]), self._data[size:]
        packets = joined(self._cuts)
        inside = int(np.searchsorted(packets.offset, end))
        table = to_rows(packets.rows(0, inside))
        self._cuts = [packets.rows(inside, packets.count)]
        notes = []
        if receiver.lost > self._lost:
            notes.append(f"{receiver.lost - self._lost} datagrams lost")
        noise = self._noise + self._stream.skipped_bytes
        if noise > self._noise_told:
            notes.append(f"{noise - self._noise_told} bytes of noise")
        self._lost, self._noise_told = receiver.lost, noise
        tables = self._stream.tables if self._begin else b""
        now = self._intake.now()
        key = f"{self._started.isoformat()}:{self._count}"
        self._begin, self._count = end, self._count + 1
        yield Flown(key, self._name, tables + clip, self._stream.form, table, notes, now)
