"""``truceline convert``: what each input becomes, and what is refused."""

import json
import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shapely.geometry import Polygon
from truceline.app.cli import main
from truceline.codec.detection_rows import video_row
from truceline.geo.crs import from_local
from truceline.model.classes import FUSION_CLASSES

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")


def observations(source, out, *more):
    assert main(["convert", str(source), "--to", "observations", "--out", str(out), *more]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def detections(source, out, *more):
    assert main(["convert", str(source), "--to", "detections", "--out", str(out), *more]) == 0
    return {word: pq.read_table(out / f"{word}.parquet") for word in ("detections", "sensors", "looks")}


def track(**more):
    return {
        "time": T0, "track_id": 7, "x_m": 1000.0, "y_m": -2000.0, "sxx_m2": 100.0, "syy_m2": 100.0,
        "sxy_m2": 50.0, "existence": 0.9, **dict.fromkeys((f"p_{c}" for c in FUSION_CLASSES), 0.0),
        "p_truck": 0.95, "p_car": 0.05, **more,
    }  # fmt: skip


def video(**more):
    return {
        "time": T0, "pts_s": 0.0, "frame_index": 0, "bbox_x_px": 1.0, "bbox_y_px": 1.0, "bbox_w_px": 9.0,
        "bbox_h_px": 9.0, "category": "car", "score": 0.95, "lat_deg": 48.01,
        "lon_deg": 37.02, "ce90_m": 21.46,
        "model": "m", **more,
    }  # fmt: skip


def corners(lat=48.01, lon=37.02, size=0.005):
    places = ((size, -size), (size, size), (-size, size), (-size, -size))
    found = {}
    for k, (north, east) in enumerate(places, 1):
        found |= {f"corner{k}_lat_deg": lat + north, f"corner{k}_lon_deg": lon + east}
    return found


def footprint(**more):
    return {
        "packet_index": 0, "time": T0, "frame_center_lat_deg": 48.01, "frame_center_lon_deg": 37.02,
        **corners(),
        "ce90_m": 20.0, "health": [], **more,
    }  # fmt: skip


def parquet(path, *rows, metadata=None):
    table = pa.Table.from_pylist(list(rows))
    for word in ("time", "phenomenon_time", "result_time"):
        if word in table.column_names:
            index = table.column_names.index(word)
            table = table.set_column(index, word, table[word].cast(TIME))
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_a_track_row_is_a_sighting_with_its_error(tmp_path):
    source = parquet(tmp_path / "x.parquet", track(), track(track_id=8, existence=0.4))

    (line,) = observations(source, tmp_path / "o.jsonl", "--origin=48,37", "--party", "north")

    lat, lon = from_local(1000.0, -2000.0, 48.0, 37.0)
    assert (line["lat_deg"], line["lon_deg"]) == (pytest.approx(float(lat)), pytest.approx(float(lon)))
    assert line["ce90_m"] == pytest.approx(
        2.1460 * math.sqrt(150)
    )  # eigenvalues of [[100, 50], [50, 100]]: 150, 50
    assert line["classes"] == ["truck", "civilian_vehicle", "engineering_vehicle"]
    assert line["confidence"] == pytest.approx(0.9 * 0.95)
    assert (line["object"], line["party"], line["source"]) == ("track-7", "north", "x")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        # contract classes, section 2, the table of candidates
        ("person", {"classes": ["soldier", "person_unarmed", "police", "civilian"]}),
        ("car", {"classes": ["light_vehicle", "civilian_vehicle"]}),
        ("truck", {"classes": ["truck", "civilian_vehicle", "engineering_vehicle"]}),
        ("armoured", {"classes": ["tank", "ifv", "apc"]}),
        (
            "artillery",
            {
                "classes": [
                    "artillery",
                    "mortar",
                    "mlrs",
                    "tactical_missile",
                    "sam_launcher",
                    "aa_gun",
                    "atgm",
                ]
            },
        ),
        ("aircraft", {"class": "aircraft_unknown"}),
        ("other", {"class": "unknown"}),
    ],
)
def test_candidates_are_those_of_the_contract(tmp_path, column, said):
    row = track(p_truck=0.0, p_car=0.0) | {f"p_{column}": 1.0}

    (line,) = observations(parquet(tmp_path / "x.parquet", row), tmp_path / "o.jsonl", "--origin=48,37")

    assert {word: line[word] for word in ("class", "classes") if word in line} == said


