"""What the running tracker carries from one round to the next, in as little room as it takes."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from truceline.track.life.existence import UNSEEN_S
from truceline.track.live.bearing import FORGOTTEN, Bearing, faded, kept, unheard
from truceline.track.state.types import Array, State, empty, grown

HISTORY = 2  # nodes of a track: rows are worked on in the order of time
SLOTS = 32
# Fields of State with a place for each sensor, and what stands there for one that was never heard.
_BY_SENSOR = {
    "sum_p": 0,
    "count_p": 0,
    "sortie_p": -1,
    "was_p": 0,
    "was_n": 0,
    "shows": -1,
    "missed": -np.inf,
}
_ODDS_STEP = 0.5  # of what is known of whether a sensor works: finer differences are forgotten after a round
_UNHEARD_JAMMED = 1e-3
_WORKS = 0.01  # a sensor less likely jammed than that is as one never heard


class Working(NamedTuple):
    """What the looks so far tell of whether sensors work; arrays by sensor, see ``types.Ground``."""

    jammed: Array
    heard: Array

    def widened(self, sensors: int) -> "Working":
        """Make room for sensors, at least one; what is known is copied."""
        more = max(sensors, 1) - len(self.heard)
        return Working(
            np.pad(self.jammed, (0, more), constant_values=_UNHEARD_JAMMED),
            np.pad(self.heard, (0, more), constant_values=-np.inf),
        )

    def rounded(self) -> "Working":
        """Keep as much as needs be kept, so that a look that comes late changes few rounds."""
        odds = np.round(np.log(self.jammed / (1 - self.jammed)) / _ODDS_STEP) * _ODDS_STEP
        works = self.jammed < _WORKS
        return Working(
            np.where(works, _UNHEARD_JAMMED, 1 / (1 + np.exp(-odds))), np.where(works, -np.inf, self.heard)
        )


Numbers = tuple[tuple[float, float], ...]  # number and time of each report, in the order of time


class Carried(NamedTuple):
    """The tracker after a round: its tracks without free slots, and what goes with them."""

    state: State
    bearing: Bearing
    sides: dict[int, str | None]  # track → side of the line on which it was first seen
    counts: dict[int, Numbers]  # track → what was told of how many things there are in its place
    last_s: float  # time of the newest row
    start_s: int  # of the round
    working: Working


NOTHING = Carried(empty(0, HISTORY, 0), unheard(), {}, {}, -np.inf, 0, Working(np.zeros(0), np.zeros(0)))


def packed(state: State, time_s: float) -> State:
    """Leave out free slots and what was not seen for too long, keeping the order of the others."""
    alive = np.flatnonzero((state.alive != 0) & (time_s - state.last <= UNSEEN_S))
    place = np.full(len(state.alive) + 1, -1)  # the last is that of none
    place[alive] = np.arange(len(alive))
    left = State(*(column[alive] for column in state))
    return left._replace(twin=place[left.twin], rival=place[left.rival])


def unpacked(state: State, sensors: int) -> State:
    """Copy tracks into a state with free slots and room for as many sensors."""
    n = len(state.alive)
    room = empty(SLOTS, HISTORY, sensors)
    while len(room.alive) < n:
        room = grown(room)
    for name, column in zip(State._fields, state, strict=True):
        target = getattr(room, name)
        if name in _BY_SENSOR:
            target[:n, : column.shape[1]] = column
        else:
            target[:n] = column
    return room


def with_sensors(state: State, sensors: int) -> State:
    """Make room for more sensors, the tracks where they are."""
    fields = state._asdict()
    for name, filled in _BY_SENSOR.items():
        column = fields[name]
        shape = [(0, 0), (0, sensors - column.shape[1])] + [(0, 0)] * (column.ndim - 2)
        fields[name] = np.pad(column, shape, constant_values=filled)
    return State(**fields)


def handed_on(carried: Carried, start_s: int) -> Carried:
    """Give what a later round begins with: what is known of sensors faded, those forgotten left out."""
    bearing = faded(carried.bearing, start_s - carried.start_s)
    looked = carried.working.heard > start_s - UNSEEN_S
    if len(carried.state.alive):
        looked |= (carried.state.shows >= 0).any(0)
    which = np.flatnonzero((bearing.loose[:, 2] > FORGOTTEN) | looked[: len(bearing.sensors)])
    if len(which) == len(bearing.sensors):
        return carried._replace(bearing=bearing, start_s=start_s)
    fields = carried.state._asdict()
    for name in _BY_SENSOR:
        fields[name] = fields[name][:, which]
    by = np.full(len(bearing.sensors) + 1, -1, np.int64)
    by[which] = np.arange(len(which))
    fields["by"] = by[fields["by"]]
    working = Working(*(column[which] for column in carried.working))
    return carried._replace(
        state=State(**fields), bearing=kept(bearing, which), start_s=start_s, working=working
    )


def same_tracks(one: Carried, other: Carried) -> bool:
    """Tell whether two have the same tracks, to the last bit; what is known of sensors may differ."""
    return (
        one.bearing.sensors == other.bearing.sensors
        and (one.sides, one.counts, one.last_s) == (other.sides, other.counts, other.last_s)
        and _same((*one.state, *one.working), (*other.state, *other.working))
    )


def same_bearing(one: Bearing, other: Bearing) -> bool:
    """Tell whether the same is known of sensors, to the last bit."""
    return one.sensors == other.sensors and _same(one[1:], other[1:])


def _same(one: Iterable[Array], other: Iterable[Array]) -> bool:
    return all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def to_table(carried: Carried) -> tuple[pa.Table, dict[str, Any]]:
    """Write tracks as a table, one row each, and the rest as what JSON can hold."""
    n = len(carried.state.alive)
    columns = {}
    for name, column in zip(State._fields, carried.state, strict=True):
        size = math.prod(column.shape[1:])
        values = pa.array(np.ascontiguousarray(column).ravel())
        columns[name] = pa.FixedSizeListArray.from_arrays(values, size) if size else pa.nulls(n)
    bearing = carried.bearing
    rest = {
        "start_s": carried.start_s,
        "last_s": carried.last_s,
        "sides": [[track, side] for track, side in carried.sides.items()],
        "counts": [[track, told] for track, told in carried.counts.items()],
        "sensors": list(bearing.sensors),
        "working": [column.tolist() for column in carried.working],
        "bearing": [column.ravel().tolist() for column in bearing[1:]],
    }
    return pa.table(columns), rest


def from_table(table: pa.Table, rest: dict[str, Any]) -> Carried:
    """Read what :func:`to_table` wrote."""
    sensors: tuple[str, ...] = tuple(rest["sensors"])
    model, n = empty(0, HISTORY, len(sensors)), table.num_rows
    columns = {}
    for name, like in zip(State._fields, model, strict=True):
        column = table[name].combine_chunks()
        if pa.types.is_null(column.type):
            columns[name] = np.zeros((n, *like.shape[1:]), like.dtype)
        else:
            flat = column.flatten().to_numpy(zero_copy_only=False)
            columns[name] = flat.astype(like.dtype).reshape((n, *like.shape[1:]))
    blank = unheard(sensors)
    told = zip(blank[1:], rest["bearing"], strict=True)
    arrays = [np.array(values, float).reshape(like.shape) for like, values in told]
    return Carried(
        State(**columns),
        Bearing(sensors, *arrays),
        {int(track): side for track, side in rest["sides"]},
        {int(t): tuple((float(n), float(at)) for n, at in told) for t, told in rest["counts"]},
        float(rest["last_s"]),
        int(rest["start_s"]),
        Working(*(np.array(column, float) for column in rest["working"])),
    )
