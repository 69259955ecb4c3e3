"""The arrays that the tracker works on."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

NO_SHAPE, RECT, ANNULUS = 0, 1, 2
SEEN, SEEN_MOVING, UNSEEN = 0, 1, 2  # kinds of node in a track's history
WAS = 11  # numbers that tell what a track was like
CELL_M = 1000.0
# Rows of Ground.sights, see silence: what sees anything, and what sees no persons (satellites).
SIGHTS = np.array([[1.0, 1, 1, 1, 1, 1, 1, 0, 0, 0.01], [1.0, 1, 1, 1, 0, 1, 1, 0, 0, 0.01]])


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
    field: Array  # (n, 6): cx, cy, a, b, cosine and sine of the heading
    pd: Array  # NaN: unknown
    clutter: Array  # false detections per km2
    min_speed: Array
    sight: Array  # which row of Ground.sights tells what it can show


class Rows(NamedTuple):
    """Detections in the order of their events, within an event by x."""

    z: Array  # (n, 8): x, y, sxx, syy, sxy (bias included), vx, vy, svv
    bias2: Array  # m2 per axis, the part of z's covariance that does not average out
    p: Array  # (n, 7) class probabilities
    exists: Array  # probability that it is no false detection; NaN: from the clutter
    alt: Array  # (n, 2): height and its standard deviation, NaN where not measured


class State(NamedTuple):
    """All tracks; slot s is free when ``alive[s] == 0``, for other values see existence.

    The nodes of a history lie in a ring.
    """

    alive: Array
    number: Array  # int64 name of the founder
    head: Array  # where in the ring the oldest node lies
    nodes: Array  # how many nodes of history
    shortened: Array  # history dropped its oldest
    kind: Array  # (S, H) SEEN, SEEN_MOVING or UNSEEN
    time: Array  # (S, H)
    z: Array  # (S, H, 8), see motion.take; of an UNSEEN node: log likelihood of silence per motion
    x: Array  # (S, H, 2, 4)
    p: Array  # (S, H, 2, 10), see motion
    mu: Array  # (S, H, 2)
    box: Array  # (S, 6): x, y, vx, vy, radius, time; where to look for it, roughly
    odds: Array  # log odds of existence
    odds_time: Array
    shown: Array  # it has been in force: 1
    bias2: Array
    used: Array
    founded: Array  # phenomenon time of its first detection
    fresh: Array  # things per km2 that nobody had seen, where and when it was founded
    last: Array  # newest phenomenon time used
    by: Array  # sensor that saw it last
    fastest: Array  # m/s, what it has certainly driven
    cruise: Array  # (S, 2): m/s, its mean speed while it drove, and how sure that is (1 / variance)
    met: Array  # when it last could have been confused with another, see encounter; -inf: not of late
    was: Array  # (S, WAS): what it was like before, see encounter
    alt: Array  # (S, 3): height, variance, time
    column: Array  # name of the column that it is of, or 0, see column
    rank: Array  # its place in the column, head first
    company: Array  # output times in a row that it has been beside others, see company
    shares: Array  # (S, 7): class probabilities
    log_p: Array  # (S, 7): sum over sensors, each sortie discounted
    sum_p: Array  # (S, M, 7): sum of readings in the present sortie of each sensor, see appearance
    count_p: Array  # (S, M)
    sortie_p: Array  # (S, M)
    shows: Array  # (S, M): probability that a sensor can show it at all; below 0: nobody has asked yet
    missed: Array  # (S, M): newest look of a sensor that should have shown it and did not, -inf: none
    proven: Array  # log odds of existence when it was last seen
    still: Array  # (S, 3): how likely since then it drove on, stopped, or stood, and no look showed it
    was_p: Array  # (S, M, 7): what sum_p was before it met others, see encounter
    was_n: Array  # (S, M): the same of count_p
    twin: Array  # slot of the same track under another hypothesis, see hypotheses; -1: none
    rival: Array  # slot of the track that it may have changed places with; -1: none
    against: Array  # log odds that the two have
    open: Array  # since when that has been open


class Ground(NamedTuple):
    """What is known about things that nobody has seen yet, by cell, and about the sensors."""

    corner: Array  # (2,): x, y of the first cell's corner
    unseen: Array  # (2, ny, nx): things per km2 that drive and that stand
    time: Array  # (ny, nx): of the newest look, -inf where there was none
    density: Array  # (2,): things per km2 to be expected, km2 ever looked at
    jammed: Array  # (M,): probability that a sensor sees nothing at all
    heard: Array  # (M,): time of the newest look of a sensor
    told: Array  # (M, M, 2): how often another, looking next, saw what a sensor had seen, and did not
    classes: Array  # (7,): how common each class is among the tracks of this run
    trusted: Array  # (M,): 1, or 0 for a sensor whose word on others does not count
    sights: Array  # (K, 10): what looks can show, see silence
    seems: Array  # (M, 10): how a sensor's class readings vary, see appearance.compare


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
        head=np.zeros(slots, np.int64),
        nodes=np.zeros(slots, np.int64),
        shortened=np.zeros(slots, np.int64),
        kind=np.zeros((slots, history), np.int8),
        time=np.zeros((slots, history)),
        z=np.zeros((slots, history, 8)),
        x=np.zeros((slots, history, 2, 4)),
        p=np.zeros((slots, history, 2, 10), np.float32),
        mu=np.zeros((slots, history, 2), np.float32),
        box=np.zeros((slots, 6)),
        odds=np.zeros(slots),
        odds_time=np.zeros(slots),
        shown=np.zeros(slots, np.int64),
        bias2=np.zeros(slots),
        used=np.zeros(slots, np.int64),
        founded=np.zeros(slots),
        fresh=np.zeros(slots),
        last=np.zeros(slots),
        by=np.zeros(slots, np.int64),
        fastest=np.zeros(slots),
        cruise=np.zeros((slots, 2)),
        met=np.full(slots, -np.inf),
        was=np.full((slots, WAS), -np.inf),
        alt=np.full((slots, 3), np.nan),
        column=np.zeros(slots, np.int64),
        rank=np.zeros(slots),
        company=np.zeros(slots, np.int64),
        shares=np.zeros((slots, 7)),
        log_p=np.zeros((slots, 7)),
        sum_p=np.zeros((slots, sensors, 7), np.float32),
        count_p=np.zeros((slots, sensors), np.int32),
        sortie_p=np.full((slots, sensors), -1, np.int32),
        shows=np.full((slots, sensors), -1, np.float32),
        missed=np.full((slots, sensors), -np.inf),
        proven=np.zeros(slots),
        still=np.zeros((slots, 3)),
        was_p=np.zeros((slots, sensors, 7), np.float32),
        was_n=np.zeros((slots, sensors), np.int32),
        twin=np.full(slots, -1),
        rival=np.full(slots, -1),
        against=np.zeros(slots),
        open=np.zeros(slots),
    )


def bare_ground(low: Array, high: Array, sensors: int) -> Ground:
    """Lay cells over a rectangle of which nothing is known."""
    nx, ny = (np.ceil((high - low) / CELL_M).astype(int) + 1).tolist()
    return Ground(
        corner=low.astype(float),
        unseen=np.zeros((2, ny, nx)),
        time=np.full((ny, nx), -np.inf),
        density=np.array([0.025, 0.0]),
        jammed=np.full(sensors, 1e-3),
        heard=np.full(sensors, -np.inf),
        told=np.zeros((sensors, sensors, 2)),
        classes=np.full(7, 1 / 7),
        trusted=np.ones(sensors),
        sights=SIGHTS.copy(),
        seems=np.zeros((sensors, 10)),
    )


def grown(state: State) -> State:
    """Double the slots, keeping the tracks where they are."""
    slots, history = state.time.shape
    more = empty(slots, history, state.count_p.shape[1])
    return State(*(np.concatenate([a, b]) for a, b in zip(state, more, strict=True)))


def copied(state: State) -> State:
    """Copy everything."""
    return State(*(a.copy() for a in state))
