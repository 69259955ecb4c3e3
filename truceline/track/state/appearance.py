"""How a thing looks to a sensor: within a sortie its class readings are off in one way of its own.

A *reading* is the logarithm of class probabilities about their mean, six numbers in effect. In one sortie
of a sensor the readings of one thing scatter about a mean of its own, and these means about that of all;
both variances are learnt for each sensor, from readings that tracks have taken in. A thing of which some
readings are known is expected to look as between their mean and that of all, by how many they are (random
effects; Robinson, Statistical Science 6(1), 1991).
"""

import math

from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import likeness, worth
from truceline.track.state.near import Room
from truceline.track.state.types import Array, Events, Ground, Rows, State

AXES = 6.0
ENOUGH = 200.0  # readings: from fewer it is not known how a sensor's vary
LEAST_SHARE = 0.02  # of the variance about a mean, that the means have: below that they tell nothing
LEAST_VARIANCE = 0.01  # of readings about a thing's mean: finer than that nobody knows classes
LEAST_P = 1e-3
AGAINST, FOR = -4.0, 3.0  # log odds: what one reading says at most
MOST = 8.0  # log odds: what all readings say at most


@kernel
def read_look(ground: Ground, events: Events, e: int, rows: Rows, room: Room) -> None:
    """Fill in a look's readings, and how they vary; 0: that is not known."""
    m = events.sensor[e]
    room.vary[0], room.vary[1] = _variances(ground, m)
    if events.sortie[e] < 0:
        room.vary[0] = 0.0
    for c in range(7):
        room.usual[c] = _usual(ground, m, c)
    for r in range(events.size[e]):
        p, out, mean = rows.p[events.first[e] + r], room.reading[r], 0.0
        for c in range(7):
            out[c] = math.log(max(p[c], LEAST_P))
            mean += out[c] / 7
        for c in range(7):
            out[c] -= mean


@kernel
def _usual(ground: Ground, m: int, c: int) -> float:
    """Mean reading of a sensor, of all things."""
    return float(ground.seems[m, 3 + c] / max(ground.seems[m, 0], 1.0))


@kernel
def _variances(ground: Ground, m: int) -> tuple[float, float]:
    """Variance of a sensor's readings about a thing's mean, and of those means; 0: not known."""
    told = ground.seems[m]
    if told[0] < ENOUGH:
        return 0.0, 0.0
    within, total = told[1] / (AXES * told[0]), told[2] / (AXES * told[0])
    for c in range(7):
        total -= _usual(ground, m, c) ** 2 / AXES
    within = max(within, LEAST_VARIANCE)
    return (within, total - within) if total - within > LEAST_SHARE * within else (0.0, 0.0)


@kernel
def compare(ground: Ground, state: State, s: int, events: Events, e: int, reading: Array) -> None:
    """Learn from a track's reading how its sensor's vary: how many, squares about its own mean, all, sums."""
    m = events.sensor[e]
    n = state.count_p[s, m]
    if events.sortie[e] < 0 or n == 0 or state.sortie_p[s, m] != events.sortie[e]:
        return
    told = ground.seems[m]
    told[0] += 1
    for c in range(7):
        told[1] += n / (n + 1.0) * (reading[c] - state.sum_p[s, m, c] / n) ** 2
        told[2] += reading[c] * reading[c]
        told[3 + c] += reading[c]


@kernel
def alike(state: State, s: int, events: Events, e: int, room: Room, r: int, p: Array) -> float:
    """Tell how much likelier a detection's look is for a track than for any thing.

    What readings of this sortie leave open is told by the track's classes.
    """
    like = likeness(state.shares[s], p)
    m, within, between = events.sensor[e], room.vary[0], room.vary[1]
    n = state.count_p[s, m]
    if within == 0.0 or n == 0 or state.sortie_p[s, m] != events.sortie[e]:
        return like
    known = between * n / (between * n + within)
    own2, any2, off, all2 = within + between * (1 - known), within + between, 0.0, 0.0
    for c in range(7):
        above = room.reading[r, c] - room.usual[c]
        off += (above - known * (state.sum_p[s, m, c] / n - room.usual[c])) ** 2
        all2 += above * above
    ratio = 0.5 * (all2 / any2 - off / own2 + AXES * math.log(any2 / own2))
    return math.exp(min(max(ratio, AGAINST), FOR) + (1 - known) * math.log(like))


@kernel
def _same_sortie(state: State, a: int, b: int, m: int) -> bool:
    return bool(state.sortie_p[a, m] >= 0 and state.sortie_p[a, m] == state.sortie_p[b, m])


