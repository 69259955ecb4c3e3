"""What is where by the sensors: tracks, as known now."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from truceline.geo.crs import from_local, to_local
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.log.pieces import read
from truceline.model.classes import FUSION_CLASSES, candidates
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Tracks
from truceline.view.counts import merged, together
from truceline.view.groups import Group, Things, Told, groups_of

_ALIVE = timedelta(hours=1)  # a track that was not seen for so long has left the picture
ENDED = timedelta(hours=3, minutes=10)  # after so long unseen, and a round
_TRAIL = 5  # last rounds drawn behind a symbol
_TRAIL_BACK = timedelta(hours=2)  # rounds older than that are not asked for what is alive
_LIKELY = 0.5  # how surely a thing must be of what was told of
_AT_HAND = 32  # rounds whose rows stay in memory


class TrackItem(msgspec.Struct, frozen=True):
    """The newest row of a track, with the places of the rounds before it."""

    track_id: int
    seq: int
    row: int
    time_utc: datetime
    lat_deg: float
    lon_deg: float
    ce90_m: float
    speed_mps: float | None
    course_deg: float | None
    exists_p: float
    probability: dict[str, float]
    kind: str
    side: str | None
    last_seen_utc: datetime
    detections_used: int
    count: int = 1  # how many things it stands for, those followed by themselves left out
    told: float = 1.0  # how many were told of in its place, those included
    told_spread: float = 0.0  # standard deviation of the logarithm of that
    trail: tuple[tuple[float, float], ...] = ()
    missed_by: str | None = None  # sensor that did not see it at ``time_utc``, though it looked there


class GroupItem(msgspec.Struct, frozen=True):
    """A column or gathering: its members, and how many things it holds in nine of ten cases."""

    id: str
    kind: str
    words: str
    track_ids: tuple[str, ...]
    lat_deg: float
    lon_deg: float
    radius_m: float
    speed_mps: float
    course_deg: float
    count: float
    count_low: int
    count_high: int
    time_utc: datetime
    report_ids: tuple[str, ...] = ()  # that told its number
    unaccounted: int = 0  # things that were told of and are not known


class _Told(NamedTuple):
    known_utc: datetime
    seq: int
    piece: str


class Scene(Fold):
    """Folds track rounds; of a round that was superseded it keeps what was known of it when.

    Of each round memory holds the names of its pieces; rows are read from them when they are asked for.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._rounds: dict[datetime, list[_Told]] = {}  # by begin; as it was told, the newest last
        self._at_hand: dict[int, list[TrackItem]] = {}  # by entry
        self.now = datetime(1970, 1, 1, tzinfo=UTC)

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        self.now = max(self.now, fact.time_utc)
        if fact.redacted is not None:
            return ()
        if fact.kind == "track":
            said = fact.noun(Tracks)
            told = _Told(fact.time_utc, fact.seq, said.piece.sha256)
            self._rounds.setdefault(said.round.from_utc, []).append(told)
        return ()

    def tracks(self, at_utc: datetime | None = None, known_utc: datetime | None = None) -> list[TrackItem]:
        """List the tracks alive at a moment (default: now), newest row each, by id.

        Parameters
        ----------
        at_utc
            The moment that is looked at.
        known_utc
            What was taken in after it counts for nothing; earlier or later than the moment.
        """
        moment = self.now if at_utc is None else at_utc
        newest: dict[int, TrackItem] = {}
        trails: dict[int, list[tuple[float, float]]] = {}
        for start in sorted(self._rounds):
            if not start <= moment < start + _TRAIL_BACK:
                continue
            for item in self._rows(start, known_utc):
                if item.time_utc <= moment:
                    newest[item.track_id] = item
                    if item.missed_by is None:
                        trails.setdefault(item.track_id, []).append((item.lon_deg, item.lat_deg))
        return [
            msgspec.structs.replace(item, trail=tuple(trails.get(track_id, ())[-_TRAIL:]))
            for track_id, item in sorted(newest.items())
            if item.exists_p >= 0.5 and item.last_seen_utc + _ALIVE >= moment
        ]

    def entries(self, at_utc: datetime) -> tuple[int, ...]:
        """Name the entries that :meth:`tracks` reads for a moment: while they stay, so does its answer."""
        near = sorted(start for start in self._rounds if start <= at_utc < start + _TRAIL_BACK)
        return tuple(self._rounds[start][-1].seq for start in near)

    def groups(self, at_utc: datetime | None = None, told: Sequence[Told] = ()) -> list[GroupItem]:
        """List the columns and gatherings among the tracks alive at a moment (default: now).

        Parameters
        ----------
        at_utc
            The moment.
        told
            Numbers that were told of areas: each is one of the group of the nearest thing that it speaks of.
        """
        moment = self.now if at_utc is None else at_utc
        items = self.tracks(moment)
        if not items:
            return []
        origin = items[0].lat_deg, items[0].lon_deg
        x, y = to_local([item.lat_deg for item in items], [item.lon_deg for item in items], *origin)
        speed = np.array([item.speed_mps or 0.0 for item in items])
        course = np.radians([item.course_deg or 0.0 for item in items])
        shares = {word: np.array([item.probability[word] for item in items]) for word in FUSION_CLASSES}
        count = np.array([item.told for item in items])
        spread = np.array([item.told_spread for item in items])
        reports = _spoken_of(told, items)
        for i, heard in reports.items():
            number, error = together(
                [(one.number, one.time_utc.timestamp()) for one in heard], moment.timestamp()
            )
            if count[i] > 1:
                number, error = merged(np.array([number, count[i]]), np.array([error, spread[i]]))
            count[i], spread[i] = number, error
        things = Things(
            x, y, speed * np.sin(course), speed * np.cos(course), np.array([item.exists_p for item in items]),
            count, spread, shares,
        )  # fmt: skip
        return [_group_item(group, items, origin, reports) for group in groups_of(things)]

    def in_force(self) -> list[TrackItem]:
        """List every row of every round in force, by time and track."""
        rows = [item for start in self._rounds for item in self._rows(start)]
        return sorted(rows, key=lambda item: (item.time_utc, item.track_id))

    def sightings(self, track_id: int) -> list[int]:
        """List the entries in force in which a track was seen, not missed, the newest first.

        A track that nobody saw for three hours ended.
        """
        found: list[int] = []
        first: datetime | None = None
        for start in sorted(self._rounds, reverse=True):
            if first is not None and start < first - ENDED:
                break
            for item in self._rows(start):
                if item.track_id == track_id and item.missed_by is None:
                    found.append(item.seq)
                    first = start
        return found

    def _rows(self, start: datetime, known_utc: datetime | None = None) -> list[TrackItem]:
        told = self._rounds[start]
        if known_utc is not None:
            told = [one for one in told if one.known_utc <= known_utc]
        if not told:
            return []
        _, seq, piece = told[-1]
        if seq not in self._at_hand:
            self._at_hand[seq] = _rows(read(self._blobs, piece), seq)
            while len(self._at_hand) > _AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
        return self._at_hand[seq]


