"""The judge: what holds against the agreement, fact by fact."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.model.decided import Incident
from truceline.model.facts import Claim, Fact, Job
from truceline.model.observed import Detections, Observation, Sighting, Tracks
from truceline.model.place import Span
from truceline.rules import sightings as read
from truceline.rules.agreement import Agreement
from truceline.rules.clusters import CLASSES, Clusters
from truceline.rules.rulings import exceptions, key_function, kilometre, rule_on
from truceline.view.reports import Reports
from truceline.view.watch import CLOCK, TRACKER, WITNESS

ACTOR = "engine:judge"
AT_ONCE = 32  # reports of a cluster that is told with each report
LATER = timedelta(seconds=0.5)  # a larger one is told this much later, with all that came meanwhile
OWED = "engine:watch"  # says that a piece that was owed did not come
_BucketName = tuple[int, str]  # number of the rule, key


class Judge(Fold):
    """Says which incidents hold, and takes back those that no longer do.

    What is in force in the end is a function of the set of reports, rows and tracks in force.
    Only the buckets that a fact touches are judged again.

    Parameters
    ----------
    agreement
        The rules; None: clusters of reports alone.
    reports
        The view of reports, folded before this.
    blobs
        Where the pieces of rows lie.
    attribution
        ``side``: a track's party is that of the side on which it was first seen, as an assumption.
    """

    def __init__(
        self,
        agreement: Agreement | None,
        reports: Reports,
        blobs: Blobs,
        attribution: Literal["none", "side"] = "none",
    ) -> None:
        self._agreement, self._reports, self._blobs = agreement, reports, blobs
        self._attribution = attribution
        self._clusters = {type_: Clusters(type_) for type_ in CLASSES}
        self._sightings: dict[str, Sighting] = {}
        self._notices: dict[str, Sighting] = {}
        self._tellings: dict[str, dict[int, Sighting]] = {}  # row, changed place, or track and slot → entries
        self._told: dict[int, tuple[str, ...]] = {}  # entry of rows → what it tells of
        self._sources: dict[str, str] = {}  # observation → source
        self._came: dict[str, list[Span]] = {}  # source → when its pieces were
        self._owed: dict[str, dict[str, Span]] = {}  # source → looks of which nothing came
        self._reported: set[str] = set()  # entries of rows that were read from reports
        provisions = agreement.provisions if agreement is not None else ()
        self._keys: list[Callable[[Sighting], str | None]] = [key_function(p) for p in provisions]
        self._buckets: dict[_BucketName, dict[str, Sighting]] = {}
        self._found: dict[_BucketName, dict[str, Incident]] = {}
        self._entries: dict[str, int] = {}  # incident → its newest entry
        self._holding: dict[str, Incident] = {}
        self._erased: set[str] = set()
        self._late_utc: datetime | None = None

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.redacted is not None:
            self._erased.add(fact.id)
            return ()
        match fact.kind:
            case "incident":
                return self._said(fact)
            case "report":
                return self._reports_changed(fact)
            case "observation":
                return self._looked(fact)
            case "detection":
                return self._detected(fact)
            case "track":
                return self._tracked(fact)
        return ()

    def _said(self, fact: Fact) -> list[Claim]:
        if fact.actor != ACTOR:
            return []
        incident = fact.noun(Incident)
        if incident.withdrawn:
            return []
        self._entries[fact.id] = fact.seq
        if fact.id in self._holding or not self._erased.isdisjoint(incident.report_ids):
            return []  # what rested on a report that was blanked later goes on standing
        # It stopped holding before its own entry was there to be superseded.
        return [self._withdrawal(fact.id, incident, fact)]

    def _reports_changed(self, fact: Fact) -> list[Claim]:
        put: dict[str, Sighting | None] = {}
        for report_id in sorted(self._reports.touched):
            item = self._reports.get(report_id)
            if item is None:
                continue
            counts = self._reports.in_force(report_id)
            clusters = self._clusters.get(item.report.type)
            if clusters is not None and counts:
                clusters.add(report_id, item.report)
            elif clusters is not None:
                clusters.remove(report_id)
            if self._agreement is not None:
                sighting = read.of_report(report_id, item.report, item.seq, self._agreement)
                put[report_id] = sighting if counts else None
        claims = self._cluster(fact, AT_ONCE)
        if self._late_utc is None and any(clusters.waits for clusters in self._clusters.values()):
            self._late_utc = fact.time_utc
        return claims + self._settle(put, fact)

    def _cluster(self, fact: Fact, most: int | None) -> list[Claim]:
        """Claim what the clusters have come to.

        Large ones wait for the clock, or each of a thousand reports of one place would write all that
        came before it once more.
        """
        claims: list[Claim] = []
        for clusters in self._clusters.values():
            if not clusters.waits:
                continue
            told, made = clusters.changed(most)
            gone = {name: self._holding[name] for name in told if name in self._holding}
            come = {
                name: msgspec.structs.replace(cluster, km=self._km(cluster.lat_deg, cluster.lon_deg))
                for name, cluster in made.items()
            }
            claims += self._reconcile(gone, come, fact)
        return claims

    def due(self) -> datetime | None:
        """Tell when the large clusters are to be told."""
        return None if self._late_utc is None else self._late_utc + LATER

    def _looked(self, fact: Fact) -> list[Claim]:
        observation = fact.noun(Observation)
        if observation.source == CLOCK:
            self._late_utc = None
            return self._cluster(fact, None)
        self._sources[fact.id] = observation.source
        if self._agreement is None or fact.actor == TRACKER:
            return []
        if observation.status != "blocked":
            return self._settle(dict.fromkeys(self._came_late(observation)), fact)
        sighting = read.of_look(fact.id, observation, fact.seq)
        if sighting is None:
            return []
        if fact.actor == OWED:
            self._owed.setdefault(observation.source, {})[sighting.id] = observation.phenomenon
            if any(_overlap(span, observation.phenomenon) for span in self._came.get(observation.source, ())):
                return []
        return self._settle({sighting.id: sighting}, fact)

    def _came_late(self, observation: Observation) -> list[str]:
        """Name the looks of which nothing had come until this piece came after all."""
        self._came.setdefault(observation.source, []).append(observation.phenomenon)
        owed = self._owed.get(observation.source, {})
        return [key for key, span in owed.items() if _overlap(span, observation.phenomenon)]

    def _detected(self, fact: Fact) -> list[Claim]:
        if self._agreement is None:
            return []
        detections = fact.noun(Detections)
        if fact.actor == WITNESS:
            self._reported.add(fact.id)
        found: dict[str, Sighting] = {}
        if detections.rows:
            source = self._sources.get(detections.observation, detections.detector)
            table = pieces.read(self._blobs, detections.piece)
            found = {s.id: s for s in read.of_detections(fact.id, table, fact.seq, source)}
        return self._settle(self._retold(detections.supersedes, found, fact.seq), fact)

    def _tracked(self, fact: Fact) -> list[Claim]:
        agreement = self._agreement
        if agreement is None:
            return []
        tracks = fact.noun(Tracks)
        found: dict[str, Sighting] = {}
        if tracks.rows:
            side_party = agreement.party_on if self._attribution == "side" else _nobody
            rows = pieces.read(self._blobs, tracks.piece)
            found = {s.id: s for s in read.of_tracks(rows, fact.seq, side_party, self._reported)}
        return self._settle(self._retold(tracks.supersedes, found, fact.seq), fact)

    def _retold(
        self, supersedes: Sequence[int], found: Mapping[str, Sighting], seq: int
    ) -> dict[str, Sighting | None]:
        """Take in what an entry says; of one thing that several entries tell the earliest row speaks.

        So a changed place that shows on each pass is one incident, and a track one per slot.
        """
        touched = set(found)
        for old in supersedes:
            for key in self._told.pop(old, ()):
                self._tellings[key].pop(old, None)
                touched.add(key)
        if found:
            self._told[seq] = tuple(found)
        for key, sighting in found.items():
            self._tellings.setdefault(key, {})[seq] = sighting
        put: dict[str, Sighting | None] = {}
        for key in sorted(touched):
            put[key] = min(self._tellings[key].values(), key=_earliest, default=None)
            if not self._tellings[key]:
                del self._tellings[key]
        return put

    def _km(self, lat_deg: float | None, lon_deg: float | None) -> float | None:
        return None if self._agreement is None else kilometre(self._agreement.zones, lat_deg, lon_deg)

    def _settle(self, put: Mapping[str, Sighting | None], fact: Fact) -> list[Claim]:
        """Put sightings in or take them out (None), and judge the buckets that this touches."""
        agreement = self._agreement
        if agreement is None:
            return []
        touched: set[_BucketName] = set()
        for key, sighting in put.items():
            old = self._sightings.get(key)
            if old is not None and sighting is not None and _same(old, sighting):
                self._put(sighting)  # the same words, in a newer entry: nothing to judge
                continue
            for change, one in ((self._take, old), (self._put, sighting)):
                if one is not None:
                    touched |= change(one)
        claims: list[Claim] = []
        for name in sorted(touched):
            claims += self._judge(agreement, name, fact)
        return claims

    def _put(self, sighting: Sighting) -> set[_BucketName]:
        self._sightings[sighting.id] = sighting
        if sighting.kind == "notice":
            self._notices[sighting.id] = sighting
            return self._near(sighting)
        names = self._names(sighting)
        for name in names:
            self._buckets.setdefault(name, {})[sighting.id] = sighting
        return names

    def _take(self, sighting: Sighting) -> set[_BucketName]:
        del self._sightings[sighting.id]
        if sighting.kind == "notice":
            del self._notices[sighting.id]
            return self._near(sighting)
        names = self._names(sighting)
        for name in names:
            del self._buckets[name][sighting.id]
        return names

    def _names(self, sighting: Sighting) -> set[_BucketName]:
        keys = ((number, key_of(sighting)) for number, key_of in enumerate(self._keys))
        return {(number, key) for number, key in keys if key is not None}

    def _near(self, notice: Sighting) -> set[_BucketName]:
        """Name the buckets that a notice may speak about."""
        provisions = self._agreement.provisions if self._agreement is not None else ()
        covered = {number for number, provision in enumerate(provisions) if exceptions(provision)}
        return {
            name
            for name, bucket in self._buckets.items()
            if name[0] in covered and any(_runs(notice, sighting) for sighting in bucket.values())
        }

    def _judge(self, agreement: Agreement, name: _BucketName, fact: Fact) -> list[Claim]:
        provision = agreement.provisions[name[0]]
        bucket = list(self._buckets.get(name, {}).values())
        notices: list[Sighting] = []
        if exceptions(provision):
            notices = [n for n in self._notices.values() if any(_runs(n, s) for s in bucket)]
        come = dict(rule_on(agreement, provision, bucket, notices)) if bucket else {}
        gone = self._found.pop(name, {})
        if come:
            self._found[name] = come
        if not bucket:
            self._buckets.pop(name, None)
        return self._reconcile(gone, come, fact, notices)

    def _reconcile(
        self,
        gone: Mapping[str, Incident],
        come: Mapping[str, Incident],
        fact: Fact,
        notices: Sequence[Sighting] = (),
    ) -> list[Claim]:
        """Claim what is there and was not, superseding what was there and is not."""
        replaces: dict[str, list[str]] = {}
        withdrawn = []
        for old in sorted(gone):
            if old in come:
                if come[old] != gone[old]:
                    replaces.setdefault(old, []).append(old)
                continue
            heir = _heir(gone[old], come)
            if heir is None:
                withdrawn.append(old)
            else:
                replaces.setdefault(heir, []).append(old)
        claims = []
        for old in gone:
            self._holding.pop(old, None)
        for new in sorted(come):
            self._holding[new] = come[new]
            if new not in gone or new in replaces:
                entries = [self._entries[old] for old in replaces.get(new, ()) if old in self._entries]
                # What another party gave notice of covers nothing here, and is not for its opponent's eyes.
                own = [notice.seq for notice in notices if notice.party == come[new].party]
                claims.append(self._claim(new, come[new], entries, own, fact))
        for old in withdrawn:
            if old in self._entries:
                claims.append(self._withdrawal(old, gone[old], fact))
        return claims

    def _claim(
        self, new: str, incident: Incident, entries: Sequence[int], notices: Sequence[int], fact: Fact
    ) -> Claim:
        supersedes = tuple(sorted(set(entries)))
        return Claim(
            kind="incident",
            id=new,
            body=msgspec.structs.replace(incident, supersedes=supersedes),
            actor=ACTOR,
            refs=tuple(sorted({*self._rests_on(incident), *supersedes, *notices, fact.seq})),
        )

    def _withdrawal(self, old: str, incident: Incident, fact: Fact) -> Claim:
        supersedes = (self._entries[old],)
        return Claim(
            kind="incident",
            id=old,
            body=msgspec.structs.replace(incident, supersedes=supersedes, withdrawn=True),
            actor=ACTOR,
            refs=tuple(sorted({*self._rests_on(incident), *supersedes, fact.seq})),
        )

    def _rests_on(self, incident: Incident) -> set[int]:
        """Find the entries of the causes."""
        found = {self._sightings[cause].seq for cause in incident.causes if cause in self._sightings}
        items = (self._reports.get(report_id) for report_id in incident.report_ids)
        return found | {item.seq for item in items if item is not None}


def _overlap(one: Span, other: Span) -> bool:
    return one.from_utc < other.until_utc and other.from_utc < one.until_utc


def _heir(old: Incident, come: Mapping[str, Incident]) -> str | None:
    """Choose what takes an incident's place: what shares most with it."""

    def shared(new: str) -> int:
        mine, other = old.causes or old.report_ids, come[new].causes or come[new].report_ids
        return len(set(mine) & set(other))

    best = min(come, key=lambda new: (-shared(new), new), default=None)
    return best if best is not None and shared(best) else None


def _same(one: Sighting, other: Sighting) -> bool:
    """Tell whether two sightings say the same, whichever entry they stand in."""
    return msgspec.structs.replace(one, seq=0, row=0) == msgspec.structs.replace(other, seq=0, row=0)


def _earliest(sighting: Sighting) -> tuple[object, ...]:
    at = sighting.at
    place = (at.lat_deg, at.lon_deg, at.ce90_m) if at is not None else ()
    return (sighting.time, -sighting.confidence, place, sighting.classes or (), sighting.class_ or "")


def _runs(notice: Sighting, sighting: Sighting) -> bool:
    start, end = notice.from_time, notice.until_time
    return start is not None and end is not None and start <= sighting.time < end


def _nobody(side: str | None) -> str | None:
    return None
