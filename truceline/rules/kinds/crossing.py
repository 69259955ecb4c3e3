"""Crossing: nobody goes over the line, or not deeper than a limit."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

from truceline.geo.zone import NOWHERE, Standing, Zones
from truceline.model.observed import Sighting
from truceline.model.units import Seconds
from truceline.plug import Finding
from truceline.rules.clause import Clause, Seen, measures, strength
from truceline.rules.tables import Reach

_NO_DOUBT = {"both_sides", "low_confidence", "covered_by_notice", "notice_late", "notice_without_consent"}


class Crossing(Clause):
    """A party beyond its side of the line; for parties without a side, the same object on both.

    Parameters
    ----------
    line
        Which line.
    min_depth_m
        How deep is still tolerated.
    zone
        Only where one is inside this zone.
    classes
        Who or what; none: anybody.
    max_gap_s
        Two fixes farther apart in time are no crossing.
    """

    inside: ClassVar[str] = "beyond_line"

    line: str
    min_depth_m: Reach = 0.0
    zone: str | tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    max_gap_s: Seconds = 86400.0

    @property
    def is_local(self) -> bool:
        return True

    def more_doubts(self, sighting: Sighting) -> tuple[str, ...] | None:
        return None if sighting.party == "unknown" else ()

    def stand(self, sighting: Sighting, zones: Zones) -> tuple[str | None, Standing]:
        """Tell how deep beyond the line (parties without a side: how far from it)."""
        if sighting.at is None:
            return None, NOWHERE
        lat, lon = sighting.at.lat_deg, sighting.at.lon_deg
        standing = zones.stand_line(self.line, lat, lon, sighting.time)
        if standing is None or standing.distance_m is None:
            return None, NOWHERE
        zone = None
        if self.terms.zones:
            inside = [(zones.stand(z, lat, lon, sighting.time).margin_m, z) for z in self.terms.zones]
            margin_m, zone = max(inside, key=lambda pair: pair[0])
            if margin_m <= 0:
                return zone, NOWHERE
        side = self.terms.sides.get(sighting.party)
        depth_m = -standing.distance_m if standing.side == side else standing.distance_m
        margin_m = depth_m - self.min_depth_m
        return zone, Standing(margin_m, margin_m > 0, standing.distance_m, standing.side)

    def judge(self, bucket: Sequence[Sighting], zones: Zones) -> Iterator[Finding]:
        """Judge by side, or pair by pair where the party has none."""
        party = next((s.party for s in bucket if s.kind == self.sees), None)
        if party is None or self.terms.sides.get(party) in ("A", "B"):
            yield from super().judge(bucket, zones)
            return
        notices = [sighting for sighting in bucket if sighting.kind == "notice"]
        fixes = []
        for sighting in bucket:
            if sighting.object is None or sighting.kind != self.sees or sighting.at is None:
                continue
            seen = self.see(sighting, zones)
            if seen is not None and seen.standing.place(sighting.at.ce90_m) == "in":
                fixes.append(seen)
        for before, after in pairwise(fixes):
            gap_s = (after.sighting.time - before.sighting.time).total_seconds()
            if before.standing.side != after.standing.side and gap_s <= self.max_gap_s:
                yield self._pair(before, after, notices, zones)

    def _pair(self, before: Seen, after: Seen, notices: Sequence[Sighting], zones: Zones) -> Finding:
        verdict = max(before.verdict, after.verdict, key=["violation", "possible_violation"].index)
        arrived = self.covered(after._replace(verdict=verdict), notices, zones)
        best = min((before, after), key=strength)
        reasons = {*before.reasons, *arrived.reasons, "both_sides"} - {self.inside}
        doubt = 1.0 if reasons <= _NO_DOUBT else 0.5
        return Finding(
            party=after.sighting.party,
            verdict=arrived.verdict,
            probability=before.sighting.confidence * after.sighting.confidence * doubt,
            causes=(before.sighting, after.sighting),
            strongest=best.sighting,
            zone=best.zone,
            reasons=tuple(sorted(reasons)),
            measured=measures(best.sighting, best.standing),
        )
