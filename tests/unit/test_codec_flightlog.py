"""Flight logs: dialects of subtitles, frames in noise, two generations of ULog, data flash."""

import struct

import numpy as np
import pytest
from truceline.codec.flightlog.dataflash import read_dataflash
from truceline.codec.flightlog.log import read_log
from truceline.codec.flightlog.mavlink import MavlinkLog, positions_table
from truceline.codec.flightlog.subtitles import read_subtitles
from truceline.codec.flightlog.ulog import read_ulog
from truceline.model.errors import BadInput


def rows(text: str) -> list[dict]:
    return read_subtitles(text.encode())[0].to_pylist()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GPS(36.6,-6.1,12.5M) BAROMETER:0.3M", {"lat_deg": 36.6, "lon_deg": -6.1, "altitude_m": 12.5, "rel_alt_m": 0.3}),  # noqa: E501
        ("GPS(149.0,-20.2,16) BAROMETER:1.9", {"lat_deg": -20.2, "lon_deg": 149.0, "altitude_m": None, "rel_alt_m": 1.9}),  # noqa: E501
        ("GPS (-58.8, -34.2, 15), D 698.7m, H 85.80m, H.S 0.00m/s", {"lat_deg": -34.2, "rel_alt_m": 85.8}),
        ("GPS (8.2, 47.4, 18), D 49m, H.S 1.0m/s", {"lat_deg": 47.4, "rel_alt_m": None}),
        ("GPS(W: 6.5, N: 36.6, 3M)", {"lat_deg": 36.6, "lon_deg": -6.5}),
        ("[latitude : -34.8] [longtitude : -57.8] [altitude: 74.7]", {"lon_deg": -57.8, "altitude_m": 74.7, "msl_m": None}),  # noqa: E501
        ("[latitude: 59.3] [longitude: 18.2] [rel_alt: 1.3 abs_alt: 132.8]", {"rel_alt_m": 1.3, "altitude_m": 132.8}),  # noqa: E501
        ("GPS(149.0,-20.2,16) Hb: 4.5", {"rel_alt_m": 4.5}),
        ("[latitude: 1.0] [longitude: 2.0] F.PRY (2.7°, -7.0°, -110.1°), G.PRY (-24.4°, 0.0°, 110.4°)",
         {"heading_deg": 249.9, "pitch_deg": 2.7, "roll_deg": -7.0, "gimbal_pitch_deg": -24.4, "gimbal_yaw_deg": 110.4}),  # noqa: E501
        ("[latitude: 47,123] [longitude: -8,5] [rel_alt: 1,3 abs_alt: 432,8]", {"lat_deg": 47.123, "lon_deg": -8.5, "rel_alt_m": 1.3, "altitude_m": 432.8}),  # noqa: E501
        ("GPS (8,25, 47,4, 18), D 698,7m, H 85,8m", {"lat_deg": 47.4, "lon_deg": 8.25, "rel_alt_m": 85.8}),
        ("GPS(W: 6,5, N: 36,6, 3M) BAROMETER:-1,5", {"lat_deg": 36.6, "lon_deg": -6.5, "rel_alt_m": -1.5}),
        ('{"latitude": -34.5, "longitude": 179.5}', {"lat_deg": -34.5, "lon_deg": 179.5, "rel_alt_m": None}),
        ("<font>latitude: 47.5<br/>longitude: 8.5</font>", {"lat_deg": 47.5, "lon_deg": 8.5}),
        ("latitude: 47.5 longitude: 8.5 altitude: 1\nend", {"lat_deg": 47.5, "lon_deg": 8.5}),
    ],
)  # fmt: skip
def test_each_way_to_write_a_position_is_read(line, expected):
    (row,) = rows(f"1\n00:00:59,040 --> 00:00:60,000\n2022.06.21 16:06:17\n{line}\n")

    assert row["t_s"] == pytest.approx(59.04)
    assert (row["time"], row["local_time"]) == (None, "2022.06.21 16:06:17")
    assert {name: row[name] for name in expected} == {
        name: None if value is None else pytest.approx(value) for name, value in expected.items()
    }


@pytest.mark.parametrize("line", ["HOME(149.0,-20.2)", "GPS(n/a, n/a, 0)", "[latit", "GPS(400,-20,3)", ""])
def test_cue_without_a_position_makes_no_row(line):
    assert rows(f"1\n00:00:01,000 --> 00:00:02,000\n{line}\n") == []


def test_home_is_not_the_aircraft():
    (row,) = rows("1\n00:00:01,000 --> 00:00:02,000\nHOME(1.0,2.0) 2017.08.05 14:11:51\nGPS(3.0,4.0,16)\n")

    assert (row["lat_deg"], row["lon_deg"]) == (4.0, 3.0)


