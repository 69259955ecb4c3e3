"""Real recordings through the chain: radar stacks and drone files (examples/real-first-light.toml)."""

import json
from pathlib import Path

import pytest
import shapely
from truceline.log.blobs import Blobs
from truceline.log.pieces import read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EXAMPLES = Path(__file__).parents[2] / "examples"
RADARS = {
    "radar-sea": "T137-292319-IW1",
    "radar-land-south": "T137-292320-IW2",
    "radar-land-north": "T137-292321-IW2",
    "radar-plain": "T137-292324-IW2",
}


@pytest.fixture(scope="module")
def ran(run_example):
    return run_example("real-first-light")


@pytest.mark.parametrize(("source", "stack"), RADARS.items())
def test_every_radar_scene_is_one_observation_with_its_time_and_ground(ran, source, stack):
    items = json.loads((ran.shared / f"data/satellite/s1/{stack}.items.json").read_bytes())["features"]
    said = [one for _, one in ran.seen.values() if one.source == source]

    assert len(said) == len(items)
    assert {one.status for one in said} == {"ok"}
    assert all(one.footprint is not None for one in said)
    assert {one.phenomenon.from_utc.date().isoformat() for one in said} == {
        item["properties"]["datetime"][:10] for item in items
    }


def test_every_drone_file_is_an_observation_and_an_unreadable_one_says_why(ran):
    said = {str(one.attributes.get("file")): one for _, one in ran.seen.values() if one.source == "drone"}
    files = {
        path.name for path in (ran.shared / "data/drone/klv").iterdir() if path.suffix in (".ts", ".klv")
    }

    assert set(said) == files
    assert {one.status for one in said.values()} <= {"ok", "degraded"}
    for one in said.values():
        assert one.status == "ok" or one.reason


def test_every_readable_piece_was_looked_at_also_where_nothing_was_found(ran):
    readable = {key for key, (fact, one) in ran.seen.items() if fact.blobs and one.status != "blocked"}

    assert {one.observation for one in ran.looked} >= readable
    assert all(one.status == "ok" or one.reason for one in ran.looked)
    for one in ran.looked:
        assert read(Blobs(ran.data / "blobs"), one.piece).num_rows == one.rows


def test_no_detector_failed_on_a_radar_scene(ran):
    of_radar = [one for one in ran.looked if one.detector == "sar_change"]

    assert [one.reason for one in of_radar if one.status != "ok"] == []


def test_what_was_seen_lies_on_the_ground_that_was_looked_at_with_an_error_and_a_confidence(ran):
    rows = {"sar_change": 0, "movers": 0, "objects": 0}
    for one in ran.looked:
        table = read(Blobs(ran.data / "blobs"), one.piece).to_pylist()
        rows[one.detector] += len(table)
        for row in table:
            footprint = ran.seen[one.observation][1].footprint
            if footprint is None:  # a clip without telemetry shows things all the same: nowhere
                assert row["lat_deg"] is None and row["ce90_m"] is None
                continue
            ground = shapely.geometry.shape(footprint)
            assert ground.buffer(0.002).contains(shapely.Point(row["lon_deg"], row["lat_deg"]))
            assert row["ce90_m"] > 0
            assert 0 < row["confidence"] <= 1
            assert (row["meaning"] is not None) == (one.detector == "sar_change")
    # The recordings are of ordinary life: a car is seen from the air, and no radar alarm need come.
    assert rows["movers"] > 0


def test_incidents_rest_on_recordings_and_are_never_more_than_possible(ran):
    for item in ran.views.board.incidents():
        assert item.incident.verdict in ("possible_violation", "could_not_observe", "covered_by_notice")
        below, waiting = set(), [item.seq]
        while waiting:
            seq = waiting.pop()
            if seq not in below:
                below.add(seq)
                waiting += ran.facts[seq].refs
        assert any(ran.facts[seq].kind == "observation" and ran.facts[seq].blobs for seq in below)


def test_a_daily_report_was_written(ran):
    (said,) = [s for s in ran.views.board.statements() if s.statement.about == "document"]
    (blob,) = ran.facts[said.seq].blobs

    assert blob.media_type == "text/html"
    assert "<html" in Blobs(ran.data / "blobs").open(blob).read_text()


def test_the_log_verifies_and_is_derived_again_the_same(ran):
    trust = ran.data / "keys/trust.json"
    assert ran.truceline("verify", ran.data, "--trust", trust).returncode == 0

    same = ran.truceline("replay", ran.data)

    assert same.returncode == 0, same.stdout
