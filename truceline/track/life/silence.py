"""What a look could have shown of a track, and what it says that it did not.

A sensor that has never shown a thing may be unable to, under trees or because it does not know its kind,
however often it looks: its misses are akin. So a track carries, per sensor, how likely that sensor can show
it at all; a miss lowers that together with existence (Bayes), and what was shown once can be shown again.

A row of ``Ground.sights`` tells, per fusion class, what share of such things a sensor can show at all (0: it
is blind to them, whatever it has shown); then, in seconds, how far looks must lie apart to be more than one,
and how long a look lasts; and how likely a thing is shown that is slower than the sensor needs.
"""

import math

from truceline.track.state.history import last_seen
from truceline.track.state.kernel import folded, kernel
from truceline.track.state.motion import STOP_RATE
from truceline.track.state.near import Near
from truceline.track.state.regard import pd_of, seen_share
from truceline.track.state.types import Array, Events, Ground, State

APART, LASTS, SLOW = 7, 8, 9  # columns of Ground.sights
DRIVES_ON, STOPPED, STANDS = 0, 1, 2  # columns of State.still: what became of a track since it was seen
TOLD = 0.1  # a look that would have shown a track less likely is not said to have missed it


@kernel
def could_show(state: State, s: int, m: int, sight: Array, time: float) -> float:
    """Tell how much of what a track may be a sensor can show, in a look that ends at a time.

    What another sensor has shown while the look lasted, and what the same has missed a moment ago, it says
    nothing about.
    """
    if sight[APART] > 0 and time - state.missed[s, m] < sight[APART]:
        return 0.0
    if sight[LASTS] > 0 and state.last[s] > time - sight[LASTS] and state.by[s] != m:
        return 0.0
    blind, able, are_akin = 0.0, 0.0, False
    for c in range(7):
        if sight[c] == 0.0:
            blind += state.shares[s, c]
        else:
            able += sight[c] * state.shares[s, c]
            are_akin = are_akin or sight[c] < 1.0
    if not are_akin:
        return 1 - blind
    if state.shows[s, m] < 0:
        state.shows[s, m] = able / max(1 - blind, 1e-9)
    return (1 - blind) * float(state.shows[s, m])


@kernel
def has_shown(state: State, s: int, m: int, sight: Array, time: float) -> bool:
    """Tell whether a sensor has shown a track while a look of it lasted."""
    return bool(sight[LASTS] > 0 and state.last[s] > time - sight[LASTS] and state.by[s] == m)


@folded
def note_missed(
    state: State, near: Near, c: int, ground: Ground, events: Events, e: int, working: float, geodetic: bool
) -> None:  # fmt: skip
    """Note that a look did not show a track, by how likely it would have whatever became of it."""
    s, m, time, still = near.slot[c], events.sensor[e], events.time[e], state.still[near.slot[c]]
    sight, i = ground.sights[events.sight[e]], last_seen(state, s)
    there = working * pd_of(events, e) * could_show(state, s, m, sight, time)
    there *= seen_share(state.x[s, i, 1], state.p[s, i, 1], events.shape[e], events.field[e], geodetic)
    if events.min_speed[e] > 0:
        there *= sight[SLOW]
    stops = still[DRIVES_ON] * (1 - math.exp(-STOP_RATE * max(time - state.odds_time[s], 0.0)))
    before = still[DRIVES_ON] + still[STOPPED] + still[STANDS]
    still[DRIVES_ON] = (still[DRIVES_ON] - stops) * (1 - working * near.see[c, 0])
    still[STOPPED] = (still[STOPPED] + stops) * (1 - working * near.see[c, 1])
    still[STANDS] *= 1 - there
    seen = 1 - (still[DRIVES_ON] + still[STOPPED] + still[STANDS]) / max(before, 1e-300)
    able = float(state.shows[s, m])
    if able >= 0:
        state.shows[s, m] = max(able - seen, 0.0) / max(1 - seen, 1e-9)
    if seen >= TOLD:
        state.missed[s, m] = max(state.missed[s, m], time)


@kernel
def note_shown(state: State, s: int, m: int) -> None:
    """Note that a sensor has shown a track, whose existence and motion are reckoned already."""
    state.shows[s, m] = 1.0
    state.proven[s] = state.odds[s]
    stands = state.mu[s, last_seen(state, s), 1]
    state.still[s, DRIVES_ON], state.still[s, STOPPED], state.still[s, STANDS] = 1 - stands, 0.0, stands


@kernel
def is_still_there(state: State, s: int) -> float:
    """Probability that a track is still where it was last seen, or on its way from there as expected.

    Only looks speak against that: what nobody looks for is held to be there.
    """
    left = state.still[s, DRIVES_ON] + state.still[s, STOPPED] + state.still[s, STANDS]
    odds = state.proven[s] + math.log(max(left, 1e-12))
    return 1 / (1 + math.exp(-odds))
