"""What people report, as rows and looks that the running tracker takes as those of any sensor.

A report of one thing becomes a row; "nothing there", with how far the reporter could see, becomes a look
that showed nothing. A number of things over an area founds no tracks: it is held against those that are
known there (``view.census``). All who report are one sensor, by the name :data:`PEOPLE`: they repeat one
another, and who they are is nobody's business but the report's own.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from truceline.codec.observation_lines import UNSAID_CE90_M
from truceline.codec.reported_things import SURE, class_shares, classes_of, how_many, stated
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Claim, Fact
from truceline.model.names import name
from truceline.model.observed import Detections, Report
from truceline.model.tables import DETECTION, LOOK
from truceline.track.live.rounds import CLUTTER_PER_KM2
from truceline.view.reports import ReportItem, Reports
from truceline.view.watch import PEOPLE, WITNESS

DETECTOR = "report"
VERSION = "1"  # of how a report is read
EXISTS = 0.8  # that what one person reports is there, where nothing is said of how sure they are
MOST_SURE = 0.95
VAGUEST_M = 3000.0  # what is said of a wider place belongs to no track
# A look around by eye: how likely it shows a thing that can be seen from there, and what share of each class
# can be. Assumed, on the cautious side: nobody has counted what patrols miss.
PD = 0.9
FINDS = {"car": 0.8, "truck": 0.9, "armoured": 0.9, "artillery": 0.8, "person": 0.5}
LOOKS_FOR = timedelta(minutes=1)
APART_S = 600.0  # what is said of one place within so long is one look
FARTHEST_M = 2000.0  # nobody sees that nothing stands farther away
_SETTINGS = "0" * 64


class Witness(Fold):
    """Turns reports that count into rows and looks, and takes back those of reports that do no longer.

    Parameters
    ----------
    reports
        The view of reports, folded before this.
    blobs
        Where pieces are sealed.
    """

    def __init__(self, reports: Reports, blobs: Blobs) -> None:
        self._reports, self._blobs = reports, blobs
        self._entries: dict[str, int] = {}  # report → the entry that speaks for it
        self._erased: set[str] = set()

    def apply(self, fact: Fact) -> Iterable[Claim]:
        if fact.kind == "report":
            if fact.redacted is not None:
                self._erased.add(fact.id)
            return [claim for one in sorted(self._reports.touched) for claim in self._heard(one, fact)]
        if fact.kind == "detection" and fact.actor == WITNESS and fact.redacted is None:
            return list(self._said(fact, fact.noun(Detections)))
        return ()

    def _heard(self, report_id: str, fact: Fact) -> Iterator[Claim]:
        item = self._reports.get(report_id)
        if item is None:
            return
        if not self._reports.in_force(report_id):
            yield from self._taken_back(report_id, fact)
            return
        rows, looks = row_of(item.report), look_of(item.report)
        if rows or looks:
            yield self._claim(item, rows, looks, fact, ())

    def _said(self, fact: Fact, said: Detections) -> Iterator[Claim]:
        """Our own claim is in the log; what it speaks for may have been corrected meanwhile."""
        report_id = said.observation
        if not said.rows and said.looks is None:
            self._entries.pop(report_id, None)
            return
        self._entries[report_id] = fact.seq
        if report_id not in self._erased and not self._reports.in_force(report_id):
            yield from self._taken_back(report_id, fact)

    def _taken_back(self, report_id: str, fact: Fact) -> Iterator[Claim]:
        item, entry = self._reports.get(report_id), self._entries.get(report_id)
        if item is not None and entry is not None:
            yield self._claim(item, [], [], fact, (entry,))

    def _claim(
        self,
        item: ReportItem,
        rows: list[dict[str, Any]],
        looks: list[dict[str, Any]],
        fact: Fact,
        supersedes: tuple[int, ...],
    ) -> Claim:
        entry = name("det", item.id, DETECTOR)
        piece = pieces.seal(pa.Table.from_pylist(rows, schema=DETECTION), self._blobs, "rows")
        looked = None
        if looks:
            looked = pieces.seal(pa.Table.from_pylist(looks, schema=LOOK), self._blobs, "looks")
        body = Detections(
            observation=item.id,
            detector=DETECTOR,
            settings_sha256=_SETTINGS,
            version=VERSION,
            piece=piece,
            rows=len(rows),
            source=PEOPLE,
            supersedes=supersedes,
            looks=looked,
        )
        return Claim(
            kind="detection",
            id=entry,
            body=body,
            actor=WITNESS,
            refs=(*sorted({item.seq, *supersedes} - {fact.seq}), fact.seq),
            blobs=(piece,) if looked is None else (piece, looked),
        )


def row_of(report: Report) -> list[dict[str, Any]]:
    """Read a report of one thing as a row of ``tables.DETECTION``; empty: it reports no single thing."""
    kinds, ce90_m = classes_of(report), UNSAID_CE90_M if report.ce90_m is None else report.ce90_m
    if kinds is None or how_many(report.attributes) != 1 or ce90_m > VAGUEST_M:
        return []
    sure = stated(report.attributes, "confidence", 1.0)
    return [
        {
            "time_utc": report.time_utc,
            "lat_deg": report.lat_deg,
            "lon_deg": report.lon_deg,
            "ce90_m": ce90_m,
            **{f"p_{word}": share for word, share in class_shares(kinds, SURE).items()},
            "confidence": EXISTS if sure is None else min(sure, MOST_SURE),
            "kind": "sighting",
        }
    ]


def look_of(report: Report) -> list[dict[str, Any]]:
    """Read "nothing there" as a row of ``tables.LOOK``; empty: it says nothing of the kind, or not how far.

    With classes it says that of these alone there are none.
    """
    kinds, reach_m = classes_of(report), stated(report.attributes, "radius_m", FARTHEST_M)
    if kinds is None or reach_m is None or how_many(report.attributes) != 0:
        return []
    sure_m = reach_m - (UNSAID_CE90_M if report.ce90_m is None else report.ce90_m)
    if sure_m <= 0:
        return []
    return [
        {
            "since_utc": report.time_utc - LOOKS_FOR,
            "time_utc": report.time_utc,
            "sensor": PEOPLE,
            "lat_deg": report.lat_deg,
            "lon_deg": report.lon_deg,
            "shape": "annulus",
            "a_m": 0.0,
            "b_m": sure_m,
            "turned_deg": 0.0,
            "pd": PD,
            **_finds(class_shares(kinds, 1.0)),
            "least_speed_mps": 0.0,
            "clutter_per_km2": CLUTTER_PER_KM2,
            "apart_s": APART_S,
        }
    ]


def _finds(told: Mapping[str, float]) -> dict[str, float]:
    return {f"finds_{word}": FINDS.get(word, 0.0) if told[word] > 0 else 0.0 for word in FUSION_CLASSES}
