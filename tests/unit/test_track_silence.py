"""A look that saw nothing speaks against a track, as far as it would have shown it."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from truceline.geo.regard import Field
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.facts import Fact, Header
from truceline.model.observed import Detections
from truceline.model.tables import DETECTION, LOOK
from truceline.plug import Sight
from truceline.track.live.fuse import Fuse
from truceline.view.scene import Scene
from truceline.view.watch import TRACKER

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
ZEROS = "0" * 64
M_PER_DEG = 111_320.0
PICTURES = Sight(basis="made up", pd=0.6, finds={"car": 0.8, "truck": 0.8}, apart_s=10)
MOVERS = Sight(basis="made up", pd=0.9, finds={"car": 0.9, "truck": 0.9}, least_speed_mps=1.0)


class Mission:
    """A log of tracker and scene, fed with what sensors see of things in metres about 48 N, 37 E."""

    def __init__(self, folder):
        self.blobs = Blobs(folder)
        self.fuse, self.scene = Fuse(self.blobs), Scene(self.blobs)
        self.seq, self.in_force = 0, {}

    def tell(self, source, begin_s, rows=(), looks=(), supersedes=()):
        """Rows: (seconds, east_m, north_m); looks: (seconds, sight, field), of two seconds each."""
        row = [
            {
                "time_utc": at(t), **place(east, north), "ce90_m": 15.0, "p_car": 1.0, "confidence": 0.9,
                "note": None,
            }
            for t, east, north in rows
        ]  # fmt: skip
        seen = pieces.seal(pa.Table.from_pylist(row, schema=DETECTION), self.blobs, "rows")
        look = [sight.look(at(t - 2), at(t), source, field) for t, sight, field in looks]
        looked = pieces.seal(pa.Table.from_pylist(look, schema=LOOK), self.blobs, "looks") if look else None
        body = Detections(
            observation="obs", source=source, detector="objects", settings_sha256=ZEROS, version="1",
            piece=seen, rows=len(row), looks=looked, supersedes=supersedes,
        )  # fmt: skip
        return self.give("detection", f"det-{source}-{begin_s}", body, "detector:objects")

    def give(self, kind, entry, body, actor):
        header = Header(actor, (), ZEROS, entry, kind, ZEROS, (), self.seq, "2026-03-01T12:00:00Z", 1)
        mine, self.seq = self.seq, self.seq + 1
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)))
        if kind == "track":
            self.scene.apply(fact)
        for claim in list(self.fuse.apply(fact)):
            if claim.kind == "track":
                for old in claim.body.supersedes:
                    del self.in_force[old]
                self.in_force[self.seq] = claim
                self.give("track", claim.id, claim.body, TRACKER)
        return mine

    def rows(self):
        tables = [pieces.read(self.blobs, claim.body.piece).to_pylist() for claim in self.in_force.values()]
        told = [{"missed_by": None} | row for rows in tables for row in rows]
        return sorted(told, key=lambda row: row["time_utc"])

    def alive(self, second):
        return self.scene.tracks(at(second))


def at(second):
    return T0 + timedelta(seconds=second)


def place(east_m, north_m):
    return {"lat_deg": 48 + north_m / M_PER_DEG, "lon_deg": 37 + east_m / M_PER_DEG / np.cos(np.radians(48))}


def ground(east_m=0.0, north_m=0.0, a_m=150.0, b_m=100.0):
    return Field(**place(east_m, north_m), a_m=a_m, b_m=b_m, turned_deg=30.0)


def parked(begin_s, until_s, source="uav-1", sight=PICTURES):
    """What a drone tells of a car that stands in the middle of what it looks at."""
    rng = np.random.default_rng(begin_s)
    rows = [(t, rng.normal(0, 4), rng.normal(0, 4)) for t in range(begin_s + 1, until_s, 2)]
    return rows, [(t, sight, ground()) for t in range(begin_s + 2, until_s + 1, 2)]


def fly(mission, begin_s, until_s, field=None, source="uav-1", sight=PICTURES):
    """Pieces of ten seconds in which nothing is seen."""
    for start in range(begin_s, until_s, 10):
        mission.tell(
            source, start, looks=[(t, sight, field or ground()) for t in range(start + 2, start + 11, 2)]
        )


def test_what_left_is_gone_minutes_after_a_drone_looks_at_its_place(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))
    assert len(mission.alive(60)) == 1

    fly(mission, 1200, 1380)

    assert mission.alive(1199) and mission.alive(1380) == []
    last = mission.rows()[-1]
    assert last["missed_by"] == "uav-1"
    assert last["last_seen_utc"] == at(59)
    assert at(1200) < last["time_utc"] <= at(1380)


def test_one_look_alone_ends_nothing_and_says_so(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))

    fly(mission, 120, 130)

    (item,) = mission.alive(130)
    assert item.missed_by == "uav-1"
    assert item.exists_p < mission.rows()[0]["exists_p"]


def test_what_stands_beside_the_ground_that_was_looked_at_stays(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))

    fly(mission, 1200, 1800, ground(east_m=400))

    assert len(mission.alive(1800)) == 1
    assert {row["missed_by"] for row in mission.rows()} == {None}


def test_what_is_parked_stays_when_only_a_sensor_of_movers_looks(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))

    fly(mission, 60, 1860, ground(a_m=5000, b_m=5000), source="radar-1", sight=MOVERS)

    assert len(mission.alive(1860)) == 1


def test_a_thing_that_a_sensor_never_showed_is_not_refuted_by_it_alone(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))

    fly(mission, 1200, 1800, source="uav-2")

    (item,) = mission.alive(1800)
    assert item.missed_by == "uav-2"


def test_a_thing_that_is_seen_in_other_pieces_of_the_same_moments_is_not_missed(tmp_path):
    mission = Mission(tmp_path)
    for start in range(0, 600, 10):
        rows, looks = parked(start, start + 10)
        mission.tell("movers", start, rows)
        mission.tell("uav-1", start, looks=looks)

    assert {row["missed_by"] for row in mission.rows()} == {None}
    assert len(mission.alive(600)) == 1


def test_a_sensor_to_which_all_is_dark_ends_nothing(tmp_path):
    mission, rng = Mission(tmp_path), np.random.default_rng(1)
    places = [(east, north) for east in range(-400, 401, 200) for north in (-100, 100)]
    rows = [
        (t, east + rng.normal(0, 3), north + rng.normal(0, 3))
        for t in range(1, 60, 2)
        for east, north in places
    ]
    wide = ground(a_m=1000, b_m=1000)
    mission.tell("uav-1", 0, rows, [(t, PICTURES, wide) for t in range(2, 61, 2)])

    fly(mission, 120, 420, wide)  # in fog

    assert len(mission.alive(420)) == len(places)


def test_a_thing_that_is_seen_again_is_back(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))
    fly(mission, 300, 480)
    assert mission.alive(480) == []

    mission.tell("uav-1", 480, *parked(480, 540))

    (item,) = mission.alive(540)
    assert item.missed_by is None


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_looks_come_changes_nothing(tmp_path, seed):
    pieces_ = [("uav-1", 0, *parked(0, 60)), ("uav-2", 0, *parked(0, 60))]
    for start in range(550, 900, 10):
        pieces_.append((f"uav-{start % 20 // 10 + 1}", start, (), [(start + 10, PICTURES, ground())]))
    straight, shuffled = Mission(tmp_path / "a"), Mission(tmp_path / "b")
    for piece in pieces_:
        straight.tell(*piece)

    for k in np.random.default_rng(seed).permutation(len(pieces_)).tolist():
        shuffled.tell(*pieces_[k])

    assert shuffled.rows() == straight.rows()
    assert straight.rows()[-1]["missed_by"] is not None


def test_looks_that_were_superseded_say_nothing(tmp_path):
    mission = Mission(tmp_path)
    mission.tell("uav-1", 0, *parked(0, 60))
    looks = [(t, PICTURES, ground()) for t in range(302, 480, 2)]
    old = mission.tell("uav-1", 300, looks=looks)
    assert mission.alive(480) == []

    mission.tell("uav-1", 301, supersedes=(old,))

    assert len(mission.alive(480)) == 1


def test_news_older_than_what_is_kept_in_memory_brings_back_rounds_with_their_looks(tmp_path):
    straight, late = Mission(tmp_path / "a"), Mission(tmp_path / "b")
    late.fuse = Fuse(late.blobs, late_h=1)
    news = [("uav-1", 0, *parked(0, 60)), ("uav-1", 1200, (), [(1210, PICTURES, ground())])]
    more = [("uav-1", hour * 3600, *parked(hour * 3600, hour * 3600 + 60)) for hour in range(5, 20)]
    for piece in [*news, *more]:
        straight.tell(*piece)

    for piece in [news[0], *more, news[1]]:
        late.tell(*piece)

    assert late.rows() == straight.rows()
