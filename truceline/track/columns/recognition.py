"""Single things that are known again by how they look, minutes after they were lost or met others.

What appears has no name that is known, and how it looks is hardly known either; some minutes later the sensor
that sees it has read its class a dozen times, and lost it as often before. Where it can have come from the
place of the lost one, and looks and drives as that one did, it takes the name. In the same way two
that are in sight change names when each looks of late as what bore the other's.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.columns.impression import (
    add_up,
    are_alike,
    go_on_looking,
    looks_like,
    most_told,
    put_down,
)
from truceline.track.columns.roll import Roll, U, V, X, Y, give, reach_m
from truceline.track.state.kernel import kernel
from truceline.track.state.types import Array

READ_S, OPEN_S = 120.0, 1500.0  # between those ages a name may turn out to be one that was lost
UNSEEN_S, GONE_S = 45.0, 5400.0  # a name not seen for so long is lost; for so long, for good
OFTEN = 3  # output times at which a name was shown, before it is looked for
AREA_M2 = 5e8  # where a thing of which nothing is known may be
NEAREST_M = 300.0  # how far from where it was lost a thing turns up, besides its way
NONE, SURE = 2.5, 0.8  # log odds that it is none of those that were lost; how likely one of them must be
ALIKE = 10.0  # log odds: what looks say of it at most
WALKS_MPS, ANY_MPS = 1.0, 10.0  # what moves at all; how speeds scatter, and what is driven at where unknown
VARIES, VARIES_MPS, OTHERWISE = 0.15, 0.5, -3.0  # of a pace, share and speed; log odds of another one
EXCHANGED, MET_M = 6.0, 4000.0  # log odds at which two change names, and how near they are
STRAYED, UNLIKE, LATELY_S = (
    6.0,
    -2.0,
    900.0,
)  # log odds that a name is a lost one's, or not; how long that is lost


@njit(cache=True, error_model="numpy")
def know_again(roll: Roll, time: float, track: Array, spots: Array) -> None:
    """Let single tracks, sorted by x, show the names of what they look like."""
    _note_places(roll, time, track, spots)
    _recognise(roll, time, track)
    _exchange(roll, track, spots)
    _go_back(roll, time, track)


@kernel
def _note_places(roll: Roll, time: float, track: Array, spots: Array) -> None:
    """Note where each name is, since when, and how fast it drives."""
    for k in range(len(track)):
        name = roll.shown[track[k]]
        first, last, pace = roll.first[name], roll.last[name], roll.drove[name]
        last[0], last[1], last[2] = spots[k, X], spots[k, Y], time
        if roll.times[name] == 0:
            first[0], first[1], first[2] = last
        roll.times[name] += 1
        speed = math.hypot(spots[k, U], spots[k, V])
        if speed > WALKS_MPS:
            pace[1] += 1
            pace[0] += (speed - pace[0]) / min(pace[1], 20.0)


@njit(cache=True, error_model="numpy")
def _recognise(roll: Roll, time: float, track: Array) -> None:
    """Let single tracks whose names are young take the names of lost things that they most likely are."""
    young, lost = _young(roll, time, track), _lost(roll, time)
    if len(young) == 0:
        return
    share, chosen = np.zeros(len(young)), np.full(len(young), -1)
    for k in range(len(young)):
        looks = add_up(roll.looks, roll.by[young[k]], young[k])
        total, best = math.exp(NONE), 0.0
        for name in lost:
            like = _goes_on(roll, name, young[k], looks)
            total += like
            if like > best:
                best, chosen[k] = like, name
        share[k] = best / total
    for k in np.argsort(-share, kind="mergesort"):
        if share[k] > SURE and roll.last[chosen[k], 2] < time:
            _take_name(roll, young[k], chosen[k])


@njit(cache=True, error_model="numpy")
def _young(roll: Roll, time: float, track: Array) -> Array:
    """Names shown, of no column, that may turn out to be others."""
    out, n = np.empty(len(track), np.int64), 0
    for s in track:
        name = roll.shown[s]
        if roll.of[name] < 0 and READ_S <= time - roll.first[name, 2] <= OPEN_S:
            out[n] = name
            n += 1
    return out[:n]


@njit(cache=True, error_model="numpy")
def _lost(roll: Roll, time: float) -> Array:
    """Names, of no column, that were shown often enough and are no more."""
    out, n = np.empty(len(roll.by), np.int64), 0
    for name in range(len(out)):
        unseen = time - roll.last[name, 2]
        if roll.of[name] < 0 and roll.times[name] >= OFTEN and UNSEEN_S < unseen < GONE_S:
            put_down(roll.looks, roll.by[name], name, 0.0)
            out[n] = name
            n += 1
    return out[:n]


@kernel
def _goes_on(roll: Roll, lost: int, name: int, looks: int) -> float:
    """Odds that a name, looking so, is of what bore a lost one, against a thing of which nothing is known."""
    there, here, pace, other = roll.last[lost], roll.first[name], roll.drove[lost], roll.drove[name]
    if there[2] >= here[2] or roll.times[lost] < roll.times[name]:
        return 0.0
    fast = pace[0] if pace[1] > 0 else other[0] if other[1] > 0 else ANY_MPS
    way, dt = math.hypot(here[0] - there[0], here[1] - there[1]), here[2] - there[2]
    if way > reach_m(fast, dt):
        return 0.0
    spread = 0.6 * fast * dt + NEAREST_M
    like = math.log(AREA_M2 / (math.pi * spread * spread)) - (way / spread) ** 2 / 2
    if pace[1] > 2 and other[1] > 2:
        varies = VARIES * pace[0] + VARIES_MPS
        off = (other[0] - pace[0]) / varies
        like += max(math.log(ANY_MPS / (2.5 * varies)) - 0.5 * off * off, OTHERWISE)
    return math.exp(like + are_alike(roll.looks, looks, lost, ALIKE))


@kernel
def _take_name(roll: Roll, name: int, lost: int) -> None:
    """Let the track that shows a name show a lost one from this time on."""
    go_on_looking(roll.looks, name, lost)
    give(roll, roll.by[name], lost)
    roll.times[lost] += roll.times[name]
    for a in range(3):
        roll.last[lost, a] = roll.last[name, a]
    roll.last[name, 2] = -np.inf


@njit(cache=True, error_model="numpy")
def _exchange(roll: Roll, track: Array, spots: Array) -> None:
    """Let single tracks, sorted by x, change names where each looks of late as what bore the other's."""
    n = len(track)
    own, most = np.empty(n), np.empty(n)
    for k in range(n):
        own[k] = looks_like(roll.looks, track[k], roll.shown[track[k]])
        most[k] = most_told(roll.looks, track[k])
    for k in range(n):
        if own[k] > 0 or roll.of[roll.shown[track[k]]] >= 0:
            continue
        best, chosen = EXCHANGED, -1
        for way in (-1, 1):
            j = k + way
            while 0 <= j < n and abs(spots[j, X] - spots[k, X]) < MET_M:
                may = most[k] + most[j] - own[k] - own[j] > best and abs(spots[j, Y] - spots[k, Y]) < MET_M
                if may and roll.of[roll.shown[track[j]]] < 0:
                    gain = _gain(roll, track[k], track[j]) - own[k] - own[j]
                    if gain > best:
                        best, chosen = gain, j
                j += way
        if chosen >= 0:
            give(roll, track[k], roll.shown[track[chosen]])
            for j in (k, chosen):
                own[j] = looks_like(roll.looks, track[j], roll.shown[track[j]])


