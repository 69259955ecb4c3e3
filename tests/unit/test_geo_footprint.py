"""Footprints of packets: method, heights, health words, findings."""

from pathlib import Path

import numpy as np
import pytest
from truceline.codec.klv import encode, items
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.geo.crs import distances_m
from truceline.geo.footprint import FOOTPRINT, locate
from truceline.sim.pose import pose

POSE = pose(90.0, 45.0, 10.0, 8.0)


def telemetry(*fields: dict, step_us: int = 200_000):
    data = b"".join(encode(1_700_000_000_000_000 + i * step_us, one) for i, one in enumerate(fields))
    return to_table([p for some in read_packets([data], KlvStream("t")) for p in some])


def stated(turn_deg: float = 0.0) -> dict:
    """What a sensor whose azimuth is wrong by ``-turn_deg`` says: its own pose, the true centre."""
    turned = {**POSE, "platform_heading_deg": POSE["platform_heading_deg"] + turn_deg}
    row = locate(telemetry(turned), 100.0).rows.to_pylist()[0]
    return {
        **POSE,
        "frame_center_lat_deg": row["pose_lat_deg"],
        "frame_center_lon_deg": row["pose_lon_deg"],
        "frame_center_msl_m": 100.0,
    }


def test_pose_alone_is_cut_with_the_ground_of_the_option():
    located = locate(telemetry(POSE), 100.0)
    row = located.rows.to_pylist()[0]

    assert located.rows.schema == FOOTPRINT
    assert (row["method"], row["ground_source"], row["health"]) == ("pose", "option", [])
    assert row["frame_center_lat_deg"] == pytest.approx(50.0, abs=1e-4)
    assert row["frame_center_lon_deg"] == pytest.approx(30.01395, abs=1e-4)  # 1 km east at 50 degrees
    assert 0 < row["ce90_m"] < 50
    # Looking east, the picture's left side lies in the north, its top in the east.
    assert row["corner1_lat_deg"] > row["corner2_lat_deg"]
    assert row["corner1_lon_deg"] > row["corner4_lon_deg"]


def test_agreeing_centre_is_combined():
    row = locate(telemetry(stated())).rows.to_pylist()[0]

    assert (row["method"], row["ground_source"], row["health"]) == ("combined", "stated", [])
    assert row["stated_difference_m"] < 1.0


def test_heights_of_two_kinds_are_not_mixed():
    fields = {**POSE, "frame_center_hae_m": 130.0, "sensor_hae_m": 1130.0}

    row = locate(telemetry(fields)).rows.to_pylist()[0]

    assert row["ground_elevation_m"] == pytest.approx(130.0, abs=0.2)
    assert row["frame_center_lon_deg"] == pytest.approx(30.01395, abs=1e-4)


def test_without_ground_height_the_slant_range_ends_the_sight():
    row = locate(telemetry({**POSE, "slant_range_m": 1414.2})).rows.to_pylist()[0]

    assert row["ground_source"] == "slant_range"
    assert row["ground_elevation_m"] == pytest.approx(100.0, abs=1.0)


def test_damaged_clock_far_in_the_future_hides_no_place():
    row = locate(telemetry(POSE, step_us=0), 100.0).rows.to_pylist()[0]
    late = [p for some in read_packets([encode(2**53 + 1, POSE)], KlvStream("t")) for p in some]

    assert locate(to_table(late), 100.0).rows.to_pylist()[0]["pose_lat_deg"] == row["pose_lat_deg"]


def test_lasting_azimuth_difference_is_a_finding_and_never_averaged():
    fields = [stated(), *[stated(-3.0)] * 20]

    located = locate(telemetry(*[stated()] * 15, *fields[1:]))

    (finding,) = located.findings
    assert (finding.kind, finding.first_packet, finding.last_packet) == ("azimuth_bias", 15, 34)
    assert finding.estimate_deg == pytest.approx(-3.0, abs=0.02)
    rows = located.rows.to_pylist()
    assert rows[14]["health"] == []
    assert rows[15]["health"] == ["azimuth_bias"]
    assert rows[15]["method"] == "stated"
    assert rows[15]["ce90_m"] >= rows[15]["stated_difference_m"]


def test_reversed_heading_is_its_own_finding():
    located = locate(telemetry(*[stated(179.5)] * 6))

    assert [finding.kind for finding in located.findings] == ["yaw_180"]


def test_missing_pose_leaves_the_stated_centre_or_nothing():
    centre = {"frame_center_lat_deg": 50.0, "frame_center_lon_deg": 30.0}

    rows = locate(telemetry(centre, {})).rows.to_pylist()

    assert [(row["method"], row["health"]) for row in rows] == [
        ("stated", ["no_pose"]),
        ("none", ["no_pose"]),
    ]
    assert rows[1]["frame_center_lat_deg"] is None


