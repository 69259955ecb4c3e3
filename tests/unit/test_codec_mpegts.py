"""Transport streams: order, loss, noise, doubles, access-unit headers, cut ends."""

import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.codec.mpegts import PACKET, Unit, mux
from truceline.model.errors import BadInput

START_US = 1_700_000_000_000_000


def packet(i: int) -> bytes:
    return encode(START_US + i, {"platform_call_sign": "X" * 200})


def stream(count: int = 10) -> bytes:
    units = [Unit(1 + i / 25, 1 + i / 25, i % 5 == 0, bytes(300 + i)) for i in range(count)]
    return mux(units, [(1 + i / 25, packet(i)) for i in range(count)])


def read(data: bytes) -> tuple[KlvStream, list]:
    reader = KlvStream("clip.ts")
    return reader, [one for some in read_packets([data], reader) for one in some]


def numbers(packets: list) -> list[int]:
    return [one.time_us - START_US for one in packets]


def pes(stream_id: int, payload: bytes, pid: int = 0x200, flags: bytes = b"\x84\x00\x00") -> bytes:
    body = b"\0\0\1" + bytes([stream_id]) + (len(payload) + 3).to_bytes(2, "big") + flags + payload
    out = b""
    for i, at in enumerate(range(0, len(body), 184)):
        part = body[at : at + 184]
        field = b""
        if len(part) < 184:
            spare = 183 - len(part)
            field = bytes([spare]) + (b"\0" + b"\xff" * (spare - 1) if spare else b"")
        head = bytes(
            [0x47, (0x40 if i == 0 else 0) | pid >> 8, pid & 0xFF, (0x30 if field else 0x10) | i & 15]
        )
        out += head + field + part
    return out


def test_every_transport_packet_has_188_bytes_and_a_sync_byte():
    data = stream()

    assert len(data) % PACKET == 0
    assert set(data[::PACKET]) == {0x47}


def test_packets_carry_the_presentation_time_they_were_given():
    _, packets = read(stream())

    assert [one.pts_s for one in packets] == pytest.approx([1 + i / 25 for i in range(10)], abs=1e-5)


def test_key_frames_are_places_to_cut():
    reader, _ = read(stream())

    assert [entry.pts_s for entry in reader.entries] == pytest.approx([1.0, 1.2])


def test_noise_between_packets_is_counted_and_nothing_is_lost():
    data = stream()
    cut = 6 * PACKET

    reader, packets = read(data[:cut] + b"\x47" + b"noise" * 30 + data[cut:])

    assert numbers(packets) == list(range(10))
    assert reader.skipped_bytes == 151


def test_noise_time_and_again_loses_nothing():
    data = stream()
    parts = [data[at : at + 7 * PACKET] for at in range(0, len(data), 7 * PACKET)]

    reader, found = read(b"\x47\x00\x11".join(parts))

    assert numbers(found) == list(range(10))
    assert reader.skipped_bytes == 3 * (len(parts) - 1)


def test_tables_are_kept_from_a_stream_that_comes_in_one_piece():
    data = stream()

    reader, _ = read(data)

    assert len(reader.tables) == 2 * PACKET
    assert reader.tables in data


def test_noise_in_front_of_the_first_packet_is_skipped():
    reader, packets = read(b"\x12" * 77 + stream())

    assert numbers(packets) == list(range(10))
    assert reader.skipped_bytes == 77


def test_cut_end_is_counted_and_whole_packets_stay():
    data = stream()

    reader, packets = read(data[:-300])

    assert numbers(packets) == list(range(9)) or numbers(packets) == list(range(10))
    assert reader.left_over_bytes > 0


def test_stream_that_begins_inside_a_packet_is_read_from_the_next_one():
    data = pes(0xBD, packet(0)) + pes(0xBD, packet(1))
    assert numbers(read(data)[1]) == [0, 1]

    _, packets = read(data[PACKET:])

    assert numbers(packets) == [1]


@pytest.mark.parametrize("header", [b"", b"\x00\x01\xdf\x00\xff"])
def test_synchronous_stream_is_read_with_and_without_access_unit_header(header):
    _, packets = read(pes(0xFC, header + packet(7)))

    assert numbers(packets) == [7]
    assert packets[0].pts_s is None


def test_several_streams_are_read_in_the_order_in_which_their_packets_begin():
    first, second = pes(0xBD, packet(0), 0x200), pes(0xFC, packet(1), 0x201)
    mixed = first[:PACKET] + second + first[PACKET:]

    _, packets = read(mixed + pes(0xBD, packet(2), 0x200))

    assert numbers(packets) == [0, 1, 2]
    assert [one.pid for one in packets] == [0x200, 0x201, 0x200]


def test_transport_packet_sent_twice_counts_once():
    one = pes(0xBD, packet(0))

    _, packets = read(one[: 2 * PACKET] + one[PACKET:])

    assert packets[0].checksum_ok is True


def test_video_without_telemetry_is_refused():
    units = [Unit(1 + i / 25, 1 + i / 25, i == 0, bytes(300)) for i in range(5)]

    with pytest.raises(BadInput, match="no KLV stream"):
        read(mux(units, []))


@pytest.mark.parametrize("data", [b"", b"hello" * 1000, b"G", bytes(2000)])
def test_what_is_no_stream_is_refused(data):
    with pytest.raises(BadInput):
        read(data)


def test_wrong_length_in_bare_packets_does_not_swallow_the_ones_behind():
    broken = bytearray(packet(0))
    broken[16:19] = b"\x83\x01\x00"  # claims far more than there is

    reader, packets = read(bytes(broken) + packet(1) + packet(2))

    assert numbers(packets) == [1, 2]
    assert reader.left_over_bytes > 0


def test_length_past_the_packet_keeps_the_items_before_it():
    good = packet(3)
    broken = good[:-4] + b"\x03\x7f" + b"ab"  # an item of 127 bytes where two are left

    _, packets = read(broken)

    assert numbers(packets) == [3]
    assert packets[0].raw == (("error", b"\x03\x7fab"),)
    assert packets[0].checksum_ok is None


def test_multiplexer_that_never_counts_loses_nothing():
    bare = pes(0xBD, packet(0))
    still = b"".join(
        bare[at : at + 3] + bytes([bare[at + 3] & 0xF0]) + bare[at + 4 : at + PACKET]
        for at in range(0, len(bare), PACKET)
    )

    _, packets = read(still)

    assert packets[0].checksum_ok is True


def test_packet_sent_twice_with_a_later_clock_counts_once():
    one = pes(0xBD, packet(0) + packet(1))
    body = one[PACKET + 4 : 2 * PACKET]
    clocked = [one[PACKET : PACKET + 3] + b"\x31\x07\x10" + bytes([k] * 6) for k in (1, 2)]
    rest = one[2 * PACKET :]
    # The eight bytes that the clock takes go into a packet of their own.
    spill = one[PACKET : PACKET + 3] + b"\x32" + bytes([175, 0]) + b"\xff" * 174 + body[176:]
    later = rest[:3] + bytes([rest[3] & 0xF0 | 3]) + rest[4:]

    _, packets = read(one[:PACKET] + b"".join(head + body[:176] for head in clocked) + spill + later)

    assert [p.checksum_ok for p in packets] == [True, True]
