"""Reports of people among the rows of sensors: what is in force depends on the set, not on the order."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.log.canon import canonical
from truceline.model.facts import Fact, Header, Redacted
from truceline.model.observed import Detections, Observation, Report
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.track.live.fuse import Fuse
from truceline.track.live.witness import Witness
from truceline.view.reports import Reports
from truceline.view.scene import Scene
from truceline.view.watch import CLOCK, PEOPLE

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
ZEROS = "0" * 64


@pytest.fixture(scope="module")
def blobs():
    with tempfile.TemporaryDirectory() as folder:
        yield Blobs(Path(folder))


class Mission:
    """A log of four folds: what they claim comes back to them as facts."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs, self.reports, self.scene, self.seq = blobs, Reports(), Scene(blobs), 0
        self.folds = (self.reports, self.scene, Witness(self.reports, blobs), Fuse(blobs))
        self.known: set[tuple] = set()
        self.facts: list[Fact] = []

    def put(self, kind, entry, body, actor, refs=()):
        key = (kind, entry, refs[-1:])
        if key in self.known:
            return
        self.known.add(key)
        header = Header(
            actor=actor, blobs=(), body_sha256=ZEROS, id=entry, kind=kind, prev_sha256=ZEROS, refs=refs,
            seq=self.seq, time_utc="2026-03-01T12:00:00Z", v=1,
        )  # fmt: skip
        fact, self.seq = Fact(header, msgspec.Raw(canonical(body))), self.seq + 1
        self.facts.append(fact)
        for claim in [claim for fold in self.folds for claim in fold.apply(fact)]:
            self.put(claim.kind, claim.id, claim.body, claim.actor, claim.refs)

    def report(self, name, second, east_deg=0.0, corrects=None, type="sighting", **attributes):
        body = Report(
            type=type, time_utc=T0 + timedelta(seconds=second), lat_deg=48.0, lon_deg=37.0 + east_deg,
            ce90_m=50.0, corrects=corrects, attributes=attributes,
        )  # fmt: skip
        self.put("report", name, body, "user:p-1")

    def rows(self, name, seconds, east_deg=0.0, source="uav-1"):
        rows = [
            {"time_utc": T0 + timedelta(seconds=s), "lat_deg": 48.0, "lon_deg": 37.0 + east_deg,
             "ce90_m": 15.0, "p_truck": 0.6, "p_armoured": 0.4, "confidence": 0.6}
            for s in seconds
        ]  # fmt: skip
        piece = pieces.seal(pa.Table.from_pylist(rows, schema=DETECTION), self.blobs, "rows")
        body = Detections(
            observation=f"obs-{name}", source=source, detector="movers", settings_sha256=ZEROS, version="1",
            piece=piece, rows=len(rows),
        )  # fmt: skip
        self.put("detection", name, body, "detector:movers")

    def tick(self):
        if any(fold.due() is not None for fold in self.folds):
            span = Span(from_utc=T0, until_utc=T0 + timedelta(seconds=1))
            body = Observation(source=CLOCK, key=str(self.seq), phenomenon=span, result_utc=T0)
            self.put("observation", f"tick-{self.seq}", body, "node:clock")

    def tracks(self, second):
        self.tick()
        return self.scene.tracks(T0 + timedelta(seconds=second))

    def in_force(self):
        self.tick()
        return [msgspec.structs.replace(row, seq=0, row=0) for row in self.scene.in_force()]


def test_a_report_founds_a_track_where_nothing_is_known(blobs):
    mission = Mission(blobs)
    mission.report("r-1", 100, **{"class": "tank"})

    (track,) = mission.tracks(200)

    assert track.probability["armoured"] == pytest.approx(0.9)
    assert track.exists_p == pytest.approx(0.8)
    assert track.ce90_m == pytest.approx(50.0, rel=0.05)


def test_a_report_that_comes_hours_late_joins_the_track_that_was_there(blobs):
    mission = Mission(blobs)
    mission.rows("d-1", range(0, 300, 30))
    mission.rows("d-2", range(9000, 9300, 30), east_deg=0.1)
    alone = mission.tracks(310)
    mission.report("r-1", 150, **{"class": "tank"})

    (before,), (after,) = alone, mission.tracks(310)

    assert (after.track_id, after.detections_used) == (before.track_id, before.detections_used + 1)
    assert after.ce90_m <= before.ce90_m
    assert after.probability["armoured"] > 0.7 > before.probability["armoured"]


