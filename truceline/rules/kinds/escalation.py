"""Escalation: answers to an incident climb a ladder step by step, with time between."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from truceline.geo.zone import EVERYWHERE, Zones
from truceline.model.observed import Sighting
from truceline.model.units import Seconds
from truceline.plug import Finding
from truceline.rules.clause import Clause


class Escalation(Clause):
    """A step skipped, or taken too soon after the one before.

    Parameters
    ----------
    steps
        Activities in the order in which they are allowed; repeated names are separate steps.
    min_gap_s
        Least time between two steps.
    """

    sees: ClassVar[str] = "response"

    steps: Annotated[tuple[str, ...], Meta(min_length=1)]
    min_gap_s: Seconds = 0.0

    def key(self, sighting: Sighting) -> str | None:
        if self.applies(sighting) is None:
            return None
        return f"{sighting.party}\n{sighting.episode or ''}"

    def more_doubts(self, sighting: Sighting) -> tuple[str, ...] | None:
        return () if sighting.activity in self.steps else None

    def aside(self, sighting: Sighting) -> str | None:
        is_ours = sighting.kind == self.sees and self.terms.period.holds(sighting.time)
        return "not_in_ladder" if is_ours and sighting.activity not in self.steps else None

    def judge(self, bucket: Sequence[Sighting], zones: Zones) -> Iterator[Finding]:
        """Climb the ladder; one finding per response that breaks it."""
        notices = [sighting for sighting in bucket if sighting.kind == "notice"]
        so_far: list[Sighting] = []
        expected, stepped = 0, None
        for response in bucket:
            doubts = self.applies(response)
            if doubts is None:
                continue
            so_far.append(response)
            later = expected
            if self.steps[expected : expected + 1] != (response.activity,):
                if response.activity in self.steps[:expected]:
                    continue
                later = self.steps.index(str(response.activity), expected)
            broken = ["step_skipped"] if later > expected else []
            if stepped is not None and (response.time - stepped).total_seconds() < self.min_gap_s:
                broken.append("too_fast")
            if broken:
                yield self._finding(so_far, (*broken, *doubts), notices, zones)
            expected, stepped = later + 1, response.time

    def _finding(
        self, so_far: Sequence[Sighting], reasons: tuple[str, ...], notices: Sequence[Sighting], zones: Zones
    ) -> Finding:
        response = so_far[-1]
        doubts = tuple(r for r in reasons if r not in ("step_skipped", "too_fast"))
        seen = self.weigh(response, doubts, None, EVERYWHERE)
        if seen is None:
            raise ValueError("everywhere is never outside")
        seen = self.covered(seen._replace(reasons=(*reasons, *seen.reasons)), notices, zones)
        return Finding(
            party=response.party,
            verdict=seen.verdict,
            probability=seen.probability,
            causes=tuple(so_far),
            strongest=response,
            reasons=tuple(sorted(set(seen.reasons))),
            measured={"step": self.steps.index(str(response.activity)) + 1, "steps": len(self.steps)},
        )
