"""Foreign programs read what the radar chain writes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from truceline.app.cli import main
from truceline.codec.stac import read_items, write_items
from truceline.sim.scene import Ground, Patch, write_scene

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=48)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    items = []
    for n in range(7):
        patches = [Patch(20, 20, 9, 9, 6.0, 6.0)] if n >= 5 else []
        moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n)
        items += read_items(write_scene(tmp_path, f"i{n}", moment, GROUND, n, patches).read_bytes(), "x")
    (tmp_path / "items.json").write_bytes(write_items(items))
    arguments = ["detect", "sar", str(tmp_path / "items.json"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--baseline", "4"]) == 0
    return tmp_path / "out"


def validate(document: dict) -> None:
    """Validate against the core schema that pystac brings along; extensions would be fetched."""
    pystac = pytest.importorskip("pystac")
    pystac.validation.set_validator(pystac.validation.JsonSchemaSTACValidator())
    pystac.validation.validate_dict(document | {"stac_extensions": []})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pystac_validates_the_item_of_the_results(out: Path):
    item = json.loads((out / "alerts.stac.json").read_text())

    validate(item)
    assert item["properties"]["datetime"] == "2026-03-07T00:00:00Z"
    assert item["properties"]["start_datetime"] == "2026-03-01T00:00:00Z"
    assert [link["rel"] for link in item["links"]] == ["derived_from"] * 7
    for asset in item["assets"].values():
        assert (out / asset["href"]).is_file()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pystac_validates_a_made_up_scene(tmp_path: Path):
    validate(json.loads(write_scene(tmp_path, "a", datetime(2026, 3, 1, tzinfo=UTC), GROUND, 1).read_text()))


def test_gdal_burns_the_outlines_onto_exactly_the_alerted_pixels(out: Path):
    import numpy as np
    from rasterio.features import rasterize
    from rasterio.warp import transform_geom
    from truceline.geo.raster import rasterio

    alerts = json.loads((out / "alerts.geojson").read_text())["features"]
    with rasterio.open(out / "change.tif") as source:
        state, crs, transform = source.read(2), source.crs, source.transform
    burnt = np.zeros(state.shape, np.uint8)
    for alert in alerts:
        shape = transform_geom("OGC:CRS84", crs, alert["geometry"])
        own = rasterize([(shape, 1)], out_shape=state.shape, transform=transform, dtype="uint8")
        assert int(own.sum()) * 900 == alert["properties"]["area_m2"]
        burnt |= own
    assert alerts and (state[burnt == 1] > 0).all()
    assert (burnt[22:27, 22:27] == 1).all()
