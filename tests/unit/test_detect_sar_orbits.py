"""Scenes of one place from several orbits: each pixel is compared with what it shows from the same side."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from truceline.detect.radar.backscatter import STEPS_PER_DB, encode
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.history_file import load_history, save_history
from truceline.detect.radar.orbits import LEAST_DATES, MOST_ORBITS, orbit_of
from truceline.detect.radar.series import observe
from truceline.geo.raster import Grid

SIDE_PX = 96
GRID = Grid("EPSG:32636", (30.0, 0.0, 5e5, 0.0, -30.0, 4e6), SIDE_PX, SIDE_PX)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
PATCHES = {-3.0: (20, 24), 3.0: (60, 52)}  # dB: first row and column of a square of ten pixels
PATCH_PX = 10


def rugged(seed: int) -> NDArray[np.float64]:
    """What another side shows instead, dB: layover and shadow of 1 to 3 pixels, 2 to 6 dB, on a twelfth."""
    rng = np.random.default_rng(seed)
    off_db = np.zeros((SIDE_PX, SIDE_PX))
    for _ in range(200):
        height, width = rng.integers(1, 4, 2)
        row, column = rng.integers(0, SIDE_PX - 3, 2)
        off_db[row : row + height, column : column + width] = rng.uniform(2, 6) * rng.choice((-1, 1))
    return off_db


def changed() -> NDArray[np.float64]:
    change_db = np.zeros((SIDE_PX, SIDE_PX))
    for level_db, (row, column) in PATCHES.items():
        change_db[row : row + PATCH_PX, column : column + PATCH_PX] = level_db
    return change_db


def follow(views: list[NDArray[np.float64]], orbits: list[int], names: list[str], start: int) -> History:
    """Take in a date for each orbit; the ground changed at date ``start``."""
    rng, history = np.random.default_rng(3), History.new(SarSettings(), GRID, ("vv",))
    for date, orbit in enumerate(orbits):
        level_db = views[orbit] + (changed() if date >= start else 0)
        power = 0.05 * rng.gamma(6, 1 / 6, (1, SIDE_PX, SIDE_PX)) * 10 ** (level_db / 10)
        stamp = Stamp(str(date), FIRST + timedelta(days=6 * date), orbit=names[orbit])
        observe(history, stamp, encode(power.astype(np.float32)))
    return history


@pytest.mark.parametrize(
    ("relative", "state", "item_id", "orbit"),
    [
        (137, "ascending", "T064-135524-IW2_20220501", "137"),
        (None, "descending", "T064-135524-IW2_20220501", "descending"),
        (None, None, "OPERA_L2_RTC-S1_T064-135524-IW2_20220501T015035Z_S1A_30_v1.0", "64"),
        (None, None, "t064_135524_iw2", "64"),
        (True, 7, "20250131", ""),
        (None, None, "AT064-135524-IW2", ""),
    ],
)
def test_a_scene_tells_its_orbit_by_its_number_its_direction_or_its_burst(relative, state, item_id, orbit):
    assert orbit_of(relative, state, item_id) == orbit


def test_a_pixel_is_compared_with_what_it_shows_from_the_same_side():
    views = [np.zeros((SIDE_PX, SIDE_PX)), rugged(1)]
    strong = np.abs(views[1]) > 3

    told = follow(views, [0, 1] * 8, ["15", "80"], 99).today.residual[0] / STEPS_PER_DB
    silent = follow(views, [0, 1] * 8, ["", ""], 99).today.residual[0] / STEPS_PER_DB

    # One mean for both leaves half of what differs; speckle leaves the mean of so many pixels at 0.2 dB.
    off_db = np.sign(views[1])[strong]
    assert abs((told[strong] * off_db).mean()) < 0.7
    assert (silent[strong] * off_db).mean() > 1.4


def test_changes_on_rugged_ground_are_found_as_on_ground_that_looks_alike_from_both_sides():
    rough = follow([np.zeros((SIDE_PX, SIDE_PX)), rugged(1)], [0, 1] * 8, ["15", "80"], 15)
    flat = follow([np.zeros((SIDE_PX, SIDE_PX))] * 2, [0, 1] * 8, ["15", "15"], 15)

    def found(history: History) -> float:
        scores, there = history.scores(), changed()
        least = np.quantile(np.abs(scores[there == 0]), 0.99)
        return float(((scores * np.sign(there))[there != 0] > least).mean())

    assert found(rough) > found(flat) - 0.05 > 0.85


def test_a_change_is_confirmed_by_looks_from_two_sides():
    history = follow([np.zeros((SIDE_PX, SIDE_PX)), rugged(1)], [0, 1] * 7 + [1, 0], ["15", "80"], 14)

    for row, column in PATCHES.values():
        core = history.life.state[row + 2 : row + PATCH_PX - 2, column + 2 : column + PATCH_PX - 2]
        assert (core == 2).mean() > 0.9


@pytest.mark.parametrize("seed", [1, 2])
def test_the_first_looks_from_another_side_raise_no_alert(seed: int):
    views = [np.zeros((SIDE_PX, SIDE_PX)), rugged(seed)]
    first = follow(views, [0] * 10 + [1], ["15", "80"], 99)

    assert np.isnan(first.scores()).all()
    third = follow(views, [0] * 10 + [1] * (LEAST_DATES + 1), ["15", "80"], 99)
    # What an alert covers learns nothing and stays untested from the other side until the alert has gone.
    assert np.isfinite(third.scores()).mean() > 0.95 and (np.abs(third.scores()) >= 1).mean() < 0.01


def test_a_series_of_one_orbit_keeps_nothing_of_orbits(tmp_path):
    views, sizes = [np.zeros((SIDE_PX, SIDE_PX)), rugged(1)], []
    for number, names in enumerate((["15", "15"], ["", ""])):
        history = follow(views, [0, 1] * 5, names, 99)
        save_history(history, tmp_path / str(number))
        sizes.append((tmp_path / str(number)).stat().st_size)

    assert not history.orbits.views and sizes[0] - sizes[1] == 10 * len("15")


def test_further_orbits_than_have_a_memory_share_the_last(tmp_path):
    count = MOST_ORBITS + 2
    views = [np.zeros((SIDE_PX, SIDE_PX))] * count

    history = follow(views, list(range(count)) * 2, [str(own) for own in range(count)], 99)
    save_history(history, tmp_path / "state")

    assert len(history.orbits.views) == len(load_history(tmp_path / "state").orbits.views) == MOST_ORBITS
    assert (history.orbits.views[-1].fed == 2 * (count - MOST_ORBITS + 1)).mean() > 0.95
