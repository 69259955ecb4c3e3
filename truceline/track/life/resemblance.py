"""How much a thing that appears is like one that is lost: its class and its speed."""

import math

from truceline.track.state.kernel import kernel
from truceline.track.state.meaning import PACE_MPS, PACE_SHARE, QUICKEST, SLOWEST
from truceline.track.state.types import Ground, State

CERTAIN, CERTAIN_SHARE = 20.0, 0.03  # of a velocity: m2/s2, both axes, or share of its square
KEEPS, KEEPS_MPS = 0.2, 1.0  # share and speed by which a thing's speed differs after a gap
SURE = 0.05  # 1 / (m/s)2: a pace less sure than that says nothing
OTHERWISE = 0.1  # how likely a thing drives at another pace than before
ODD = 1e-4  # per m/s, that a thing of a class drives at a speed that its like do not
LEAST = 0.002  # no evidence against is stronger


@kernel
def drives(state: State, s: int, j: int) -> bool:
    """Tell whether a track surely drives, its velocity known, at a node."""
    return bool(state.mu[s, j, 0] > 0.7 and _is_certain(state, s, j))


@kernel
def _is_certain(state: State, s: int, j: int) -> bool:
    square = state.x[s, j, 0, 2] ** 2 + state.x[s, j, 0, 3] ** 2
    return bool(state.p[s, j, 0, 7] + state.p[s, j, 0, 9] < max(CERTAIN, CERTAIN_SHARE * square))


@kernel
def is_mostly(state: State, ground: Ground, s: int, c: int) -> bool:
    """Tell whether a track is more likely of a class than of all others, by how common classes are."""
    total = 0.0
    for k in range(7):
        total += ground.classes[k] * state.shares[s, k]
    return bool(2 * ground.classes[c] * state.shares[s, c] > total)


@kernel
def resembles(state: State, ground: Ground, d: int, i: int, s: int, j: int) -> float:
    """How much likelier class and speed of a track are for the going on of a lost one than for any thing.

    ``i`` and ``j`` are nodes: the last at which the lost one was seen, and the newest of the other.
    """
    top = -1e300
    for c in range(7):
        top = max(top, state.log_p[s, c])
    speed, variance = 0.0, -1.0
    if drives(state, s, j):
        speed = math.hypot(state.x[s, j, 0, 2], state.x[s, j, 0, 3])
        variance = 0.5 * (state.p[s, j, 0, 7] + state.p[s, j, 0, 9])
    was, was2 = _before(state, d, i)
    same = any_thing = total = 0.0
    for c in range(7):
        band = own = 1.0
        if variance >= 0.0:
            band = own = _band(speed, math.sqrt(variance + (PACE_SHARE * speed + PACE_MPS) ** 2), c)
            if was2 >= 0.0:
                square = was2 + variance
                own = 0.3989 * math.exp(-0.5 * (speed - was) ** 2 / square) / math.sqrt(square)
                own = (1 - OTHERWISE) * own + OTHERWISE * band
        reading = math.exp(state.log_p[s, c] - top) * ground.classes[c]
        same += state.shares[d, c] * reading * own
        any_thing += reading * band
        total += state.shares[d, c] * ground.classes[c]
    return float(max(same / (total * any_thing), LEAST))


@kernel
def _before(state: State, d: int, i: int) -> tuple[float, float]:
    """Speed at which a lost track drove, and its variance; -1: not known."""
    speed = weight = 0.0
    spread = state.p[d, i, 0, 7] + state.p[d, i, 0, 9]
    if state.mu[d, i, 0] > 0.5 and _is_certain(state, d, i):
        newest = math.hypot(state.x[d, i, 0, 2], state.x[d, i, 0, 3])
        weight = 1 / (0.5 * spread + (KEEPS * newest + KEEPS_MPS) ** 2)
        speed = weight * newest
    if state.cruise[d, 1] > SURE:
        own = 1 / (1 / state.cruise[d, 1] + (PACE_SHARE * state.cruise[d, 0] + PACE_MPS) ** 2)
        speed, weight = speed + own * state.cruise[d, 0], weight + own
    if weight == 0.0:
        return 0.0, -1.0
    return speed / weight, 1 / weight


@kernel
def _band(speed: float, spread: float, c: int) -> float:
    """Likelihood per m/s that a thing of a class drives at a speed, told with a standard deviation."""
    high = math.erf((QUICKEST[c] - speed) / (1.4142 * spread))
    low = math.erf((SLOWEST[c] - speed) / (1.4142 * spread))
    return float(0.5 * (high - low) / (QUICKEST[c] - SLOWEST[c]) + ODD)
