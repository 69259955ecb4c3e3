"""Timetable: a withdrawal in steps, each with a day and a number."""

import math
from datetime import datetime
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from truceline.rules.counting import Counting


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From ``by`` on at most ``max_count``, until the next step."""

    by: Annotated[datetime, Meta(tz=True)]
    max_count: Annotated[int, Meta(ge=0)]


class Timetable(Counting):
    """Numbers that fall step by step; before the first step there is no limit.

    Parameters
    ----------
    zone, classes
        Where, and what is counted.
    steps
        Ascending by day.
    count_window_s
        How long a sighting stays counted; default: the agreement's.
    """

    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        days = [step.by for step in self.steps]
        if any(later <= earlier for earlier, later in pairwise(days)):
            raise ValueError("steps: the days must ascend")

    def cap(self, at: datetime) -> float:
        return next((float(step.max_count) for step in reversed(self.steps) if step.by <= at), math.inf)
