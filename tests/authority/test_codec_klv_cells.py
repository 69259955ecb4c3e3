"""Metadata access units in cells, built by the table of ISO/IEC 13818-1, 2.12.4 (MISB ST 1402 carries them).

``cell_fragment_indication``: 3 a whole unit, 2 its first, 0 a middle, 1 its last part; then two bytes of
length. Header: service, sequence number, indication and flags, length.
"""

import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_stream import KlvStream, read_packets

START_US = 1_700_000_000_000_000
FIRST, MIDDLE, LAST, WHOLE = 2, 0, 1, 3


def packet(i: int) -> bytes:
    return encode(START_US + i, {"platform_call_sign": "X" * 200})


def cell(part: int, data: bytes) -> bytes:
    return bytes([0, 7, part << 6 | 0x1F]) + len(data).to_bytes(2, "big") + data


def stream(*payloads: bytes, stream_id: int = 0xFC) -> bytes:
    """Write each payload as a PES packet with the time stamp of its number, in seconds."""
    out, count = b"", 0
    for number, payload in enumerate(payloads):
        ticks = 90_000 * number
        stamp = bytes([0x21 | ticks >> 29 & 0x0E]) + ((ticks >> 14 & 0xFFFE) | 1).to_bytes(2, "big")
        stamp += ((ticks << 1 & 0xFFFE) | 1).to_bytes(2, "big")
        head = b"\0\0\1" + bytes([stream_id]) + (len(payload) + 8).to_bytes(2, "big") + b"\x84\x80\x05"
        body = head + stamp + payload
        for at in range(0, len(body), 183):
            part = body[at : at + 183]
            field = bytes([183 - len(part)]) + (b"\0" + b"\xff" * (182 - len(part)))[: 183 - len(part)]
            out += bytes([0x47, 0x42 if at == 0 else 0x02, 0, 0x30 | count % 16]) + field + part
            count += 1
    return out


def read(data: bytes, size: int = 1 << 20) -> tuple[KlvStream, list]:
    reader = KlvStream("clip.ts")
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return reader, [one for some in read_packets(pieces, reader) for one in some]


def told(packets: list) -> list[tuple[int, float | None, bool | None]]:
    return [(one.time_us - START_US, one.pts_s, one.checksum_ok) for one in packets]


@pytest.mark.parametrize("size", [1 << 20, 188])
def test_unit_in_cells_of_several_pes_packets_is_put_together(size):
    one = packet(1)
    data = stream(
        cell(WHOLE, packet(0)), cell(FIRST, one[:90]), cell(MIDDLE, one[90:140]), cell(LAST, one[140:]),
        cell(WHOLE, packet(2)),
    )  # fmt: skip

    reader, packets = read(data, size)

    assert told(packets) == [(0, 0.0, True), (1, 1.0, True), (2, 4.0, True)]
    assert reader.left_over_bytes == 0


def test_unit_in_two_cells_of_one_pes_packet_is_put_together():
    one = packet(1)

    _, packets = read(stream(cell(FIRST, one[:90]) + cell(LAST, one[90:]) + cell(WHOLE, packet(2))))

    assert told(packets) == [(1, 0.0, True), (2, 0.0, True)]


def test_unit_whose_end_never_comes_is_left_over():
    one = packet(1)

    reader, packets = read(stream(cell(FIRST, one[:90]), cell(FIRST, one[:70]), cell(WHOLE, packet(2))))

    assert told(packets) == [(2, 2.0, True)]
    assert reader.left_over_bytes == 160


def test_stream_that_begins_inside_a_unit_is_read_from_the_next_one():
    one = packet(1)

    reader, packets = read(stream(cell(LAST, one[90:]), cell(WHOLE, packet(2))))

    assert told(packets) == [(2, 1.0, True)]
    assert reader.left_over_bytes == 0


@pytest.mark.parametrize("part", [FIRST, MIDDLE, LAST])
def test_whole_packets_are_read_whatever_the_headers_claim(part):
    _, packets = read(stream(*(cell(part, packet(i)) for i in range(4))))

    assert sorted(told(packets)) == [(i, float(i), True) for i in range(4)]


@pytest.mark.parametrize("size", [1 << 20, 188])
def test_packet_of_an_asynchronous_stream_goes_on_in_the_next_payloads(size):
    one = packet(1)
    data = stream(packet(0), one[:9], one[9:200], one[200:] + packet(2), packet(3), stream_id=0xBD)

    reader, packets = read(data, size)

    assert told(packets) == [(0, 0.0, True), (1, 1.0, True), (2, 3.0, True), (3, 4.0, True)]
    assert reader.left_over_bytes == 0


def test_cut_packet_does_not_go_on_behind_a_whole_one():
    one = packet(1)
    data = stream(one[:90], packet(2), one[90:], packet(3)[:50], stream_id=0xBD)

    reader, packets = read(data)

    assert told(packets) == [(2, 1.0, True)]
    assert reader.left_over_bytes == 90 + 50
