"""The medians of blocks are those of sorting, and a restless stretch is told by them."""

import numpy as np
import pytest
from scipy.ndimage import median_filter
from truceline.detect.radar.restless import medians, restlessness


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