def test_tracks_without_an_origin_are_refused(tmp_path, capsys):
    source = parquet(tmp_path / "x.parquet", track())

    assert main(["convert", str(source), "--to", "observations", "--out", str(tmp_path / "o")]) == 2

    assert "--origin" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_converting_twice_changes_nothing(tmp_path):
    a = parquet(tmp_path / "x.parquet", track(), track(track_id=8))
    metadata = {"origin_lat_deg": "48.0", "origin_lon_deg": "37.0"}
    one = parquet(tmp_path / "one.parquet", *pq.read_table(a).to_pylist(), metadata=metadata)
    two = parquet(tmp_path / "two.parquet", *pq.read_table(a).to_pylist()[::-1], metadata=metadata)

    observations(one, tmp_path / "1", "--source", "s")
    main(
        ["convert", str(two), str(two), "--to", "observations", "--out", str(tmp_path / "2"), "--source", "s"]
    )

    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_video_rows_without_a_place_are_left_out_and_counted(tmp_path, capsys):
    source = parquet(tmp_path / "v.parquet", video(), video(lat_deg=None), video(time=None))

    (line,) = observations(source, tmp_path / "o.jsonl")

    assert "object" not in line and line["classes"] == ["light_vehicle", "civilian_vehicle"]
    assert "2 rows without time or position" in capsys.readouterr().err


def test_a_look_is_coverage_for_as_long_as_it_holds(tmp_path):
    look = {"look_id": 1, "sensor_id": "r", "phenomenon_time": T0, "result_time": T0, "shape": "rect",
            "cx_m": 0.0,
            "cy_m": 0.0, "a_m": 200.0, "b_m": 100.0, "heading_rad": 0.0}  # fmt: skip

    source = parquet(tmp_path / "l.parquet", look)
    (line,) = observations(source, tmp_path / "o.jsonl", "--origin=48,37", "--hold-s", "30")

    assert (line["kind"], line["status"]) == ("coverage", "ok")
    assert (line["from_time"], line["until_time"]) == ("2026-03-01T06:00:00Z", "2026-03-01T06:00:30Z")
    assert Polygon(line["footprint"]["coordinates"][0]).exterior.is_ccw


@pytest.mark.parametrize(("health", "status"), [([], "ok"), (["azimuth_bias"], "degraded")])
def test_a_footprint_with_a_finding_is_degraded_coverage(tmp_path, health, status):
    source = parquet(
        tmp_path / "f.parquet", footprint(health=health), footprint(health=["horizon"], corner1_lat_deg=None)
    )

    (line,) = observations(source, tmp_path / "o.jsonl")

    assert line["status"] == status


@pytest.mark.parametrize(
    ("meaning", "said"),
    [
        # contract classes, section 3
        ("earthwork", {"kind": "sighting", "classes": ["fortification", "construction"]}),
        ("track", {"kind": "sighting", "class": "construction"}),
        ("burnt", {"kind": "activity", "activity": "burnt"}),
        (None, {"kind": "activity", "activity": "surface_change"}),
    ],
)
def test_an_alert_says_what_its_meaning_says(tmp_path, meaning, said):
    properties = {"id": "a1", "first_seen": "2026-02-01T00:00:00Z", "last_seen": "2026-03-01T00:00:00+02:00",
                  "centroid_lat_deg": 48.0, "centroid_lon_deg": 37.0, "ce90_m": 12.0, "probability": 0.7,
                  "meaning": meaning}  # fmt: skip
    source = tmp_path / "alerts.geojson"
    source.write_text(
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": properties}]})
    )

    (line,) = observations(source, tmp_path / "o.jsonl")

    assert {word: line.get(word) for word in said} == said
    assert (line["time"], line["object"], line["confidence"]) == ("2026-02-28T22:00:00Z", "a1", 0.7)


