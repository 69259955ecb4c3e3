"""Which tracks drive or stand in a column, and in what order they lie: each has a rank, from the head on.

Between looks those behind are expected on the way of those ahead (see trail). Which name each of them
has is told afterwards, see rollcall.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.life.existence import ALIVE, odds_at
from truceline.track.pairing.associate import head_of
from truceline.track.pairing.company import of_a_column
from truceline.track.state.history import at
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import difference
from truceline.track.state.types import Array, State

LINK_M, STANDS_M = 200.0, 120.0  # from one of a column to the next, at most, driving and standing
KNOWN_M = 250.0  # the same once they have been in one
ALIKE_MPS = 5.0  # what drives together keeps one velocity, give or take so much, while it turns
DRIVES_MPS = 2.0
CLEAR = 1.0  # standard deviations by which an order must be reversed before it is believed
LARGEST = 64
LOST_ODDS, LOST_S = 3.0, 30.0  # missed where it should have been seen: log odds of existence, how long
X, Y, XX, YY, XY, U, V, ABOUT = 0, 1, 2, 3, 4, 5, 6, 7  # of spots: see motion.settle


@njit(cache=True, error_model="numpy")
def keep_order(state: State, top: int, time: float, spots: Array, seen: Array, geodetic: bool) -> None:
    """Find the columns among tracks and tell their order.

    Parameters
    ----------
    state, top
        The tracks and the bound of slots in use.
    time
        Moment, seconds.
    spots
        (slots, 8): where each track in force is at ``time``.
    seen
        Slots in force, existing and well placed, by x.
    geodetic
        Places are degrees.
    """
    ranked = np.flatnonzero((state.alive[:top] > 0) & (state.column[:top] != 0))
    n = len(seen)
    parent = np.arange(n)
    for i in range(n):
        for j in range(i + 1, n):
            if not geodetic and spots[seen[j], X] - spots[seen[i], X] > KNOWN_M:
                break
            known = state.column[seen[i]] != 0 and state.column[seen[i]] == state.column[seen[j]]
            if _linked(spots[seen[i]], spots[seen[j]], known, geodetic):
                a, b = head_of(parent, i), head_of(parent, j)
                parent[max(a, b)] = min(a, b)
    members, done = np.empty(LARGEST, np.int64), np.zeros(n, np.bool_)
    for i in range(n):
        if done[i]:
            continue
        size = 0
        for j in range(i, n):
            if not done[j] and head_of(parent, j) == i and size < LARGEST:
                members[size] = seen[j]
                size += state.alive[seen[j]] == ALIVE
                done[j] = True
            elif not geodetic and spots[seen[j], X] - spots[seen[i], X] > LARGEST * KNOWN_M:
                break
        if size == 1:
            state.company[members[0]] = 0
            continue
        group = of_a_column(state, members[:size], time)
        for k in range(size + 1):
            of_one = members[:size][group == k]
            if len(of_one) > 1:
                _settle(state, ranked, time, spots, of_one, geodetic)


@kernel
def _linked(a: Array, b: Array, known: bool, geodetic: bool) -> bool:
    dx, dy = difference(b[X], b[Y], a[X], a[Y], geodetic)
    fast, other = math.hypot(a[U], a[V]), math.hypot(b[U], b[V])
    farthest = KNOWN_M if known else LINK_M if fast > DRIVES_MPS else STANDS_M
    if dx * dx + dy * dy > farthest * farthest:
        return False
    if (fast > DRIVES_MPS) != (other > DRIVES_MPS):
        return False
    if abs(fast - other) > ALIKE_MPS:
        return False
    return bool(fast <= DRIVES_MPS or a[U] * b[U] + a[V] * b[V] > 0)


@njit(cache=True, error_model="numpy")
def _settle(state: State, ranked: Array, time: float, spots: Array, members: Array, geodetic: bool) -> None:
    """Rank the tracks of one column."""
    column, known = _name(state, members)
    newest = state.last[members].max()
    chain = _chain(state, ranked, column)
    drives = 0
    for s in members:
        drives += math.hypot(spots[s, U], spots[s, V]) > DRIVES_MPS
    present = np.zeros(len(state.alive), np.bool_)
    present[members] = True
    for s in chain:
        if _is_lost(state, s, time, newest, 2 * drives > len(members)):
            present[s] = False
    chain = _joined(state, chain, spots, members, present, geodetic)
    if _runs_backward(spots, chain[present[chain]], geodetic):
        chain = chain[::-1].copy()
    where = np.flatnonzero(present[chain])
    order = chain[where]
    if known > 0:
        _sort(spots, order, geodetic)
        chain[where] = order
    for k in range(len(chain)):
        state.column[chain[k]], state.rank[chain[k]] = column, k


@njit(cache=True, error_model="numpy")
def _name(state: State, members: Array) -> tuple[int, int]:
    """Find the column that most of the members are of, and how many are; a new one has its founder's name."""
    best, column = 0, state.number[members].min()
    for s in members:
        if state.column[s] == 0:
            continue
        count = 0
        for o in members:
            count += state.column[o] == state.column[s]
        if count > best or (count == best and state.column[s] < column):
            best, column = count, state.column[s]
    return column, best


