"""How tracks look of late, and how what bore a name looked before: who is who within a sortie.

In one sortie of a sensor the class readings of one thing are off in one way of its own (state.appearance).
Readings are kept with the track that they are of, for a minute, and are then put down to the name that it
shows. Where tracks have changed vehicles since, the two no longer agree.
"""

import math
from typing import NamedTuple

import numpy as np

from truceline.track.state.appearance import AXES, ENOUGH, LEAST_P, LEAST_SHARE, LEAST_VARIANCE
from truceline.track.state.kernel import kernel
from truceline.track.state.types import Array

KEPT = 0.5  # share of a track's readings that is still of late one output time on
MOST = 4.0  # log odds: what the readings of late say at most
FEWEST = 0.5  # readings: from less nothing is told
LATELY, BEFORE = 0, 1  # of impressions: what is with tracks, and with names


class Seen(NamedTuple):
    """Detections by the first row that shows them."""

    begin: Array  # (rows + 1,) where those of each row begin in the next
    order: Array  # numbers of detections, row by row
    sensor: Array  # (n,) of each detection
    sortie: Array  # (n,) of each detection; negative: none
    p: Array  # (n, 7) of each detection: class probabilities


class Impressions(NamedTuple):
    """Readings of tracks and of names by each sensor, of its newest sortie: how many, and their sums.

    A reading is the logarithm of class probabilities about their mean. The last name is room to work in.
    """

    sortie: Array  # (2, K + 1, M) int64; -1: none
    readings: Array  # (2, K + 1, M)
    sums: Array  # (2, K + 1, M, 7)
    told: Array  # (M, 10): readings compared, squares about the own mean, squares, and sums
    usual: Array  # (M, 9): of the last sum_up: variance within, and between (0: it tells nothing), and means


def seen_by(row: Array, rows: int, sensor: Array, sortie: Array, p: Array) -> Seen:
    """Sort detections by the row, of so many, that is the first to show them; -1: none does."""
    order = np.argsort(row, kind="stable")
    begin = np.searchsorted(row[order], np.arange(rows + 1))
    return Seen(begin, order, sensor, sortie, p)


def no_impressions(names: int, sensors: int) -> Impressions:
    """Make room for so many tracks, as many names, and so many sensors."""
    return Impressions(
        sortie=np.full((2, names + 1, sensors), -1),
        readings=np.zeros((2, names + 1, sensors)),
        sums=np.zeros((2, names + 1, sensors, 7)),
        told=np.zeros((sensors, 10)),
        usual=np.zeros((sensors, 9)),
    )


@kernel
def look_at(looks: Impressions, track: int, name: int, seen: Seen, row: int) -> None:
    """Take in how the detections of a track's row look; ``name`` is what the track has shown so far."""
    put_down(looks, track, name, KEPT)
    for k in range(seen.begin[row], seen.begin[row + 1]):
        d = seen.order[k]
        if seen.sortie[d] >= 0:
            _read(looks, track, name, seen.sensor[d], seen.sortie[d], seen.p[d])


@kernel
def _read(looks: Impressions, track: int, name: int, m: int, sortie: int, p: Array) -> None:
    """Take in one reading, and learn from it how those of its sensor vary."""
    _begin(looks, LATELY, track, m, sortie)
    looks.readings[LATELY, track, m] += 1
    n, mean, told = 0.0, 0.0, looks.told[m]
    if looks.sortie[BEFORE, name, m] == sortie:
        n = looks.readings[BEFORE, name, m]
    for c in range(7):
        mean += math.log(max(p[c], LEAST_P)) / 7
    told[0] += n >= 1
    for c in range(7):
        reading = math.log(max(p[c], LEAST_P)) - mean
        looks.sums[LATELY, track, m, c] += reading
        if n >= 1:
            told[1] += n / (n + 1.0) * (reading - looks.sums[BEFORE, name, m, c] / n) ** 2
            told[2] += reading * reading
            told[3 + c] += reading


@kernel
def _begin(looks: Impressions, part: int, i: int, m: int, sortie: int) -> None:
    """Forget readings of another sortie."""
    if looks.sortie[part, i, m] != sortie:
        looks.sortie[part, i, m], looks.readings[part, i, m] = sortie, 0.0
        for c in range(7):
            looks.sums[part, i, m, c] = 0.0


