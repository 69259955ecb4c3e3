"""Three days of which parts come 24 to 72 hours late end as if all had come in time; what was known stays."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from tests.unit.test_track_running import RADARS, T0, Mission
from truceline.view.watch import PEOPLE

HOURS = 72
MOMENTS_H = (0.3, 24.3, 47.2, 71.9)


def hours_of_rows():
    """Pieces by name: (time of the newest row in seconds, sensor, rows, looks); the second radar is off."""
    rng, pieces = np.random.default_rng(5), {}
    for begin_h in (0, 24, 47, 71):
        start, v = rng.uniform(-3000, 3000, (5, 2)), rng.normal(0, 6, (5, 2))
        for part in range(6):
            first = 3600 * begin_h + 300 * part
            for k, sensor in enumerate(RADARS):
                seconds = range(first + 5 * k, first + 300, 20)
                rows = [
                    (t, east, north, {})
                    for t in seconds
                    for east, north in start
                    + v * (t - 3600 * begin_h)
                    + rng.normal(0, 8, (5, 2))
                    + (15.0 * (k == 1), 0)
                ]
                looks = [(t, 9000.0) for t in seconds]
                pieces[f"det-{begin_h}-{part}-{sensor}"] = (first + 300, sensor, rows, looks)
        told = [(3600 * begin_h + 400, *(start[0] + 400 * v[0]), {"p_truck": 0.9, "ce90_m": 80.0})]
        pieces[f"det-{begin_h}-told"] = (3600 * begin_h + 400, PEOPLE, told, ())
    for hour in range(2, HOURS, 3):
        rows = [(3600 * hour + 20 * s, 5000.0 + 8 * s, -4000.0, {}) for s in range(8)]
        pieces[f"det-{hour}-patrol"] = (3600 * hour + 160, "a", rows, ())
    return dict(sorted(pieces.items(), key=lambda item: item[1][0]))


def told_late(name):
    """Name the pieces that come late: one radar and people of the first three days, and a patrol."""
    begin_h, what = name.split("-")[1], name.split("-")[-1]
    return (begin_h != "71" and what in ("c", "told")) or name in ("det-8-patrol", "det-41-patrol")


def tell(mission, name, piece):
    when, sensor, rows, looks = piece
    mission.now = max(mission.now, T0 + timedelta(seconds=when))
    mission.tell(sensor, rows, looks, entry=name)


def shown(mission, hour, known=None):
    tracks = mission.scene.tracks(T0 + timedelta(hours=hour), known)
    return [msgspec.structs.replace(one, seq=0, row=0) for one in tracks]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The same three days, all in time, and with parts of them late; what was known in between."""
    folder, pieces = tmp_path_factory.mktemp("late"), hours_of_rows()
    straight, late = Mission(folder / "a"), Mission(folder / "b")
    for mission in (straight, late):
        mission.now = T0
    for name, piece in pieces.items():
        tell(straight, name, piece)
        if not told_late(name):
            tell(late, name, piece)
    straight.strike()
    late.now = T0 + timedelta(hours=HOURS)
    then, held = late.now, sum(bool(one.place) for one in late.fuse._rounds.values())
    known = [shown(late, hour) for hour in MOMENTS_H]
    for number, name in enumerate(name for name in reversed(list(pieces)) if told_late(name)):
        late.now = T0 + timedelta(hours=HOURS, minutes=1 + number)
        tell(late, name, pieces[name])
        if number % 5 == 4:
            late.strike()
    late.strike()
    return straight, late, then, known, held


def test_late_news_leaves_the_same_rows_as_if_it_had_come_in_time(told):
    straight, late, _, _, on_shelf = told

    first, second = (
        [msgspec.structs.replace(row, seq=0, row=0) for row in mission.scene.in_force()]
        for mission in (straight, late)
    )

    assert on_shelf > 20
    assert len(first) > 50
    assert second == first


@pytest.mark.parametrize("k", range(len(MOMENTS_H)))
def test_a_past_moment_is_shown_as_known_then_whatever_came_later(told, k):
    straight, late, then, known, _ = told

    assert len(known[k]) >= 5
    assert shown(late, MOMENTS_H[k], then) == known[k]
    assert shown(late, MOMENTS_H[k]) == shown(straight, MOMENTS_H[k])


def test_late_news_has_changed_what_is_known_of_past_moments(told):
    _, late, _, known, _ = told

    assert all(shown(late, hour) != known[k] for k, hour in enumerate(MOMENTS_H[:3]))
