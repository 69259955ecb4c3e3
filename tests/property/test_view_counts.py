"""Numbers of things: what is true of them whatever was told, followed and seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.view.counts import ABOUT, how_many, together

CHANCES = st.lists(st.floats(0.05, 1.0), min_size=1, max_size=12)
TOLD = st.lists(st.tuples(st.floats(2, 60), st.floats(0, 7200)), min_size=1, max_size=5)


def number(exists, told, now_s=7200.0, looks=()):
    """How many there are where the first member was told to be several."""
    count, spread = together(told, now_s)
    n = len(exists)
    return how_many(np.array(exists), np.r_[count, np.ones(n - 1)], np.full(n, spread), looks)


@given(CHANCES, TOLD, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_what_was_told_and_followed_does_not_matter(exists, told, random):
    turned, rest = random.sample(told, len(told)), random.sample(exists[1:], len(exists) - 1)

    assert number([exists[0], *rest], turned) == pytest.approx(number(exists, told))


@given(
    st.integers(1, 30),
    CHANCES,
    TOLD,
    st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 0.95)), max_size=3),
)
@settings(deadline=None)
def test_there_are_never_fewer_than_are_seen_for_sure(sure, exists, told, looks):
    mean, low, high = number([*exists, *[1.0] * sure], told, looks=looks)

    assert sure <= low <= high
    assert mean >= sure - 1e-9


@given(CHANCES, st.tuples(st.floats(2, 60), st.floats(0, 7200)))
@settings(deadline=None)
def test_a_second_report_that_says_the_same_never_widens_the_bounds(exists, told):
    _, low, high = number(exists, [told])
    _, again_low, again_high = number(exists, [told, told])

    assert low <= again_low and again_high <= high


@given(st.floats(6, 60), st.integers(1, 3))
@settings(deadline=None)
def test_what_was_told_is_what_is_expected_however_many_of_it_are_followed(told, followed):
    mean, _, _ = number([1.0] * followed, [(told, 0.0)], now_s=0.0)

    assert mean == pytest.approx(told, rel=0.05)


def test_ten_and_eight_are_about_nine_and_ten_and_thirty_nobody_knows():
    _, low, high = number([1.0], [(10, 0), (8, 0)], now_s=0)
    _, least, most = number([1.0], [(10, 0), (30, 0)], now_s=0)

    assert 6 <= low < 9 < high <= 13
    assert least <= 10 and most >= 30


def test_a_report_is_worth_less_as_time_passes():
    assert together([(10, 0)], 0)[1] == pytest.approx(ABOUT)
    assert together([(10, 0)], 7200)[1] > 2 * ABOUT


def test_a_look_that_sees_three_of_ten_told_tells_that_they_are_fewer():
    mean, low, high = number([1.0, 1.0, 1.0], [(10, 0)], now_s=7200, looks=[(3, 0.8)])

    assert low == 3 and high < 8
    assert 3 < mean < 6
