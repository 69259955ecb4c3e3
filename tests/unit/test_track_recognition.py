"""Names by looks: within a sortie a sensor is wrong about the class of one thing in one way of its own."""

import numpy as np
from truceline.track.columns.impression import seen_by
from truceline.track.columns.rollcall import call_names
from truceline.track.engine import WIDTH

STEP_S, READINGS, LOOKS, NOISE = 30.0, 3, 0.5, 0.4
OTHERS = range(100, 130)  # things far off, by which it is learnt how readings vary


class Day:
    """Rows of tracks, and readings of things that look each in a way of its own."""

    def __init__(self):
        self.chance = np.random.default_rng(7)
        self.looks = self.chance.normal(0, LOOKS, (200, 7))
        self.rows, self.number, self.row, self.sortie, self.p = [], [], [], [], []

    def see(self, k, thing, number, x_m, y_m=0.0, speed=0.0, sortie=0):
        row = np.zeros(WIDTH)
        row[0], row[1], row[2], row[6], row[8], row[9] = STEP_S * k, x_m, y_m, speed, 0.99, 1.0
        for _ in range(READINGS):
            p = np.exp(self.looks[thing] + self.chance.normal(0, NOISE, 7))
            self.row.append(len(self.rows))
            self.sortie.append(sortie)
            self.p.append(p / p.sum())
        self.rows.append(row)
        self.number.append(number)

    def go_on(self, times):
        """Let the others be seen too, at each of so many times, and ``see`` what it is asked to."""
        for k, see in times:
            see(k)
            for other in OTHERS:
                self.see(k, other, other, 2000.0 * other, 50_000.0)
        return self

    def names(self):
        rows, number = np.array(self.rows), np.array(self.number, np.int64)
        news = np.array(self.row), len(rows), np.zeros(len(self.row), np.int64), np.array(self.sortie)
        names = call_names(number, rows, seen_by(*news, np.array(self.p)))
        here = ~np.isin(number, list(OTHERS))
        out = {}
        for time, name in zip(rows[here, 0], names[here], strict=True):
            out.setdefault(round(time / STEP_S), []).append(int(name))
        return out


def lost_and_found(thing, sortie=0, x_m=2000.0, last=40):
    """A thing is seen for ten minutes; ten minutes later one is seen under another name."""
    day = Day()

    def see(k):
        if k < 20:
            day.see(k, 1, 1, 10.0 * STEP_S * k - 6000.0, speed=10.0)
        elif k >= 40:
            day.see(k, thing, 2, x_m + 10.0 * STEP_S * (k - 40), speed=10.0, sortie=sortie)

    return day.go_on((k, see) for k in range(last + 15)).names()


def test_a_thing_that_comes_back_is_known_by_its_looks():
    names = lost_and_found(thing=1)

    assert names[40] == [2]  # a row that was written stays
    assert names[54] == [1]


def test_a_thing_that_looks_otherwise_is_another():
    assert lost_and_found(thing=2)[54] == [2]


def test_looks_of_another_sortie_tell_nothing_of_who_it_is():
    assert lost_and_found(thing=1, sortie=1)[54] == [2]


def test_what_cannot_have_come_so_far_is_another():
    assert lost_and_found(thing=1, x_m=40_000.0)[54] == [2]


def test_what_was_in_sight_all_the_time_is_another_however_alike_they_look():
    day = Day()

    def see(k):
        day.see(k, 1, 1, 0.0)
        if k >= 10:
            day.see(k, 1, 2, 500.0)

    assert day.go_on((k, see) for k in range(30)).names()[29] == [1, 2]


def test_two_that_changed_tracks_as_they_met_have_their_names_again():
    day = Day()

    def see(k):
        x_m = 10.0 * STEP_S * (k - 20)
        day.see(k, 1, 1 if k < 20 else 2, x_m, speed=10.0)
        day.see(k, 2, 2 if k < 20 else 1, -x_m, y_m=20.0, speed=-10.0)

    names = day.go_on((k, see) for k in range(40)).names()

    assert names[19] == [1, 2]
    assert names[39] == [1, 2]


def test_one_that_went_on_with_the_other_as_its_track_ended_shows_the_other_name():
    day = Day()

    def see(k):
        x_m = 10.0 * STEP_S * (k - 20)
        if k < 20:
            day.see(k, 1, 1, x_m, speed=10.0)
        day.see(k, 2, 2 if k < 20 else 1, -x_m, y_m=20.0, speed=-10.0)

    assert day.go_on((k, see) for k in range(40)).names()[39] == [2]


def test_two_that_met_and_kept_their_tracks_keep_their_names():
    day = Day()

    def see(k):
        x_m = 10.0 * STEP_S * (k - 20)
        day.see(k, 1, 1, x_m, speed=10.0)
        day.see(k, 2, 2, -x_m, y_m=20.0, speed=-10.0)

    assert day.go_on((k, see) for k in range(40)).names()[39] == [1, 2]


def test_a_column_that_lost_its_head_out_of_sight_is_set_right_by_looks():
    day = Day()

    def see(k):
        for i in range(6):
            if k < 20:
                day.see(k, 1 + i, 1 + i, 12.0 * STEP_S * k - 60.0 * i, speed=12.0)
            elif k >= 24 and i > 0:
                day.see(k, 1 + i, 10 + i, 12.0 * STEP_S * k - 60.0 * i, speed=12.0)

    assert day.go_on((k, see) for k in range(34)).names()[33] == [2, 3, 4, 5, 6]


def test_rows_do_not_depend_on_what_comes_later():
    whole, part = lost_and_found(thing=1, last=40), lost_and_found(thing=1, last=32)

    assert {k: whole[k] for k in part} == part
