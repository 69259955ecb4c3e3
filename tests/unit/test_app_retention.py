"""Pictures go when their time is over, said in the log first; what a case rests on stays."""

from datetime import UTC, datetime, timedelta

import pytest
from truceline.app.retention import finish, sweep
from truceline.codec.klv import encode
from truceline.codec.mpegts import Unit, mux
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.flow.replay import replay
from truceline.log.package import make_package
from truceline.log.reader import read_facts
from truceline.log.verify import read_trust, verify_path
from truceline.model.decided import Incident, Statement
from truceline.model.errors import BadInput
from truceline.model.facts import Claim
from truceline.model.observed import Detections, Observation, Report
from truceline.model.place import Span

START = datetime(2030, 5, 1, tzinfo=UTC)
MISSION = """
schema = "truceline.mission/1"
name = "retention"
exercise = true
[node]
workers = 0
[clock]
start_utc = 2030-05-01T00:00:00Z
speed = 0.001
[retention]
pictures_d = 3
[[source]]
kind = "video"
name = "uav-1"
path = "in"
[[source]]
kind = "stac_folder"
name = "sat-1"
path = "in"
"""


@pytest.fixture
def node(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "mission.toml").write_text(MISSION)
    node = Node(tmp_path / "data", load_mission(tmp_path / "mission.toml"))
    node.start()
    yield node
    node.stop()


def days_pass(node, days):
    node.clock.advance_to(START + timedelta(days=days))


def put(node, kind, entry_id, body, actor, refs=(), blobs=()):
    claim = Claim(kind=kind, id=entry_id, body=body, actor=actor, refs=refs, blobs=blobs)
    (done,) = node.submit([claim]).result(timeout=120)
    return done.fact


def fly(node, number, source="uav-1"):
    """Take a piece in and look at it: a clip and telemetry, rows, a picture and a film."""
    span = Span(from_utc=START, until_utc=START)
    seen = Observation(source=source, key=f"{number}", phenomenon=span, result_utc=START)
    clip = node.blobs.put(f"clip {source} {number}".encode(), "video/mp2t", "clip.ts")
    told = node.blobs.put(f"told {number}".encode(), "application/vnd.apache.parquet", "telemetry.parquet")
    first = put(node, "observation", seen.id, seen, f"source:{source}", (), (clip, told))
    rows = node.blobs.put(f"rows {number}".encode(), "application/vnd.apache.parquet", "rows")
    pictures = [
        node.blobs.put(f"{word} {source} {number}".encode(), kind, word)
        for word, kind in (("frame", "image/jpeg"), ("film.json", "application/json"), ("film", "video/x-m"))
    ]
    body = Detections(
        observation=seen.id, detector="objects", settings_sha256="0" * 64, version="1", piece=rows, rows=0
    )
    found = put(
        node, "detection", f"det-{source}-{number}", body, "detector:objects", (first.seq,), (rows, *pictures)
    )
    return found, [clip, *pictures], [told, rows]


def has(node, blobs):
    return [node.blobs.has(blob.sha256) for blob in blobs]


def hear(node, number):
    """Take in a report of a shot, with a photo."""
    photo = node.blobs.put(f"photo {number}".encode(), "image/jpeg", "photo")
    at = START + timedelta(seconds=30 * number)
    body = Report(type="shot", time_utc=at, lat_deg=38.0, lon_deg=127.0)
    put(node, "report", f"r-{number}", body, "user:olga", (), (photo,))
    return photo


def test_expired_pictures_go_and_rows_and_telemetry_stay(node):
    found, pictures, rest = fly(node, 1)
    days_pass(node, 2)
    assert sweep(node) == 0 and has(node, pictures) == [True] * 4
    days_pass(node, 4)

    assert sweep(node) == 4

    assert has(node, pictures) == [False] * 4 and has(node, rest) == [True] * 2
    said = [fact for fact in read_facts(node.journal.data_dir) if fact.kind == "statement"]
    body = said[-1].noun(Statement)
    assert body.about == "retention" and said[-1].refs == (found.seq - 1, found.seq)
    assert body.attributes["removed"] == sorted(blob.sha256 for blob in pictures)
    assert sweep(node) == 0


def test_what_a_detector_remembers_stays_for_its_next_look(node):
    photo = node.blobs.put(b"a photo", "image/jpeg", "photo")
    memory = node.blobs.put(b"[]", "application/octet-stream", "memory")
    rows = node.blobs.put(b"rows", "application/vnd.apache.parquet", "rows")
    seen = Observation(
        source="uav-1", key="1", phenomenon=Span(from_utc=START, until_utc=START), result_utc=START
    )
    first = put(node, "observation", seen.id, seen, "source:uav-1", (), (photo,))
    body = Detections(
        observation=seen.id, detector="stills", settings_sha256="0" * 64, version="1", piece=rows, rows=0,
        memory=memory,
    )  # fmt: skip
    put(node, "detection", "det-1", body, "detector:stills", (first.seq,), (rows, memory))
    days_pass(node, 30)

    sweep(node)

    assert has(node, [photo, memory]) == [False, True]


