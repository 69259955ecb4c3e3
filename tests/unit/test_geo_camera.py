"""Rotation order, cut with the ground, error, interpolation."""

import numpy as np
import pytest
from pyproj import Geod
from truceline.geo.camera import Camera, axes_of, between, ce90_of, cut_ground, go_along, sights

GEOD = Geod(ellps="WGS84")


def camera(
    heading=0.0, pitch=0.0, roll=0.0, azimuth=0.0, elevation=-45.0, sensor_roll=0.0, height=1000.0
) -> Camera:
    one = np.array([1.0])
    axes = axes_of(heading, pitch, roll, azimuth, elevation, sensor_roll)
    return Camera(50.0 * one, 30.0 * one, height * one, axes, 40.0 * one, 30.0 * one)


def bearing_and_distance(found: Camera, lat, lon) -> tuple[float, float]:
    bearing, _, distance = GEOD.inv(found.lon_deg[0], found.lat_deg[0], lon[0], lon[0] * 0 + lat[0])
    return bearing % 360, distance


@pytest.mark.parametrize(("heading", "azimuth"), [(0, 0), (90, 0), (0, 200), (100, 250)])
def test_heading_and_sensor_azimuth_add_up_in_level_flight(heading, azimuth):
    found = camera(heading=heading, azimuth=azimuth)

    lat, lon, range_m = cut_ground(found, sights(found, 0, 0), 0.0)

    bearing, distance = bearing_and_distance(found, lat, lon)
    assert (bearing - heading - azimuth + 180) % 360 == pytest.approx(180, abs=1e-3)
    assert distance == pytest.approx(1000.0, rel=1e-3)
    assert range_m[0] == pytest.approx(1000 * 2**0.5, rel=1e-3)


def test_nose_up_lifts_the_sight_ahead():
    assert -sights(camera(pitch=10), 0, 0)[0, 2] == pytest.approx(-np.sin(np.radians(35)))


def test_right_wing_down_lowers_the_sight_to_the_right():
    found = camera(roll=10, azimuth=90, elevation=-45)

    assert sights(found, 0, 0)[0, 2] == pytest.approx(np.sin(np.radians(55)))


def test_top_of_the_picture_is_farther_than_its_bottom():
    found = camera()

    top = cut_ground(found, sights(found, 0, -1), 0.0)[2]
    bottom = cut_ground(found, sights(found, 0, 1), 0.0)[2]

    assert top > bottom


def test_right_side_of_the_picture_lies_clockwise():
    found = camera()
    lat, lon, _ = cut_ground(found, sights(found, 1, 0), 0.0)

    assert 0 < bearing_and_distance(found, lat, lon)[0] < 90


def test_sight_above_the_horizon_has_no_ground():
    found = camera(elevation=5.0)

    assert np.isnan(cut_ground(found, sights(found, 0, 0), 0.0)[2][0])


def test_going_along_the_sight_by_its_range_ends_on_the_ground():
    found = camera(heading=33, pitch=3, roll=-8, azimuth=120, elevation=-20)
    sight = sights(found, 0.3, 0.2)
    lat, lon, range_m = cut_ground(found, sight, 150.0)

    end = go_along(found, sight, range_m)

    assert end[0] == pytest.approx(lat, abs=1e-9)
    assert end[1] == pytest.approx(lon, abs=1e-9)
    assert end[2] == pytest.approx(150.0, abs=0.01)


def test_flat_sights_are_less_sure_than_steep_ones():
    flat, steep = sights(camera(elevation=-10), 0, 0), sights(camera(elevation=-60), 0, 0)
    range_m = np.array([2000.0])

    assert ce90_of(flat, range_m) > 2 * ce90_of(steep, range_m)


def test_pose_between_packets_is_mixed_across_north():
    first, second = camera(heading=350), camera(heading=10)
    both = Camera(*(np.concatenate([a, b]) for a, b in zip(first, second, strict=True)))

    middle = between(both, np.array([1.0, 2.0]), np.array([1.5, 9.0]))

    north = sights(camera(heading=0), 0, 0)
    assert sights(middle, 0, 0)[0] == pytest.approx(north[0], abs=0.01)
    assert np.isnan(sights(middle, 0, 0)[1]).all()
