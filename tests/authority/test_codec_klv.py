"""Values that others published for the same bytes."""

import json
from pathlib import Path

import pytest
from truceline.codec.klv import checksum, decode_value
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.codec.klv_tags import BY_TAG

# MISB ST 0601, example values of the tables of items; tolerance: half of the last printed digit.
ST0601_EXAMPLES = [
    (5, "71c2", 159.9744, 5e-5),
    (6, "fd3d", -0.4315, 5e-5),
    (7, "08b8", 3.405865, 1e-6),
    (13, "5595b66d", 60.1768229669783, 5e-13),
    (14, "5b5360c4", 128.426759042045, 5e-12),
    (15, "c221", 14190.72, 5e-3),
    (16, "cd9c", 144.5713, 5e-5),
    (17, "d917", 152.6436, 5e-5),
    (18, "724a0a20", 160.719211436975, 1e-12),
    (19, "87f84b86", -168.792324833941, 5e-12),
    (21, "03830926", 68590.98, 5e-3),
    (23, "f101a229", -10.5423886331461, 5e-13),
    (24, "14bc082b", 29.157890122923, 5e-13),
    (39, "54", 84, 0),
    (96, "00d92a", 13898.5463, 0.25),  # three bytes: one step is 0.25 m
    (112, "1f40", 125.0, 1e-9),
    (113, "05f500", 2150.0, 1e-9),
    (117, "3e90", 1.0, 0.0625),
]


@pytest.mark.parametrize(("tag", "value", "expected", "tolerance"), ST0601_EXAMPLES)
def test_item_decodes_to_the_example_of_the_standard(tag, value, expected, tolerance):
    assert decode_value(BY_TAG[tag], bytes.fromhex(value)) == pytest.approx(expected, abs=tolerance)


def test_heading_0x71c2_is_159_97_degrees():
    assert decode_value(BY_TAG[5], b"\x71\xc2") == pytest.approx(159.97, abs=0.005)


def test_checksum_follows_the_code_printed_in_the_standard():
    # ST 0601, tag 1: for i: bcc += buf[i] << (8 * ((i + 1) % 2)), 16 bits.
    data = bytes(range(1, 100))
    told = 0
    for i, byte in enumerate(data):
        told = (told + (byte << (8 * ((i + 1) % 2)))) & 0xFFFF

    assert checksum(data) == told


@pytest.mark.parametrize(
    "file",
    [
        "aphill_short.ts",
        "cheyenne_part1.klv",
        "dynamic_only.klv",
        "kwiver_all_tags_h264.ts",
        "osh_part1.ts",
        "osh_part1_yaw_fault.ts",
        "wrong_checksum.klv",
    ],
)
def test_recording_decodes_as_by_an_independent_decoder(shared: Path, file: str):
    folder = shared / "data" / "drone" / "klv"
    expected = json.loads((folder / "expected" / f"{file}.json").read_bytes())["packets"]
    stream = KlvStream(file)

    packets = [p for some in read_packets([(folder / file).read_bytes()], stream) for p in some]

    assert len(packets) == len(expected) == to_table(packets).num_rows
    for packet, told in zip(packets, expected, strict=True):
        assert (packet.standard, packet.time_us, packet.checksum_ok, packet.length_bytes, packet.pid) == (
            told["standard"], told["time_us"], told["checksum_ok"], told["length_bytes"], told["pid"],
        )  # fmt: skip
        assert packet.pts_s == (None if told["pts_s"] is None else pytest.approx(told["pts_s"], abs=1e-6))
        assert {k: v for k, v in told["fields"].items() if v is not None} == {
            k: v if isinstance(v, str) else pytest.approx(v, rel=2e-9) for k, v in packet.fields.items()
        }
        assert [[key, value.hex()] for key, value in packet.raw] == [[str(k), v] for k, v in told["raw"]]
