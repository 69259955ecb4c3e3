"""From files of detections to a table of tracks: what ``truceline fuse`` does (contract fusion)."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from truceline.model.classes import FUSION_CLASSES
from truceline.model.tables import TIME
from truceline.track.engine import ROOM, SLOTS, WIDTH, run
from truceline.track.inputs import Inputs, build_events
from truceline.track.types import CELL_M, NO_SHAPE, Array, Events, Ground, Rows, bare_ground, empty, grown

HISTORY = 24  # detections; half a minute of a drone's, four of a radar's, hours of a satellite's


@dataclass(frozen=True)
class Course:
    """What a run of the engine gives; rows in the order in which they were written."""

    number: Array  # (n,) int64: name of the track
    rows: Array  # (n, WIDTH), see engine.emit
    owner: Array  # per detection in the order of ``order``
    residual: Array
    tally: Array  # per event, see existence.works
    told: Array  # per sensor, see types.Ground
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


def output_times(inputs: Inputs, grid_s: float, start_us: int | None, end_us: int | None) -> Array:
    """Lay out the output times, int64 microseconds; none when there is nothing to go by."""
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
    return np.arange(start_us, end_us + 1, step, dtype=np.int64)


def follow(inputs: Inputs, times_us: Array, by_arrival: bool) -> Course:
    """Run the tracker over the inputs and write rows at the output times."""
    origin = int(times_us[0]) if len(times_us) else 0
    events, rows, order = build_events(inputs, by_arrival, origin)
    grid = (times_us - origin) / 1e6
    names = inputs.detections["detection_id"][order]
    owner, residual = np.zeros(len(order), np.int64), np.full((len(order), 6), np.nan)
    tally = np.zeros((len(events.time), 3))
    sensors = max(len(inputs.sensors["sensor_id"]), 1)
    state, ground = empty(256, HISTORY, sensors), _ground(events, rows, sensors)
    number, out = np.zeros(4096, np.int64), np.zeros((4096, WIDTH))
    renamed, begin = np.zeros((4096, 2), np.int64), np.zeros(5, np.int64)
    while True:
        why = run(
            state,
            ground,
            events,
            rows,
            names,
            grid,
            False,
            owner,
            residual,
            tally,
            number,
            out,
            renamed,
            begin,
        )
        if why == SLOTS:
            state = grown(state)
        elif why == ROOM:
            number = np.concatenate([number, np.zeros_like(number)])
            out = np.concatenate([out, np.zeros_like(out)])
            renamed = np.concatenate([renamed, np.zeros_like(renamed)])
        else:
            break
    _rename(owner, renamed[: begin[3]])
    return Course(
        number[: begin[2]], out[: begin[2]], owner, residual, tally, ground.told, order, events, rows, origin
    )


def _ground(events: Events, rows: Rows, sensors: int) -> Ground:
    """Cells over all that was looked at or seen, so that where they lie rests on no single row."""
    looked = events.shape != NO_SHAPE
    centre = events.field[looked, :2]
    extent = np.max(events.field[looked, 2:4], axis=1, initial=0.0)[:, None] * 1.5
    low = np.min(centre - extent, axis=0, initial=np.inf)
    high = np.max(centre + extent, axis=0, initial=-np.inf)
    if not looked.any():
        low = high = np.zeros(2)
    return bare_ground(np.floor(low / CELL_M) * CELL_M, high, sensors)


def _rename(owner: Array, renamed: Array) -> None:
    """Give rows of tracks that turned out to be the continuation of others the names of those."""
    final = dict(renamed.tolist())
    for old in reversed(list(final)):
        final[old] = final.get(final[old], final[old])
    if final:
        keys = np.array(sorted(final), np.int64)
        values = np.array([final[k] for k in keys.tolist()], np.int64)
        at = np.minimum(np.searchsorted(keys, owner), len(keys) - 1)
        owner[:] = np.where(keys[at] == owner, values[at], owner)


def tracks_table(course: Course, inputs: Inputs, times_us: Array) -> pa.Table:
    """Write TRACKS, sorted by time and track."""
    origin = int(times_us[0]) if len(times_us) else 0
    micro = origin + np.rint(course.rows[:, 0] * 1e6).astype(np.int64)
    sort = np.lexsort((course.number, micro))
    number, rows, micro = course.number[sort], course.rows[sort], micro[sort]
    columns: dict[str, pa.Array] = {
        "time": pa.array(micro).cast(TIME),
        "track_id": pa.array(number, pa.int64()),
    }
    for i, name in enumerate(("x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2", "vx_mps", "vy_mps", "existence")):
        columns[name] = pa.array(rows[:, 1 + i], pa.float64())
    for i, word in enumerate(FUSION_CLASSES):
        columns[f"p_{word}"] = pa.array(rows[:, 9 + i], pa.float64())
    if inputs.has_heights:
        columns["alt_agl_m"] = pa.array(rows[:, 18], mask=np.isnan(rows[:, 18]))
        columns["alt_sigma_m"] = pa.array(np.sqrt(rows[:, 19]), mask=np.isnan(rows[:, 19]))
    columns["last_phenomenon_time"] = pa.array(
        origin + np.rint(rows[:, 16] * 1e6).astype(np.int64)
    ).cast(TIME)  # fmt: skip
    columns["detections_used"] = pa.array(rows[:, 17].astype(np.int32))
    columns["detection_ids"] = _newly_used(course, inputs, number, micro, times_us)
    return pa.table(columns).replace_schema_metadata(inputs.metadata or None)


def _newly_used(course: Course, inputs: Inputs, number: Array, micro: Array, times_us: Array) -> pa.Array:
    """Per row the detections used since the track's row before, ascending."""
    grid = (times_us - times_us[0]) / 1e6 if len(times_us) else np.zeros(0)
    tracks = np.unique(number)
    ids = inputs.detections["detection_id"][course.order]
    mine = np.isin(course.owner, tracks)
    known = course.events.known[course.row_events()[mine]]
    wide = len(times_us) + 1
    row_key = np.searchsorted(tracks, number) * wide + np.searchsorted(times_us, micro)
    key = np.searchsorted(tracks, course.owner[mine]) * wide + np.searchsorted(grid, known)
    by_key = np.argsort(row_key, kind="mergesort")
    at = np.searchsorted(row_key[by_key], key)
    hit = at < len(by_key)
    hit[hit] = row_key[by_key[at[hit]]] // wide == key[hit] // wide
    row, ids = by_key[at[hit]], ids[mine][hit]
    sort = np.lexsort((ids, row))
    counts = np.bincount(row, minlength=len(number))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(ids[sort], pa.int64()))
