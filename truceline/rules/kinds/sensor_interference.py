"""Sensor interference: nobody disturbs the mission's sensors, patrols or links."""

from typing import ClassVar

from truceline.model.observed import Sighting
from truceline.rules.clause import Clause


class SensorInterference(Clause):
    """Interference against the mission.

    Parameters
    ----------
    activities
        Words for it, e.g. ``jamming``, ``obstruction``.
    zone
        Where; none: everywhere, and then no position is needed.
    """

    sees: ClassVar[str] = "interference"

    activities: tuple[str, ...]
    zone: str | tuple[str, ...] = ()

    def more_doubts(self, sighting: Sighting) -> tuple[str, ...] | None:
        return () if sighting.activity in self.activities else None
