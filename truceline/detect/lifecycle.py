"""The life of an alert, pixel by pixel: none, provisional, confirmed, finished (contract satellite, 1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NONE, PROVISIONAL, CONFIRMED, FINISHED, UNSEEN = 0, 1, 2, 3, 255
NEVER = -1  # in `first`: no alert


@dataclass
class Life:
    """The alert state of every pixel; arrays (height, width), changed in place by :func:`advance`.

    ``run`` counts observations in a row: exceeding while provisional, not exceeding while confirmed.
    ``first`` is the index of the item that opened the alert, ``sign`` and ``peak`` belong to that alert.
    """

    state: NDArray[np.uint8]
    run: NDArray[np.uint16]
    sign: NDArray[np.int8]
    first: NDArray[np.int32]
    peak: NDArray[np.float32]

    @classmethod
    def new(cls, shape: tuple[int, int]) -> "Life":
        """Start with no alert anywhere."""
        return cls(
            state=np.zeros(shape, np.uint8),
            run=np.zeros(shape, np.uint16),
            sign=np.zeros(shape, np.int8),
            first=np.full(shape, NEVER, np.int32),
            peak=np.full(shape, np.nan, np.float32),
        )

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Pixels whose alert is provisional or confirmed."""
        return np.asarray((self.state == PROVISIONAL) | (self.state == CONFIRMED), np.bool_)


def advance(
    life: Life, score: NDArray[np.float32], item: int, confirm: int, finish: int
) -> NDArray[np.bool_]:
    """Take in the scores of one date.

    Parameters
    ----------
    life
        Changed in place.
    score
        Signed scores, (height, width); NaN = untested or no data: such pixels stay as they are.
    item
        Index of this date.
    confirm
        Exceedances in a row that confirm.
    finish
        Observations in a row without exceedance that finish.

    Returns
    -------
    numpy.ndarray
        Pixels whose alert began with this date.
    """
    tested = ~np.isnan(score)
    exceeds = tested & (np.abs(np.nan_to_num(score)) >= 1)
    direction = np.sign(np.nan_to_num(score)).astype(np.int8)
    same = exceeds & (direction == life.sign)
    was = life.state.copy()

    confirmed = tested & (was == CONFIRMED)
    life.run[confirmed & same] = 0
    life.run[confirmed & ~same] += 1
    life.state[confirmed & (life.run >= finish)] = FINISHED

    provisional = tested & (was == PROVISIONAL)
    life.run[provisional & same] += 1
    _forget(life, provisional & ~same)

    born = exceeds & ((was == NONE) | (was == FINISHED) | (provisional & ~same))
    life.state[born] = PROVISIONAL
    life.run[born] = 1
    life.sign[born] = direction[born]
    life.first[born] = item
    life.peak[born] = score[born]

    higher = same & (was != FINISHED) & (np.abs(score) > np.abs(life.peak))
    life.peak[higher] = score[higher]
    grown = (life.state == PROVISIONAL) & exceeds & (life.run >= confirm)
    life.state[grown] = CONFIRMED
    life.run[grown] = 0
    return np.asarray(born, np.bool_)


def _forget(life: Life, pixels: NDArray[np.bool_]) -> None:
    life.state[pixels] = NONE
    life.run[pixels] = 0
    life.sign[pixels] = 0
    life.first[pixels] = NEVER
    life.peak[pixels] = np.nan
