"""What later looks saw at a place of which a number was told."""

from types import SimpleNamespace

import numpy as np
import pytest
from truceline.track.files.glances import OPEN, Glances
from truceline.track.state.types import ANNULUS, NO_SHAPE, RECT, Events

DRONE, RADAR, REPORT = 0, 1, 2


def course():
    """Three looks of a drone and one of a radar that sees only what moves, and a report, at (0, 0)."""
    rows = np.array([(10, 0), (0, 50), (-40, 5), (900, 0), (0, 0), (3, 3)], float)
    field = np.zeros((5, 6))
    field[:, 2:5] = 2000, 1500, 1
    field[3, 2:4], field[2, 0] = (0, 9000), 1800
    ints = {"sensor": [DRONE, DRONE, DRONE, RADAR, REPORT], "size": [0, 4, 1, 0, 1], "first": [0, 0, 4, 0, 5]}
    events = Events(**{
        **{name: np.zeros(5) for name in Events._fields}, **{k: np.array(v) for k, v in ints.items()},
        "time": np.array([50.0, 200, 300, 250, 100]), "known": np.array([50.0, 230, 300, 250, 100]),
        "shape": np.array([RECT, RECT, RECT, ANNULUS, NO_SHAPE]), "field": field, "pd": np.full(5, 0.9),
        "min_speed": np.array([0, 0, 0, 0.8, 0]), "sight": np.array([0, 0, 0, 0, 0]),
    })  # fmt: skip
    return SimpleNamespace(events=events, detections=SimpleNamespace(z=rows), origin_us=0)


@pytest.mark.parametrize("now_s", [240, 400])
def test_the_newest_look_of_each_sensor_that_covers_the_whole_place_counts(now_s):
    seen = Glances(course()).since(7, (0.0, 0.0), 100_000_000, now_s * 1_000_000, persons=0.0)

    assert seen == [(3, pytest.approx(OPEN * 0.9))]  # the last look covers a part, the radar sees what moves


def test_a_look_that_nobody_knows_of_yet_or_older_than_the_report_says_nothing():
    glances = Glances(course())

    assert glances.since(7, (0.0, 0.0), 100_000_000, 220_000_000, persons=0.0) == []
    assert glances.since(7, (0.0, 0.0), 200_000_000, 400_000_000, persons=0.0) == []
