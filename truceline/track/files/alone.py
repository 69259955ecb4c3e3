"""What a sensor's detections come to by themselves: whether one that is not believed holds together again.

Of a sensor that is not believed no track begins, so that nothing could bear it out where it alone looks. Its
looks of a stretch are followed once more as if there were no other, by tracks that nobody sees.
"""

import numpy as np

from truceline.track.engine import ROOM, SLOTS, WIDTH, run
from truceline.track.sensors.minutes import is_held
from truceline.track.sensors.torn import torn
from truceline.track.state.types import Array, Events, Ground, Rows, empty, grown

HISTORY = 4  # its news hardly ever comes out of order


def loose_alone(events: Events, rows: Rows, names: Array, ground: Ground, area_m: float) -> Array:
    """Tell, per row, whether no track that rests on these events alone holds it; none does if tracks leap.

    Parameters
    ----------
    events, rows, names
        Of one sensor and a stretch; ``events.first`` counts within ``rows``.
    ground
        Of which nothing is known; it is used up.
    area_m
        See areas.
    """
    owner = _owners(events, rows, names, ground, area_m)
    sensor, time = np.repeat(events.sensor, events.size), np.repeat(events.time, events.size)
    leaps = torn(owner, sensor, time, rows.z[:, :5], len(ground.trusted))
    return np.asarray(~is_held(owner) | leaps[sensor])


def _owners(events: Events, rows: Rows, names: Array, ground: Ground, area_m: float) -> Array:
    """Follow some events as if nothing else were known: (n,) int64, per row its track, 0 for none."""
    state, owner = empty(256, HISTORY, len(ground.trusted)), np.zeros(len(names), np.int64)
    course, tally = np.full((len(names), 2), np.nan, np.float32), np.zeros((len(events.time), 3))
    number, out, renamed = np.zeros(1, np.int64), np.zeros((1, WIDTH)), np.zeros((4096, 3), np.int64)
    begin = np.zeros(5, np.int64)
    while True:
        why = run(
            state, ground, events, rows, names, np.zeros(0), False, area_m, owner, course, tally, number, out,
            renamed, begin,
        )  # fmt: skip
        if why == SLOTS:
            state = grown(state)
        elif why == ROOM:
            renamed = np.concatenate([renamed, np.zeros_like(renamed)])
        else:
            return owner


def part(events: Events, rows: Rows, names: Array, which: Array) -> tuple[Events, Rows, Array]:
    """Take some events, by their numbers, and their rows out."""
    size = events.size[which]
    at = np.repeat(events.first[which] - np.r_[0, np.cumsum(size)[:-1]], size) + np.arange(size.sum())
    taken = Events(*(column[which] for column in events))
    return (
        taken._replace(first=np.r_[0, np.cumsum(size)[:-1]].astype(np.int64)),
        Rows(*(column[at] for column in rows)),
        names[at],
    )
