"""What is wrong with an instance is named with its place; a caveat is never overlooked."""

import json
from pathlib import Path

import pytest
from truceline.dispatch.instance import load_instance, read_instance
from truceline.model.errors import BadInput

FORCE = Path(__file__).parents[2] / "truceline" / "sim" / "corridor" / "force.json"
TASK = {
    "id": "T1", "kind": "shelling", "node": "PN1", "requires": {"observe": 1}, "min_units": 1, "weight": 3,
    "release_s": 0, "deadline_s": 3600, "service_s": 600, "notify_lead_s": 0, "uncovered_penalty": 1000,
    "look": None, "excluded_contingents": [],
}  # fmt: skip
STANDING = {"unit": "P-11", "task": "T1", "role": "main", "acknowledged": True, "change_cost": 1}


def document() -> dict:
    return {**json.loads(FORCE.read_text()), "tasks": [dict(TASK)]}


def set_in(body: dict, path: str, value: object) -> dict:
    *way, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    inner = body
    for word in way:
        inner = inner[word]
    inner[last] = value
    return body


def refused(body: dict) -> str:
    with pytest.raises(BadInput) as caught:
        read_instance(json.dumps(body).encode(), "i.json")
    return str(caught.value)


def test_the_corridors_force_is_good_input():
    force = load_instance(FORCE)

    assert {unit.contingent for unit in force.units} == {"Alder", "Birch", "Cedar", "Elm"}
    assert all(node.lat_deg is not None and node.lon_deg is not None for node in force.nodes)
    assert len(force.sectors) == 4


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("schema", "truceline.dispatch.instance/2", "i.json: schema is"),
        ("units.2.speed_kph", 0, "i.json: units[2].speed_kph"),
        ("units.2.speed_kph", "60", "i.json: units[2].speed_kph"),
        ("units.1.skills.observe", None, "i.json: units[1].skills"),
        ("units.1.caveats.no_sundays", True, "i.json: units[1].caveats.no_sundays"),
        ("units.1.caveats.no_parts", ["S9-A"], "i.json: units[1].caveats.no_parts"),
        ("units.0.home_node", "N99", "i.json: units[0].home_node"),
        ("units.1.id", "P-11", "i.json: units[1].id"),
        ("edges.3.length_m", 0, "i.json: edges[3].length_m"),
        ("edges.3.a", "N99", "i.json: edges[3].a"),
        ("nodes.0.part", "S9-A", "i.json: nodes[0].part"),
        ("sectors.0.centre_node", "N99", "i.json: sectors[0].centre_node"),
        ("tasks.0.deadline_s", -1, "i.json: tasks[0].deadline_s"),
        ("tasks.0.node", "N99", "i.json: tasks[0].node"),
        ("tasks.0.weight", float("nan"), "i.json: is not JSON"),
        ("tasks.0.weight", 1e300, "i.json: tasks[0].weight"),
        ("edges.3.length_m", 10**18, "i.json: edges[3].length_m"),
        ("units.2.shift_end_s", 10**30, "i.json: units[2].shift_end_s"),
        ("now_utc", "2031-05-12T00:00:00", "i.json: now_utc"),
        ("now_utc", "yesterday", "i.json: now_utc"),
        ("committed", [{**STANDING, "task": "T9"}], "i.json: committed[0].task"),
        ("night", [{"start_s": 0, "end_s": 10}, {"start_s": 5, "end_s": 20}], "i.json: night"),
    ],
)  # fmt: skip
def test_bad_input_is_named_with_its_place(path, value, place):
    assert refused(set_in(document(), path, value)).startswith(place)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("units", "caveats"),
        ("tasks", "look"),
        ("edges", "open"),
        ("sectors", "reserve_min"),
        ("nodes", "part"),
    ],
)
def test_a_missing_key_is_named(table, key):
    body = document()
    del body[table][0][key]

    assert refused(body) == f"i.json: {table}[0].{key}: is missing"


def test_unknown_extra_keys_are_left_alone():
    body = set_in(set_in(document(), "colour", "grey"), "units.0.badge", 7)

    assert read_instance(json.dumps(body).encode()).units[0].id == "P-11"


def test_a_missing_caveat_key_means_no_caveat():
    assert (
        not read_instance(json.dumps(set_in(document(), "units.1.caveats", {})).encode())
        .units[1]
        .caveats.no_night
    )


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_instance_is_refused(raw):
    with pytest.raises(BadInput):
        read_instance(raw)