@kernel
def put_down(looks: Impressions, track: int, name: int, kept: float) -> None:
    """Put readings of a track down to a name, but for a share that stays of late."""
    _add(looks, LATELY, track, name, 1 - kept)
    for m in range(looks.readings.shape[2]):
        looks.readings[LATELY, track, m] *= kept
        for c in range(7):
            looks.sums[LATELY, track, m, c] *= kept


@kernel
def looks_like(looks: Impressions, track: int, name: int) -> float:
    """Log odds that a track is of late what bore a name before rather than any thing."""
    total = 0.0
    for m in range(looks.readings.shape[2]):
        total += _alike(looks, LATELY, track, name, m)
    return float(min(max(total, -MOST), MOST))


@kernel
def add_up(looks: Impressions, track: int, name: int) -> int:
    """Add up how a name's track looks of late and looked before, under a name of its own, the answer."""
    room = int(looks.readings.shape[1]) - 1
    for m in range(looks.readings.shape[2]):
        looks.sortie[BEFORE, room, m] = -1
    _add(looks, BEFORE, name, room, 1.0)
    _add(looks, LATELY, track, room, 1.0)
    return room


@kernel
def _add(looks: Impressions, part: int, i: int, name: int, share: float) -> None:
    """Let a name have looked also, for a share, as a track does of late, or as another name did."""
    for m in range(looks.readings.shape[2]):
        n = looks.readings[part, i, m]
        if n == 0:
            continue
        _begin(looks, BEFORE, name, m, looks.sortie[part, i, m])
        looks.readings[BEFORE, name, m] += share * n
        for c in range(7):
            looks.sums[BEFORE, name, m, c] += share * looks.sums[part, i, m, c]


@kernel
def go_on_looking(looks: Impressions, old: int, name: int) -> None:
    """Let a name have looked also as another, which is the same thing's, has since."""
    _add(looks, BEFORE, old, name, 1.0)


@kernel
def are_alike(looks: Impressions, one: int, other: int, most: float) -> float:
    """Log odds, at most so much, that what bore two names is one thing rather than any two."""
    total = 0.0
    for m in range(looks.readings.shape[2]):
        total += _alike(looks, BEFORE, one, other, m)
    return float(min(max(total, -most), most))


@kernel
def _alike(looks: Impressions, part: int, i: int, name: int, m: int) -> float:
    """Log odds by one sensor that a track, or name, is what bore a name before (random effects)."""
    n, k, usual = looks.readings[BEFORE, name, m], looks.readings[part, i, m], looks.usual[m]
    if n < FEWEST or k < FEWEST or looks.sortie[BEFORE, name, m] != looks.sortie[part, i, m]:
        return 0.0
    within, between = usual[0], usual[1]
    if between == 0:
        return 0.0
    known = between * n / (between * n + within)
    own2, any2, off, all2 = within / k + between * (1 - known), within / k + between, 0.0, 0.0
    for c in range(7):
        above = looks.sums[part, i, m, c] / k - usual[2 + c]
        off += (above - known * (looks.sums[BEFORE, name, m, c] / n - usual[2 + c])) ** 2
        all2 += above * above
    return float(0.5 * (all2 / any2 - off / own2 + AXES * math.log(any2 / own2)))


@kernel
def sum_up(looks: Impressions) -> None:
    """Note how readings of each sensor vary, of one thing and from thing to thing."""
    for m in range(looks.told.shape[0]):
        told, usual = looks.told[m], looks.usual[m]
        if told[0] < ENOUGH:
            continue
        within, every = told[1] / (AXES * told[0]), told[2] / (AXES * told[0])
        for c in range(7):
            usual[2 + c] = told[3 + c] / told[0]
            every -= usual[2 + c] ** 2 / AXES
        usual[0] = max(within, LEAST_VARIANCE)
        between = every - usual[0]
        usual[1] = between if between >= LEAST_SHARE * usual[0] else 0.0


@kernel
def most_told(looks: Impressions, track: int) -> float:
    """Log odds that looks of late say of a track at most, whatever it is compared with."""
    for m in range(looks.readings.shape[2]):
        if looks.readings[LATELY, track, m] >= FEWEST and looks.usual[m, 1] > 0:
            return MOST
    return 0.0
