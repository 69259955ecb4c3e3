"""What the others of a convoy say about one: the speed that all keep."""

import math

import numpy as np

from truceline.track.pairing.company import FRESH_S
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import difference, update
from truceline.track.state.near import Near, Room
from truceline.track.state.types import Array, State

FELLOW_M = 200.0  # things so near to one another that drive one way at one speed are of one convoy
ALIKE_MPS = 6.0
CERTAIN = 20.0  # m2/s2 per axis: a velocity vaguer than that says nothing about others
VAGUE = 3.0  # m2/s2 per axis: a velocity vaguer than that takes on the fellows' course too


@kernel
def _velocities(near: Near, n_near: int, room: Room, z: Array, geodetic: bool) -> None:
    """Fill in per row the velocity of its track after it and its variance per axis; infinite: unsaid."""
    x, p = near.x[n_near, 0], near.p[n_near, 0]
    for r in range(len(z)):
        out = room.course[r]
        out[2] = np.inf
        if room.chosen[r] < 0:
            continue
        c = room.track[room.chosen[r]]
        if near.mu[c, 1] > 0.5:
            continue
        for a in range(4):
            x[a] = near.x[c, 0, a]
        for a in range(10):
            p[a] = near.p[c, 0, a]
        update(x, p, z[r], geodetic)
        out[0], out[1], out[2] = x[2], x[3], 0.5 * (p[7] + p[9])


@kernel
def _may_be_fellows(state: State, a: int, b: int) -> bool:
    """Tell whether two tracks are of one column, or one is too young to be known to be of none."""
    younger = min(state.last[a] - state.founded[a], state.last[b] - state.founded[b])
    return bool(younger < FRESH_S or state.column[a] == state.column[b] != 0)


@kernel
def told_by_fellows(state: State, near: Near, n_near: int, room: Room, z: Array, geodetic: bool) -> None:
    """Fill in rows as their tracks are to take them in: with the speed that their fellows keep."""
    _velocities(near, n_near, room, z, geodetic)
    v, n = room.course, len(z)
    for r in range(n):
        out = room.told[r]
        for a in range(8):
            out[a] = z[r, a]
        if v[r, 2] == np.inf or not math.isnan(z[r, 7]):
            continue
        total = speed = u = w = 0.0
        own = near.slot[room.track[room.chosen[r]]]
        for way in (-1, 1):
            o = r + way
            while 0 <= o < n:
                dx, dy = difference(z[o, 0], z[o, 1], z[r, 0], z[r, 1], geodetic)
                if not geodetic and abs(dx) > FELLOW_M:
                    break
                near_by = dx * dx + dy * dy < FELLOW_M * FELLOW_M
                if near_by and v[o, 2] < CERTAIN:
                    apart = (v[o, 0] - v[r, 0]) ** 2 + (v[o, 1] - v[r, 1]) ** 2
                    other = near.slot[room.track[room.chosen[o]]]
                    if apart < ALIKE_MPS * ALIKE_MPS + v[r, 2] and _may_be_fellows(state, own, other):
                        total += 1 / v[o, 2]
                        speed += math.sqrt(v[o, 0] ** 2 + v[o, 1] ** 2) / v[o, 2]
                        u += v[o, 0] / v[o, 2]
                        w += v[o, 1] / v[o, 2]
                o += way
        if total > 0:
            if v[r, 2] > VAGUE:
                out[5], out[6] = u / total, w / total
            else:
                k = speed / total / max(math.sqrt(v[r, 0] ** 2 + v[r, 1] ** 2), 0.1)
                out[5], out[6] = k * v[r, 0], k * v[r, 1]
            out[7] = -total / (total + 1 / v[r, 2])
