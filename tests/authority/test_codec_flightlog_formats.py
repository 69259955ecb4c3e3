"""Records as the makers' own format pages describe them, built here byte by byte."""

import struct

import numpy as np
import pytest
from truceline.codec.flightlog.dataflash import read_dataflash
from truceline.codec.flightlog.subtitles import read_subtitles
from truceline.codec.flightlog.ulog import read_ulog


def flash(formats: list[tuple[int, str, str, str]], records: list[bytes]) -> bytes:
    """Write FMT records and others by ArduPilot's LogStructure.h: 0xA3 0x95, type, body."""
    sizes = dict(zip("QIHBbLefgd", (8, 4, 2, 1, 1, 4, 4, 4, 2, 8), strict=True))
    out = b""
    for kind, name, codes, labels in formats:
        told = bytes([kind, 3 + sum(sizes[code] for code in codes)])
        told += name.encode().ljust(4, b"\0") + codes.encode().ljust(16, b"\0")
        out += b"\xa3\x95\x80" + told + labels.encode().ljust(64, b"\0")
    return out + b"".join(b"\xa3\x95" + one for one in records)


def microseconds(text: str) -> int:
    return int(np.datetime64(text).astype("M8[us]").astype(int))


def test_gps_records_before_2015_hold_boot_time_in_t():
    # pymavlink, DFReader.py, DFReaderClock_msec: TimeMS of GPS is the time of the week, T that since boot.
    # Week 1800 began on 2014-07-06; GPS was ahead of UTC by 16 s (IERS Bulletin C 47).
    form = (1, "GPS", "BIHLLeeI", "Status,TimeMS,Week,Lat,Lng,RelAlt,Alt,T")
    records = [
        b"\x01" + struct.pack("<BIHiiiiI", 3, told, 1800, 10**7, 2 * 10**7, 1250, 60_000, told - 93_000)
        for told in (100_000, 100_200)
    ]

    table, _ = read_dataflash(flash([form], records))

    begin = microseconds("2014-07-06T00:01:24")
    assert table["time"].cast("int64").to_pylist() == [begin, begin + 200_000]
    assert table["t_s"].to_pylist() == pytest.approx([0.0, 0.2])
    assert table["msl_m"].to_pylist() == [600.0, 600.0]
    assert table["rel_alt_m"].to_pylist() == [12.5, 12.5]


def test_second_receiver_gives_the_time_where_the_first_has_no_fix():
    # ArduPilot, AP_GPS/LogStructure.h: I is the number of the receiver, Status 3 a fix of three dimensions.
    # Week 2400 began on 2026-01-04; GPS is ahead of UTC by 18 s (IERS Bulletin C 52 and later).
    forms = [
        (1, "GPS", "QBBIHLL", "TimeUS,I,Status,GMS,GWk,Lat,Lng"),
        (2, "POS", "QLLf", "TimeUS,Lat,Lng,Alt"),
    ]
    records = [
        b"\x01" + struct.pack("<QBBIHii", 1_000_000, 0, 1, 0, 0, 0, 0),
        b"\x01" + struct.pack("<QBBIHii", 2_000_000, 1, 3, 60_000, 2400, 10**7, 2 * 10**7),
        b"\x02" + struct.pack("<Qiif", 3_000_000, 10**7, 2 * 10**7, 5.0),
    ]

    table, _ = read_dataflash(flash(forms, records))

    assert table["time"].cast("int64").to_pylist() == [microseconds("2026-01-04T00:00:43")]


def test_track_of_two_receivers_is_that_of_the_first():
    form = (1, "GPS", "QBBIHLL", "TimeUS,I,Status,GMS,GWk,Lat,Lng")
    records = [
        b"\x01" + struct.pack("<QBBIHii", i * 100_000, i % 2, 3, i * 100, 2400, i * 10**7, 10**7)
        for i in range(4)
    ]

    table, _ = read_dataflash(flash([form], records))

    assert table["lat_deg"].to_pylist() == [0.0, 2.0]


def test_half_precision_numbers_do_not_hide_a_record():
    # pymavlink, DFReader.py, FORMAT_TO_STRUCT: format character g is a number of half precision.
    form = (2, "POS", "QLLfg", "TimeUS,Lat,Lng,Alt,RelHomeAlt")
    record = b"\x02" + struct.pack("<Qiife", 1, 10**7, 2 * 10**7, 584.25, 1.5)

    table, _ = read_dataflash(flash([form], [record]))

    assert table["rel_alt_m"].to_pylist() == [1.5]


@pytest.mark.parametrize("week", [np.nan, -2000.0])
def test_week_that_is_none_gives_no_time(week):
    forms = [(1, "GPS", "QBIfLL", "TimeUS,Status,GMS,GWk,Lat,Lng")]
    record = b"\x01" + struct.pack("<QBIfii", 1, 3, 0, week, 10**7, 2 * 10**7)

    (row,) = read_dataflash(flash(forms, [record]))[0].to_pylist()

    assert row["lat_deg"] == 1.0
    assert row["time"] is None or row["time"].year < 1970


