"""Names of columns at output times: rows of tracks as a tracker writes them, their names muddled."""

import numpy as np
import pytest
from truceline.track.columns.impression import seen_by
from truceline.track.columns.reunion import begin
from truceline.track.columns.roll import blank, middle_speed
from truceline.track.columns.rollcall import call_names
from truceline.track.engine import WIDTH

GAP_M, STEP_S = 60.0, 30.0


def at_time(k, places_m, numbers, speed, y_m=0.0, truck=True):
    """Rows of tracks that drive along a road to the east."""
    rows = np.zeros((len(places_m), WIDTH))
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 6], rows[:, 8] = STEP_S * k, places_m, y_m, speed, 0.99
    rows[:, 10 if truck else 9] = 1.0
    return np.array(numbers, np.int64), rows


def convoy(k, numbers, speed=12.0, head_m=0.0, gap_m=GAP_M, **others):
    """A column that has driven since the first output time; a missing vehicle has the number 0."""
    places = head_m + speed * STEP_S * k - gap_m * np.arange(len(numbers))
    here = np.array(numbers) > 0
    return at_time(k, places[here], np.array(numbers)[here], speed, **others)


def called(*times):
    number, rows = (np.concatenate(part) for part in zip(*times, strict=True))
    none = np.zeros(0, np.int64)
    names = call_names(number, rows, seen_by(none, len(rows), none, none, np.zeros((0, 7))))
    for t in np.unique(rows[:, 0]):
        assert len(np.unique(names[rows[:, 0] == t])) == (rows[:, 0] == t).sum()
    ends = np.cumsum([len(n) for n, _ in times])
    return [n.tolist() for n in np.split(names, ends[:-1])]


def test_a_column_that_slid_by_one_along_its_tracks_has_its_names_again():
    before = [convoy(k, [1, 2, 3, 4, 5]) for k in range(4)]

    names = called(*before, convoy(4, [9, 1, 2, 3, 4]), convoy(5, [9, 1, 2, 3, 4]))

    assert names[4] == names[5] == [1, 2, 3, 4, 5]


def test_neighbours_that_changed_tracks_have_their_names_again():
    before = [convoy(k, [1, 2, 3, 4, 5]) for k in range(4)]

    assert called(*before, convoy(4, [1, 3, 2, 4, 5]))[4] == [1, 2, 3, 4, 5]


def test_one_that_is_missed_leaves_a_gap():
    before = [convoy(k, [1, 2, 3, 4, 5]) for k in range(4)]

    assert called(*before, convoy(4, [1, 2, 0, 4, 5]), convoy(5, [1, 2, 9, 4, 5]))[4:] == [
        [1, 2, 4, 5],
        [1, 2, 3, 4, 5],
    ]


def test_a_column_that_comes_out_of_a_short_gap_has_its_names_head_first():
    before = [convoy(k, [1, 2, 3, 4, 5]) for k in range(4)]

    names = called(*before, convoy(7, [11, 12, 0, 0, 0]), convoy(8, [11, 12, 13, 14, 15]))

    assert names[4] == [1, 2]
    assert names[5] == [1, 2, 3, 4, 5]


SIX = [11, 12, 13, 14, 15, 16]


@pytest.mark.parametrize(
    ("numbers", "gap_m", "known"), [(SIX, GAP_M, True), (SIX[:3], GAP_M, False), (SIX, 88.0, False)]
)
def test_a_column_lost_for_long_is_known_by_number_and_spacing(numbers, gap_m, known):
    before = [convoy(k, [1, 2, 3, 4, 5, 6]) for k in range(8)]
    after = [convoy(k, numbers, head_m=2500.0, gap_m=gap_m) for k in range(40, 48)]

    last = called(*before, *after)[-1]

    assert last == ([1, 2, 3, 4, 5, 6] if known else numbers)


def test_a_single_thing_that_overtakes_a_column_keeps_its_name():
    times = []
    for k in range(10):
        number, rows = convoy(k, [1, 2, 3, 4, 5])
        passing = at_time(k, [-1200.0 + 20.0 * STEP_S * k], [7], 20.0, truck=False)
        times.append((np.r_[number, passing[0]], np.r_[rows, passing[1]]))

    assert all(names == [1, 2, 3, 4, 5, 7] for names in called(*times))


def test_things_that_oncoming_columns_exchanged_go_back():
    times = []
    for k in range(8):
        east, west = [1, 2, 3, 4, 5], [11, 12, 13, 14]
        if k >= 4:
            east[1], west[2] = west[2], east[1]
        one, other = convoy(k, east), convoy(k, west, speed=12.0, head_m=500.0, y_m=8.0)
        other[1][:, 1] = 3000.0 - other[1][:, 1]
        other[1][:, 6] = -12.0
        times.append(tuple(np.concatenate(pair) for pair in zip(one, other, strict=True)))

    assert called(*times)[-1] == [1, 2, 3, 4, 5, 11, 12, 13, 14]


