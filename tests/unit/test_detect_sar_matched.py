"""The matched filter is the one that plain numpy computes, and its scores count the strongest window."""

import numpy as np
import pytest
from scipy.ndimage import correlate
from truceline.detect.radar import matched, restless, scoring
from truceline.detect.radar.backscatter import UNSEEN
from truceline.detect.radar.matched import Past, Scene, Today
from truceline.detect.radar.series import EXPONENT, ROOTS

SHAPE = (24, 37)


def scene(pols: int, seed: int = 1) -> tuple[Past, Today, Scene]:
    rng = np.random.default_rng(seed)
    blocks = (pols, 6, 10)
    past = Past(
        mean=rng.integers(-4000, -2000, (pols, *SHAPE)).astype(np.int16),
        spread=rng.integers(200, 1500, (pols, *SHAPE)).astype(np.uint16),
        cross=rng.integers(-100, 300, SHAPE).astype(np.int16),
        unrest=np.full(SHAPE, restless.UNREST_STEPS, np.uint16),
        fed=rng.integers(1, 30, SHAPE).astype(np.uint8),
        seen=np.full(SHAPE, 30, np.uint8),
        recent=np.zeros((2, *SHAPE), np.int8),
    )
    level = past.mean + rng.normal(0, 400, (pols, *SHAPE)).astype(np.int16)
    level[:, 5, 7] = UNSEEN
    past.fed[11, 3] = 0
    none = [np.zeros(SHAPE, kind) for kind in (np.float32, np.int8, np.int16)]
    today = Today(level, np.zeros_like(level), *none)
    weather = np.zeros(blocks, np.float32) + np.float32(96)
    doubt = np.full(blocks, 0.3, np.float32)
    pooled, rough = np.array([3.0, 0.5, 4.0], np.float32), np.array([2.0, 1.25], np.float32)[:pols]
    return past, today, Scene(weather, doubt, pooled, rough, ROOTS)


def plain(past: Past, today: Today, told: Scene) -> np.ndarray:
    """Compute the contrasts again, without rows, codes or polynomials."""
    known = (today.level[0] != UNSEEN) & (past.fed > 0)
    dates = np.maximum(past.fed.astype(float), 1)
    share, short = 1 / (dates - 1 + 5), 1 + 1 / dates
    total, over = np.zeros(SHAPE), np.zeros(SHAPE)
    weights = []
    for layer in range(len(today.level)):
        spread = past.spread[layer] / 256
        variance = ((dates - 1) * spread + 5 * told.pooled[2 * layer]) * share + 0.05
        weight = 1 / (told.rough[layer] * variance * short + 0.3)
        change_db = np.clip(today.level[layer] - past.mean[layer].astype(float) - 96, -4096, 4096) / 256
        root = (10 ** (EXPONENT * change_db / 10) - 1) / EXPONENT * 10 / np.log(10)
        total += weight * root
        over += weight
        weights.append(weight)
    if len(weights) == 2:
        both = ((dates - 1) * past.cross / 256 + 5 * told.pooled[1]) * share * short
        over = np.maximum(over + 2 * weights[0] * weights[1] * both, 0.1 * over)
    taps = np.exp(-(np.arange(-2, 3.0) ** 2) / (2 * 1.7**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    sums = [correlate(np.where(known, each, 0), window, mode="nearest") for each in (total, over)]
    return sums[0] / np.sqrt(np.maximum(sums[1], 1e-6))


@pytest.mark.parametrize("pols", [1, 2])
def test_contrasts_are_those_of_plain_numpy(pols: int):
    past, today, told = scene(pols)
    bins = np.zeros(matched.CONTRAST_BINS, np.int64)

    for top, bottom in ((0, 8), (8, 24)):
        matched.filter_rows(past, today, told, top, bottom, bins)

    wanted = plain(past, today, told)
    assert np.abs(today.contrast - wanted).max() < 0.01 * np.abs(wanted).max()
    assert bins.sum() == np.prod(SHAPE) - 2  # one pixel without data, one without history


def scored(calm: np.ndarray, reach: float = 4.0, recent: tuple[float, float] = (0, 0)) -> np.ndarray:
    past, today, _ = scene(1)
    past.fed[:], past.recent[0], past.recent[1] = 30, *(np.int8(32 * each) for each in recent)
    today = today._replace(level=np.zeros_like(today.level), contrast=calm.astype(np.float32))
    bins = np.zeros((2, scoring.STRENGTH_BINS), np.int64)
    gauge, wide = np.array([0, 1, reach, 0], np.float32), np.ones((6, 10), np.float32)
    state = np.zeros(SHAPE, np.uint8)
    scoring.score_rows(past, today, state, gauge, wide, 8, (0, 24), bins)
    return today.score / scoring.SCORE_STEPS


def test_the_edge_of_a_place_counts_with_its_strongest_window_and_what_lies_beside_does_not():
    calm = np.zeros(SHAPE)
    calm[10:13, 10:13] = 3.5
    calm[11, 11] = 5.0
    calm[11, 14] = 1.0

    score = scored(calm)

    assert score[11, 11] == pytest.approx(5 / 4, abs=2e-3) and score[10, 10] >= 1
    assert abs(score[11, 13]) < 1e-3  # itself calm
    assert score[11, 14] < 1  # shows little itself
    assert not score[:, 20:].any()


@pytest.mark.parametrize(
    ("recent", "exceeds"), [((0, 0), False), ((3.3, 0), True), ((1.0, 3.3), False), ((-3.3, -3.3), False)]
)
def test_dates_of_one_sign_are_summed_where_each_shows(recent: tuple[float, float], exceeds: bool):
    calm = np.zeros(SHAPE)
    calm[10:13, 10:13] = 3.3

    assert (scored(calm, recent=recent)[11, 11] >= 1) == exceeds
