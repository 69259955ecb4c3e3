"""A track lists the rows that it rests on and what each weighs, down to the pixels."""

from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest
from truceline.flow.grounds import earlier, grounds, last_used, lines, rounds_of
from truceline.flow.why import chain
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.errors import BadInput
from truceline.model.facts import Fact, Header
from truceline.model.observed import Detections
from truceline.model.tables import DETECTION
from truceline.track.live.fuse import Fuse

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
ZEROS = "0" * 64


class Log:
    """A log with one fold: what is told to it, and what the tracker makes of it."""

    def __init__(self, folder):
        self.blobs, self.facts = Blobs(folder), []
        self.fuse = Fuse(self.blobs)

    def put(self, kind, entry, body, refs=(), actor="detector:objects"):
        header = Header(
            actor, (), ZEROS, entry, kind, ZEROS, refs, len(self.facts), "2026-03-01T12:00:00Z", 1
        )
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)))
        self.facts.append(fact)
        for claim in list(self.fuse.apply(fact)):
            self.put(claim.kind, claim.id, claim.body, claim.refs, claim.actor)

    def saw(self, source, ce90_m, seconds, **more):
        rows = [{
            "time_utc": T0 + timedelta(seconds=seconds), "lat_deg": 48.0, "lon_deg": 37.0, "ce90_m": ce90_m,
            "p_truck": 0.9, "p_car": 0.1, "confidence": 0.9, **more,
        }]  # fmt: skip
        piece = pieces.seal(pa.Table.from_pylist(rows, schema=DETECTION), self.blobs, "rows")
        body = Detections(
            observation="obs", source=source, detector="objects", settings_sha256=ZEROS, version="1",
            piece=piece, rows=1,
        )  # fmt: skip
        self.put("detection", f"det-{len(self.facts)}", body)


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    box = {"frame": 33, "x_px": 120.0, "y_px": 40.0, "w_px": 30.0, "h_px": 20.0, "chip_sha256": "ab" * 32}
    log.saw("uav-1", 10.0, 0, **box)
    log.saw("radar", 20.0, 10)
    log.saw("radar", 20.0, 20)
    return log


def test_the_rows_of_a_track_are_listed_by_what_they_weigh(log):
    seq = log.facts[-1].seq

    (track,) = grounds(log.facts, chain(log.facts, seq), log.blobs)

    assert [(used.sensor, used.weight) for used in track.detections] == [
        ("uav-1", pytest.approx(4 / 6, abs=1e-3)),  # a fourth of the variance says four times as much
        ("radar", pytest.approx(1 / 6, abs=1e-3)),
        ("radar", pytest.approx(1 / 6, abs=1e-3)),
    ]
    assert track.meaning.startswith("truck")


def test_the_way_down_ends_at_the_pixels(log):
    (track,) = grounds(log.facts, chain(log.facts, log.facts[-1].seq), log.blobs)
    first = track.detections[0]

    assert (first.frame, first.box_px, first.chip_sha256) == (33, (120.0, 40.0, 30.0, 20.0), "ab" * 32)
    text = "\n".join(lines([track]))
    assert f"entry {first.seq} row 0, uav-1, 2026-03-01T06:00:00Z" in text
    assert "frame 33, 30 × 20 px at 120, 40, picture abab" in text


def test_an_incident_leads_to_the_rows_of_the_track_that_caused_it(log):
    (track,) = grounds(log.facts, chain(log.facts, log.facts[-1].seq), log.blobs)
    log.saw("far", 20.0, 20, lat_deg=48.5)
    body = {"causes": [f"{track.track}@2026-03-01T06:00:00Z", "rep-1"]}
    log.put("incident", "inc-1", body, (log.facts[-1].seq,), "engine:judge")

    found = grounds(log.facts, chain(log.facts, log.facts[-1].seq), log.blobs)

    assert [one.track for one in found] == [track.track]
    assert len(found[0].detections) == 3


def test_a_track_is_found_by_its_name_in_the_newest_entry_in_force(log):
    (track,) = grounds(log.facts, chain(log.facts, log.facts[-1].seq), log.blobs)

    assert rounds_of(log.facts, track.track, log.blobs) == ([log.facts[-1].seq], "")
    with pytest.raises(BadInput, match="no entry in force"):
        rounds_of(log.facts, "track-12", log.blobs)
    with pytest.raises(BadInput, match="a track is track-NUMBER"):
        rounds_of(log.facts, "track-x", log.blobs)


def test_a_track_tells_its_rows_of_each_round_the_newest_first(log):
    (track,) = grounds(log.facts, chain(log.facts, log.facts[-1].seq), log.blobs)
    log.saw("radar", 20.0, 650)

    entries, _ = rounds_of(log.facts, track.track, log.blobs)
    (before,) = earlier(log.facts, entries[1:], track.track, log.blobs)

    assert len(entries) == 2
    assert before == track


def test_who_saw_a_track_last_is_the_newest_row_that_it_used(log):
    (track,) = {one.track for one in grounds(log.facts, chain(log.facts, len(log.facts) - 1), log.blobs)}
    (entry, *_), _ = rounds_of(log.facts, track, log.blobs)

    last = last_used(log.facts, entry, track, log.blobs)
    assert last is not None
    assert (last.sensor, last.time_utc) == ("radar", T0 + timedelta(seconds=20))
