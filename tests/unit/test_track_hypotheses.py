"""Tracks that may have changed places are kept both ways until the odds decide."""

import numpy as np
import pytest
from truceline.track.life.existence import ALIVE, OTHERWISE
from truceline.track.life.hypotheses import (
    BETTER,
    DECIDED,
    OPEN_S,
    close,
    close_old,
    is_open,
    keep_otherwise,
    settle_hypotheses,
    weigh_otherwise,
)
from truceline.track.live.carried import packed, unpacked
from truceline.track.state.near import Near, Room, make_near, make_room
from truceline.track.state.types import NO_SHAPE, Events, Rows, State, empty

COUNT = 2  # tracks in ``near``; what is kept otherwise stands behind them and one free place


def two_tracks(scores: tuple[float, float, float, float]) -> tuple[State, Near, Room]:
    """Make tracks A and B, and a look whose pairs A0, A1, B0, B1 have these scores; A0 and B1 are chosen."""
    state, near, room = empty(8, 2, 1), make_near(9), make_room(8, 2, 4, 2)
    state.alive[:2], state.shown[:2], state.nodes[:2], state.number[:2] = ALIVE, 1, 1, (70, 80)
    near.slot[:2], near.row[:2], near.taken[:2] = (0, 1), (0, 1), -1
    near.score[:2] = scores[0], scores[3]
    room.track[:], room.row[:], room.score[:] = [0, 0, 1, 1], [0, 1, 0, 1], scores
    room.chosen[:] = 0, 3
    return state, near, room


def doubtful() -> tuple[State, Near, int]:
    state, near, room = two_tracks((5, 4.5, 4.5, 5))
    last, _ = keep_otherwise(state, near, COUNT, COUNT + 1, room, 4, 100.0, 2)
    return state, near, last


def test_a_doubtful_pairing_keeps_both_tracks_as_they_would_be_had_they_changed_places():
    state, near, last = doubtful()

    assert is_open(state, 0)
    assert is_open(state, 1)
    assert state.alive.tolist() == [ALIVE, ALIVE, OTHERWISE, OTHERWISE, 0, 0, 0, 0]
    assert near.row[COUNT + 1 : last].tolist() == [1, 0]
    assert state.against[0] == pytest.approx(-1.0)


def test_a_pairing_beyond_doubt_is_kept_one_way():
    state, near, room = two_tracks((9, 1, 1, 9))

    last, top = keep_otherwise(state, near, COUNT, COUNT + 1, room, 4, 100.0, 2)

    assert (last, top) == (COUNT + 1, 2)
    assert not is_open(state, 0)


def test_a_track_is_kept_in_no_more_than_two_ways():
    state, near, last = doubtful()
    _, _, room = two_tracks((5, 4.5, 4.5, 5))

    again, top = keep_otherwise(state, near, COUNT, last, room, 4, 110.0, 4)

    assert (again, top) == (last, 4)


def test_tracks_of_one_column_are_left_to_its_order():
    state, near, room = two_tracks((5, 4.5, 4.5, 5))
    state.column[:2] = 70

    keep_otherwise(state, near, COUNT, COUNT + 1, room, 4, 100.0, 2)

    assert not is_open(state, 0)


def test_a_track_that_was_missed_may_have_got_the_others_detection():
    state, near, room = two_tracks((5, 0, 4.5, 0))
    near.row[1] = -1
    room.chosen[:] = 0, -1

    last, _ = keep_otherwise(state, near, COUNT, COUNT + 1, room, 4, 100.0, 2)

    assert near.slot[COUNT + 1 : last].tolist() == [state.twin[1], state.twin[0]]
    assert near.row[COUNT + 1 : last].tolist() == [0, -1]


def test_the_better_hypothesis_gives_both_tracks_their_states_and_they_keep_their_names():
    state, near, last = doubtful()
    state.x[[2, 3], 0, 0, 0] = 10.0, 20.0
    state.against[:2] = BETTER + 0.5

    settle_hypotheses(state, near, COUNT, last, 110.0)

    assert state.x[[0, 1], 0, 0, 0].tolist() == [10.0, 20.0]
    assert state.number[:2].tolist() == [70, 80]
    assert is_open(state, 0)
    assert state.against[0] == -(BETTER + 0.5)


