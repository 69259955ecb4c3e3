"""The zones of a real agreement, with made-up sightings along its line (examples/korea.toml)."""

import json
from pathlib import Path

import msgspec
import pytest
from truceline.log.blobs import Blobs
from truceline.model.decided import Config, User

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def ran(run_example):
    return run_example("korea")


def test_every_sighting_was_taken_in_as_it_was_sent(ran):
    for file in (EXAMPLES / "korea/sightings").glob("*.json"):
        sent = json.loads(file.read_bytes())
        report = msgspec.to_builtins(ran.views.reports.get(sent["id"]).report)
        assert report["text"] == sent["text"]
        assert (report["lat_deg"], report["lon_deg"]) == (sent["lat_deg"], sent["lon_deg"])


@pytest.mark.parametrize("report_id", ["kr-01", "kr-02", "kr-05"])
def test_a_planted_sighting_in_a_zone_breaks_a_rule_of_the_agreement(ran, report_id):
    found = ran.against(report_id)

    assert found
    assert all(one.verdict in ("violation", "possible_violation") for one in found)
    assert all(one.article and one.explanation.challenges for one in found)


def test_the_party_that_was_seen_is_the_party_that_is_named(ran):
    assert {one.party for one in ran.against("kr-01")} == {"north"}
    assert {one.party for one in ran.against("kr-02")} == {"south"}


@pytest.mark.parametrize(
    ("class_", "reports"),
    [("explosion_cluster", ("kr-03", "kr-04")), ("shot_cluster", ("kr-08", "kr-09"))],
)
def test_what_two_posts_heard_is_one_incident(ran, class_, reports):
    clusters = [i.incident for i in ran.views.board.incidents() if i.incident.class_ == class_]

    assert [one.report_ids for one in clusters] == [reports]


def test_what_was_taken_back_counts_for_nothing(ran):
    assert not ran.views.reports.in_force("kr-10")
    assert ran.against("kr-10") == []


def test_what_lies_outside_all_zones_or_could_be_anything_is_no_violation(ran):
    assert [one for one in ran.against("kr-06") if one.verdict == "violation"] == []
    assert [one for one in ran.against("kr-07") if one.verdict == "violation"] == []


def test_somebody_who_had_logged_in_decided_and_units_carried_the_orders_out(ran):
    users = {}
    for fact in ran.facts:
        if fact.kind == "user" and (user := fact.noun(User)).action == "created":
            users[f"user:{user.name}"] = (user.role, fact.seq)
    decisions = [fact for fact in ran.facts if fact.kind == "decision"]

    assert decisions
    for fact in decisions:
        role, made = users[fact.actor]
        assert role == "commander"
        assert made < fact.seq
    orders = ran.views.board.orders()
    assert orders
    assert {order.state for order in orders} == {"DONE"}


def test_there_is_a_daily_report_that_names_what_was_found(ran):
    (said,) = [s for s in ran.views.board.statements() if s.statement.about == "document"]
    (blob,) = ran.facts[said.seq].blobs

    page = Blobs(ran.data / "blobs").open(blob).read_text()

    assert blob.media_type == "text/html"
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    assert "Korea, an exercise" in page or "EXERCISE" in page.upper()
    for item in ran.views.board.incidents():
        assert item.incident.article is None or item.incident.article in page


def test_the_settings_are_in_the_log_by_hash(ran):
    (config,) = [fact.noun(Config) for fact in ran.facts if fact.kind == "config"]

    assert any(path.endswith("korea_cma.toml") for path in config.settings["files"])
    assert any(path.endswith("korea.toml") for path in config.settings["files"])


def test_the_log_verifies_and_is_derived_again_the_same(ran):
    trust = ran.data / "keys/trust.json"
    assert ran.truceline("verify", ran.data, "--trust", trust).returncode == 0
    for words in ([], ["--shuffle", "5"]):
        same = ran.truceline("replay", ran.data, *words)
        assert same.returncode == 0, same.stdout
