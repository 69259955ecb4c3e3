"""How far unchanged pixels reach is read off a tail, also where a wanted share is too small to count."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from truceline.detect.radar.scoring import STRENGTH_BINS, STRENGTH_STEPS
from truceline.detect.radar.tail import reach_of, usual_reach


def histogram(strengths: np.ndarray) -> np.ndarray:
    places = np.minimum(strengths * STRENGTH_STEPS, STRENGTH_BINS - 1).astype(int)
    return np.bincount(places, minlength=STRENGTH_BINS)


@pytest.mark.parametrize("far", [0.02, 0.001, 0.0001])
def test_of_an_exponential_tail_the_wanted_share_is_told_exactly(far: float):
    strengths = np.random.default_rng(1).exponential(0.4, 400_000)

    assert reach_of(histogram(strengths), far) == pytest.approx(0.4 * math.log(1 / far), rel=0.03)


def test_of_normal_strengths_it_is_near_the_quantile_and_on_the_safe_side():
    strengths = np.abs(np.random.default_rng(2).normal(size=200_000))

    reach = reach_of(histogram(strengths), 0.001)

    assert reach is not None and norm.isf(0.0005) <= reach <= 1.06 * norm.isf(0.0005)


def test_a_large_share_is_counted_and_few_pixels_tell_nothing():
    strengths = np.random.default_rng(3).exponential(1, 50_000)

    assert reach_of(histogram(strengths), 0.3) == pytest.approx(math.log(1 / 0.3), rel=0.03)
    assert reach_of(histogram(strengths[:1500]), 0.001) is None


def test_dates_of_much_change_do_not_move_the_usual_reach():
    usual = usual_reach([3.5] * 30, 0.001)

    assert usual_reach([3.5] * 30 + [9.0] * 3, 0.001) == pytest.approx(usual, abs=0.05)
    assert usual_reach([], 0.02) < usual_reach([], 0.001)
