"""An event meets the tracks that it would meet without areas, however they are laid and handed over."""

import numpy as np
import pytest
from truceline.track.life.areas import Areas, draw_up, hand_over, make_areas, within_reach
from truceline.track.state.history import reach
from truceline.track.state.motion import difference
from truceline.track.state.near import make_near
from truceline.track.state.types import State, empty

N = 300


def scattered(rng: np.random.Generator, slots: np.ndarray, state: State, geodetic: bool) -> None:
    """Put tracks anywhere, some of them vague, some fast, some not heard of for long."""
    n, (low, high) = len(slots), ([-180, -70], [180, 70]) if geodetic else ([-4e4, -1e4], [4e4, 1e4])
    state.alive[slots] = rng.choice([0, 1, 1, 1, 2], n)
    state.box[slots, :2] = rng.uniform(low, high, (n, 2))
    state.box[slots, 2:5] = rng.exponential((8.0, 1.0, 60.0), (n, 3))
    state.box[slots, 5] = 1000.0 - rng.exponential(20.0, n) * rng.choice([1, 30], n)


def everything(state: State, x: float, y: float, extent: float, time: float, geodetic: bool) -> list[int]:
    """Ask all tracks, one after the other."""
    found = []
    for s in np.flatnonzero(state.alive == 1).tolist():
        dx, dy = difference(x, y, state.box[s, 0], state.box[s, 1], geodetic)
        if dx * dx + dy * dy <= (reach(state, s, time) + extent) ** 2:
            found.append(s)
    return found


def asked(areas: Areas, state: State, geodetic: bool, rng: np.random.Generator) -> None:
    out = np.zeros(N, np.int64)
    for time in (1000.0, 1030.0, 400.0):
        x, y = state.box[rng.integers(N), :2] + rng.normal(0, 0.05 if geodetic else 500.0, 2)
        extent = float(rng.choice([0.0, 2000.0, 10_000.0]))

        n = within_reach(areas, state, x, y, extent, time, geodetic, out)

        assert out[:n].tolist() == everything(state, x, y, extent, time, geodetic)
    n = within_reach(areas, state, 0.0, 0.0, 1e9, 1000.0, geodetic, out)
    assert out[:n].tolist() == np.flatnonzero(state.alive == 1).tolist()


@pytest.mark.parametrize("geodetic", [False, True])
@pytest.mark.parametrize("wide_m", [300.0, 4000.0, 1e6])
def test_areas_find_what_asking_every_track_finds(wide_m, geodetic):
    rng, state, near = np.random.default_rng(3), empty(N, 2, 1), make_near(N)
    scattered(rng, np.arange(N), state, geodetic)
    areas = make_areas(N, wide_m)
    draw_up(areas, state, N, 1000.0, geodetic)
    asked(areas, state, geodetic, rng)
    for _ in range(10):  # events move, end and found tracks; areas are not drawn up anew
        held = np.flatnonzero(areas.of >= 0)
        met, free = rng.choice(held, 30, replace=False), np.flatnonzero(state.alive == 0)[:10]
        before = state.alive.copy()
        scattered(rng, met, state, geodetic)
        scattered(rng, free, state, geodetic)
        born = int((state.alive[free] == 1).sum())
        state.alive[free[state.alive[free] != 1]] = 0
        assert (before[met] == 1).all()
        near.slot[:30] = met

        hand_over(areas, state, near, 30, N, born, 1000.0, geodetic)

        asked(areas, state, geodetic, rng)
    assert areas.of.min() == -1 and (areas.of[state.alive == 1] >= 0).all()


def test_a_track_that_leaves_its_area_is_handed_over_to_the_one_that_it_enters():
    state, near = empty(3, 2, 1), make_near(3)
    state.alive[:], state.box[:, 0], state.box[:, 5] = 1, [100.0, 900.0, 1100.0], 10.0
    areas = make_areas(3, 1000.0)
    draw_up(areas, state, 3, 10.0, False)
    assert areas.of.tolist() == [0, 0, 1]
    state.box[1, 0], near.slot[0] = 1050.0, 1

    hand_over(areas, state, near, 1, 3, 0, 10.0, False)

    assert areas.of.tolist() == [0, 1, 1]
