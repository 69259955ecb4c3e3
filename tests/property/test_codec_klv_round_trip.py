"""What is written as KLV is read again, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truceline.codec.klv import Packet, encode
from truceline.codec.klv_cuts import joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.codec.klv_tags import BY_TAG, EG0104_FLOAT, EG0104_KEY, ITEMS, ST0601_KEY, Item
from truceline.codec.mpegts import Unit, mux


def values(item: Item) -> st.SearchStrategy:
    bits = 8 * item.length
    if item.coding == "text":
        return st.text(st.characters(codec="utf-8"), max_size=40)
    if item.coding == "uint":
        return st.integers(0, 2 ** min(bits, 63) - 1)
    if item.coding == "int":
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.floats(-item.highest if item.coding == "signed" else item.lowest, item.highest)


def step(item: Item) -> float:
    """The distance of two neighbouring codes."""
    if item.coding in ("text", "uint", "int"):
        return 0.0
    lowest = -item.highest if item.coding == "signed" else item.lowest
    # IMAPB rounds its range up to a power of two and truncates.
    return (4 if item.coding == "imapb" else 1.01) * (item.highest - lowest) / (2 ** (8 * item.length) - 2)


FIELDS = st.fixed_dictionaries({}, optional={item.column: values(item) for item in ITEMS if item.tag != 65})
RAW = st.lists(st.tuples(st.integers(143, 20_000), st.binary(max_size=300)), max_size=5)
TIMES = st.integers(0, 253_402_300_799_999_999)


def read(data: bytes, chunk: int = 1 << 20) -> list[Packet]:
    stream = KlvStream("test")
    pieces = [data[i : i + chunk] for i in range(0, len(data), chunk)]
    packets = [packet for some in read_packets(pieces, stream) for packet in some]
    assert stream.notes() == []
    return packets


@given(TIMES, FIELDS, RAW)
def test_packet_reads_as_it_was_written(time_us, fields, raw):
    (packet,) = read(encode(time_us, fields, raw))

    assert packet.time_us == time_us
    assert packet.checksum_ok is True
    assert sorted(packet.raw) == sorted((str(tag), value) for tag, value in raw)
    assert packet.fields.pop("uas_ls_version") == 17
    assert packet.fields.keys() == fields.keys()
    columns = {item.column: item for item in ITEMS}
    for column, value in fields.items():
        if isinstance(value, str):
            assert packet.fields[column] == value
        else:
            assert packet.fields[column] == pytest.approx(value, abs=step(columns[column]), rel=1e-12)


@given(st.lists(st.tuples(TIMES, st.binary(max_size=400)), min_size=1, max_size=12), st.integers(1, 700))
def test_stream_reads_the_same_in_pieces_of_any_size(told, chunk):
    packets = [encode(time_us, {}, [(200, raw)]) for time_us, raw in told]
    units = [Unit(i * 0.04 + 1, i * 0.04 + 1, i == 0, bytes(50 + i)) for i in range(5)]
    stream = mux(units, [(1 + i * 0.02, packet) for i, packet in enumerate(packets)])

    assert [p.time_us for p in read(stream, chunk)] == [time_us for time_us, _ in told]
    assert [p.time_us for p in read(b"".join(packets), chunk)] == [time_us for time_us, _ in told]


@given(st.integers(0, 5000), st.integers(0, 7))
def test_a_flipped_bit_is_never_taken_for_a_good_packet(at, bit):
    good = encode(1_700_000_000_000_000, {"platform_call_sign": "X" * 50, "sensor_lat_deg": 47.0})
    at %= len(good) - 24
    at += 20  # behind key and length: those tell that there is a packet at all
    bad = bytearray(good)
    bad[at] ^= 1 << bit

    stream = KlvStream("test")
    packets = [packet for some in read_packets([bytes(bad)], stream) for packet in some]

    assert [packet.checksum_ok for packet in packets] != [True]


def test_every_tag_of_the_table_has_another_column():
    assert len({item.column for item in ITEMS}) == len(ITEMS) == len(BY_TAG)


LOCAL = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 5, 6, 8, 13, 39, 65, 72, 96, 117, 200, 600]), st.binary(max_size=12)),
    max_size=8,
)
UNIVERSAL = st.lists(
    st.tuples(st.sampled_from([*list(EG0104_FLOAT)[:4], bytes(16)]), st.binary(max_size=9)), max_size=5
)


def local(items: list[tuple[int, bytes]], tail: bytes) -> bytes:
    body = b"".join(
        (bytes([tag]) if tag < 128 else bytes([0x80 | tag >> 7, tag & 127])) + bytes([len(value)]) + value
        for tag, value in items
    )
    return ST0601_KEY + b"\x82" + (len(body) + len(tail)).to_bytes(2, "big") + body + tail


def universal(items: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(key + bytes([len(value)]) + value for key, value in items)
    return EG0104_KEY + b"\x82" + len(body).to_bytes(2, "big") + body


PACKETS = st.builds(local, LOCAL, st.sampled_from([b"", b"", b"\x03\x7f", b"\xff"])) | st.builds(
    universal, UNIVERSAL
)


@given(st.lists(st.tuples(PACKETS, st.integers(1, 6)), min_size=1, max_size=8), st.randoms())
def test_packets_of_equal_layout_decode_as_one_by_one(told, random):
    packets = [packet for packet, times in told for _ in range(times)]
    # Other values in the same layout: the last bytes differ, lengths and tags do not.
    packets += [p[:-1] + bytes([p[-1] ^ 1]) for p in packets if len(p) > 30]
    random.shuffle(packets)
    stream = KlvStream("test")
    cuts = joined([stream.feed(b"".join(packets)), stream.finish()])

    assert cuts.count == len(packets)
    assert to_rows(cuts, 5).equals(to_table(list(cuts), 5))
