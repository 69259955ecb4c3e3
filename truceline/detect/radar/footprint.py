"""Whether a change that was seen before still shows over the whole place where it was seen.

A single pixel must reach far to be believed among all pixels of a scene. Where an alert is open the place is
known: the mean over it tells with much less whether the change lasts, and a passing one is let go.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.lifecycle import CONFIRMED, PROVISIONAL
from truceline.detect.radar.restless import calm_row
from truceline.detect.radar.weather import BLOCK_PX, Surface

if TYPE_CHECKING:
    from truceline.detect.radar.history import History

WINDOW_PX = 20.0  # pixels that count as one: the contrasts of a window are much alike
HOLDS = 2.2  # standard deviations of the mean over a place from which on the change still shows
OWN_SHARE = 0.4  # of the mean that a pixel itself must show to belong to it


def held(history: "History", gauge: NDArray[np.float32], wide: Surface) -> NDArray[np.int8]:
    """Tell at which pixels under an alert the change still shows.

    Parameters
    ----------
    history
        With the alerts of the dates before and today's contrasts.
    gauge
        Middle and width of the contrasts.
    wide
        Local width of the contrasts, (blocks down, blocks across).

    Returns
    -------
    numpy.ndarray
        For each of ``history.places`` the sign with which it exceeds, 0 where it does not.
    """
    places, owners = history.places, history.owners
    past, life = history.past, history.life
    at = history.desk.at
    state, sign = at(life.state, places), at(life.sign, places)
    rows, columns = np.divmod(places, history.grid.width)
    calm = np.zeros(len(places), np.float32)
    calm_row(
        at(history.today.level[0], places),
        at(history.today.contrast, places),
        at(past.fed, places),
        at(past.unrest, places),
        wide[rows // BLOCK_PX, columns // BLOCK_PX],
        gauge,
        calm,
    )
    own = calm.astype(np.float64) * sign
    counts = ((state == PROVISIONAL) | (state == CONFIRMED)) & (own != 0)
    count = max(history.objects, default=0) + 1
    pixels = np.bincount(owners, counts, count)
    mean = np.bincount(owners, own * counts, count) / np.maximum(pixels, 1)
    shows = mean * np.sqrt(1 + pixels / WINDOW_PX) >= HOLDS
    return np.where(counts & shows[owners] & (own >= OWN_SHARE * mean[owners]), sign, 0).astype(np.int8)
