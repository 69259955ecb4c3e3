"""The running mission puts sensors right and says so, keeps names across gaps, and stays small."""

import io
import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Fact, Header
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span, utc_text
from truceline.model.tables import DETECTION, LOOK
from truceline.track.live.fuse import Fuse
from truceline.view.scene import Scene
from truceline.view.watch import CLOCK, PEOPLE, TRACKER, WITNESS

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
ZEROS = "0" * 64
M_PER_DEG = 111_320.0


class Mission:
    """A log of one fold, fed with what sensors see of things in metres about 48 N, 37 E."""

    def __init__(self, folder, **settings):
        self.blobs = Blobs(folder)
        self.fuse, self.seq, self.in_force, self.said = Fuse(self.blobs, **settings), 0, {}, []
        self.scene, self.now = Scene(self.blobs), T0 + timedelta(hours=6)

    def tell(self, sensor, rows, looks=(), entry=None, **maker):
        """Rows: (seconds, east_m, north_m) and more columns; looks: (seconds, reach_m), all about (0, 0).

        ``maker`` is what the sensor's maker tells besides, columns of looks. People are a sensor too.
        """
        table = [
            {
                "time_utc": T0 + timedelta(seconds=t), "lat_deg": 48 + north / M_PER_DEG,
                "lon_deg": 37 + east / M_PER_DEG / np.cos(np.radians(48)), "ce90_m": 20.0, "p_truck": 1.0,
                "note": sensor, "confidence": 0.9, **more,
            }
            for t, east, north, more in rows
        ]  # fmt: skip
        blob = pieces.seal(pa.Table.from_pylist(table, schema=DETECTION), self.blobs, "rows")
        looked = [
            {
                "time_utc": T0 + timedelta(seconds=t), "sensor": sensor, "shape": "annulus", "lat_deg": 48.0,
                "lon_deg": 37.0, "a_m": 0.0, "b_m": reach, "pd": 0.9, "clutter_per_km2": 0.001,
                "since_utc": T0 + timedelta(seconds=t), "turned_deg": 0.0, "least_speed_mps": 0.0,
                "apart_s": 0.0, **{f"finds_{word}": 0.9 for word in FUSION_CLASSES},
                "sensor_lat_deg": 48.0, "sensor_lon_deg": 37.0, **maker,
            }
            for t, reach in looks
        ]  # fmt: skip
        where = pieces.seal(pa.Table.from_pylist(looked, schema=LOOK), self.blobs, "looks") if looks else None
        is_told = sensor == PEOPLE
        body = Detections(
            observation="obs", source=PEOPLE if is_told else "radars", settings_sha256=ZEROS, version="1",
            detector="report" if is_told else "reported", piece=blob, rows=len(table), looks=where,
        )  # fmt: skip
        actor = WITNESS if is_told else "detector:reported"
        self._give("detection", entry or f"det-{self.seq}-{sensor}", body, actor)

    def strike(self):
        """Let the clock strike until nothing waits."""
        while (due := self.fuse.due()) is not None:
            self.now = max(self.now, due)
            span = Span(from_utc=due, until_utc=due + timedelta(seconds=1))
            tick = Observation(source=CLOCK, key=str(self.seq), phenomenon=span, result_utc=due)
            self._give("observation", f"tick-{self.seq}", tick, "node:clock")

    def _give(self, kind, entry, body, actor):
        header = Header(actor, (), ZEROS, entry, kind, ZEROS, (), self.seq, utc_text(self.now), 1)
        self.seq += 1
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)))
        self.scene.apply(fact)
        for claim in list(self.fuse.apply(fact)):
            if claim.kind == "observation":
                self.said.append(claim.body)
                continue
            for old in claim.body.supersedes:
                del self.in_force[old]
            self.in_force[self.seq] = claim
            self._give("track", claim.id, claim.body, TRACKER)

    def rows(self):
        self.strike()
        tables = [pieces.read(self.blobs, claim.body.piece).to_pylist() for claim in self.in_force.values()]
        return sorted((row for rows in tables for row in rows), key=lambda row: row["time_utc"])


RADARS = ("a", "b", "c")


