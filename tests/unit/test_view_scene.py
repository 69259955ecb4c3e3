"""The scene: rounds of the tracker, each replaced by its newer self."""

from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest
from truceline.log.blobs import Blobs
from truceline.log.pieces import seal
from truceline.model.facts import Fact, Header
from truceline.model.observed import Tracks
from truceline.model.place import Span, utc_text
from truceline.model.tables import TRACK
from truceline.view.scene import Scene

START = datetime(2026, 3, 1, tzinfo=UTC)


class Desk:
    def __init__(self, folder):
        self.blobs = Blobs(folder)
        self.scene = Scene(self.blobs)
        self.seq = -1

    def round(self, minute, *rows, supersedes=(), taken_in=None):
        self.seq += 1
        begin = START + timedelta(minutes=minute)
        table = pa.Table.from_pylist([self._row(begin, **row) for row in rows], schema=TRACK)
        body = Tracks(
            round=Span(from_utc=begin, until_utc=begin + timedelta(minutes=10)), inputs_sha256="0" * 64,
            piece=seal(table, self.blobs, "rows"), rows=len(rows), supersedes=supersedes,
        )  # fmt: skip
        moment = START + timedelta(minutes=taken_in if taken_in is not None else minute + 10)
        header = Header("engine:fuse", (), "", f"t{minute}", "track", "", (), self.seq, utc_text(moment), 1)
        self.scene.apply(Fact(header, msgspec.Raw(msgspec.json.encode(body))))
        return self.seq

    def _row(self, begin, track_id=1, lon_deg=10.0, exists_p=0.9, seen=9, **more):
        moment = begin + timedelta(minutes=9)
        return {
            "track_id": track_id, "time_utc": moment, "lat_deg": 20.0, "lon_deg": lon_deg, "ce90_m": 30.0,
            "exists_p": exists_p, "last_seen_utc": begin + timedelta(minutes=seen), "detections_used": 3,
            "p_armoured": 1.0, **more,
        }  # fmt: skip


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_track_is_its_newest_row_with_the_places_before_it(desk):
    for number in range(7):
        desk.round(10 * number, {"lon_deg": 10.0 + number})

    (track,) = desk.scene.tracks()

    assert (track.lon_deg, track.seq, track.kind) == (16.0, 6, "unknown")
    assert track.trail == tuple((10.0 + number, 20.0) for number in range(2, 7))


def test_a_round_that_was_worked_again_is_replaced(desk):
    old = desk.round(0, {"track_id": 1}, {"track_id": 2})
    desk.round(0, {"track_id": 1, "lon_deg": 11.0}, supersedes=(old,))

    assert [(row.track_id, row.lon_deg, row.seq) for row in desk.scene.in_force()] == [(1, 11.0, 1)]


def test_an_empty_round_takes_the_rows_of_the_old_one_away(desk):
    old = desk.round(0, {"track_id": 1})
    desk.round(0, supersedes=(old,))

    assert desk.scene.in_force() == []
    assert desk.scene.tracks() == []


def test_doubtful_and_long_unseen_tracks_are_not_in_the_picture(desk):
    desk.round(0, {"track_id": 1, "exists_p": 0.4}, {"track_id": 2, "seen": -60}, {"track_id": 3})

    assert [track.track_id for track in desk.scene.tracks()] == [3]
    assert len(desk.scene.in_force()) == 3


def test_the_picture_of_a_past_moment_knows_nothing_of_later_rounds(desk):
    desk.round(0, {"lon_deg": 10.0})
    desk.round(10, {"lon_deg": 11.0})

    assert [track.lon_deg for track in desk.scene.tracks(START + timedelta(minutes=9))] == [10.0]
    assert desk.scene.tracks(START + timedelta(minutes=5)) == []


def test_rounds_that_came_late_are_put_in_their_place(desk):
    desk.round(10, {"lon_deg": 11.0})
    desk.round(0, {"lon_deg": 10.0})

    (track,) = desk.scene.tracks()
    assert (track.lon_deg, track.trail) == (11.0, ((10.0, 20.0), (11.0, 20.0)))


def test_things_that_stand_together_are_a_group_with_a_number(desk):
    desk.round(
        0,
        *(
            {"track_id": k, "lon_deg": 10.0 + 0.0005 * k, "told": 4 if k == 1 else None, "told_spread": 0.2}
            for k in (1, 2, 3)
        ),
    )

    (group,) = desk.scene.groups()

    assert (group.id, group.track_ids) == ("group-1", ("track-1", "track-2", "track-3"))
    assert group.kind == "gathering"
    assert group.count == pytest.approx(
        0.9 * 4 + 0.1 * 2 * 0.9, abs=0.1
    )  # of the four told, two are followed
    assert group.count_low <= 4 <= group.count_high


def test_a_past_moment_is_told_as_known_then_and_as_known_now(desk):
    old = desk.round(0, {"lon_deg": 10.0})
    desk.round(0, {"lon_deg": 11.0}, {"track_id": 2}, supersedes=(old,), taken_in=72 * 60)  # late news
    moment, then = START + timedelta(minutes=9), START + timedelta(minutes=30)

    known_then = desk.scene.tracks(moment, then)
    known_now = desk.scene.tracks(moment)

    assert [(track.track_id, track.lon_deg) for track in known_then] == [(1, 10.0)]
    assert [(track.track_id, track.lon_deg) for track in known_now] == [(1, 11.0), (2, 10.0)]
    assert desk.scene.tracks(moment, START) == []


def test_rows_of_old_rounds_are_read_again_and_not_kept(desk):
    for number in range(40):
        desk.round(10 * number, {"lon_deg": 10.0 + number / 10})

    assert len(desk.scene.in_force()) == 40
    assert len(desk.scene._at_hand) == 32
    assert [track.lon_deg for track in desk.scene.tracks(START + timedelta(minutes=59))] == [10.5]


def test_a_track_that_was_missed_since_is_sighted_in_the_round_before(desk):
    seen = desk.round(0, {})
    desk.round(10, {"missed_by": "uav-1"})

    assert desk.scene.sightings(1) == [seen]
    assert desk.scene.sightings(2) == []
