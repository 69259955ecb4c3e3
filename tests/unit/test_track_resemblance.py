"""What appears is taken for what is lost by class and speed together, as rare as both are."""

import numpy as np
from truceline.track.life.resemblance import is_mostly, resembles
from truceline.track.state.types import bare_ground, empty

CAR, AIRCRAFT = 0, 5


def lost_and_found(was_mps, now_mps, spread=4.0):
    """A lost track (slot 0) and one that appears (slot 1), both driving east; classes as in most missions."""
    state, ground = empty(2, 4, 1), bare_ground(np.zeros(2), np.zeros(2), 1)
    ground.classes[:] = [0.4, 0.25, 0.1, 0.05, 0.1, 0.04, 0.06]
    state.nodes[:], state.mu[:, 0, 0], state.shares[:] = 1, 1.0, 1 / 7
    state.x[:, 0, 0, 2] = was_mps, now_mps
    state.p[:, 0, 0, 7] = state.p[:, 0, 0, 9] = spread
    return state, ground


def test_what_flies_is_taken_for_the_lost_aircraft_rather_than_for_a_lost_car():
    state, ground = lost_and_found(52.0, 50.0, 16.0)
    state.shares[0] = np.where(np.arange(7) == AIRCRAFT, 0.97, 0.005)
    plane = resembles(state, ground, 0, 0, 1, 0)
    state, ground = lost_and_found(15.0, 50.0, 9.0)
    state.shares[0] = np.where(np.arange(7) == CAR, 0.97, 0.005)

    assert plane > 20
    assert resembles(state, ground, 0, 0, 1, 0) < 0.2


def test_a_common_speed_says_less_than_a_rare_one():
    common = resembles(*lost_and_found(12.0, 12.0), 0, 0, 1, 0)
    rare = resembles(*lost_and_found(29.0, 29.0), 0, 0, 1, 0)

    assert rare > common > 1


def test_a_speed_that_is_not_known_speaks_neither_for_nor_against():
    assert np.isclose(resembles(*lost_and_found(12.0, 25.0, 100.0), 0, 0, 1, 0), 1.0)


def test_a_rare_class_is_believed_when_readings_outweigh_its_rarity():
    state, ground = lost_and_found(12.0, 12.0)
    state.shares[0] = np.where(np.arange(7) == AIRCRAFT, 0.4, 0.1)
    assert not is_mostly(state, ground, 0, AIRCRAFT)
    state.shares[0] = np.where(np.arange(7) == AIRCRAFT, 0.97, 0.005)
    assert is_mostly(state, ground, 0, AIRCRAFT)