@pytest.mark.parametrize(("odds", "time"), [(-DECIDED - 0.1, 101.0), (0.0, 100.1 + OPEN_S)])
def test_what_is_decided_or_over_is_forgotten(odds, time):
    state, near, last = doubtful()
    state.against[:2] = odds

    settle_hypotheses(state, near, COUNT, last, time)

    assert state.alive.tolist() == [ALIVE, ALIVE, 0, 0, 0, 0, 0, 0]
    assert state.twin[:2].tolist() == state.rival[:2].tolist() == [-1, -1]


def test_what_was_kept_goes_with_a_track_that_ends():
    state, _, _ = doubtful()
    state.alive[0] = 0

    close_old(state, 4, 101.0)

    assert state.alive.tolist() == [0, ALIVE, 0, 0, 0, 0, 0, 0]


def test_one_of_two_that_is_closed_closes_the_other():
    state, _, _ = doubtful()

    close(state, 1)

    assert state.twin[:2].tolist() == [-1, -1]
    assert (state.alive == OTHERWISE).sum() == 0


def test_slots_that_move_between_rounds_take_hypotheses_along():
    state, _, _ = doubtful()
    state.alive[4], state.twin[4] = ALIVE, -1
    moved = State(*(np.roll(column, 3, 0) for column in state))
    for links in (moved.twin, moved.rival):
        links[links >= 0] += 3

    again = unpacked(packed(moved, 100.0), 1)

    assert is_open(again, 0)
    assert again.twin[:4].tolist() == [2, 3, 0, 1]


def look(places: list[float]) -> tuple[Events, Rows]:
    """A look that shows things at these x and y = 0."""
    n = len(places)
    z = np.zeros((n, 8))
    z[:, 0], z[:, 2:4], z[:, 7] = places, 100.0, np.nan
    one, none = np.zeros(1), np.zeros(1, np.int64)
    events = Events(
        one, one, none, np.full(1, n), none, np.full(1, -1), np.full(1, NO_SHAPE), np.zeros((1, 6)),
        np.full(1, 0.9), one, one, none,
    )  # fmt: skip
    p = np.full((n, 7), 1 / 7, np.float32)
    return events, Rows(z, np.zeros(n), p, np.zeros(n, np.float32), np.zeros((n, 2), np.float32))


def after_a_look(otherwise: tuple[float, float]) -> tuple[float, list[int]]:
    """Odds after a look that shows things at 0 and 60 m.

    A and B drive and are expected at 30 m; ``otherwise`` tells where, had they changed places.
    """
    state, near, last = doubtful()
    state.against[:2], state.shares[:] = 0.0, 1 / 7
    near.mu[:, 0], near.exists[:], near.taken[:], near.row[COUNT + 1 : last] = 1.0, 0.9, -1, -1
    near.p[:, 0, 0] = near.p[:, 0, 2] = near.p[:, 2, 0] = near.p[:, 2, 2] = 100.0
    near.p[:, 1, 0] = near.p[:, 1, 2] = 100.0
    near.x[:2, 0, 0] = 30.0
    near.x[COUNT + 1 : last, 0, 0] = otherwise
    events, rows = look([0.0, 60.0])
    _, _, room = two_tracks((0, 0, 0, 0))
    room.strange[:] = 0.1
    square = 30.0**2 / 200.0
    near.score[:2] = np.log(0.9 * 0.9 * 1e6 / (2 * np.pi * 200.0) / 0.1) - 0.5 * square
    weigh_otherwise(state, near, COUNT, last, events, 0, rows, False, room)
    return float(state.against[0]), near.row[COUNT + 1 : last].tolist()


def test_a_look_speaks_for_the_hypothesis_that_expected_it():
    odds, rows = after_a_look((60.0, 0.0))

    assert odds == pytest.approx(4.0)  # 4.5, of which one look may say 4
    assert rows == [1, 0]


def test_a_look_speaks_against_the_hypothesis_that_did_not_expect_it():
    odds, rows = after_a_look((-35.0, 95.0))

    assert odds == pytest.approx((900 - 35**2) / 200.0, abs=1e-6)
    assert rows == [0, 1]
