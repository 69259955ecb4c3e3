"""What people and units have sent, and which of it still counts."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from truceline.log.fold import Fold
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Report


class ReportItem(msgspec.Struct, frozen=True):
    """A report as the log holds it; ``reporter`` is the actor who brought it."""

    id: str
    report: Report
    seq: int
    received_utc: datetime
    reporter: str


class Reports(Fold):
    """Folds ``report`` entries.

    A report counts until a report of the same reporter corrects it; either may arrive first, so
    that what counts is a function of the set of reports.
    """

    def __init__(self) -> None:
        self.items: list[ReportItem] = []
        self.touched: frozenset[str] = frozenset()
        self._by_id: dict[str, ReportItem] = {}
        self._correctors: dict[str, set[str]] = {}
        self._by_subject: dict[str, list[ReportItem]] = {}
        self._bringers: dict[str, str] = {}
        self._positions: dict[str, ReportItem] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        self.touched = frozenset()
        for blob in fact.header.blobs:
            self._bringers.setdefault(blob.sha256, fact.actor)
        if fact.kind != "report" or fact.redacted is not None:
            return ()
        item = ReportItem(fact.id, fact.noun(Report), fact.seq, fact.time_utc, fact.actor)
        self.items.append(item)
        self._by_id[fact.id] = item
        if item.report.type == "position" and item.report.subject_id is not None:
            self._by_subject.setdefault(item.report.subject_id, []).append(item)
        touched = {fact.id}
        if item.report.corrects is not None:
            self._correctors.setdefault(item.report.corrects, set()).add(item.reporter)
            touched.add(item.report.corrects)
        self.touched = frozenset(touched)
        for report_id in sorted(touched):
            self._place(report_id)
        return ()

    def get(self, report_id: str) -> ReportItem | None:
        """Find a report, also one that no longer counts."""
        return self._by_id.get(report_id)

    def bringer(self, sha256: str) -> str | None:
        """Tell who brought a sample: the actor of the first entry that cites it."""
        return self._bringers.get(sha256)

    def in_force(self, report_id: str) -> bool:
        """Tell whether a report has arrived and has not been corrected by its reporter."""
        item = self._by_id.get(report_id)
        return item is not None and item.reporter not in self._correctors.get(report_id, ())

    def position(self, subject_id: str) -> ReportItem | None:
        """Find the newest position of a subject that counts."""
        return self._positions.get(subject_id)

    def positions(self) -> list[ReportItem]:
        """List the newest position of each subject that counts, by subject."""
        return [self._positions[subject] for subject in sorted(self._positions)]

    def counting(self) -> Iterator[ReportItem]:
        """Yield the reports that count, in order of arrival."""
        return (item for item in self.items if self.in_force(item.id))

    def page(self, after_seq: int = -1, limit: int = 100, reporter: str | None = None) -> list[ReportItem]:
        """List reports of ascending ``seq`` after one, of one reporter or of all."""
        start = bisect_right(self.items, after_seq, key=lambda item: item.seq)
        found: list[ReportItem] = []
        for item in self.items[start:]:
            if reporter is None or item.reporter == reporter:
                found.append(item)
                if len(found) == limit:
                    break
        return found

    def _place(self, report_id: str) -> None:
        item = self._by_id.get(report_id)
        if item is None or item.report.type != "position" or item.report.subject_id is None:
            return
        subject = item.report.subject_id
        current = self._positions.get(subject)
        if self.in_force(report_id):
            if current is None or _newness(item) > _newness(current):
                self._positions[subject] = item
        elif current is item:
            counting = [one for one in self._by_subject[subject] if self.in_force(one.id)]
            if counting:
                self._positions[subject] = max(counting, key=_newness)
            else:
                del self._positions[subject]


def _newness(item: ReportItem) -> tuple[datetime, str]:
    return (item.report.time_utc, item.id)