def test_late_reports_are_followed_together_when_the_clock_ticks(blobs):
    mission = Mission(blobs)
    mission.rows("d-1", range(0, 300, 30))
    mission.rows("d-2", range(3000, 3300, 30))
    before = mission.scene.in_force()
    for number in range(5):
        mission.report(f"r-{number}", 10 * number, **{"class": "tank"})

    assert mission.scene.in_force() == before
    seq = mission.seq
    mission.tick()
    assert mission.scene.in_force() != before
    assert mission.seq <= seq + 1 + 3  # the tick, and each round once at most


def test_a_report_that_is_corrected_leaves_no_trace(blobs):
    mission, other = Mission(blobs), Mission(blobs)
    for one in (mission, other):
        one.rows("d-1", range(0, 300, 30))
    mission.report("r-1", 150, **{"class": "tank"})
    mission.report("r-2", 4000, east_deg=0.02, **{"class": "truck"})
    for name in ("r-1", "r-2"):
        mission.report(f"{name}-back", 5000, corrects=name, type="note")

    assert mission.in_force() == other.in_force()


def test_a_number_over_an_area_founds_nothing(blobs):
    mission = Mission(blobs)
    mission.report("r-1", 100, count=10, **{"class": "truck"})

    assert mission.tracks(200) == []


def test_nothing_there_speaks_against_what_stood_there_and_for_nothing_beyond_its_reach(blobs):
    mission = Mission(blobs)
    mission.report("r-1", 100, **{"class": "tank"})
    mission.report("r-2", 110, east_deg=0.02, **{"class": "tank"})  # 1.5 km away
    mission.report("r-3", 900, count=0, radius_m=400)
    far, near = sorted(mission.tracks(1000), key=lambda track: -track.lon_deg)
    mission.report("r-4", 1600, count=0, radius_m=400)

    assert (far.missed_by, near.missed_by) == (None, PEOPLE)
    assert near.exists_p < 0.6 < far.exists_p
    assert [track.track_id for track in mission.tracks(1700)] == [far.track_id]


THINGS = [
    ("rows", "d-1", range(0, 300, 30)),
    ("rows", "d-2", range(650, 900, 30)),
    ("report", "r-1", 150),
    ("report", "r-2", 700),
    ("report", "r-3", 1300),
    ("report", "r-4", 2500),
]  # fmt: skip
SAID = {
    "r-1": {"class": "tank"},
    "r-2": {"class": "apc", "count": 1},
    "r-3": {"count": 0, "radius_m": 500},
    "r-4": {"class": "truck"},
}


def test_a_blanked_report_leaves_its_track_standing_after_a_restart(blobs):
    mission, again = Mission(blobs), Mission(blobs)
    mission.rows("d-1", range(0, 300, 30))
    mission.report("r-1", 150, **{"class": "tank"})
    mission.report("r-2", 4000, east_deg=0.02, **{"class": "truck"})
    held = mission.in_force()
    words = Redacted(by="user:c", reason="names a person")
    claims = []
    for fact in mission.facts:
        blanked = fact.kind == "report"
        one = msgspec.structs.replace(fact, body=msgspec.Raw(), redacted=words) if blanked else fact
        claims += [claim for fold in again.folds for claim in fold.apply(one)]

    assert again.in_force() == held
    assert [claim for claim in claims if (claim.kind, claim.id, claim.refs[-1:]) not in mission.known] == []


@given(
    order=st.permutations([*THINGS, ("report", "r-5", 720), ("tick", "", 0), ("tick", "", 1)]),
    corrected=st.sampled_from(["r-1", "r-2", "r-3", "r-4"]),
)
@settings(deadline=None, max_examples=25)
def test_reports_and_rows_in_any_order_give_the_same_tracks(blobs, order, corrected):
    def play(things):
        mission = Mission(blobs)
        for how, name, when in things:
            if how == "tick":
                mission.tick()
            elif how == "rows":
                mission.rows(name, when)
            elif name == "r-5":
                mission.report(name, when, corrects=corrected, type="note")
            else:
                mission.report(name, when, **SAID[name])
        return mission.in_force()

    assert play(order) == play([*THINGS, ("report", "r-5", 720)])
