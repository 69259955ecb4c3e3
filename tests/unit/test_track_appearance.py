"""Within a sortie a sensor is wrong about a thing in one way, and that tells which thing it sees."""

import numpy as np
from truceline.track.state.appearance import (
    ENOUGH,
    alike,
    change_looks,
    look_as_one,
    looks_exchanged,
    looks_the_same,
    read_look,
    remember_look,
)
from truceline.track.state.meaning import worth
from truceline.track.state.near import make_room
from truceline.track.state.types import Events, Rows, bare_ground, empty

WITHIN, BETWEEN = 0.2, 0.05
ONE = np.array([0.3, -0.2, 0.1, -0.1, 0.2, -0.3, 0.0])  # as one thing looks on average
OTHER = -ONE


def tracks(*sums):
    """Tracks of so many readings that look so to sensor 0, whose readings vary as known."""
    state, ground = empty(len(sums), 4, 1), bare_ground(np.zeros(2), np.zeros(2), 1)
    ground.seems[0, :3] = np.array([1.0, 6 * WITHIN, 6 * (WITHIN + BETWEEN)]) * 2 * ENOUGH
    state.shares[:] = 1 / 7
    for s, (n, look) in enumerate(sums):
        state.count_p[s, 0], state.sortie_p[s, 0], state.sum_p[s, 0] = n, 5, n * look
        state.log_p[s] = worth(n) * state.sum_p[s, 0]
    return state, ground


def look_at(reading, sortie=5):
    """One look of sensor 0 with one detection of such a reading."""
    one, p = np.zeros(1), np.exp(reading) / np.exp(reading).sum()
    whole = np.zeros(1, np.int64)
    field = np.zeros((1, 6))
    events = Events(one, one, whole, whole + 1, whole, whole + sortie, whole, field, one, one, one, one > 0)
    return events, Rows(np.zeros((1, 8)), one, p[None], one, np.zeros((1, 2)))


def likeness(state, ground, s, reading, sortie=5):
    room, (events, rows) = make_room(2, 1, 4, 2), look_at(reading, sortie)
    read_look(ground, events, 0, rows, room)
    return alike(state, s, events, 0, room, 0, rows.p[0])


def test_a_detection_is_taken_for_what_has_looked_like_it_in_this_sortie():
    state, ground = tracks((40, ONE), (40, OTHER))

    assert likeness(state, ground, 0, ONE) > 2 > 0.5 > likeness(state, ground, 1, ONE)
    assert np.isclose(likeness(state, ground, 0, ONE, sortie=6), likeness(state, ground, 1, ONE, sortie=6))


def test_how_a_thing_looks_says_nothing_while_too_few_readings_were_compared():
    state, ground = tracks((40, ONE), (40, OTHER))
    ground.seems[0] *= 0.4

    assert np.isclose(likeness(state, ground, 0, ONE), likeness(state, ground, 1, ONE))
    assert looks_the_same(state, ground, 0, 1) == 0.0


def test_what_looks_like_a_lost_thing_is_its_continuation_rather_than_what_does_not():
    state, ground = tracks((40, ONE), (10, ONE), (10, OTHER))

    assert looks_the_same(state, ground, 0, 1) > 2
    assert looks_the_same(state, ground, 0, 2) < -2


def test_looks_tell_that_two_have_changed_names_and_change_back_with_them():
    state, ground = tracks((40, ONE), (40, OTHER))
    for s, look in enumerate((OTHER, ONE)):
        remember_look(state, s)
        state.count_p[s, 0] += 10
        state.sum_p[s, 0] += 10 * look
        state.log_p[s] = worth(50) * state.sum_p[s, 0]
    changed = looks_exchanged(state, ground, 0, 1)

    change_looks(state, 0, 1)

    assert changed > 4
    assert looks_exchanged(state, ground, 0, 1) < -4
    assert np.allclose(state.sum_p[:, 0] / 50, [OTHER, ONE], atol=1e-6)
    assert np.allclose(state.log_p, worth(50) * state.sum_p[:, 0], atol=1e-6)


def test_a_sortie_counts_once_for_what_goes_on_as_another():
    state, _ = tracks((40, ONE), (10, ONE))

    look_as_one(state, 1, 0)

    assert state.count_p[1, 0] == 50
    assert np.allclose(state.log_p[1], worth(50) * 50 * ONE, atol=1e-5)
