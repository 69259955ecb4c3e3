"""What the rule kinds share: who is bound, since when, where, and how sure one is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, cast

import msgspec

from truceline.geo.zone import EVERYWHERE, NOWHERE, Period, Standing, Zones
from truceline.model.decided import Verdict
from truceline.model.observed import Sighting
from truceline.plug import Finding, Rule
from truceline.rules.match import ClassList

RANK = {"violation": 0, "possible_violation": 1, "covered_by_notice": 2, "could_not_observe": 3}


class Terms(msgspec.Struct, frozen=True):
    """What the rest of the agreement says to a rule; filled in when the agreement is read."""

    period: Period = Period()
    bound: frozenset[str] = frozenset()
    sides: Mapping[str, str] = {}
    min_confidence: float = 0.8
    join_gap_s: float = 3600.0
    count_window_s: float = 86400.0
    classes: ClassList | None = None
    zones: tuple[str, ...] = ()
    sites: tuple[tuple[str, ClassList | None], ...] = ()
    exceptions: tuple[Any, ...] = ()  # NoticeException: what may cover a finding of this rule


class Seen(NamedTuple):
    """One observation judged on its own, and not compliant."""

    sighting: Sighting
    verdict: Verdict
    probability: float
    zone: str | None
    standing: Standing
    reasons: tuple[str, ...]


class Clause(Rule):
    """A rule whose verdict on each observation follows from place, party, class and confidence.

    Parameters
    ----------
    parties
        Who is bound; none: all parties with a side; ``*``: every party.
    valid_from, valid_until
        Period of the rule; default: the agreement's.
    terms
        Filled in from the rest of the agreement, never a key of the file.
    """

    sees: ClassVar[str] = "sighting"
    tells_blind_looks: ClassVar[bool] = False
    inside: ClassVar[str] = "inside_zone"  # the reason of what is in for certain

    parties: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    terms: Terms = Terms()

    def key(self, sighting: Sighting) -> str | None:
        """One bucket per party and object; what has no object stands alone."""
        if sighting.kind == "no_observation" and self.tells_blind_looks:
            return f"blind\n{sighting.id}" if self.terms.period.holds(sighting.time) else None
        if self.applies(sighting) is None:
            return None
        if sighting.object is None:
            return f"alone\n{sighting.id}"
        return f"object\n{sighting.party}\n{sighting.object}"

    def judge(self, bucket: Sequence[Sighting], zones: Zones) -> Iterator[Finding]:
        """Judge each observation, then join those of the same object."""
        notices = [sighting for sighting in bucket if sighting.kind == "notice"]
        seen = []
        for sighting in bucket:
            if sighting.kind == "no_observation":
                yield from self.blind(sighting, zones)
            elif self.reads(sighting):
                found = self.see(sighting, zones)
                if found is not None:
                    seen.append(self.covered(found, notices, zones))
        yield from join(seen, self.terms.join_gap_s, self.measure)

    def reads(self, sighting: Sighting) -> bool:
        """Tell whether an observation is of the kind that the rule is about."""
        return sighting.kind == self.sees

    def applies(self, sighting: Sighting) -> tuple[str, ...] | None:
        """Tell whether the rule speaks about an observation, wherever it was.

        Returns
        -------
        tuple or None
            What is uncertain about it, position and confidence apart; None: it does not apply.
        """
        terms = self.terms
        if not self.reads(sighting):
            return None
        doubts: tuple[str, ...] = ()
        if sighting.party == "unknown":
            doubts = ("party_unknown",)
        elif sighting.party not in terms.bound:
            return None
        elif sighting.party_assumed:
            doubts = ("party_assumed",)
        if not terms.period.holds(sighting.time):
            return None
        if terms.classes is not None:
            answer, reasons = terms.classes.match(sighting)
            if answer == "no":
                return None
            doubts += reasons
        more = self.more_doubts(sighting)
        return None if more is None else doubts + more

    def aside(self, sighting: Sighting) -> str | None:
        """Tell why an observation that the rule speaks about cannot be judged by it."""
        if sighting.at is not None or not self.is_local:
            return None
        is_blind = sighting.kind == "no_observation" and self.tells_blind_looks
        is_ours = is_blind or self.applies(sighting) is not None
        return "no_position" if is_ours else None

    def more_doubts(self, sighting: Sighting) -> tuple[str, ...] | None:
        """Ask the kind's own keys; None: the rule does not apply."""
        return ()

    def stand(self, sighting: Sighting, zones: Zones) -> tuple[str | None, Standing]:
        """Tell where an observation stands: in the zone with the largest margin, sites left out."""
        if not self.terms.zones:
            return None, EVERYWHERE
        if sighting.at is None:
            return None, NOWHERE
        lat, lon = sighting.at.lat_deg, sighting.at.lon_deg
        standings = [(zone, zones.stand(zone, lat, lon, sighting.time)) for zone in self.terms.zones]
        zone, best = max(standings, key=lambda pair: (pair[1].margin_m, pair[1].is_member))
        for site, classes in self.terms.sites:
            if classes is not None and classes.match(sighting)[0] != "yes":
                continue
            outside_m = zones.site_margin_m(site, lat, lon)
            if outside_m < best.margin_m:
                best = best._replace(margin_m=outside_m, is_member=best.is_member and outside_m > 0)
        return zone, best

    def see(self, sighting: Sighting, zones: Zones) -> Seen | None:
        """Judge one observation on its own; None: compliant, or not ours."""
        doubts = self.applies(sighting)
        if doubts is None:
            return None
        zone, standing = self.stand(sighting, zones)
        return self.weigh(sighting, doubts, zone, standing)

    def weigh(
        self, sighting: Sighting, doubts: tuple[str, ...], zone: str | None, standing: Standing
    ) -> Seen | None:
        """Turn place and doubts into a verdict and its probability (contract zone, section 3)."""
        ce90_m = sighting.at.ce90_m if sighting.at is not None else 0.0
        place = standing.place(ce90_m)
        if place == "out":
            return None
        reasons = [self.inside if place == "in" else "position_uncertain"] if self.is_local else []
        reasons += doubts
        if sighting.confidence < self.terms.min_confidence:
            reasons.append("low_confidence")
        is_certain = place == "in" and not doubts and sighting.confidence >= self.terms.min_confidence
        probability = standing.p_in(ce90_m) * sighting.confidence * (0.5 if doubts else 1.0)
        verdict: Verdict = "violation" if is_certain else "possible_violation"
        return Seen(sighting, verdict, probability, zone, standing, tuple(reasons))

    @property
    def is_local(self) -> bool:
        """Whether an observation without position cannot be judged."""
        return bool(self.terms.zones)

    def covered(self, seen: Seen, notices: Sequence[Sighting], zones: Zones) -> Seen:
        """Look for a notice that covers an observation, or that would have but for one thing."""
        near_misses: set[str] = set()
        for exception in self.terms.exceptions:
            for notice in notices:
                answer = exception.cover(notice, seen.sighting, zones)
                if answer == "covered":
                    reasons = (*seen.reasons, "covered_by_notice")
                    return seen._replace(verdict="covered_by_notice", reasons=reasons)
                if answer:
                    near_misses.add(answer)
        return seen._replace(reasons=(*seen.reasons, *sorted(near_misses))) if near_misses else seen

    def blind(self, look: Sighting, zones: Zones) -> Iterator[Finding]:
        """Tell that a planned look into the zone gave nothing."""
        meets = self.terms.classes is None or self.terms.classes.meets(look.classes)
        if not meets or look.at is None or not self.terms.zones:
            return
        lat, lon = look.at.lat_deg, look.at.lon_deg
        standings = [(zone, zones.stand(zone, lat, lon, look.time)) for zone in self.terms.zones]
        zone, best = max(standings, key=lambda pair: pair[1].margin_m)
        if best.margin_m > 0:
            yield Finding(
                party=None,
                verdict="could_not_observe",
                probability=best.p_in(look.at.ce90_m) * look.confidence,
                causes=(look,),
                strongest=look,
                zone=zone,
                reasons=(look.reason or "other",),
                measured=measures(look, best),
            )

    def measure(self, seen: Seen) -> dict[str, float | int | str]:
        """Give the numbers of one observation that an incident shows."""
        return measures(seen.sighting, seen.standing)