@kernel
def _gain(roll: Roll, a: int, b: int) -> float:
    """Log odds that two tracks are each what bore the other's name."""
    return looks_like(roll.looks, a, roll.shown[b]) + looks_like(roll.looks, b, roll.shown[a])


@njit(cache=True, error_model="numpy")
def _go_back(roll: Roll, time: float, track: Array) -> None:
    """Let single tracks that look of late as what bore a lost name, and not their own, show that one.

    Where two met, one track may have gone on with the other's vehicle, whose own track ended.
    """
    lost, found = np.empty(0, np.int64), False
    for s in track:
        own = looks_like(roll.looks, s, roll.shown[s])
        if own > UNLIKE or roll.of[roll.shown[s]] >= 0:
            continue
        if not found:
            lost, found = _lost(roll, time), True
        best, chosen = STRAYED, -1
        for k in range(len(lost)):
            name = int(lost[k])
            if _is_near(roll, name, roll.shown[s]):
                gain = looks_like(roll.looks, s, name) - own
                if gain > best:
                    best, chosen = gain, name
        if chosen >= 0:
            _leave_name(roll, s, chosen)


@kernel
def _is_near(roll: Roll, lost: int, name: int) -> bool:
    """Tell whether what bore a lost name may be where another name is shown."""
    there, here, pace = roll.last[lost], roll.last[name], roll.drove[lost]
    way, dt = math.hypot(here[0] - there[0], here[1] - there[1]), here[2] - there[2]
    return bool(0 < dt <= LATELY_S and way <= reach_m(pace[0] if pace[1] > 0 else ANY_MPS, dt))


@kernel
def _leave_name(roll: Roll, s: int, lost: int) -> None:
    """Let a track show a lost name, and its own be lost where it is."""
    name = roll.shown[s]
    give(roll, s, lost)
    for a in range(3):
        roll.last[lost, a] = roll.last[name, a]
    roll.last[name, 2] -= 1.0  # it is shown no more
