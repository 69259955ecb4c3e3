"""Which detection belongs to which track: likelihoods, and the best pairing of each cluster."""

import math

import numpy as np
from numba import njit

from truceline.track.kernel import kernel
from truceline.track.meaning import likeness
from truceline.track.motion import DRIVE, TURN, difference
from truceline.track.near import Near, seen_p
from truceline.track.regard import pd_of
from truceline.track.types import NO_SHAPE, Array, Events, Rows, State

GATE2 = 16.0  # chi-square, two degrees of freedom: 99.97 in 100 true pairs lie inside
ANY_VELOCITY = math.log(2 * math.pi * 36.0)  # a false detection's velocity is of the order of 6 m/s per axis
BROAD_M = 250.0  # a track in force that may be anywhere within so many metres takes no detection as it is
LARGEST_CLUSTER = 150  # rows; beyond it the likeliest pairs first


@kernel
def likelihood(x: Array, p: Array, z: Array, geodetic: bool) -> float:
    """Likelihood per square metre that a detection is of a thing in a state; 0 outside the gate."""
    dx, dy = difference(z[0], z[1], x[0], x[1], geodetic)
    sxx, syy, sxy = p[0] + z[2], p[2] + z[3], p[1] + z[4]
    det = max(sxx * syy - sxy * sxy, 1e-12)
    square = (syy * dx * dx - 2 * sxy * dx * dy + sxx * dy * dy) / det
    if square > GATE2:
        return 0.0
    exponent = -0.5 * square - 0.5 * math.log(det) - 1.8378770664093453
    if z[7] > 0:
        du, dv = z[5] - x[2], z[6] - x[3]
        suu, svv = p[7] + z[7], p[9] + z[7]
        speed = -0.5 * (du * du / suu + dv * dv / svv) - 0.5 * math.log(suu * svv) - 1.8378770664093453
        exponent += max(speed, -18.0) + ANY_VELOCITY
    return math.exp(exponent)


@njit(cache=True, error_model="numpy")
def pair(
    state: State, near: Near, n_near: int, events: Events, e: int, rows: Rows, geodetic: bool, strange: Array
) -> tuple[Array, Array, Array]:
    """Score tracks against detections; answer track, row and score of each pair worth having.

    The score: how much better the pair explains the look than a miss and a stranger (``strange`` per km2).
    """
    first, n = events.first[e], events.size[e]
    z = rows.z[first : first + n]
    room, found = 4 * n + 16, 0
    tracks, at_rows, scores = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    widest = tallest = 0.0
    for r in range(n):
        widest, tallest = max(widest, z[r, 2]), max(tallest, z[r, 3])
    pd = pd_of(events, e)
    moving = events.min_speed[e] > 0
    least = pd if events.shape[e] == NO_SHAPE else 0.1 * pd  # fields of regard have no sharp edge
    for c in range(n_near):
        s, x, p = near.slot[c], near.x[c], near.p[c]
        broad = state.shown[s] and p[0, 0] + p[0, 2] > BROAD_M * BROAD_M
        left, right = _span(x, p, broad, widest, 0)
        bottom, top = _span(x, p, broad, tallest, 1)
        low = 0 if geodetic else np.searchsorted(z[:, 0], left)
        drives = max(near.see[c, 0], least)
        stands = near.mu[c, 1] * (max(near.see[c, 1], least) if not moving else 0.02 * pd)
        shown = seen_p(near, c)
        silence = 1 - near.exists[c] * min(shown, 0.999)
        for r in range(low, n):
            if not geodetic and z[r, 0] > right:
                break
            if not geodetic and not bottom <= z[r, 1] <= top:
                continue
            like = stands * likelihood(x[1], p[1], z[r], geodetic)
            if not broad:
                like += drives * near.mu[c, 0] * likelihood(x[0], p[0], z[r], geodetic)
                like += drives * near.mu[c, 2] * likelihood(x[2], p[2], z[r], geodetic)
            if like == 0.0:
                continue
            like *= likeness(state.shares[s], rows.p[first + r]) * 1e6
            score = math.log(max(near.exists[c], 1e-4) * like / (strange[r] * silence))
            if score <= 0.0:
                continue
            if found == room:
                room *= 2
                tracks, at_rows = _longer(tracks), _longer(at_rows)
                scores = np.append(scores, np.empty(found))
            tracks[found], at_rows[found], scores[found] = c, r, score
            near.gain[c] = like
            found += 1
    return tracks[:found], at_rows[:found], scores[:found]


