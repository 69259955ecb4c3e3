"""The tracker: events in, tracks out; causal, deterministic, no clock and no chance.

One pass over the events in the order in which they became known. A late detection is put back into
its track's history and the track is filtered forward from there. Existence follows the sequential
log-odds test (Blackman and Popoli, *Modern Tracking Systems*, 1999, ch. 6): a detection adds its
likelihood against clutter, a look that shows nothing subtracts.
"""

import math

import numpy as np
from numba import njit

from truceline.track.associate import NEW_PER_KM2, greedy, pair_score, reaches, seen_share
from truceline.track.motion import difference, found, mix, settle, take
from truceline.track.types import NO_SHAPE, Array, Events, Rows, State, empty

ODDS_CEILING, ODDS_FLOOR = 7.0, -5.0
UNSEEN_S = 3600.0  # a track not seen for an hour ends
LIFE_S = 7200.0  # without news the probability of existence falls by 1/e in two hours
SORTIE_SHARE = 0.138  # share of a class error that stays within one sortie: n looks count as 1/share at most
DONE, SLOTS, ROOM = 0, 1, 2


@njit(cache=True, error_model="numpy")
def class_shares(state: State, s: int) -> Array:
    """Class probabilities of a track: log sums, the looks of one sortie counting as if correlated."""
    shares: Array = state.log_p[s].copy()
    for m in range(state.count_p.shape[1]):
        n = state.count_p[s, m]
        if n > 0:
            for c in range(7):
                shares[c] += state.sum_p[s, m, c] / (1 + (n - 1) * SORTIE_SHARE)
    top, total = shares.max(), 0.0
    for c in range(7):
        shares[c] = math.exp(shares[c] - top)
        total += shares[c]
    for c in range(7):
        shares[c] /= total
    return shares


@njit(cache=True, error_model="numpy")
def odds_at(state: State, s: int, time: float) -> float:
    """Log odds of existence at a time: silence alone lets it fall."""
    dt = time - state.odds_time[s]
    if dt <= 0:
        return float(state.odds[s])
    r = math.exp(-dt / LIFE_S) / (1 + math.exp(-state.odds[s]))
    return math.log(max(r, 1e-9) / max(1 - r, 1e-9))


@njit(cache=True, error_model="numpy")
def looked_back(state: State, s: int, time: float, geodetic: bool) -> tuple[int, Array, Array, Array]:
    """Predict a track at a time, also a past one: from the last node of its history before it."""
    k = state.nodes[s] - 1
    while k > 0 and state.time[s, k] > time:
        k -= 1
    x, p, mu = state.x[s, k].copy(), state.p[s, k].copy(), state.mu[s, k].copy()
    mix(x, p, mu, time - state.time[s, k], geodetic)
    return (k + 1 if state.time[s, k] <= time else 0), x, p, mu


@njit(cache=True, error_model="numpy")
def copy_state(state: State, s: int, to: int, origin: int) -> None:
    """Copy the filter's answer from one node of a history to another."""
    for m in range(2):
        state.mu[s, to, m] = state.mu[s, origin, m]
        for i in range(4):
            state.x[s, to, m, i] = state.x[s, origin, m, i]
            for j in range(4):
                state.p[s, to, m, i, j] = state.p[s, origin, m, i, j]


@njit(cache=True, error_model="numpy")
def _shift(state: State, s: int, to: int, origin: int) -> None:
    state.time[s, to] = state.time[s, origin]
    for i in range(9):
        state.z[s, to, i] = state.z[s, origin, i]
    copy_state(state, s, to, origin)


@njit(cache=True, error_model="numpy")
def insert(state: State, s: int, at: int, time: float, z: Array, geodetic: bool) -> None:
    """Put a detection into a track's history at a place, and filter forward from there."""
    n, room = state.nodes[s], state.time.shape[1]
    if at == 0 and state.shortened[s]:
        return  # older than all that is remembered: it is this track's, and teaches nothing new
    if n == room:
        for k in range(n - 1):
            _shift(state, s, k, k + 1)
        state.shortened[s] = 1
        n, at = n - 1, max(at - 1, 0)
        if at == 0:
            state.nodes[s] = n
            return
    for k in range(n, at, -1):
        _shift(state, s, k, k - 1)
    state.time[s, at] = time
    for i in range(9):
        state.z[s, at, i] = z[i]
    state.nodes[s] = n + 1
    for k in range(at, n + 1):
        x, p, mu = state.x[s, k], state.p[s, k], state.mu[s, k]
        if k == 0:
            found(x, p, mu, state.z[s, 0], geodetic)
            continue
        copy_state(state, s, k, k - 1)
        mix(x, p, mu, state.time[s, k] - state.time[s, k - 1], geodetic)
        take(x, p, mu, state.z[s, k], geodetic)


