"""Ways on the ground: smoother than single places, with a velocity whose error is what it says."""

import numpy as np
import pytest
from truceline.detect.boxes.ground import smooth
from truceline.geo.crs import from_local, to_local

ORIGIN = 48.0, 37.0


def seen(east, north):
    lat, lon = from_local(np.asarray(east, float), np.asarray(north, float), *ORIGIN)
    return np.asarray(lat), np.asarray(lon)


def drive(seed, speed_mps=10.0, noise_m=0.6, bias_m=15.0, hz=10, seconds=6.0):
    """A car that drives north-east, seen with noise and with what all frames have in common."""
    rng = np.random.default_rng(seed)
    t = np.arange(0, seconds, 1 / hz)
    way = speed_mps * t / np.sqrt(2)
    angle = rng.uniform(0, 2 * np.pi)
    place = np.stack([way + bias_m * np.cos(angle), way + bias_m * np.sin(angle)], 1)
    return t, place, place + rng.normal(0, noise_m, place.shape)


def test_speed_and_course_of_a_car_come_out_within_their_error():
    z = []
    for seed in range(40):
        t, _, noisy = drive(seed)
        way = smooth(np.ones(len(t), int), t, *seen(*noisy.T), np.full(len(t), 32.0))
        middle = len(t) // 2
        assert way.course_deg[middle] == pytest.approx(45, abs=4)
        z.append((way.speed_mps[middle] - 10.0) / way.speed_sigma_mps[middle])
    assert np.abs(z).max() < 3


def test_the_error_of_the_velocity_is_that_of_the_noise_where_the_pose_is_sure():
    z = []
    for seed in range(200):
        t, _, noisy = drive(seed, bias_m=0.0)
        way = smooth(np.ones(len(t), int), t, *seen(*noisy.T), np.full(len(t), 0.1))
        z.append((way.speed_mps[30] - 10.0) / way.speed_sigma_mps[30])
    # Less than one: a car that keeps its speed is surer than one that may change it.
    assert 0.4 < np.std(z) < 1.15


def test_smoothed_places_scatter_less_and_keep_what_all_frames_share():
    t, place, noisy = drive(3)

    way = smooth(np.ones(len(t), int), t, *seen(*noisy.T), np.full(len(t), 32.0))

    got = np.stack(to_local(way.lat_deg, way.lon_deg, *ORIGIN), 1)
    before, after = (np.sqrt(((one - place) ** 2).sum(1).mean()) for one in (noisy, got))
    assert after < 0.6 * before


def test_a_thing_that_stands_has_a_speed_within_its_error_of_zero():
    t, _, noisy = drive(5, speed_mps=0.0)

    way = smooth(np.ones(len(t), int), t, *seen(*noisy.T), np.full(len(t), 5.0))

    assert way.speed_mps.max() < 3 * way.speed_sigma_mps.max() < 5


def test_tracks_do_not_mix_and_the_order_of_rows_does_not_matter():
    t, _, first = drive(1)
    _, _, second = drive(2, speed_mps=3.0)
    track = np.repeat([7, 4], len(t))
    lat, lon = seen(*np.concatenate([first, second + 500]).T)
    times, ce90 = np.tile(t, 2), np.full(2 * len(t), 5.0)
    both = smooth(track, times, lat, lon, ce90)
    order = np.random.default_rng(0).permutation(len(track))

    mixed = smooth(track[order], times[order], lat[order], lon[order], ce90[order])

    for one, other in zip(both, mixed, strict=True):
        np.testing.assert_allclose(one[order], other, rtol=1e-9)
    assert both.speed_mps[30] == pytest.approx(10, abs=2) and both.speed_mps[90] == pytest.approx(3, abs=2)


def test_short_and_unknown_rows_tell_no_velocity():
    lat, lon = seen([0, 1, 2, np.nan], [0, 0, 0, 0])

    way = smooth(np.array([1, 1, 1, 1]), np.array([0, 0.1, 0.2, 0.3]), lat, lon, np.full(4, 5.0))

    assert np.isnan(way.speed_mps).all() and np.isnan(way.lat_deg[3]) and np.isfinite(way.lat_deg[:3]).all()