def watch(mission, minutes, offset=(0.0, 0.0), clock_s=0.0, lies=False, admitted_m=None):
    """Three radars see the same things drive for a while; the second one is off.

    Where ``admitted_m`` is given they tell where they look, and the second one's maker such a bias.
    """
    rng = np.random.default_rng(1)
    start, v = rng.uniform(-3000, 3000, (12, 2)), rng.normal(0, 8, (12, 2))
    for minute in range(minutes):
        for k, sensor in enumerate(RADARS):
            bad, rows = k == 1, []
            for second in range(60 * minute + 3 * k, 60 * minute + 60, 10):
                at = start + v * second + rng.normal(0, 8, (12, 2)) + np.array(offset) * bad
                if lies and bad:
                    at = rng.uniform(-3000, 3000, (12, 2))
                rows += [(second - clock_s * bad, east, north, {}) for east, north in at]
            looks = (
                [(60 * minute + 3 * k + 10 * i, 9000.0) for i in range(6)] if admitted_m is not None else ()
            )
            mission.tell(sensor, rows, looks, bias_sigma_m=admitted_m if bad else None)


def test_a_bias_is_named_unless_the_maker_admits_as_much_for_a_sortie(tmp_path):
    said, admitted = Mission(tmp_path / "said"), Mission(tmp_path / "admitted")

    watch(said, 21, offset=(9.0, -6.0), admitted_m=0.0)
    watch(admitted, 21, offset=(9.0, -6.0), admitted_m=6.0)

    assert {one.source for one in said.said} == {"b"}
    assert said.said[-1].attributes["reasons"] == "bias"
    assert admitted.said == []


def test_a_sensor_that_is_off_in_place_is_named_and_put_right(tmp_path):
    mission = Mission(tmp_path)

    watch(mission, 21, offset=(20.0, 0.0))

    assert {said.source for said in mission.said} == {"b"}
    told = mission.said[-1].attributes
    assert told["reasons"] == "bias"
    assert told["bias_east_m"] == pytest.approx(20, abs=4)
    assert told["bias_north_m"] == pytest.approx(0, abs=4)
    assert 0 < told["bias_sigma_m"] < 4
    assert "too far east; that is taken off, since 2026-03-01 06:" in mission.said[-1].reason


def test_a_clock_that_is_slow_is_named(tmp_path):
    mission = Mission(tmp_path)

    watch(mission, 21, clock_s=3.0)

    assert {said.source for said in mission.said} == {"b"}
    told = mission.said[-1].attributes
    assert "clock" in told["reasons"]
    assert told["clock_offset_s"] == pytest.approx(3, abs=0.5)
    assert "slow" in mission.said[-1].reason


def test_a_sensor_that_is_in_order_again_is_said_to_be(tmp_path):
    mission = Mission(tmp_path)
    watch(mission, 21, offset=(20.0, 0.0))
    rows = [(60 * 60 * 30.0, 0, 0, {})]

    mission.tell("a", rows)

    assert [said.status for said in mission.said][-1] == "ok"
    assert mission.said[-1].attributes["suspect"] is False


def test_a_sensor_that_nobody_bears_out_is_named_and_its_word_counts_little(tmp_path):
    mission = Mission(tmp_path)

    watch(mission, 21, lies=True)

    assert {said.source for said in mission.said} == {"b"}
    assert mission.said[-1].attributes["reasons"] == "untruthful"
    assert "bias_east_m" not in mission.said[-1].attributes
    shown = [row for row in mission.rows() if row["exists_p"] >= 0.5]
    newest = shown[-1]["time_utc"] - timedelta(minutes=5)
    assert len({row["track_id"] for row in shown if row["time_utc"] > newest}) < 2 * 12


def test_sensors_in_order_are_not_accused(tmp_path):
    mission = Mission(tmp_path)

    watch(mission, 21)

    assert mission.said == []


@pytest.mark.parametrize("gap_s", [300, 1200])
def test_a_thing_that_drove_on_unseen_keeps_its_name(tmp_path, gap_s):
    mission = Mission(tmp_path)
    rng = np.random.default_rng(1)
    drive = [(10 * k, 100.0 * k, rng.normal(0, 8), {}) for k in range(30)]
    again = [(300 + gap_s + 10 * k, 3500 + 100.0 * k, rng.normal(0, 8), {}) for k in range(30)]

    mission.tell("a", drive)
    mission.tell("a", again)

    rows = [row for row in mission.rows() if row["exists_p"] >= 0.5]
    assert len(rows) >= 2
    assert len({row["track_id"] for row in rows}) == 1


