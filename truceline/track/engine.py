"""The tracker: events in, tracks out; causal, deterministic, no clock and no chance.

One pass over the events in the order in which they became known. A late detection is put back into
its track's history and the track is filtered forward from there. Existence follows Musicki, Evans
and Stankovic, IEEE TAC 39(6), 1994 (integrated probabilistic data association): a detection speaks
for a track by how much likelier it is than a false one or a stranger's, a look that shows nothing
speaks against it as far as that look would have shown it.
"""

import math

import numpy as np

from truceline.geo.loops import njit
from truceline.track.columns.column import keep_order
from truceline.track.columns.trail import follow_the_leaders
from truceline.track.life.areas import (
    AREA_M,
    Areas,
    draw_up,
    hand_over,
    is_out_of_date,
    make_areas,
)
from truceline.track.life.births import found_others
from truceline.track.life.continuity import come_into_force, place
from truceline.track.life.encounter import note_encounters, sort_out
from truceline.track.life.existence import ALIVE, RECENT_S, exists_at, is_alive, missed, odds_at, works
from truceline.track.life.gather import gather, gather_otherwise
from truceline.track.life.hypotheses import (
    keep_otherwise,
    note_rows,
    settle_hypotheses,
    weigh_otherwise,
)
from truceline.track.life.lately import missed_since, seen_since
from truceline.track.life.silence import note_shown
from truceline.track.pairing.ambiguity import loosen
from truceline.track.pairing.associate import LARGEST_CLUSTER, match
from truceline.track.pairing.convoy import move_convoys
from truceline.track.pairing.fellows import told_by_fellows
from truceline.track.state.appearance import compare, read_look
from truceline.track.state.history import at, insert
from truceline.track.state.kernel import folded, kernel
from truceline.track.state.meaning import LEAST_CLASS, among_its_fellows, common, learn, pace
from truceline.track.state.near import Near, Room, beside, make_near, make_room, seen_p
from truceline.track.state.regard import (
    burst_per_km2,
    pd_of,
    strangers,
    survey,
)
from truceline.track.state.types import (
    NO_SHAPE,
    SEEN,
    SEEN_MOVING,
    Array,
    Events,
    Ground,
    Rows,
    State,
    bare_ground,
    empty,
)

ODDS_CEILING = 9.0
DOUBT = 0.5  # log odds by which a thing exists less likely when none but a doubted sensor shows it
DONE, SLOTS, ROOM = 0, 1, 2
WIDTH = 20


@folded
def take_in(
    state: State,
    ground: Ground,
    near: Near,
    c: int,
    events: Events,
    e: int,
    rows: Rows,
    r: int,
    z: Array,
    reading: Array,
    gain: float,
    geodetic: bool,
) -> None:
    """Give a detection to a track; ``gain``: how much it speaks for existence, log."""
    s, time = near.slot[c], events.time[e]
    state.odds[s] = min(odds_at(state, s, time) + min(max(gain, -2.0), 8.0), ODDS_CEILING)
    state.odds_time[s] = max(time, state.odds_time[s])
    kind = SEEN_MOVING if events.min_speed[e] > 0 else SEEN
    x, p, mu = near.x[c], near.p[c], near.mu[c]
    insert(state, s, near.node[c], time, z, kind, geodetic, x, p, mu)
    i = at(state, s, state.nodes[s] - 1)
    if state.mu[s, i, 0] > 0.9:
        speed = math.sqrt(state.x[s, i, 0, 2] ** 2 + state.x[s, i, 0, 3] ** 2)
        speed -= 3 * math.sqrt(state.p[s, i, 0, 7] + state.p[s, i, 0, 9])
        state.fastest[s] = max(state.fastest[s], speed)
    teaches = state.alive[s] == ALIVE and state.by[s] != events.sensor[e]
    if teaches and state.used[s] > 1 and abs(time - state.last[s]) < RECENT_S:
        ground.told[state.by[s], events.sensor[e], 0] += 1
    state.by[s] = events.sensor[e]
    # the running mission keeps no ground from one piece of news to the next
    if not geodetic and state.alive[s] == ALIVE:
        compare(ground, state, s, events, e, reading)
    learn(state, s, events, e, rows, r, reading)
    note_shown(state, s, events.sensor[e])


