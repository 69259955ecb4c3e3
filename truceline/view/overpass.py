"""When satellites can look at the line: past and to come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Overpass(msgspec.Struct, frozen=True):
    """One satellite that sees one stretch of the line once; that it looks is not said.

    Times are those of the stretch's middle: when it comes over the least elevation, stands highest, and
    goes below.
    """

    satellite: str
    norad_id: int
    from_utc: datetime
    until_utc: datetime
    highest_utc: datetime
    km_from: float
    km_to: float
    max_elevation_deg: float
    direction: str
    sunlit_ground: bool
    epoch_age_days: float  # of the elements, at the highest moment; old ones err by minutes


class Sky(Protocol):
    """What knows the orbits. Pure: the same span, the same answer."""

    def between(self, from_utc: datetime, until_utc: datetime) -> Sequence[Overpass]:
        """List the passes that are highest in a span, by time, then satellite and kilometre."""
        ...


class NoSky:
    """The sky of a mission that names no satellite."""

    def between(self, from_utc: datetime, until_utc: datetime) -> Sequence[Overpass]:
        return ()
