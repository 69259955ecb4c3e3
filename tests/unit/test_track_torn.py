"""Tracks go as things go, or leap."""

import numpy as np
import pytest
from truceline.track.sensors.torn import torn

LOOKS, THINGS, SIGMA_M = 30, 4, 20.0


def rows(scatter_m: float, turn_mps2: float = 0.0, apart_s: float = 10.0):
    """A radar sees a column at 12 m/s; each thing is one track."""
    dice = np.random.default_rng(5)
    time, thing = np.repeat(apart_s * np.arange(LOOKS), THINGS), np.tile(np.arange(THINGS), LOOKS)
    place = np.stack([12.0 * time + 60.0 * thing, 0.5 * turn_mps2 * time**2], 1)
    place += dice.normal(0, SIGMA_M, place.shape) + dice.normal(0, scatter_m, place.shape)
    z = np.hstack([place, np.tile([SIGMA_M**2, SIGMA_M**2, 0.0], (len(time), 1))])
    return 1 + thing, np.ones(len(time), int), time, z


@pytest.mark.parametrize("turn_mps2", [0.0, 0.3])
def test_an_honest_sensors_tracks_do_not_leap(turn_mps2: float):
    assert torn(*rows(0.0, turn_mps2), 3).tolist() == [False] * 3


def test_a_sensor_that_scatters_what_it_shows_is_told_by_its_tracks():
    assert torn(*rows(200.0), 3).tolist() == [False, True, False]


def test_names_that_two_in_a_column_exchange_once_are_no_leaps():
    owner, sensor, time, z = rows(0.0)
    late = time >= 150
    owner[late] = np.where(owner[late] == 1, 2, np.where(owner[late] == 2, 1, owner[late]))

    assert not torn(owner, sensor, time, z, 2).any()


def test_one_thing_in_tight_circles_says_nothing_of_its_sensor():
    time = 10.0 * np.arange(LOOKS)
    place = 300.0 * np.stack([np.cos(time / 6), np.sin(time / 6)], 1)
    z = np.hstack([place, np.tile([SIGMA_M**2, SIGMA_M**2, 0.0], (LOOKS, 1))])
    one, column = np.ones(LOOKS, int), rows(0.0)
    mixed = [np.concatenate(pair) for pair in zip((9 * one, one, time, z), column, strict=True)]

    assert not torn(*mixed, 2).any()


@pytest.mark.parametrize("spoilt", ["no track", "seldom", "few"])
def test_what_does_not_follow_closely_says_nothing(spoilt: str):
    owner, sensor, time, z = rows(200.0, apart_s=60.0 if spoilt == "seldom" else 10.0)
    if spoilt == "no track":
        owner[:] = 0
    few = slice(0, 5 * THINGS if spoilt == "few" else None)

    assert not torn(owner[few], sensor[few], time[few], z[few], 2).any()


def test_the_order_of_rows_does_not_matter():
    owner, sensor, time, z = rows(200.0)
    mixed = np.random.default_rng(1).permutation(len(time))

    assert torn(owner[mixed], sensor[mixed], time[mixed], z[mixed], 2).tolist() == [False, True]


def test_nothing_seen_is_nothing_torn():
    nothing = np.zeros(0)

    assert (
        torn(nothing.astype(int), nothing.astype(int), nothing, np.zeros((0, 5)), 2).tolist() == [False] * 2
    )
