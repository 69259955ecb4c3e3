"""Things that drive together: they keep one speed, and set off, stop and turn off as one.

A group hypothesis stands beside that of independent things: where a look leaves a detection beside a
convoy to nobody while it misses one of the convoy, the whole convoy may have moved from where it was
expected by one displacement, its layout unchanged.
"""

import math

from truceline.track.pairing.associate import cheapest, likelihood
from truceline.track.state.appearance import alike
from truceline.track.state.kernel import kernel
from truceline.track.state.motion import difference, scale
from truceline.track.state.near import LARGEST, Near, Room, copy_state, copy_states, seen_p, stands
from truceline.track.state.types import Array, Events, Rows, State

ALIKE_MPS = 6.0  # what drives together keeps one velocity, give or take so much
LINK_M = 150.0  # from one of a convoy to the next
KNOWN = 50.0  # m2/s2 per axis: a velocity vaguer than that counts as so vague
LONGEST_M = 1500.0
QUICKEST_MPS, FARTHEST_M = 25.0, 1000.0  # how far a convoy may be from where it was expected
SHORT_M = 75.0  # the same where all of it was seen, only not clearly which was which
VAGUE = 1200.0  # m2, both axes: so uncertain a place does not tell one of a convoy from the next
LEAST_EXISTS, LEAST_SEEN = 0.3, 0.1
LAYOUT = 150.0  # m2 per axis: how uncertain a place within a convoy is at most
SLACK = 40.0  # m2 per axis: how much a layout changes from look to look
MOVES = 9.0  # log odds against a convoy's being elsewhere than expected, place and moment unknown
TRIED_M = 15.0  # displacements so near to one another are tried once
DRIVES = 0.95  # how likely what was moved drives


@kernel
def _counts(state: State, near: Near, c: int) -> bool:
    """Tell whether a track may be one of a convoy: it exists, and the look is no older than its newest."""
    return bool(near.exists[c] > LEAST_EXISTS and near.node[c] == state.nodes[near.slot[c]] - 1)


@kernel
def _linked(near: Near, a: int, b: int, geodetic: bool) -> bool:
    """Tell whether two tracks are neighbours in one convoy."""
    m = stands(near, a)
    if stands(near, b) != m:
        return False
    x, y = near.x[a, m], near.x[b, m]
    dx, dy = difference(x[0], x[1], y[0], y[1], geodetic)
    if dx * dx + dy * dy > LINK_M * LINK_M:
        return False
    slack = ALIKE_MPS * ALIKE_MPS + min(near.p[a, m, 7] + near.p[b, m, 7], 2 * KNOWN)
    return bool((x[2] - y[2]) ** 2 + (x[3] - y[3]) ** 2 < slack)


@kernel
def _places(near: Near, n_near: int, geodetic: bool, east: Array, north: Array) -> None:
    """Lay out where tracks are, in metres from the first, roughly."""
    for c in range(n_near):
        x = near.x[c, stands(near, c)]
        east[c], north[c] = difference(x[0], x[1], near.x[0, 0, 0], near.x[0, 0, 1], geodetic)


@kernel
def _gather(
    state: State, near: Near, n_near: int, east: Array, north: Array, seed: int, group: Array, geodetic: bool
) -> int:
    """Fill in the tracks of the convoy that a track is of; answer how many."""
    group[0], n, k = seed, 1, 0
    while k < n:
        x, y = east[group[k]], north[group[k]]
        for c in range(n_near):
            if abs(east[c] - x) > LINK_M or abs(north[c] - y) > LINK_M:
                continue
            if n == LARGEST:
                return n
            if not _counts(state, near, c) or not _linked(near, group[k], c, geodetic):
                continue
            known = False
            for i in range(n):
                known |= group[i] == c
            if not known:
                group[n] = c
                n += 1
        k += 1
    return n


