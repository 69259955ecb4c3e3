"""From files of detections to a table of tracks: what ``truceline fuse`` does (contract fusion)."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.tables import TIME
from truceline.track.columns.impression import seen_by
from truceline.track.columns.rollcall import call_names
from truceline.track.engine import ROOM, SLOTS, WIDTH, run
from truceline.track.files.alone import loose_alone, part
from truceline.track.files.inputs import Inputs, build_events
from truceline.track.life.areas import AREA_M
from truceline.track.sensors.minutes import BORNE_OUT, Minutes, Shown, by_minute, is_loose, joined
from truceline.track.sensors.registration import Offsets, Registration, correct
from truceline.track.sensors.torn import torn
from truceline.track.sensors.trust import DOUBTED, borne_out, trusted
from truceline.track.state.types import (
    CELL_M,
    NO_SHAPE,
    Array,
    Events,
    Ground,
    Rows,
    bare_ground,
    empty,
    grown,
)

STRETCH_S = 300.0  # of news, by the clock
PART = 65_536  # detections
WITHIN = 3.0  # standard deviations: how far off a thing may be that a person tells of
MOST_TIMES = 10_000_000  # more than nine years in steps of 30 s
HISTORY = 24  # detections; half a minute of a drone's, four of a radar's, hours of a satellite's


@dataclass(frozen=True)
class Course:
    """What a run of the engine gives; rows in the order in which they were written."""

    number: Array  # (n,) int64: name of the track
    rows: Array  # (n, WIDTH), see engine.emit
    owner: Array  # per detection in the order of ``order``
    since: Array  # output time, counted from 0, from which on it is the owner's
    velocity: Array  # expected of its track, NaN where it founded one
    tally: Array  # per event, see existence.works
    told: Array  # per sensor, see types.Ground
    minutes: Minutes
    doubts: list[tuple[int, int, int]]  # sensor, first and last minute of a stretch, see trust.borne_out
    offsets: Offsets
    order: Array
    events: Events
    detections: Rows
    origin_us: int  # of all times in seconds

    def row_events(self) -> Array:
        """Per row of detections the event that it belongs to."""
        full = np.flatnonzero(self.events.size)
        full = full[np.argsort(self.events.first[full])]
        return np.repeat(full, self.events.size[full])

    def row_times(self) -> Array:
        """Per row of detections its phenomenon time, seconds."""
        return self.events.time[self.row_events()]

    def row_sensors(self) -> Array:
        """Per row of detections the number of its sensor."""
        return self.events.sensor[self.row_events()]


def without_measurements(course: Course) -> Course:
    """Let go of what was measured, which a table of tracks does not show."""
    return replace(course, detections=Rows(*(a[:0].copy() for a in course.detections)))


def output_times(inputs: Inputs, grid_s: float, start_us: int | None, end_us: int | None) -> Array:
    """Lay out the output times, int64 microseconds; none when there is nothing to go by.

    Raises
    ------
    BadInput
        If there are more than :data:`MOST_TIMES`.
    """
    seen = [inputs.detections["phenomenon_time"]]
    if inputs.looks is not None:
        seen.append(inputs.looks["phenomenon_time"])
    times = np.concatenate(seen)
    step = round(grid_s * 1e6)
    if start_us is None or end_us is None:
        if not len(times):
            return np.zeros(0, np.int64)
        start_us = int(times.min()) // 60_000_000 * 60_000_000 if start_us is None else start_us
        if end_us is None:
            end_us = start_us - (start_us - int(times.max())) // step * step
    n = (end_us - start_us) // step + 1
    if n > MOST_TIMES:
        first, last = (np.datetime64(moment, "us").astype("datetime64[m]") for moment in (start_us, end_us))
        raise BadInput(
            "--start, --end, --grid-s",
            f"{n} output times from {first}Z to {last}Z in steps of {grid_s:g} s; {MOST_TIMES} at most",
        )
    return np.arange(start_us, end_us + 1, step, dtype=np.int64)


def follow(inputs: Inputs, times_us: Array, by_arrival: bool, area_m: float = AREA_M) -> Course:
    """Run the tracker over the inputs and write rows at the output times.

    Every :data:`STRETCH_S` the sensors are asked how they lie to one another, and what comes after is
    corrected by it. Tracks are kept in areas so wide, which changes no answer (see areas).
    """
    origin = int(times_us[0]) if len(times_us) else 0
    events, rows, order = build_events(inputs, by_arrival, origin)
    grid = (times_us - origin) / 1e6
    course = _Run(inputs, events, rows, inputs.detections["detection_id"][order], grid, area_m)
    stretch = np.floor((events.known + origin / 1e6) / STRETCH_S)
    for until in [*(np.flatnonzero(np.diff(stretch)) + 1).tolist(), len(events.time)]:
        course.go_on(until)
    number, written = course.all_written()
    renamed = course.renamed[: course.begin[3]]
    if by_arrival:  # rows that were written stay
        renamed = renamed[renamed[:, 2] >= 0]
    else:
        _rename(number, renamed)
        once = _once(number, written)
        number, written = number[once], written[once]
    since = _rename(course.owner, renamed)
    done = Course(
        number, written, course.owner, since, course.velocity, course.tally, course.ground.told,
        joined(course.minutes, len(course.place)), course.doubts, course.registration.judge(), order, events,
        rows, origin,
    )  # fmt: skip
    del course, written  # names are called when there is room again
    return called(done, grid) if by_arrival else done  # looking back begins from tracks as they are


class _Run:
    """The engine at work, stretch by stretch."""

    def __init__(
        self, inputs: Inputs, events: Events, rows: Rows, names: Array, grid: Array, area_m: float
    ) -> None:
        self.area_m = area_m
        self.events, self.rows, self.names, self.grid = events, rows, names, grid
        sensors = inputs.sensors
        of = np.argsort(sensors["sensor_id"].astype(str))
        self.admitted = np.nan_to_num(sensors["bias_sigma_m"][of])
        self.place = np.stack([sensors["x_m"][of], sensors["y_m"][of]], 1)
        self.registration = Registration(self.admitted, self.place)
        self.state = empty(256, HISTORY, max(len(of), 1))
        self.ground = _ground(events, rows, max(len(of), 1))
        self.owner = np.zeros(len(names), np.int64)
        self.borne_out = np.ones(max(len(of), 1))
        self.contradicted = np.zeros(
            max(len(of), 1), np.bool_
        )  # others, or itself, where it was borne out last
        self.minutes: list[Minutes] = []
        self.doubts: list[tuple[int, int, int]] = []
        self.velocity = np.full((len(names), 2), np.nan, np.float32)
        self.tally = np.zeros((len(events.time), 3))
        self.number, self.out = np.zeros(4096, np.int64), np.zeros((4096, WIDTH))
        self.written: list[tuple[Array, Array]] = []
        self.renamed, self.begin = np.zeros((4096, 3), np.int64), np.zeros(5, np.int64)

    def go_on(self, until: int) -> None:
        """Take in the events before ``until``, and learn from them how the sensors lie."""
        since, whole = int(self.begin[0]), until == len(self.events.time)
        mine = slice(since, until)
        size = self.events.size[mine]
        first = int(self.events.first[mine][size > 0].min(initial=len(self.names)))
        here = slice(first, first + int(size.sum()))
        sensor, sortie = np.repeat(self.events.sensor[mine], size), np.repeat(self.events.sortie[mine], size)
        time, told = np.repeat(self.events.time[mine], size), self.rows.z[here, :5].copy()
        told[:, 2:4] -= self.rows.bias2[here, None]
        if since:
            self._correct(mine, here, sensor, sortie)
        grid = self.grid if whole else self.grid[: np.searchsorted(self.grid, self.events.known[until])]
        self._run(Events(*(a[:until] for a in self.events)), grid)
        n, self.begin[2] = int(self.begin[2]), 0
        self.written.append((self.number[:n].copy(), self.out[:n].copy()))
        loose = is_loose(self.owner[here], sensor, time, told)
        leaps = torn(self.owner[here], sensor, time, told, len(self.borne_out))
        self._ask_alone(loose, mine, sensor, leaps)
        self._mean_tracks(loose, here, np.repeat(self.events.shape[mine], size))
        shown = Shown(sensor, time, told[:, :2], loose)
        stretch = by_minute(
            Events(*(a[mine] for a in self.events)), self.tally[mine], shown, len(self.borne_out)
        )
        self.minutes.append(stretch)
        said = borne_out(stretch, DOUBTED)
        believed = trusted(self.ground.told) * np.where(said == 0, self.borne_out, said > 0)
        owner = np.where(believed[sensor] > 0, self.owner[here], 0)  # who lies teaches nothing of the others
        heard = self.registration.learn(owner, time, sensor, sortie, told, self.velocity[here].astype(float))
        said = np.where(heard == 0, -1, said)
        self.contradicted = np.where(said == 0, self.contradicted, heard == 0)
        self.borne_out = np.where(said == 0, self.borne_out, said > 0)
        for m in np.flatnonzero((borne_out(stretch) < 0) | (heard == 0)).tolist():
            self.doubts.append((m, stretch.first, stretch.first + stretch.sums.shape[1]))

    def _ask_alone(self, loose: Array, mine: slice, sensor: Array, leaps: Array) -> None:
        """Ask a sensor that nothing bears out, or whose tracks leap, alone: others may do that to them."""
        doubted, sensors = (self.borne_out == 0) & ~self.contradicted, len(self.borne_out)
        for m in np.flatnonzero(doubted | leaps).tolist():
            which = mine.start + np.flatnonzero(self.events.sensor[mine] == m)
            if (self.events.shape[which] != NO_SHAPE).any():
                taken = part(self.events, self.rows, self.names, which)
                own = loose_alone(*taken, _ground(taken[0], taken[1], sensors), self.area_m)
                if doubted[m] or own.all():
                    loose[sensor == m] = own

    def _mean_tracks(self, loose: Array, here: slice, shape: Array) -> None:
        """Take from ``loose`` what people tell, late and vague, where a track that is known can be meant."""
        owner, z = self.owner[here], self.rows.z[here]
        known = (self.state.alive != 0) & (self.state.used >= BORNE_OUT)
        loose &= (shape != NO_SHAPE) | ~np.isin(owner, self.state.number[known])
        there = self.state.box[known, :2]
        for r in np.flatnonzero(loose & (shape == NO_SHAPE)).tolist():
            within2 = WITHIN**2 * max(z[r, 2], z[r, 3])
            loose[r] = (((there - z[r, :2]) ** 2).sum(1) > within2).all()

    def all_written(self) -> tuple[Array, Array]:
        """Names and rows of all stretches, one after the other; the stretches are let go of."""
        number = np.concatenate([n for n, _ in self.written])
        rows, end = np.empty((len(number), WIDTH)), len(number)
        while self.written:
            _, last = self.written.pop()
            rows[end - len(last) : end] = last
            end -= len(last)
        return number, rows

    def _correct(self, mine: slice, here: slice, sensor: Array, sortie: Array) -> None:
        offsets = self.registration.judge()
        self.ground.trusted[:] = trusted(self.ground.told) * self.borne_out
        offsets.clear[self.ground.trusted == 0] = False
        correct(self.rows.z[here], self.rows.bias2[here], sensor, sortie, offsets, self.admitted, self.place)
        of = self.events.sensor[mine]
        self.events.time[mine] += np.where(offsets.clear[of, 1], offsets.value[of, 2], 0.0)

    def _run(self, events: Events, grid: Array) -> None:
        while True:
            why = run(
                self.state, self.ground, events, self.rows, self.names, grid, False, self.area_m, self.owner,
                self.velocity, self.tally, self.number, self.out, self.renamed, self.begin,
            )  # fmt: skip
            if why == SLOTS:
                self.state = grown(self.state)
            elif why == ROOM:
                self.number = np.concatenate([self.number, np.zeros_like(self.number)])
                self.out = np.concatenate([self.out, np.zeros_like(self.out)])
                self.renamed = np.concatenate([self.renamed, np.zeros_like(self.renamed)])
            else:
                break


def _ground(events: Events, rows: Rows, sensors: int) -> Ground:
    """Cells over all that was looked at or seen, so that where they lie rests on no single row."""
    field = events.field[events.shape != NO_SHAPE].T
    if not field.size:
        return bare_ground(np.zeros(2), np.zeros(2), sensors)
    extent = 1.5 * np.maximum(field[2], field[3])
    low = np.array([(field[k] - extent).min() for k in (0, 1)])
    high = np.array([(field[k] + extent).max() for k in (0, 1)])
    return bare_ground(np.floor(low / CELL_M) * CELL_M, high, sensors)


class _Places:
    """Rows by track and output time (its number in the grid)."""

    def __init__(self, number: Array, at: Array, wide: int) -> None:
        self.number, self.wide = number, wide
        self.tracks, track = np.unique(number, return_inverse=True)
        key = track * wide + at
        self.order = np.argsort(key)
        self.key = key[self.order]

    def first_rows(self, course: Course, grid: Array) -> Array:
        """Give, per detection, the row in which its track first shows what it has from it; -1: none does.

        Detections are gone through in parts: they are many.
        """
        event, out = course.row_events(), np.empty(len(course.owner), np.int32)
        for first in range(0, len(out), PART):
            here = slice(first, first + PART)
            since = np.searchsorted(grid, course.events.known[event[here]])
            out[here] = self._rows_of(course.owner[here], np.maximum(since, course.since[here]))
        return out

    def _rows_of(self, owner: Array, since: Array) -> Array:
        own = np.minimum(np.searchsorted(self.tracks, owner), len(self.tracks) - 1)
        first = np.searchsorted(self.key, own * self.wide + since)
        row = self.order[np.minimum(first, len(self.key) - 1)]
        return np.where((first < len(self.key)) & (self.number[row] == owner), row, -1)

    def so_far(self, counts: Array) -> Array:
        """Add up, per row, what its track's rows until then count."""
        total, track = np.cumsum(counts[self.order]), self.key // self.wide
        begin, out = np.searchsorted(track, track), np.empty_like(total)
        out[self.order] = total - np.where(begin > 0, total[begin - 1], 0)
        return out


