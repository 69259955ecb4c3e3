"""The second look at persons: what it changes, and what it leaves."""

import numpy as np
import pytest
from truceline.detect.pictures.finder import NOTHING, Found
from truceline.detect.pictures.second import look_again

PERSON, CAR = 1, 0


def boxes(*rows, scores, groups):
    return Found(
        np.array(rows, np.float32), np.array(scores, np.float32), np.array(groups), np.full(len(rows), -1)
    )


@pytest.fixture
def field():
    """Cool rough ground with one warm upright thing in it, at column 200 and row 150."""
    rows, columns = np.mgrid[:300, :400]
    warm = np.exp(-(((columns - 200) / 4.0) ** 2) - ((rows - 150) / 8.0) ** 2)
    grey = 90 + 120 * warm + np.random.default_rng(5).normal(0, 3, warm.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)[..., None]


def test_a_warm_upright_thing_rises_above_bare_ground_of_the_same_score(field):
    found = boxes((94, 90, 106, 110), (194, 140, 206, 160), scores=[0.4, 0.4], groups=[PERSON, PERSON])

    again = look_again(field, found)

    assert again.boxes[0].tolist() == [194, 140, 206, 160]
    assert again.scores[0] > again.scores[1] + 0.05


def test_what_is_no_person_keeps_its_score_and_the_best_stays_first(field):
    found = boxes(
        (10, 10, 60, 40),
        (194, 140, 206, 160),
        (0, 0, 9, 9),
        scores=[0.9, 0.3, 0.2],
        groups=[CAR, PERSON, CAR],
    )

    again = look_again(field, found)

    assert sorted(again.scores[again.groups == CAR].tolist()) == pytest.approx([0.2, 0.9])
    assert (np.diff(again.scores) <= 0).all()


def test_things_at_the_edge_are_looked_at_and_a_picture_without_persons_is_left_alone(field):
    edge = boxes((0, 0, 5, 8), (395, 292, 400, 300), scores=[0.5, 0.4], groups=[PERSON, PERSON])
    cars = boxes((10, 10, 60, 40), scores=[0.9], groups=[CAR])

    assert len(look_again(field, edge).scores) == 2
    assert look_again(field, cars) is cars
    assert look_again(field, NOTHING) is NOTHING