@kernel
def _fit(
    state: State, near: Near, group: Array, events: Events, e: int, rows: Rows, mine: Array, room: Room,
    pd: float, geodetic: bool, x: Array, spread: Array,
) -> None:  # fmt: skip
    """Lay out, per detection and one of a convoy, what their score rests on.

    ``room.fit`` (n, m, 6): dx, dy from the one to the other, the inverse of its covariance, the score at
    dx = dy = 0.
    ``x`` (4,) and ``spread`` (10,) are room to work in.
    """
    first, strange = events.first[e], room.strange
    z = rows.z[first : first + events.size[e]]
    for j in range(len(group)):
        c = group[j]
        m, exists, s = stands(near, c), near.exists[c], near.slot[c]
        for a in range(4):
            x[a] = near.x[c, m, a]
        for a in range(10):
            spread[a] = near.p[c, m, a]
        spread[0], spread[1], spread[2] = min(spread[0], LAYOUT) + SLACK, 0.0, min(spread[2], LAYOUT) + SLACK
        spread[7] = spread[9] = spread[7] + spread[9] + 50.0
        for i in range(len(mine)):
            r, fit = mine[i], room.fit[i, j]
            fit[0], fit[1] = difference(z[r, 0], z[r, 1], near.x[c, m, 0], near.x[c, m, 1], geodetic)
            x[0], x[1] = z[r, 0], z[r, 1]
            like = likelihood(x, spread, z[r], geodetic) * 1e6
            like *= alike(state, s, events, e, room, r, rows.p[first + r])
            fit[5] = math.log(max(exists * pd * like / (strange[r] * (1 - exists * min(pd, 0.99))), 1e-9))
            sxx, syy, sxy = spread[0] + z[r, 2], spread[2] + z[r, 3], z[r, 4]
            det = sxx * syy - sxy * sxy
            fit[2], fit[3], fit[4] = syy / det, sxx / det, -sxy / det


@kernel
def _worth(room: Room, n: int, m: int, dx: float, dy: float, least: float) -> tuple[float, float, float]:
    """Sum of the scores of the best pairing of a displaced convoy, and the mean of what is left over.

    Where each detection's best score already adds up to less than ``least``, that sum is the answer.
    """
    fit, cost, column, width = room.fit, room.cost, room.whole[7], m + n
    most = 0.0
    for i in range(n):
        best = 0.0
        for j in range(m):
            f = fit[i, j]
            x, y = f[0] - dx, f[1] - dy
            value = min(0.5 * (f[2] * x * x + 2 * f[4] * x * y + f[3] * y * y) - f[5], 0.0)
            cost[i * width + j] = value
            best = min(best, value)
        most -= best
    if most < least:
        return most, 0.0, 0.0
    total, left_x, left_y, count = 0.0, 0.0, 0.0, 0
    cheapest(cost, n, width, room, column)
    for i in range(n):
        j = column[i]
        if j < m and cost[i * width + j] < 0:
            total -= cost[i * width + j]
            left_x += fit[i, j, 0] - dx
            left_y += fit[i, j, 1] - dy
            count += 1
    return total, left_x / max(count, 1), left_y / max(count, 1)


