"""What contract satellite, sections 1 to 3, promises of the files of the optical verb and of confirm."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter
from truceline.app.cli import main
from truceline.geo.raster import Grid, rasterio, write_cog

GRID = Grid("EPSG:32636", (30.0, 0.0, 500_000.0, 0.0, -30.0, 3_900_000.0), 96, 90)
NAMES = ("blue", "green", "red", "nir08")
ALWAYS = {
    "id", "state", "first_seen", "last_seen", "n_seen", "direction", "mean_score", "peak_score", "area_m2",
    "centroid_lat_deg", "centroid_lon_deg", "ce90_m", "confidence", "probability", "item_ids", "crs",
}  # fmt: skip


@pytest.fixture(scope="module", params=["dated", "undated"])
def optical(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    rng = np.random.default_rng(2)
    ground = np.stack([gaussian_filter(rng.normal(size=GRID.shape), 3) for _ in NAMES]) * 2000 + 2500
    words = ("20260301_b", "20260406_a") if request.param == "dated" else ("before", "after")
    for number, word in enumerate(words):
        pixels = ground + rng.normal(0, 30, ground.shape)
        if number:
            pixels[:, 20:34, 30:52] += np.array([1500, 1400, 1300, -1200])[:, None, None]
            pixels[:, 60:70, 60:70] += np.array([-900, 900, -900, 900])[:, None, None]
        write_cog(folder / f"{word}.tif", GRID, pixels.astype(np.float32), NAMES)
    pair = [str(folder / f"{word}.tif") for word in words]
    assert main(["detect", "optical", *pair, "--out", str(folder / "out"), "--quiet"]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    for number in range(5):
        score = np.full((1, *GRID.shape), 0.4, np.float32)
        score[0, 20:30, 30:50] = 6.0 if number else 0.4
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=6 * number)
        write_cog(folder / f"{moment:%Y%m%d}_score.tif", GRID, score)
    assert main(["detect", "confirm", str(folder), "--out", str(folder / "out"), "--quiet"]) == 0
    return folder / "out"


def alerts(out: Path) -> list[dict]:
    return json.loads((out / "alerts.geojson").read_text())["features"]


def test_every_alert_has_all_members_and_sensible_numbers(optical, confirmed):
    for feature in alerts(optical) + alerts(confirmed):
        said = feature["properties"]
        assert said.keys() >= ALWAYS
        assert said["ce90_m"] > 0 and 0 <= said["probability"] <= 1 and 0 <= said["confidence"] <= 1
        assert said["direction"] == "unsigned" and said["crs"] == "EPSG:32636"
        assert said["item_ids"]


def test_alerts_are_ordered_by_id_and_drawn_by_the_right_hand_rule_to_seven_decimals(optical, confirmed):
    for out in (optical, confirmed):
        ids = [feature["properties"]["id"] for feature in alerts(out)]
        assert ids == sorted(ids) and len(ids) >= 1
        for feature in alerts(out):
            shape = shapely.geometry.shape(feature["geometry"])
            assert shape.is_valid
            for polygon in shapely.get_parts(shape):
                assert polygon.exterior.is_ccw and not any(ring.is_ccw for ring in polygon.interiors)
                for value in np.ravel(polygon.exterior.coords):
                    assert math.isclose(value, round(value, 7), abs_tol=1e-12)


def test_first_seen_is_the_time_of_the_second_picture_where_it_is_known(optical):
    times = {feature["properties"]["first_seen"] for feature in alerts(optical)}
    item = json.loads((optical / "alerts.stac.json").read_text())

    known = "dated" in str(optical.parent.name) and "undated" not in str(optical.parent.name)
    assert times == ({"2026-04-06T00:00:00Z"} if known else {None})
    assert item["properties"]["datetime"] == ("2026-04-06T00:00:00Z" if known else None)
    assert {"start_datetime", "end_datetime"} <= item["properties"].keys()
    assert [link["rel"] for link in item["links"]].count("derived_from") == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pystac_validates_the_items(optical, confirmed):
    pystac = pytest.importorskip("pystac")
    pystac.validation.set_validator(pystac.validation.JsonSchemaSTACValidator())
    for out in (optical, confirmed):
        item = json.loads((out / "alerts.stac.json").read_text())

        pystac.validation.validate_dict(item | {"stac_extensions": []})
        for asset in item["assets"].values():
            assert (out / asset["href"]).is_file() and asset["roles"] and asset["type"]


def test_the_item_of_confirm_names_its_scores_and_their_span(confirmed):
    item = json.loads((confirmed / "alerts.stac.json").read_text())

    assert [link["rel"] for link in item["links"]] == ["derived_from"] * 5
    assert item["properties"]["start_datetime"] == "2026-01-01T00:00:00Z"
    assert item["properties"]["datetime"] == "2026-01-25T00:00:00Z"
    assert "truceline:degraded" not in item["properties"]


def test_the_raster_has_three_described_bands_and_the_report_its_members(optical):
    with rasterio.open(optical / "change.tif") as source:
        assert (source.count, set(source.dtypes)) == (3, {"float32"})
        assert source.descriptions == ("score", "changed", "probability")
        assert source.transform == rasterio.Affine(*GRID.transform) and source.crs.to_epsg() == 32636
        score, changed, probability = source.read()
    report = json.loads((optical / "report.json").read_text())

    assert (score >= 0).all() and set(np.unique(changed)) == {0, 1}
    assert ((probability >= 0) & (probability <= 1)).all()
    assert report.keys() == {
        "shift_x_px", "shift_y_px", "shift_corrected", "valid_fraction", "threshold", "changed_fraction",
    }  # fmt: skip
    assert report["changed_fraction"] == pytest.approx(changed.mean(), abs=1e-6)
    # The threshold is what splits; objects are cleaned up after it.
    assert score[changed == 1].mean() > report["threshold"] > score[changed == 0].mean()


def test_states_are_bytes_and_first_seen_rounds_to_a_pass(confirmed):
    with (
        rasterio.open(confirmed / "state.tif") as state,
        rasterio.open(confirmed / "first_seen.tif") as first,
    ):
        assert state.dtypes == ("uint8",) and first.dtypes == ("float32",)
        assert set(np.unique(state.read(1))) <= {0, 1, 2, 3, 255}
        days = first.read(1)
    assert set(np.unique(days[np.isfinite(days)])) == {(datetime(2026, 1, 7) - datetime(1970, 1, 1)).days}
