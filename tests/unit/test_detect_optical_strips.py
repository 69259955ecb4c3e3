"""A pair worked on strip by strip gives what it gives whole."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from truceline.detect import desk as planes
from truceline.detect.optical import strips as cut
from truceline.detect.optical.compare import compare, patches_of
from truceline.geo.raster import Grid

GRID = Grid("EPSG:32636", (30.0, 0.0, 500_000.0, 0.0, -30.0, 3_900_000.0), 150, 230)
NAMES = ("blue", "green", "red", "nir08")


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(8)
    ground = np.stack([gaussian_filter(rng.normal(size=GRID.shape), 2) for _ in NAMES]) * 900 + 2000
    before = ground + rng.normal(0, 20, ground.shape)
    after = ground * 1.2 + rng.normal(0, 20, ground.shape)
    after[:, 60:80, 40:70] += np.array([900, 800, 700, -900])[:, None, None]
    after = np.stack([shift(band, (1.7, -2.2), order=3, mode="nearest") for band in after])
    before[:, 100:104], after[:, :, 90:93] = np.nan, np.nan
    return before.astype(np.float32), after.astype(np.float32)


def answer(pair):
    change = compare(*pair)
    return change, patches_of(change, pair[0], GRID, NAMES, None, "pair")


@pytest.mark.parametrize("rows", [7, 64])
def test_the_height_of_the_strips_does_not_matter(pair, monkeypatch, rows):
    whole, patches = answer(pair)
    monkeypatch.setattr(cut, "STRIP_ROWS", rows)

    change, again = answer(pair)

    assert whole.is_corrected and patches
    assert (change.changed == whole.changed).all()
    np.testing.assert_allclose(change.logarithm, whole.logarithm, atol=1e-4)
    assert [one.id for one in again] == [one.id for one in patches]
    assert [one.meaning for one in again] == [one.meaning for one in patches]


def test_planes_in_files_give_what_planes_in_memory_give(pair, monkeypatch):
    whole, _ = answer(pair)
    monkeypatch.setattr(planes, "IN_MEMORY_PX", 100)

    change, _ = answer(pair)

    assert (change.changed == whole.changed).all()
    assert np.array_equal(change.logarithm, whole.logarithm, equal_nan=True)
    assert np.array_equal(change.aligned, whole.aligned, equal_nan=True)
