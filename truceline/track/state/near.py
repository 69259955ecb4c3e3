"""Scratch room for the tracks that an event may concern."""

from typing import NamedTuple

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.kernel import inlined, kernel
from truceline.track.state.types import Array

LARGEST = 24  # things and detections of one convoy


class Near(NamedTuple):
    """Tracks as predicted at the time of an event; filled anew for each."""

    slot: Array
    node: Array  # the node of its history that it was predicted from
    x: Array  # (C, 3, 4)
    p: Array  # (C, 3, 10)
    mu: Array  # (C, 3)
    see: Array  # (C, 2): probability that the look shows it, should it exist, per motion
    exists: Array
    taken: Array  # row of the detection that it got, or -1
    row: Array  # that detection, also where it is yet to be given; -1: none
    score: Array  # of the pair of both


@njit(cache=True, error_model="numpy")
def make_near(slots: int) -> Near:
    """Make room for as many tracks as there are slots."""
    return Near(
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        np.zeros((slots, 3, 4)),
        np.zeros((slots, 3, 10)),
        np.zeros((slots, 3)),
        np.zeros((slots, 2)),
        np.zeros(slots),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots),
    )


class Room(NamedTuple):
    """Room to pair one look's detections with tracks; filled anew for each."""

    strange: Array  # (R,) false detections and unseen things per km2 where each detection is
    fresh: Array  # (R,) unseen things alone
    told: Array  # (R, 8): detections as their tracks are to take them in
    course: Array  # (R, 3), see fellows
    reading: Array  # (R, 7): class readings, see appearance
    vary: Array  # (2,): how this sensor's readings vary, see appearance
    usual: Array  # (7,): their mean
    chosen: Array  # (R,) per detection its pair, or -1
    track: Array  # (K,) of each pair, those of one track one after the other
    row: Array  # (K,)
    score: Array  # (K,)
    cost: Array  # of one cluster
    fit: Array  # (LARGEST, LARGEST, 6), see convoy
    whole: Array  # (8, W) numbers, W at least K, C + R and 1 more than C
    path: Array  # (3, W)
    real: Array  # (9, W)


@njit(cache=True, error_model="numpy")
def make_room(slots: int, largest: int, pairs: int, cluster: int) -> Room:
    """Make room for looks.

    Parameters
    ----------
    slots
        How many tracks at most.
    largest
        How many detections a look has at most.
    pairs
        How many pairs of both.
    cluster
        How many detections a cluster has at most.
    """
    wide = max(pairs, slots + largest, LARGEST * LARGEST) + 2
    return Room(
        np.empty(largest),
        np.empty(largest),
        np.empty((largest, 8)),
        np.empty((largest, 3)),
        np.empty((largest, 7)),
        np.zeros(2),
        np.zeros(7),
        np.empty(largest, np.int64),
        np.empty(pairs, np.int64),
        np.empty(pairs, np.int64),
        np.empty(pairs),
        np.empty(cluster * (slots + cluster)),
        np.empty((LARGEST, LARGEST, 6)),
        np.empty((8, wide), np.int64),
        np.empty((3, wide), np.int64),
        np.empty((9, wide)),
    )


@njit(cache=True, error_model="numpy")
def beside(near: Near) -> Near:
    """Make room for other states of the same tracks; all else is shared."""
    x, p = np.zeros_like(near.x), np.zeros_like(near.p)
    return Near(near.slot, near.node, x, p, near.mu, near.see, near.exists, near.taken, near.row, near.score)


@kernel
def copy_state(near: Near, c: int, to: Near) -> None:
    """Copy the state of a track."""
    for m in range(3):
        for a in range(4):
            to.x[c, m, a] = near.x[c, m, a]
        for a in range(10):
            to.p[c, m, a] = near.p[c, m, a]


@kernel
def copy_states(near: Near, n: int, to: Near) -> None:
    """Copy the states of the first n tracks."""
    for c in range(n):
        copy_state(near, c, to)


@inlined
def seen_p(near: Near, c: int) -> float:
    """Probability that the look shows a track, should it exist."""
    driving = near.mu[c, 0] + near.mu[c, 2]
    return float(driving * near.see[c, 0] + near.mu[c, 1] * near.see[c, 1])


@inlined
def stands(near: Near, c: int) -> int:
    """The likelier motion of a track, see motion: 0 drives, 1 stands."""
    return 1 if near.mu[c, 1] > 0.5 else 0
