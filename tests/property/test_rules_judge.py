"""The judge: what is in force in the end is a function of the set of reports."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.log.blobs import Blobs
from truceline.model.decided import Incident
from truceline.model.facts import Claim, Fact, Header
from truceline.model.observed import Report
from truceline.model.place import utc_text
from truceline.rules.agreement import Agreement, read_agreement
from truceline.rules.clusters import Clusters
from truceline.rules.judge import Judge
from truceline.rules.rulings import judge_all
from truceline.rules.sightings import of_report
from truceline.view.reports import Reports

CORRIDOR = Path(__file__).parents[2] / "truceline/sim/corridor/agreement.toml"
START = datetime(2025, 6, 1, 6, tzinfo=UTC)


def fact(seq: int, kind: str, entry_id: str, body: object, actor: str, refs: tuple[int, ...]) -> Fact:
    header = Header(actor, (), "0" * 64, entry_id, kind, "0" * 64, refs, seq, utc_text(START), 1)
    return Fact(header, msgspec.Raw(msgspec.json.encode(body)), "")


class Node:
    """Feeds reports to the folds and their answers back, as the node does; keeps what is in force."""

    def __init__(self, agreement: Agreement | None) -> None:
        self.reports = Reports()
        self.judge = Judge(agreement, self.reports, Blobs(Path("/nonexistent")))
        self.seq = 0
        self.in_force: dict[str, tuple[int, Incident]] = {}
        self.seen: set[str] = set()

    def take(self, report_id: str, report: Report) -> None:
        if report_id not in self.seen:
            self.seen.add(report_id)
            self._append(Claim(kind="report", id=report_id, body=report, actor="user:o", refs=()))

    def _append(self, claim: Claim) -> None:
        assert list(claim.refs) == sorted(set(claim.refs)) and all(ref < self.seq for ref in claim.refs)
        entry = fact(self.seq, claim.kind, claim.id, claim.body, claim.actor, claim.refs)
        self.seq += 1
        if claim.kind == "incident":
            body = entry.noun(Incident)
            for old, (seq, _) in list(self.in_force.items()) if body.supersedes else []:
                if seq in body.supersedes:
                    del self.in_force[old]
            if not body.withdrawn:
                self.in_force[claim.id] = (entry.seq, msgspec.structs.replace(body, supersedes=()))
        answers = [*self.reports.apply(entry), *self.judge.apply(entry)]
        for answer in answers:
            assert isinstance(answer, Claim) and answer.refs[-1] == entry.seq
            self._append(answer)

    def picture(self) -> dict[str, Incident]:
        return {key: incident for key, (_, incident) in self.in_force.items()}


def run(agreement: Agreement | None, reports: Sequence[tuple[str, Report]]) -> dict[str, Incident]:
    node = Node(agreement)
    for report_id, report in reports:
        node.take(report_id, report)
    return node.picture()


@st.composite
def report_sets(draw: st.DrawFn) -> list[tuple[str, Report]]:
    found = []
    for number in range(draw(st.integers(2, 14))):
        kind = draw(st.sampled_from(["explosion", "shot", "sighting", "note"]))
        attributes: dict[str, str | int | float] = {
            "party": draw(st.sampled_from(["north", "south", "unknown"]))
        }
        if kind == "sighting":
            attributes["class"] = draw(st.sampled_from(["tank", "soldier", "police", "unknown"]))
            attributes["object"] = draw(st.sampled_from(["a", "b"]))
            attributes["count"] = draw(st.sampled_from([1, 30]))
        if kind == "note":
            attributes["kind"] = "notice"
            attributes["notice_type"] = "crossing"
            attributes["from_time"] = "2025-06-01T06:00:00Z"
            attributes["until_time"] = "2025-06-01T07:00:00Z"
            attributes["consent"] = draw(st.sampled_from(["true", "false"]))
        corrects = draw(st.none() | st.integers(0, 13)) if draw(st.booleans()) else None
        found.append(
            (
                f"r{number}",
                Report(
                    type=kind,
                    time_utc=START + timedelta(seconds=draw(st.integers(0, 40)) * 70),
                    lat_deg=24.5 + draw(st.integers(-3, 3)) * 0.0033,
                    lon_deg=10.25 + draw(st.integers(0, 3)) * 0.0033,
                    ce90_m=20.0,
                    attributes=attributes,
                    corrects=None if corrects is None else f"r{corrects}",
                ),
            )
        )
    return found


AGREEMENT = read_agreement(CORRIDOR)


@given(reports=report_sets(), seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_shuffled_and_doubled_reports_leave_the_same_incidents_in_force(reports, seed):
    other = [*reports, *reports[:3]]
    random.Random(seed).shuffle(other)

    first, second = run(AGREEMENT, reports), run(AGREEMENT, other)

    assert msgspec.json.encode(first, order="sorted") == msgspec.json.encode(second, order="sorted")


@given(reports=report_sets())
@settings(max_examples=40)
def test_fact_by_fact_ends_where_the_whole_set_at_once_does(reports):
    corrected = {report.corrects for _, report in reports}
    sightings = [
        of_report(report_id, report, 0, AGREEMENT)
        for report_id, report in reports
        if report_id not in corrected
    ]

    incidents, _ = judge_all(AGREEMENT, [sighting for sighting in sightings if sighting is not None])

    picture = run(AGREEMENT, reports)
    by_rules = {key: incident for key, incident in picture.items() if incident.rule is not None}
    assert by_rules == dict(incidents)


@given(reports=report_sets())
@settings(max_examples=40)
def test_clusters_are_the_connected_components(reports):
    corrected = {report.corrects for _, report in reports}
    counting = [(i, r) for i, r in reports if i not in corrected and r.type in ("explosion", "shot")]

    picture = run(None, reports)

    assert {incident.report_ids for incident in picture.values()} == components(counting)


def components(reports: list[tuple[str, Report]]) -> set[tuple[str, ...]]:
    """By definition: haversine on the sphere of contract wire B, and a flood over all pairs."""
    from math import asin, cos, radians, sin, sqrt

    def near(a: Report, b: Report) -> bool:
        f, g = radians(a.lat_deg), radians(b.lat_deg)
        h = sin((g - f) / 2) ** 2 + cos(f) * cos(g) * sin(radians(b.lon_deg - a.lon_deg) / 2) ** 2
        far_m = 2 * 6_371_008.8 * asin(sqrt(h))
        return a.type == b.type and far_m <= 500 and abs((a.time_utc - b.time_utc).total_seconds()) <= 300

    left, found = dict(reports), set()
    while left:
        group = [left.popitem()]
        for _, member in group:
            joining = [key for key, other in left.items() if near(member, other)]
            group += [(key, left.pop(key)) for key in joining]
        if len(group) > 1:
            found.add(tuple(sorted(key for key, _ in group)))
    return found


@given(seed=st.integers(0, 2**32), most=st.integers(2, 6))
@settings(max_examples=60)
def test_large_clusters_wait_for_the_clock_and_then_are_the_same(seed, most):
    rng = random.Random(seed)
    ids = [f"r{number:02d}" for number in range(40)]
    reports = [
        (
            key,
            Report(
                type="shot",
                time_utc=START + timedelta(seconds=rng.uniform(0, 1500)),
                lat_deg=24.5,
                lon_deg=round(10.3 + rng.uniform(0, 0.02), 6),
            ),
        )
        for key in ids
    ]
    taken_back = rng.sample(ids, 8)
    reports += [
        (f"back-{key}", Report(type="note", time_utc=START, lat_deg=24.5, lon_deg=10.3, corrects=key))
        for key in taken_back
    ]
    rng.shuffle(reports)
    clusters = Clusters("shot")
    held: dict[str, Incident] = {}
    gone_before: set[str] = set()
    for key, report in reports:
        if report.corrects is not None:
            gone_before.add(report.corrects)
            clusters.remove(report.corrects)
        elif key not in gone_before:
            clusters.add(key, report)
        told, made = clusters.changed(most if rng.random() < 0.8 else None)
        for name in told:
            del held[name]
        assert not held.keys() & made.keys()
        held |= made

    told, made = clusters.changed()
    held = {name: one for name, one in held.items() if name not in told} | made

    counting = [(key, report) for key, report in reports if key in ids and key not in taken_back]
    assert {incident.report_ids for incident in held.values()} == components(counting)
    assert not clusters.waits


def test_what_another_party_gave_notice_of_is_not_among_what_an_incident_rests_on():
    def notice(party: str) -> Report:
        words = {
            "kind": "notice", "notice_type": "crossing", "party": party,
            "from_time": "2025-06-01T05:00:00Z", "until_time": "2025-06-01T07:00:00Z",
        }  # fmt: skip
        return Report(type="note", time_utc=START, lat_deg=24.5, lon_deg=10.25, attributes=words)

    soldier = {"party": "north", "class": "soldier"}
    seen = Report(
        type="sighting", time_utc=START, lat_deg=24.505, lon_deg=10.25, ce90_m=20, attributes=soldier
    )
    node = Node(AGREEMENT)
    rests = []
    append = node._append
    node._append = lambda claim: (rests.append((claim.kind, claim.refs)), append(claim))  # type: ignore[method-assign]

    for number, report in enumerate((notice("north"), notice("south"), seen)):
        node.take(f"r{number}", report)

    assert [refs for kind, refs in rests if kind == "incident"] == [(0, 2)]


def test_incident_bodies_survive_json():
    picture = run(AGREEMENT, [("r1", Report(type="shot", time_utc=START, lat_deg=24.5, lon_deg=10.2))])

    assert [json.loads(msgspec.json.encode(body))["rule"] for body in picture.values()] == ["XC-3"]