def test_sight_above_the_horizon_is_named():
    row = locate(telemetry({**POSE, "sensor_rel_elevation_deg": 3.0}), 100.0).rows.to_pylist()[0]

    assert row["health"] == ["horizon"]
    assert row["corner1_lat_deg"] is None


def test_packet_with_wrong_checksum_is_marked_and_not_used_for_bias():
    good = [encode(1_700_000_000_000_000 + i, stated(-3.0 if i > 4 else 0.0)) for i in range(30)]
    bad = [one if i <= 4 else one[:-1] + bytes([one[-1] ^ 1]) for i, one in enumerate(good)]
    packets = [p for some in read_packets([b"".join(bad)], KlvStream("t")) for p in some]

    located = locate(to_table(packets))

    assert {finding.kind for finding in located.findings} == {"bad_checksum", "center_disagrees"}
    assert "bad_checksum" in located.rows.to_pylist()[5]["health"]


def test_clock_that_goes_back_or_leaps_is_named():
    times = [0, 200_000, 400_000, 300_000, 500_000, 9_500_000, 9_700_000]
    data = b"".join(encode(1_700_000_000_000_000 + t, POSE) for t in times)
    packets = [p for some in read_packets([data], KlvStream("t")) for p in some]

    rows = locate(to_table(packets), 100.0).rows.to_pylist()

    assert [i for i, row in enumerate(rows) if "time_jump" in row["health"]] == [3, 5]


def test_no_packets_give_no_rows():
    assert locate(to_table([])).rows.num_rows == 0


def test_real_yaw_fault_is_found_where_it_was_made(shared: Path):
    # osh_part1_yaw_fault.truth.json: heading raised by 3.2 degrees from packet 60 on.
    stream = KlvStream("fault")
    data = (shared / "data/drone/klv/osh_part1_yaw_fault.ts").read_bytes()

    (finding,) = locate(to_table([p for some in read_packets([data], stream) for p in some])).findings

    assert (finding.kind, finding.first_packet, finding.last_packet) == ("azimuth_bias", 60, 159)
    assert finding.estimate_deg == pytest.approx(-3.2, abs=0.05)


def test_real_bias_of_aphill_is_found(shared: Path):
    # README of the data: the pose points 1.47 degrees clockwise of the stated centre, 36 m.
    data = (shared / "data/drone/klv/aphill_short.ts").read_bytes()
    located = locate(to_table([p for some in read_packets([data], KlvStream("a")) for p in some]))

    assert located.findings[0].estimate_deg == pytest.approx(-1.47, abs=0.005)
    assert np.median(located.rows["stated_difference_m"].to_numpy()) == pytest.approx(36, abs=0.6)


def without_centre(data: bytes) -> bytes:
    """Take the stated frame centre (tags 23 to 25) out of bare packets, checksums made anew."""
    stream, out = KlvStream("t"), b""
    for cuts in read_packets([data], stream):
        for begin, value, end in zip(cuts.begin, cuts.value, cuts.end, strict=True):
            packet = cuts.data[begin:end].tobytes()
            told = [(tag, v) for tag, v, _ in items(packet, int(value - begin)) if tag not in (1, 23, 24, 25)]
            time_us = int.from_bytes(dict(told)[2], "big")
            out += encode(time_us, {}, [one for one in told if one[0] not in (2, 65)])
    return out


def test_real_flat_sights_are_placed_within_metres_without_the_stated_centre(shared: Path):
    # Issue of the drone: slant range alone reaches 3.3, 10.7 and 12.7 m (p50, p90, p95).
    data = (shared / "data/drone/klv/cheyenne_part1.klv").read_bytes()
    whole, bare = (
        to_table([p for some in read_packets([one], KlvStream("c")) for p in some])
        for one in (data, without_centre(data))
    )
    assert bare["frame_center_lat_deg"].null_count == bare.num_rows == 160

    located = locate(bare)

    places = [located.rows[f"frame_center_{axis}_deg"].to_numpy() for axis in ("lat", "lon")]
    truth = [whole[f"frame_center_{axis}_deg"].to_numpy() for axis in ("lat", "lon")]
    error_m = distances_m(*places, *truth)
    assert (np.percentile(error_m, [50, 90, 95]) < [3.3, 10.7, 12.7]).all()
    assert np.mean(error_m <= located.rows["ce90_m"].to_numpy()) >= 0.88
    assert np.median(located.rows["ce90_m"].to_numpy()) < 20
    assert located.notes
