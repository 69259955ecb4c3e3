"""A change that was seen holds as a whole place, and one that passed lets go."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from truceline.detect.radar.backscatter import encode
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.series import observe
from truceline.geo.raster import Grid

SIDE = 96
GRID = Grid("EPSG:32636", (30.0, 0.0, 5e5, 0.0, -30.0, 4e6), SIDE, SIDE)
PLACE = (slice(40, 49), slice(50, 58))


def run(*changes_db: float, seed: int = 1, looks: int = 6) -> list[np.ndarray]:
    """Give the states after each of the dates whose change of one place is stated."""
    return series(*changes_db, seed=seed, looks=looks)[1]


def series(*changes_db: float, seed: int = 1, looks: int = 6) -> tuple[History, list[np.ndarray]]:
    """Give what is remembered after these dates too."""
    rng = np.random.default_rng(seed)
    history, states = History.new(SarSettings(), GRID, ("vv", "vh")), []
    for item, change_db in enumerate([0.0] * 12 + list(changes_db)):
        power = 0.05 * rng.gamma(looks, 1 / looks, (2, SIDE, SIDE))
        power[:, *PLACE] *= 10 ** (change_db / 10)
        stamp = Stamp(str(item), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=12 * item))
        observe(history, stamp, encode(power.astype(np.float32)))
        states.append(history.life.state.copy())
    return history, states[12:]


@pytest.mark.parametrize("seed", range(3))
def test_what_lasts_more_weakly_than_it_came_is_confirmed_as_a_whole(seed: int):
    first, second = run(4.5, 2.0, seed=seed)

    assert (first[PLACE] == 1).mean() > 0.7
    assert (second[PLACE] == 2).mean() > 0.6


@pytest.mark.parametrize("seed", range(4))
def test_what_passed_is_gone_on_the_next_date(seed: int):
    first, second = run(-8.0, 0.0, seed=seed)

    assert (first[PLACE] == 1).mean() > 0.9
    assert not second[38:51, 48:60].any()


def test_an_alert_does_not_reach_far_over_the_edge_of_its_place():
    (state,) = run(6.0)

    outline = np.zeros((SIDE, SIDE), bool)
    outline[PLACE] = True
    assert (state[outline] == 1).mean() > 0.9
    assert (state[38:51, 48:60][~outline[38:51, 48:60]] > 0).mean() < 0.25


@pytest.mark.parametrize("seed", [0, 2, 7, 8])
def test_what_speckle_hides_on_one_date_is_confirmed_by_those_that_follow(seed: int):
    first, second, third = run(1.8, 1.8, 1.8, seed=seed, looks=2)

    assert (first[PLACE] > 0).mean() < 0.4 < (second[PLACE] > 0).mean()
    assert (third[PLACE] == 2).mean() > 0.6


def test_what_lasts_so_faintly_that_drying_soil_would_do_it_is_hardly_confirmed():
    ends = [run(-0.8, -0.8, -0.8, seed=seed)[-1][PLACE] for seed in range(6)]

    assert np.mean([(state == 2).mean() for state in ends]) < 0.2


@pytest.mark.parametrize("seed", range(4))
def test_what_was_weak_and_passed_is_no_alert(seed: int):
    _, second, third = run(1.2, 0.0, 0.0, seed=seed)

    assert (second[PLACE] > 0).mean() < 0.05 and not third[PLACE].any()


@pytest.mark.parametrize("seed", range(3))
def test_what_stands_out_without_exceeding_does_not_make_a_pixel_restless(seed: int):
    history, _ = series(1.2, seed=seed)
    score, unrest = history.scores(), history.past.unrest.copy()
    before, _ = series(seed=seed)

    faint = (np.abs(score) >= 0.8) & (np.abs(score) < 1)
    assert faint.sum() > 9
    assert np.array_equal(unrest[faint], before.past.unrest[faint])
    assert (unrest[~faint] != before.past.unrest[~faint]).mean() > 0.9


def test_a_confirmed_place_is_finished_when_it_shows_no_more_and_not_for_two_poor_dates():
    *_, lasting = run(3.0, 3.0, 0.0, 0.0, 3.0)
    *_, over = run(3.0, 3.0, 0.0, 0.0, 0.0)

    assert (lasting[PLACE] == 2).mean() > 0.6
    assert (over[PLACE] == 3).mean() > 0.6
