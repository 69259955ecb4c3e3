"""Who looked for a thing since it was seen last, and what it says that they showed nothing."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import shapely

from truceline.geo.crs import to_local
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.log.pieces import read
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span
from truceline.view.scene import TrackItem

Outcome = Literal["missed", "slow", "blind", "silent", "elsewhere"]
_KEPT = 4096  # entries that are remembered, the newest
_MOST_READ = 400  # pieces that are read for one answer, the newest
_TOLD = 0.1  # a look that would have shown a thing less likely did not miss it; as in track.life.silence
_RANK: tuple[Outcome, ...] = ("missed", "slow", "blind", "silent", "elsewhere")


class Looked(msgspec.Struct, frozen=True):
    """What one sensor's looks say of a thing since it was seen last; the strongest outcome of all its looks.

    ``missed``: it looked there and would have shown it; ``slow``: it looked there and shows only what moves;
    ``blind``: it looked there and hardly shows such a thing; ``silent``: it looked there, and what its
    detectors do not show says nothing; ``elsewhere``: it looked at other ground.
    """

    sensor: str
    outcome: Outcome
    looks: int  # with that outcome
    last_utc: datetime
    seq: int  # newest entry that tells so


class _Ground(msgspec.Struct, frozen=True):
    source: str
    phenomenon: Span
    footprint: dict[str, Any] | None


class _Found(msgspec.Struct, frozen=True):
    seq: int
    source: str
    observation: str
    looks: str | None


Later = list[tuple[_Found, _Ground | None]]  # entries about looks, newest first, and the ground of each


class Looks(Fold):
    """Folds what was looked at; of each look memory holds where its rows lie."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._grounds: dict[str, _Ground] = {}
        self._found: dict[int, _Found] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.redacted is not None:
            return ()
        if fact.kind == "observation":
            seen = fact.noun(Observation)
            if seen.status != "blocked":
                self._grounds[fact.id] = _Ground(seen.source, seen.phenomenon, seen.footprint)
        elif fact.kind == "detection":
            said = fact.noun(Detections)
            for old in said.supersedes:
                self._found.pop(old, None)
            looks = said.looks.sha256 if said.looks is not None else None
            self._found[fact.seq] = _Found(fact.seq, said.source, said.observation, looks)
        _keep(self._grounds)
        _keep(self._found)
        return ()

    def later(self, track: TrackItem) -> Later:
        """List the entries about looks since a track was seen last; quick, for those who hold a lock."""
        found = ((one, self._grounds.get(one.observation)) for one in reversed(self._found.values()))
        return [
            (one, ground)
            for one, ground in found
            if ground is None or ground.phenomenon.until_utc > track.last_seen_utc
        ]

    def since(self, track: TrackItem, later: Later, seen_by: str = "") -> list[Looked]:
        """Tell what each sensor's looks say of a track since it was seen last, the strongest first.

        It reads pieces, so hold no lock meanwhile.

        Parameters
        ----------
        track
            Its newest row: where it is held to be.
        later
            What :meth:`later` gave for it.
        seen_by
            Sensor that saw it last: things of this kind it can show.
        """
        best: dict[str, Looked] = {}
        for one in self._each(track, later, seen_by):
            held = best.get(one.sensor)
            if held is None or _RANK.index(one.outcome) < _RANK.index(held.outcome):
                best[one.sensor] = one
            elif one.outcome == held.outcome:
                best[one.sensor] = Looked(
                    one.sensor,
                    one.outcome,
                    one.looks + held.looks,
                    max(one.last_utc, held.last_utc),
                    max(one.seq, held.seq),
                )
        return sorted(best.values(), key=lambda one: (_RANK.index(one.outcome), -one.last_utc.timestamp()))

    def _each(self, track: TrackItem, later: Later, seen_by: str) -> Iterator[Looked]:
        left = _MOST_READ
        for found, ground in later:
            name = ground.source if ground is not None else found.source
            until = ground.phenomenon.until_utc if ground is not None else None
            if ground is not None and not _within(ground.footprint, track):
                yield Looked(name, "elsewhere", 1, ground.phenomenon.until_utc, found.seq)
            elif found.looks is None and until is not None:
                yield Looked(name, "silent", 1, until, found.seq)
            elif found.looks is not None and left > 0:
                left -= 1
                yield from _rows(read(self._blobs, found.looks), track, seen_by, found.seq)


def _keep(held: dict[Any, Any]) -> None:
    while len(held) > _KEPT:
        del held[next(iter(held))]


def _within(footprint: dict[str, Any] | None, track: TrackItem) -> bool:
    """Tell whether ground holds a track's place; ground that is not told may."""
    if footprint is None:
        return True
    area = shapely.from_geojson(msgspec.json.encode(footprint))
    return bool(shapely.contains_xy(area, track.lon_deg, track.lat_deg))


def _rows(table: pa.Table, track: TrackItem, seen_by: str, seq: int) -> Iterator[Looked]:
    for look in table.to_pylist():
        if look["time_utc"] > track.last_seen_utc:
            yield Looked(look["sensor"], _outcome(look, track, seen_by), 1, look["time_utc"], seq)


def _outcome(look: dict[str, Any], track: TrackItem, seen_by: str) -> Outcome:
    x, y = to_local([track.lat_deg], [track.lon_deg], look["lat_deg"], look["lon_deg"])
    turned = np.radians(look["turned_deg"])
    east, north = float(x[0]), float(y[0])
    along = abs(east * np.cos(turned) + north * np.sin(turned))
    across = abs(north * np.cos(turned) - east * np.sin(turned))
    if look["shape"] == "annulus":
        covers = look["a_m"] <= np.hypot(east, north) <= look["b_m"]
    else:
        covers = along <= look["a_m"] and across <= look["b_m"]
    if not covers:
        return "elsewhere"
    finds = {word: look[f"finds_{word}"] for word in FUSION_CLASSES}
    if look["sensor"] == seen_by:
        finds = {word: float(share > 0) for word, share in finds.items()}
    if look["pd"] * sum(track.probability[word] * finds[word] for word in FUSION_CLASSES) < _TOLD:
        return "blind"
    return "slow" if (track.speed_mps or 0.0) < look["least_speed_mps"] else "missed"