def test_an_alert_of_a_picture_without_a_time_is_refused_with_what_would_help(tmp_path, capsys):
    properties = {"id": "a1", "first_seen": None, "last_seen": None, "centroid_lat_deg": 48.0,
                  "centroid_lon_deg": 37.0, "ce90_m": 12.0, "probability": 0.7}  # fmt: skip
    source = tmp_path / "alerts.geojson"
    source.write_text(
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": properties}]})
    )

    assert main(["convert", str(source), "--to", "observations", "--out", str(tmp_path / "o.jsonl")]) == 2

    told = capsys.readouterr().err
    assert "last_seen" in told and "has no time" in told and "20250131_area.tif" in told
    assert not (tmp_path / "o.jsonl").exists()


def report(**more):
    return {"id": "r1", "type": "sighting", "time_utc": "2026-03-01T06:00:00Z", "lat_deg": 48.0,
            "lon_deg": 37.0, "ce90_m": 50.0, "seq": 3, "reporter": "p",
            "received_utc": "2026-03-01T06:20:00Z", **more}  # fmt: skip


def lines(path, *reports):
    path.write_text("\n".join(json.dumps(one) for one in reports))
    return path


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        # contract classes, section 3
        (
            {"attributes": {"class": "tank", "party": "north", "count": 2}},
            {"kind": "sighting", "class": "tank", "count": 2},
        ),
        ({"type": "explosion"}, {"kind": "activity", "activity": "explosion"}),
        ({"type": "shot"}, {"kind": "activity", "activity": "firing"}),
        ({"type": "obstruction"}, {"kind": "interference", "activity": "obstruction"}),
        ({"type": "note"}, None),
        (
            {"type": "note", "attributes": {"kind": "response", "episode": "e"}},
            {"kind": "response", "episode": "e"},
        ),
        ({"type": "position", "subject_id": "u1"}, None),
        (
            {"type": "position", "subject_id": "u1", "attributes": {"cot_type": "a-u-G-E-V-A-T"}},
            {"kind": "sighting", "class": "tank", "object": "u1"},
        ),
        ({"type": "position", "subject_id": "u1", "attributes": {"cot_type": "a-f-G"}}, None),
    ],
)
def test_a_report_is_what_the_contract_says(tmp_path, said, becomes):
    found = observations(lines(tmp_path / "r.jsonl", report(**said)), tmp_path / "o.jsonl")

    if becomes is None:
        assert found == []
    else:
        assert {word: found[0].get(word) for word in becomes} == becomes
        assert found[0]["id"] == "r1"


def test_a_corrected_report_no_longer_counts(tmp_path):
    source = lines(tmp_path / "r.jsonl", report(), report(id="r2", type="note", corrects="r1"))

    assert observations(source, tmp_path / "o.jsonl") == []


def test_what_check_reads_is_what_we_write(tmp_path, shared):
    observations(parquet(tmp_path / "x.parquet", track()), tmp_path / "o.jsonl", "--origin=38,127.5")
    agreement = shared / "data" / "zone" / "agreements" / "korea_cma.toml"
    pytest.importorskip("truceline.app.verbs.check")

    assert main(["check", str(agreement), str(tmp_path / "o.jsonl"), "--out", str(tmp_path / "i.json")]) == 0


def test_video_rows_become_detections_with_covariance_and_probabilities(tmp_path):
    tables = detections(parquet(tmp_path / "v.parquet", video()), tmp_path / "d", "--sensor", "uav")

    (row,) = tables["detections"].to_pylist()
    assert row["sxx_m2"] == row["syy_m2"] == pytest.approx(100.0) and row["sxy_m2"] == 0
    assert row["p_car"] == pytest.approx(0.95) and row["p_truck"] == pytest.approx(0.05 / 6)
    assert row["result_time"] == row["phenomenon_time"] == T0
    assert tables["detections"].schema.metadata[b"origin_lat_deg"] == b"48.0"
    (sensor,) = tables["sensors"].to_pylist()
    assert (sensor["sensor_id"], sensor["clutter_per_km2"], sensor["bias_sigma_m"]) == ("uav", 0.01, 10.0)
    assert math.isnan(sensor["pd"]) and tables["looks"].num_rows == 0


