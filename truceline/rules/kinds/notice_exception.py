"""Notice exception: what was notified beforehand, as agreed, is covered."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from truceline.geo.crs import GEOD
from truceline.geo.zone import Zones
from truceline.model.observed import Sighting
from truceline.model.units import Seconds
from truceline.plug import Finding
from truceline.rules.clause import Clause
from truceline.rules.match import candidates


class NoticeException(Clause):
    """Notices that cover findings of other rules; it finds nothing itself.

    Parameters
    ----------
    applies_to
        The rules whose findings may be covered.
    notice_types
        Words of the notices that count.
    lead_time_s
        How long before its start a notice must be given.
    max_duration_s
        How long at most a notice may run.
    requires_consent
        Whether the mission must have agreed.
    """

    applies_to: tuple[str, ...]
    notice_types: tuple[str, ...]
    lead_time_s: Seconds = 0.0
    max_duration_s: Seconds | None = None
    requires_consent: bool = False

    def key(self, sighting: Sighting) -> str | None:
        return None

    def judge(self, bucket: Sequence[Sighting], zones: Zones) -> Iterator[Finding]:
        return iter(())

    def cover(self, notice: Sighting, sighting: Sighting, zones: Zones) -> str:
        """Compare a notice with an observation.

        Returns
        -------
        str
            ``covered``; ``notice_late`` or ``notice_without_consent`` when that alone is
            missing; empty: the notice is about something else.
        """
        runs = self._runs(notice, sighting.party, sighting.time)
        if not runs or not _fits(notice, sighting):
            return ""
        if notice.max_count is not None and sighting.count > notice.max_count:
            return ""
        found = self.shortcomings(notice)
        if not found:
            return "covered"
        return found[0] if len(found) == 1 and found[0] != "too_long" else ""

    def cover_count(self, notice: Sighting, counted: Sequence[Sighting], party: str, at: datetime) -> str:
        """Compare a notice with a count: as :meth:`cover`, the number left to the caller."""
        if not self._runs(notice, party, at) or not any(_fits(notice, sighting) for sighting in counted):
            return ""
        found = self.shortcomings(notice)
        if not found:
            return "covered"
        return found[0] if len(found) == 1 and found[0] != "too_long" else ""

    def shortcomings(self, notice: Sighting) -> list[str]:
        """Name what keeps a notice from counting."""
        start, end = notice.from_time, notice.until_time
        found = []
        if start is None or (start - notice.time).total_seconds() < self.lead_time_s:
            found.append("notice_late")
        if self.requires_consent and notice.consent is not True:
            found.append("notice_without_consent")
        runs_s = (end - start).total_seconds() if start is not None and end is not None else 0.0
        if self.max_duration_s is not None and runs_s > self.max_duration_s:
            found.append("too_long")
        return found

    def _runs(self, notice: Sighting, party: str, at: datetime) -> bool:
        start, end = notice.from_time, notice.until_time
        if notice.notice_type not in self.notice_types or start is None or end is None:
            return False
        if notice.party != party or not start <= at < end:
            return False
        # Civilians have no side, yet permits are theirs: only a list that is written out excludes.
        if self.parties and party not in self.terms.bound:
            return False
        return self.terms.period.holds(at)


def _fits(notice: Sighting, sighting: Sighting) -> bool:
    """Tell whether object, classes and area of a notice, where given, hold the observation."""
    if notice.object is not None and notice.object != sighting.object:
        return False
    if notice.classes is not None and not set(candidates(sighting)) <= set(notice.classes):
        return False
    if notice.at is None or notice.radius_m is None:
        return True
    if sighting.at is None:
        return False
    away_m = GEOD.inv(notice.at.lon_deg, notice.at.lat_deg, sighting.at.lon_deg, sighting.at.lat_deg)[2]
    return bool(away_m <= notice.radius_m)
