"""Groups: who belongs together, and how many they are."""

import numpy as np
import pytest
from truceline.view.counts import ABOUT, how_many
from truceline.view.groups import Things, groups_of


def things(places, v=(12.0, 0.0), exists=0.95, count=1.0, truck=0.8):
    x, y = np.array(places, float).T
    n = len(x)
    shares = {
        word: np.zeros(n) for word in ("car", "truck", "armoured", "artillery", "person", "aircraft", "other")
    }
    shares["truck"][:], shares["car"][:] = truck, 1 - truck
    counts = np.broadcast_to(np.array(count, float), (n,)).copy()
    velocity = np.broadcast_to(np.array(v, float), (n, 2))
    return Things(
        x,
        y,
        velocity[:, 0].copy(),
        velocity[:, 1].copy(),
        np.full(n, exists),
        counts,
        np.full(n, ABOUT),
        shares,
    )


def test_a_column_is_told_with_number_class_course_and_speed():
    (group,) = groups_of(things([(60 * k, 0) for k in range(8)]))

    assert group.members == tuple(range(8))
    assert group.words == "column of 6 to 8 vehicles, mostly trucks, heading 090 at 12 m/s"
    assert group.count == pytest.approx(7.6)


def test_what_stands_together_is_a_gathering():
    (group,) = groups_of(things([(0, 0), (50, 0), (0, 50)], v=(0, 0), truck=0.95))

    assert group.words.startswith("gathering of ") and group.words.endswith("trucks")


def test_things_far_apart_or_moving_otherwise_are_no_group():
    assert groups_of(things([(0, 0), (500, 0), (1000, 0)])) == []
    crossing = things([(0, 0), (50, 0), (100, 0)], v=[(12, 0), (0, 12), (-12, 0)])
    assert groups_of(crossing) == []


def test_a_told_count_is_not_counted_beside_those_it_speaks_of():
    # Ten were told of; four of them are followed by themselves: they are ten, not fourteen.
    group = groups_of(things([(60 * k, 0) for k in range(5)], exists=1.0, count=[10, 1, 1, 1, 1]))[0]

    assert group.count == pytest.approx(10, abs=0.2)
    assert 5 <= group.count_low < 10 < group.count_high <= 15


def test_one_report_of_about_ten_vehicles_is_a_group():
    (group,) = groups_of(things([(0, 0)], exists=0.9, count=10))

    assert group.members == (0,)
    assert group.count == pytest.approx(9, abs=0.1)  # nine tenths of ten
    assert group.count_high == pytest.approx(13, abs=1)


def test_the_number_of_fair_coins_is_binomial():
    # Binomial(10, 1/2): 5 % and 95 % quantiles are 2 and 8 (any table of the distribution).
    mean, low, high = how_many(np.full(10, 0.5), np.ones(10), np.zeros(10))

    assert mean == pytest.approx(5)
    assert high == 8
    assert low == 2
