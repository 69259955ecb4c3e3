"""What a track begins with."""

import numpy as np
from truceline.track.life.births import born
from truceline.track.state.appearance import look_as_one
from truceline.track.state.motion import found
from truceline.track.state.near import make_near
from truceline.track.state.types import NO_SHAPE, SEEN, Events, Rows, empty


def test_a_convoys_word_about_speed_does_not_make_a_first_velocity_surer_than_certain():
    x, p, mu = np.zeros((3, 4)), np.zeros((3, 10)), np.zeros(3)

    found(x, p, mu, np.array([0.0, 0.0, 400.0, 400.0, 0.0, 9.0, 1.0, -0.8]), SEEN, False)

    assert (p[:2, [7, 9]] > 0).all()


def test_a_track_in_a_slot_that_another_had_learns_nothing_from_that_ones_looks():
    one, none = np.ones(1), np.zeros(1, np.int64)
    events = Events(
        one, one, none, np.ones(1, np.int64), none, none, np.full(1, NO_SHAPE), np.zeros((1, 6)), one, one,
        one, none,
    )  # fmt: skip
    z = np.array([[0.0, 0, 100, 100, 0, 0, 0, np.nan]])
    rows = Rows(z, np.zeros(1), np.full((1, 7), 1 / 7), np.full(1, np.nan), np.full((1, 2), np.nan))
    clean, used = empty(2, 2, 2), empty(2, 2, 2)
    used.sum_p[0] = 5.0 * np.arange(7)
    for state in (clean, used):
        state.count_p[1], state.sortie_p[1] = 3, 4
        born(state, 0, events, 0, rows, 0, np.zeros(7), 0.5, np.ones(1, np.int64), False, make_near(3), 0)

        look_as_one(state, 0, 1)

    assert (used.log_p[0] == clean.log_p[0]).all()