def measures(sighting: Sighting, standing: Standing) -> dict[str, float | int | str]:
    """Give distance, side, margin, position error and meaning, as far as there are any."""
    found: dict[str, float | int | str] = {}
    if standing.distance_m is not None:
        found["distance_m"] = round(standing.distance_m, 3)
    if standing.side is not None:
        found["side"] = standing.side
    if abs(standing.margin_m) < 1e9:  # a margin is infinite where there is no limit
        found["margin_m"] = round(standing.margin_m, 3)
    if sighting.at is not None:
        found["ce90_m"] = sighting.at.ce90_m
    if sighting.meaning is not None:
        found["meaning"] = sighting.meaning
    return found


def join(seen: Iterable[Seen], gap_s: float, measure: Any) -> Iterator[Finding]:
    """Join observations of one party and object that follow one another within a gap."""
    for is_covered in (False, True):
        group: list[Seen] = []
        for item in seen:
            if (item.verdict == "covered_by_notice") != is_covered:
                continue
            if group and (
                item.sighting.object is None
                or (item.sighting.time - group[-1].sighting.time).total_seconds() > gap_s
            ):
                yield _finding(group, measure)
                group = []
            group.append(item)
        if group:
            yield _finding(group, measure)


def _finding(group: Sequence[Seen], measure: Any) -> Finding:
    best = min(group, key=strength)
    reasons = dict.fromkeys(
        reason for item in group if item.verdict == best.verdict for reason in item.reasons
    )
    return Finding(
        party=best.sighting.party,
        verdict=best.verdict,
        probability=max(item.probability for item in group),
        causes=tuple(item.sighting for item in group),
        strongest=best.sighting,
        zone=best.zone,
        reasons=tuple(sorted(reasons)),
        measured=cast(Mapping[str, float | int | str], measure(best)),
    )


def strength(seen: Seen) -> tuple[Any, ...]:
    """Order by verdict, then probability, then time, then id: the first stands for the incident."""
    return (RANK[seen.verdict], -round(seen.probability, 9), seen.sighting.time, seen.sighting.id)
