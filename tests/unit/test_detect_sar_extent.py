"""A wide stretch of a radar date counts more than a narrow one, and nothing exceeds only for being wide."""

import itertools

import numpy as np
from scipy.ndimage import label
from truceline.detect.radar import extent
from truceline.detect.radar.scoring import SCORE_STEPS, UNTESTED

SHAPE = (48, 61)


def field(seed: int = 3) -> np.ndarray:
    codes = np.random.default_rng(seed).normal(0, 420, SHAPE).astype(np.int16)
    codes[20:31, 10:19] = 900
    codes[5:8, 40:43] = 900
    codes[12, 30:33] = 1500
    codes[40:, 50:] = UNTESTED
    return codes


def stretched(codes: np.ndarray, cuts: tuple[int, ...] = (0, SHAPE[0])) -> np.ndarray:
    out = codes.copy()
    runs = [extent.runs_of(out, extent.least_code(4.0), rows) for rows in itertools.pairwise(cuts)]
    told = extent.factors_of(np.concatenate(runs))
    extent.stretch(out, np.concatenate(runs), told)
    return out


def test_stretches_are_the_connected_groups_of_one_sign():
    codes, least = field(), extent.least_code(4.0)
    runs = extent.runs_of(codes, least, (0, SHAPE[0]))

    owners = extent.stretches_of(runs)

    sizes = np.bincount(owners, runs[:, 2] - runs[:, 1])[owners]
    wanted = np.zeros(SHAPE)
    for sign in (1, -1):
        groups, _ = label((sign * codes.astype(int) >= least) & (codes != UNTESTED), np.ones((3, 3)))
        wanted += np.where(groups > 0, np.bincount(groups.ravel())[groups], 0)
    found = np.zeros(SHAPE)
    for (row, left, right, _), size in zip(runs, sizes, strict=True):
        found[row, left:right] = size
    assert (found == wanted).all()


def test_a_wide_stretch_counts_more_than_a_narrow_one_of_the_same_strength():
    out = stretched(field())

    assert out[25, 14] > out[6, 41] and out[25, 14] > 900


def test_what_exceeds_still_does_and_nothing_exceeds_only_for_being_wide():
    codes = field()
    out = stretched(codes).astype(int)

    assert ((abs(out) >= SCORE_STEPS) == (abs(codes.astype(int)) >= SCORE_STEPS)).all()
    assert (np.sign(out) == np.sign(codes)).all()
    assert (out[codes == UNTESTED] == UNTESTED).all()


def test_cuts_of_the_scene_change_nothing():
    assert (stretched(field()) == stretched(field(), (0, 7, 24, 25, SHAPE[0]))).all()
