"""Scratch room for the tracks that an event may concern."""

from typing import NamedTuple

import numpy as np
from numba import njit

from truceline.track.kernel import inlined
from truceline.track.types import Array


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
    gain: Array


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
        np.zeros(slots),
    )


@njit(cache=True, error_model="numpy")
def moved_apart(near: Near, n: int) -> Near:
    """Copy the states of the first n tracks, to be changed for themselves; all else is shared."""
    x, p = near.x[:n].copy(), near.p[:n].copy()
    return Near(near.slot, near.node, x, p, near.mu, near.see, near.exists, near.taken, near.gain)


@inlined
def seen_p(near: Near, c: int) -> float:
    """Probability that the look shows a track, should it exist."""
    driving = near.mu[c, 0] + near.mu[c, 2]
    return float(driving * near.see[c, 0] + near.mu[c, 1] * near.see[c, 1])


@inlined
def stands(near: Near, c: int) -> int:
    """The likelier motion of a track, see motion: 0 drives, 1 stands."""
    return 1 if near.mu[c, 1] > 0.5 else 0
