"""No fly: listed aircraft are not over a zone, at all or between two heights."""

from typing import ClassVar

from truceline.model.observed import Sighting
from truceline.rules.clause import Clause
from truceline.rules.match import AIRCRAFT, candidates

_FLYING = AIRCRAFT | {"aircraft_unknown"}


class NoFly(Clause):
    """Sightings of aircraft where they may not fly.

    Parameters
    ----------
    zone
        One zone or several; the one with the largest margin counts.
    classes
        Which aircraft; ``*``: all of them.
    above_m, below_m
        Heights above ground between which it is forbidden; the lower one included.
    """

    tells_blind_looks: ClassVar[bool] = True

    zone: str | tuple[str, ...]
    classes: tuple[str, ...] = ("*",)
    above_m: float | None = None
    below_m: float | None = None

    def __post_init__(self) -> None:
        if self.above_m is not None and self.below_m is not None and self.above_m >= self.below_m:
            raise ValueError("above_m must be less than below_m")

    def more_doubts(self, sighting: Sighting) -> tuple[str, ...] | None:
        flying = [kind in _FLYING for kind in candidates(sighting)]
        if not any(flying):
            return None
        doubts = () if all(flying) or "*" not in self.classes else ("class_uncertain",)
        if self.above_m is None and self.below_m is None:
            return doubts
        if sighting.alt_agl_m is None:
            return (*doubts, "alt_agl_m_missing")
        is_low = self.above_m is not None and sighting.alt_agl_m < self.above_m
        is_high = self.below_m is not None and sighting.alt_agl_m >= self.below_m
        return None if is_low or is_high else doubts
