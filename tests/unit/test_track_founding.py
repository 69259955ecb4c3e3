"""What a track begins with."""

import numpy as np
from truceline.track.state.motion import found
from truceline.track.state.types import SEEN


def test_a_convoys_word_about_speed_does_not_make_a_first_velocity_surer_than_certain():
    x, p, mu = np.zeros((3, 4)), np.zeros((3, 10)), np.zeros(3)

    found(x, p, mu, np.array([0.0, 0.0, 400.0, 400.0, 0.0, 9.0, 1.0, -0.8]), SEEN, False)

    assert (p[:2, [7, 9]] > 0).all()
