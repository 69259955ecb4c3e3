"""What each sensor showed, minute by minute, beside what it should have shown.

Files and the running mission keep the same sums and judge sensors by them alike (see trouble and trust).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from truceline.track.state.kernel import kernel
from truceline.track.state.regard import measure
from truceline.track.state.types import ANNULUS, NO_SHAPE, Array, Events

MINUTE_S = 60.0
BORNE_OUT = 3  # detections that a track must have
BESIDE2 = 9.0  # squared standard deviations between two of one crowd
SAME_S = 1e-3  # detections carry the time of their look
SECTORS = 8  # of equal area, round the middle of a field of regard
LOOKS, FALSE, SHOULD, DID, SHOWN, LOOSE, SECTOR = range(7)  # columns, see Minutes
WIDTH = SECTOR + SECTORS


class Minutes(NamedTuple):
    """Sums by sensor and minute.

    Columns: looks; false detections that the maker tells for them; sightings of tracks that they should
    have given, and gave; detections; those of them that are loose, being of no track or of one with fewer
    than :data:`BORNE_OUT`; and how many loose ones lie in each sector of the field of regard.
    """

    first: int  # number of the first minute, since times are counted
    sums: Array  # (sensors, minutes, WIDTH)


class Shown(NamedTuple):
    """Detections of a stretch of time; arrays of equal length."""

    sensor: Array
    time: Array  # seconds
    place: Array  # (n, 2) metres
    loose: Array  # bool: no track holds it together with others, see is_loose


def by_minute(looks: Events, tally: Array, shown: Shown, sensors: int) -> Minutes:
    """Sum a stretch of time up.

    Parameters
    ----------
    looks
        Of the stretch, with events that are no looks.
    tally
        (looks, 2 or more): tracks that each should have shown, and did.
    shown
        What was seen.
    sensors
        How many there are.
    """
    of = np.flatnonzero(looks.shape != NO_SHAPE)
    minute, its = ((time // MINUTE_S).astype(np.int64) for time in (looks.time[of], shown.time))
    first = min(minute.min(initial=np.iinfo(np.int64).max), its.min(initial=np.iinfo(np.int64).max))
    if not len(minute) and not len(its):
        return Minutes(0, np.zeros((sensors, 0, WIDTH)))
    wide = int(max(minute.max(initial=first), its.max(initial=first)) - first) + 1
    at, loose = shown.sensor * wide + its - first, shown.loose
    area = np.zeros(len(looks.shape))
    measure(looks.shape, looks.field, area)
    of_looks = np.ones(len(of)), (area * looks.clutter)[of], *tally[of, :2].T
    sector = _sectors(looks, of, shown)
    of_rows = np.ones(len(at)), loose, *(loose & (sector == k) for k in range(SECTORS))
    place = looks.sensor[of] * wide + minute - first
    sums = [np.bincount(place, weights=w, minlength=sensors * wide) for w in of_looks]
    sums += [np.bincount(at, weights=w, minlength=sensors * wide) for w in of_rows]
    return Minutes(int(first), np.stack(sums, 1).reshape(sensors, wide, WIDTH))


def _sectors(looks: Events, of: Array, shown: Shown) -> Array:
    """Tell in which sector of its look each detection lies; -1: its sensor does not tell where it looks.

    ``of`` are the looks. What lies outside of its look belongs to the sector that looks that way.
    """
    out = np.full(len(shown.sensor), -1)
    for m in np.unique(looks.sensor[of]).tolist():
        mine, rows = of[looks.sensor[of] == m], np.flatnonzero(shown.sensor == m)
        mine = mine[np.argsort(looks.time[mine], kind="stable")]
        look = mine[_nearest(looks.time[mine], shown.time[rows])]
        east, north = (shown.place[rows] - looks.field[look, :2]).T
        cos, sin = np.cos(looks.field[look, 4]), np.sin(looks.field[look, 4])
        is_ring = looks.shape[look] == ANNULUS
        along = (east * cos + north * sin) / np.where(is_ring, 1.0, looks.field[look, 2])
        aside = (north * cos - east * sin) / np.where(is_ring, 1.0, looks.field[look, 3])
        turn = np.arctan2(aside, along) / (2 * np.pi) % 1.0
        out[rows] = np.minimum((turn * SECTORS).astype(np.int64), SECTORS - 1)
    return out


def _nearest(times: Array, asked: Array) -> Array:
    after = np.clip(np.searchsorted(times, asked), 1, max(len(times) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    return np.where(asked - times[before] <= times[after] - asked, before, after)


def joined(parts: Sequence[Minutes], sensors: int) -> Minutes:
    """Add parts up; those that know fewer sensors know the first ones."""
    parts = [part for part in parts if part.sums.shape[1]]
    if not parts:
        return Minutes(0, np.zeros((sensors, 0, WIDTH)))
    first = min(part.first for part in parts)
    until = max(part.first + part.sums.shape[1] for part in parts)
    sums = np.zeros((sensors, until - first, WIDTH))
    for part in parts:
        known, wide, _ = part.sums.shape
        sums[:known, part.first - first : part.first - first + wide] += part.sums
    return Minutes(first, sums)


def is_held(owner: Array) -> Array:
    """Tell, per detection, whether its track has :data:`BORNE_OUT` of them."""
    by_track = np.sort(owner)
    used = np.searchsorted(by_track, owner, "right") - np.searchsorted(by_track, owner)
    return np.asarray((owner != 0) & (used >= BORNE_OUT))


def is_loose(owner: Array, sensor: Array, time: Array, z: Array) -> Array:
    """Tell, per detection, whether no track holds it together with others.

    One beside another that a track does hold, in the same look, is one of a crowd: which of its tracks
    got it says nothing of the sensor.

    Parameters
    ----------
    owner, sensor, time
        (n,): track, 0 for none; sensor; seconds.
    z
        (n, 5): x, y and their covariance sxx, syy, sxy, metres.
    """
    held = is_held(owner)
    order = np.lexsort((time, sensor))
    is_new = (np.diff(sensor[order], prepend=-1) != 0) | (np.diff(time[order], prepend=-np.inf) > SAME_S)
    loose = ~held
    _keep_crowds(np.r_[np.flatnonzero(is_new), len(order)], order, z, held, loose)
    return loose


@kernel
def _keep_crowds(begin: Array, order: Array, z: Array, held: Array, loose: Array) -> None:
    """Take from ``loose`` what lies beside what is held; ``order[begin[i]:begin[i + 1]]`` is one look."""
    for i in range(len(begin) - 1):
        for j in range(begin[i], begin[i + 1]):
            r, k = order[j], begin[i]
            while loose[r] and k < begin[i + 1]:
                q = order[k]
                if held[q]:
                    dx, dy = z[q, 0] - z[r, 0], z[q, 1] - z[r, 1]
                    sxx, syy, sxy = z[q, 2] + z[r, 2], z[q, 3] + z[r, 3], z[q, 4] + z[r, 4]
                    apart = dx * dx * syy - 2 * dx * dy * sxy + dy * dy * sxx
                    loose[r] = apart > BESIDE2 * (sxx * syy - sxy * sxy)
                k += 1
