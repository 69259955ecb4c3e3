"""Drone clips as they come in: pieces, spans, health, broken files, a folder that is watched."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow.parquet as pq
import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_stream import KlvStream
from truceline.codec.mpegts import Unit, mux
from truceline.plug import load
from truceline.sim.pose import pose
from truceline.sources.video import Video
from truceline.view.frame import frame_of

START_US = 1_700_000_000_000_000
POSE = pose(90.0, 45.0, 10.0, 8.0) | {"frame_center_msl_m": 100.0, "platform_call_sign": "STORK 1"}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def clip(seconds: int, fields: dict = POSE) -> bytes:
    units = [Unit(1 + i / 10, 1 + i / 10, i % 10 == 0, bytes(300)) for i in range(10 * seconds)]
    telemetry = [(1 + i / 5, encode(START_US + i * 200_000, fields)) for i in range(5 * seconds)]
    return mux(units, telemetry)


def take(inbox: Path, shelf, **settings) -> list:
    return list(Video(name="uav-1", path=inbox, **settings).observe(shelf, follow=False))


def test_a_piece_tells_where_its_last_frame_lay_on_the_ground(inbox, shelf):
    (inbox / "a.ts").write_bytes(clip(3))

    (taken,) = take(inbox, shelf)

    frame = frame_of(taken.noun, 7)
    start = datetime.fromtimestamp(START_US / 1e6, UTC)
    assert (frame.seq, frame.packet, frame.time_utc) == (7, 14, start + timedelta(seconds=2.8))
    # 1000 m above the ground, looking east 45 degrees down: 1000 m ahead.
    assert frame.center_lat_deg == pytest.approx(50.0, abs=1e-4)
    assert frame.center_lon_deg - 30 == pytest.approx(1000 / 71_700, rel=0.01)
    assert frame.sensor_lat_deg == pytest.approx(50) and frame.ce90_m > 1
    left, right = [lat for _, lat in frame.corners][:2]
    assert left > 50 > right  # looking east, north is to the left


def test_a_piece_without_a_place_tells_of_no_frame(inbox, shelf):
    (inbox / "a.ts").write_bytes(clip(3, {"platform_call_sign": "STORK 1"}))

    (taken,) = take(inbox, shelf)

    assert frame_of(taken.noun, 7) is None


def test_short_clip_is_one_piece_with_span_footprint_and_samples(inbox, shelf):
    (inbox / "a.ts").write_bytes(clip(3))

    (taken,) = take(inbox, shelf)

    seen = taken.noun
    start = datetime.fromtimestamp(START_US / 1e6, UTC)
    assert (seen.source, seen.status, seen.reason) == ("uav-1", "ok", "")
    assert seen.phenomenon.from_utc == start
    assert seen.phenomenon.until_utc == start + timedelta(seconds=2.8, microseconds=1)
    assert seen.footprint["type"] == "Polygon"
    assert seen.attributes["packets"] == 15
    assert seen.attributes["platform_call_sign"] == "STORK 1"
    assert [blob.media_type for blob in taken.blobs] == ["video/mp2t", "application/vnd.apache.parquet"]
    assert pq.read_table(shelf.root / taken.blobs[1].sha256).num_rows == 15


def test_long_clip_is_cut_where_a_decoder_may_start(inbox, shelf):
    (inbox / "a.ts").write_bytes(clip(12))

    taken = take(inbox, shelf, piece_s=4.0)

    # The packet that is sent right before a key frame belongs to the piece before.
    assert [one.noun.attributes["packets"] for one in taken] == [21, 20, 19]
    assert len({one.noun.id for one in taken}) == 3
    for one in taken:
        reader = KlvStream("piece")
        reader.feed((shelf.root / one.blobs[0].sha256).read_bytes())
        reader.finish()
        assert reader.tables and reader.entries[0].offset <= len(reader.tables) + 188 * 4


def test_same_file_gives_the_same_observations_and_known_ones_are_left_out(inbox, shelf):
    (inbox / "a.ts").write_bytes(clip(3))
    first = take(inbox, shelf)
    assert take(inbox, shelf) == []  # not even read again

    shelf.finished.clear()
    assert take(inbox, shelf) == first

    shelf.finished.clear()
    shelf.known = (first[0].noun.key,)

    assert take(inbox, shelf) == []


def test_file_that_is_no_video_becomes_a_degraded_observation(inbox, shelf):
    (inbox / "a.ts").write_bytes(b"hello" * 500)
    (inbox / "b.ts").write_bytes(b"")
    (inbox / "c.ts").write_bytes(clip(2))

    taken = take(inbox, shelf)

    assert [one.noun.status for one in taken] == ["degraded", "degraded", "ok"]
    assert "neither an MPEG transport stream nor KLV" in taken[0].noun.reason


def test_clip_without_telemetry_is_degraded(inbox, shelf):
    units = [Unit(1 + i / 10, 1 + i / 10, i == 0, bytes(300)) for i in range(10)]
    (inbox / "a.ts").write_bytes(mux(units, []))

    (taken,) = take(inbox, shelf)

    assert (taken.noun.status, taken.noun.reason) == ("degraded", "no telemetry")
    assert taken.noun.footprint is None


def test_wrong_checksums_are_said(inbox, shelf):
    good = encode(START_US, POSE)
    (inbox / "a.klv").write_bytes(good + good[:-1] + bytes([good[-1] ^ 1]))

    (taken,) = take(inbox, shelf)

    assert taken.noun.attributes["bad_checksums"] == 1
    assert taken.noun.reason == "bad_checksum in 1 of 2 packets"


def test_unfinished_files_are_not_read(inbox, shelf):
    (inbox / ".a.ts").write_bytes(clip(2))
    (inbox / "b.ts.part").write_bytes(clip(2))

    assert take(inbox, shelf, pattern="*") == []


def test_watched_folder_hands_over_a_file_that_is_renamed_into_place(inbox, shelf):
    source = Video(name="uav-1", path=inbox, settle_s=0.0)
    got: list = []

    def watch() -> None:
        for taken in source.observe(shelf, follow=True):
            got.append(taken)
            shelf.stop.set()

    thread = Thread(target=watch)
    thread.start()
    (inbox / "a.ts.part").write_bytes(clip(2))
    (inbox / "a.ts.part").rename(inbox / "a.ts")
    thread.join(timeout=120)

    assert [one.noun.attributes["file"] for one in got] == ["a.ts"]


def test_it_is_found_by_its_word(inbox):
    assert isinstance(load("sources", {"kind": "video", "name": "u", "path": str(inbox)}), Video)


def test_real_recording_with_a_biased_azimuth_says_so(shared: Path, shelf):
    (taken,) = take(shared / "data/drone/klv/aphill_short.ts", shelf)

    assert taken.noun.status == "degraded"
    assert "azimuth_bias of -1.47 degrees" in taken.noun.reason
    assert np.array(taken.noun.footprint["coordinates"][0]).shape[1] == 2
