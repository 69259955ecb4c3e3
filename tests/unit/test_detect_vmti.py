"""Targets that the aircraft reports become rows: by pixel, by offset, once a second."""

import io
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_cuts import joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_stream import KlvStream
from truceline.codec.mpegts import Unit, mux
from truceline.detect.vmti import Vmti
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.plug import load
from truceline.sim.pose import pose

START_US = 1_700_000_000_000_000
POSE = pose(0.0, 90.0, 20.0, 16.0) | {
    "frame_center_lat_deg": 50.0,
    "frame_center_lon_deg": 30.0,
    "frame_center_msl_m": 100.0,
}


def item(tag: int, value: bytes) -> bytes:
    return bytes([tag, len(value)]) + value


def targets(*packs: bytes) -> bytes:
    series = b"".join(bytes([len(pack)]) + pack for pack in packs)
    return item(8, b"\x02\x80") + item(9, b"\x02\x00") + item(101, series)


def found(shelf, value: bytes | None, count: int = 10):
    raw = [] if value is None else [(74, value)]
    packets = [(1 + i / 5, encode(START_US + i * 200_000, POSE, raw)) for i in range(count)]
    stream = KlvStream("t")
    data = mux([Unit(1.0, 1.0, True, bytes(50))], packets)
    table = to_rows(joined([stream.feed(data), stream.finish()]))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    blob = shelf.put(sink.getvalue(), "application/vnd.apache.parquet", "telemetry.parquet")
    moment = datetime.fromtimestamp(START_US / 1e6, UTC)
    seen = Observation(
        source="u", key="k", phenomenon=Span(from_utc=moment, until_utc=moment), result_utc=moment
    )
    return Vmti().detect(seen, (blob,), shelf).rows.to_pylist()


def test_target_in_the_middle_lies_under_the_sight_once_a_second(shelf):
    middle = (256 * 640 + 321).to_bytes(3, "big")

    rows = found(shelf, targets(b"\7" + item(1, middle) + item(5, b"\x5a")))

    assert len(rows) == 2  # ten packets in two seconds
    assert rows[0]["lat_deg"] == pytest.approx(50.0, abs=1e-5)
    assert rows[0]["lon_deg"] == pytest.approx(30.0, abs=1e-5)
    assert (rows[0]["confidence"], rows[0]["object"]) == (0.9, rows[1]["object"])
    assert 0 < rows[0]["ce90_m"] < 50


def test_target_without_a_pixel_is_placed_by_its_offset(shelf):
    offset = int((19.2 + 0.001) * 2**17).to_bytes(3, "big")  # IMAPB(-19.2, 19.2, 3)

    (row, _) = found(shelf, targets(b"\7" + item(10, offset) + item(11, offset)))

    assert row["lat_deg"] == pytest.approx(50.001, abs=1e-4)
    assert row["lon_deg"] == pytest.approx(30.001, abs=1e-4)


def test_target_is_placed_where_the_aircraft_states_it_to_be(shelf):
    # ST 0903, tag 17: IMAPB(-90, 90, 4), IMAPB(-180, 180, 4), height, IMAPB(0, 650, 2) east and north.
    place = ((90 + 50.25) * 2**23, (180 + 30.5) * 2**22)
    value = b"".join(int(code).to_bytes(4, "big") for code in place) + bytes(2) + b"\0\xa0\0\xa0"

    (row, _) = found(shelf, targets(b"\7" + item(17, value)))

    assert (row["lat_deg"], row["lon_deg"]) == pytest.approx((50.25, 30.5), abs=1e-6)
    assert row["ce90_m"] == pytest.approx(2.1460 * 5.0)


def test_telemetry_without_targets_gives_no_rows(shelf):
    assert found(shelf, None) == []


def test_it_is_found_by_its_word():
    assert isinstance(load("detect", {"kind": "vmti"}), Vmti)
