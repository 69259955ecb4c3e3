"""What each pixel shows from each orbit: slopes, walls and shadows look different from another side.

Each orbit has a mean of its own. What is expected of a date lies between the mean of all dates and that of
its orbit: nearer to its orbit's, the more the two differ around the pixel beyond what chance makes of so few
dates (James and Stein, Estimation with quadratic loss, Proceedings of the 4th Berkeley Symposium, 1961). A
series of a single orbit keeps nothing of this.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truceline.detect.desk import Desk
from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN
from truceline.detect.radar.learning import MOST_DATES, REACH
from truceline.detect.radar.lifecycle import CONFIRMED, PROVISIONAL
from truceline.detect.radar.matched import FLOOR_DB2, LIMIT, POOLED_DATES, SPREAD_STEPS, Past, Today
from truceline.detect.radar.scoring import UNTESTED
from truceline.detect.radar.weather import Surface, lay_row
from truceline.geo.loops import njit

MOST_ORBITS = (
    6  # with a memory of their own; further ones share the last. Sentinel-1 has two to four of a place
)
LEAST_DATES = 2  # of an orbit before a pixel is tested from it: a first look shows the side, not a change
# James and Stein's (p - 2) / p for the p = 7 independent numbers that the nine weighted pixels amount to:
CHANCE = np.float32(0.7)
_NO_LESS = np.float32(1e-6)
# OPERA RTC-S1 product specification: the burst id begins with the track, which is the relative orbit.
_BURST = re.compile(r"(?<![a-z0-9])t(\d{3})[-_]\d{6}[-_]iw[123](?![a-z0-9])", re.IGNORECASE)


class View(NamedTuple):
    """What was seen from one orbit: mean (polarisations, height, width) in codes, and dates that entered."""

    mean: NDArray[np.int16]
    fed: NDArray[np.uint8]


@dataclass
class Orbits:
    """The views of a series in order of their first date, none for a single orbit.

    ``own`` is the number of today's. ``barred`` are the alert states, with pixels that are hardly known
    from today's side as provisional.
    """

    views: list[View] = field(default_factory=list)
    barred: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    own: int = 0


def orbit_of(relative: object, state: object, item_id: str) -> str:
    """Name the orbit of a scene, empty if nothing tells it.

    Parameters
    ----------
    relative
        ``sat:relative_orbit`` of a STAC item; names the orbit where it is a number.
    state
        ``sat:orbit_state``, ascending or descending; counts where the number lacks.
    item_id
        Where both lack, the track of a burst id in it counts, as T137 of T137-292319-IW1.
    """
    if isinstance(relative, int) and not isinstance(relative, bool):
        return str(relative)
    if isinstance(state, str) and state:
        return state
    burst = _BURST.search(item_id)
    return str(int(burst[1])) if burst else ""


def known_orbits(names: Sequence[str]) -> int:
    """Count the orbits of a series that have a memory of their own; a single one needs none."""
    count = min(len(set(names)), MOST_ORBITS)
    return count if count > 1 else 0


def turn_to(orbits: Orbits, names: Sequence[str], past: Past, desk: Desk) -> None:
    """Make room for the orbit of today's date, the last of ``names``; the first one saw all until then."""
    count = known_orbits(names)
    orbits.own = min(list(dict.fromkeys(names)).index(names[-1]), MOST_ORBITS - 1)
    while len(orbits.views) < count:
        view = View(desk.plane("i2", len(past.mean)), desk.plane("u1"))
        for top, bottom in desk.strips() if not orbits.views else ():
            view.mean[:, top:bottom], view.fed[top:bottom] = past.mean[:, top:bottom], past.fed[top:bottom]
            desk.let_go(top, bottom)
        orbits.views.append(view)
    if count and not orbits.barred.size:
        orbits.barred = desk.plane("u1")


def expect(orbits: Orbits, past: Past, pooled_db2: Sequence[float], top: int, bottom: int) -> None:
    """Let the means of the rows be what is expected from today's orbit.

    ``pooled_db2`` is the scene's usual variance, covariance, variance of a pixel.
    """
    rows = (max(top - 1, 0), min(bottom + 1, len(past.fed)))
    own, shape = orbits.views[orbits.own], (rows[1] - rows[0], past.fed.shape[1])
    common, (dates, unlike) = (
        np.zeros((len(past.mean), *shape), np.float32),
        np.zeros((2, *shape), np.float32),
    )
    for view in orbits.views:
        _gather(view, rows[0], common, dates)
    _compare(own, past, np.array(pooled_db2[::2], np.float32), rows[0], common, dates, unlike)
    _lean(own, common, unlike, rows[0], past.mean, (top, bottom))


def bar(orbits: Orbits, past: Past, state: NDArray[np.uint8], top: int, bottom: int) -> NDArray[np.uint8]:
    """Answer the alert states, in the rows with those pixels as provisional that this side hardly knows."""
    fed, rows = orbits.views[orbits.own].fed[top:bottom], slice(top, bottom)
    is_strange = (fed < LEAST_DATES) & (past.fed[rows] > 0)
    orbits.barred[rows] = np.where(is_strange, np.uint8(PROVISIONAL), state[rows])
    return orbits.barred