def test_subtitles_without_cues_count_from_the_first_clock():
    line = "[latitude : 1.5] [longtitude : 2.5]"
    text = f"1\n2017.08.05 14:11:51,393,525\n{line}\n\n2\n2017.08.05 14:11:52,893,525\n{line}\n"

    assert [row["t_s"] for row in rows(text)] == pytest.approx([0.0, 1.5])


def test_first_record_counts_even_without_a_position():
    text = "1\n2017.08.05 14:11:51\n\n2\n2017.08.05 14:11:54\n[latitude : 1.5] [longtitude : 2.5]\n"

    assert [row["t_s"] for row in rows(text)] == [3.0]


def test_text_behind_the_times_of_a_cue_belongs_to_it():
    (row,) = rows("1\n00:00:01,000 --> 00:00:02,000 GPS(3.0,4.0,16)\nBAROMETER:2.5\n")

    assert (row["t_s"], row["lat_deg"], row["rel_alt_m"]) == (1.0, 4.0, 2.5)


def test_subtitles_cut_at_the_front_are_read_from_the_next_cue():
    text = b"BAROMETER:1.9\n\n2\n00:00:02,000 --> 00:00:03,000\nGPS(3.0,4.0,16)\n"

    (row,) = read_log("a.srt", [text])[0].to_pylist()

    assert (row["t_s"], row["lat_deg"]) == (2.0, 4.0)


def crc(data: bytes) -> int:
    """CRC-16/MCRF4XX bit by bit, as the protocol's own description has it."""
    told = 0xFFFF
    for byte in data:
        told ^= byte
        for _ in range(8):
            told = told >> 1 ^ (0x8408 if told & 1 else 0)
    return told


def frame(second: bool, number: int, lat_deg: float, message: int = 33, signed: bool = False) -> bytes:
    payload = struct.pack("<IiiiihhhH", number, round(lat_deg * 1e7), 305657724, 250_000, 120_000, 0, 0, 0, 0)
    if second:
        payload = payload.rstrip(b"\0") or b"\0"
        head = bytes([0xFD, len(payload), int(signed), 0, number & 255, 1, 1]) + message.to_bytes(3, "little")
    else:
        head = bytes([0xFE, len(payload), number & 255, 1, 1, message])
    told = crc(head[1:] + payload + bytes([104])).to_bytes(2, "little")
    stamp = (1_700_000_000_000_000 + number * 200_000).to_bytes(8, "big")
    return stamp + head + payload + told + (bytes(13) if signed else b"")


def read(data: bytes, size: int = 1 << 20):
    log = MavlinkLog()
    parts = [log.feed(data[i : i + size]) for i in range(0, len(data), size)]
    return positions_table([*parts, log.feed(b"", last=True)]), log


@pytest.mark.parametrize("size", [1 << 20, 97, 13])
def test_frames_of_both_protocols_are_read_in_noise_and_in_pieces(size):
    frames = [frame(i % 2 == 1, i, 46 + i / 1000, signed=i % 3 == 0) for i in range(40)]
    noise = [bytes([0xFE, 28, i, 0xFD, 7]) * (i % 4) for i in range(40)]

    table, _ = read(b"".join(n + f for n, f in zip(noise, frames, strict=True)), size)

    assert table["lat_deg"].to_pylist() == pytest.approx([46 + i / 1000 for i in range(40)])
    assert table["t_s"].to_pylist() == pytest.approx([0.2 * i for i in range(40)])
    assert table["heading_deg"].to_pylist() == [0.0] * 40
    assert (table["msl_m"][0].as_py(), table["rel_alt_m"][0].as_py()) == (250.0, 120.0)


def test_frame_with_a_wrong_checksum_is_skipped_and_counted():
    frames = [frame(True, i, 46.0) for i in range(5)]
    frames[2] = frames[2][:-1] + bytes([frames[2][-1] ^ 1])

    table, log = read(b"".join(frames))

    assert (table.num_rows, log.bad_frames, log.skipped_bytes) == (4, 1, len(frames[2]))


def ulog(formats: str, topic: str, samples: list[bytes]) -> bytes:
    def message(kind: str, body: bytes) -> bytes:
        return struct.pack("<HB", len(body), ord(kind)) + body

    out = b"ULog\x01\x12\x35\x01" + bytes(8) + message("B", bytes(40))
    out += message("F", f"{topic}:{formats}".encode()) + message("A", b"\0\7\0" + topic.encode())
    return out + b"".join(message("D", b"\7\0" + sample) for sample in samples)


OLD = "uint64_t timestamp;uint64_t time_utc_usec;int32_t lat;int32_t lon;int32_t alt;uint8_t fix_type;uint8_t[3] _padding0"  # noqa: E501
NEW = "uint64_t timestamp;uint64_t time_utc_usec;double latitude_deg;double longitude_deg;double altitude_msl_m;double altitude_ellipsoid_m;uint8_t fix_type"  # noqa: E501


