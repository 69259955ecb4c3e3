"""The running tracker at work on one round: rows in, tracks, names and lessons about sensors out."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from truceline.track.engine import DONE, WIDTH, run
from truceline.track.life.areas import AREA_M
from truceline.track.life.continuity import come_into_force
from truceline.track.life.existence import ALIVE
from truceline.track.life.lately import missed_since, seen_since
from truceline.track.live.bearing import Bearing, added, corrected, lesson, taken_off
from truceline.track.live.carried import Carried, Numbers, handed_on, packed, unpacked, with_sensors
from truceline.track.live.looked import (
    Looked,
    joined_looks,
    looks_as_events,
    merged,
    moved_looks,
    some_looks,
)
from truceline.track.live.rounds import (
    NOTHING_TOLD,
    UNKNOWN,
    Heard,
    Told,
    events_of,
    first_heard,
    in_order,
    joined,
    part_of,
)
from truceline.track.live.watched import Remembered, Watched, watched
from truceline.track.sensors.expected import OWN_S
from truceline.track.state.near import make_near
from truceline.track.state.types import NO_SHAPE, Array, Events, Ground, bare_ground, grown
from truceline.view.counts import together
from truceline.view.watch import PEOPLE

NUMBERS = 16  # reports of one place that are kept
MARK_S = 60.0  # how often tracks come into force
DOUBTED_PER_KM2 = 10.0  # false detections of a sensor that others contradict
_NO_GRID = np.zeros(0)
Side = Callable[[float, Array], str | None]  # of the line, by time in seconds and place


class Seen(NamedTuple):
    """What a round showed: its tracks as they were when last seen in it, and the rows that they used.

    Behind them come tracks that were in force and that a look missed, as they were at the newest such look.
    """

    ids: Array  # (n,) int64, ascending; then those missed
    out: Array  # (n, WIDTH), see lately.seen_since and missed_since
    told: Array  # (n, 2) how many things were told of in its place, and how vague that is; 1: it is one
    side: tuple[str | None, ...]
    missed_by: tuple[str | None, ...]  # sensor of the look; None: it was seen
    owner: Array  # (rows,) the track that took each row, by the name that it had then
    entries: Array  # names, ascending
    entry: Array  # (rows,) which of them
    row: Array
    information: Array  # (rows,) 1/m2: what each said about the place


class Running:
    """A round that is followed; rows that come after those that were taken may be added.

    Parameters
    ----------
    before
        The tracker after the round before.
    start_s
        Of the round, seconds since 1970.
    side
        Tells the side of a first sighting.
    """

    def __init__(self, before: Carried, start_s: int, side: Side) -> None:
        self._begin = handed_on(before, start_s)
        self.taken = taken_off(self._begin.bearing)
        self.began_with = self._begin.bearing.sensors
        self.renamed: dict[int, int] = {}  # tracks that turned out to be others
        self.newest = (-math.inf, 0, "")  # time of what was taken, whether it is a look, and its entry
        self._side = side
        self._sensors = self.began_with
        self._state = unpacked(self._begin.state, max(len(self._sensors), 1))
        self._top = len(self._begin.state.alive)
        self._sides, self._counts = dict(self._begin.sides), dict(self._begin.counts)
        self._last_s = self._begin.last_s
        self._working = self._begin.working
        self._missed: dict[int, tuple[Array, str]] = {}  # row and sensor, by track
        self._parts: list[tuple[Told, Array, Array, Array]] = []  # as told, owner, course, information
        self._looked: list[Looked] = []  # as told
        self._watched: Watched | None = None

    def first_of(self, heard: Heard) -> tuple[float, int, str]:
        """Tell the first moment of what is to be taken, whether it is a look, and its entry."""
        told, looked = in_order(corrected(heard.told, self.taken)), self._looks([heard.looked])
        return min(_moments(told, looked, 0), default=(math.inf, 0, ""))

    def take(self, heard: list[Heard]) -> None:
        """Follow rows and looks that come after those taken before."""
        self._looked += [one.looked for one in heard]
        self._watched = None
        raw, looked = joined([one.told for one in heard]), self._looks([one.looked for one in heard])
        told = corrected(raw, self.taken)
        order = np.lexsort((told.row, told.entry, told.time))
        raw, told = part_of(raw, order), part_of(told, order)
        self._sensors = (*self._sensors, *first_heard(told, looked, self._sensors))
        self._state = with_sensors(self._state, max(len(self._sensors), 1))
        self._working = self._working.widened(len(self._sensors))
        owner = np.zeros(len(told.time), np.int64)
        course = np.full((len(told.time), 2), np.nan, np.float32)
        events = events_of(told, looked, self._sensors)
        doubted = [
            i for i, name in enumerate(self._sensors) if name in self.taken and not self.taken[name].trusted
        ]
        events.clutter[np.isin(events.sensor, doubted)] = DOUBTED_PER_KM2
        silent, sights = looks_as_events(looked, self._sensors)
        self._follow(merged(events, silent), sights, told, owner, course)
        for i in np.flatnonzero(owner == told.names).tolist():
            self._sides[int(owner[i])] = self._side(float(told.time[i]), told.places[i])
        for i in np.flatnonzero(told.things > 1).tolist():
            track = self._final(int(owner[i]))
            self._tell(track, ((float(told.things[i]), float(told.time[i])),))
        z = told.rows.z
        self._parts.append((raw, owner, course, 2 / (z[:, 2] + z[:, 3])))
        self.newest = max([self.newest, *_moments(told, looked, -1)])

    def _looks(self, parts: list[Looked]) -> Looked:
        """Give looks in order, those of sensors that others contradict left out, the others put right."""
        moves = {s: (off.east_m, off.north_m, off.clock_s) for s, off in self.taken.items() if off.trusted}
        doubted = [s for s, off in self.taken.items() if not off.trusted]
        looked = moved_looks(joined_looks(parts), moves)
        looked = some_looks(looked, np.flatnonzero(~np.isin(looked.sensor, doubted)))
        return some_looks(looked, np.lexsort((looked.row, looked.entry, looked.time)))

    def learn(self, bearing: Bearing) -> None:
        """Take over what became known of sensors before the round, where nothing else is taken off."""
        self._begin = self._begin._replace(bearing=bearing)

    def carried(self) -> tuple[Carried, Bearing]:
        """Give the tracker after the rows taken so far, and what they say about the sensors."""
        state = packed(self._state, self._last_s)
        alive = set(state.number.tolist())
        told, owner, course, _ = self._all()
        learnt = lesson(self._sensors, told, owner, course, self.watched())
        after = Carried(
            state,
            added(self._begin.bearing, learnt),
            {track: side for track, side in self._sides.items() if track in alive},
            {track: told for track, told in self._counts.items() if track in alive},
            self._last_s,
            self._begin.start_s,
            self._working.rounded(),
        )
        return after, learnt

    def watched(self) -> Watched:
        """Sum up what the looks showed so far."""
        if self._watched is None:
            told, owner, course, _ = self._all()
            doubted = [name for name, off in self.taken.items() if not off.trusted]
            self._watched = watched(self._looked, told, owner, course, self._remembered(), doubted)
        return self._watched

    def _remembered(self) -> Remembered:
        """Tell which tracks were seen shortly before the round."""
        state = self._begin.state
        ids, out = np.zeros(len(state.alive), np.int64), np.zeros((len(state.alive), WIDTH))
        n = seen_since(state, self._begin.start_s - OWN_S, True, ids, out)
        by = dict(zip(state.number.tolist(), state.by.tolist(), strict=True))
        names = (*self.began_with, UNKNOWN)  # the last one is number -1
        return Remembered(
            track=ids[:n],
            time=out[:n, 0],
            sensor=np.array([names[by[track]] for track in ids[:n].tolist()], np.str_),
            place=out[:n, [2, 1]],
            variance=out[:n, 3],
            velocity=out[:n, 6:8],
            used=out[:n, 17],
        )

    def seen(self) -> Seen:
        """Give the tracks seen in the round, and those that a look missed."""
        state = self._state
        ids, out = np.zeros(len(state.alive), np.int64), np.zeros((len(state.alive), WIDTH))
        n = seen_since(state, float(self._begin.start_s), True, ids, out) if self._parts else 0
        order = np.argsort(ids[:n], kind="mergesort")
        missed = [(row[None], by, track) for track, (row, by) in sorted(self._missed.items())]
        tracks = [*ids[:n][order].tolist(), *(track for _, _, track in missed)]
        told, owner, _, information = self._all()
        rows = np.concatenate([out[:n][order], *(row for row, _, _ in missed)])
        heard = [self._told(track, time) for track, time in zip(tracks, rows[:, 0].tolist(), strict=True)]
        entries, entry = np.unique(told.entry, return_inverse=True)
        return Seen(
            ids=np.array(tracks, np.int64),
            out=rows,
            told=np.array(heard, float).reshape(-1, 2),
            side=tuple(self._sides.get(track) for track in tracks),
            missed_by=(None,) * n + tuple(by for _, by, _ in missed),
            owner=owner,
            entries=entries,
            entry=entry.astype(np.int32),
            row=told.row,
            information=information,
        )

    def _told(self, track: int, time_s: float) -> tuple[float, float]:
        return together(self._counts[track], time_s) if track in self._counts else (1.0, 0.0)

    def _all(self) -> tuple[Told, Array, Array, Array]:
        """Put what was taken behind one another."""
        if not self._parts:
            return NOTHING_TOLD, np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0)
        told, owner, course, information = zip(*self._parts, strict=True)
        return joined(told), np.concatenate(owner), np.concatenate(course), np.concatenate(information)

    def _follow(self, events: Events, sights: Array, told: Told, owner: Array, course: Array) -> None:
        """Run the engine; each minute tracks come into force."""
        if not len(events.time):
            return
        ground = self._ground(sights)
        tally, begin = np.zeros((len(events.time), 3)), np.zeros(5, np.int64)
        none, nothing, no_names = np.zeros(1, np.int64), np.zeros((1, WIDTH)), np.zeros((1, 3), np.int64)
        begin[4] = self._top
        minute = np.floor(events.time / MARK_S)
        people = self._sensors.index(PEOPLE) if PEOPLE in self._sensors else -1
        cuts = {*(np.flatnonzero(np.diff(minute)) + 1).tolist(), len(minute)}
        for until in sorted(cuts.union((np.flatnonzero(events.sensor == people) + 1).tolist())):
            mark = (math.floor(self._last_s / MARK_S) + 1) * MARK_S if self._last_s > 0 else math.inf
            if events.time[begin[0]] >= mark:
                self._come_into_force(int(begin[4]), mark)
            stretch = Events(*(column[:until] for column in events))
            while (
                run(
                    self._state, ground, stretch, told.rows, told.names, _NO_GRID, True, AREA_M, owner,
                    course, tally, none, nothing, no_names, begin,
                )
                != DONE
            ):  # fmt: skip
                self._state = grown(self._state)
            self._last_s = float(events.time[until - 1])
            if events.sensor[until - 1] == people:
                self._believe(owner[stretch.first[-1] :][: stretch.size[-1]])
            if (stretch.shape != NO_SHAPE).any():
                self._note_missed()
        self._top = int(begin[4])

    def _ground(self, sights: Array) -> Ground:
        """Carry on what is known of whether sensors work; of ground that nobody has seen nothing is known."""
        ground = bare_ground(np.zeros(2), np.zeros(2), max(len(self._sensors), 1))
        return ground._replace(jammed=self._working.jammed, heard=self._working.heard, sights=sights)

    def _note_missed(self) -> None:
        """Note the tracks that looks of this round missed; such a track may end before the round does."""
        slots = len(self._state.alive)
        number, by, out = np.zeros(slots, np.int64), np.zeros(slots, np.int64), np.zeros((slots, WIDTH))
        near, since = make_near(slots), float(self._begin.start_s)
        n = missed_since(self._state, since, True, near, number, by, out)
        for i in range(n):
            self._missed[int(number[i])] = out[i], self._sensors[by[i]]

    def _believe(self, tracks: Array) -> None:
        """Show at once what a person has seen: one look of theirs is worth many of a machine."""
        mine = np.isin(self._state.number, tracks) & (self._state.alive == ALIVE) & (self._state.odds >= 0)
        self._state.shown[mine] = 1

    def _come_into_force(self, top: int, time_s: float) -> None:
        """Show the tracks that are likely enough, each by the name of the one that it continues."""
        renamed = np.zeros((top, 3), np.int64)
        ground, near = bare_ground(np.zeros(2), np.zeros(2), 1), make_near(len(self._state.alive))
        n = come_into_force(self._state, top, ground, time_s, True, near, renamed, 0)
        for new, old, _ in renamed[:n].tolist():
            self.renamed[new] = old
            self._sides.pop(new, None)
            self._tell(old, self._counts.pop(new, ()))

    def _tell(self, track: int, numbers: Numbers) -> None:
        """Add what was told of how many things there are in a track's place; the newest are kept."""
        if numbers:
            told = sorted({*self._counts.get(track, ()), *numbers}, key=lambda one: (one[1], one[0]))
            self._counts[track] = tuple(told[-NUMBERS:])

    def _final(self, track: int) -> int:
        while track in self.renamed:
            track = self.renamed[track]
        return track


def _moments(told: Told, looked: Looked, at: int) -> list[tuple[float, int, str]]:
    """Tell the first (0) or last (-1) of the rows and of the looks, all in order."""
    found = []
    if len(told.time):
        found.append((float(told.time[at]), 0, str(told.entry[at])))
    if len(looked.time):
        found.append((float(looked.time[at]), 1, str(looked.entry[at])))
    return found
