"""Nested sets of ST 0601, written here by the tables of ST 0102, ST 0806 and ST 0903."""

import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_cuts import joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_sets import nested, security_of, targets_of, view_of
from truceline.codec.klv_stream import KlvStream


def item(tag: int, value: bytes) -> bytes:
    return bytes([tag, len(value)]) + value


def test_security_set_names_classification_country_and_version():
    value = item(1, b"\1") + item(2, b"\1") + item(3, b"//CZE") + item(5, b"FOUO") + item(22, b"\0\x0c")

    assert security_of(value) == ("UNCLASSIFIED", "CZE", "FOUO", 12)


def test_security_set_of_nothing_tells_nothing():
    assert security_of(b"") == ("", "", "", None)


def test_target_is_read_by_pixel_number_and_by_row_and_column():
    # Pixel n of a frame of width w lies in row (n - 1) // w + 1, column (n - 1) % w + 1 (ST 0903, tag 1).
    first = b"\5" + item(1, (2 * 640 + 11).to_bytes(3, "big")) + item(5, b"\x50")
    second = b"\x81\1" + item(19, b"\0\7") + item(20, b"\0\x20") + item(2, b"\0\1") + item(3, b"\2\x86")
    series = b"".join(bytes([len(one)]) + one for one in (first, second))
    value = item(7, b"\3") + item(8, b"\x02\x80") + item(9, b"\x02\0") + item(101, series)

    told = targets_of(value)

    assert (told.width_px, told.height_px, told.frame) == (640, 512, 3)
    assert (told.targets[0].number, told.targets[0].x_px, told.targets[0].y_px) == (5, 10, 2)
    assert told.targets[0].confidence == 0.8
    assert (told.targets[1].number, told.targets[1].x_px, told.targets[1].y_px) == (129, 31, 6)
    assert told.targets[1][3:7] == (0, 0, 5, 1)


def test_target_location_is_an_offset_to_the_frame_centre():
    # ST 0903, tag 10: IMAPB(-19.2, 19.2, 3); the middle of the range is no offset.
    pack = b"\1" + item(10, (int(19.2 * 2**17)).to_bytes(3, "big"))
    value = item(101, bytes([len(pack)]) + pack)

    assert targets_of(value).targets[0].lat_offset_deg == pytest.approx(0.0, abs=1e-4)


def test_target_location_is_a_place_with_its_deviations():
    # Bytes and values from the tests of jMISB (TargetLocationTest): ST 0903, tag 17.
    place = bytes.fromhex("27ba9302344a1adf1014")
    packs = [b"\1" + item(17, place), b"\2" + item(17, place + b"\0\x40\0\x60"), b"\3" + item(17, place[:7])]

    told = targets_of(item(101, b"".join(bytes([len(pack)]) + pack for pack in packs)))

    first, second, third = (one.location for one in told.targets)
    assert first[:2] == pytest.approx((-10.5423886331461, 29.157890122923), abs=1e-6)
    assert first[2:] == (None, None)
    assert second[2:] == (2.0, 3.0)  # IMAPB(0, 650, 2): 32 steps a metre
    assert third is None


def test_remote_view_set_names_time_speeds_and_frame():
    value = item(2, (7).to_bytes(8, "big")) + item(3, b"\0\x50") + item(4, b"\0\x40") + item(7, b"\1\0")

    assert view_of(value) == (7, 80, 64, 256)


def test_series_that_runs_past_its_end_keeps_what_is_whole():
    assert len(targets_of(item(101, b"\1\5\x7f\1")).targets) == 1


def test_nested_sets_are_found_in_the_rows():
    packets = [
        encode(1_700_000_000_000_000, {}, [(48, bytes([i])), (94, b"x")] if i else []) for i in range(3)
    ]
    stream = KlvStream("t")
    table = to_rows(joined([stream.feed(b"".join(packets)), stream.finish()]))

    assert list(nested(table, "48")) == [(1, b"\1"), (2, b"\2")]
    assert list(nested(table, "74")) == []
