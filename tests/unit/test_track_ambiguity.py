"""How much a pairing that might as well be another one loosens what a track is told."""

import numpy as np
import pytest
from truceline.track.pairing.ambiguity import loosen
from truceline.track.state.near import make_room


def told(scores: list[float], chosen: list[int]) -> np.ndarray:
    z = np.array([[0.0, 0, 100, 100, 0, 0, 0, np.nan], [30.0, 40, 100, 100, 0, 0, 0, np.nan]])
    room = make_room(2, 2, 4, 2)
    room.track[:], room.row[:] = [0, 0, 1, 1], [0, 1, 0, 1]
    room.score[:], room.chosen[:] = scores, chosen
    loosen(room, 4, 2, z, False)
    return z[:, 2:5]


def test_two_that_might_as_well_change_places_are_as_uncertain_as_they_lie_apart():
    spread = told([5, 5, 5, 5], [0, 3])

    assert spread == pytest.approx(np.array([[100 + 450, 100 + 800, 600]] * 2))


def test_a_pairing_beyond_doubt_leaves_the_covariance_alone():
    assert told([9, 1, 1, 9], [0, 3]) == pytest.approx(np.array([[100, 100, 0]] * 2))


def test_a_detection_that_nobody_took_could_have_been_the_one():
    spread = told([5, 5 - np.log(3), -np.inf, -np.inf], [0, -1])

    assert spread == pytest.approx(np.array([[100 + 225, 100 + 400, 300], [100, 100, 0]]))
