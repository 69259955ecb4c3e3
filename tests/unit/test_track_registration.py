"""What tracks tell of how sensors lie to one another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.track.sensors.hearing import inverse
from truceline.track.sensors.registration import Registration, contradicted, correct

PLACE = np.array([[0.0, 0.0], [9000.0, 0.0], [4000.0, 6000.0]])


def seen(off: tuple[float, float, float, float], of: int = 1, things: int = 40, seed: int = 1):
    """Three sensors in turn see things that drive; sensor ``of`` is off in x, y, clock and azimuth."""
    rng = np.random.default_rng(seed)
    owner, k = np.repeat(np.arange(1, things + 1), 30), np.tile(np.arange(30), things)
    time, sensor = 4.0 * k, k % 3
    start = np.repeat(rng.uniform(0, 8000, (things, 2)), 30, 0)
    v = np.repeat(rng.uniform(-12, 12, (things, 2)), 30, 0)
    wrong = (sensor == of)[:, None]
    true = start + v * (time[:, None] + wrong * off[2])
    apart = true - PLACE[sensor]
    true = true + wrong * (np.array(off[:2]) + off[3] * np.stack([-apart[:, 1], apart[:, 0]], 1))
    z = np.column_stack([true + rng.normal(0, 15, true.shape), np.full((len(k), 2), 225.0), np.zeros(len(k))])
    return owner, time, sensor, np.full(len(k), 7), z, v


@pytest.mark.parametrize(
    ("off", "group", "kinds"),
    [((8.0, -6.0, 0, 0), 0, [0, 1]), ((0, 0, 1.5, 0), 1, [2]), ((0, 0, 0, 0.006), 2, [3])],
)
def test_what_one_sensor_is_off_by_is_found_and_nothing_else(off, group, kinds):
    registration = Registration(np.zeros(3), PLACE)
    registration.learn(*seen(off))

    found = registration.judge()

    assert np.argwhere(found.clear).tolist() == [[1, group]]
    assert (np.abs(found.value[1] - np.array(off))[kinds] < 4 * found.error[1, kinds]).all()


@pytest.mark.parametrize("seed", range(5))
def test_good_sensors_are_not_accused(seed):
    registration = Registration(np.zeros(3), PLACE)
    registration.learn(*seen((0, 0, 0, 0), seed=seed))

    assert not registration.judge().clear.any()


def test_a_bias_that_the_maker_admits_is_taken_off_without_being_held_against_the_sensor():
    registration = Registration(np.array([0.0, 6.0, 0.0]), PLACE)
    owner, time, sensor, sortie, z, v = seen((7.0, 5.0, 0, 0))
    registration.learn(owner, time, sensor, sortie, z, v)
    found = registration.judge()
    assert not found.clear.any()
    rows = np.column_stack([z, v, np.full(len(z), 1.0)])
    bias2 = np.where(sensor == 1, 36.0, 0.0)
    rows[:, 2:4] += bias2[:, None]

    correct(rows, bias2, sensor, sortie, found, registration.admitted, PLACE)

    moved = (z - rows[:, :5])[sensor == 1]
    assert moved[:, :2].mean(0) == pytest.approx([7, 5], abs=3)
    assert (bias2[sensor == 1] < 10).all() and (rows[:, 2] == 225.0 + bias2).all()
    assert (rows[sensor != 1, :2] == z[sensor != 1, :2]).all()


def test_a_new_sortie_has_a_bias_of_its_own():
    registration = Registration(np.array([0.0, 6.0, 0.0]), PLACE)
    owner, time, sensor, sortie, z, v = seen((9.0, 0, 0, 0))
    registration.learn(owner, time, sensor, sortie, z, v)
    old = registration.judge()

    registration.learn(owner[:1], time[:1], np.array([1]), np.array([8]), z[:1], v[:1])

    fresh = registration.judge()
    assert old.value[1, 0] > 5 and old.error[1, 0] < 3
    assert abs(fresh.value[1, 0]) < 0.1 and fresh.error[1, 0] == pytest.approx(6, abs=0.1)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(0, 1000))
def test_the_inverse_is_that_of_numpy(n, seed):
    a = np.random.default_rng(seed).normal(size=(n, n))
    a = a @ a.T + np.eye(n)

    assert inverse(a) == pytest.approx(np.linalg.inv(a), rel=1e-6, abs=1e-9)


def test_who_contradicts_the_others_is_named_and_not_whom_it_contradicts():
    odd = np.zeros((3, 3, 3))
    odd[0, 0], odd[2, 2], odd[1, 1] = (60, 1, 1), (60, 0, 0), (40, 20, 8)
    odd[0, 1], odd[1, 2] = (30, 10, 4), (20, 10, 4)
    odd[0, 2] = (50, 1, 1)

    assert contradicted(odd) == 1


def test_one_track_that_lies_elsewhere_again_and_again_names_nobody():
    odd = np.zeros((2, 2, 3))
    odd[0, 0], odd[0, 1] = (60, 0, 0), (30, 40, 1)

    assert contradicted(odd) is None


def test_a_few_odd_detections_are_held_against_nobody():
    odd = np.zeros((2, 2, 3))
    odd[0, 0], odd[1, 1], odd[0, 1] = (5, 3, 3), (60, 0, 0), (3, 4, 4)

    assert contradicted(odd) is None
