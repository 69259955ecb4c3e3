"""The alert states are those of the table in contract satellite, section 1 (confirm 2, finish 3)."""

import numpy as np
import pytest
from truceline.detect.radar.lifecycle import NEVER, Life, advance, new_life

UP, DOWN, NO, NONE = 1.5, -1.5, 0.2, np.nan


def live(scores: list[float], confirm: int = 2, finish: int = 3) -> tuple[list[int], Life]:
    life = new_life((1, 1))
    states = []
    for item, score in enumerate(scores):
        code = -32768 if np.isnan(score) else round(score * 1000)
        advance(life, np.full((1, 1), code, np.int16), 1000, (item, confirm, finish), (0, 1))
        states.append(int(life.state[0, 0]))
    return states, life


@pytest.mark.parametrize(
    ("scores", "states"),
    [
        ([NO, NO], [0, 0]),
        ([UP], [1]),  # 0 none, exceed: provisional
        ([1.0], [1]),  # |score| >= 1 exceeds
        ([UP, UP], [1, 2]),  # same sign, confirm in a row: confirmed
        ([UP, NO], [1, 0]),  # not exceeding: back to none
        ([UP, NO, UP], [1, 0, 1]),
        ([UP, DOWN], [1, 1]),  # an exceed of opposite sign starts a new provisional
        ([UP, DOWN, DOWN], [1, 1, 2]),
        ([UP, NONE, UP], [1, 1, 2]),  # no data leaves everything as it is
        ([UP, UP, NO, NO, NO], [1, 2, 2, 2, 3]),  # finish in a row: finished
        ([UP, UP, NO, NO, UP, NO, NO, NO], [1, 2, 2, 2, 2, 2, 2, 3]),
        ([UP, UP, NO, NONE, NO, NONE, NO], [1, 2, 2, 2, 2, 2, 3]),
        ([UP, UP, DOWN, NO, DOWN], [1, 2, 2, 2, 3]),  # "do not exceed with that sign"
        ([UP, UP, NO, NO, NO, NO, NO], [1, 2, 2, 2, 3, 3, 3]),  # finished stays
        ([UP, UP, NO, NO, NO, UP], [1, 2, 2, 2, 3, 1]),  # until a new exceed
        ([UP, UP, NO, NO, NO, UP, NO], [1, 2, 2, 2, 3, 1, 0]),
    ],
)  # fmt: skip
def test_a_pixel_goes_through_the_states_of_the_contract(scores: list[float], states: list[int]):
    assert live(scores)[0] == states


def test_first_seen_and_peak_belong_to_the_alert_at_hand():
    _, life = live([UP, 3.0, 2.0, NO])
    assert (life.first[0, 0], life.peak[0, 0]) == (0, 3000)

    _, life = live([UP, 3.0, NO, NO, NO, -2.0])
    assert (life.first[0, 0], life.peak[0, 0]) == (5, -2000)

    _, life = live([UP, NO])
    assert life.first[0, 0] == NEVER and life.peak[0, 0] == 0


def test_confirm_and_finish_count_as_set():
    assert live([UP, UP, UP, NO], confirm=3, finish=1)[0] == [1, 1, 2, 3]
    assert live([UP], confirm=1)[0] == [2]