@njit(cache=True, error_model="numpy")
def learn(state: State, s: int, events: Events, e: int, rows: Rows, r: int) -> None:
    """Take in class, bias, height and count of a detection."""
    m, sortie = events.sensor[e], events.sortie[e]
    if state.sortie_p[s, m] != sortie:
        for c in range(7):
            state.log_p[s, c] += state.sum_p[s, m, c] / (1 + max(state.count_p[s, m] - 1, 0) * SORTIE_SHARE)
            state.sum_p[s, m, c] = 0.0
        state.count_p[s, m], state.sortie_p[s, m] = 0, sortie
    for c in range(7):
        state.sum_p[s, m, c] += rows.log_p[r, c]
    state.count_p[s, m] += 1
    state.bias2[s] += (rows.bias2[r] - state.bias2[s]) * max(0.2, 1.0 / (1 + state.used[s]))
    state.used[s] += 1
    state.last[s] = max(state.last[s], events.time[e])
    if not math.isnan(rows.alt[r, 0] + rows.alt[r, 1]):
        variance = rows.alt[r, 1] ** 2
        if not math.isnan(state.alt[s, 0]):
            before = state.alt[s, 1] + abs(events.time[e] - state.alt[s, 2])  # 1 m2/s: heights wander
            gain = before / (before + variance)
            state.alt[s, 0] += gain * (rows.alt[r, 0] - state.alt[s, 0])
            state.alt[s, 1] = (1 - gain) * before
        else:
            state.alt[s, 0], state.alt[s, 1] = rows.alt[r, 0], variance
        state.alt[s, 2] = max(events.time[e], state.last[s])


@njit(cache=True, error_model="numpy")
def born(
    state: State, s: int, events: Events, e: int, rows: Rows, r: int, names: Array, geodetic: bool
) -> None:
    """Found a track in a free slot."""
    state.alive[s], state.number[s] = 1, names[r]
    state.nodes[s], state.shortened[s], state.used[s], state.bias2[s] = 0, 0, 0, 0.0
    for m in range(state.count_p.shape[1]):
        state.count_p[s, m], state.sortie_p[s, m] = 0, -1
        for c in range(7):
            state.sum_p[s, m, c] = 0.0
    for c in range(7):
        state.log_p[s, c] = 0.0
    state.alt[s, 0] = state.alt[s, 1] = state.alt[s, 2] = np.nan
    state.last[s] = state.odds_time[s] = events.time[e]
    exists = rows.exists[r]
    if math.isnan(exists):
        exists = NEW_PER_KM2 / (NEW_PER_KM2 + events.clutter[e])
    exists = min(max(exists, 0.01), 0.95)
    state.odds[s] = math.log(exists / (1 - exists))
    insert(state, s, 0, events.time[e], rows.z[r], geodetic)
    learn(state, s, events, e, rows, r)


@njit(cache=True, error_model="numpy")
def missed(state: State, s: int, events: Events, e: int, place: Array, driving: float) -> None:
    """A look that should have shown a track and did not: it exists less likely."""
    if events.time[e] < state.last[s]:
        return
    share = seen_share(place, events.shape[e], events.field[e])
    if share == 0.0:
        return
    pd = events.pd[e]
    if math.isnan(pd):
        pd = 0.5  # unknown: an even chance
    seen = min(pd, 0.95) * share
    if events.min_speed[e] > 0:
        speed = math.sqrt(place[5] ** 2 + place[6] ** 2)
        seen *= driving if speed > events.min_speed[e] else 0.1 * driving
    if events.blind_to_persons[e]:
        seen *= 1 - class_shares(state, s)[4]
    odds = odds_at(state, s, events.time[e])
    r = 1 / (1 + math.exp(-odds))
    state.odds[s] = math.log(max(r * (1 - seen), 1e-9) / (1 - r + 1e-12))
    state.odds_time[s] = max(events.time[e], state.odds_time[s])