@folded
def step(
    state: State, top: int, areas: Areas, ground: Ground, events: Events, e: int, rows: Rows, names: Array,
    geodetic: bool, near: Near, leaning: Near, room: Room, owner: Array, course: Array, tally: Array,
) -> int:  # fmt: skip
    """Take in one event: detections go to tracks or found some, silence counts against tracks.

    The answer is the bound of slots in use, or -1 where room is short and nothing was done.
    """
    n, loose = events.size[e], 0
    count = gather(state, areas, ground, events, e, rows, geodetic, near)
    last = gather_otherwise(state, ground, events, e, geodetic, near, count)
    follow_the_leaders(state, near, count, events.time[e], geodetic, room.whole[0])
    pd = pd_of(events, e)
    if n:
        found = pair_up(state, ground, near, leaning, count, events, e, rows, geodetic, room)
        if found < 0:
            return -1
        note_encounters(state, near, room, found, events.time[e])
        note_rows(near, room, n)
    weigh_otherwise(state, near, count, last, events, e, rows, geodetic, room)
    if n:
        last, top = keep_otherwise(state, near, count, last, room, found, events.time[e], top)
        loose = give(state, ground, near, count, last, events, e, rows, geodetic, room, found, owner, course)
    if events.shape[e] != NO_SHAPE:
        working = works(ground, near, count, events, e, tally) * ground.trusted[events.sensor[e]]
        for c in range(last):
            if c != count and near.taken[c] < 0:
                missed(state, ground, near, count, c, events, e, working, geodetic)
    settle_hypotheses(state, near, count, last, events.time[e])
    if loose:
        top = found_others(
            state, top, ground, events, e, rows, room, names, geodetic, near, count, owner,
        )  # fmt: skip
    born = 0
    for r in range(events.first[e], events.first[e] + n if loose else 0):
        born += owner[r] == names[r]
    hand_over(areas, state, near, count, top, born, events.time[e], geodetic)
    if not geodetic:  # cells are metres
        survey(ground, events, e, pd * ground.trusted[events.sensor[e]])
    return top


@folded
def pair_up(
    state: State, ground: Ground, near: Near, leaning: Near, count: int, events: Events, e: int, rows: Rows,
    geodetic: bool, room: Room,
) -> int:  # fmt: skip
    """Pair a look's detections with tracks; answer how many pairs there are, -1: room is short."""
    n, expected, loose = events.size[e], 0.0, 0
    strangers(ground, events, e, rows, room.strange, room.fresh)
    read_look(ground, events, e, rows, room)
    found = match(state, near, count, events, e, rows, geodetic, room)
    if found < 0:
        return -1
    for r in range(n):
        expected += room.strange[r] if room.fresh[r] > 0 else 0.0  # not what strays from its own look
        loose += room.chosen[r] < 0
    burst = burst_per_km2(ground, events, e, rows, loose, expected / n)
    if burst > 0:
        for r in range(n):
            room.strange[r] = room.fresh[r] + burst
        found = match(state, near, count, events, e, rows, geodetic, room)
        if found < 0:
            return -1
    pd = pd_of(events, e)
    if move_convoys(state, near, count, events, e, rows, room, found, pd, geodetic, leaning):
        found = match(state, leaning, count, events, e, rows, geodetic, room)
    return found