def leave_untested(orbits: Orbits, today: Today, top: int, bottom: int) -> None:
    """Take back the scores of pixels that this side hardly knows."""
    is_strange = orbits.views[orbits.own].fed[top:bottom] < LEAST_DATES
    today.score[top:bottom][is_strange] = UNTESTED
    today.calm[top:bottom][is_strange] = 0


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def learn_view(
    view: View, past: Past, today: Today, state: NDArray[np.uint8], trend: Surface, top: int, bottom: int
) -> None:
    """Let observations without an open alert into the mean of their orbit.

    Parameters
    ----------
    view
        Of today's orbit; brought up to date in the rows.
    past, today
        What was expected, before it learns this date, and the date.
    state
        Alert states after this date, (height, width).
    trend
        Its weather.
    top, bottom
        Rows to take.
    """
    line = np.empty(state.shape[1], np.float32)
    for row in range(top, bottom):
        fed, own = view.fed[row], state[row]
        for layer in range(view.mean.shape[0]):
            level, rest, mean = today.level[layer, row], today.residual[layer, row], view.mean[layer, row]
            expected = past.mean[layer, row]
            lay_row(trend[layer], row, line)
            for column in range(line.shape[0]):
                before, dates = np.float32(mean[column]), np.float32(fed[column])
                off = min(max(np.float32(rest[column]), -REACH), REACH)
                seen = np.float32(expected[column]) + off
                seen = seen if dates > 0 else np.float32(level[column]) - line[column]
                learns = (level[column] != UNSEEN) & (own[column] != PROVISIONAL) & (own[column] != CONFIRMED)
                after = before + (seen - before) / (dates + np.float32(1))
                after = min(max(np.rint(after), -LIMIT), LIMIT)
                mean[column] = np.int16(after if learns else before)
        for column in range(line.shape[0]):
            known = today.level[0, row, column] != UNSEEN
            learns = known & (own[column] != PROVISIONAL) & (own[column] != CONFIRMED)
            fed[column] += np.uint8(learns & (fed[column] < MOST_DATES))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _gather(view: View, first: int, total: NDArray[np.float32], dates: NDArray[np.float32]) -> None:
    """Add the dates of a view, from a row on, to those of all."""
    for line in range(dates.shape[0]):
        fed = view.fed[first + line]
        for column in range(fed.shape[0]):
            dates[line, column] += np.float32(fed[column])
        for layer in range(total.shape[0]):
            mean = view.mean[layer, first + line]
            for column in range(fed.shape[0]):
                total[layer, line, column] += np.float32(fed[column]) * np.float32(mean[column])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _compare(
    view: View, past: Past, usual: NDArray[np.float32], first: int, total: NDArray[np.float32],
    dates: NDArray[np.float32], unlike: NDArray[np.float32],
) -> None:  # fmt: skip
    """Divide by the dates; tell by which multiple of chance the square of a view off the mean of all is."""
    pols = total.shape[0]
    for line in range(dates.shape[0]):
        fed, entered, all_dates = view.fed[first + line], past.fed[first + line], dates[line]
        for layer in range(pols):
            mean, spread = view.mean[layer, first + line], past.spread[layer, first + line]
            for column in range(fed.shape[0]):
                own, every = np.float32(fed[column]), all_dates[column]
                common = total[layer, line, column] / max(every, np.float32(1))
                total[layer, line, column] = common
                before = max(np.float32(entered[column]) - np.float32(1), np.float32(0))
                variance = before * np.float32(1 / SPREAD_STEPS) * np.float32(spread[column])
                variance = (variance + POOLED_DATES * usual[layer]) / (before + POOLED_DATES) + FLOOR_DB2
                off = (np.float32(mean[column]) - common) * np.float32(1 / STEPS_PER_DB)
                # By chance the means are apart by 1 / own - 1 / all of a date's variance:
                told = (
                    off * off * own * every / (max(every - own, np.float32(1)) * variance * np.float32(pols))
                )
                unlike[line, column] += told if every > own else np.float32(0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _lean(
    view: View, common: NDArray[np.float32], unlike: NDArray[np.float32], first: int,
    out: NDArray[np.int16], rows: tuple[int, int],
) -> None:  # fmt: skip
    """Go from the mean of all views to that of one, as far as the pixel and its neighbours tell it."""
    height, width = unlike.shape
    down, share = np.empty(width + 2, np.float32), np.empty(width, np.float32)
    for row in range(rows[0], rows[1]):
        line, fed = row - first, view.fed[row]
        above, own, below = unlike[max(line - 1, 0)], unlike[line], unlike[min(line + 1, height - 1)]
        for column in range(width):
            down[column + 1] = above[column] + np.float32(2) * own[column] + below[column]
        down[0], down[width + 1] = down[1], down[width]
        for column in range(width):
            square = (down[column] + np.float32(2) * down[column + 1] + down[column + 2]) * np.float32(1 / 16)
            part = max(np.float32(1) - CHANCE / max(square, _NO_LESS), np.float32(0))
            share[column] = part if fed[column] > 0 else np.float32(0)
        for layer in range(common.shape[0]):
            for column in range(width):
                told = common[layer, line, column]
                told += share[column] * (np.float32(view.mean[layer, row, column]) - told)
                out[layer, row, column] = np.int16(np.rint(told))
