"""The verb passes: its document, its order, and what it refuses."""

import json

import pytest
from truceline.app.cli import main

ONE = "1 39634U 14016A   25129.48193779  .00000222  00000+0  56871-4 0  9990"
TWO = "2 39634  98.1800 137.8668 0001386  90.8293 269.3066 14.59199646591170"
OTHER = (
    "1 62261U 24235A   25129.51536752  .00000253  00000+0  63446-4 0  9992\n"
    "2 62261  98.1829 137.5961 0001392  88.7022 271.4337 14.59198094 22540"
)


@pytest.fixture
def call(tmp_path):
    (tmp_path / "sets.txt").write_text(f"SENTINEL-1A\n{ONE}\n{TWO}\nSENTINEL-1C\n{OTHER}\n")

    def run(**changed):
        options = {
            "lat": "35.17", "lon": "33.36", "alt": "150", "from": "2025-05-09T12:00:00Z",
            "to": "2025-05-11T14:00:00+02:00", "out": str(tmp_path / "passes.json"), **changed,
        }  # fmt: skip
        return main(
            ["passes", str(tmp_path / "sets.txt"), *(f"--{key}={value}" for key, value in options.items())]
        )

    run.out = tmp_path / "passes.json"
    run.sets = tmp_path / "sets.txt"
    return run


def test_passes_are_ordered_and_the_same_bytes_twice(call):
    assert call() == 0
    written = call.out.read_bytes()
    document = json.loads(written)
    rises = [each["rise"] for each in document["passes"]]

    assert call() == 0
    assert call.out.read_bytes() == written
    assert len(rises) > 8
    assert rises == sorted(rises)
    assert document["to"] == "2025-05-11T12:00:00Z"
    assert all(each["rise"] < each["culmination"] < each["set"] for each in document["passes"])


def test_a_pass_cut_by_the_window_has_no_rise_or_no_set(call):
    call()
    first = json.loads(call.out.read_bytes())["passes"][0]
    middle = first["culmination"]

    call(**{"from": middle[:-5] + "Z", "to": first["set"]})
    cut = json.loads(call.out.read_bytes())["passes"][0]
    assert (cut["rise"], cut["rise_azimuth_deg"]) == (None, None)
    call(to=middle[:-5] + "Z")
    cut = json.loads(call.out.read_bytes())["passes"][0]
    assert (cut["set"], cut["culmination"], cut["set_azimuth_deg"]) == (None, None, None)
    assert cut["rise"] == first["rise"]
    assert cut["max_elevation_deg"] == pytest.approx(first["max_elevation_deg"], abs=0.02)


def test_no_pass_is_an_empty_list(call):
    assert call(**{"to": "2025-05-09T12:01:00Z"}) == 0
    assert json.loads(call.out.read_bytes())["passes"] == []


def test_old_elements_are_said_to_be_old(call, capsys):
    call(**{"from": "2025-06-09T12:00:00Z", "to": "2025-06-09T14:00:00Z"})

    assert (
        capsys.readouterr().err.splitlines()[0].startswith("warning: SENTINEL-1A: its elements are up to 31")
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"lat": "90.1"}, {"lat": "nan"}, {"lon": "-181"}, {"to": "2025-05-09T12:00:00Z"},
        {"to": "2025-05-08T12:00:00Z"}, {"from": "2025-05-09T12:00:00"}, {"from": "soon"},
        {"to": "2029-05-08T12:00:00Z"}, {"min-elevation-deg": "91"}, {"alt": "inf"},
    ],
)  # fmt: skip
def test_bad_usage_is_refused_and_leaves_the_file_alone(call, capsys, changed):
    call.out.write_text("kept")

    assert call(**changed) == 2
    assert capsys.readouterr().err.startswith("error: --")
    assert call.out.read_text() == "kept"


def test_a_wrong_checksum_is_named_with_file_and_line(call, capsys):
    call.sets.write_text(f"SENTINEL-1A\n{ONE[:-1]}5\n{TWO}\n")

    assert call() == 2
    assert capsys.readouterr().err.startswith(f"error: {call.sets}:2: ")
    assert not call.out.exists()


def test_along_a_line_each_part_gets_its_next_pass(call):
    from importlib.resources import files

    agreement = files("truceline") / "sim/corridor/agreement.toml"
    assert call(along=str(agreement), **{"step-km": "25"}) == 0
    parts = json.loads(call.out.read_bytes())["parts"]

    assert len(parts) >= 2
    assert [part["km_from"] for part in parts[1:]] == [part["km_to"] for part in parts[:-1]]
    assert all(part["next"]["max_elevation_deg"] >= 10 for part in parts)
    assert all(part["next"]["set"] > "2025-05-09T12:00:00Z" for part in parts)
