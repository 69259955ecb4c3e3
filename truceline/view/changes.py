"""Changed places: the newest outline of each alert that is in force, for the map."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.log.pieces import read
from truceline.model.errors import BadInput
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Detections

KEPT = 2000  # alerts on the map, the newest
_COLUMNS = ("object", "outline", "time_utc", "meaning", "confidence", "area_m2", "chip_sha256", "note")


class ChangedPlace(msgspec.Struct, frozen=True):
    """One alert as its detector said it last; ``outline`` is a GeoJSON geometry."""

    id: str
    seq: int
    outline: dict[str, Any]
    time_utc: datetime
    meaning: str
    confidence: float
    area_m2: float
    chip_sha256: str
    note: str


class Changes(Fold):
    """Folds detections whose rows have an outline; what a newer entry supersedes is forgotten."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._said: dict[int, list[ChangedPlace]] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind != "detection" or fact.redacted is not None:
            return ()
        said = fact.noun(Detections)
        for seq in said.supersedes:
            self._said.pop(seq, None)
        if said.rows:
            try:
                found = list(_places(read(self._blobs, said.piece), fact.seq))
            except BadInput:  # the piece is missing: the log names it, the map has nothing to draw
                found = []
            if found:
                self._said[fact.seq] = found
        while len(self._said) > KEPT:
            del self._said[min(self._said)]
        return ()

    def places(self) -> list[ChangedPlace]:
        """List the changed places, each as it was said last, the newest first, at most ``KEPT``."""
        newest: dict[str, ChangedPlace] = {}
        for found in self._said.values():
            for place in found:
                other = newest.get(place.id)
                if other is None or (place.time_utc, place.seq) > (other.time_utc, other.seq):
                    newest[place.id] = place
        return sorted(newest.values(), key=lambda place: (place.time_utc, place.id), reverse=True)[:KEPT]


def _places(table: Any, seq: int) -> Iterable[ChangedPlace]:
    if table["outline"].null_count == table.num_rows:
        return
    for row in table.select(_COLUMNS).to_pylist():
        if row["outline"] is None or row["object"] is None:
            continue
        yield ChangedPlace(
            id=row["object"],
            seq=seq,
            outline=json.loads(row["outline"]),
            time_utc=row["time_utc"],
            meaning=row["meaning"] or "unknown",
            confidence=row["confidence"] or 0.0,
            area_m2=row["area_m2"] or 0.0,
            chip_sha256=row["chip_sha256"] or "",
            note=row["note"] or "",
        )
