"""Range band cap: at most so many of a class in a zone at one time."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from truceline.rules.counting import Counting


class RangeBandCap(Counting):
    """A number that holds all the time.

    Parameters
    ----------
    zone, classes
        Where, and what is counted.
    max_count
        How many are allowed.
    count_window_s
        How long a sighting stays counted; default: the agreement's.
    """

    max_count: Annotated[int, Meta(ge=0)]

    def cap(self, at: datetime) -> float:
        return self.max_count