class Pickler(pickle.Pickler):
    """Leaves the blob folder out: it is no state of the fold."""

    def persistent_id(self, obj):
        return "blobs" if isinstance(obj, Blobs) else None


def size(mission):
    sink = io.BytesIO()
    Pickler(sink).dump(mission.fuse)
    return sink.tell()


def patrol(k):
    """One thing in one round, another each time."""
    return [(600 * k + 20 * s, 5000.0 * (k % 7) + 5 * s, 100.0 * (k % 5), {}) for s in range(6)]


def test_memory_does_not_grow_with_the_days(tmp_path):
    mission, sizes = Mission(tmp_path, late_h=3), []

    for k in range(4 * 24):
        mission.tell("a", patrol(k))
        if k % 24 == 23:
            sizes.append(size(mission))

    assert sizes[3] == pytest.approx(sizes[2], rel=0.03)  # tracks gather for three hours
    assert len(mission.rows()) >= 4 * 24


@pytest.mark.parametrize("most_rows", [0, 100_000])
def test_late_news_gives_the_same_picture_whatever_rows_are_in_memory(tmp_path, monkeypatch, most_rows):
    straight, late = Mission(tmp_path / "a"), Mission(tmp_path / "b")
    parts = [patrol(k) for k in range(24)]
    for part in parts:
        straight.tell("a", part)
    monkeypatch.setattr("truceline.track.live.fuse.MOST_ROWS", most_rows)

    for k in [23, *range(0, 23, 2), *range(21, 0, -2)]:
        late.tell("a", parts[k])

    assert [row["time_utc"] for row in late.rows()] == [row["time_utc"] for row in straight.rows()]
    assert [row["exists_p"] for row in late.rows()] == [row["exists_p"] for row in straight.rows()]
    oldest = next(iter(sorted(late.fuse._rounds)))
    assert (late.fuse._rounds[oldest].held() > 0) == (most_rows > 0)


@pytest.mark.parametrize("late", [0, 9])
def test_news_older_than_memory_gives_the_same_picture(tmp_path, late):
    straight, shuffled = Mission(tmp_path / "a", late_h=1), Mission(tmp_path / "b", late_h=1)
    parts = [patrol(k) for k in range(16)]

    for part in parts:
        straight.tell("a", part)
    for part in [*parts[:late], *parts[late + 1 :], parts[late]]:
        shuffled.tell("a", part)

    def picture(mission):
        return [(row["time_utc"], row["lat_deg"], row["lon_deg"], row["exists_p"]) for row in mission.rows()]

    assert picture(shuffled) == picture(straight)


def test_a_told_count_is_what_is_not_followed_by_itself(tmp_path):
    mission = Mission(tmp_path)
    rows = [(10 * k, 60.0 * thing, 0.0, {}) for k in range(6) for thing in range(3)]

    mission.tell("a", rows)
    mission.tell("b", [(61, 0.0, 300.0, {"count": 10, "ce90_m": 30.0})])

    newest = {row["track_id"]: row["count"] for row in mission.rows()}
    assert sorted(newest.values()) == [1, 1, 1, 7]


def test_reports_of_one_place_are_one_number_in_any_order(tmp_path):
    rows = [(10 * k, 60.0 * thing, 0.0, {}) for k in range(6) for thing in range(3)]
    ten = [(61, 0.0, 300.0, {"count": 10, "ce90_m": 30.0})]
    eight = [(64, 5.0, 305.0, {"count": 8, "ce90_m": 30.0})]

    def counts(folder, *parts):
        mission = Mission(folder)
        for sensor, part in parts:
            mission.tell(sensor, part)
        newest = {row["track_id"]: (row["count"], row["told"]) for row in mission.rows()}
        return sorted(newest.values(), key=lambda one: one[0])

    straight = counts(tmp_path / "a", ("a", rows), ("b", ten), ("b", eight))

    assert [count for count, _ in straight] == [1, 1, 1, 6]
    assert straight[-1][1] == pytest.approx((10 * 8) ** 0.5, abs=0.01)  # the older one is told less surely
    assert counts(tmp_path / "b", ("b", eight), ("b", ten), ("a", rows)) == straight
