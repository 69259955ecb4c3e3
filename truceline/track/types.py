"""The arrays that the tracker works on."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

NO_SHAPE, RECT, ANNULUS = 0, 1, 2


class Events(NamedTuple):
    """What is taken in at one go: the detections of one look, or one detection; sorted by ``known``.

    Times are seconds; ``first`` and ``size`` are a slice of :class:`Rows`.
    """

    time: Array  # when it was so
    known: Array  # when it arrived
    first: Array
    size: Array
    sensor: Array
    sortie: Array
    shape: Array
    field: Array  # (n, 5): cx, cy, a, b, heading_rad
    pd: Array  # NaN: unknown
    clutter: Array  # false detections per km2
    min_speed: Array
    blind_to_persons: Array


class Rows(NamedTuple):
    """Detections in the order of their events."""

    z: Array  # (n, 9): x, y, sxx, syy, sxy (bias included), vx, vy, svv, movers only
    bias2: Array  # m2 per axis, the part of z's covariance that does not average out
    log_p: Array  # (n, 7)
    exists: Array  # probability that it is no false detection; NaN: from the clutter
    alt: Array  # (n, 2): height and its standard deviation, NaN where not measured


class State(NamedTuple):
    """All tracks; slot s is free when ``alive[s] == 0``."""

    alive: Array
    number: Array  # int64 name of the founder
    nodes: Array  # how many nodes of history
    shortened: Array  # history dropped its oldest
    time: Array  # (S, H)
    z: Array  # (S, H, 9)
    x: Array  # (S, H, 2, 4)
    p: Array  # (S, H, 2, 4, 4)
    mu: Array  # (S, H, 2)
    odds: Array  # log odds of existence
    odds_time: Array
    bias2: Array
    used: Array
    last: Array  # newest phenomenon time used
    alt: Array  # (S, 3): height, variance, time
    log_p: Array  # (S, 7): of sorties that ended
    sum_p: Array  # (S, M, 7): of the present sortie of each sensor
    count_p: Array  # (S, M)
    sortie_p: Array  # (S, M)


def empty(slots: int, history: int, sensors: int) -> State:
    """Make room for tracks.

    Parameters
    ----------
    slots
        How many tracks at a time.
    history
        How many detections back a late one can be put in its place.
    sensors
        How many sensors.
    """
    return State(
        alive=np.zeros(slots, np.int64),
        number=np.zeros(slots, np.int64),
        nodes=np.zeros(slots, np.int64),
        shortened=np.zeros(slots, np.int64),
        time=np.zeros((slots, history)),
        z=np.zeros((slots, history, 9)),
        x=np.zeros((slots, history, 2, 4)),
        p=np.zeros((slots, history, 2, 4, 4)),
        mu=np.zeros((slots, history, 2)),
        odds=np.zeros(slots),
        odds_time=np.zeros(slots),
        bias2=np.zeros(slots),
        used=np.zeros(slots, np.int64),
        last=np.zeros(slots),
        alt=np.full((slots, 3), np.nan),
        log_p=np.zeros((slots, 7)),
        sum_p=np.zeros((slots, sensors, 7)),
        count_p=np.zeros((slots, sensors), np.int64),
        sortie_p=np.full((slots, sensors), -1, np.int64),
    )


def grown(state: State) -> State:
    """Double the slots, keeping the tracks where they are."""
    slots, history = state.time.shape
    more = empty(slots, history, state.count_p.shape[1])
    return State(*(np.concatenate([a, b]) for a, b in zip(state, more, strict=True)))


def copied(state: State) -> State:
    """Copy everything."""
    return State(*(a.copy() for a in state))
