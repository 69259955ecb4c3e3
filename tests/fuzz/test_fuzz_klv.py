"""Bytes of strangers must not crash, hang or swell the readers."""

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from truceline.codec.klv import decode, encode
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.codec.klv_tags import EG0104_KEY, ST0601_KEY
from truceline.codec.mpegts import Unit, mux
from truceline.geo.footprint import FOOTPRINT, locate
from truceline.model.errors import BadInput

PACKET = encode(
    1_700_000_000_000_000,
    {
        "sensor_lat_deg": 47.0, "sensor_lon_deg": 37.0, "sensor_msl_m": 1500.0, "platform_heading_deg": 10.0,
        "platform_pitch_deg": 1.0, "platform_roll_deg": -1.0, "sensor_rel_azimuth_deg": 90.0,
        "sensor_rel_elevation_deg": -40.0, "frame_center_lat_deg": 47.01, "frame_center_lon_deg": 37.0,
        "frame_center_msl_m": 100.0, "platform_call_sign": "ONE",
    },
)  # fmt: skip
STREAM = mux(
    [Unit(1 + i / 25, 1 + i / 25, i == 0, bytes(400)) for i in range(20)],
    [(1 + i / 25, PACKET) for i in range(20)],
)


def read(data: bytes) -> int:
    stream = KlvStream("test")
    try:
        packets = [packet for some in read_packets([data], stream) for packet in some]
    except BadInput:
        return 0
    table = to_table(packets)
    assert locate(table).rows.schema == FOOTPRINT
    assert stream.left_over_bytes + stream.skipped_bytes <= 2 * len(data)
    return len(packets)


@given(st.binary(max_size=3000), st.sampled_from([b"", b"\x47", b"\x06\x0e\x2b\x34", ST0601_KEY, EG0104_KEY]))
def test_random_bytes_are_refused_or_read(data, head):
    read(head + data)


@given(st.binary(max_size=600), st.sampled_from([ST0601_KEY, EG0104_KEY]))
@example(b"\x87\xff\xff\xff\xff\xff\xff\xff", ST0601_KEY)
@example(b"\xff" * 40, ST0601_KEY)
def test_random_values_decode_to_something(value, key):
    packet = decode(key + value, len(key))

    assert packet is not None
    assert to_table([packet]).num_rows == 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 7)), min_size=1, max_size=30))
def test_flipped_bits_in_a_stream_lose_only_what_they_hit(flips):
    data = bytearray(STREAM)
    for at, bit in flips:
        data[at] ^= 1 << bit

    assert read(bytes(data)) >= 20 - 3 * len(flips)


@settings(max_examples=60)
@given(st.integers(0, len(STREAM)), st.binary(max_size=500))
def test_noise_between_or_inside_packets_does_not_stop_the_reader(at, noise):
    assert read(STREAM[:at] + noise + STREAM[at:]) >= 15


@settings(max_examples=60)
@given(st.integers(2000, len(STREAM)))
def test_a_cut_stream_gives_its_whole_packets(size):
    read(STREAM[:size])


def test_real_recordings_with_flipped_bits_are_read(shared: Path):
    data = bytearray((shared / "data/drone/klv/osh_part1.ts").read_bytes())
    for at in range(500, len(data), 9_973):
        data[at] ^= 1 << at % 8

    assert read(bytes(data)) > 100


def test_time_to_read_noise_grows_with_its_size_only():
    # A reader that looks twice at what it cannot use would not come back from these.
    for data in (
        b"\x06\x0e\x2b\x34" * 100_000,
        b"\x47" * 400_000,
        ST0601_KEY + b"\x83\x0f\xff\xff" + b"\x06" * 400_000,
    ):
        read(data)
