"""Agreement files and observation lines: what is accepted, and how an error is named."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from truceline.app.cli import main
from truceline.model.errors import BadInput
from truceline.rules.agreement import read_agreement, rule_types
from truceline.rules.observations import read_lines, settle
from truceline.rules.schema import agreement_schema

EXAMPLES = Path(__file__).parents[2] / "truceline/sim/corridor"
CORRIDOR = (EXAMPLES / "agreement.toml").read_text()
SIGHTING = {
    "id": "a", "kind": "sighting", "time": "2025-06-01T06:00:00Z", "party": "north", "class": "tank",
    "lat_deg": 24.56, "lon_deg": 10.25, "ce90_m": 20, "confidence": 0.9,
}  # fmt: skip


@pytest.fixture
def broken(tmp_path):
    def write(old: str, new: str) -> Path:
        assert old in CORRIDOR
        shutil.copy(EXAMPLES / "corridor_line.geojson", tmp_path)
        path = tmp_path / "broken.toml"
        path.write_text(CORRIDOR.replace(old, new, 1))
        return path

    return write


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("min_confidence = 0.8", "min_confidense = 0.8", "unknown key `min_confidense`, did you mean"),
        ("min_confidence = 0.8", "min_confidence = 1.8", "decision"),
        ('type = "no_fly"', 'type = "no_swim"', "unknown rule type `no_swim`"),
        ('zone = "uav-east"', 'zone = "uav-est"', "did you mean `uav-east`"),
        ('classes = ["uav"]', 'classes = ["uaw"]', "unknown class `uaw`"),
        ('parties = ["*"]', 'parties = ["norht"]', "unknown party `norht`"),
        ('applies_to = ["XC-1", "XC-4"]', 'applies_to = ["XC-9"]', "unknown rule `XC-9`"),
        ('except_sites = ["gate"]', 'except_sites = ["gat"]', "did you mean `gate`"),
        ('id = "XC-2"', 'id = "XC-1"', "is there already"),
        ("outer_m = 2000", "outer_m = 0", "inner_m 0 must be less"),
        ("corridor_line.geojson", "no_line.geojson", "is missing"),
        ('feature = "contact"', 'feature = "other"', "no feature with the name"),
        ("in_force_from = 2025-01-01T00:00:00Z", "in_force_from = 2025-01-01T00:00:00", "timezone"),
        ('sector = "east"', 'sector = "eastt"', "did you mean `east`"),
        ("max_count = 40", "max_count = -1", "max_count"),
        ("outer_m = 2000", "outer_m = inf", "outer_m"),
        ("min_depth_m = 100", "min_depth_m = nan", "`min_depth_m` is no number"),
        ('zone = "uav-east"', 'zone = "uav-east"\nabove_m = nan', "`above_m` is no number"),
        ('zone = "uav-east"', 'zone = "uav-east"\nabove_m = 9\nbelow_m = 9', "above_m must be less"),
        ('zone = "separation"', "zone = []", "`zone` is empty"),
        (
            "in_force_from = 2025-01-01T00:00:00Z",
            "in_force_from = 2025-01-01T00:00:00Z\nin_force_until = 2025-01-01T00:00:00Z",
            "ends before it begins",
        ),
        (
            'feature = "contact"',
            'feature = "contact"\nvalid_from = 2026-01-01T00:00:00Z\nvalid_until = 2025-01-01T00:00:00Z',
            "ends before it begins",
        ),
        (
            'type = "no_fly"',
            'type = "no_fly"\nvalid_from = 2026-01-01T00:00:00Z\nvalid_until = 2025-01-01T00:00:00Z',
            "ends before it begins",
        ),
        ("2025-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "before the year 1"),
        ('from = "start"', 'from = "end"', "does not lie before `to`"),
        ('kinds = ["tank", "ifv", "apc"]', 'kinds = ["heavy-weapons"]', "holds itself"),
    ],
)
def test_an_error_names_file_place_and_what_would_be_right(broken, old, new, said):
    with pytest.raises(BadInput, match=r"broken\.toml") as error:
        read_agreement(broken(old, new))

    assert said in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_key_is_named_with_its_line(broken):
    path = broken("min_depth_m = 100", "min_depht_m = 100")
    line = path.read_text().splitlines().index("min_depht_m = 100") + 1

    with pytest.raises(BadInput) as error:
        read_agreement(path)

    assert f"broken.toml:{line}:" in str(error.value) and "did you mean `min_depth_m`" in str(error.value)


def test_overlapping_versions_of_a_line_are_refused(broken):
    again = '[[line]]\nid = "contact"\npath = "corridor_line.geojson"\nside_left = "A"\n[[sector]]'

    with pytest.raises(BadInput, match="overlap in time"):
        read_agreement(broken("[[sector]]", again))


@pytest.mark.parametrize(
    ("kind", "coordinates", "said"),
    [
        ("LineString", 5, "bad coordinates"),
        ("LineString", [{"x": 1}, {"x": 2}], "bad coordinates"),
        ("MultiLineString", 5, "a list of coordinates is due"),
        ("LineString", [[10, 24], [10, 24]], "expected 2 or more"),
        ("LineString", [[float("nan"), 24], [10, 24]], "out of range"),
        ("LineString", [[181, 24], [10, 24]], "out of range"),
        ("Point", [10, 24], "holds a Point"),
    ],
)
def test_a_line_that_is_none_is_named_with_its_file(broken, tmp_path, kind, coordinates, said):
    path = broken("corridor_line.geojson", "line.geojson")
    (tmp_path / "line.geojson").write_text(placed(kind, coordinates))

    with pytest.raises(BadInput, match=r"broken\.toml:\d+: line\[0\]: line\.geojson") as error:
        read_agreement(path)

    assert said in str(error.value)


SQUARE = [[10.2, 24.4], [10.3, 24.4], [10.3, 24.6], [10.2, 24.6], [10.2, 24.4]]
ZONE = '[[zone]]\nid = "square"\npolygon = "square.geojson"\n[[zone]]'


@pytest.mark.parametrize(
    ("kind", "coordinates", "said"),
    [
        ("Polygon", 5, "a list of coordinates is due"),
        ("MultiPolygon", [5], "a list of coordinates is due"),
        ("Polygon", [SQUARE[:-1]], "last position is not its first"),
        ("Polygon", [[*SQUARE[:2], *SQUARE[:2], SQUARE[0]]], "no ground inside"),
        ("Polygon", [[[0, 89], [120, 89], [-120, 89], [0, 89]]], "around a pole"),
        ("Polygon", [SQUARE[:3]], "expected 4 or more"),
        ("Polygon", [], "holds no polygon"),
    ],
)
def test_a_polygon_that_is_none_is_named_with_its_file(broken, tmp_path, kind, coordinates, said):
    path = broken("[[zone]]", ZONE)
    (tmp_path / "square.geojson").write_text(placed(kind, coordinates))

    with pytest.raises(BadInput, match=r"broken\.toml:\d+: zone\[0\]: square\.geojson") as error:
        read_agreement(path)

    assert said in str(error.value)


@pytest.mark.parametrize("ring", [SQUARE, SQUARE[::-1]])
def test_a_polygon_holds_what_lies_inside_whichever_way_it_turns_and_no_hole(broken, tmp_path, ring):
    path = broken("[[zone]]", ZONE)
    hole = [[10.24, 24.46], [10.26, 24.46], [10.26, 24.54], [10.24, 24.54], [10.24, 24.46]]
    (tmp_path / "square.geojson").write_text(placed("Polygon", [ring, hole]))

    zones = read_agreement(path).zones

    inside, in_hole, outside = (zones.stand("square", 24.5, lon).is_member for lon in (10.22, 10.25, 10.31))
    assert (inside, in_hole, outside) == (True, False, False)


def test_a_mark_of_byte_order_before_the_text_is_no_part_of_it(broken, tmp_path):
    path = broken("[[zone]]", "[[zone]]")
    for file in (path, tmp_path / "corridor_line.geojson"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert read_agreement(path).id == "exercise-corridor"


def placed(kind: str, coordinates: object) -> str:
    geometry = {"type": kind, "coordinates": coordinates}
    return json.dumps({"type": "Feature", "properties": {"name": "contact"}, "geometry": geometry})


def test_the_examples_fit_the_schema_that_we_print():
    import tomllib

    found = json.loads(json.dumps(tomllib.loads(CORRIDOR), default=lambda moment: moment.isoformat()))

    jsonschema.Draft202012Validator(agreement_schema()).validate(found)


def test_every_rule_type_of_the_contract_is_there():
    assert set(rule_types()) >= {
        "absence", "no_fly", "activity_ban", "crossing", "range_band_cap", "timetable",
        "notice_exception", "sensor_interference", "escalation",
    }  # fmt: skip


def settled(*lines: dict):
    agreement = read_agreement(EXAMPLES / "agreement.toml")
    return settle(read_lines([json.dumps(line).encode() for line in lines], "o.jsonl", agreement))


def test_the_highest_revision_counts_and_a_retraction_ends_it():
    newer = {**SIGHTING, "revision": 2, "class": "truck"}

    assert settled(newer, SIGHTING).sightings[0].class_ == "truck"
    assert settled(SIGHTING, {"id": "a", "revision": 1, "retracted": True}).sightings == []


def test_two_words_of_one_revision_are_a_conflict_that_the_greater_wins():
    other = {**SIGHTING, "class": "truck"}

    for lines in ((SIGHTING, other), (other, SIGHTING)):
        found = settled(*lines)
        assert found.conflicts == ["a"] and found.sightings[0].class_ == "truck"


def test_when_it_reached_us_is_no_content():
    assert settled(SIGHTING, {**SIGHTING, "received_time": "2025-06-02T00:00:00Z"}).conflicts == []


def test_unknown_kinds_are_named_and_unknown_fields_ignored():
    found = settled({**SIGHTING, "mood": 3}, {"id": "b", "kind": "song", "time": "x"})

    assert [s.id for s in found.sightings] == ["a"] and found.ignored == [("b", "unknown_kind")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lat_deg": 91}, "lat_deg"), ({"ce90_m": -1}, "ce90_m"), ({"confidence": 2}, "confidence"),
        ({"time": "2025-06-01T06:00:00"}, "zone"), ({"party": "nobody"}, "nobody"),
        ({"class": "tnk"}, "tnk"), ({"lon_deg": None}, "lon_deg"), ({"count": 1.5}, "count"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_its_number(change, said):
    with pytest.raises(BadInput, match=r"o\.jsonl:2") as error:
        settled(SIGHTING, {**SIGHTING, **change})

    assert said in str(error.value)


def test_check_writes_the_incidents_and_explains_them(tmp_path, capsys):
    lines, out = tmp_path / "o.jsonl", tmp_path / "i.json"
    lines.write_text(json.dumps(SIGHTING) + "\n")

    code = main(["check", str(EXAMPLES / "agreement.toml"), str(lines), "--out", str(out), "--explain"])

    (incident,) = json.loads(out.read_text())["incidents"]
    assert code == 0 and (incident["rule"], incident["verdict"]) == ("XC-2", "violation")
    assert "Art. 2" in capsys.readouterr().out


def test_a_file_written_elsewhere_reads_the_same(tmp_path):
    line = json.dumps(SIGHTING)
    found = []
    for text in (f"{line}\n", f"\ufeff{line}\r\n\r\n", line.replace("06:00:00Z", "08:00:00+02:00")):
        lines, out = tmp_path / "o.jsonl", tmp_path / "i.json"
        lines.write_text(text, encoding="utf-8", newline="")
        assert main(["check", str(EXAMPLES / "agreement.toml"), str(lines), "--out", str(out)]) == 0
        found.append(out.read_bytes())

    assert found[0] == found[1] == found[2]


def test_words_of_a_source_do_not_steer_the_terminal(tmp_path, capsys):
    lines = tmp_path / "o.jsonl"
    lines.write_text(json.dumps({**SIGHTING, "source": "gate\x1b[31m\u202e"}))

    assert main(["check", str(EXAMPLES / "agreement.toml"), str(lines), "--explain"]) == 0

    said = capsys.readouterr().out
    assert "gate⟨U+001B⟩[31m⟨U+202E⟩" in said and "\x1b" not in said and said.count("\n") > 2


def test_a_line_without_its_case_is_named_by_its_number(tmp_path, capsys):
    lines, out = tmp_path / "o.jsonl", tmp_path / "i.json"
    lines.write_text("\n".join([json.dumps({**SIGHTING, "case": "c"}), "", json.dumps(SIGHTING)]))
    out.write_text("old")

    code = main(["check", str(EXAMPLES / "agreement.toml"), str(lines), "--cases", "--out", str(out)])

    assert code == 2 and "o.jsonl:3: the field `case` is missing" in capsys.readouterr().err
    assert out.read_text() == "old"


def test_zone_draws_each_zone_and_side_counter_clockwise(tmp_path):
    from shapely.geometry import shape

    out = tmp_path / "z.geojson"

    code = main(["zone", str(EXAMPLES / "agreement.toml"), "--out", str(out)])

    features = json.loads(out.read_text())["features"]
    assert code == 0
    assert [(f["properties"]["zone"], f["properties"]["side"]) for f in features] == [
        (zone, side) for zone in ("separation", "weapons-free", "uav-east") for side in "AB"
    ]
    for feature in features:
        outline = shape(feature["geometry"])
        assert outline.is_valid and outline.exterior.is_ccw
    # 60.2 km of line, 15 km deep on each side, more or less for its bends.
    both_m2 = sum(f["properties"]["area_m2"] for f in features[2:4])
    assert 0.97 < both_m2 / (60_196 * 30_000) < 1.03
