"""The threshold of optical change holds from nothing changed to nearly half, under little and much noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from truceline.detect.optical.alteration import threshold_of, usual_of
from truceline.detect.optical.compare import compare

SIDE = 160
TARGETS = {  # in spreads of each band: bare and bright, dark or wet, plants lost
    "bright": (2.0, 2.0, 2.2, 0.5, 2.0, 2.2),
    "dark": (-1.5, -1.5, -1.5, -2.0, -2.0, -1.7),
    "vegetation": (0.4, 0.5, 1.2, -2.0, 0.8, 1.2),
}


def pair(share, noise, kind, season=0.05, seed=1):
    """Make two dates of fields: other light, a season per kind of field, a fifth of a pixel beside."""
    rng = np.random.default_rng(seed)
    fields = np.digitize(gaussian_filter(rng.normal(size=(SIDE, SIDE)), 5), [-0.06, -0.02, 0.02, 0.06])
    ground = rng.normal(size=(5, 6))[fields].transpose(2, 0, 1)
    ground += gaussian_filter(rng.normal(0, 1.0, ground.shape), (0, 1, 1))
    truth = np.zeros((SIDE, SIDE), bool)
    while truth.sum() < share * truth.size:
        height, width = rng.integers(6, 24, 2) if share > 0.05 else (8, 9)
        top, left = rng.integers(0, SIDE - 24, 2)
        truth[top : top + height, left : left + width] = True
    later = ground + rng.normal(0, season, (5, 6))[fields].transpose(2, 0, 1)
    later[:, truth] += 0.75 * (np.array(TARGETS[kind])[:, None] - later[:, truth])
    later = shift(later, (0, 0.15, -0.15), order=3, mode="nearest")
    before, after = (ground + rng.normal(0, noise, ground.shape) for ground in (ground, later))
    after = after * rng.uniform(0.6, 1.5, (6, 1, 1)) + rng.uniform(-1, 2, (6, 1, 1))
    return before.astype(np.float32), after.astype(np.float32), truth


def kappa(truth, found):
    chance = truth.mean() * found.mean() + (1 - truth.mean()) * (1 - found.mean())
    return ((truth == found).mean() - chance) / (1 - chance)


@pytest.mark.parametrize(
    ("share", "noise", "kind"),
    [
        (0.003, 0.05, "dark"), (0.003, 0.3, "vegetation"), (0.03, 0.05, "vegetation"), (0.03, 0.3, "dark"),
        (0.3, 0.05, "bright"), (0.3, 0.3, "dark"), (0.4, 0.05, "dark"), (0.4, 0.3, "vegetation"),
    ],
)  # fmt: skip
def test_a_share_of_changed_ground_is_split_off_under_any_noise(share, noise, kind):
    before, after, truth = pair(share, noise, kind)

    assert kappa(truth, compare(before, after).changed) > 0.8


@pytest.mark.parametrize("season", [0.0, 0.1])
@pytest.mark.parametrize("noise", [0.12, 0.3])
def test_where_nothing_changed_nothing_is_found(noise, season):
    before, after, _ = pair(0.0, noise, "bright", season)

    assert compare(before, after).changed.mean() < 0.002


def test_what_is_usual_stays_where_it_is_though_nearly_half_changed():
    rng = np.random.default_rng(2)
    unchanged, changed = rng.normal(2.5, 0.3, 30_000), rng.normal(6.0, 0.8, 25_000)

    usual, spread = usual_of(np.concatenate([unchanged, changed]))

    assert usual == pytest.approx(2.5, abs=0.1)
    assert spread == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("count", [100, 30_000])
def test_of_one_population_hardly_anything_is_over_the_threshold(count):
    values = np.random.default_rng(3).normal(2.5, 0.3, count)

    assert (values > threshold_of(values, 6, *usual_of(values))).mean() < 0.001


def test_pictures_that_fit_perfectly_have_a_threshold_above_all():
    values = np.full(1000, np.log(1e-3))

    assert usual_of(values) == (values[0], 0.0)
    assert threshold_of(values, 6, *usual_of(values)) > values[0]
