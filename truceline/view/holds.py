"""The emergency stop: what a commander holds back, until when."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from truceline.log.fold import Fold
from truceline.model.decided import Statement
from truceline.model.facts import Claim, Fact, Job
from truceline.model.place import utc_time


class Hold(msgspec.Struct, frozen=True):
    """One hold; ``scope`` is ``orders``, ``recommendations`` or ``source:NAME``."""

    id: str
    scope: str
    reason: str
    by: str
    from_utc: datetime
    until_utc: datetime


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

    def ends(self, scope: str) -> datetime | None:
        """Tell when the last hold of a scope ends by itself."""
        return max((hold.until_utc for hold in self._holds.values() if hold.scope == scope), default=None)
