"""Numbers of things that people report of an area, held against what is known there.

"About ten lorries in the quarry" is no track. Its number, as vague as people's numbers are (``counts``), is
compared with the tracks that lie in the area: at the time of the report, or within the hour after it where
that shows more of what was told of. What is more than known is nobody's to forget: it is said to the duty
officer for as long as a told number stays in the picture, and it is part of the number of the group there.
"""

import math
from bisect import insort
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import numpy as np

from truceline.codec.observation_lines import UNSAID_CE90_M
from truceline.codec.reported_things import classes_of, how_many, stated
from truceline.log.fold import Fold
from truceline.model.classes import BASE_KINDS
from truceline.model.facts import Claim, Fact, Job
from truceline.view import counts
from truceline.view.groups import AREA_M, PLURAL, Told
from truceline.view.reports import ReportItem, Reports
from truceline.view.scene import GroupItem, Scene, within

KEPT = timedelta(hours=6)  # as long as a told number stays in the picture
SINCE = timedelta(hours=1)  # what shows within it was there, where nothing says otherwise
SURE = 1.645  # standard deviations on either side that hold nine of ten
FARTHEST_M = 20_000.0


class CountItem(msgspec.Struct, frozen=True):
    """What one report counted, and what was known there.

    The told number is ``low`` to ``high`` in nine of ten cases, that of the tracks ``known_low`` to
    ``known_high``; ``more`` and ``fewer`` are said where these do not meet.
    """

    report_id: str
    seq: int
    time_utc: datetime
    lat_deg: float
    lon_deg: float
    reach_m: float
    number: int
    low: int
    high: int
    known: float
    known_low: int
    known_high: int
    verdict: Literal["agreed", "more", "fewer"]
    unaccounted: int
    words: str


_Answer = tuple[tuple[int, ...], tuple[float, int, int]]  # entries that it rests on, what was known


class _Count(msgspec.Struct, frozen=True, order=True):
    time_utc: datetime
    report_id: str
    seq: int
    told: Told


class Census(Fold):
    """Folds reports that count things over an area.

    Parameters
    ----------
    reports, scene
        Views folded before this.
    """

    def __init__(self, reports: Reports, scene: Scene) -> None:
        self._reports, self._scene = reports, scene
        self._by_id: dict[str, _Count] = {}
        self._by_time: list[_Count] = []
        self._answers: dict[tuple[str, datetime], _Answer] = {}  # of the newest question

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind == "report":
            for report_id in self._reports.touched:
                self._take(report_id)
        return ()

    def items(self, at_utc: datetime | None = None) -> list[CountItem]:
        """List the numbers told within the last hours before a moment (default: now), the oldest first."""
        moment = self._moment(at_utc)
        known: dict[tuple[str, datetime], _Answer] = {}
        found = [self._held(one, moment, known) for one in self._lately(moment)]
        self._answers = known
        return found

    def groups(self, at_utc: datetime | None = None) -> list[GroupItem]:
        """List columns and gatherings with the numbers told of them, and told numbers that are of none."""
        moment = self._moment(at_utc)
        held = {item.report_id: item for item in self.items(moment)}
        told = [one.told for one in self._lately(moment) if one.time_utc > moment - SINCE]
        groups = [
            _with_numbers(group, [held.pop(report) for report in group.report_ids])
            for group in self._scene.groups(moment, told)
        ]
        return groups + [_alone(item) for item in held.values()]

    def _moment(self, at_utc: datetime | None) -> datetime:
        return self._scene.now if at_utc is None else at_utc

    def _take(self, report_id: str) -> None:
        old = self._by_id.pop(report_id, None)
        if old is not None:
            self._by_time.remove(old)
        item = self._reports.get(report_id)
        made = _count(item) if item is not None and self._reports.in_force(report_id) else None
        if made is not None:
            self._by_id[report_id] = made
            insort(self._by_time, made)

    def _lately(self, moment: datetime) -> list[_Count]:
        found: list[_Count] = []
        for one in reversed(self._by_time):
            if one.time_utc <= moment - KEPT:
                break
            if one.time_utc <= moment:
                found.append(one)
        return found[::-1]

    def _held(
        self, one: _Count, moment: datetime, known_at: dict[tuple[str, datetime], "_Answer"]
    ) -> CountItem:
        """Compare a told number with what was known there, then or soon after."""
        spread = math.exp(SURE * counts.ABOUT)
        number = int(one.told.number)
        low, high = math.floor(number / spread), math.ceil(number * spread)
        known, known_low, known_high = max(
            self._known(one, when, known_at) for when in {one.time_utc, min(moment, one.time_utc + SINCE)}
        )
        verdict: Literal["agreed", "more", "fewer"] = "agreed"
        if low > known_high:
            verdict = "more"
        elif high < known_low:
            verdict = "fewer"
        rest = max(number - round(known), 0) if verdict == "more" else 0
        return CountItem(
            report_id=one.report_id, seq=one.seq, time_utc=one.time_utc, lat_deg=one.told.lat_deg,
            lon_deg=one.told.lon_deg, reach_m=one.told.reach_m, number=number, low=low, high=high,
            known=known, known_low=known_low, known_high=known_high, verdict=verdict, unaccounted=rest,
            words=_words(one, round(known), rest, verdict),
        )  # fmt: skip

    def _known(
        self, one: _Count, when: datetime, known_at: dict[tuple[str, datetime], "_Answer"]
    ) -> tuple[float, int, int]:
        """Tell how many were known at a moment; asked again, tracks are read only if they have changed."""
        entries, key = self._scene.entries(when), (one.report_id, when)
        answer = self._answers.get(key)
        if answer is None or answer[0] != entries:
            tracks = self._scene.tracks(when)
            near = [tracks[i] for i, _ in within(tracks, one.told)]
            sure = np.array([one.told.share(item.probability) * item.exists_p for item in near])
            told = np.array([item.told for item in near])
            spread = np.array([item.told_spread for item in near])
            answer = entries, counts.how_many(sure, told, spread)
        known_at[key] = answer
        return answer[1]


