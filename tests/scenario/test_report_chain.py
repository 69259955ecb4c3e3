"""From a patrol's report to a track, an incident, and back to its words and photo; who is not shown them."""

import io
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from truceline.flow.grounds import grounds, reported
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.flow.replay import in_force, replay, replay_shuffled
from truceline.flow.why import chain as way_down
from truceline.flow.why import find, lines
from truceline.log import pieces, verify
from truceline.log.audit.zipped import read_zip
from truceline.log.package import make_package
from truceline.model.facts import Claim
from truceline.model.observed import Detections, Observation, Report
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.view.release import shown_samples

CORRIDOR = Path(__file__).parents[2] / "truceline/sim/corridor"
MISSION = """
schema = "truceline.mission/1"
name = "patrols"
agreement = "agreement.toml"
exercise = true
[node]
workers = 0
"""
T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
PLACE = {"lat_deg": 24.56, "lon_deg": 10.25}  # 6 km north of the line, inside the belt free of heavy weapons
ELSEWHERE = {"lat_deg": 24.56, "lon_deg": 10.35}


def see(node):
    """Let a drone see something with tracks or large wheels, which may be a lorry."""
    look = Span(from_utc=T0, until_utc=T0 + timedelta(seconds=200))
    seen = Observation(source="uav-1", key="clip", phenomenon=look, result_utc=look.until_utc)
    (said,) = node.submit([Claim(kind="observation", id=seen.id, body=seen, actor="source:uav-1")]).result()
    rows = [
        {"time_utc": T0 + timedelta(seconds=20 * k), **PLACE, "ce90_m": 15.0, "confidence": 0.7,
         "p_truck": 0.55, "p_armoured": 0.35, "p_other": 0.1}
        for k in range(10)
    ]  # fmt: skip
    piece = pieces.seal(pa.Table.from_pylist(rows, schema=DETECTION), node.blobs, "rows")
    body = Detections(
        observation=seen.id, source="uav-1", detector="objects", settings_sha256="0" * 64, version="1",
        piece=piece, rows=len(rows),
    )  # fmt: skip
    claim = Claim(
        kind="detection", id="det-clip", body=body, actor="detector:objects", refs=(said.fact.seq,),
        blobs=(piece,),
    )  # fmt: skip
    node.submit([claim]).result()


def tell(node, name, place, text, photo=None, second=150, **attributes):
    blobs = () if photo is None else (node.blobs.put(photo, "image/jpeg", "picture"),)
    body = Report(
        type="sighting", time_utc=T0 + timedelta(seconds=second), **place, ce90_m=30.0, text=text,
        blobs=tuple(blob.sha256 for blob in blobs), attributes=attributes,
    )  # fmt: skip
    node.submit([Claim(kind="report", id=name, body=body, actor="user:p-3", blobs=blobs)]).result()
    return blobs[0].sha256 if blobs else ""


def begin(folder):
    for name in ("agreement.toml", "corridor_line.geojson"):
        shutil.copy(CORRIDOR / name, folder / name)
    (folder / "mission.toml").write_text(MISSION)
    node = Node(folder / "data", load_mission(folder / "mission.toml"))
    node.start()
    return node


