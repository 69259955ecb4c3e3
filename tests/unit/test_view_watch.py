"""What was looked at and what was not."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from truceline.model.facts import Blob, Fact, Header, Redacted
from truceline.model.names import name
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span, utc_text
from truceline.view.watch import CLOCK, TRACKER, Stations, Watch, Watched

START = datetime(2026, 3, 1, tzinfo=UTC)
STATIONS = Stations(1000.0, [0.005] * 10, [0.01 * n + 0.005 for n in range(10)])  # ten kilometres, eastward


def minutes(count):
    return START + timedelta(minutes=count)


def ground(km_from, km_to):
    west, east = km_from * 0.01, km_to * 0.01
    return {"type": "Polygon", "coordinates": [[[west, 0], [east, 0], [east, 0.01], [west, 0.01], [west, 0]]]}


class Desk:
    def __init__(self, *sources, revisit_s=600, stations=STATIONS):
        self.watch = Watch(sources, stations, revisit_s)
        self.seq = -1

    def look(self, source, at, km=None, until=None, redacted=None, **more):
        self.seq += 1
        span = Span(from_utc=minutes(at), until_utc=minutes(until or at + 1))
        footprint = ground(*km) if km else None
        body = Observation(
            source=source, key=f"k{self.seq}", phenomenon=span, result_utc=minutes(at),
            footprint=footprint, **more,
        )  # fmt: skip
        return self.apply(body, minutes(at), redacted)

    def tick(self, at):
        self.seq += 1
        now = minutes(at)
        body = Observation(
            source=CLOCK, key=str(at), phenomenon=Span(from_utc=now, until_utc=now), result_utc=now
        )
        return self.apply(body, now)

    def found(self, source, status="ok", reason="", piece="obs"):
        self.seq += 1
        blob = Blob(sha256="0" * 64, size_bytes=1, media_type="x", name="rows")
        body = Detections(
            observation=piece, source=source, detector="reported", settings_sha256="0" * 64, version="1",
            piece=blob, rows=0, status=status, reason=reason,
        )  # fmt: skip
        return self.apply(body, minutes(self.seq), kind="detection", entry="det")

    def suspect(self, sensor, status, reason=""):
        self.seq += 1
        now = minutes(self.seq)
        body = Observation(
            source=sensor, key=f"condition {self.seq}", phenomenon=Span(from_utc=now, until_utc=now),
            result_utc=now, status=status, reason=reason,
        )  # fmt: skip
        return self.apply(body, now, actor=TRACKER)

    def apply(self, body, moment, redacted=None, kind="observation", entry=None, actor="a"):
        header = Header(actor, (), "", entry or body.id, kind, "", (), self.seq, utc_text(moment), 1)
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)), redacted=redacted)
        return list(self.watch.apply(fact))

    def hide(self, look, km):
        self.seq += 1
        body = Detections(
            observation=look, detector="optical_change", settings_sha256="0", version="1",
            piece=Blob(sha256="0" * 64, size_bytes=0, media_type="", name=""), rows=0, hidden=ground(*km),
        )  # fmt: skip
        header = Header("a", (), "", f"d{self.seq}", "detection", "", (), self.seq, utc_text(minutes(60)), 1)
        assert not list(self.watch.apply(Fact(header, msgspec.Raw(msgspec.json.encode(body)))))

    def status(self, name):
        return next(item for item in self.watch.sources() if item.name == name)


def gaps(desk, begin, end):
    return [
        (gap.km_from, gap.km_to, (gap.from_utc - START).seconds // 60, (gap.until_utc - START).seconds // 60)
        for gap in desk.watch.gaps(minutes(begin), minutes(end))
    ]


def test_nobody_looked_is_one_gap_over_all():
    desk = Desk()

    assert gaps(desk, 0, 60) == [(0.0, 10.0, 0, 60)]
    assert desk.watch.gaps(minutes(0), minutes(60))[0].reason == "no source looked"
    assert desk.watch.observed_share(minutes(0), minutes(60)) == 0.0


def test_a_look_holds_for_the_revisit_time_over_its_ground():
    desk = Desk(revisit_s=600)

    desk.look("radar", 0, km=(2, 5), until=10)

    assert gaps(desk, 0, 30) == [(0.0, 2.0, 0, 20), (5.0, 10.0, 0, 20), (0.0, 10.0, 20, 30)]
    assert desk.watch.unobserved_km(minutes(5)) == 7.0
    assert desk.watch.unobserved_km(minutes(25)) == 10.0
    assert desk.watch.observed_share(minutes(0), minutes(20)) == pytest.approx(0.3)


def test_a_span_that_is_asked_for_bounds_its_gaps():
    desk = Desk()

    assert gaps(desk, 3, 17) == [(0.0, 10.0, 3, 17)]


def test_looks_from_different_sources_join_in_any_order():
    looks = [("radar", 0, (0, 4)), ("drone", 0, (4, 7)), ("sar", 10, (0, 10))]
    pictures = []
    for order in (looks, looks[::-1]):
        desk = Desk(revisit_s=0.001)
        for source, at, km in order:
            desk.look(source, at, km=km, until=at + 10)
        pictures.append(gaps(desk, 0, 30))

    assert pictures[0] == pictures[1]
    assert pictures[0][0] == (7.0, 10.0, 0, 10)


def test_a_blocked_look_sees_nothing_and_says_why_the_gap_is_there():
    desk = Desk()

    desk.look("radar", 0, km=(2, 5), until=9, status="blocked", reason="snow")

    reasons = {(gap.km_from, gap.km_to): gap.reason for gap in desk.watch.gaps(minutes(0), minutes(10))}
    assert reasons == {(0.0, 10.0): "radar: snow"}
    assert desk.watch.unobserved_km(minutes(5)) == 10.0
    assert desk.status("radar").pieces == 0


def test_a_look_beside_the_line_observes_nothing_of_it():
    desk = Desk()

    desk.look("radar", 0, km=(200, 300))

    assert desk.watch.unobserved_km(minutes(0)) == 10.0


def test_without_a_line_nothing_is_said_of_coverage():
    desk = Desk(stations=None)
    desk.look("radar", 0, km=(0, 3))

    assert desk.watch.gaps(minutes(0), minutes(60)) == []
    assert desk.watch.line_km() == 0.0


def test_a_source_is_never_seen_ok_stale_or_what_it_said():
    desk = Desk(Watched("radar", "alarm", owes_s=600), Watched("posts", "patrol"))
    assert (desk.status("radar").status, desk.status("posts").status) == ("never", "never")

    desk.look("radar", 0, until=10)
    assert desk.status("radar").status == "ok"

    desk.look("other", 26)
    assert (desk.status("radar").status, desk.status("radar").reason) == ("stale", "owes a piece")

    desk.look("radar", 26, until=27, status="degraded", reason="half the field")
    assert (desk.status("radar").status, desk.status("radar").reason) == ("degraded", "half the field")
    assert desk.status("other").kind == "other"


def test_a_late_piece_does_not_make_the_newest_older():
    desk = Desk(Watched("radar", "alarm", owes_s=600))
    desk.look("radar", 30, until=40)
    desk.look("radar", 0, until=10)

    assert desk.status("radar").last_utc == minutes(40)
    assert desk.status("radar").pieces == 2


def test_a_source_that_owes_a_piece_is_due_after_one_and_a_half():
    desk = Desk(Watched("radar", "alarm", owes_s=600), Watched("posts", "patrol"))
    assert desk.watch.due() is None

    desk.look("radar", 0, until=10)
    desk.look("posts", 0, until=10)

    assert desk.watch.due() == minutes(25)


def test_the_clock_says_of_an_overdue_source_that_it_saw_nothing_over_its_ground():
    desk = Desk(Watched("radar", "alarm", owes_s=600))
    desk.look("radar", 0, km=(2, 5), until=10)

    assert desk.tick(24) == []
    (claim,) = desk.tick(25)

    assert (claim.kind, claim.actor, claim.refs) == ("observation", "engine:watch", (2,))
    assert (claim.body.status, claim.body.footprint) == ("blocked", ground(2, 5))
    assert claim.body.phenomenon == Span(from_utc=minutes(10), until_utc=minutes(25))


def test_what_is_overdue_is_named_after_the_piece_that_is_missing_whenever_the_clock_ticks():
    claims = []
    for ticks in ([25], [25, 31], [47]):
        desk = Desk(Watched("radar", "alarm", owes_s=600))
        desk.look("radar", 0, until=10)
        claims += [claim.id for at in ticks for claim in desk.tick(at)]

    assert len(claims) == 4
    assert len(set(claims)) == 1


def test_after_it_was_said_the_next_piece_is_owed_and_a_new_one_ends_the_silence():
    desk = Desk(Watched("radar", "alarm", owes_s=600))
    desk.look("radar", 0, until=10)
    (said,) = desk.tick(25)
    desk.apply(said.body, minutes(25))
    assert desk.status("radar").status == "blocked"
    assert desk.watch.due() == minutes(40)

    desk.look("radar", 30, until=31)

    assert desk.status("radar").status == "ok"
    assert desk.watch.due() == minutes(46)


def test_a_blanked_observation_is_not_folded():
    desk = Desk()
    desk.look("radar", 0, km=(0, 10), redacted=Redacted("user:x", "asked"))

    assert desk.watch.sources() == []


def test_a_source_that_never_came_is_overdue_from_the_beginning_of_the_mission():
    desk = Desk(Watched("radar", "alarm", 600))
    config = Header("node:settings", (), "", "cfg", "config", "", (), 0, utc_text(START), 1)
    desk.watch.apply(Fact(config, msgspec.Raw(b"{}")))

    assert desk.watch.due() == minutes(15)
    (claim,) = desk.tick(16)
    assert (claim.body.source, claim.body.status, claim.body.phenomenon.from_utc) == (
        "radar",
        "blocked",
        START,
    )


def frame_at(moment, lat_deg):
    corners = {f"frame_corner{n}_{axis}_deg": float(n) for n in range(1, 5) for axis in ("lat", "lon")}
    return corners | {
        "frame_utc": utc_text(moment), "frame_packet": 3, "frame_center_lat_deg": lat_deg,
        "frame_center_lon_deg": 2.0, "frame_ce90_m": 12.0, "sensor_lat_deg": 1.0, "sensor_lon_deg": 1.0,
    }  # fmt: skip


def test_the_frame_of_a_source_is_its_newest_one_whatever_comes_last():
    desk = Desk()

    desk.look("uav", 10, attributes=frame_at(minutes(10), 5.0))
    desk.look("uav", 4, attributes=frame_at(minutes(4), 4.0))
    desk.look("uav", 12, attributes={"file": "no telemetry"})

    frame = desk.status("uav").frame
    assert (frame.seq, frame.center_lat_deg, frame.time_utc) == (0, 5.0, minutes(10))
    assert frame.corners == ((1, 1), (2, 2), (3, 3), (4, 4))
    desk.look("radar", 5)
    assert desk.status("radar").frame is None


def test_ground_that_a_piece_could_not_show_was_not_looked_at():
    desk = Desk(revisit_s=600)
    desk.look("s2", 0, km=(0, 6), until=10)
    desk.look("drone", 0, km=(4, 5), until=10)

    for _ in range(2):  # told again, as after a late piece
        desk.hide(name("obs", "s2", "k0"), (3, 8))

    assert gaps(desk, 0, 20) == [(3.0, 4.0, 0, 20), (5.0, 10.0, 0, 20)]
    assert desk.watch.gaps(minutes(0), minutes(20))[0].reason.startswith("s2: hidden by cloud")
    assert desk.watch.observed_share(minutes(0), minutes(20)) == pytest.approx(0.4)


def test_what_is_said_of_an_unknown_piece_hides_nothing():
    desk = Desk(revisit_s=600)
    desk.look("s2", 0, km=(0, 6), until=10)

    desk.hide(name("obs", "s2", "another"), (3, 8))

    assert gaps(desk, 0, 20) == [(6.0, 10.0, 0, 20)]


def test_rows_that_were_left_out_are_told_with_the_source_until_a_piece_is_whole_again():
    desk = Desk(Watched("radar", "folder", 60))
    desk.look("radar", 0)

    desk.found("radar", "degraded", "1 of 3 rows left out: 1 without a finite position (row 1)")
    during = desk.status("radar")
    desk.found("radar")

    assert during.status == "degraded"
    assert during.reason == "reported: 1 of 3 rows left out: 1 without a finite position (row 1)"
    assert desk.status("radar").status == "ok"


def test_a_second_look_at_an_older_piece_says_nothing_of_how_the_source_is():
    desk = Desk(Watched("quad", "photos", 60))
    for at in (0, 5):
        desk.look("quad", at)
    older, newer = (name("obs", "quad", f"k{number}") for number in (0, 1))
    desk.found("quad", "ok", piece=newer)

    desk.found("quad", "degraded", "yaw_180", piece=older)
    after_older = desk.status("quad").status
    desk.found("quad", "degraded", "yaw_180", piece=newer)

    assert (after_older, desk.status("quad").status) == ("ok", "degraded")


def test_a_suspect_sensor_is_listed_until_it_is_in_order_again():
    desk = Desk(Watched("radars", "folder", 60))
    desk.look("radars", 0)

    desk.suspect("radar_03", "degraded", "what it sees lies 10 m too far east")
    during = [(item.name, item.kind, item.status, item.pieces) for item in desk.watch.sources()]
    reason = desk.status("radar_03").reason
    desk.suspect("radar_03", "ok")

    assert during == [("radar_03", "sensor", "suspect", 0), ("radars", "folder", "ok", 1)]
    assert reason == "what it sees lies 10 m too far east"
    assert [item.name for item in desk.watch.sources()] == ["radars"]


def test_a_source_that_is_suspect_itself_keeps_its_pieces():
    desk = Desk(Watched("uav-1", "video", 60))
    desk.look("uav-1", 0)

    desk.suspect("uav-1", "degraded", "its clock is 2.0 s slow")

    assert desk.status("uav-1").status == "suspect"
    assert (desk.status("uav-1").kind, desk.status("uav-1").pieces) == ("video", 1)
