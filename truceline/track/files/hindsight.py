"""Look back over a run: every row of a track rests on all that is known of it, before and after.

A thing was there before it was first seen and after it was last seen, as long as no look that should
have shown it did not. Where one did, it came or went at some moment between the two, any as likely.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from truceline.geo.loops import njit
from truceline.track.engine import WIDTH
from truceline.track.files.fusing import Course, called
from truceline.track.files.smooth import smooth_track
from truceline.track.state.meaning import PERSON
from truceline.track.state.regard import inside, pd_of, sees_speed
from truceline.track.state.types import NO_SHAPE, Array, Events

EARLIER_S = 90.0  # the place of what drives is vague beyond
DOUBT = 0.2  # a thing that looks would have shown but once in so many times was not there
ABOUT2 = 1e4  # m2, see motion.settle


def look_back(course: Course, grid: Array, workers: int) -> Course:
    """Replace each track's rows by smoothed ones, and take back what turned out to be gone.

    Parameters
    ----------
    course
        A run in the order of phenomenon times.
    grid
        Output times, seconds after the run's origin, ascending.
    workers
        Threads; never changes the answer.
    """
    if not len(course.number):
        return course
    times = course.row_times()
    firm = {n for n, row in zip(course.number.tolist(), course.rows, strict=True) if row[8] >= 0.5}
    by_track = np.argsort(course.number, kind="mergesort")
    tracks, begins = np.unique(course.number[by_track], return_index=True)
    by_owner = np.argsort(course.owner, kind="mergesort")
    owners, firsts = np.unique(course.owner[by_owner], return_index=True)
    owned = dict(zip(owners.tolist(), np.split(by_owner, firsts[1:]), strict=True))

    def one(job: tuple[int, Array]) -> tuple[Array, Array]:
        name, piece = job
        if name not in firm:
            return course.number[piece], course.rows[piece]
        mine = owned[name]
        mine = mine[np.argsort(times[mine], kind="mergesort")]
        rows = _looked_back(course, course.rows[piece], times[mine], mine, grid)
        return np.full(len(rows), name, np.int64), rows

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        done = list(pool.map(one, zip(tracks.tolist(), np.split(by_track, begins[1:]), strict=True)))
    number, rows = (np.concatenate(parts) for parts in zip(*done, strict=True))
    by_time = np.argsort(rows[:, 0], kind="mergesort")
    return called(replace(course, number=number[by_time], rows=rows[by_time]), grid)


def _looked_back(course: Course, rows: Array, time: Array, mine: Array, grid: Array) -> Array:
    """Rows of one firm track: smoothed between its detections and before, as they were after them."""
    detections, events, last = course.detections, course.events, rows[-1]
    times = grid[(grid >= time[0] - EARLIER_S) & (grid <= time[-1])]
    new = np.zeros((len(times), WIDTH))
    new[:, 0] = times
    new[:, 1:8] = smooth_track(time, detections.z[mine], times)
    used = np.searchsorted(time, times, "right")
    share = np.cumsum(detections.bias2[mine])[np.maximum(used, 1) - 1] / np.maximum(used, 1)
    new[:, 3] += share
    new[:, 4] += share
    spread = 0.5 * (new[:, 3] + new[:, 4])
    new[:, 8] = 0.99 * (1 - 2 * spread / ABOUT2 * (1 - np.exp(-ABOUT2 / (2 * spread))))
    new[:, 16], new[:, 17] = time[np.maximum(used, 1) - 1], used
    if len(times):
        before = np.clip(np.searchsorted(rows[:, 0], times, "right") - 1, 0, len(rows) - 1)
        new[:, 18:] = rows[before, 18:]
    after = rows[rows[:, 0] > time[-1]]
    jammed, person = course.tally[:, 2], float(last[9 + PERSON])
    ends, starts = detections.z[mine[-1]], detections.z[mine[0]]
    gone = contradicted(events, jammed, time[-1], ends, after, person, 1)
    early = new[used == 0][::-1].copy()
    came = contradicted(events, jammed, time[0], starts, early, person, -1)
    kept = (used > 0) | ((times > 0.5 * (came + time[0])) & (new[:, 8] >= 0.5))
    new = np.concatenate([new[kept], after[after[:, 0] < 0.5 * (gone + time[-1])]])
    new[:, 9:16] = last[9:16]
    return new


@njit(cache=True, error_model="numpy", nogil=True)
def contradicted(
    events: Events, jammed: Array, time: float, z: Array, path: Array, person: float, way: int
) -> float:
    """Tell when looks had contradicted that a thing was on its path; infinite: never.

    Parameters
    ----------
    events, jammed
        Of a run in the order of phenomenon times, and the probability that each saw nothing at all.
    time, z
        When and where (x, y) the path begins.
    path
        Rows of the track (see engine.emit) in the order in which the path goes.
    person
        Probability that it is a person, whom satellites do not see.
    way
        1: the path goes forward in time, -1: back.
    """
    doubt, x0, y0, t0 = 1.0, z[0], z[1], time
    e = int(np.searchsorted(events.time, time)) - 1
    if way > 0:
        e = int(np.searchsorted(events.time, time, "right"))
    for k in range(len(path)):
        t1, x1, y1 = path[k, 0], path[k, 1], path[k, 2]
        speed = math.hypot(path[k, 6], path[k, 7])
        while 0 <= e < len(events.time) and (events.time[e] - t1) * way <= 0:
            if events.shape[e] != NO_SHAPE:
                f = (events.time[e] - t0) / (t1 - t0)
                dx = x0 + f * (x1 - x0) - events.field[e, 0]
                dy = y0 + f * (y1 - y0) - events.field[e, 1]
                if inside(dx, dy, events.shape[e], events.field[e]):
                    shown = pd_of(events, e) * (1 - jammed[e])
                    shown *= sees_speed(events.min_speed[e], speed, 1.0)
                    doubt *= 1 - shown * (1 - person * events.sight[e])
                    if doubt < DOUBT:
                        return float(events.time[e])
            e += way
        x0, y0, t0 = x1, y1, t1
    return float(way * np.inf)