@pytest.fixture(scope="module")
def mission(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patrols")
    node = begin(folder)
    see(node)
    assert node.wait_idle(60)
    node.before = [item.incident for item in node.views.board.incidents()]
    node.photo = tell(node, "patrol-1", PLACE, "turret, tracks: a tank", b"a photo", **{"class": "tank"})
    node.other = tell(node, "patrol-2", ELSEWHERE, "the smith at house 12", b"a face", **{"class": "truck"})
    assert node.wait_idle(60)
    yield node
    node.stop()


def of_track(node):
    return next(
        item for item in node.views.board.incidents() if any("track-" in c for c in item.incident.causes)
    )


def test_a_patrol_tells_what_a_drone_could_not_and_the_track_becomes_an_incident(mission):
    (track,) = [one for one in mission.views.scene.tracks(T0 + timedelta(hours=1)) if one.detections_used > 1]

    assert [incident.what for incident in mission.before] == ["truck or the like"]
    assert of_track(mission).incident.what == "tank or the like"
    assert track.detections_used == 11
    assert max(track.probability, key=track.probability.get) == "armoured"
    assert any(cause.startswith(f"track-{track.track_id}@") for cause in of_track(mission).incident.causes)


def test_what_one_report_alone_says_is_not_said_again_by_its_track(mission):
    incidents = [item.incident for item in mission.views.board.incidents()]
    lon = {cause: one.lon_deg for one in incidents for cause in one.causes}

    assert not [cause for cause, at in lon.items() if at and abs(at - 10.35) < 0.01 and "track-" in cause]


def test_why_walks_from_the_incident_to_the_words_and_the_photo(mission):
    facts, entry = find(mission.journal.data_dir, of_track(mission).id)
    steps = way_down(facts, entry)
    (rests,) = grounds(facts, steps, mission.blobs)
    told = next(one for one in rests.detections if one.sensor == "patrol")

    assert "turret, tracks" in "\n".join(lines(steps))
    assert told.said == "turret, tracks: a tank"
    assert mission.photo in {blob.sha256 for blob in facts[told.report].blobs}


def test_a_track_tells_what_was_reported_of_it(mission):
    (track,) = [one for one in mission.views.scene.tracks(T0 + timedelta(hours=1)) if one.detections_used > 1]
    facts, _ = find(mission.journal.data_dir, "patrol-1")
    entries = mission.views.scene.sightings(track.track_id)

    (told,) = reported(facts, entries, f"track-{track.track_id}", mission.blobs)

    assert (told.said, facts[told.report].id) == ("turret, tracks: a tank", "patrol-1")


def test_what_a_report_shows_stays_closed_to_a_party_that_is_shown_the_track(mission):
    shown = shown_samples([of_track(mission).seq], mission.journal.read)

    assert not shown & {mission.photo, mission.other}


def test_a_package_about_a_track_holds_no_word_place_or_photo_of_reports_behind_it(mission, tmp_path):
    package = make_package(mission.journal.data_dir, [of_track(mission).id])
    members = read_zip(package)
    tables = [pieces.pq.read_table(io.BytesIO(one)) for name, one in members.items() if one[:4] == b"PAR1"]
    (tmp_path / "p.zip").write_bytes(package)

    assert tables
    assert not any(b"house 12" in one or b"turret" in one for one in members.values())
    assert not {f"blobs/{mission.photo}", f"blobs/{mission.other}"} & members.keys()
    lon = [value for table in tables for value in table["lon_deg"].to_pylist()]
    assert max(lon) < 10.3
    trust = verify.read_trust(mission.journal.data_dir / "keys" / "trust.json")
    assert verify.verify_path(tmp_path / "p.zip", trust)[0] == 0


def test_reports_alone_are_derived_again_and_in_any_order(tmp_path):
    node = begin(tmp_path)
    tell(node, "patrol-1", PLACE, "a tank", **{"class": "tank"})
    tell(node, "patrol-2", ELSEWHERE, "a lorry", **{"class": "truck"})
    tell(node, "patrol-3", ELSEWHERE, "nothing", second=400, count=0, radius_m=500)
    tell(node, "patrol-5", PLACE, "a tank again", second=4000, **{"class": "tank"})
    back = Report(type="note", time_utc=T0, **PLACE, corrects="patrol-1")
    node.submit([Claim(kind="report", id="patrol-4", body=back, actor="user:p-3")]).result()
    assert node.wait_idle(60)
    node.stop()

    assert [row.missed_by for row in node.views.scene.in_force()] == [None, "patrol", None]
    (track,) = node.views.scene.tracks(T0 + timedelta(minutes=10))
    (look,) = node.views.looks.since(track, node.views.looks.later(track))
    assert (look.sensor, look.outcome) == ("patrol", "missed")
    for comparison in (replay(tmp_path / "data"), *(replay_shuffled(tmp_path / "data", n) for n in range(4))):
        assert comparison.difference is None


def test_a_restart_gives_the_same_picture(mission, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(mission.journal.data_dir, folder)
    again = Node(folder, load_mission(mission.journal.data_dir.parent / "mission.toml"))
    again.start()
    assert again.wait_idle(60)
    size = again.journal.tree_size
    again.stop()

    assert in_force(again.core) == in_force(mission.core)
    assert size == mission.journal.tree_size