@kernel
def looks_the_same(state: State, ground: Ground, d: int, s: int) -> float:
    """Log odds that two tracks are of one thing rather than of any two, by how each sensor saw both."""
    total = 0.0
    for m in range(len(ground.seems)):
        n, k = state.count_p[d, m], state.count_p[s, m]
        within, between = _variances(ground, m)
        if n == 0 or k == 0 or within == 0.0 or not _same_sortie(state, d, s, m):
            continue
        known = between * n / (between * n + within)
        own2, any2, off, all2 = within / k + between * (1 - known), within / k + between, 0.0, 0.0
        for c in range(7):
            usual = _usual(ground, m, c)
            above = state.sum_p[s, m, c] / k - usual
            off += (above - known * (state.sum_p[d, m, c] / n - usual)) ** 2
            all2 += above * above
        total += 0.5 * (all2 / any2 - off / own2 + AXES * math.log(any2 / own2))
    return float(min(max(total, -MOST), MOST))


@kernel
def looks_exchanged(state: State, ground: Ground, a: int, b: int) -> float:
    """Log odds that two tracks have changed names since they met, by how they looked before and since."""
    total = 0.0
    for m in range(len(ground.seems)):
        if _variances(ground, m)[0] > 0.0 and _same_sortie(state, a, b, m):
            total += _off(state, ground, a, a, m) + _off(state, ground, b, b, m)
            total -= _off(state, ground, a, b, m) + _off(state, ground, b, a, m)
    return float(min(max(total, -MOST), MOST))


@kernel
def _off(state: State, ground: Ground, a: int, b: int, m: int) -> float:
    """How little a track has looked of late like what another was before: minus log likelihood."""
    within, between = _variances(ground, m)
    n, k = state.was_n[a, m], state.count_p[b, m] - state.was_n[b, m]
    if n == 0 or k <= 0:
        return 0.0
    known = between * n / (between * n + within)
    own2, off = within / k + between * (1 - known), 0.0
    for c in range(7):
        usual = _usual(ground, m, c)
        since = (state.sum_p[b, m, c] - state.was_p[b, m, c]) / k
        off += (since - usual - known * (state.was_p[a, m, c] / n - usual)) ** 2
    return float(0.5 * (off / own2 + AXES * math.log(own2)))


@kernel
def remember_look(state: State, s: int) -> None:
    """Keep how a track has looked so far."""
    for m in range(state.count_p.shape[1]):
        state.was_n[s, m] = state.count_p[s, m]
        for c in range(7):
            state.was_p[s, m, c] = state.sum_p[s, m, c]


@kernel
def look_as_one(state: State, s: int, d: int) -> None:
    """Let a track have looked also like the one that it goes on as; a sortie counts once."""
    for c in range(7):
        state.log_p[s, c] += state.log_p[d, c]
    for m in range(state.count_p.shape[1]):
        n, k = state.count_p[d, m], state.count_p[s, m]
        if n == 0 or (k > 0 and not _same_sortie(state, s, d, m)):
            continue
        state.count_p[s, m], state.sortie_p[s, m] = n + k, state.sortie_p[d, m]
        state.was_n[s, m] = state.was_n[d, m]
        for c in range(7):
            own, other = state.sum_p[s, m, c], state.sum_p[d, m, c]
            state.log_p[s, c] += (own + other) * worth(n + k) - own * worth(k) - other * worth(n)
            state.sum_p[s, m, c] = own + other
            state.was_p[s, m, c] = state.was_p[d, m, c]


@kernel
def change_looks(state: State, a: int, b: int) -> None:
    """Let two tracks change how they looked before they met, and keep how they have looked since."""
    _count(state, a, -1.0)
    _count(state, b, -1.0)
    for c in range(7):
        state.log_p[a, c], state.log_p[b, c] = state.log_p[b, c], state.log_p[a, c]
    for m in range(state.count_p.shape[1]):
        if not _same_sortie(state, a, b, m):
            continue
        was_a, was_b = state.was_n[a, m], state.was_n[b, m]
        state.count_p[a, m] += was_b - was_a
        state.count_p[b, m] += was_a - was_b
        state.was_n[a, m], state.was_n[b, m] = was_b, was_a
        for c in range(7):
            one, other = state.was_p[a, m, c], state.was_p[b, m, c]
            state.sum_p[a, m, c] += other - one
            state.sum_p[b, m, c] += one - other
            state.was_p[a, m, c], state.was_p[b, m, c] = other, one
    _count(state, a, 1.0)
    _count(state, b, 1.0)


@kernel
def _count(state: State, s: int, times: float) -> None:
    """Let what the present sorties say about a track's classes count so many times more."""
    for m in range(state.count_p.shape[1]):
        for c in range(7):
            state.log_p[s, c] += times * worth(state.count_p[s, m]) * state.sum_p[s, m, c]
