"""Does a sighting belong to a list of classes: yes, maybe, or no."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from truceline.model.classes import BASE_KINDS
from truceline.model.observed import Sighting

Match = Literal["yes", "maybe", "no"]

AIRCRAFT = frozenset({"aircraft_fixed", "aircraft_rotary", "uav", "balloon"})
_VAGUE = frozenset({"unknown", "aircraft_unknown"})
_SURFACE = frozenset(BASE_KINDS) - AIRCRAFT - _VAGUE


class Condition(NamedTuple):
    """What an attribute must be; a missing one leaves it open."""

    attribute: str
    least: float
    beyond: bool  # strictly more

    def holds(self, sighting: Sighting) -> bool | None:
        value = getattr(sighting, self.attribute)
        if value is None:
            return None
        return bool(value > self.least if self.beyond else value >= self.least)


Alternatives = tuple[tuple[Condition, ...], ...]


class ClassList(msgspec.Struct, frozen=True):
    """A list of an agreement, its groups resolved into base kinds with their conditions.

    Parameters
    ----------
    kinds
        Base kind → the groups of conditions under which it belongs; one group is enough.
    everything
        The list is ``["*"]``.
    is_inverted
        The list names what is allowed; all else belongs.
    """

    kinds: Mapping[str, Alternatives] = {}
    everything: bool = False
    is_inverted: bool = False
    memo: dict[Any, tuple[Match, tuple[str, ...]]] = msgspec.field(default_factory=dict)

    def match(self, sighting: Sighting) -> tuple[Match, tuple[str, ...]]:
        """Compare a sighting, certainly only when all that it may be agree.

        Returns
        -------
        tuple
            The answer, and for ``maybe`` the reasons.
        """
        kinds = candidates(sighting)
        if sighting.calibre_mm is not None or sighting.range_km is not None:
            return self._compare(kinds, sighting)
        # Without attributes the answer depends on the kinds alone, of which there are few.
        known = self.memo.get(kinds)
        if known is None:
            known = self.memo[kinds] = self._compare(kinds, sighting)
        return known

    def _compare(self, kinds: tuple[str, ...], sighting: Sighting) -> tuple[Match, tuple[str, ...]]:
        found = [self._match(kind, sighting) for kind in kinds]
        answers = {answer for answer, _ in found}
        if len(answers) == 1 and "maybe" not in answers:
            return found[0][0], ()
        if answers == {"no"}:
            return "no", ()
        missing = {reason for answer, reason in found if answer == "maybe" and reason}
        if len(answers) > 1 or not missing:
            missing.add("class_uncertain")
        return "maybe", tuple(sorted(missing))

    def meets(self, kinds: tuple[str, ...] | None) -> bool:
        """Tell whether something of these kinds (none: of all) could belong."""
        if kinds is None or self.everything:
            return True
        return any(self._could(kind) for kind in kinds)

    def _could(self, kind: str) -> bool:
        if self.is_inverted:
            return kind not in self.kinds or any(self.kinds[kind])
        return kind in self.kinds or self._is_vague_match(kind)

    def _match(self, kind: str, sighting: Sighting) -> tuple[Match, str]:
        if self.is_inverted and kind in _VAGUE:
            return "maybe", ""
        answer, reason = self._listed(kind, sighting)
        if self.is_inverted and answer != "maybe":
            answer = "no" if answer == "yes" else "yes"
        return answer, reason

    def _listed(self, kind: str, sighting: Sighting) -> tuple[Match, str]:
        if self.everything:
            return "yes", ""
        alternatives = self.kinds.get(kind)
        if alternatives is None:
            return ("maybe", "") if self._is_vague_match(kind) else ("no", "")
        missing = ""
        for conditions in alternatives:
            answers = [(condition, condition.holds(sighting)) for condition in conditions]
            if all(answer for _, answer in answers):
                return "yes", ""
            if all(answer is not False for _, answer in answers):
                unknown = next(condition for condition, answer in answers if answer is None)
                missing = missing or f"{unknown.attribute}_missing"
        return ("maybe", missing) if missing else ("no", "")

    def _is_vague_match(self, kind: str) -> bool:
        if kind == "unknown":
            return not _SURFACE.isdisjoint(self.kinds)
        return kind == "aircraft_unknown" and not AIRCRAFT.isdisjoint(self.kinds)


def candidates(sighting: Sighting) -> tuple[str, ...]:
    """List what the thing seen may be; ``class`` counts when ``classes`` is there too."""
    if sighting.class_ is not None:
        return (sighting.class_,)
    return sighting.classes or ("unknown",)
