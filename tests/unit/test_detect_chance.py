"""Scores are chances: their order stays, one scale for all ways of looking."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truceline.detect.pictures.chance import MAPS, chances
from truceline.detect.pictures.finder import Found


def found(scores, group=0):
    count = len(scores)
    boxes = np.zeros((count, 4), np.float32)
    return Found(boxes, np.array(scores, np.float32), np.full(count, group), np.zeros(count, int))


@given(
    way=st.sampled_from(sorted(MAPS)),
    group=st.integers(0, 2),
    scores=st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20),
)
def test_order_stays_and_scores_are_between_0_and_1(way, group, scores):
    told = chances(*way, found(scores, group)).scores

    order = np.argsort(np.array(scores, np.float32), kind="stable")
    assert (np.diff(told[order]) >= 0).all()
    assert ((told >= 0) & (told <= 1)).all()


def test_what_empty_ground_reaches_in_still_pictures_is_even_odds():
    (told,) = chances("visible", "still", found([0.75])).scores

    assert told == pytest.approx(0.5, abs=0.01)


def test_kinds_have_maps_of_their_own():
    vehicle, person = (chances("thermal", "frame", found([0.5], group)).scores[0] for group in (0, 1))

    assert vehicle > 0.5 > person  # persons in thermal pictures are mostly something else


def test_low_scores_stay_apart():
    told = chances("visible", "still", found([0.05, 0.06])).scores

    assert told[0] < told[1]