def ulog(messages: list[tuple[str, bytes]]) -> bytes:
    head = b"ULog\x01\x12\x35\x01" + bytes(8)
    return head + b"".join(struct.pack("<HB", len(body), ord(kind)) + body for kind, body in messages)


def test_receiver_itself_counts_where_the_choice_was_not_logged():
    # docs.px4.io, msg SensorGps: since 1.14 latitude_deg, longitude_deg, altitude_msl_m are doubles; the
    # topic sensor_gps comes from the driver, vehicle_gps_position is what was chosen of it.
    form = b"sensor_gps:uint64_t timestamp;double latitude_deg;double longitude_deg;double altitude_msl_m;uint64_t time_utc_usec;uint8_t fix_type;uint8_t[7] _padding0;"  # noqa: E501
    samples = [struct.pack("<QdddQB", i, 47.5, 8.5, 488.0, 10**15 + i, 3) for i in range(2)]

    table, _ = read_ulog(
        ulog([("F", form), ("A", b"\0\1\0sensor_gps"), *(("D", b"\1\0" + one) for one in samples)])
    )

    assert table["lat_deg"].to_pylist() == [47.5, 47.5]
    assert table["msl_m"].to_pylist() == [488.0, 488.0]
    assert table["time"].cast("int64").to_pylist() == [10**15, 10**15 + 1]


def test_nested_formats_arrays_and_messages_of_no_interest_are_stepped_over():
    # docs.px4.io, "ULog File Format": nested types, arrays, dropout O, default parameter Q, sync S, tagged
    # logging C, multi information M; padding at the end of a sample is not written.
    forms = [
        b"vehicle_global_position:uint64_t timestamp;double lat;double lon;float alt;inner[2] more;uint8_t[4] _padding0;",  # noqa: E501
        b"inner:float[3] value;bool good;uint8_t[3] _padding0;",
    ]
    sample = struct.pack("<Qddf", 5, 47.5, 8.5, 488.0) + bytes(2 * 16)
    data = ulog(
        [
            *(("F", form) for form in forms),
            ("Q", b"\x03\x0afloat GAIN" + struct.pack("<f", 1.0)),
            ("M", b"\0\x0achar[2] sysab"),
            ("A", b"\0\1\0vehicle_global_position"),
            ("A", b"\1\2\0vehicle_global_position"),
            ("D", b"\1\0" + sample),
            ("O", b"\x10\0"),
            ("S", bytes(8)),
            ("C", b"6\1\0" + bytes(8) + b"hello"),
            ("D", b"\2\0" + sample),
            ("D", b"\1\0" + sample),
        ]
    )

    table, log = read_ulog(data)

    assert (table.num_rows, log.skipped_bytes, log.left_over_bytes) == (2, 0, 0)
    assert table["lon_deg"].to_pylist() == [8.5, 8.5]
    assert table["msl_m"].to_pylist() == [488.0, 488.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # ExifTool, QuickTimeStream: text of DJI and of Autel films.
        (
            "HOME(W: 109.318642, N: 40.769371) 2023-09-12 10:28:07\n"
            "GPS(W: 109.339287, N: 40.768574, 2371.76m)\nHDR ISO:100 F.PRY (1.0°, -3.5°, -163.4°), G.PRY (-89.0°, 0.0°, -163.4°)",  # noqa: E501
            {"lat_deg": 40.768574, "lon_deg": -109.339287, "altitude_m": 2371.76, "heading_deg": 196.6, "gimbal_pitch_deg": -89.0},  # noqa: E501
        ),
        (
            "F/3.5, SS 1000, ISO 100, EV 0, GPS (8.6499, 53.1665, 18), D 24.26m, H -6.00m, H.S 2.10m/s, V.S 0.00m/s",  # noqa: E501
            {"lat_deg": 53.1665, "lon_deg": 8.6499, "rel_alt_m": -6.0, "altitude_m": None},
        ),
        (
            "<font size=\"28\">FrameCnt: 1, DiffTime: 33ms\r\n2023-06-06 12:05:01.123\r\n"
            "[focal_len: 24.00] [dzoom_ratio: 10000, delta:0],[latitude: 22.579] [longitude: 113.938] "
            "[rel_alt: 50.100 abs_alt: 71.300] [gb_yaw: -20.5 gb_pitch: -30.0 gb_roll: 0.0] </font>\r\n",
            {"lat_deg": 22.579, "lon_deg": 113.938, "rel_alt_m": 50.1, "altitude_m": 71.3, "gimbal_yaw_deg": -20.5, "gimbal_pitch_deg": -30.0},  # noqa: E501
        ),
        ("[latitude: 22.579, longitude: 113.938]", {"lat_deg": 22.579, "lon_deg": 113.938}),
    ],
)  # fmt: skip
def test_dialects_of_other_models_are_read(text, expected):
    (row,) = read_subtitles(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n".encode())[0].to_pylist()

    assert {name: row[name] for name in expected} == {
        name: None if value is None else pytest.approx(value) for name, value in expected.items()
    }


def test_cue_without_milliseconds_begins_at_the_whole_second():
    (row,) = read_subtitles(b"1\n00:01:02 --> 00:01:03\nGPS(3.0,4.0,16)\n")[0].to_pylist()

    assert row["t_s"] == 62.0