@folded
def give(
    state: State, ground: Ground, near: Near, count: int, last: int, events: Events, e: int, rows: Rows,
    geodetic: bool, room: Room, found: int, owner: Array, course: Array,
) -> int:  # fmt: skip
    """Give a look's detections to the tracks that they were paired with; answer how many are nobody's."""
    first, n, loose = events.first[e], events.size[e], 0
    z = rows.z[first : first + n]
    loosen(room, found, count, z, geodetic)
    told_by_fellows(state, near, count, room, z, geodetic)
    for i in range(n + last - count - 1):
        c = room.track[room.chosen[i]] if i < n and room.chosen[i] >= 0 else count + 1 + i - n
        if i < n and room.chosen[i] < 0:
            loose += 1
            continue
        r = near.row[c]
        if r < 0:
            continue
        near.taken[c] = r
        silence = math.log(1 - near.exists[c] * min(seen_p(near, c), 0.999))
        gain = near.score[c] + silence - math.log(max(near.exists[c], 1e-4))
        if ground.trusted[events.sensor[e]] == 0.0:
            gain = -DOUBT if state.by[near.slot[c]] == events.sensor[e] else 0.0
        if c < count:
            owner[first + r] = state.number[near.slot[c]]
            m = 0 if near.mu[c, 1] < 0.5 else 1
            course[first + r, 0], course[first + r, 1] = near.x[c, m, 2], near.x[c, m, 3]
        take_in(
            state, ground, near, c, events, e, rows, first + r, room.told[r], room.reading[r], gain, geodetic
        )
    return loose


@njit(cache=True, error_model="numpy")
def emit(
    state: State, top: int, ground: Ground, time: float, geodetic: bool, near: Near, number: Array,
    out: Array, at_row: int, renamed: Array, n_renamed: int,
) -> tuple[int, int]:  # fmt: skip
    """Write a row for each track in force at a time; answer the next free row and renaming.

    ``out`` rows: time, x, y, sxx, syy, sxy, vx, vy, existence, seven class probabilities, last
    phenomenon time, detections used, height, its variance.
    """
    n_renamed = come_into_force(state, top, ground, time, geodetic, near, renamed, n_renamed)
    things, classes, spots = 0.0, np.full(7, LEAST_CLASS), np.zeros((top, 8))
    seen, n = np.empty(top, np.int64), 0
    for s in range(top):
        if not is_alive(state, s, time):
            continue
        r = exists_at(state, s, time)
        things += r if r > 0.5 else 0.0
        if state.shown[s]:
            spots[s, 7] = r * place(state, s, time, geodetic, near, spots[s, :7])
            if spots[s, 7] > 0.5:
                seen[n] = s
                n += 1
    seen = seen[:n][np.argsort(spots[seen[:n], 0], kind="mergesort")]
    keep_order(state, top, time, spots, seen, geodetic)
    sort_out(state, top, ground, time, geodetic)
    shares = among_its_fellows(state, top)
    for s in range(top):
        if spots[s, 7] < 0.1 or not state.alive[s]:
            continue
        row = out[at_row]
        row[0], row[8] = time, spots[s, 7]
        for k in range(7):
            row[1 + k] = spots[s, k]
        common(ground, shares[s], row[9:16])
        classes += row[9:16]
        if state.met[s] == -np.inf and state.mu[s, at(state, s, state.nodes[s] - 1), 0] > 0.9:
            _note_pace(state, s)
        row[16], row[17] = state.last[s], state.used[s]
        row[18] = state.alt[s, 0]
        row[19] = state.alt[s, 1] + abs(time - state.alt[s, 2])
        number[at_row] = state.number[s]
        at_row += 1
    ground.classes[:] = classes / classes.sum()
    ground.density[0] = (1 + things) / (40 + ground.density[1])
    return at_row, n_renamed


@kernel
def _note_pace(state: State, s: int) -> None:
    i = at(state, s, state.nodes[s] - 1)
    x, p = state.x[s, i, 0], state.p[s, i, 0]
    pace(state, s, x[2], x[3], p[7] + p[9])