def within(items: Sequence[TrackItem], told: Told) -> list[tuple[int, float]]:
    """Find the things in the area of a told number: place in the list, and metres from the middle."""
    if not items:
        return []
    lat, lon = [item.lat_deg for item in items], [item.lon_deg for item in items]
    apart = np.hypot(*to_local(lat, lon, told.lat_deg, told.lon_deg))
    return [(i, float(apart[i])) for i in np.flatnonzero(apart <= told.reach_m).tolist()]


def missed_words(sensor: str, time_utc: datetime) -> str:
    """Say that a sensor did not see a thing, though it looked where it had been."""
    return f"not seen by {sensor} at {time_utc:%H:%M}Z, though it looked there"


def _spoken_of(told: Sequence[Told], items: Sequence[TrackItem]) -> dict[int, list[Told]]:
    """Give told numbers to the nearest thing, by its place in the list, that is of what was told of."""
    found: dict[int, list[Told]] = {}
    for one in told:
        near = [(apart, i) for i, apart in within(items, one) if one.share(items[i].probability) >= _LIKELY]
        if near:
            found.setdefault(min(near)[1], []).append(one)
    return found


def _group_item(
    group: Group, items: list[TrackItem], origin: tuple[float, float], reports: Mapping[int, Sequence[Told]]
) -> GroupItem:
    members = [items[i] for i in group.members]
    lat, lon = from_local(group.x_m, group.y_m, *origin)
    tracks = tuple(f"track-{item.track_id}" for item in members)
    return GroupItem(
        id=f"group-{members[0].track_id}", kind=group.kind, words=group.words, track_ids=tracks,
        lat_deg=float(lat), lon_deg=float(lon), radius_m=group.radius_m, speed_mps=group.speed_mps,
        course_deg=group.course_deg, count=group.count, count_low=group.count_low,
        count_high=group.count_high, time_utc=max(item.time_utc for item in members),
        report_ids=tuple(one.report_id for i in group.members for one in reports.get(i, ())),
    )  # fmt: skip


def _rows(table: pa.Table, seq: int) -> list[TrackItem]:
    items = []
    for row, values in enumerate(table.to_pylist()):
        probability = {word: values[f"p_{word}"] or 0.0 for word in FUSION_CLASSES}
        kinds, _ = candidates(probability)
        items.append(
            TrackItem(
                track_id=values["track_id"],
                seq=seq,
                row=row,
                time_utc=values["time_utc"],
                lat_deg=values["lat_deg"],
                lon_deg=values["lon_deg"],
                ce90_m=values["ce90_m"],
                speed_mps=values["speed_mps"],
                course_deg=values["course_deg"],
                exists_p=values["exists_p"],
                probability=probability,
                kind=kinds[0] if len(kinds) == 1 else "unknown",
                side=values["side"],
                last_seen_utc=values["last_seen_utc"],
                detections_used=values["detections_used"],
                count=values.get("count") or 1,
                told=values.get("told") or 1.0,
                told_spread=values.get("told_spread") or 0.0,
                missed_by=values.get("missed_by"),
            )
        )
    return items
