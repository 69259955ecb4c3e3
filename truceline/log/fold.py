"""Everything that knows something knows it by folding the log."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime

from truceline.model.facts import Claim, Fact, Job


class Fold(ABC):
    """A picture or an engine: facts in, in order of ``seq``; new claims or jobs out.

    No clock, no chance, no network inside: restart, replay, audit and tests are one mechanism.
    """

    @abstractmethod
    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        """Take in one fact; a view answers ``()``."""

    def due(self) -> datetime | None:
        """Tell when to be woken: the node then logs a clock observation."""
        return None
