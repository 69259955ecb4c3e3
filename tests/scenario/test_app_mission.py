"""A server with a mission: its ground, its clock and its marks."""

import random
from datetime import datetime, timedelta

import httpx
import pytest
import shapely
from truceline.app.forms.ground import features
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.core import rebuild
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.rules.agreement import read_agreement

MISSION = """
schema = "truceline.mission/1"
name = "quiet line"
agreement = "{agreement}"
exercise = true
[clock]
start_utc = 2026-03-01T00:00:00Z
speed = 60
[node]
workers = 0
"""


@pytest.fixture
def ask(shared, tmp_path):
    """Asks a mission's server, as an operator or as somebody else."""
    agreement = shared / "data" / "zone" / "agreements" / "example_corridor.toml"
    path = tmp_path / "mission.toml"
    path.write_text(MISSION.format(agreement=agreement))
    node = Node(tmp_path / "data", load_mission(path))
    node.start()
    admin = prepare(tmp_path / "data", node).read_text().strip()
    with (
        in_background(node, Settings()) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client,
    ):
        tokens = {"admin": admin}
        for role in ("operator", "observer"):
            made = client.post(
                "/users", json={"name": role, "role": role}, headers={"Authorization": f"Bearer {admin}"}
            )
            tokens[role] = made.json()["token"]

        def asking(path, role="operator"):
            return client.get(path, headers={"Authorization": f"Bearer {tokens[role]}"}).json()

        yield asking
    node.stop()


def test_the_mission_says_who_asks_and_how_its_clock_runs(ask):
    said = ask("/mission")

    assert (said["name"], said["exercise"], said["clock"]["rate"]) == ("quiet line", True, 60)
    assert datetime.fromisoformat(said["clock"]["utc"]).year == 2026
    assert said["who"] == {"name": "operator", "role": "operator", "party": None}
    assert {party["side"] for party in said["parties"]} >= {"A", "B"}
    assert said["line_km"] > 0
    assert said["sectors"]
    assert len(said["log"]) == 64


@pytest.mark.parametrize(
    "span",
    [
        "from_utc=0001-01-01T00:00:00Z&until_utc=0001-01-02T00:00:00Z",
        "from_utc=9999-12-31T00:00:00Z&until_utc=9999-12-31T23:00:00Z",
    ],
)
def test_a_span_at_the_end_of_the_calendar_is_answered_in_words(ask, span):
    assert ask(f"/coverage?{span}").get("status") in (None, 422)


def test_the_admin_learns_nothing_of_the_ground(ask):
    said = ask("/mission", "admin")

    assert (said["lines"], said["sectors"], said["parties"]) == ([], [], [])
    assert (said["tree_size"], said["log"]) == (None, None)


def test_zones_are_drawn_and_coverage_says_that_nobody_looked(ask):
    zones = ask("/zones", "observer")["items"]
    coverage = ask("/coverage")

    assert {zone["properties"]["kind"] for zone in zones} >= {"line", "zone"}
    assert coverage["observed_share"] == 0
    assert coverage["unobserved_km"] == pytest.approx(coverage["line_km"])
    assert coverage["items"][0]["reason"] == "no source looked"


@pytest.mark.parametrize("name", ["example_corridor.toml", "korea_cma.toml"])
def test_drawn_zones_agree_with_the_geodesic_margins(shared, name):
    # The authority is geo.zone, which is measured against its own; a drawing may err by 300 m.
    agreement = read_agreement(shared / "data" / "zone" / "agreements" / name)
    chance = random.Random(7)
    compared = 0
    for feature in features(agreement):
        if feature["properties"]["kind"] != "zone":
            continue
        drawn = shapely.geometry.shape(feature["geometry"])
        assert drawn.is_valid
        west, south, east, north = drawn.bounds
        for _ in range(40):
            lon, lat = chance.uniform(west, east), chance.uniform(south, north)
            margin_m = agreement.zones.stand(feature["id"], lat, lon).margin_m
            if 300 < abs(margin_m) < 1e9:
                assert shapely.contains_xy(drawn, lon, lat) == (margin_m > 0), (feature["id"], lat, lon)
                compared += 1

    assert compared > 100


SETS = (
    "SENTINEL-1A\n"
    "1 39634U 14016A   25129.48193779  .00000222  00000+0  56871-4 0  9990\n"
    "2 39634  98.1800 137.8668 0001386  90.8293 269.3066 14.59199646591170\n"
)


def test_satellites_of_the_mission_are_told_with_the_ground_they_can_look_at(shared, tmp_path):
    agreement = shared / "data" / "zone" / "agreements" / "example_corridor.toml"
    (tmp_path / "sets.txt").write_text(SETS)
    mission = MISSION.format(agreement=agreement).replace("2026-03-01", "2025-05-10")
    (tmp_path / "mission.toml").write_text(mission + '[[satellite]]\nelements = "sets.txt"\n')
    node = Node(tmp_path / "data", load_mission(tmp_path / "mission.toml"))
    node.start()
    admin = prepare(tmp_path / "data", node).read_text().strip()
    with (
        in_background(node, Settings()) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client,
    ):

        def ask(method, path, token, **more):
            return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more).json()

        token = ask("POST", "/users", admin, json={"name": "oper", "role": "operator"})["token"]
        said = ask("GET", "/coverage", token)
    node.stop()

    coming = [one for one in said["passes"] if one["highest_utc"] > said["until_utc"]]
    assert coming and {one["satellite"] for one in coming} == {"SENTINEL-1A"}
    assert all(0 <= one["km_from"] < one["km_to"] <= said["line_km"] + 1 for one in coming)
    views = rebuild(tmp_path / "data")  # from the log alone, which keeps the element sets
    start = datetime.fromisoformat(said["until_utc"])
    assert [one.km_to for one in views.sky.between(start, start + timedelta(days=1))] == [
        one["km_to"] for one in coming
    ]
