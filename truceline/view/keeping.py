"""Which samples show people or their things, how old they are, and which were removed."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from truceline.log.fold import Fold
from truceline.model.decided import Statement
from truceline.model.facts import Blob, Claim, Fact, Job
from truceline.model.observed import Detections

CAMERAS = frozenset({"video", "photos"})  # kinds of sources whose samples show the ground from near
_SOURCE = "source:"  # what the actor of a source begins with
_PICTURES = ("image/", "video/")
_TABLES = frozenset({"application/vnd.apache.parquet"})  # rows and telemetry show nobody: they stay


class Held(msgspec.Struct, frozen=True):
    """An entry with samples that are kept for a while only."""

    seq: int
    since_utc: datetime
    sha256s: tuple[str, ...]


class Removed(msgspec.Struct, frozen=True):
    """The entry that says that a sample was removed."""

    seq: int
    at_utc: datetime


class Keeping(Fold):
    """Folds the entries that bring pictures: of cameras, of detectors that look at them, of reporters.

    Parameters
    ----------
    kinds
        Kind of each source of the mission, by its name.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._cameras = {name for name, kind in kinds.items() if kind in CAMERAS}
        self._seen: set[str] = set()  # observations of cameras
        self._held: dict[int, Held] = {}
        self.removed: dict[str, Removed] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind == "observation" and fact.actor.removeprefix(_SOURCE) in self._cameras:
            self._seen.add(fact.id)
            self._hold(fact, [blob for blob in fact.blobs if blob.media_type not in _TABLES])
        elif fact.kind == "report":
            self._hold(fact, [blob for blob in fact.blobs if blob.media_type.startswith(_PICTURES)])
        elif fact.kind == "detection" and fact.redacted is None:
            said = fact.noun(Detections)
            if said.observation in self._seen:
                # What a detector remembers is hashes and where it was; without it the next look fails.
                kept = {said.memory.sha256} if said.memory is not None else set()
                passing = [blob for blob in fact.blobs if blob.media_type not in _TABLES]
                self._hold(fact, [blob for blob in passing if blob.sha256 not in kept])
        elif fact.kind == "statement" and fact.redacted is None:
            self._removed(fact, fact.noun(Statement))
        return ()

    def older_than(self, moment: datetime) -> list[Held]:
        """List the entries that were taken in before a moment and whose samples are still there."""
        return [one for _, one in sorted(self._held.items()) if one.since_utc < moment]

    def shown_by(self, seqs: set[int]) -> set[str]:
        """Collect the samples of all entries but these: what is cited twice goes with the last of them."""
        return {sha256 for seq, one in self._held.items() if seq not in seqs for sha256 in one.sha256s}

    def _hold(self, fact: Fact, blobs: list[Blob]) -> None:
        if not blobs:
            return
        self._held[fact.seq] = Held(fact.seq, fact.time_utc, tuple(blob.sha256 for blob in blobs))
        for blob in blobs:  # it was brought again
            self.removed.pop(blob.sha256, None)

    def _removed(self, fact: Fact, said: Statement) -> None:
        if said.about != "retention":
            return
        for ref in fact.refs:
            self._held.pop(ref, None)
        for sha256 in said.attributes.get("removed", ()):
            self.removed[sha256] = Removed(fact.seq, fact.time_utc)
