"""Which tracks an event may concern, as they are expected at its time."""

import math

from truceline.track.life.areas import Areas, leave, within_reach
from truceline.track.life.existence import exists_at, is_alive
from truceline.track.life.hypotheses import close, is_open
from truceline.track.life.silence import SLOW, could_show, has_shown
from truceline.track.pairing.associate import place_in
from truceline.track.state.history import at, before, predicted
from truceline.track.state.kernel import folded, kernel
from truceline.track.state.motion import difference
from truceline.track.state.near import Near
from truceline.track.state.regard import pd_of, seen_share, sees_speed
from truceline.track.state.types import NO_SHAPE, Events, Ground, Rows, State


@folded
def gather(
    state: State, areas: Areas, ground: Ground, events: Events, e: int, rows: Rows, geodetic: bool, near: Near
) -> int:  # fmt: skip
    """Predict the tracks that an event may concern into ``near``; answer how many."""
    time, shape, field = events.time[e], events.shape[e], events.field[e]
    cx, cy, extent = field[0], field[1], field[3]
    if shape == NO_SHAPE:
        first = events.first[e]
        cx, cy, extent = rows.z[first, 0], rows.z[first, 1], 0.0
        for r in range(first, first + events.size[e]):
            z = rows.z[r]
            dx, dy = difference(z[0], z[1], cx, cy, geodetic)
            extent = max(extent, math.hypot(dx, dy) + 4 * math.sqrt(z[2] + z[3]))
    elif shape != 2:
        extent = math.sqrt(field[2] ** 2 + field[3] ** 2)
    n = 0
    for i in range(within_reach(areas, state, cx, cy, extent, time, geodetic, near.slot)):
        s = near.slot[i]
        if not is_alive(state, s, time):
            leave(areas, s)
            continue
        n += _foresee(state, ground, events, e, geodetic, near, n, s)
    return n


@kernel
def _foresee(
    state: State, ground: Ground, events: Events, e: int, geodetic: bool, near: Near, n: int, s: int
) -> bool:  # fmt: skip
    """Predict a track into ``near``; answer whether the event may concern it after all."""
    time, shape, field = events.time[e], events.shape[e], events.field[e]
    m, sight, pd = events.sensor[e], ground.sights[events.sight[e]], pd_of(events, e)
    x, p, mu, see = near.x[n], near.p[n], near.mu[n], near.see[n]
    k = state.nodes[s] - 1
    if state.time[s, at(state, s, k)] > time:
        k = before(state, s, time)
    near.slot[n], near.node[n], near.row[n] = s, k, -1
    predicted(state, s, k, time, geodetic, x, p, mu)
    see[0] = see[1] = 0.0
    if shape != NO_SHAPE:
        see[0] = pd * seen_share(x[0], p[0], shape, field, geodetic)
        see[1] = pd * seen_share(x[1], p[1], shape, field, geodetic)
        if see[0] == 0.0 and see[1] == 0.0 and events.size[e] == 0:
            return False
        if events.min_speed[e] > 0:
            speed = math.sqrt(x[0, 2] ** 2 + x[0, 3] ** 2)
            see[0] *= sees_speed(events.min_speed[e], speed, math.sqrt(0.5 * (p[0, 7] + p[0, 9])))
            see[1] *= sight[SLOW]
        if events.sight[e]:
            could = could_show(state, s, m, sight, time)
            see[0] *= could
            see[1] *= could
    near.exists[n] = exists_at(state, s, time)
    near.taken[n] = 0 if has_shown(state, s, m, sight, time) else -1
    return True


@folded
def gather_otherwise(
    state: State, ground: Ground, events: Events, e: int, geodetic: bool, near: Near, count: int
) -> int:  # fmt: skip
    """Predict what is kept otherwise of the tracks in ``near``, behind them, of rivals one by one.

    One place is left free between them; the answer is where what was added ends.
    """
    last = count + 1
    for c in range(count):
        s = near.slot[c]
        if state.twin[s] < 0:
            continue
        if not is_open(state, s):
            close(state, s)
            continue
        rival = state.rival[s]
        at_c = place_in(near.slot, count, rival)
        both = at_c < count and near.slot[at_c] == rival
        if both and rival < s:
            continue
        last += _foresee(state, ground, events, e, geodetic, near, last, state.twin[s])
        if both:
            last += _foresee(state, ground, events, e, geodetic, near, last, state.twin[rival])
    return last
