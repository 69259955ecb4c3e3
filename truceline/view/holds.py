"""The emergency stop: what a commander holds back, until when."""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from truceline.log.fold import Fold
from truceline.model.decided import Statement
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Report
from truceline.model.place import utc_time

_SOURCE = "source:"
_MOST_SUPPORT = 100_000  # entries below one proposal that are walked at most


class Hold(msgspec.Struct, frozen=True):
    """One hold; ``scope`` is ``orders``, ``recommendations`` or ``source:NAME``."""

    id: str
    scope: str
    reason: str
    by: str
    from_utc: datetime
    until_utc: datetime


class Held(msgspec.Struct, frozen=True):
    """What is held at one moment, as far as proposals are concerned."""

    all: bool
    sources: frozenset[str]

    def why(self, seq: int, read: Callable[[int], Fact]) -> str:
        """Say why the proposal of an entry cannot be approved; empty when nothing holds it."""
        if self.all:
            return "recommendations are held: nothing can be approved until the hold ends"
        source = source_below(seq, self.sources, read)
        if source is not None:
            return f"the source {source} is held, and this rests on it: no approval until the hold ends"
        return ""


class Holds(Fold):
    """Folds ``hold`` statements: attributes ``scope`` and ``until_utc``; stance ``lifted`` ends one.

    A hold is a statement whose entry id is the hold's id; the one that lifts it names that id in
    the attribute ``hold``.
    """

    def __init__(self) -> None:
        self._holds: dict[str, Hold] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind != "statement" or fact.redacted is not None:
            return ()
        said = fact.noun(Statement)
        if said.about != "hold":
            return ()
        if said.stance == "lifted":
            self._holds.pop(str(said.attributes.get("hold")), None)
        else:
            self._holds[fact.id] = Hold(
                id=fact.id,
                scope=str(said.attributes["scope"]),
                reason=said.text,
                by=said.by,
                from_utc=fact.time_utc,
                until_utc=utc_time(str(said.attributes["until_utc"])),
            )
        return ()

    def in_force(self, at_utc: datetime) -> list[Hold]:
        """List the holds that have not ended, by end."""
        return sorted(
            (hold for hold in self._holds.values() if hold.until_utc > at_utc),
            key=lambda hold: (hold.until_utc, hold.id),
        )

    def get(self, hold_id: str) -> Hold | None:
        return self._holds.get(hold_id)

    def is_held(self, scope: str, at_utc: datetime) -> bool:
        """Tell whether a scope is held at a moment."""
        return any(hold.scope == scope for hold in self.in_force(at_utc))

    def held(self, at_utc: datetime) -> "Held":
        """Tell what of the proposals is held at a moment."""
        scopes = {hold.scope for hold in self.in_force(at_utc)}
        sources = (scope.removeprefix(_SOURCE) for scope in scopes if scope.startswith(_SOURCE))
        return Held("recommendations" in scopes, frozenset(sources))

    def ends(self, scope: str) -> datetime | None:
        """Tell when the last hold of a scope ends by itself."""
        return max((hold.until_utc for hold in self._holds.values() if hold.scope == scope), default=None)


def source_below(seq: int, sources: frozenset[str], read: Callable[[int], Fact]) -> str | None:
    """Find one of some sources among what an entry rests on; walks the log, so hold no lock meanwhile.

    Parameters
    ----------
    seq
        The entry.
    sources
        Names of sources: of the mission's, or as reports say it in ``source_id``.
    read
        Reads an entry of the log by ``seq``.
    """
    seen: set[int] = set()
    waiting = [seq] if sources else []
    while waiting and len(seen) < _MOST_SUPPORT:
        seq = waiting.pop()
        if seq in seen:
            continue
        seen.add(seq)
        fact = read(seq)
        names = {fact.actor.removeprefix(_SOURCE)} if fact.actor.startswith(_SOURCE) else set()
        if fact.kind == "report" and fact.redacted is None:
            names.add(fact.noun(Report).source_id or "")
        if found := names & sources:
            return min(found)
        waiting.extend(fact.refs)
    return None