def called(course: Course, grid: Array) -> Course:
    """Give rows, in order of time, and detections the names that are called (see rollcall).

    The rows of ``course`` are taken over.
    """
    if not len(course.number):
        return course
    at, event = np.searchsorted(grid, course.rows[:, 0]), course.row_events()
    row = _Places(course.number, at, len(grid) + 1).first_rows(course, grid)
    sensor, sortie = course.events.sensor[event], course.events.sortie[event]
    seen = seen_by(row, len(at), sensor, sortie, course.detections.p)
    number = call_names(course.number, course.rows, seen)
    owner = np.where(row >= 0, number[row], course.owner)
    since = np.where(row >= 0, at[row], len(grid)).astype(np.int32)
    course, after = (
        replace(course, number=number, owner=owner, since=since),
        _Places(number, at, len(grid) + 1),
    )
    row = after.first_rows(course, grid)
    course.rows[:, 17] = after.so_far(np.bincount(row[row >= 0], minlength=len(number)))
    return course


def _once(number: Array, rows: Array) -> Array:
    """Of rows of one track and time, keep the one that rests on the newest detection."""
    order = np.lexsort((rows[:, 16], rows[:, 0], number))
    keep = np.ones(len(order), np.bool_)
    same = (np.diff(number[order]) == 0) & (np.diff(rows[order, 0]) == 0)
    keep[order[:-1][same]] = False
    return keep


