"""Whether a thing exists, and whether a sensor works: what silence and detections say about both.

Existence follows Musicki, Evans and Stankovic, IEEE TAC 39(6), 1994 (integrated probabilistic data
association): a look that shows nothing speaks against a track as far as it would have shown it.
"""

import math

from truceline.track.life.silence import LASTS, SLOW, note_missed
from truceline.track.state.history import silent
from truceline.track.state.kernel import folded, kernel
from truceline.track.state.near import Near, seen_p
from truceline.track.state.types import Array, Events, Ground, State

ODDS_FLOOR, GONE = -7.0, -4.0  # log odds below which a track ends: one that was in force, any other
# A slot that is not free holds a track, one that is not where it should be, or a track as it would be under
# another hypothesis.
ALIVE, LOST, OTHERWISE = 1, 2, 3
LOST_S = 1800.0  # so long after it was last seen a lost track may be found elsewhere
UNSEEN_S = 10_800.0  # a track not seen for so long ends
TENTATIVE_S = 180.0  # one that was never in force and is unlikely
LIFE_S = 20_000.0  # without news the probability of existence falls by 1/e
CONVOY_M, CONVOY_MPS = 400.0, 6.0  # things so near to one another, driving so much alike, are a convoy
STOPS_ALONE = 0.1  # how likely one of a convoy stops while the others go on, against any thing
JAM_S, MEND_S = 200_000.0, 900.0  # how often sensors fall silent, and for how long
RECENT_S = 30.0  # what one sensor saw so lately, another should see
FAINT = 0.05  # what is left of a jammed sensor's detection probability


@kernel
def exists_at(state: State, s: int, time: float) -> float:
    """Probability of existence at a time: silence alone lets it fall."""
    dt, r = time - state.odds_time[s], 1 / (1 + math.exp(-state.odds[s]))
    return float(r) if dt <= 0 else float(r * math.exp(-dt / LIFE_S))


@kernel
def odds_at(state: State, s: int, time: float) -> float:
    """Log odds of existence at a time, see :func:`exists_at`."""
    if time <= state.odds_time[s]:
        return float(state.odds[s])
    r = exists_at(state, s, time)
    return math.log(max(r, 1e-9) / max(1 - r, 1e-9))


@kernel
def is_alive(state: State, s: int, time: float) -> bool:
    """Tell whether a slot holds a track; it ends when nothing was seen of it for :data:`UNSEEN_S`."""
    if state.alive[s]:
        silence = time - state.last[s]
        ends = UNSEEN_S if state.alive[s] != LOST else LOST_S
        if silence > ends or (silence > TENTATIVE_S and not state.shown[s] and state.odds[s] < -1.0):
            state.alive[s] = 0
    return bool(state.alive[s] == ALIVE)


@folded
def missed(
    state: State, ground: Ground, near: Near, n_near: int, c: int, events: Events, e: int, working: float,
    geodetic: bool,
) -> None:  # fmt: skip
    """A look that should have shown a track and did not: it exists less likely, or it is elsewhere."""
    s, time = near.slot[c], events.time[e]
    if time < state.last[s] or (near.see[c, 0] == 0.0 and near.see[c, 1] == 0.0):
        return
    if ground.sights[events.sight[e], LASTS] > 0:
        note_missed(state, near, c, ground, events, e, working, geodetic)
    drives, stands = 1 - working * near.see[c, 0], 1 - working * near.see[c, 1]
    if stands > drives and near.mu[c, 1] < 0.5 and convoy_goes_on(near, c, n_near):
        stands *= STOPS_ALONE
    told = state.alive[s] == ALIVE and state.used[s] > 2 and state.by[s] != events.sensor[e]
    if told and time - state.last[s] < RECENT_S:
        ground.told[state.by[s], events.sensor[e], 1] += working * seen_p(near, c)
    r = near.exists[c]
    left = (near.mu[c, 0] + near.mu[c, 2]) * drives + near.mu[c, 1] * stands
    if near.mu[c, 1] > 0.5 and ground.sights[events.sight[e], SLOW] == 0.0 and events.min_speed[e] > 0:
        left = 1.0  # what stands is not shown, and hardly ever sets off
    state.odds[s] = math.log(max(r * left, 1e-9) / max(1 - r, 1e-9))
    state.odds_time[s] = max(time, state.odds_time[s])
    if state.odds[s] < ODDS_FLOOR or (state.odds[s] < GONE and not state.shown[s]):
        state.alive[s] = LOST if state.shown[s] else 0
        return
    if near.node[c] == state.nodes[s] - 1 and abs(drives - stands) > 0.02:
        silent(state, s, time, math.log(drives), math.log(stands), geodetic, near.x[c], near.p[c], near.mu[c])


@kernel
def convoy_goes_on(near: Near, c: int, n_near: int) -> bool:
    """Tell whether the look shows a thing that drives beside a track and like it."""
    x = near.x[c, 0]
    for other in range(n_near):
        if near.taken[other] < 0 or near.mu[other, 1] > 0.5:
            continue
        y = near.x[other, 0]
        if (
            abs(x[0] - y[0]) + abs(x[1] - y[1]) < CONVOY_M
            and abs(x[2] - y[2]) + abs(x[3] - y[3]) < CONVOY_MPS
        ):
            return True
    return False


@folded
def works(ground: Ground, near: Near, n_near: int, events: Events, e: int, tally: Array) -> float:
    """Probability that a sensor is not jammed, from what it should have shown and did.

    ``tally`` (3,) is filled with how many tracks should have been shown, how many were, and the
    probability that the sensor is jammed.
    """
    m, time = events.sensor[e], events.time[e]
    dt = min(max(time - ground.heard[m], 0.0), 600.0)
    ground.heard[m] = max(time, ground.heard[m])
    dark = ground.jammed[m]
    dark += (1 - dark) * dt / JAM_S - dark * dt / MEND_S
    dark = min(max(dark, 1e-4), 0.999)
    odds = math.log(dark / (1 - dark))
    for c in range(n_near):
        r = near.exists[c]
        seen = r * seen_p(near, c)
        if seen < 0.3:
            continue
        faint = FAINT * seen
        tally[0] += seen
        tally[1] += near.taken[c] >= 0
        odds += math.log(faint / seen) if near.taken[c] >= 0 else math.log((1 - faint) / (1 - seen))
    ground.jammed[m] = 1 / (1 + math.exp(-min(max(odds, -9.0), 9.0)))
    tally[2] = ground.jammed[m]
    return float(1 - ground.jammed[m])