def test_old_ulog_holds_integers_and_new_ones_degrees():
    utc = 1_600_000_000_000_000
    old = [
        struct.pack("<QQiiiB", i * 10**6, utc + i * 10**6, 634170622, 104082151, 66814, 3) for i in range(3)
    ]
    new = [
        struct.pack("<QQddddB", i * 10**6, utc + i * 10**6, 63.4170622, 10.4082151, 66.814, 107.0, 3)
        for i in range(3)
    ]

    for data in (ulog(OLD, "vehicle_gps_position", old), ulog(NEW, "vehicle_gps_position", new)):
        table, log = read_ulog(data)

        assert table["lat_deg"].to_pylist() == pytest.approx([63.4170622] * 3)
        assert table["msl_m"].to_pylist() == pytest.approx([66.814] * 3)
        assert table["time"].cast("int64").to_pylist() == [utc + i * 10**6 for i in range(3)]
        assert (log.skipped_bytes, log.left_over_bytes) == (0, 0)
    assert table["hae_m"].to_pylist() == [107.0] * 3


def test_gps_rows_without_a_fix_are_no_positions():
    samples = [struct.pack("<QQiiiB", i, 0, 1, 1, 1, fix) for i, fix in enumerate([0, 2, 3, 4])]

    table, _ = read_ulog(ulog(OLD, "vehicle_gps_position", samples))

    assert table.num_rows == 2
    assert table["time"].null_count == 2


def test_damaged_ulog_is_read_on_behind_the_damage():
    samples = [struct.pack("<QQiiiB", i, 0, 1, 1, 1, 3) for i in range(6)]

    whole, tail = ulog(OLD, "vehicle_gps_position", samples), 3 * (5 + len(samples[0]))

    table, log = read_ulog(whole[:-tail] + b"\xff" * 9 + whole[-tail:])

    assert table.num_rows == 6
    assert log.skipped_bytes == 9


def flash(records: list[bytes]) -> bytes:
    def form(kind: int, size: int, name: bytes, codes: bytes, labels: bytes) -> bytes:
        told = bytes([kind, size]) + name.ljust(4, b"\0") + codes.ljust(16, b"\0") + labels.ljust(64, b"\0")
        return b"\xa3\x95\x80" + told

    return (
        form(128, 89, b"FMT", b"BBnNZ", b"Type,Length,Name,Format,Columns")
        + form(1, 3 + 24, b"GPS", b"QBIHLLB", b"TimeUS,Status,GMS,GWk,Lat,Lng,I")
        + form(2, 3 + 24, b"POS", b"QLLff", b"TimeUS,Lat,Lng,Alt,RelHomeAlt")
        + b"".join(records)
    )


def test_data_flash_takes_utc_from_the_first_fix_less_the_leap_seconds_of_the_date():
    # GPS week 1973 began on 2017-10-29; 18 s between GPS and UTC since 2017-01-01 (IERS Bulletin C 52).
    fix = b"\xa3\x95\x01" + struct.pack("<QBIHiiB", 5_000_000, 3, 100_000, 1973, 10**7, 2 * 10**7, 0)
    none = b"\xa3\x95\x01" + struct.pack("<QBIHiiB", 1_000_000, 1, 0, 0, 0, 0, 0)
    pos = [
        b"\xa3\x95\x02" + struct.pack("<Qiiff", 6_000_000 + i, 10**7, 2 * 10**7, 584.25, 1.5)
        for i in range(2)
    ]

    table, log = read_dataflash(flash([none, fix, b"noise", *pos, pos[0][:9]]))

    told = np.datetime64("2017-10-29T00:00:00").astype("M8[us]").astype(int) + (100 + 1 - 18) * 10**6
    assert table["time"].cast("int64").to_pylist() == [told, told + 1]
    assert (table["lat_deg"][0].as_py(), table["lon_deg"][0].as_py()) == (1.0, 2.0)
    assert (table["msl_m"][0].as_py(), table["rel_alt_m"][0].as_py()) == (584.25, 1.5)
    assert (log.skipped_bytes, log.left_over_bytes) == (5, 9)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.srt", b"", "is empty"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhello\n", "no position"),
        ("a.tlog", frame(False, 0, 1.0)[:-1], "no position"),
        ("a.ulg", ulog(OLD, "vehicle_gps_position", []), "no position"),
        ("a.BIN", flash([]), "no position"),
        ("a.xyz", b"what is this?", "no flight log"),
    ],
)
def test_what_tells_no_position_is_refused(name, data, message):
    with pytest.raises(BadInput, match=message):
        read_log(name, [data])