@njit(cache=True, error_model="numpy", nogil=True)
def run(
    state: State, ground: Ground, events: Events, rows: Rows, names: Array, grid: Array, geodetic: bool,
    area_m: float, owner: Array, course: Array, tally: Array, number: Array, out: Array, renamed: Array,
    begin: Array,
) -> int:  # fmt: skip
    """Take in events and write rows at the times of the grid, until done or until room is short.

    ``names`` holds the int64 name that a track founded by a row gets. ``grid`` holds output times;
    a row at ``t`` rests on events with ``known <= t``. Areas are ``area_m`` wide, which changes no answer.
    ``begin`` is event, grid time, output row,
    renaming and bound of slots in use to go on with, and is moved on. Filled are, per event,
    ``tally`` (see :func:`works`), per row of detections, ``owner`` (name of its track) and
    ``course`` (velocity that its track was expected to have; NaN where it founded one), per output row
    ``number`` (name of the track) and ``out`` (see :func:`emit`), and in ``renamed`` pairs of names
    of which the first goes on as the second, and since which place in the grid, ``-1 - place`` where
    it had been shown before. The answer is why it stopped (DONE, SLOTS or ROOM).
    """
    near, largest = make_near(len(state.alive) + 1), 1
    for size in events.size:
        largest = max(largest, size)
    leaning, pairs = beside(near), 4 * largest + 64
    room = make_room(len(state.alive), largest, pairs, LARGEST_CLUSTER)
    e, g, top = begin[0], begin[1], begin[4]
    areas = make_areas(len(state.alive), area_m)
    if top > 0 and e < len(events.time):
        draw_up(areas, state, top, events.time[e], geodetic)
    while e < len(events.time) or g < len(grid):
        if e < len(events.time) and (g >= len(grid) or events.known[e] <= grid[g]):
            alive = 0
            if top + 3 * events.size[e] > len(state.alive):  # two of each may be kept otherwise
                for s in range(top):
                    alive += state.alive[s] != 0
                if alive + 3 * events.size[e] > len(state.alive):
                    return SLOTS
            bound = step(
                state, top, areas, ground, events, e, rows, names, geodetic, near, leaning, room, owner,
                course, tally[e],
            )  # fmt: skip
            if bound < 0:
                pairs *= 2
                room = make_room(len(state.alive), largest, pairs, LARGEST_CLUSTER)
                continue
            top = bound
            while top > 0 and not state.alive[top - 1]:
                top -= 1
            if is_out_of_date(areas, top):
                draw_up(areas, state, top, events.time[e], geodetic)
            e += 1
            begin[0], begin[4] = e, top
        else:
            if begin[2] + top > len(out) or begin[3] + top > len(renamed):
                return ROOM
            known = begin[3]
            begin[2], begin[3] = emit(
                state, top, ground, grid[g], geodetic, near, number, out, begin[2], renamed, begin[3]
            )
            renamed[known : begin[3], 2] ^= g  # -1 - g is ~g
            draw_up(areas, state, top, grid[g], geodetic)
            g += 1
            begin[1] = g
    return DONE


def warm() -> None:
    """Compile, once per machine, what missions need, which takes a core two minutes."""
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    single = np.zeros(0, np.float32)
    rows = Rows(np.zeros((0, 8)), nothing, np.zeros((0, 7), np.float32), single, np.zeros((0, 2), np.float32))
    events = Events(
        nothing, nothing, none, none, none, none, none, np.zeros((0, 6)), nothing, nothing, nothing, none
    )
    state, number, out = empty(1, 2, 1), np.zeros(1, np.int64), np.zeros((1, WIDTH))
    run(
        state, bare_ground(np.zeros(2), np.zeros(2), 1), events, rows, none, nothing, True, AREA_M, none,
        np.zeros((0, 2), np.float32), np.zeros((0, 3)), number, out, np.zeros((1, 3), np.int64),
        np.zeros(5, np.int64),
    )  # fmt: skip
    seen_since(state, 0.0, True, number, out)
    missed_since(state, 0.0, True, make_near(1), number, number.copy(), out)
