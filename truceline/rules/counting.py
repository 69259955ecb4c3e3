"""Rules that count: how many of a class a party has in a zone at one time."""

import math
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

from truceline.geo.zone import Zones
from truceline.model.observed import Sighting
from truceline.model.units import Seconds
from truceline.plug import Finding
from truceline.rules.clause import RANK, Clause, Seen


class Excess(NamedTuple):
    """A moment with more than allowed."""

    verdict: str
    at: datetime
    counted: tuple[Seen, ...]
    certain: int
    most: int
    cap: float
    reasons: frozenset[str]


class Counting(Clause):
    """The counting part of the contract; kinds say what the cap is, and when.

    Parameters
    ----------
    count_window_s
        How long a sighting stays counted; default: the agreement's.
    """

    tells_blind_looks: ClassVar[bool] = True

    zone: str | tuple[str, ...]
    classes: tuple[str, ...] = ("*",)
    count_window_s: Seconds | None = None

    @abstractmethod
    def cap(self, at: datetime) -> float:
        """Give how many are allowed at a time; infinity: no limit yet."""

    def key(self, sighting: Sighting) -> str | None:
        """All that counts is one bucket: an unknown party counts for everybody."""
        if sighting.kind == "no_observation":
            return super().key(sighting)
        return "count" if self.applies(sighting) is not None else None

    def judge(self, bucket: Sequence[Sighting], zones: Zones) -> Iterator[Finding]:
        """Count for each bound party at the time of each sighting that applies."""
        notices = [sighting for sighting in bucket if sighting.kind == "notice"]
        rest = []
        for sighting in bucket:
            if sighting.kind == "no_observation" and self.cap(sighting.time) < math.inf:
                yield from self.blind(sighting, zones)
            elif sighting.kind == self.sees and self.applies(sighting) is not None:
                rest.append((sighting, self.see(sighting, zones)))
        for party in sorted(self.terms.bound):
            mine = [pair for pair in rest if pair[0].party in (party, "unknown")]
            yield from self._party(party, mine, notices)

    def _party(
        self, party: str, mine: Sequence[tuple[Sighting, Seen | None]], notices: Sequence[Sighting]
    ) -> Iterator[Finding]:
        window_s = self.terms.count_window_s if self.count_window_s is None else self.count_window_s
        latest: dict[str, tuple[Sighting, Seen | None]] = {}
        waiting: deque[tuple[str, tuple[Sighting, Seen | None]]] = deque()
        sums = [0, 0]
        run: list[Excess] = []

        def drop(thing: str) -> None:
            _add(sums, latest.pop(thing)[1], -1)

        for at, group in groupby(mine, key=lambda pair: pair[0].time):
            for pair in group:
                thing = f"object\n{pair[0].object}" if pair[0].object is not None else f"alone\n{pair[0].id}"
                if thing in latest:
                    drop(thing)
                latest[thing] = pair
                _add(sums, pair[1], 1)
                waiting.append((thing, pair))
            while waiting and (at - waiting[0][1][0].time).total_seconds() >= window_s:
                thing, pair = waiting.popleft()
                if latest.get(thing) is pair:
                    drop(thing)
            cap = self.cap(at)
            excess = None
            if sums[1] > cap:
                counted = tuple(seen for _, seen in latest.values() if seen is not None)
                excess = self._excess(party, at, counted, (sums[0], sums[1], cap), notices)
            if run and (excess is None or _is_covered(excess) != _is_covered(run[-1])):
                yield _finding(party, run)
                run = []
            if excess is not None:
                run.append(excess)
        if run:
            yield _finding(party, run)

    def _excess(
        self,
        party: str,
        at: datetime,
        counted: tuple[Seen, ...],
        numbers: tuple[int, int, float],
        notices: Sequence[Sighting],
    ) -> Excess:
        certain, most, cap = numbers
        reasons: set[str] = set()
        allowed = cap
        sightings = [seen.sighting for seen in counted]
        for notice in notices:
            answers = {e.cover_count(notice, sightings, party, at) for e in self.terms.exceptions}
            if "covered" in answers:
                allowed += math.inf if notice.max_count is None else notice.max_count
            else:
                reasons |= answers - {""}
        if most <= allowed:
            return Excess(
                "covered_by_notice", at, counted, certain, most, allowed, frozenset({"covered_by_notice"})
            )
        verdict = "violation" if certain > allowed else "possible_violation"
        if verdict == "possible_violation":
            reasons |= {r for seen in counted if seen.verdict != "violation" for r in seen.reasons}
        return Excess(
            verdict, at, counted, certain, most, allowed, frozenset(reasons | {"more_than_allowed"})
        )


def _add(sums: list[int], seen: Seen | None, sign: int) -> None:
    if seen is not None:
        sums[1] += sign * seen.sighting.count
        if seen.verdict == "violation":
            sums[0] += sign * seen.sighting.count


def _is_covered(excess: Excess) -> bool:
    return excess.verdict == "covered_by_notice"


def _finding(party: str, run: Sequence[Excess]) -> Finding:
    def badness(excess: Excess) -> tuple[Any, ...]:
        number = excess.certain if excess.verdict == "violation" else excess.most
        return (RANK[excess.verdict], -(number - min(excess.cap, 1e12)), excess.at)

    worst = min(run, key=badness)
    causes = {seen.sighting.id: seen.sighting for excess in run for seen in excess.counted}
    certain = [s.sighting.confidence for e in run for s in e.counted if s.verdict == "violation"]
    strongest = min(
        worst.counted,
        key=lambda seen: (RANK[seen.verdict], -seen.probability, seen.sighting.time, seen.sighting.id),
    )
    measured: dict[str, float | int | str] = {"count_certain": worst.certain, "count_max": worst.most}
    if worst.cap < math.inf:
        measured["max_count"] = int(worst.cap)
    return Finding(
        party=party,
        verdict=worst.verdict,
        probability=min(certain) if worst.verdict == "violation" and certain else 0.5,
        causes=tuple(sorted(causes.values(), key=lambda s: (s.time, s.id))),
        strongest=strongest.sighting,
        zone=strongest.zone,
        reasons=tuple(sorted(frozenset().union(*(e.reasons for e in run if e.verdict == worst.verdict)))),
        measured=measured,
    )
