"""The medians of blocks are those of sorting, and a restless stretch is told by them."""

import numpy as np
import pytest
from scipy.ndimage import median_filter
from truceline.detect.radar.matched import Past, Today
from truceline.detect.radar.restless import (
    CHANGED,
    RECENT_STEPS,
    UNREST_STEPS,
    medians,
    memory_of,
    restlessness,
    sum_sizes,
)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (40, 130)])
def test_medians_of_windows_are_those_that_sorting_finds(shape):
    codes = np.random.default_rng(shape[1]).gamma(3, 25, shape).clip(0, 255).astype(np.uint8)

    found = medians(np.pad(codes, 3, "edge"))

    assert (found == median_filter(codes, 7, mode="nearest")).all()


def test_only_a_stretch_that_scatters_more_than_the_scene_is_restless():
    counts = np.full((60, 60), 16, np.int32)
    sums = np.full((60, 60), 16 * 50, np.int32)
    sums[20:40, 20:40] *= 2
    sums[10, 10] = 16 * 240  # one changed block is no stretch
    counts[50] = 0

    share = restlessness(sums, counts)

    assert share[30, 30] == pytest.approx(2 / 1.05, abs=0.01)
    assert (share[:16] == 1).all() and (share[45:] == 1).all()


def test_a_scene_without_data_is_nowhere_restless():
    assert (restlessness(np.zeros((5, 4), np.int32), np.zeros((5, 4), np.int32)) == 1).all()


@pytest.mark.parametrize("foretold", [0.0, 0.5])
def test_what_a_scene_remembers_is_told_without_its_changed_places(foretold: float):
    shape, rng = (400, 200), np.random.default_rng(2)
    before = rng.normal(0, 1, shape)
    today = foretold * before + np.sqrt(1 - foretold**2) * rng.normal(0, 1, shape)
    before[:60, :60] = today[:60, :60] = 3.5
    none = [np.zeros(shape, kind) for kind in (np.int8, np.int16)]
    past = Past(
        mean=np.zeros((1, *shape), np.int16),
        spread=np.zeros((1, *shape), np.uint16),
        cross=np.zeros(shape, np.int16),
        unrest=np.full(shape, UNREST_STEPS, np.uint16),
        fed=np.full(shape, 30, np.uint8),
        seen=np.full(shape, 30, np.uint8),
        recent=np.rint(np.stack([before, before]) * RECENT_STEPS).clip(-127, 127).astype(np.int8),
    )
    date = Today(np.zeros((1, *shape), np.int16), np.zeros((1, *shape), np.int16), today.astype("f4"), *none)
    sums, counts = (np.zeros((100, 50), np.int32) for _ in range(2))

    told = [
        sum_sizes(past, date, np.array([0, 1, 4], "f4"), top, top + 200, sums, counts) for top in (0, 200)
    ]

    part = max(foretold - CHANGED, 0) / (1 - CHANGED)
    assert memory_of(*np.sum(told, axis=0).tolist()) == pytest.approx(part, abs=0.03)
