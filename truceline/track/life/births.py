"""Tracks begin: from detections that belong to no other, as likely as nobody has looked there yet."""

import math

import numpy as np

from truceline.track.life.silence import note_shown
from truceline.track.state.history import at, insert
from truceline.track.state.kernel import folded, kernel
from truceline.track.state.meaning import learn
from truceline.track.state.motion import difference
from truceline.track.state.near import Near, Room
from truceline.track.state.regard import first_density, looked_at_since, pd_of, strangers
from truceline.track.state.types import SEEN, SEEN_MOVING, Array, Events, Ground, Rows, State

CONVOY_M = 300.0  # a thing so near to others that drive is most likely one of their convoy
CONVOY_VARIANCE = 25.0  # m2/s2 per axis
WELL_WATCHED = 0.1  # share of the density of things that is unseen at most where looks are frequent


@folded
def found_others(
    state: State, top: int, ground: Ground, events: Events, e: int, rows: Rows, room: Room, names: Array,
    geodetic: bool, near: Near, n_near: int, owner: Array,
) -> int:  # fmt: skip
    """Let the detections of no track found some; answer the bound of slots in use."""
    first, expected = events.first[e], ground.density[0]
    chosen, strange, fresh = room.chosen, room.strange, room.fresh
    loose = 0
    for r in range(events.size[e]):
        loose += chosen[r] < 0
    first_density(ground, events, e, loose, pd_of(events, e))
    if ground.density[0] > expected:
        strangers(ground, events, e, rows, strange, fresh)
    free = 0
    for r in range(events.size[e]):
        if chosen[r] >= 0 or fresh[r] <= 0:
            continue
        if fresh[r] < WELL_WATCHED * ground.density[0] and looked_at_since(
            ground, rows.z[first + r], events.time[e]
        ):
            continue  # later looks have shown what is there, and would have founded it
        exists = rows.exists[first + r]
        if math.isnan(exists):
            exists = fresh[r] / strange[r]
        while state.alive[free]:
            free += 1
        born(state, free, events, e, rows, first + r, room.reading[r], exists, names, geodetic, near, n_near)
        state.fresh[free] = fresh[r]
        owner[first + r] = state.number[free]
        top = max(top, free + 1)
    return top


@folded
def born(
    state: State, s: int, events: Events, e: int, rows: Rows, r: int, reading: Array, exists: float,
    names: Array, geodetic: bool, near: Near, n_near: int,
) -> None:  # fmt: skip
    """Found a track in a free slot."""
    state.alive[s], state.number[s], state.shown[s] = 1, names[r], 0
    state.head[s] = state.nodes[s] = state.shortened[s] = state.used[s] = 0
    state.bias2[s], state.fastest[s], state.column[s] = 0.0, 0.0, 0
    state.company[s] = 0
    state.twin[s] = state.rival[s] = -1
    state.cruise[s, :], state.met[s], state.was[s, :] = 0.0, -np.inf, -np.inf
    state.count_p[s, :], state.sum_p[s, :, :], state.sortie_p[s, :] = 0, 0.0, -1
    state.was_n[s, :], state.was_p[s, :, :] = 0, 0.0
    state.log_p[s, :] = 0.0
    state.shows[s, :], state.missed[s, :] = -1.0, -np.inf
    state.alt[s, :] = np.nan
    state.last[s] = state.founded[s] = state.odds_time[s] = events.time[e]
    exists = min(max(exists, 1e-3), 0.95)
    state.odds[s] = math.log(exists / (1 - exists))
    kind = SEEN_MOVING if events.min_speed[e] > 0 else SEEN
    near.node[n_near] = -1
    insert(
        state,
        s,
        near.node[n_near],
        events.time[e],
        rows.z[r],
        kind,
        geodetic,
        near.x[n_near],
        near.p[n_near],
        near.mu[n_near],
    )
    if math.isnan(rows.z[r, 7]):
        like_its_neighbours(state, s, near, n_near, rows.z[r], geodetic)
    state.by[s] = events.sensor[e]
    learn(state, s, events, e, rows, r, reading)
    note_shown(state, s, events.sensor[e])


@kernel
def like_its_neighbours(state: State, s: int, near: Near, n_near: int, z: Array, geodetic: bool) -> None:
    """Give a track that was just founded, its speed unknown, the course of what drives close by."""
    total, u, v = 0.0, 0.0, 0.0
    for c in range(n_near):
        dx, dy = difference(z[0], z[1], near.x[c, 0, 0], near.x[c, 0, 1], geodetic)
        certain = near.p[c, 0, 7] + near.p[c, 0, 9] < 50.0
        if dx * dx + dy * dy < CONVOY_M * CONVOY_M and certain and near.mu[c, 1] < 0.3:
            total += 1
            u += near.x[c, 0, 2]
            v += near.x[c, 0, 3]
    if total > 0:
        i = at(state, s, 0)
        state.x[s, i, 0, 2], state.x[s, i, 0, 3] = u / total, v / total
        state.p[s, i, 0, 7] = state.p[s, i, 0, 9] = CONVOY_VARIANCE
        state.mu[s, i, 0], state.mu[s, i, 1] = 0.8, 0.2