def _rename(owner: Array, renamed: Array) -> Array:
    """Give rows of tracks that turned out to be the continuation of others the names of those.

    Answers, per row, the output time (counted from 0) from which on it is so.
    """
    final = {old: (new, since) for old, new, since in renamed.tolist()}
    for old in reversed(list(final)):
        new, since = final[old]
        if new in final:
            final[old] = final[new][0], max(since, final[new][1])
    if not final:
        return np.zeros(len(owner), np.int32)
    keys = np.array(sorted(final), np.int64)
    values = np.array([final[k] for k in keys.tolist()], np.int64)
    at = np.minimum(np.searchsorted(keys, owner), len(keys) - 1)
    hit = keys[at] == owner
    owner[:] = np.where(hit, values[at, 0], owner)
    return np.where(hit, values[at, 1], 0).astype(np.int32)


def tracks_table(course: Course, inputs: Inputs, times_us: Array) -> pa.Table:
    """Write TRACKS, sorted by time and track."""
    origin = int(times_us[0]) if len(times_us) else 0
    micro = origin + np.rint(course.rows[:, 0] * 1e6).astype(np.int64)
    sort = np.lexsort((course.number, micro))
    number, micro = course.number[sort], micro[sort]

    def column(k: int) -> Array:
        return np.asarray(course.rows[:, k][sort])

    columns: dict[str, pa.Array] = {
        "time": pa.array(micro).cast(TIME),
        "track_id": pa.array(number, pa.int64()),
    }
    for i, name in enumerate(("x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2", "vx_mps", "vy_mps", "existence")):
        columns[name] = pa.array(column(1 + i), pa.float64())
    for i, word in enumerate(FUSION_CLASSES):
        columns[f"p_{word}"] = pa.array(column(9 + i), pa.float64())
    if inputs.has_heights:
        height, variance = column(18), column(19)
        columns["alt_agl_m"] = pa.array(height, mask=np.isnan(height))
        columns["alt_sigma_m"] = pa.array(np.sqrt(variance), mask=np.isnan(height))
    columns["last_phenomenon_time"] = pa.array(
        origin + np.rint(column(16) * 1e6).astype(np.int64)
    ).cast(TIME)  # fmt: skip
    columns["detections_used"] = pa.array(column(17).astype(np.int32))
    columns["detection_ids"] = _newly_used(course, inputs, number, micro, times_us)
    return pa.table(columns).replace_schema_metadata(inputs.metadata or None)


def _newly_used(course: Course, inputs: Inputs, number: Array, micro: Array, times_us: Array) -> pa.Array:
    """Per row the detections used since the track's row before, ascending."""
    if not len(number):
        return pa.ListArray.from_arrays(pa.array([0], pa.int32()), pa.array([], pa.int64()))
    places = _Places(number, np.searchsorted(times_us, micro), len(times_us) + 1)
    row = places.first_rows(course, (times_us - times_us[0]) / 1e6)
    mine = np.flatnonzero(row >= 0)
    row, ids = row[mine], inputs.detections["detection_id"][course.order[mine]]
    sort = np.lexsort((ids, row))
    counts = np.bincount(row, minlength=len(number))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(ids[sort], pa.int64()))
