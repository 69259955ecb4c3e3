"""Columns: their tracks are ranked from the head on, follow one another and are of one class."""

import numpy as np
import pytest
from truceline.track.columns.column import keep_order
from truceline.track.columns.trail import follow_the_leaders
from truceline.track.state.meaning import among_its_fellows
from truceline.track.state.near import make_near
from truceline.track.state.types import empty

TRUCK = 1


def column_of(places, ranks=None, speed=10.0):
    """Tracks at places along a road to the east, and where they are; ranked ones are of one column."""
    n = len(places)
    state, spots = empty(n, 4, 1), np.zeros((n, 8))
    state.alive[:], state.shown[:], state.odds[:] = 1, 1, 9.0
    state.number[:] = 10 + np.arange(n)
    state.last[:] = state.odds_time[:] = 1000.0
    state.shares[:] = 1 / 7
    if ranks is not None:
        state.column[:], state.rank[:] = 10, ranks
    spots[:, 0], spots[:, 2], spots[:, 3], spots[:, 5], spots[:, 7] = places, 25.0, 25.0, speed, 0.9
    return state, spots


def keep(state, spots, seen=None):
    seen = np.arange(len(spots)) if seen is None else np.array(seen)
    keep_order(state, len(spots), 1000.0, spots, seen[np.argsort(spots[seen, 0])], False)


def test_tracks_that_changed_places_on_the_road_are_ranked_as_they_lie():
    state, spots = column_of([300.0, 140.0, 200.0, 60.0], [0, 1, 2, 3])

    keep(state, spots)

    assert state.rank.tolist() == [0, 2, 1, 3]


def test_ranks_stay_where_an_order_cannot_be_told():
    state, spots = column_of([300.0, 196.0, 200.0, 60.0], [0, 1, 2, 3])

    keep(state, spots)

    assert state.rank.tolist() == [0, 1, 2, 3]


def test_a_new_head_is_ranked_before_the_others():
    state, spots = column_of([300.0, 220.0, 140.0, 60.0], [9, 0, 1, 2])
    state.column[0], state.founded[0] = 0, 950.0

    keep(state, spots)

    assert state.rank.tolist() == [0, 1, 2, 3]


def test_one_that_drives_up_to_a_column_is_of_it_after_it_has_kept_it_company_for_minutes():
    state, spots = column_of([300.0, 220.0, 140.0, 60.0], [9, 0, 1, 2])
    state.column[0] = 0
    columns = []
    for _ in range(10):
        keep(state, spots)
        columns.append(int(state.column[0]))

    assert columns == [0] * 8 + [10] * 2


def test_oncoming_traffic_is_no_part_of_a_column():
    state, spots = column_of([300.0, 220.0])
    spots[1, 5] = -10.0

    keep(state, spots)

    assert state.column.tolist() == [0, 0]


def test_one_of_a_column_is_expected_round_the_bend_that_the_head_has_driven():
    state, _ = column_of([0.0, 0.0], [0, 1])
    state.nodes[:] = 1
    state.x[0, 0, 0] = 100.0, 60.0, 0.0, 12.0  # turned north at x = 100
    state.x[1, 0, 0] = 90.0, 0.0, 12.0, 0.0
    near = make_near(2)
    near.slot[:], near.node[:], near.mu[:, 0] = [0, 1], 0, 1.0
    near.p[:, 0, 0], near.p[:, 0, 2] = 400.0, 100.0
    for c in range(2):
        near.x[c, 0] = state.x[c, 0, 0]
        near.x[c, 0, :2] += 5 * near.x[c, 0, 2:]

    follow_the_leaders(state, near, 2, 5.0, False, np.zeros(2, np.int64))

    assert near.x[0, 0] == pytest.approx([100, 120, 0, 12])
    way = np.hypot(10, 60)
    assert near.x[1, 0] == pytest.approx([90 + 600 / way, 3600 / way, 120 / way, 720 / way])
    assert near.p[1, 0, 0] + near.p[1, 0, 2] == pytest.approx(500)
    assert near.p[1, 0, 2] > 350


def test_one_whose_class_is_unclear_is_taken_for_what_its_column_is():
    state, _ = column_of([0.0] * 4, [0, 1, 2, 3])
    state.shares[:3, TRUCK], state.shares[3, TRUCK] = 0.8, 0.1
    state.shares[:3, [0, 2, 3, 4, 5, 6]] = 0.2 / 6
    state.shares[3, [0, 2, 3, 4, 5, 6]] = 0.15

    assert among_its_fellows(state, 4)[3].argmax() == TRUCK
    state.column[3] = 0
    assert among_its_fellows(state, 4)[3] == pytest.approx(state.shares[3])


def test_a_way_is_not_led_back_to_where_one_ahead_was_when_last_seen():
    state, _ = column_of([0.0, 0.0], [0, 1])
    state.nodes[:] = 1
    state.time[:, 0] = [0.0, 10.0]
    state.x[0, 0, 0] = 0.0, 0.0, 20.0, 0.0  # not shown by the newest look
    state.x[1, 0, 0] = 140.0, 0.0, 20.0, 0.0
    near = make_near(2)
    near.slot[:], near.node[:], near.mu[:, 0] = [0, 1], 0, 1.0
    near.p[:, 0, 7] = near.p[:, 0, 9] = 1.0
    near.x[:, 0] = [[400.0, 0.0, 20.0, 0.0], [340.0, 0.0, 20.0, 0.0]]

    follow_the_leaders(state, near, 2, 20.0, False, np.zeros(2, np.int64))

    assert near.x[1, 0] == pytest.approx([340, 0, 20, 0])
