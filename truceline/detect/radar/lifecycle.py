"""The life of an alert, pixel by pixel: none, provisional, confirmed, finished (contract satellite, 1)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truceline.geo.loops import njit

NONE, PROVISIONAL, CONFIRMED, FINISHED, UNSEEN = 0, 1, 2, 3, 255
NEVER = -1  # in `first`: no alert
_UNTESTED = -32768  # code of a score
_MOST = 32767
_LOOKED_AT_PX = 8  # at a time: nearly all of them are quiet


class Life(NamedTuple):
    """The alert state of every pixel; arrays (height, width), changed in place by :func:`advance`.

    ``run`` counts observations in a row: exceeding while provisional, not exceeding while confirmed.
    ``first`` is the index of the item that opened the alert, ``sign`` and ``peak`` (code of a score, 0
    without an alert) belong to that alert.
    """

    state: NDArray[np.uint8]
    run: NDArray[np.uint16]
    sign: NDArray[np.int8]
    first: NDArray[np.int16]
    peak: NDArray[np.int16]


def new_life(shape: tuple[int, int]) -> Life:
    """Start with no alert anywhere."""
    return Life(
        state=np.zeros(shape, np.uint8),
        run=np.zeros(shape, np.uint16),
        sign=np.zeros(shape, np.int8),
        first=np.full(shape, NEVER, np.int16),
        peak=np.zeros(shape, np.int16),
    )


@njit(cache=True, nogil=True)
def advance(
    life: Life, score: NDArray[np.int16], one: int, rules: tuple[int, int, int], rows: tuple[int, int]
) -> None:
    """Take in the scores of one date.

    Parameters
    ----------
    life
        Changed in place.
    score
        Codes of signed scores, (height, width); -32768 = untested or no data: such pixels stay as they are.
    one
        Code of a score of 1, which exceeds.
    rules
        Index of this date; exceedances in a row that confirm; observations in a row without one that finish.
    rows
        First row to take, last row + 1.
    """
    width = score.shape[1]
    marks = np.zeros(-(-width // _LOOKED_AT_PX) * _LOOKED_AT_PX, np.uint8)
    looked_at = marks.view(np.uint64)
    for row in range(rows[0], rows[1]):
        _mark_busy(life.state[row], score[row], one, marks)
        for number in range(len(looked_at)):
            if looked_at[number] != 0:
                left = number * _LOOKED_AT_PX
                for column in range(left, min(left + _LOOKED_AT_PX, width)):
                    _step(life, row, column, int(score[row, column]), one, rules)


@njit(cache=True, nogil=True)
def _mark_busy(
    state: NDArray[np.uint8], score: NDArray[np.int16], one: int, marks: NDArray[np.uint8]
) -> None:
    """Mark pixels of a row that exceed or are under an open alert; all others stay as they are."""
    for column in range(state.shape[0]):
        size = abs(np.int32(score[column]))
        exceeds = (size >= np.int32(one)) & (size <= np.int32(_MOST))
        is_open = np.uint8(state[column] - np.uint8(PROVISIONAL)) <= np.uint8(CONFIRMED - PROVISIONAL)
        marks[column] = np.uint8(exceeds | is_open)


@njit(cache=True, nogil=True)
def _step(life: Life, row: int, column: int, value: int, one: int, rules: tuple[int, int, int]) -> None:
    item, confirm, finish = rules
    state = life.state[row, column]
    exceeds = abs(value) >= one
    if value == _UNTESTED or (not exceeds and state in (NONE, FINISHED)):
        return
    direction = 1 if value > 0 else -1
    same = exceeds and direction == life.sign[row, column]
    if state == CONFIRMED:
        life.run[row, column] = 0 if same else life.run[row, column] + 1
        if life.run[row, column] >= finish:
            life.state[row, column] = FINISHED
    elif state == PROVISIONAL and same:
        life.run[row, column] += 1
    elif exceeds:
        life.state[row, column] = PROVISIONAL
        life.run[row, column] = 1
        life.sign[row, column] = direction
        life.first[row, column] = item
        life.peak[row, column] = value
    else:
        life.state[row, column] = NONE
        life.run[row, column] = 0
        life.sign[row, column] = 0
        life.first[row, column] = NEVER
        life.peak[row, column] = 0
    if same and state != FINISHED and abs(value) > abs(int(life.peak[row, column])):
        life.peak[row, column] = value
    if life.state[row, column] == PROVISIONAL and life.run[row, column] >= confirm:
        life.state[row, column] = CONFIRMED
        life.run[row, column] = 0