def test_a_picture_that_is_brought_again_while_it_goes_stays(node):
    photo = hear(node, 1)
    days_pass(node, 30)
    submit = node.submit

    def submit_after_another(claims):
        node.submit = submit
        again = Report(type="note", time_utc=START, lat_deg=38.0, lon_deg=127.0)
        put(node, "report", "r-again", again, "user:olga", (), (photo,))
        return submit(claims)

    node.submit = submit_after_another

    assert sweep(node) == 0

    assert has(node, [photo]) == [True]


def test_what_an_incident_in_force_rests_on_stays(node):
    photos = [hear(node, number) for number in range(4)]
    _, pictures, _ = fly(node, 1)
    assert [item.incident.class_ for item in node.views.board.incidents()] == ["shot_cluster"]
    days_pass(node, 30)

    sweep(node)

    assert has(node, photos) == [True] * 4 and has(node, pictures) == [False] * 4


def test_an_incident_that_ended_long_ago_releases_its_pictures_where_the_mission_says_so(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "mission.toml").write_text(MISSION.replace("pictures_d = 3", "pictures_d = 3\ncases_d = 20"))
    node = Node(tmp_path / "data", load_mission(tmp_path / "mission.toml"))
    node.start()
    photos = [hear(node, number) for number in range(4)]
    days_pass(node, 19)
    assert sweep(node) == 0 and has(node, photos) == [True] * 4
    days_pass(node, 21)

    assert sweep(node) == 4

    assert has(node, photos) == [False] * 4
    assert len(node.views.board.incidents()) == 1  # the incident itself and its reports stay
    node.stop()


def test_a_sample_that_a_younger_entry_cites_too_stays(node):
    fly(node, 1)
    shared = node.blobs.put(b"frame uav-1 1", "image/jpeg", "photo")
    days_pass(node, 4)
    body = Report(type="sighting", time_utc=START, lat_deg=1.0, lon_deg=2.0)
    put(node, "report", "r-1", body, "user:olga", (), (shared,))

    assert sweep(node) == 3

    assert node.blobs.has(shared.sha256)
    days_pass(node, 8)
    assert sweep(node) == 1 and not node.blobs.has(shared.sha256)


def test_satellite_samples_stay(node):
    _, pictures, _ = fly(node, 1, "sat-1")
    days_pass(node, 30)

    assert sweep(node) == 0 and has(node, pictures) == [True] * 4


def test_a_crash_between_word_and_deed_is_made_good(node, monkeypatch):
    _, pictures, _ = fly(node, 1)
    days_pass(node, 4)
    monkeypatch.setattr(type(node.blobs), "remove", lambda *_: True)
    sweep(node)
    monkeypatch.undo()
    assert has(node, pictures) == [True] * 4

    finish(node)

    assert has(node, pictures) == [False] * 4


@pytest.fixture
def flown(tmp_path):
    """A data folder whose one clip a detector has looked at."""
    (tmp_path / "in").mkdir()
    units = [Unit(1 + i / 10, 1 + i / 10, i % 10 == 0, bytes(300)) for i in range(30)]
    packets = [
        (1 + i / 5, encode(1_900_000_000_000_000 + i * 200_000, {"sensor_lat_deg": 50.0})) for i in range(15)
    ]
    (tmp_path / "in" / "a.ts").write_bytes(mux(units, packets))
    (tmp_path / "mission.toml").write_text(
        MISSION.replace('name = "uav-1"', 'name = "uav-1"\ndetect = [{ kind = "movers" }]')
    )
    node = Node(tmp_path / "data", load_mission(tmp_path / "mission.toml"))
    node.start(follow=False)
    assert node.wait_idle(60)
    yield node
    node.stop()


def test_the_log_still_verifies_and_replays_without_the_samples(flown):
    data = flown.journal.data_dir
    days_pass(flown, 4)

    assert sweep(flown) == 1

    code, finding = verify_path(data, read_trust(data / "keys" / "trust.json"))
    assert (code, finding["verdict"]) == (0, "verified")
    again = replay(data, deep=True)
    assert again.difference is None and again.derived == 1


def test_a_sample_that_went_without_a_word_is_told_by_a_deep_replay(flown):
    clip = next(b for fact in read_facts(flown.journal.data_dir) for b in fact.blobs if b.name == "clip.ts")
    flown.blobs.remove(clip.sha256)

    difference = replay(flown.journal.data_dir, deep=True).difference

    assert clip.sha256 in difference.what


def test_a_package_lists_removed_samples_as_withheld_and_misses_no_other(node, tmp_path):
    found, pictures, _ = fly(node, 1)
    body = Incident(class_="absence", start_utc=START, end_utc=START, report_ids=(), lat_deg=1.0, lon_deg=2.0)
    put(node, "incident", "inc-1", body, "engine:judge", (found.seq,))
    assert node.views.board.incidents() == []  # the judge has no rule for it and takes it back
    days_pass(node, 4)
    sweep(node)

    package = tmp_path / "p.zip"
    package.write_bytes(make_package(node.journal.data_dir, ["inc-1"]))

    code, _ = verify_path(package, read_trust(node.journal.data_dir / "keys" / "trust.json"))
    assert code == 0
    assert has(node, pictures) == [False] * 4


def test_no_picture_is_kept_for_ever_by_a_setting(tmp_path):
    (tmp_path / "mission.toml").write_text(MISSION.replace("pictures_d = 3", "pictures_d = 0"))

    with pytest.raises(BadInput, match="pictures_d"):
        load_mission(tmp_path / "mission.toml")
