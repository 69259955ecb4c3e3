"""What was looked at and what was not: health of the sources, and the line's unobserved stretches."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import shapely

from truceline.log.fold import Fold
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Detections, Observation, Report
from truceline.model.place import Span
from truceline.view.frame import Frame, frame_of

_SOURCE = "source:"  # what the actor of a source begins with
CLOCK = "clock"  # source name of the node's own ticks
TRACKER = "engine:fuse"  # says in observations what the tracks tell of a sensor; they look at no ground
WITNESS = "engine:witness"  # reads what people report as rows and looks
PEOPLE = "patrol"  # the sensor that they are together
_BIN_S = 600  # cells of the time chart
_GRACE = 1.5  # a source is late when it owes one and a half pieces
_KEPT_LOOKS = 4096  # the newest; what a detector says of an older piece hides nothing any more


class Watched(msgspec.Struct, frozen=True):
    """What the mission says of a source: its kind, and how often it owes a piece (0: never)."""

    name: str
    kind: str
    owes_s: float = 0


class SourceItem(msgspec.Struct, frozen=True):
    """Health of a source; ``frame`` of a camera.

    ``status`` is ok, suspect, stale, degraded, blocked or never. A sensor of which the tracks say that it
    is off or contradicted is listed too, of kind ``sensor``.
    """

    name: str
    kind: str
    last_utc: datetime | None
    owes_s: float
    status: str
    reason: str
    pieces: int
    frame: Frame | None = None


class Gap(msgspec.Struct, frozen=True):
    """A stretch of the line that nobody looked at for a while."""

    km_from: float
    km_to: float
    from_utc: datetime
    until_utc: datetime
    reason: str


class Stations(msgspec.Struct, frozen=True):
    """Places along the line, every ``step_m``; arrays of equal length."""

    step_m: float
    lat_deg: Sequence[float]
    lon_deg: Sequence[float]


class _Look(msgspec.Struct):
    """One look at the line: the cells of time it holds for, and the stations it shows."""

    source: str
    cells: range
    shows: np.ndarray


class Watch(Fold):
    """Folds observations, reports that a source brought, and what detectors could not see.

    A place counts as observed for ``revisit_s`` after somebody looked at it, unless a detector says of the
    piece that the place was hidden. A source that owes a piece and brings none gets an observation
    ``blocked`` over the ground it used to see, made when the node's clock tick says so.

    Parameters
    ----------
    sources
        What the mission says of its sources.
    stations
        Places along the line; None without an agreement: then nothing is said of coverage.
    revisit_s
        How long a look holds, seconds.
    """

    def __init__(
        self, sources: Sequence[Watched], stations: Stations | None, revisit_s: float = 3600
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._last: dict[str, Observation] = {}
        self._last_ground: dict[str, dict[str, Any]] = {}
        self._until: dict[str, datetime] = {}
        self._pieces: dict[str, int] = {}
        self._frames: dict[str, Frame] = {}
        self._unusable: dict[str, dict[str, str]] = {}  # source → detector → of its last piece, in words
        self._ends: dict[str, datetime] = {}  # of the newest pieces, by their names
        self._told: dict[tuple[str, str], datetime] = {}  # end of the newest piece that a detector told of
        self._suspect: dict[str, Observation] = {}  # sensor → what the tracks said of it last
        self._stations = stations
        self._revisit = timedelta(seconds=revisit_s)
        self._seen: dict[int, np.ndarray] = {}  # how many looks show each station
        self._looks: dict[str, _Look] = {}
        self._why: dict[int, dict[str, np.ndarray]] = {}
        self._began_utc: datetime | None = None
        self.now_utc = datetime(1970, 1, 1, tzinfo=UTC)

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        self.now_utc = max(self.now_utc, fact.time_utc)
        if fact.kind == "report" and fact.actor.startswith(_SOURCE) and fact.redacted is None:
            self._reported(fact.actor.removeprefix(_SOURCE), fact.noun(Report).time_utc)
        if fact.kind == "config" and self._began_utc is None:
            self._began_utc = fact.time_utc  # from here on a source that never came is late too
        if fact.kind == "detection" and fact.redacted is None:
            self._detected(fact.noun(Detections))
        if fact.kind != "observation" or fact.redacted is not None:
            return ()
        said = fact.noun(Observation)
        if said.source == CLOCK:
            return list(self._overdue(said.phenomenon.from_utc, fact))
        if fact.actor == TRACKER:
            self._suspect.pop(said.source, None)
            if said.status != "ok":
                self._suspect[said.source] = said
            return ()
        self._observed(fact, said)
        return ()

    def due(self) -> datetime | None:
        """Tell when the first source will owe a piece."""
        moments = [
            since + timedelta(seconds=source.owes_s * _GRACE)
            for name, source in self._sources.items()
            if source.owes_s > 0 and (since := self._until.get(name, self._began_utc)) is not None
        ]
        return min(moments, default=None)

    def sources(self) -> list[SourceItem]:
        """List the sources of the mission, others that brought something, and suspect sensors, by name."""
        names = sorted(self._sources.keys() | self._until.keys() | self._suspect.keys())
        return [self._item(name) for name in names]

    def gaps(self, from_utc: datetime, until_utc: datetime) -> list[Gap]:
        """List the unobserved stretches of a span, in cells of ten minutes, by time and kilometre."""
        if self._stations is None:
            return []
        size = len(self._stations.lat_deg)
        open_runs: dict[tuple[int, int], int] = {}
        found: list[tuple[int, int, int, int]] = []
        first, last = _bin(from_utc), _bin(until_utc - timedelta(microseconds=1))
        for cell in range(first, last + 2):
            runs = set()
            if cell <= last:
                seen = self._seen.get(cell)
                runs = set(_runs(np.ones(size, bool) if seen is None else seen == 0))
            for run in [run for run in open_runs if run not in runs]:
                found.append((open_runs.pop(run), cell, *run))
            for run in runs:
                open_runs.setdefault(run, cell)
        step_km = self._stations.step_m / 1000
        return [
            Gap(
                km_from=round(start * step_km, 3),
                km_to=round(end * step_km, 3),
                from_utc=max(_moment(begin), from_utc),
                until_utc=min(_moment(stop), until_utc),
                reason=self._reason(begin, stop, start, end),
            )
            for begin, stop, start, end in sorted(found)
        ]

    def unobserved_km(self, at_utc: datetime) -> float:
        """Tell how many kilometres of the line nobody looks at at a moment."""
        if self._stations is None:
            return 0.0
        seen = self._seen.get(_bin(at_utc))
        count = len(self._stations.lat_deg) if seen is None else int((seen == 0).sum())
        return count * self._stations.step_m / 1000

    def line_km(self) -> float:
        """Length of the line that is watched, in kilometres."""
        return 0.0 if self._stations is None else len(self._stations.lat_deg) * self._stations.step_m / 1000

    def observed_share(self, from_utc: datetime, until_utc: datetime) -> float:
        """Share of line × time that was observed, 0 to 1."""
        if self._stations is None:
            return 0.0
        cells = range(_bin(from_utc), _bin(until_utc - timedelta(microseconds=1)) + 1)
        size = len(self._stations.lat_deg)
        seen = sum(int(np.count_nonzero(self._seen[cell])) for cell in cells if cell in self._seen)
        return seen / (size * len(cells)) if size and cells else 0.0

    def _observed(self, fact: Fact, said: Observation) -> None:
        self._ends[fact.id] = said.phenomenon.until_utc
        if len(self._ends) > _KEPT_LOOKS:
            del self._ends[next(iter(self._ends))]
        known = self._until.get(said.source)
        if known is None or said.phenomenon.until_utc >= known:
            self._last[said.source] = said
            self._until[said.source] = said.phenomenon.until_utc
        if said.status != "blocked":
            self._pieces[said.source] = self._pieces.get(said.source, 0) + 1
            if said.footprint is not None:
                self._last_ground[said.source] = said.footprint
            frame, held = frame_of(said, fact.seq), self._frames.get(said.source)
            if frame is not None and (held is None or frame.time_utc >= held.time_utc):
                self._frames[said.source] = frame
        if said.footprint is not None and self._stations is not None:
            self._look(fact.id, said, self._stations)

    def _look(self, entry_id: str, said: Observation, stations: Stations) -> None:
        mask = _within(said.footprint, stations)
        if not mask.any() or entry_id in self._looks:
            return
        first, last = _bin(said.phenomenon.from_utc), _bin(said.phenomenon.until_utc)
        if said.status == "blocked":
            self._because(range(first, last + 1), mask, f"{said.source}: {said.reason or 'nothing came'}")
            return
        until = said.phenomenon.until_utc + self._revisit - timedelta(microseconds=1)
        look = self._looks[entry_id] = _Look(said.source, range(first, _bin(until) + 1), mask)
        for cell in look.cells:
            seen = self._seen.get(cell)
            self._seen[cell] = mask.astype(np.uint16) if seen is None else seen + mask
        if len(self._looks) > _KEPT_LOOKS:
            del self._looks[next(iter(self._looks))]

    def _hide(self, said: Detections) -> None:
        """Take back from a look what its piece could not show, once."""
        look = self._looks.get(said.observation)
        if look is None or said.hidden is None or self._stations is None:
            return
        lost = look.shows & _within(said.hidden, self._stations)
        look.shows = look.shows & ~lost
        if lost.any():
            why = said.reason or "hidden by cloud or shadow, or without data"
            self._because(look.cells, lost, f"{look.source}: {why}")
            for cell in look.cells:
                self._seen[cell] = self._seen[cell] - lost

    def _because(self, cells: range, mask: np.ndarray, reason: str) -> None:
        for cell in cells:
            why = self._why.setdefault(cell, {})
            why[reason] = why[reason] | mask if reason in why else mask

    def _reported(self, source: str, moment: datetime) -> None:
        self._pieces[source] = self._pieces.get(source, 0) + 1
        self._until[source] = max(moment, self._until.get(source, moment))

    def _detected(self, said: Detections) -> None:
        self._hide(said)
        whose = said.source, said.detector
        newest = self._told.get(whose)
        end = self._ends.get(said.observation, newest)
        if end is not None:
            if newest is not None and end < newest:
                return  # an older piece, looked at again: it says nothing of how the source is by now
            self._told[whose] = end
        of_source = self._unusable.setdefault(said.source, {})
        if said.status == "degraded":
            of_source[said.detector] = said.reason
        else:
            of_source.pop(said.detector, None)

    def _overdue(self, now: datetime, fact: Fact) -> Iterable[Claim]:
        for name in sorted(self._sources):
            source, until = self._sources[name], self._until.get(name, self._began_utc)
            if source.owes_s <= 0 or until is None:
                continue
            if now < until + timedelta(seconds=source.owes_s * _GRACE):
                continue
            nothing = Observation(
                source=name,
                key=f"owed since {until.isoformat()}",
                phenomenon=Span(from_utc=until, until_utc=now),
                result_utc=now,
                status="blocked",
                reason="nothing came",
                footprint=self._last_ground.get(name),
            )
            yield Claim(
                kind="observation", id=nothing.id, body=nothing, actor="engine:watch", refs=(fact.seq,)
            )

    def _item(self, name: str) -> SourceItem:
        item, suspect = self._health(name), self._suspect.get(name)
        if suspect is None:
            return item
        if name not in self._sources and name not in self._until:
            moment = suspect.phenomenon.until_utc
            return SourceItem(name, "sensor", moment, 0, "suspect", suspect.reason, 0)
        if item.status != "ok":
            return item
        return msgspec.structs.replace(item, status="suspect", reason=suspect.reason)

    def _health(self, name: str) -> SourceItem:
        source = self._sources.get(name, Watched(name, "other"))
        until, last = self._until.get(name), self._last.get(name)
        if until is None:
            return SourceItem(name, source.kind, None, source.owes_s, "never", "", 0)
        status, reason = (str(last.status), last.reason) if last is not None else ("ok", "")
        unusable = self._unusable.get(name, {})
        if status == "ok" and unusable:
            status, reason = "degraded", "; ".join(f"{who}: {why}" for who, why in sorted(unusable.items()))
        owed = until + timedelta(seconds=source.owes_s * _GRACE)
        if status != "blocked" and source.owes_s > 0 and self.now_utc > owed:
            status, reason = "stale", "owes a piece"
        pieces, frame = self._pieces.get(name, 0), self._frames.get(name)
        return SourceItem(name, source.kind, until, source.owes_s, status, reason, pieces, frame)

    def _reason(self, begin: int, stop: int, start: int, end: int) -> str:
        for cell in range(stop - 1, begin - 1, -1):
            for reason, mask in sorted(self._why.get(cell, {}).items()):
                if mask[start:end].any():
                    return reason
        return "no source looked"


def _within(ground: dict[str, Any] | None, stations: Stations) -> np.ndarray:
    area = shapely.from_geojson(msgspec.json.encode(ground))
    return np.asarray(shapely.contains_xy(area, stations.lon_deg, stations.lat_deg), bool)


def _bin(moment: datetime) -> int:
    return int(moment.timestamp() // _BIN_S)


def _moment(cell: int) -> datetime:
    return datetime.fromtimestamp(cell * _BIN_S, UTC)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