@njit(cache=True, error_model="numpy")
def believe(state: State, s: int, events: Events, e: int, score: float) -> None:
    """A detection speaks for existence, by how much likelier it is than clutter."""
    pd = events.pd[e]
    gain = score + math.log(pd if pd > 0 else 0.5) - math.log(max(events.clutter[e], 1e-3) * 1e-6)
    state.odds[s] = min(odds_at(state, s, events.time[e]) + min(max(gain, -2.0), 6.0), ODDS_CEILING)
    state.odds_time[s] = max(events.time[e], state.odds_time[s])


@njit(cache=True, error_model="numpy")
def is_alive(state: State, s: int, time: float) -> bool:
    """Tell whether a slot holds a track, which ends when nothing was seen of it for :data:`UNSEEN_S`."""
    if state.alive[s] and time - state.last[s] > UNSEEN_S:
        state.alive[s] = 0
    return bool(state.alive[s])


@njit(cache=True, error_model="numpy")
def gather(
    state: State,
    events: Events,
    e: int,
    rows: Rows,
    geodetic: bool,
    places: Array,
    driving: Array,
    near: Array,
) -> tuple[Array, Array, Array]:
    """Predict the tracks that an event may concern, and score them against its detections.

    ``places`` (7 each), ``driving`` and ``near`` are filled per slot. The answer is three arrays:
    score, slot and row of each pair inside the gate.
    """
    first, n, time = events.first[e], events.size[e], events.time[e]
    z = rows.z[first : first + n]
    scores, slots, pair_rows = [0.0][:0], [0][:0], [0][:0]
    for s in range(len(state.alive)):
        if not is_alive(state, s, time):
            continue
        dt = time - state.time[s, state.nodes[s] - 1]
        if not reaches(state, s, dt, events.shape[e], events.field[e], z, geodetic):
            continue
        near[s] = True
        _, x, p, mu = looked_back(state, s, time, geodetic)
        settle(x, p, mu, geodetic, places[s])
        driving[s] = mu[0]
        shares = class_shares(state, s) if n else places[s]
        for r in range(n):
            score = pair_score(x, p, mu, z[r], rows.log_p[first + r], shares, geodetic)
            if score > -np.inf:
                scores.append(score)
                slots.append(s)
                pair_rows.append(r)
    return np.array(scores), np.array(slots, dtype=np.int64), np.array(pair_rows, dtype=np.int64)


@njit(cache=True, error_model="numpy")
def step(
    state: State,
    events: Events,
    e: int,
    rows: Rows,
    names: Array,
    geodetic: bool,
    owner: Array,
    residual: Array,
) -> None:
    """Take in one event: detections go to tracks or found some, silence counts against tracks."""
    first, n, time = events.first[e], events.size[e], events.time[e]
    places, driving = np.zeros((len(state.alive), 7)), np.zeros(len(state.alive))
    near = np.zeros(len(state.alive), np.bool_)
    scores, slots, pair_rows = gather(state, events, e, rows, geodetic, places, driving, near)
    chosen = greedy(scores, slots, pair_rows, n)
    for r in range(n):
        if chosen[r] >= 0:
            s, z = slots[chosen[r]], rows.z[first + r]
            believe(state, s, events, e, scores[chosen[r]])
            at = looked_back(state, s, time, geodetic)[0]
            insert(state, s, at, time, z, geodetic)
            learn(state, s, events, e, rows, first + r)
            owner[first + r] = state.number[s]
            dx, dy = difference(z[0], z[1], places[s, 0], places[s, 1], geodetic)
            residual[first + r, 0], residual[first + r, 1] = dx, dy
            residual[first + r, 2], residual[first + r, 3] = places[s, 2] + z[2], places[s, 3] + z[3]
            near[s] = False
    if events.shape[e] != NO_SHAPE:
        for s in np.flatnonzero(near):
            missed(state, int(s), events, e, places[s], driving[s])
            state.alive[s] = state.odds[s] >= ODDS_FLOOR
    free = 0
    for r in range(n):
        if chosen[r] < 0:
            while state.alive[free]:
                free += 1
            born(state, free, events, e, rows, first + r, names, geodetic)
            owner[first + r] = state.number[free]


