"""Which detection belongs to which track: likelihoods, and the best pairing of each cluster."""

import math

import numpy as np

from truceline.track.state.appearance import alike
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import DRIVE, TURN, difference
from truceline.track.state.near import Near, Room, seen_p
from truceline.track.state.regard import pd_of
from truceline.track.state.types import NO_SHAPE, Array, Events, Rows, State

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


@kernel
def pair(
    state: State, near: Near, n_near: int, events: Events, e: int, rows: Rows, geodetic: bool, room: Room
) -> int:
    """Score tracks against detections; fill in track, row and score of each pair worth having.

    The score: how much better the pair explains the look than a miss and a stranger (``room.strange``
    per km2). The answer is how many pairs there are, or -1 where room is short.
    """
    first, n = events.first[e], events.size[e]
    z, found = rows.z[first : first + n], 0
    widest = tallest = 0.0
    for r in range(n):
        widest, tallest = max(widest, z[r, 2]), max(tallest, z[r, 3])
    for c in range(n_near):
        x, p = near.x[c], near.p[c]
        broad = is_broad(state, near, c)
        left, right = _span(x, p, broad, widest, 0)
        bottom, top = _span(x, p, broad, tallest, 1)
        low = 0 if geodetic else _first_from(z, left)
        for r in range(low, n):
            if not geodetic and z[r, 0] > right:
                break
            if not geodetic and not bottom <= z[r, 1] <= top:
                continue
            score = score_of(state, near, c, events, e, rows, r, geodetic, room)
            if score <= 0.0:
                continue
            if found == len(room.score):
                return -1
            room.track[found], room.row[found], room.score[found] = c, r, score
            found += 1
    return found


@kernel
def is_broad(state: State, near: Near, c: int) -> bool:
    """Tell whether a track in force may be anywhere within :data:`BROAD_M`, should it drive."""
    s, p = near.slot[c], near.p[c]
    return bool((state.shown[s] or state.twin[s] >= 0) and p[0, 0] + p[0, 2] > BROAD_M * BROAD_M)


@kernel
def score_of(
    state: State, near: Near, c: int, events: Events, e: int, rows: Rows, r: int, geodetic: bool, room: Room
) -> float:  # fmt: skip
    """Score a track against a detection of a look, see :func:`pair`; minus infinity: outside the gate."""
    x, p, pd = near.x[c], near.p[c], pd_of(events, e)
    z = rows.z[events.first[e] + r]
    least = pd if events.shape[e] == NO_SHAPE else 0.1 * pd  # fields of regard have no sharp edge
    stands = 0.02 * pd if events.min_speed[e] > 0 else max(near.see[c, 1], least)
    like = near.mu[c, 1] * stands * likelihood(x[1], p[1], z, geodetic)
    if not is_broad(state, near, c):
        drives = max(near.see[c, 0], least)
        like += drives * near.mu[c, 0] * likelihood(x[0], p[0], z, geodetic)
        like += drives * near.mu[c, 2] * likelihood(x[2], p[2], z, geodetic)
    if like == 0.0:
        return -np.inf
    like *= alike(state, near.slot[c], events, e, room, r, rows.p[events.first[e] + r]) * 1e6
    silence = 1 - near.exists[c] * min(seen_p(near, c), 0.999)
    return math.log(max(near.exists[c], 1e-4) * like / (room.strange[r] * silence))


@kernel
def _first_from(z: Array, left: float) -> int:
    """Tell which detection, of those sorted by x, is the first at or beyond an x."""
    low, high = 0, len(z)
    while low < high:
        middle = (low + high) // 2
        if z[middle, 0] >= left:
            high = middle
        else:
            low = middle + 1
    return low


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


@kernel
def match(
    state: State, near: Near, n_near: int, events: Events, e: int, rows: Rows, geodetic: bool, room: Room
) -> int:
    """Pair tracks with detections: what :func:`pair` does, and per row the pair chosen, or -1."""
    found = pair(state, near, n_near, events, e, rows, geodetic, room)
    if found >= 0:
        assign(room, found, n_near, events.size[e])
    return found


