"""The noise of the blocks of a date tells how much each polarisation counts."""

import numpy as np
import pytest
from numpy.typing import NDArray
from truceline.detect.radar.backscatter import STEPS_PER_DB
from truceline.detect.radar.texture import roughness

BLOCKS = (60, 80)
COUNTS = np.full(BLOCKS, 16, np.int32)
POOLED = [4.0, 0.0, 4.0]  # of pixels: 0.25 dB² in a block


def noise(seed: int, spread_db: float = 0.5) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, spread_db, BLOCKS)


def rough(*layers_db: NDArray[np.float64], dates: int = 10_000) -> NDArray[np.float32]:
    sums = np.rint(np.stack(layers_db) * STEPS_PER_DB * 16).astype(np.int32)
    return roughness(sums, COUNTS, np.zeros(sums.shape, np.float32), POOLED, dates)


def test_noise_of_single_pixels_is_not_rough():
    assert rough(noise(1)) == pytest.approx([1], abs=0.15)


def test_noise_that_neighbours_share_makes_a_polarisation_rough():
    assert rough(noise(3), noise(4, 1.0)) == pytest.approx([1, 4], rel=0.2)


def test_noise_that_both_polarisations_share_makes_both_rough():
    shared = noise(5)

    both = rough(shared + noise(6, 0.2), shared + noise(7, 0.2))

    assert both == pytest.approx([2.2, 2.2], rel=0.25)


def test_changed_places_do_not_make_a_date_rough():
    changed = noise(8)
    for row in range(5, 55, 10):
        changed[row : row + 2, 10:70:20] += 5.0

    assert rough(changed) == pytest.approx(rough(noise(8)), rel=0.15)


def test_without_a_past_or_blocks_nothing_is_rough():
    assert rough(noise(12, 3.0), dates=0) == 1
    nothing = np.zeros((1, 3, 3), np.float32)
    assert roughness(nothing.astype(np.int32), np.full((3, 3), 16, np.int32), nothing, POOLED, 9) == 1