@njit(cache=True, error_model="numpy")
def emit(state: State, time: float, geodetic: bool, number: Array, out: Array, at: int) -> int:
    """Write a row for each track that may exist at a time; answer the next free row.

    ``out`` rows: time, x, y, sxx, syy, sxy, vx, vy, existence, seven class probabilities, last
    phenomenon time, detections used, height, its variance.
    """
    for s in range(len(state.alive)):
        if not is_alive(state, s, time):
            continue
        _, x, p, mu = looked_back(state, s, time, geodetic)
        about = settle(x, p, mu, geodetic, out[at, 1:8])
        out[at, 3] += state.bias2[s]
        out[at, 4] += state.bias2[s]
        out[at, 0] = time
        out[at, 8] = about / (1 + math.exp(-odds_at(state, s, time)))
        if out[at, 8] < 0.1:
            continue
        shares = class_shares(state, s)
        for c in range(7):
            out[at, 9 + c] = shares[c]
        out[at, 16], out[at, 17] = state.last[s], state.used[s]
        out[at, 18] = state.alt[s, 0]
        out[at, 19] = state.alt[s, 1] + abs(time - state.alt[s, 2])
        number[at] = state.number[s]
        at += 1
    return at


@njit(cache=True, error_model="numpy")
def seen_since(state: State, since: float, geodetic: bool, number: Array, out: Array) -> int:
    """Write a row for each track seen at or after a time, as it was when last seen; answer how many.

    ``out`` as in :func:`emit`, but existence says only that the thing exists, however vague its place.
    """
    at = 0
    for s in range(len(state.alive)):
        if state.alive[s] and state.last[s] >= since:
            k = state.nodes[s] - 1
            settle(state.x[s, k], state.p[s, k], state.mu[s, k], geodetic, out[at, 1:8])
            out[at, 3] += state.bias2[s]
            out[at, 4] += state.bias2[s]
            out[at, 0] = state.last[s]
            out[at, 8] = 1 / (1 + math.exp(-odds_at(state, s, state.last[s])))
            shares = class_shares(state, s)
            for c in range(7):
                out[at, 9 + c] = shares[c]
            out[at, 16], out[at, 17] = state.last[s], state.used[s]
            number[at] = state.number[s]
            at += 1
    return at


@njit(cache=True, error_model="numpy")
def run(
    state: State, events: Events, rows: Rows, names: Array, grid: Array, geodetic: bool,
    owner: Array, residual: Array, number: Array, out: Array, begin: tuple[int, int, int],
) -> tuple[int, int, int, int]:  # fmt: skip
    """Take in events and write rows at the times of the grid, until done or until room is short.

    ``names`` holds the int64 name that a track founded by a row gets. ``grid`` holds output times;
    a row at ``t`` rests on events with ``known <= t``. ``begin`` is event, grid time and output row
    to go on with. Filled are, per row of detections, ``owner`` (name of its track) and ``residual``
    (how far it lay from where its track was expected, and the variances of that: dx, dy, sxx, syy;
    NaN where it founded a track), and per output row ``number`` (name of the track) and ``out``
    (see :func:`emit`). The answer is why it stopped (DONE, SLOTS or ROOM) and where to go on.
    """
    e, g, at = begin
    while e < len(events.time) or g < len(grid):
        if g < len(grid) and (e == len(events.time) or grid[g] < events.known[e]):
            if len(number) - at < len(state.alive):
                return ROOM, e, g, at
            at = emit(state, grid[g], geodetic, number, out, at)
            g += 1
            continue
        if events.size[e] > len(state.alive) - state.alive.sum():
            return SLOTS, e, g, at
        step(state, events, e, rows, names, geodetic, owner, residual)
        e += 1
    return DONE, e, g, at


def warm() -> None:
    """Compile the tracker into its cache, so that the first round does not wait for it."""
    rows = Rows(np.zeros((0, 9)), np.zeros(0), np.zeros((0, 7)), np.zeros(0), np.zeros((0, 2)))
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    events = Events(
        nothing, nothing, none, none, none, none, none, np.zeros((0, 5)), nothing, nothing, nothing, none
    )
    state, number, out = empty(1, 2, 1), np.zeros(1, np.int64), np.zeros((1, 20))
    run(state, events, rows, none, nothing, True, none, np.zeros((0, 4)), number, out, (0, 0, 0))
    seen_since(state, 0.0, True, number, out)