@kernel
def head_of(parent: Array, i: int) -> int:
    """Find who stands for the set that ``i`` is in, and shorten the way there (Tarjan, JACM 22, 1975)."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return int(i)


@kernel
def assign(room: Room, found: int, n_tracks: int, n_rows: int) -> None:
    """Pair tracks and detections so that the sum of scores is greatest; fill in per row its pair or -1.

    Pairs that share neither track nor row with another are taken at once; the rest fall into
    clusters that are solved one by one (Kuhn, 1955, in the shortest-path form of Jonker and
    Volgenant, Computing 38, 1987).
    """
    tracks, rows, chosen = room.track, room.row, room.chosen
    by_track, by_row, pairs = room.whole[0], room.whole[1], room.whole[3]
    for r in range(n_rows):
        chosen[r], by_row[r] = -1, 0
    for c in range(n_tracks):
        by_track[c] = 0
    for k in range(found):
        by_track[tracks[k]] += 1
        by_row[rows[k]] += 1
    crowded = 0
    for k in range(found):
        if by_track[tracks[k]] == 1 and by_row[rows[k]] == 1:
            chosen[rows[k]] = k
        else:
            pairs[crowded] = k
            crowded += 1
    if crowded:
        _by_cluster(room, crowded, n_tracks, n_rows)


@kernel
def _by_cluster(room: Room, crowded: int, n_tracks: int, n_rows: int) -> None:
    """Solve what is left, in ``room.whole[3]``, cluster by cluster."""
    tracks, rows, parent, pairs = room.track, room.row, room.whole[2], room.whole[3]
    for i in range(n_tracks + n_rows):
        parent[i] = i
    for i in range(crowded):
        a, b = head_of(parent, tracks[pairs[i]]), head_of(parent, n_tracks + rows[pairs[i]])
        parent[max(a, b)] = min(a, b)
    root, order, begin = room.whole[4], room.whole[5], room.whole[0]
    for i in range(crowded):
        root[i] = head_of(parent, tracks[pairs[i]])
    by_root(root, crowded, n_tracks, begin, order)
    for i in range(crowded):
        order[i] = pairs[order[i]]
        root[i] = head_of(parent, tracks[order[i]])
    since = 0
    for i in range(1, crowded + 1):
        if i == crowded or root[i] != root[since]:
            _solve(order[since:i], room)
            since = i


@kernel
def by_root(roots: Array, n: int, below: int, begin: Array, order: Array) -> None:
    """Fill in the order that sorts n whole numbers from 0 to ``below``, equal ones as they come.

    ``begin`` is room for ``below + 1`` numbers.
    """
    for k in range(below + 1):
        begin[k] = 0
    for i in range(n):
        begin[roots[i] + 1] += 1
    for k in range(below):
        begin[k + 1] += begin[k]
    for i in range(n):
        order[begin[roots[i]]] = i
        begin[roots[i]] += 1


@kernel
def distinct(values: Array, at: Array, out: Array) -> int:
    """Sort ``values[at]``, whole numbers, each once; answer how many."""
    n = 0
    for i in at:
        value = values[i]
        j = place_in(out, n, value)
        if j == n or out[j] != value:
            for k in range(n, j, -1):
                out[k] = out[k - 1]
            out[j] = value
            n += 1
    return n


@kernel
def place_in(values: Array, n: int, value: int) -> int:
    """Tell before which of n ascending numbers a number belongs."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _solve(pairs: Array, room: Room) -> None:
    """Solve one cluster; a row may also stay alone, at score 0."""
    own_rows, own_tracks, column = room.whole[1], room.whole[6], room.whole[7]
    n, m = distinct(room.row, pairs, own_rows), distinct(room.track, pairs, own_tracks)
    if n > LARGEST_CLUSTER:
        _greedy(pairs, room)
        return
    width, cost = m + n, room.cost
    for i in range(n * width):
        cost[i] = 0.0
    for k in pairs:
        i = place_in(own_rows, n, room.row[k])
        cost[i * width + place_in(own_tracks, m, room.track[k])] = -room.score[k]
    cheapest(cost, n, width, room, column)
    for k in pairs:
        i = place_in(own_rows, n, room.row[k])
        if column[i] < m and own_tracks[column[i]] == room.track[k]:
            room.chosen[room.row[k]] = k


@kernel
def _greedy(pairs: Array, room: Room) -> None:
    """Take the likeliest pair first, and of equal ones the first."""
    taken, order, spare = room.whole[0], room.whole[1], room.whole[6]
    n = len(pairs)
    for i in range(n):
        order[i] = pairs[i]
        taken[room.track[pairs[i]]] = 0
    step = 1
    while step < n:
        for low in range(0, n, 2 * step):
            _merge(order, spare, low, min(low + step, n), min(low + 2 * step, n), room.score)
        order, spare = spare, order
        step *= 2
    for i in range(n):
        k = order[i]
        if room.chosen[room.row[k]] < 0 and not taken[room.track[k]]:
            room.chosen[room.row[k]] = k
            taken[room.track[k]] = 1


@kernel
def _merge(origin: Array, to: Array, low: int, middle: int, high: int, score: Array) -> None:
    """Merge two runs of pairs that are sorted by falling score."""
    i, j = low, middle
    for k in range(low, high):
        if j == high or (i < middle and score[origin[i]] >= score[origin[j]]):
            to[k] = origin[i]
            i += 1
        else:
            to[k] = origin[j]
            j += 1


@kernel
def cheapest(cost: Array, n: int, m: int, room: Room, column: Array) -> None:
    """Give each row a column of its own so that the sum of costs is least; fill in the column of each.

    ``cost`` holds n rows of m >= n columns, one after the other.
    """
    u, v, least = room.real[0], room.real[1], room.real[2]
    owner, way, done = room.path[0], room.path[1], room.path[2]
    for j in range(m + 1):
        v[j], owner[j], way[j] = 0.0, 0, 0
    for i in range(n + 1):
        u[i] = 0.0
    for i in range(1, n + 1):
        owner[0] = i
        for j in range(m + 1):
            least[j], done[j] = np.inf, 0
        at = _augment(cost, m, u, v, least, owner, way, done)
        while at:
            owner[at] = owner[way[at]]
            at = way[at]
    for j in range(1, m + 1):
        if owner[j]:
            column[owner[j] - 1] = j - 1


@kernel
def _augment(
    cost: Array, m: int, u: Array, v: Array, least: Array, owner: Array, way: Array, done: Array
) -> int:
    """Find the cheapest way from the row in ``owner[0]`` to a free column, moving the prices along."""
    at = 0
    while True:
        done[at] = 1
        row, step, to = owner[at], np.inf, 0
        for j in range(1, m + 1):
            if done[j]:
                continue
            reduced = cost[(row - 1) * m + j - 1] - u[row] - v[j]
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