@kernel
def _price(dx: float, dy: float, c: Array) -> float:
    """How unlikely a displacement is: common error of a prediction, or another course of things."""
    xx, xy, yy = c[0] + 25.0, c[1], c[2] + 25.0
    det = xx * yy - xy * xy
    return float(min(0.5 * (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / det, MOVES))


@kernel
def _shared(near: Near, group: Array, total: Array) -> None:
    """Covariance of what a convoy's places are off by together."""
    for k in range(3):
        total[k] = 0.0
    for i in range(len(group)):
        c = group[i]
        for k in range(3):
            total[k] += near.p[c, stands(near, c), k] / len(group)


@kernel
def _displacement(
    room: Room, n: int, m: int, shared: Array, reach: float
) -> tuple[float, float, float, float]:
    """Find the displacement under which a convoy explains its detections best; its worth, it, its price."""
    fit, tried_x, tried_y, count = room.fit, room.real[3], room.real[4], 1
    for k in range(n * (m + n)):
        room.cost[k] = 0.0
    tried_x[0] = tried_y[0] = 0.0
    best, dx, dy = _worth(room, n, m, 0.0, 0.0, -1.0)
    bx, by = 0.0, 0.0
    for j in range(0, m, max((m - 1) // 3, 1)):
        for i in range(n):
            dx, dy = fit[i, j, 0], fit[i, j, 1]
            if dx * dx + dy * dy > reach * reach or _is_close(tried_x, tried_y, count, dx, dy):
                continue
            tried_x[count], tried_y[count] = dx, dy
            count += 1
            for k in range(2):
                price = _price(dx, dy, shared)
                value, rx, ry = _worth(room, n, m, dx, dy, best + price - (MOVES if k == 0 else 0.0))
                value -= price
                if value > best:
                    best, bx, by = value, dx, dy
                elif value < best - MOVES:
                    break
                dx += rx
                dy += ry
    price = _price(bx, by, shared)
    return best + price, bx, by, price


@kernel
def _is_close(tried_x: Array, tried_y: Array, count: int, dx: float, dy: float) -> bool:
    """Tell whether a displacement was tried already."""
    close = False
    for k in range(count):
        close |= abs(tried_x[k] - dx) + abs(tried_y[k] - dy) < TRIED_M
    return close


@kernel
def _move(state: State, near: Near, c: int, dx: float, dy: float, dt: float, geodetic: bool) -> None:
    """Expect a track elsewhere by a displacement that came about within ``dt``."""
    m = stands(near, c)
    x, p = near.x[c, 0], near.p[c, 0]
    for a in range(4):
        x[a] = near.x[c, m, a]
    own_x, own_y = min(near.p[c, m, 0], LAYOUT) + SLACK, min(near.p[c, m, 2], LAYOUT) + SLACK
    loose = min(near.p[c, m, 7], 50.0) + 4.0
    mx, my = scale(x[1], geodetic)
    x[0] += dx / mx
    x[1] += dy / my
    x[2] += dx / dt
    x[3] += dy / dt
    p[:] = 0.0
    p[0], p[2] = own_x, own_y
    p[7] = p[9] = loose + 0.5 * (dx * dx + dy * dy) / (dt * dt)
    if m == 1:
        near.mu[c, 0], near.mu[c, 1], near.mu[c, 2] = DRIVES, 1 - DRIVES, 0.0


@kernel
def move_convoys(
    state: State, near: Near, n_near: int, events: Events, e: int, rows: Rows, room: Room, found: int,
    pd: float, geodetic: bool, leaning: Near,
) -> bool:  # fmt: skip
    """Move, in ``near``, the convoys that a look shows elsewhere than expected.

    Answers whether any was found off, and then fills in ``leaning``: the tracks as they are to be paired
    again, with each convoy where its layout fits best. What is only as far off as predictions are stays
    in ``near`` as it was.
    """
    first, n, time = events.first[e], events.size[e], events.time[e]
    z = rows.z[first : first + n]
    row, seeds, group, mine = room.whole[0], room.real[5], room.whole[3], room.whole[4]
    if not _seeds(state, near, n_near, found, room, z, time, geodetic):
        return False
    shared, east, north = room.real[6], room.real[7], room.real[8]
    _places(near, n_near, geodetic, east, north)
    moved = False
    for seed in range(n_near):
        if seeds[seed] < 0 or not _counts(state, near, seed):
            continue
        reach = seeds[seed]
        size = _gather(state, near, n_near, east, north, seed, group, geodetic)
        for k in range(size):
            reach = max(reach, seeds[group[k]])
            seeds[group[k]] = -1.0
        if size < 2:
            continue
        shown, before = _detections(near, group[:size], row, z, room, reach, mine, geodetic)
        if shown < 2:
            continue
        x, spread = near.x[n_near, 0], near.p[n_near, 0]
        _fit(state, near, group[:size], events, e, rows, mine[:shown], room, pd, geodetic, x, spread)
        _shared(near, group[:size], shared)
        worth, dx, dy, price = _displacement(room, shown, size, shared, reach)
        if worth < before + price:
            continue
        if not moved:
            moved = True
            copy_states(near, n_near, leaning)
        for k in range(size):
            c = group[k]
            if price >= MOVES:
                _move(state, near, c, dx, dy, max(time - state.last[near.slot[c]], 2.0), geodetic)
                copy_state(near, c, leaning)
            else:
                _lean(leaning, c, dx, dy, geodetic)
    return moved


@kernel
def _lean(near: Near, c: int, dx: float, dy: float, geodetic: bool) -> None:
    """Expect a track, for the pairing alone, where its convoy and its place in it say."""
    m = stands(near, c)
    x, p = near.x[c, m], near.p[c, m]
    mx, my = scale(x[1], geodetic)
    x[0] += dx / mx
    x[1] += dy / my
    p[0], p[1], p[2] = min(p[0], LAYOUT) + SLACK, 0.0, min(p[2], LAYOUT) + SLACK


@kernel
def _seeds(
    state: State, near: Near, n_near: int, found: int, room: Room, z: Array, time: float, geodetic: bool
) -> bool:
    """Find, per track, its row, or -1, and how far off its convoy may be, or -1 where nothing is unclear.

    Unclear is what drives, is not well placed and may be one of several detections, and what was
    missed while a detection beside it is nobody's. The answer is whether anything is.
    """
    row, times, tried, seeds, some = room.whole[0], room.whole[1], room.whole[2], room.real[5], False
    for c in range(n_near):
        row[c], times[c], tried[c], seeds[c] = -1, 0, 0, -1.0
    for r in range(len(z)):
        if room.chosen[r] >= 0:
            row[room.track[room.chosen[r]]] = r
    for k in range(found):
        c = room.track[k]
        times[c] += 1
        vague = near.p[c, 0, 0] + near.p[c, 0, 2] > VAGUE
        if times[c] > 1 and near.mu[c, 1] < 0.5 and vague:
            seeds[c], some = SHORT_M, True
    for r in range(len(z)):
        if room.chosen[r] < 0:
            seed, reach = _nearest(state, near, n_near, row, tried, z[r], time, geodetic)
            if seed >= 0:
                seeds[seed], tried[seed], some = reach, 1, True
    return some


@kernel
def _nearest(
    state: State, near: Near, n_near: int, row: Array, tried: Array, z: Array, time: float, geodetic: bool
) -> tuple[int, float]:
    """Find the track nearest to a detection that it should have been shown with and was not."""
    best, seed, reach = LONGEST_M * LONGEST_M, -1, 0.0
    for c in range(n_near):
        m = stands(near, c)
        dx, dy = difference(z[0], z[1], near.x[c, m, 0], near.x[c, m, 1], geodetic)
        if row[c] >= 0 or tried[c] or dx * dx + dy * dy >= best:
            continue
        if _counts(state, near, c) and seen_p(near, c) >= LEAST_SEEN:
            best, seed = dx * dx + dy * dy, c
            reach = min(QUICKEST_MPS * (time - state.last[near.slot[c]]) + 50.0, FARTHEST_M)
    return seed, reach


@kernel
def _detections(
    near: Near, group: Array, row: Array, z: Array, room: Room, reach: float, mine: Array, geodetic: bool
) -> tuple[int, float]:
    """Fill in the detections that a convoy has or may have; answer how many, and what it has is worth."""
    n, worth, chosen = 0, 0.0, room.chosen
    for r in range(len(z)):
        if n == LARGEST:
            break
        for k in range(len(group)):
            c = group[k]
            m = stands(near, c)
            dx, dy = difference(z[r, 0], z[r, 1], near.x[c, m, 0], near.x[c, m, 1], geodetic)
            if row[c] == r or (chosen[r] < 0 and dx * dx + dy * dy < reach * reach):
                worth += room.score[chosen[r]] if row[c] == r else 0.0
                mine[n] = r
                n += 1
                break
    return n, worth
