"""Which sensors the tracker believes."""

import numpy as np
import pytest
from truceline.track.sensors.minutes import Shown, by_minute, is_loose, joined
from truceline.track.sensors.trust import borne_out, trusted
from truceline.track.state.regard import strays
from truceline.track.state.types import ANNULUS, RECT, Events


def test_whom_a_liar_contradicts_is_not_distrusted_for_it():
    told = np.zeros((3, 3, 2))
    told[0, 1] = told[1, 0] = 100, 5
    told[2, :2] = 1, 80  # the others see nothing where it sees something,
    told[:2, 2] = 1, 150  # and it nothing where they do

    assert trusted(told).tolist() == [1, 1, 0]


def said(events: Events, sensor: np.ndarray, time: np.ndarray, owner: np.ndarray) -> list[int]:
    tally, z = np.zeros((len(events.time), 2)), np.tile([0, 0, 100, 100, 0.0], (len(time), 1))
    z[:, 0] = 1000.0 * np.arange(len(time))
    shown = Shown(sensor, time, z[:, :2], is_loose(owner, sensor, time, z))
    return borne_out(by_minute(events, tally, shown, 2)).tolist()


def stretch(shown: int, minutes: range) -> tuple[Events, np.ndarray]:
    """Looks of two sensors every ten seconds, and times of what sensor 1 shows in some of five minutes."""
    time = np.arange(0, 300, 10.0)
    n = len(time)
    nothing = {name: np.zeros(2 * n) for name in Events._fields}
    events = Events(**nothing)._replace(
        time=np.tile(time, 2), sensor=np.repeat([0, 1], n), shape=np.full(2 * n, ANNULUS),
        field=np.tile([0, 0, 0, 10_000, 1, 0.0], (2 * n, 1)), clutter=np.full(2 * n, 0.001),
    )  # fmt: skip
    return events, np.repeat([t for t in time if t // 60 in minutes], shown)


def test_a_sensor_is_believed_no_longer_when_no_track_holds_together_what_it_shows():
    events, time = stretch(5, range(5))
    mine, nobody = np.ones(len(time), np.int64), np.arange(len(time)) % 3  # 0: no track at all
    few = np.where(nobody == 0, 0, np.arange(len(time)))

    assert said(events, mine, time, few) == [0, -1]
    assert said(events, mine, time, 1 + np.arange(len(time)) % 5) == [0, 1]


def test_a_crowd_whose_detections_change_tracks_is_not_loose_where_one_of_them_is_held():
    time, sensor = np.repeat(np.arange(0, 100, 10.0), 4), np.zeros(40, np.int64)
    owner = np.where(
        np.arange(40) % 4 == 0, 7, 100 + np.arange(40)
    )  # one track goes on, the rest are new each
    z = np.tile([0, 0, 3600, 900, 0.0], (40, 1))
    z[:, 0] = np.tile([0, 30, 60, 2000], 10)

    loose = is_loose(owner, sensor, time, z)

    assert np.flatnonzero(loose).tolist() == list(range(3, 40, 4))


def test_a_minute_of_false_detections_says_nothing_of_a_sensor():
    events, time = stretch(80, range(2, 3))
    mine, owner = np.ones(len(time), np.int64), np.arange(len(time))

    assert said(events, mine, time, owner) == [0, 0]


def test_minutes_of_two_halves_are_the_minutes_of_the_whole():
    events, time = stretch(5, range(5))
    n, rng = len(time), np.random.default_rng(5)
    shown = Shown(np.ones(n, np.int64), time, rng.normal(0, 1e3, (n, 2)), np.zeros(n, bool))
    tally = rng.random((len(events.time), 2))
    halves = []
    for late in (False, True):
        looks, rows = (events.time > 145) == late, (time > 145) == late
        part = Events(*(column[looks] for column in events))
        halves.append(by_minute(part, tally[looks], Shown(*(column[rows] for column in shown)), 2))

    whole, sum_of_halves = by_minute(events, tally, shown, 2), joined(halves, 2)

    assert sum_of_halves.first == whole.first
    assert sum_of_halves.sums == pytest.approx(whole.sums)


def test_a_detection_strays_when_it_lies_outside_of_its_own_look_by_more_than_its_error():
    ring, strip = np.array([0, 0, 200, 1000, 1, 0.0]), np.array([0, 0, 500, 100, 0, 1.0])  # it points north
    of = {(0.0, 900.0): (False, True), (0.0, 450.0): (False, False), (170.0, 0.0): (False, True),
          (90.0, 0.0): (True, False), (0.0, 1050.0): (True, True)}  # fmt: skip

    for (x, y), (out_of_ring, out_of_strip) in of.items():
        z = np.array([x, y, 100.0, 64.0, 0.0])
        assert strays(z, ANNULUS, ring) == out_of_ring
        assert strays(z, RECT, strip) == out_of_strip
