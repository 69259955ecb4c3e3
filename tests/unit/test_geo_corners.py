"""Corners of frames: level or rolled pictures, and what they make of a pixel's error."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Poses, place
from truceline.geo.camera import axes_of
from truceline.geo.corners import level
from truceline.geo.crs import distances_m
from truceline.geo.footprint import locate
from truceline.sim.pose import pose

SIZE = 1280, 720
POSE = pose(90.0, 35.0, 10.0, 8.0) | {
    "platform_roll_deg": 12.0,
    "sensor_rel_roll_deg": 0.0,
    "frame_center_msl_m": 100.0,
}


def telemetry(**fields):
    # An encoder writes no presentation times into bare packets: they are put in.
    data = b"".join(encode(1_700_000_000_000_000 + i * 200_000, POSE | fields) for i in range(5))
    table = to_table([p for some in read_packets([data], KlvStream("t")) for p in some])
    at = table.column_names.index("pts_s")
    return table.set_column(at, "pts_s", pa.array(np.arange(5) / 5))


def spots(*pixels):
    return [Hit(0, 0.4, x, y, 0.0, 0.0, -1, 1.0) for x, y in pixels]


def errors_m(table, *pixels):
    return place(spots(*pixels), SIZE, Poses(table)).ce90_m


def with_corners(table, rolls: bool):
    """State the corners of the picture as computed, or of the level picture."""
    source = table if rolls else telemetry(platform_roll_deg=0.0)
    rows = locate(source).rows
    for n in range(1, 5):
        for axis in ("lat", "lon"):
            name = f"corner{n}_{axis}_deg"
            table = table.set_column(table.column_names.index(name), name, rows[name])
    return table


def test_level_axes_keep_the_sight_and_lay_the_right_side_flat():
    axes = axes_of(40.0, 5.0, 20.0, 30.0, -25.0, 10.0)

    flat = level(axes)

    np.testing.assert_allclose(flat[:, :, 0], axes[:, :, 0])
    assert abs(flat[0, 2, 1]) < 1e-12 and flat[0, 2, 2] > 0  # right has no down, down looks down
    np.testing.assert_allclose(flat[0].T @ flat[0], np.eye(3), atol=1e-12)


def test_a_corner_is_less_sure_than_the_middle_where_nothing_tells_the_roll():
    middle, half, corner = errors_m(telemetry(), (640, 360), (960, 540), (1280, 720))

    assert middle < 15 and corner > 3 * middle
    assert half - middle == pytest.approx((corner - middle) / 2, rel=0.3)


@pytest.mark.parametrize("fields", [{"sensor_rel_roll_deg": 3.0}, {"platform_roll_deg": 0.0}])
def test_a_roll_that_is_measured_or_absent_widens_nothing(fields):
    middle, corner = errors_m(telemetry(**fields), (640, 360), (1280, 720))

    assert corner < 1.3 * middle


def test_stated_corners_settle_it_or_count_as_the_other_candidate():
    table = telemetry()

    agreed = errors_m(with_corners(table, rolls=True), (1280, 720))
    contradicted = errors_m(with_corners(table, rolls=False), (1280, 720))

    assert agreed[0] < 20
    # The truth may be the level picture: its corner lies within the error of ours.
    ours = place(spots((1280, 720)), SIZE, Poses(table))
    theirs = locate(telemetry(platform_roll_deg=0.0)).rows.to_pylist()[2]
    apart_m = distances_m(
        ours.lat_deg,
        ours.lon_deg,
        np.array([theirs["corner3_lat_deg"]]),
        np.array([theirs["corner3_lon_deg"]]),
    )
    assert apart_m[0] < contradicted[0]


@pytest.mark.parametrize("named", [True, False])
def test_pixels_of_the_real_legacy_flight_lie_within_their_error_of_its_stated_corners(shared: Path, named):
    # The pose points 1.47 degrees beside the stated centre; without it nothing tells that.
    data = (shared / "data/drone/klv/aphill_short.ts").read_bytes()
    whole = to_table([p for some in read_packets([data], KlvStream("a")) for p in some])
    told = whole
    for name in [] if named else [f"frame_center_{axis}_deg" for axis in ("lat", "lon")]:
        told = told.set_column(told.column_names.index(name), name, pa.nulls(told.num_rows, pa.float64()))
    row = whole.to_pylist()[20]
    hits = [
        Hit(0, row["pts_s"], x, y, 0.0, 0.0, -1, 1.0) for x, y in ((0, 0), (720, 0), (720, 480), (0, 480))
    ]

    found = place(hits, (720, 480), Poses(told))

    lat, lon = (np.array([row[f"corner{n}_{axis}_deg"] for n in range(1, 5)]) for axis in ("lat", "lon"))
    assert (distances_m(found.lat_deg, found.lon_deg, lat, lon) < found.ce90_m).all()
    assert found.ce90_m.max() < 60
