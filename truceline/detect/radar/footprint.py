"""Whether a change that was seen before still shows over the whole place where it was seen.

A single pixel must reach far to be believed among all pixels of a scene. Where an alert is open, or a stretch
stood out on the date before, the place is known: the mean over it tells with much less whether the change
lasts, and a passing one is let go.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB
from truceline.detect.radar.extent import Runs, pixels_of, stretches_of
from truceline.detect.radar.lifecycle import CONFIRMED, PROVISIONAL
from truceline.detect.radar.restless import RECENT_STEPS, calm_row
from truceline.detect.radar.scoring import SCORE_STEPS
from truceline.detect.radar.weather import BLOCK_PX, Surface

if TYPE_CHECKING:
    from truceline.detect.radar.history import History

WINDOW_PX, MOST_PX = 20.0, 60  # pixels that count as one, being much alike; wider places share soil and wind
# Standard deviations of the mean over a place from which on the change still shows: of an alert, of one that
# is confirmed, which a date that shows nothing does not end, and of what is only watched;
LASTS, STANDS, HOLDS = 2.0, 3.0, 2.2
SURE = 0.5  # of its pixels are confirmed where an alert is
LIKE = 0.3  # with this share of the mean of the date before: what came strongly and shows faintly has passed
OWN_SHARE = 0.4  # of the mean that a pixel itself must show to belong to it
WATCHED = round(0.7 * SCORE_STEPS)  # code from which on a stretch is looked at again on the next date,
TOGETHER = 6.2  # where both dates, each in standard deviations, must come to so much
FORETOLD = 0.5  # with so much of what the date before foretells taken off: the change itself foretells too,
CALM = 1.5  # and the scene is not more restless
FAINT_DB = 1.25  # a change that lasts is no weaker; by less, drying soil and wind change an echo


class Places(NamedTuple):
    """Pixels (row times width plus column, ordered), the number of the place of each, and its sign."""

    pixels: NDArray[np.int64]
    owners: NDArray[np.int32]
    sign: NDArray[np.int8]


def stretches(runs: Runs, width: int) -> Places:
    """Give the pixels of stretches.

    Parameters
    ----------
    runs
        See :func:`~truceline.detect.radar.extent.runs_of`.
    width
        Columns of the scene.
    """
    lengths = runs[:, 2] - runs[:, 1]
    owners, sign = np.repeat(stretches_of(runs), lengths), np.repeat(runs[:, 3], lengths)
    return Places(pixels_of(runs, width), owners, sign.astype(np.int8))


def held(history: "History", watched: Places, gauge: NDArray[np.float32], wide: Surface) -> Places:
    """Tell at which pixels under an alert, or watched, the change still shows.

    Parameters
    ----------
    history
        With the alerts of the dates before and today's contrasts.
    watched
        Stretches that stood out on the date before, whether they exceeded or not.
    gauge
        Middle and width of the contrasts, the strength that a score of 1 stands for, and the part of a
        contrast that the date before foretells.
    wide
        Local width of the contrasts, (blocks down, blocks across).

    Returns
    -------
    Places
        Pixels and the sign with which they exceed.
    """
    at = history.desk.at
    state, sign = at(history.life.state, history.places), at(history.life.sign, history.places)
    is_open = (state == PROVISIONAL) | (state == CONFIRMED)
    alerts = Places(history.places[is_open], history.owners[is_open], sign[is_open])
    is_sure = state[is_open] == CONFIRMED
    sure, pixels_in = np.bincount(alerts.owners, is_sure), np.bincount(alerts.owners)
    least = np.where(sure >= SURE * pixels_in, STANDS, LASTS)
    found = [
        _showing(history, alerts, least, 0.0, gauge, wide),
        _showing(history, watched, HOLDS, TOGETHER, gauge, wide),
    ]
    pixels, first = np.unique(np.concatenate([each.pixels for each in found]), return_index=True)
    owners, signs = (np.concatenate([each[field] for each in found])[first] for field in (1, 2))
    return Places(pixels, owners, signs)


def _showing(
    history: "History", places: Places, least: NDArray[np.float64] | float, together: float,
    gauge: NDArray[np.float32], wide: Surface,
) -> Places:  # fmt: skip
    """Give the pixels of those places where ``least`` shows; ``together`` asks more, where no alert is."""
    past, at, (pixels, owners, sign) = history.past, history.desk.at, places
    rows, columns = np.divmod(pixels, history.grid.width)
    widths = wide[rows // BLOCK_PX, columns // BLOCK_PX]
    calm = np.zeros(len(pixels), np.float32)
    calm_row(
        at(history.today.level[0], pixels),
        at(history.today.contrast, pixels),
        at(past.fed, pixels),
        at(past.unrest, pixels),
        widths,
        gauge,
        calm,
    )
    own = calm.astype(np.float64) * sign
    known = own != 0
    count = int(owners.max(initial=-1)) + 1
    number = np.maximum(np.bincount(owners, known, count), 1)
    before = at(past.recent[0], pixels) * sign.astype(np.float64) / RECENT_STEPS
    mean, was, restless = (
        np.bincount(owners, values * known, count) / number for values in (own, before, widths)
    )
    root = np.sqrt(1 + np.minimum(number, MOST_PX) / WINDOW_PX)
    shows = (mean * root >= least) & (mean >= LIKE * was)
    if together:
        memory = FORETOLD * gauge[3]
        fresh = (mean - memory * was) / math.sqrt(1 - memory**2)
        shows &= (fresh * root >= least) & ((fresh + was) * root >= together) & (restless < CALM)
    showing = known & shows[owners] & (own >= OWN_SHARE * mean[owners])
    rest_db = np.mean([at(layer, pixels) for layer in history.today.residual], axis=0) / STEPS_PER_DB
    total_db = np.bincount(owners, rest_db * sign * showing, count)
    showing &= (total_db >= FAINT_DB * np.bincount(owners, showing, count))[owners]
    return Places(pixels[showing], owners[showing], sign[showing])
