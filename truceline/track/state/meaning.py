"""What a thing is: class probabilities, fused over sensors whose errors persist within a sortie."""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.kernel import folded, inlined, kernel
from truceline.track.state.types import Array, Events, Ground, Rows, State

SORTIE_SHARE = 0.14  # share of a class error that stays within one sortie: n looks count as 1/share at most
TRACKED, PERSON, AIRCRAFT = 2, 4, 5  # columns, see model.classes
RUNNER_MPS, FAST_TRACK_MPS, FAST_ROAD_MPS = 4.0, 20.0, 45.0  # what people, tracked vehicles, vehicles reach
ODD_ONE = 0.15  # share of a column that is of another class than the rest
FELLOWS_COUNT = 0.8  # weight of what the others of a column are: a stranger may be among them
TOO_FAST = 6.0  # log odds against a class whose things do not move so fast
# m/s, what things of a class drive at for long: lowest and highest; people walk, aircraft do not
SLOWEST = (5.0, 4.0, 3.0, 3.0, 0.5, 20.0, 0.5)
QUICKEST = (35.0, 28.0, 18.0, 18.0, 2.5, 120.0, 18.0)
LOG_RANGE = tuple(math.log(most - least) for least, most in zip(SLOWEST, QUICKEST, strict=True))
PACE_SHARE, PACE_MPS = 0.15, 0.3  # how much a thing's speed varies while it drives
PACE_SECONDS = 3.0  # speeds of output times that follow one another count as one in so many
MOST_WANDERING = 4.0  # m2/s2, both axes: a velocity vaguer than that says nothing about the pace,
WANDERING_SHARE = 0.02  # or vaguer than so much of its square
LEAST_CLASS = 2.0  # things of each class that are reckoned with before any was seen


@kernel
def refresh(state: State, s: int) -> None:
    """Turn a track's sums into class probabilities, its speed counting too."""
    shares, fastest = state.shares[s], state.fastest[s]
    top = -1e300
    for c in range(7):
        value = state.log_p[s, c]
        if fastest > RUNNER_MPS and c == PERSON:
            value -= TOO_FAST
        if fastest > FAST_TRACK_MPS and TRACKED <= c < PERSON:
            value -= 0.5 * TOO_FAST
        if fastest > FAST_ROAD_MPS and c != AIRCRAFT:
            value -= TOO_FAST
        if state.cruise[s, 1] > 0.0:
            value += _paced(state.cruise[s, 0], 1 / state.cruise[s, 1], c)
        shares[c] = value
        top = max(top, value)
    total = 0.0
    for c in range(7):
        shares[c] = math.exp(shares[c] - top)
        total += shares[c]
    for c in range(7):
        shares[c] /= total


@njit(cache=True, error_model="numpy")
def among_its_fellows(state: State, top: int) -> Array:
    """Class probabilities (top, 7) of tracks, seen together with the columns that they are of.

    Most of a column are of one class. What each of the others may be is told apart from this one's own
    evidence, so that nobody's word counts twice.
    """
    out = state.shares[:top].copy()
    line = np.flatnonzero((state.alive[:top] > 0) & (state.column[:top] != 0))
    line = line[np.argsort(state.column[line], kind="mergesort")]
    begin, share = 0, np.empty(7)
    for end in range(1, len(line) + 1):
        if end < len(line) and state.column[line[end]] == state.column[line[begin]]:
            continue
        together = np.zeros(7)
        for s in line[begin:end]:
            together += np.log(ODD_ONE / 7 + (1 - ODD_ONE) * state.shares[s])
        for s in line[begin:end]:
            others = together - np.log(ODD_ONE / 7 + (1 - ODD_ONE) * state.shares[s])
            share[:] = np.exp(FELLOWS_COUNT * (others - others.max()))
            out[s] *= ODD_ONE / 7 + (1 - ODD_ONE) * share / share.sum()
            out[s] /= out[s].sum()
        begin = end
    return out


@kernel
def _paced(speed: float, variance: float, c: int) -> float:
    """Log likelihood that things of a class drive at a speed."""
    off = max(SLOWEST[c] - speed, speed - QUICKEST[c], 0.0)
    return float(max(-0.5 * off * off / variance, -TOO_FAST) - LOG_RANGE[c])


@kernel
def pace(state: State, s: int, u: float, v: float, variance: float) -> None:
    """Take in how fast a track drives, with the variance of both components added."""
    square = u * u + v * v - variance
    if variance > max(MOST_WANDERING, WANDERING_SHARE * square) or square <= variance:
        return
    speed, m = math.sqrt(square), state.cruise[s]
    varies = (PACE_SHARE * speed + PACE_MPS) ** 2
    weight = 1 / (PACE_SECONDS * (varies + variance))
    m[0] += (speed - m[0]) * weight / (m[1] + weight)
    m[1] = min(m[1] + weight, 4 / varies)
    refresh(state, s)


@kernel
def common(ground: Ground, shares: Array, out: Array) -> None:
    """Fill in class probabilities of a track, by how common the classes are in this run."""
    total = 0.0
    for c in range(7):
        out[c] = shares[c] * ground.classes[c]
        total += out[c]
    for c in range(7):
        out[c] /= total


@inlined
def worth(n: int) -> float:
    """Tell what each of n readings of one sortie counts."""
    return 1.0 / (1 + max(n - 1, 0) * SORTIE_SHARE)


@folded
def learn(state: State, s: int, events: Events, e: int, rows: Rows, r: int, reading: Array) -> None:
    """Take in class (see appearance), bias, height and count of a detection."""
    m, sortie, time = events.sensor[e], events.sortie[e], events.time[e]
    fresh = state.sortie_p[s, m] != sortie or sortie < 0
    n = 0 if fresh else state.count_p[s, m]
    old, new = worth(n), worth(n + 1)
    for c in range(7):
        before = 0.0 if fresh else state.sum_p[s, m, c]
        after = before + reading[c]
        state.log_p[s, c] += after * new - before * old
        state.sum_p[s, m, c] = after
    state.count_p[s, m], state.sortie_p[s, m] = n + 1, sortie
    if fresh:
        state.was_n[s, m] = 0
        for c in range(7):
            state.was_p[s, m, c] = 0.0
    refresh(state, s)
    state.bias2[s] += (rows.bias2[r] - state.bias2[s]) * max(0.2, 1.0 / (1 + state.used[s]))
    state.used[s] += 1
    state.last[s] = max(state.last[s], time)
    if not math.isnan(rows.alt[r, 0] + rows.alt[r, 1]):
        _learn_height(state, s, time, rows.alt[r])


@kernel
def _learn_height(state: State, s: int, time: float, alt: Array) -> None:
    variance = alt[1] ** 2
    if math.isnan(state.alt[s, 0]):
        state.alt[s, 0], state.alt[s, 1] = alt[0], variance
    else:
        before = state.alt[s, 1] + abs(time - state.alt[s, 2])  # 1 m2/s: heights wander
        gain = before / (before + variance)
        state.alt[s, 0] += gain * (alt[0] - state.alt[s, 0])
        state.alt[s, 1] = (1 - gain) * before
    state.alt[s, 2] = max(time, state.last[s])


@kernel
def likeness(shares: Array, p: Array) -> float:
    """Tell how much likelier a class reading is for a track of these classes than for any thing."""
    same = 0.0
    for c in range(7):
        same += shares[c] * p[c]
    return max(7 * same, 0.15)
