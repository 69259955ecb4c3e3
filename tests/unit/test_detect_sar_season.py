"""What parts of a scene did together on past dates explains what they do again."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from truceline.detect.radar.backscatter import STEPS_PER_DB, encode
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.season import MAPS, STEP, TILE_BLOCKS, Maps, expected, no_maps, remember
from truceline.detect.radar.series import observe
from truceline.detect.radar.weather import BLOCK_PX
from truceline.geo.raster import Grid

BLOCKS = (40, 50)


def _fields(seed: int, shape: tuple[int, int] = BLOCKS) -> NDArray[np.float32]:
    """Fields of five by five blocks, each with a change of its own, 1 dB wide."""
    rng = np.random.default_rng(seed)
    small = rng.normal(0, 256, (-(-shape[0] // 5), -(-shape[1] // 5)))
    fields = np.repeat(np.repeat(small, 5, 0), 5, 1)[: shape[0], : shape[1]]
    return (fields + rng.normal(0, 60, shape)).astype(np.float32)


def _past(shape: tuple[int, int] = BLOCKS) -> Maps:
    maps = no_maps((BLOCK_PX * shape[0], BLOCK_PX * shape[1]), 1)
    for date in range(MAPS):
        _put(maps, date, _fields(date, shape))
    return maps


def _put(maps: Maps, date: int, off: NDArray[np.float32]) -> None:
    full = np.full(off.shape, BLOCK_PX**2, np.int32)
    sums = np.rint(off[None] * BLOCK_PX**2).astype(np.int32)
    remember(maps, date, sums, full, full, np.zeros((1, *off.shape), np.float32))


def _explained(maps: Maps, off: NDArray[np.float32]) -> NDArray[np.float32]:
    sums = np.rint(off[None] * BLOCK_PX**2).astype(np.int32)
    full = np.full(off.shape, BLOCK_PX**2, np.int32)
    return expected(maps, sums, full, np.zeros((1, *off.shape), np.float32))[0]


def test_a_date_is_remembered_to_half_a_step_and_replaces_the_oldest():
    maps = _past()

    _put(maps, MAPS, _fields(99))

    np.testing.assert_allclose(
        maps[0, 0] * STEP, _fields(99).clip(-127 * STEP, 127 * STEP), atol=STEP / 2 + 0.1
    )
    np.testing.assert_allclose(
        maps[1, 0] * STEP, _fields(1).clip(-127 * STEP, 127 * STEP), atol=STEP / 2 + 0.1
    )


def test_a_date_like_a_past_one_is_explained_by_it():
    today = 0.8 * _fields(3) + np.random.default_rng(7).normal(0, 60, BLOCKS).astype(np.float32)

    rest = today - _explained(_past(), today)

    assert rest.std() < 0.45 * today.std()


def test_a_place_that_changed_today_is_not_explained_away():
    today = 0.8 * _fields(3)
    changed = today.copy()
    changed[10:13, 20:23] -= 3 * 256

    rest = changed - _explained(_past(), changed)

    assert rest[10:13, 20:23].mean() == pytest.approx(-3 * 256, abs=120)


def test_a_date_unlike_all_past_ones_is_hardly_explained():
    today = _fields(1234)

    assert _explained(_past(), today).std() < 0.4 * today.std()


def test_without_a_past_nothing_is_explained():
    assert not _explained(no_maps((BLOCK_PX * BLOCKS[0], BLOCK_PX * BLOCKS[1]), 1), _fields(1)).any()


def test_each_part_of_a_wide_scene_may_resemble_another_date():
    shape = (TILE_BLOCKS, 6 * TILE_BLOCKS)
    half = 3 * TILE_BLOCKS
    today = np.concatenate([_fields(2, shape)[:, :half], _fields(5, shape)[:, half:]], axis=1)

    rest = today - _explained(_past(shape), today)

    ends = np.r_[0 : 2 * TILE_BLOCKS, 4 * TILE_BLOCKS : 6 * TILE_BLOCKS]
    assert rest[:, ends].std() < 0.35 * today.std()


def test_dates_of_two_orbits_are_told_apart_by_the_ground_they_show():
    rng = np.random.default_rng(11)
    grid = Grid("EPSG:32636", (30.0, 0.0, 5e5, 0.0, -30.0, 4e6), 96, 96)
    hills_db = gaussian_filter(rng.normal(0, 1, (96, 96)), 3)
    hills_db *= 2.0 / hills_db.std()
    history = History.new(SarSettings(), grid, ("vv",))

    for date in range(16):
        power = 0.05 * rng.gamma(6, 1 / 6, (1, 96, 96)) * 10 ** ((date % 2) * hills_db / 10)
        stamp = Stamp(str(date), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=6 * date))
        observe(history, stamp, encode(power.astype(np.float32)))

    rest_db = history.today.residual[0].reshape(24, 4, 24, 4).mean((1, 3)) / STEPS_PER_DB
    # One mean for both orbits would leave half the hills, 1 dB.
    assert rest_db.std() < 0.75
