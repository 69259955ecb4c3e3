"""The filter against textbook formulas, worked out by hand."""

import math

import numpy as np
from pytest import approx
from truceline.track.state.motion import DRIVE, noise, predict, scale, settle, update


def upper(diagonal):
    """Pack a diagonal covariance as motion.ROW and motion.COLUMN say."""
    packed = np.zeros(10)
    packed[[0, 2, 7, 9]] = diagonal
    return packed


def test_update_is_the_textbook_one():
    # Welch and Bishop, An Introduction to the Kalman Filter, TR 95-041, eq. 1.11 to 1.13, by hand:
    # P = 4, R = 1 -> K = 4/5; x = 0 + 4/5 * 5 = 4; P = (1 - 4/5) * 4 = 4/5. y: K = 9/10, z = -10.
    x, p = np.zeros(4), upper([4.0, 9.0, 1.0, 1.0])
    p[3] = 1.0  # x with vx: velocity follows by K = 1/5

    like = update(x, p, np.array([5.0, -10.0, 1.0, 1.0, 0.0]), False)

    assert x == approx([4.0, -9.0, 1.0, 0.0])
    assert p[0] == approx(0.8)
    assert p[2] == approx(0.9)
    assert p[7] == approx(1 - 1 / 5)
    # bivariate normal density at (5, -10), variances 5 and 10
    assert like == approx(-0.5 * (25 / 5 + 100 / 10) - 0.5 * math.log(50) - math.log(2 * math.pi))


def test_prediction_is_white_noise_acceleration():
    # Bar-Shalom, Li, Kirubarajan 2001, eq. 6.2.2-12: Q = q [[T3/3, T2/2], [T2/2, T]]; T = 2.
    x, p = np.array([10.0, 20.0, 3.0, -1.0]), upper([4.0, 4.0, 1.0, 1.0])
    q = noise(math.hypot(3.0, -1.0))

    predict(x, p, DRIVE, 2.0, False)

    assert x == approx([16.0, 18.0, 3.0, -1.0])
    assert p[0] == approx(4 + 4 * 1 + q * 8 / 3)
    assert p[3] == approx(2 * 1 + q * 2)
    assert p[7] == approx(1 + q * 2)


def test_a_degree_has_the_published_length():
    # NGA.STND.0036 / Bowditch table 7: one degree of latitude at 45 deg is 111 132 m, of longitude 78 847 m.
    metres = scale(45.0, True)

    assert metres == (approx(78_847, abs=1), approx(111_132, abs=1))


def test_a_certain_place_is_about_there_and_a_vague_one_is_not():
    x, p, mu, out = np.zeros((3, 4)), np.zeros((3, 10)), np.array([0.5, 0.5, 0.0]), np.zeros(7)
    for variance, about in ((1.0, 1.0), (1e8, 0.0)):
        p[:, 0] = p[:, 2] = variance

        assert settle(x, p, mu, False, out) == approx(about, abs=1e-3)