def test_names_rest_on_no_later_row():
    rng = np.random.default_rng(4)
    times = [convoy(k, rng.permutation([1, 2, 3, 4, 5, 6]) * (rng.random(6) < 0.9)) for k in range(12)]

    whole = called(*times)

    assert all(called(*times[:k]) == whole[:k] for k in range(1, 12))


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(("first", "founds"), [(8, False), (14, True)], ids=["seen-lately", "lost-for-long"])
def test_a_group_that_shows_a_name_founds_a_column_once_that_names_own_is_lost_for_long(way, first, founds):
    before = [convoy(k, [1, 2, 3, 4, 5]) for k in range(8)]
    after = [convoy(k, [3, 12, 13, 14, 15], head_m=9000.0) for k in range(first, first + 3)]
    changed = [convoy(first + 3, [3, 13, 12, 14, 15], head_m=9000.0)]
    times = before + after + changed
    for _, rows in times:
        rows[:, [1, 6]] *= way

    assert called(*times)[-1] == ([3, 12, 13, 14, 15] if founds else [3, 13, 12, 14, 15])


def test_a_lost_column_one_of_whose_names_was_found_before_takes_all_of_them_in_order():
    before = [convoy(k, [1, 2, 3, 4, 5, 6]) for k in range(8)]
    after = [convoy(k, [3, 12, 13, 14, 15, 16], head_m=2500.0) for k in range(40, 48)]

    assert called(*before, *after)[-1] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("times", "one"), [(8, False), (24, True)])
def test_columns_are_one_when_they_drive_as_one_for_longer_than_overtaking_takes(times, one):
    def both(k, front, rear, behind_m):
        parts = convoy(k, front), convoy(k, rear, head_m=-behind_m)
        return tuple(np.concatenate(pair) for pair in zip(*parts, strict=True))

    apart = [both(k, [1, 2, 3, 4], [11, 12, 13, 14], 700.0) for k in range(4)]
    as_one = [both(k, [1, 2, 3, 4], [11, 12, 13, 14], 240.0) for k in range(4, times)]
    changed = both(times, [1, 3, 2, 4], [11, 13, 12, 14], 240.0)

    expected = [1, 2, 3, 4, 11, 12, 13, 14] if one else changed[0].tolist()
    assert called(*apart, *as_one, changed)[-1] == expected


@pytest.mark.parametrize(("times", "known"), [(6, False), (14, True)])
def test_things_that_stand_in_a_row_for_minutes_are_a_column(times, known):
    before = [convoy(k, [1, 2, 3, 4, 5], speed=0.0) for k in range(times)]

    last = called(*before, convoy(times, [1, 3, 2, 4, 5], speed=0.0))[-1]

    assert last == ([1, 2, 3, 4, 5] if known else [1, 3, 2, 4, 5])


def test_a_column_whose_tracks_slid_as_it_came_to_stand_has_its_names_again():
    names = list(range(1, 10))
    before = [convoy(k, names) for k in range(6)]
    stops = [convoy(6, [1, 0, 0, 2, 3, 4, 5, 6, 7], speed=0.0, head_m=2160.0)]
    stands = [convoy(k, [1, 18, 19, 2, 3, 4, 5, 6, 7], speed=0.0, head_m=2160.0) for k in range(7, 10)]

    assert called(*before, *stops, *stands)[-1] == names


def test_where_half_of_a_column_stand_it_drives_at_no_speed_between():
    spots = np.zeros((4, 5))
    spots[:2, 2] = 12.0

    assert middle_speed(spots, np.arange(4), np.empty(4)) == 0.0
    assert middle_speed(spots, np.arange(3), np.empty(3)) == 12.0


def test_a_guest_is_one_still_when_another_column_takes_its_name_back():
    times = []
    for k in range(9):
        one, other = [1, 2, 3, 4, 5], [11, 12, 13, 14]
        if k >= 4:
            one, other = [1, 2, 0 if k == 4 else 9, 4, 5], [11, 12, 13, 14, 3]
        if k >= 7:
            other = [11, 12, 13, 3, 14]
        one, other = convoy(k, one), convoy(k, other, y_m=3000.0)
        times.append(tuple(np.concatenate(pair) for pair in zip(one, other, strict=True)))

    names = called(*times)

    assert names[6] == [1, 2, 3, 4, 5, 11, 12, 13, 14, 9]
    assert names[7] == names[6]


def test_no_column_is_founded_that_there_is_no_room_for():
    roll, spots, looks = blank(4), np.zeros((3, 5)), np.zeros((3, 7))
    spots[:, 0], spots[:, 2], spots[:, 4] = [0.0, 60.0, 120.0], 12.0, 500.0
    founded = []
    for k in range(8):
        roll.of[:] = -1
        begin(roll, STEP_S * k, np.arange(3), np.arange(3), spots, looks)
        founded.append(int(roll.columns[0]))

    assert founded[:3] == [0, 1, 2]
    assert founded[-1] == len(roll.size)
