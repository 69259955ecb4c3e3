"""Activity ban: listed activities do not happen, in a zone or anywhere."""

from typing import ClassVar, Literal

from truceline.model.classes import SURFACE_CHANGE
from truceline.model.observed import Sighting
from truceline.rules.clause import Clause

UNITS = ("squad", "platoon", "company", "battalion", "regiment", "brigade", "division")
Unit = Literal["squad", "platoon", "company", "battalion", "regiment", "brigade", "division"]


class ActivityBan(Clause):
    """Activities that may not happen.

    A ban on ``surface_change`` speaks about every changed place, whatever the change may mean.

    Parameters
    ----------
    activities
        Their words, free for the agreement to choose.
    zone
        Where; none: everywhere.
    classes
        With which equipment; none: any.
    min_unit
        Smaller units may.
    """

    sees: ClassVar[str] = "activity"

    activities: tuple[str, ...]
    zone: str | tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    min_unit: Unit | None = None

    def reads(self, sighting: Sighting) -> bool:
        return super().reads(sighting) or self._is_banned_change(sighting)

    def more_doubts(self, sighting: Sighting) -> tuple[str, ...] | None:
        if sighting.activity not in self.activities and not self._is_banned_change(sighting):
            return None
        if self.min_unit is None:
            return ()
        if sighting.unit_size not in UNITS:
            return ("unit_size_missing",)
        return () if UNITS.index(sighting.unit_size) >= UNITS.index(self.min_unit) else None

    def _is_banned_change(self, sighting: Sighting) -> bool:
        return sighting.meaning is not None and SURFACE_CHANGE in self.activities
