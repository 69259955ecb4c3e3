"""Told numbers of an area, held against the tracks that are known there."""

from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest
from truceline.log.blobs import Blobs
from truceline.log.pieces import seal
from truceline.model.facts import Fact, Header
from truceline.model.observed import Report, Tracks
from truceline.model.place import Span, utc_text
from truceline.model.tables import TRACK
from truceline.view.census import Census
from truceline.view.reports import Reports
from truceline.view.scene import Scene

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP_DEG = 0.0004  # 42 m


class Desk:
    def __init__(self, folder):
        self.blobs, self.reports, self.seq = Blobs(folder), Reports(), 0
        self.scene = Scene(self.blobs)
        self.census = Census(self.reports, self.scene)

    def _take(self, kind, entry, body, minute, actor="user:p-1"):
        moment = utc_text(START + timedelta(minutes=minute))
        fact = Fact(
            Header(actor, (), "", entry, kind, "", (), self.seq, moment, 1),
            msgspec.Raw(msgspec.json.encode(body)),
        )
        self.seq += 1
        for fold in (self.reports, self.scene, self.census):
            fold.apply(fact)

    def lorries(self, number, minute):
        begin = START + timedelta(minutes=minute // 10 * 10)
        seen = START + timedelta(minutes=minute)
        rows = [
            {"track_id": 1 + k, "time_utc": seen, "lat_deg": 20.0, "lon_deg": 10.0 + k * STEP_DEG,
             "ce90_m": 20.0, "exists_p": 0.99, "last_seen_utc": seen, "detections_used": 3, "p_truck": 1.0}
            for k in range(number)
        ]  # fmt: skip
        body = Tracks(
            round=Span(from_utc=begin, until_utc=begin + timedelta(minutes=10)), inputs_sha256="0" * 64,
            piece=seal(pa.Table.from_pylist(rows, schema=TRACK), self.blobs, "rows"), rows=number,
        )  # fmt: skip
        self._take("track", f"t{self.seq}", body, minute, "engine:fuse")

    def report(self, name, minute, corrects=None, taken_in=20, type="sighting", **attributes):
        body = Report(
            type=type, time_utc=START + timedelta(minutes=minute), lat_deg=20.0, lon_deg=10.0, ce90_m=80.0,
            attributes=attributes, corrects=corrects,
        )  # fmt: skip
        self._take("report", name, body, taken_in)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("known", "verdict", "unaccounted"), [(0, "more", 10), (3, "more", 7), (9, "agreed", 0), (16, "fewer", 0)]
)
def test_a_told_number_is_held_against_what_is_known_there(desk, known, verdict, unaccounted):
    desk.lorries(known, 5)
    desk.report("r-1", 6, count=10, radius_m=800, **{"class": "truck"})

    (item,) = desk.census.items()

    assert (item.verdict, item.unaccounted) == (verdict, unaccounted)
    assert (item.low, item.high) == (7, 14)
    assert item.known == pytest.approx(0.99 * known)


def test_a_number_without_any_track_is_shown_where_it_was_told(desk):
    desk.report("r-1", 6, count=10, **{"class": "truck"})

    (group,) = desk.census.groups()

    assert group.words == "10 trucks reported at 00:06Z, 0 known: 10 unaccounted for"
    assert (group.kind, group.track_ids, group.unaccounted, group.radius_m) == ("told", (), 10, 500.0)


def test_a_number_is_part_of_the_group_that_it_speaks_of(desk):
    desk.lorries(4, 5)
    desk.report("r-1", 6, count=10, **{"class": "truck"})

    (group,) = desk.census.groups()

    assert len(group.track_ids) == 4
    assert group.count == pytest.approx(10, abs=0.5)
    assert group.report_ids == ("r-1",)
    assert group.words.endswith("trucks, 10 trucks reported at 00:06Z, 4 known: 6 unaccounted for")


def test_lorries_account_for_no_tanks_and_far_ones_for_none_here(desk):
    desk.lorries(5, 5)
    desk.report("r-1", 6, count=4, **{"class": "tank"})
    desk.report("r-2", 6, count=9, radius_m=90, **{"class": "truck"})

    tanks, near = desk.census.items()

    assert (tanks.known, tanks.unaccounted) == (0, 4)
    assert near.known == pytest.approx(3 * 0.99)  # at 0, 42 and 84 m


def test_what_is_found_within_the_hour_is_accounted_for(desk):
    desk.report("r-1", 6, count=10, **{"class": "truck"})
    desk.lorries(10, 40)

    (item,) = desk.census.items()

    assert item.verdict == "agreed"


def test_a_report_hours_late_is_held_against_what_was_known_at_its_time(desk):
    desk.lorries(3, 5)
    desk.lorries(0, 200)
    desk.report("r-1", 6, taken_in=200, count=10, **{"class": "truck"})

    (item,) = desk.census.items()

    assert (item.known, item.unaccounted) == (pytest.approx(2.97), 7)


def test_a_corrected_number_and_an_old_one_are_told_no_more(desk):
    desk.report("r-1", 6, count=10)
    desk.report("r-2", 7, count=10)
    desk.report("r-1-back", 8, corrects="r-1", type="note")

    assert [item.report_id for item in desk.census.items()] == ["r-2"]
    assert desk.census.items(START + timedelta(hours=7)) == []
    assert desk.census.items(START) == []


@pytest.mark.parametrize("count", [0, 1, -3, 2.5, "many"])
def test_no_number_is_read_where_several_things_are_not_told_of(desk, count):
    desk.report("r-1", 6, count=count)

    assert desk.census.items() == []