@njit(cache=True, error_model="numpy")
def _chain(state: State, ranked: Array, column: int) -> Array:
    """All tracks of a column, seen or not, head first."""
    chain, size = np.empty(len(ranked), np.int64), 0
    for s in ranked:
        if state.column[s] == column and state.alive[s]:
            k = size
            while k > 0 and state.rank[chain[k - 1]] > state.rank[s]:
                chain[k] = chain[k - 1]
                k -= 1
            chain[k] = s
            size += 1
    return chain[:size]


@kernel
def _is_lost(state: State, s: int, time: float, newest: float, drives: bool) -> bool:
    """Tell whether a track was missed while looks showed others of its column, or is left standing alone."""
    if newest - state.last[s] < LOST_S:
        return False
    alone = drives and state.mu[s, at(state, s, state.nodes[s] - 1), 1] > 0.5
    return bool(alone or odds_at(state, s, time) < LOST_ODDS)


@njit(cache=True, error_model="numpy")
def _joined(
    state: State, chain: Array, spots: Array, members: Array, present: Array, geodetic: bool
) -> Array:
    """Put members that have no rank beside their neighbours."""
    size = len(chain)
    out = np.empty(size + len(members), np.int64)
    out[:size] = chain
    left = 0
    for s in members:
        left += present[s] and not (chain == s).any()
    if size == 0 or not present[chain].any():
        for s in members:
            if present[s] and not (chain == s).any():
                out[size] = s
                size += 1
                left -= 1
                break
    while left > 0:
        best, which, beside = np.inf, -1, -1
        for s in members:
            if not present[s] or (out[:size] == s).any():
                continue
            for k in range(size):
                if not present[out[k]]:
                    continue
                dx, dy = difference(spots[s, X], spots[s, Y], spots[out[k], X], spots[out[k], Y], geodetic)
                if dx * dx + dy * dy < best:
                    best, which, beside = dx * dx + dy * dy, s, k
        k = beside if _ahead(spots, out[:size], present, beside, which, geodetic) else beside + 1
        for j in range(size, k, -1):
            out[j] = out[j - 1]
        out[k] = which
        size += 1
        left -= 1
    return out[:size]


@kernel
def _ahead(spots: Array, chain: Array, present: Array, k: int, s: int, geodetic: bool) -> bool:
    """Tell whether a track lies ahead of the k-th of a column."""
    o = chain[k]
    dx, dy = difference(spots[s, X], spots[s, Y], spots[o, X], spots[o, Y], geodetic)
    u, v = spots[s, U] + spots[o, U], spots[s, V] + spots[o, V]
    if u * u + v * v < 4 * DRIVES_MPS * DRIVES_MPS:
        a, b = o, o
        for i in range(len(chain)):
            if present[chain[i]]:
                a = chain[i] if a == o and i != k else a
                b = chain[i] if i != k else b
        if b == a:
            b = o
        u, v = difference(spots[a, X], spots[a, Y], spots[b, X], spots[b, Y], geodetic)
    return bool(dx * u + dy * v > 0)


@kernel
def _runs_backward(spots: Array, order: Array, geodetic: bool) -> bool:
    """Tell whether a column drives with its tail first: it set off the other way, or turned round."""
    forward, backward = 0, 0
    for k in range(len(order) - 1):
        if math.hypot(spots[order[k], U], spots[order[k], V]) > DRIVES_MPS:
            lead = _lead(spots, order, k, geodetic)
            forward += lead > 0
            backward += lead < 0
    return backward > forward


@njit(cache=True, error_model="numpy")
def _sort(spots: Array, order: Array, geodetic: bool) -> None:
    """Bring tracks into the order in which they lie."""
    n = len(order)
    for _ in range(n):
        swapped = False
        for k in range(n - 1):
            if _lead(spots, order, k, geodetic) < -CLEAR:
                order[k], order[k + 1] = order[k + 1], order[k]
                swapped = True
        if not swapped:
            return


@kernel
def _lead(spots: Array, order: Array, k: int, geodetic: bool) -> float:
    """How far the k-th lies ahead of the next along the way, in standard deviations; 0: cannot be told."""
    n, a, b = len(order), spots[order[k]], spots[order[k + 1]]
    u, v = a[U] + b[U], a[V] + b[V]
    if u * u + v * v < 4 * DRIVES_MPS * DRIVES_MPS:
        if n < 4:
            return 0.0
        front, back = order[max(k - 1, 0)], order[min(k + 2, n - 1)]
        if k == 0:
            front = order[2]
            back = order[n - 1]
        if k + 2 == n:
            front = order[0]
            back = order[n - 3]
        u, v = difference(spots[front, X], spots[front, Y], spots[back, X], spots[back, Y], geodetic)
    length = math.hypot(u, v)
    if length < 1e-6:
        return 0.0
    u, v = u / length, v / length
    dx, dy = difference(a[X], a[Y], b[X], b[Y], geodetic)
    spread = u * u * (a[XX] + b[XX]) + v * v * (a[YY] + b[YY]) + 2 * u * v * (a[XY] + b[XY])
    return float((dx * u + dy * v) / math.sqrt(max(spread, 1.0)))
