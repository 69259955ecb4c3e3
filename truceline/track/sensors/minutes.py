"""What each sensor showed, minute by minute, beside what it should have shown.

Files and the running mission keep the same sums and judge sensors by them alike (see trouble and trust).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from truceline.track.state.regard import measure
from truceline.track.state.types import NO_SHAPE, Array, Events

MINUTE_S = 60.0
BORNE_OUT = 3  # detections that a track must have
LOOKS, FALSE, REACH, SHOULD, DID, DARK, SHOWN, LOOSE, X, Y, SQUARE = range(
    WIDTH := 11
)  # columns, see Minutes


class Minutes(NamedTuple):
    """Sums by sensor and minute.

    Columns: looks; false detections that the maker tells for them; how far they reach, metres; sightings
    of tracks that they should have given, and gave; by how much more likely than not they were jammed;
    detections; those of them that are loose, being of no
    track or of one with fewer than :data:`BORNE_OUT`; and of the loose ones x, y and both squared.
    """

    first: int  # number of the first minute, since times are counted
    sums: Array  # (sensors, minutes, WIDTH)


class Shown(NamedTuple):
    """Detections of a stretch of time; arrays of equal length."""

    sensor: Array
    time: Array  # seconds
    place: Array  # (n, 2) metres
    loose: Array  # bool: no track holds it together with others, see is_borne_out


def by_minute(looks: Events, tally: Array, shown: Shown, sensors: int) -> Minutes:
    """Sum a stretch of time up.

    Parameters
    ----------
    looks
        Of the stretch, with events that are no looks.
    tally
        (looks, 3): tracks that each should have shown, and did, and the probability that it was jammed.
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
    x, y = shown.place.T
    area = np.zeros(len(looks.shape))
    measure(looks.shape, looks.field, area)
    of_looks = (
        np.ones(len(of)),
        (area * looks.clutter)[of],
        looks.field[of, 3],
        *(tally[of] - (0.0, 0.0, 0.5)).T,
    )
    of_rows = (np.ones(len(at)), loose, loose * x, loose * y, loose * (x * x + y * y))
    place = looks.sensor[of] * wide + minute - first
    sums = [np.bincount(place, weights=w, minlength=sensors * wide) for w in of_looks]
    sums += [np.bincount(at, weights=w, minlength=sensors * wide) for w in of_rows]
    return Minutes(int(first), np.stack(sums, 1).reshape(sensors, wide, WIDTH))


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


def is_borne_out(owner: Array) -> Array:
    """Tell, per detection, whether its track holds together what is shown."""
    by_track = np.sort(owner)
    used = np.searchsorted(by_track, owner, "right") - np.searchsorted(by_track, owner)
    return np.asarray((owner != 0) & (used >= BORNE_OUT))