@kernel
def _span(x: Array, p: Array, broad: bool, widest: float, axis: int) -> tuple[float, float]:
    """Between which x (axis 0) or y (1) a track's detections lie."""
    gate = 4 * math.sqrt(p[1, 2 * axis] + widest)
    low, high = x[1, axis] - gate, x[1, axis] + gate
    if not broad:
        for m in (DRIVE, TURN):
            gate = 4 * math.sqrt(p[m, 2 * axis] + widest)
            low, high = min(low, x[m, axis] - gate), max(high, x[m, axis] + gate)
    return low, high


@njit(cache=True, error_model="numpy")
def match(
    state: State, near: Near, n_near: int, events: Events, e: int, rows: Rows, geodetic: bool, strange: Array
) -> tuple[Array, Array, Array, Array]:
    """Pair tracks with detections: what :func:`pair` answers, and per row the pair chosen, or -1."""
    tracks, at_rows, scores = pair(state, near, n_near, events, e, rows, geodetic, strange)
    return tracks, at_rows, scores, assign(tracks, at_rows, scores, n_near, events.size[e])


@njit(cache=True, error_model="numpy")
def _longer(a: Array) -> Array:
    return np.append(a, np.empty(len(a), np.int64))


@kernel
def _root(parent: Array, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return int(i)


@njit(cache=True, error_model="numpy")
def assign(tracks: Array, rows: Array, scores: Array, n_tracks: int, n_rows: int) -> Array:
    """Pair tracks and detections so that the sum of scores is greatest; answer per row its pair or -1.

    Pairs that share neither track nor row with another are taken at once; the rest fall into
    clusters that are solved one by one (Kuhn, 1955, in the shortest-path form of Jonker and
    Volgenant, Computing 38, 1987).
    """
    chosen = np.full(n_rows, -1, np.int64)
    by_track, by_row = np.zeros(n_tracks, np.int64), np.zeros(n_rows, np.int64)
    for k in range(len(scores)):
        by_track[tracks[k]] += 1
        by_row[rows[k]] += 1
    crowded = 0
    for k in range(len(scores)):
        if by_track[tracks[k]] == 1 and by_row[rows[k]] == 1:
            chosen[rows[k]] = k
        else:
            crowded += 1
    if crowded == 0:
        return chosen
    parent = np.arange(n_tracks + n_rows)
    pairs = np.empty(crowded, np.int64)
    n = 0
    for k in range(len(scores)):
        if by_track[tracks[k]] > 1 or by_row[rows[k]] > 1:
            pairs[n] = k
            n += 1
            a, b = _root(parent, tracks[k]), _root(parent, n_tracks + rows[k])
            parent[max(a, b)] = min(a, b)
    roots = np.empty(crowded, np.int64)
    for i in range(crowded):
        roots[i] = _root(parent, tracks[pairs[i]])
    order = _by_root(roots, n_tracks)
    begin = 0
    for i in range(1, crowded + 1):
        if i == crowded or roots[order[i]] != roots[order[begin]]:
            _solve(pairs[order[begin:i]], tracks, rows, scores, chosen)
            begin = i
    return chosen


@njit(cache=True, error_model="numpy")
def _by_root(roots: Array, below: int) -> Array:
    """Give the order that sorts whole numbers from 0 to ``below``, equal ones as they come."""
    begin, order = np.zeros(below + 1, np.int64), np.empty(len(roots), np.int64)
    for root in roots:
        begin[root + 1] += 1
    for k in range(below):
        begin[k + 1] += begin[k]
    for i, root in enumerate(roots):
        order[begin[root]] = i
        begin[root] += 1
    return order


@njit(cache=True, error_model="numpy")
def _distinct(values: Array) -> Array:
    """Sort whole numbers, each once; quicker to compile than numpy's own."""
    out, n = np.empty(len(values), np.int64), 0
    for value in values:
        at = np.searchsorted(out[:n], value)
        if at == n or out[at] != value:
            for k in range(n, at, -1):
                out[k] = out[k - 1]
            out[at] = value
            n += 1
    return out[:n]


@njit(cache=True, error_model="numpy")
def _solve(pairs: Array, tracks: Array, rows: Array, scores: Array, chosen: Array) -> None:
    """Solve one cluster; a row may also stay alone, at score 0."""
    cluster_rows, cluster_tracks = _distinct(rows[pairs]), _distinct(tracks[pairs])
    n, m = len(cluster_rows), len(cluster_tracks)
    if n > LARGEST_CLUSTER:
        _greedy(pairs, tracks, rows, scores, chosen)
        return
    cost, which = np.zeros((n, m + n)), np.full((n, m), -1, np.int64)
    for k in pairs:
        i = np.searchsorted(cluster_rows, rows[k])
        j = np.searchsorted(cluster_tracks, tracks[k])
        cost[i, j], which[i, j] = -scores[k], k
    for i, j in enumerate(cheapest(cost)):
        if j < m and which[i, j] >= 0:
            chosen[cluster_rows[i]] = which[i, j]


@njit(cache=True, error_model="numpy")
def _greedy(pairs: Array, tracks: Array, rows: Array, scores: Array, chosen: Array) -> None:
    taken = np.zeros(tracks.max() + 1, np.bool_)
    for k in pairs[np.argsort(-scores[pairs], kind="mergesort")]:
        if chosen[rows[k]] < 0 and not taken[tracks[k]]:
            chosen[rows[k]] = k
            taken[tracks[k]] = True


@njit(cache=True, error_model="numpy")
def cheapest(cost: Array) -> Array:
    """Give each row a column of its own so that the sum of costs is least.

    Parameters
    ----------
    cost
        (n, m) with n <= m.

    Returns
    -------
    array
        (n,) column of each row.
    """
    n, m = cost.shape
    u, v = np.zeros(n + 1), np.zeros(m + 1)
    owner, way = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    for i in range(1, n + 1):
        owner[0] = i
        at = _augment(cost, u, v, owner, way)
        while at:
            owner[at] = owner[way[at]]
            at = way[at]
    column = np.empty(n, np.int64)
    for j in range(1, m + 1):
        if owner[j]:
            column[owner[j] - 1] = j - 1
    return column


@njit(cache=True, error_model="numpy")
def _augment(cost: Array, u: Array, v: Array, owner: Array, way: Array) -> int:
    """Find the cheapest way from the row in ``owner[0]`` to a free column, moving the prices along."""
    m = cost.shape[1]
    least, done, at = np.full(m + 1, np.inf), np.zeros(m + 1, np.bool_), 0
    while True:
        done[at] = True
        row, step, to = owner[at], np.inf, 0
        for j in range(1, m + 1):
            if done[j]:
                continue
            reduced = cost[row - 1, j - 1] - u[row] - v[j]
            if reduced < least[j]:
                least[j], way[j] = reduced, at
            if least[j] < step:
                step, to = least[j], j
        for j in range(m + 1):
            if done[j]:
                u[owner[j]] += step
                v[j] -= step
            else:
                least[j] -= step
        at = to
        if owner[at] == 0:
            return int(at)
