"""What a sensor's detections come to by themselves."""

import numpy as np
import pytest
from truceline.track.files.alone import loose_alone, part
from truceline.track.state.types import ANNULUS, Events, Rows, bare_ground

LOOKS, THINGS = 30, 6


def seen(displaced_m: float):
    """A radar sees six things every ten seconds, another sensor nothing."""
    rng, n = np.random.default_rng(4), LOOKS * THINGS
    start = np.stack([np.linspace(-6000, 6000, THINGS), np.full(THINGS, 2000.0)], 1)
    at = (start[None] + np.array([0.0, 8.0]) * 10 * np.arange(LOOKS)[:, None, None]).reshape(n, 2)
    way = rng.uniform(0, 2 * np.pi, n)
    at += rng.normal(0, 15, at.shape) + displaced_m * np.stack([np.cos(way), np.sin(way)], 1)
    none = np.zeros(2 * LOOKS)
    events = Events(**dict.fromkeys(Events._fields, none))._replace(
        time=np.repeat(10.0 * np.arange(LOOKS), 2), known=np.repeat(10.0 * np.arange(LOOKS), 2) + 1,
        sensor=np.tile([0, 1], LOOKS), sortie=none.astype(int), sight=none.astype(int),
        first=np.repeat(THINGS * np.arange(LOOKS), 2), size=np.tile([0, THINGS], LOOKS),
        shape=np.full(2 * LOOKS, ANNULUS), field=np.tile([0, 0, 0, 10_000, 1, 0.0], (2 * LOOKS, 1)),
        pd=np.full(2 * LOOKS, 0.9), clutter=np.full(2 * LOOKS, 0.002),
    )  # fmt: skip
    z = np.hstack([at, np.tile([225, 225, 0.0], (n, 1)), np.full((n, 3), np.nan)])
    rows = Rows(
        z, np.zeros(n), np.full((n, 7), 1 / 7, np.float32), np.full(n, np.nan, np.float32),
        np.full((n, 2), np.nan, np.float32),
    )  # fmt: skip
    return events, rows, 1 + np.arange(n)


@pytest.mark.parametrize(("displaced_m", "share"), [(0.0, (0.9, 1.0)), (1500.0, (0.0, 0.5))])
def test_what_a_sensor_shows_holds_together_by_itself_only_where_it_tells_the_truth(displaced_m, share):
    events, rows, names = seen(displaced_m)
    mine = part(events, rows, names, np.flatnonzero(events.sensor == 1))
    ground = bare_ground(np.full(2, -15_000.0), np.full(2, 15_000.0), 2)

    held = ~loose_alone(*mine, ground, 5000.0)

    assert share[0] <= held.mean() <= share[1]


def test_a_part_of_the_events_counts_its_own_rows():
    events, rows, names = seen(0.0)

    taken, its, called = part(events, rows, names, np.array([1, 5, 7]))

    assert taken.first.tolist() == [0, 6, 12]
    assert called.tolist() == [*range(1, 7), *range(13, 25)]
    assert its.z[:, 0].tolist() == rows.z[called - 1, 0].tolist()
