"""What looks should have shown, by what others saw meanwhile and what the sensor itself saw just before."""

import math
from typing import NamedTuple

import numpy as np

from truceline.track.sensors.minutes import BORNE_OUT, SAME_S
from truceline.track.state.kernel import kernel
from truceline.track.state.regard import pd_of, seen_share, sees_speed
from truceline.track.state.types import Array, Events

WITNESS_S = 60.0  # what another sensor saw so lately, or will so soon, a look should show
OWN_S = 300.0  # what the sensor saw itself, where it also sees things that stand
LEAST_SEEN = 0.3  # a thing that is less likely shown tells nothing
LEAST_THINGS = 3  # one or two may be hidden
SPEED_SIGMA_MPS = 2.0


class Sightings(NamedTuple):
    """Detections of tracks; arrays of equal length, in the order of track and time."""

    track: Array  # its name; 0: of none
    time: Array  # seconds
    sensor: Array
    place: Array  # (n, 2) metres
    variance: Array  # m2 per axis
    velocity: Array  # (n, 2) m/s; NaN: unknown
    weight: Array  # how many detections of the track it stands for; below 0: its word does not count


def expected(looks: Events, seen: Sightings) -> Array:
    """Tell, per look, how many things it should have shown, and how many it did, (n, 2).

    A thing is one of whose track :data:`BORNE_OUT` detections are known. A look that should show fewer
    than :data:`LEAST_THINGS` of them tells nothing: 0, 0.
    """
    begin = np.flatnonzero(np.diff(seen.track, prepend=0, append=0))
    tally = np.zeros((len(looks.time), 2))
    _tally(looks, seen, begin, tally, np.zeros(4), np.zeros(10))
    return tally


@kernel
def _tally(looks: Events, seen: Sightings, begin: Array, tally: Array, x: Array, p: Array) -> None:
    for e in range(len(looks.time)):
        should, did, things = 0.0, 0, 0
        for i in range(len(begin) - 1):
            first, until = begin[i], begin[i + 1]
            if seen.track[first] == 0 or not _is_thing(seen, first, until):
                continue
            share, shown = _share(looks, e, seen, first, until, x, p)
            if shown or share >= LEAST_SEEN:
                should += max(share, LEAST_SEEN)
                did += shown
                things += 1
        if things >= LEAST_THINGS:
            tally[e, 0], tally[e, 1] = should, did


@kernel
def _is_thing(seen: Sightings, first: int, until: int) -> bool:
    known = 0.0
    for r in range(first, until):
        known += max(seen.weight[r], 0.0)
    return bool(known >= BORNE_OUT)


@kernel
def _share(
    looks: Events, e: int, seen: Sightings, first: int, until: int, x: Array, p: Array
) -> tuple[float, bool]:
    """Probability that a look shows a thing that somebody vouches for, and whether it did show it.

    ``x`` and ``p`` are room to work in.
    """
    time, me, nearest, gap = looks.time[e], looks.sensor[e], -1, math.inf
    shown, vouched = False, False
    r = first
    while r < until and seen.time[r] < time - OWN_S:
        r += 1
    while r < until and seen.time[r] <= time + WITNESS_S:
        apart = abs(seen.time[r] - time)
        if seen.sensor[r] == me:
            shown = shown or apart < SAME_S
            vouched = vouched or (looks.min_speed[e] == 0.0 and seen.time[r] < time)
        elif apart <= WITNESS_S and seen.weight[r] > 0:
            vouched = True
        if apart < gap:
            nearest, gap = r, apart
        r += 1
    if not (shown or vouched):
        return 0.0, False
    dt = time - seen.time[nearest]
    vx, vy = seen.velocity[nearest, 0], seen.velocity[nearest, 1]
    if math.isnan(vx + vy):
        vx = vy = 0.0
    x[0], x[1] = seen.place[nearest, 0] + vx * dt, seen.place[nearest, 1] + vy * dt
    p[0] = p[2] = seen.variance[nearest] + (SPEED_SIGMA_MPS * dt) ** 2
    share = pd_of(looks, e) * seen_share(x, p, looks.shape[e], looks.field[e], False)
    return share * sees_speed(looks.min_speed[e], math.sqrt(vx * vx + vy * vy), SPEED_SIGMA_MPS), shown
