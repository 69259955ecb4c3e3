"""The order in which the vehicles of a column lie along its way, and which of its names each bears."""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.kernel import kernel
from truceline.track.state.types import Array

LARGEST = 40  # vehicles of one column
DRIVES_MPS = 2.0
NEXT, TURNED = 0.85, 1.2  # what a distance counts where names follow one another, or lie the other way round
AGAINST = 0.6  # share by which a distance counts more that leads across what the two drive
FOUND, UNSEEN, STRANGE = 3.0, 1.0, 1.0  # worth of a name that has its track, price of one that has none
UNEVEN = 1.0  # what a spacing that is not the known one costs at most


@njit(cache=True, error_model="numpy")
def line_up(spots: Array, rank: Array, drives: bool) -> Array:
    """Order tracks from the head of their column to its tail.

    Parameters
    ----------
    spots
        (n, 4): x, y, vx, vy; metres and metres per second.
    rank
        Per track the place in the column of the name that it bears, or -1.
    drives
        The column drives, so that its velocities tell where it is headed.

    Returns
    -------
    array
        (n,) numbers of tracks: a short way through all of them, laid by taking the shortest links
        first and then bettered by moving one track or turning one stretch at a time.
    """
    n = len(rank)
    cost = np.empty((n, n))
    _links(spots, rank, drives, cost)
    order = _shortest_first(cost)
    for _ in range(2 * n):
        if not (_move_one(order, cost) or _turn_one(order, cost)):
            break
    return order


@kernel
def _links(spots: Array, rank: Array, drives: bool, cost: Array) -> None:
    """Fill in what it costs to let track j follow track i."""
    n = len(rank)
    for i in range(n):
        for j in range(n):
            dx, dy = spots[i, 0] - spots[j, 0], spots[i, 1] - spots[j, 1]
            length = math.hypot(dx, dy)
            if drives and length > 0:
                u, v = spots[i, 2] + spots[j, 2], spots[i, 3] + spots[j, 3]
                fast = math.hypot(u, v)
                if fast > 2 * DRIVES_MPS:
                    length *= 1 + AGAINST - AGAINST * (dx * u + dy * v) / (length * fast)
            if rank[i] >= 0 and rank[j] >= 0 and i != j:
                step = rank[j] - rank[i]
                if step == 1 or (step == -1 and not drives):
                    length *= NEXT
                elif step < 0 and drives:
                    length *= TURNED
            cost[i, j] = length


@njit(cache=True, error_model="numpy")
def _shortest_first(cost: Array) -> Array:
    n = len(cost)
    after, before, tail = np.full(n, -1), np.full(n, -1), np.arange(n)  # tail: of a stretch, by its head
    head, left = np.arange(n), n - 1
    for e in np.argsort(cost.ravel(), kind="mergesort"):
        i, j = e // n, e % n
        if left == 0:
            break
        if i == j or after[i] >= 0 or before[j] >= 0 or head[i] == j:
            continue
        after[i], before[j] = j, i
        first, last = head[i], tail[j]
        head[last], tail[first] = first, last
        left -= 1
    order, k = np.empty(n, np.int64), 0
    while before[k] >= 0:
        k += 1
    for i in range(n):
        order[i] = k
        k = after[k]
    return order


@kernel
def _between(cost: Array, order: Array, a: int, b: int) -> float:
    """What the link from the a-th to the b-th costs; 0 beyond either end."""
    if a < 0 or b >= len(order):
        return 0.0
    return float(cost[order[a], order[b]])


@kernel
def _move_one(order: Array, cost: Array) -> bool:
    """Move the one track that shortens the way most; answer whether any does."""
    n, best, origin, to = len(order), -1e-6, -1, -1
    for i in range(n):
        s = order[i]
        out = -_between(cost, order, i - 1, i) - _between(cost, order, i, i + 1)
        if 0 < i < n - 1:
            out += _between(cost, order, i - 1, i + 1)
        for j in range(-1, n):  # behind the j-th
            if j in (i, i - 1):
                continue
            change = out - _between(cost, order, j, j + 1) if j >= 0 else out
            change += cost[order[j], s] if j >= 0 else 0.0
            change += cost[s, order[j + 1]] if j + 1 < n else 0.0
            if change < best:
                best, origin, to = change, i, j
    if origin < 0:
        return False
    s = order[origin]
    if to > origin:
        for k in range(origin, to):
            order[k] = order[k + 1]
        order[to] = s
    else:
        for k in range(origin, to + 1, -1):
            order[k] = order[k - 1]
        order[to + 1] = s
    return True


@kernel
def _turn_one(order: Array, cost: Array) -> bool:
    """Turn round the one stretch that shortens the way most; answer whether any does."""
    n, best, begin, end = len(order), -1e-6, -1, -1
    for i in range(n):
        inside = 0.0
        for j in range(i + 1, n):
            inside += cost[order[j], order[j - 1]] - cost[order[j - 1], order[j]]
            change = inside - _between(cost, order, i - 1, i) - _between(cost, order, j, j + 1)
            change += cost[order[i - 1], order[j]] if i > 0 else 0.0
            change += cost[order[i], order[j + 1]] if j + 1 < n else 0.0
            if change < best:
                best, begin, end = change, i, j
    if begin < 0:
        return False
    while begin < end:
        order[begin], order[end] = order[end], order[begin]
        begin, end = begin + 1, end - 1
    return True


@kernel
def fit_names(behind: Array, far: Array, bonus: Array, best: Array, came: Array, out: Array) -> float:
    """Give names to tracks so that neither's order changes; answer what that is worth.

    Parameters
    ----------
    behind
        (n,) how far each name's vehicle drives behind the head, metres along the way.
    far
        (m,) the same of each track.
    bonus
        (n, m) what else speaks for a pair, log odds.
    best, came
        (n, m) room to work in.
    out
        (m,) receives per track its name, or -1.
    """
    n, m = bonus.shape
    top, last = -1e18, -1
    for i in range(n):
        for j in range(m):
            most, came[i, j] = -UNSEEN * i - STRANGE * j, -1
            for a in range(i):
                for b in range(j):
                    gap = behind[i] - behind[a]
                    off = (far[j] - far[b] - gap) / (15.0 + 0.2 * gap)
                    value = best[a, b] - UNSEEN * (i - a - 1) - STRANGE * (j - b - 1)
                    value -= min(0.25 * off * off, UNEVEN)
                    if value > most:
                        most, came[i, j] = value, a * m + b
            best[i, j] = most + FOUND + bonus[i, j]
            whole = best[i, j] - UNSEEN * (n - 1 - i) - STRANGE * (m - 1 - j)
            if whole > top:
                top, last = whole, i * m + j
    for j in range(m):
        out[j] = -1
    while last >= 0:
        out[last % m] = last // m
        last = came[last // m, last % m]
    return float(top)