def test_a_video_track_gives_one_row_per_second(tmp_path):
    rows = [
        video(track_id=t, observed=k != 0, frame_index=k, time=T0 + timedelta(seconds=k / 10))
        for t in (1, 2) for k in range(25)
    ]  # fmt: skip

    tables = detections(parquet(tmp_path / "t.parquet", *rows), tmp_path / "d")

    assert tables["detections"].num_rows == 6


def test_reports_become_detections_of_people(tmp_path):
    source = lines(tmp_path / "r.jsonl", report(attributes={"class": "tank"}), report(id="r2", type="shot"))

    tables = detections(source, tmp_path / "d")

    (row,) = tables["detections"].to_pylist()
    assert row["look_id"] is None and row["p_armoured"] == pytest.approx(0.9)
    assert row["result_time"] - row["phenomenon_time"] == timedelta(minutes=20)
    assert tables["sensors"]["kind"].to_pylist() == ["report"]


def test_detections_of_a_video_go_through_fuse_with_its_looks(tmp_path):
    rows = [video(frame_index=k, time=T0 + timedelta(seconds=k)) for k in range(8)]
    prints = [footprint(packet_index=k, time=T0 + timedelta(seconds=k, milliseconds=100)) for k in range(8)]
    looks = parquet(tmp_path / "f.parquet", *prints)
    tables = detections(parquet(tmp_path / "v.parquet", *rows), tmp_path / "d", "--looks", str(looks))
    files = [str(tmp_path / "d" / f"{word}.parquet") for word in ("detections", "sensors", "looks")]

    done = main(
        [
            "fuse",
            files[0],
            "--sensors",
            files[1],
            "--looks",
            files[2],
            "--grid-s",
            "1",
            "--out",
            str(tmp_path / "x"),
        ]
    )

    assert done == 0
    assert tables["detections"]["look_id"].to_pylist() == list(range(8))
    assert pq.read_table(tmp_path / "x")["existence"].to_pylist()[-1] > 0.5


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"hello", b"{}", b'{"type":"FeatureCollection"}', b'{"id":"x"}\n']
)
def test_what_is_none_of_the_formats_is_refused(tmp_path, capsys, content):
    (tmp_path / "in").write_bytes(content)

    for target in ("observations", "detections"):
        assert main(["convert", str(tmp_path / "in"), "--to", target, "--out", str(tmp_path / "out")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_alerts_are_no_moving_things(tmp_path, capsys):
    (tmp_path / "a.geojson").write_text('{"type":"FeatureCollection","features":[]}')

    assert (
        main(["convert", str(tmp_path / "a.geojson"), "--to", "detections", "--out", str(tmp_path / "d")])
        == 2
    )
    assert observations(tmp_path / "a.geojson", tmp_path / "o") == []


def test_velocity_of_a_video_track_goes_on_with_its_variance():
    time = datetime(2026, 3, 1, tzinfo=UTC)
    row = {"time": time, "lat_deg": 1.0, "lon_deg": 2.0, "ce90_m": 10.0, "score": 0.8, "category": "car"}

    moving = video_row(row | {"speed_mps": 5.0, "course_deg": 90.0, "speed_sigma_mps": 0.5}, "uav")
    unknown = video_row(row | {"speed_mps": None, "course_deg": None, "speed_sigma_mps": None}, "uav")

    assert moving["vx_mps"] == pytest.approx(5.0) and moving["vy_mps"] == pytest.approx(0.0, abs=1e-9)
    assert moving["svv_m2ps2"] == pytest.approx(0.25)
    assert unknown.get("vx_mps") is None