def _count(item: ReportItem) -> _Count | None:
    """Read a report that counts several things; None: it does not."""
    report, kinds = item.report, classes_of(item.report)
    number = how_many(report.attributes)
    ce90_m = UNSAID_CE90_M if report.ce90_m is None else report.ce90_m
    if kinds is None or number < 2 or ce90_m > FARTHEST_M:
        return None
    reach = stated(report.attributes, "radius_m", FARTHEST_M)
    columns = {BASE_KINDS[kind].fusion for kind in kinds}
    told = Told(
        item.id,
        report.lat_deg,
        report.lon_deg,
        max(AREA_M if reach is None else reach, ce90_m),
        float(number),
        report.time_utc,
        () if None in columns else tuple(sorted(word for word in columns if word is not None)),
    )
    return _Count(report.time_utc, item.id, item.seq, told)


def _words(one: _Count, known: int, rest: int, verdict: str) -> str:
    what = " or ".join(PLURAL[word] for word in one.told.classes) or "things"
    said = f"{one.told.number:.0f} {what} reported at {one.time_utc:%H:%M}Z"
    if verdict == "more":
        return f"{said}, {known} known: {rest} unaccounted for"
    return said if verdict == "agreed" else f"{said}, {known} known"


def _with_numbers(group: GroupItem, items: Sequence[CountItem]) -> GroupItem:
    words = ", ".join([group.words, *(item.words for item in items)])
    return msgspec.structs.replace(
        group, words=words, unaccounted=max((item.unaccounted for item in items), default=0)
    )


def _alone(item: CountItem) -> GroupItem:
    """Show a told number where no group lies."""
    return GroupItem(
        id=f"group-{item.report_id}", kind="told", words=item.words, track_ids=(), lat_deg=item.lat_deg,
        lon_deg=item.lon_deg, radius_m=item.reach_m, speed_mps=0.0, course_deg=0.0, count=float(item.number),
        count_low=item.low, count_high=item.high, time_utc=item.time_utc, report_ids=(item.report_id,),
        unaccounted=item.unaccounted,
    )  # fmt: skip
