"""Real Sentinel-1 stacks hold rain, wind and wet soil, "neither a change to be alerted" (their README).

A single end of a series hangs on the last bits of a rounding, so each end from the first tested date on is
asked. Over the plain the ground itself changed in the year without images before the last two dates: what is
confirmed there must show so in the pictures alone.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.warp import transform_geom
from scipy.ndimage import binary_dilation
from truceline.app.cli import main

FIRST_TESTED = 8
SEA, PLAIN = "T137-292319-IW1", "T137-292324-IW2"
KM2 = 9.0  # 100 by 100 pixels of 30 m
WANTED_PER_KM2 = 0.05  # falsely confirmed
CLEARED = 48, 35  # first row and column of three by three pixels whose ground changed
CLEAR = 5.0  # standard deviations of all dates before


def series_of(shared: Path, stack: str) -> list[dict[str, Any]]:
    path = shared / "data" / "satellite" / "s1" / f"{stack}.items.json"
    items = json.loads(path.read_text())["features"]
    for item in items:
        for asset in item["assets"].values():
            asset["href"] = str((path.parent / asset["href"]).resolve())
    return sorted(items, key=lambda item: item["properties"]["datetime"])


def confirmed_at_each_end(items: list[dict[str, Any]], folder: Path) -> Iterator[list[dict[str, Any]]]:
    for end in range(FIRST_TESTED + 1, len(items) + 1):
        collection = {"type": "FeatureCollection", "features": items[:end]}
        (folder / "items.json").write_text(json.dumps(collection))
        told = ["--out", str(folder / "out"), "--state", str(folder / "state"), "--quiet"]

        assert main(["detect", "sar", str(folder / "items.json"), *told]) == 0

        alerts = json.loads((folder / "out" / "alerts.geojson").read_text())["features"]
        yield [alert for alert in alerts if alert["properties"]["state"] == "confirmed"]


def change_in_widths(alert: dict[str, Any], items: list[dict[str, Any]], polarisation: str) -> float:
    """Tell by how many standard deviations of earlier dates a place left its surroundings."""
    differences_db = []
    for item in items:
        with rasterio.open(item["assets"][polarisation]["href"]) as picture:
            level_db = 10 * np.log10(picture.read(1))
            outline = transform_geom("EPSG:4326", picture.crs, alert["geometry"], precision=3)
            place = rasterize([(outline, 1)], picture.shape, transform=picture.transform, dtype="uint8") > 0
        around = binary_dilation(place, iterations=10) & ~binary_dilation(place, iterations=2)
        differences_db.append(level_db[place].mean() - level_db[around].mean())
    is_on = np.array([item["id"] in alert["properties"]["item_ids"] for item in items])
    before = np.array(differences_db)[: int(is_on.argmax())]
    return float(abs(np.mean(np.array(differences_db)[is_on]) - before.mean()) / before.std())


def test_weather_over_open_sea_confirms_nothing_on_any_date(shared: Path, tmp_path: Path):
    assert not any(confirmed_at_each_end(series_of(shared, SEA), tmp_path))


def test_weather_over_a_dry_plain_confirms_hardly_anything(shared: Path, tmp_path: Path):
    items = series_of(shared, PLAIN)

    ends = list(confirmed_at_each_end(items, tmp_path))

    assert sum(map(len, ends)) <= WANTED_PER_KM2 * KM2 * len(ends)
    for alert in ends[-1]:
        assert min(change_in_widths(alert, items, own) for own in ("vv", "vh")) >= CLEAR


@pytest.mark.parametrize("polarisation", ["vv", "vh"])
def test_the_pictures_tell_ground_that_changed_from_ground_that_did_not(shared: Path, polarisation: str):
    items = series_of(shared, PLAIN)
    with rasterio.open(items[0]["assets"]["vv"]["href"]) as picture:
        grid, crs = picture.transform, picture.crs

    def widths(row: int, column: int) -> float:
        corners = [(0, 0), (3, 0), (3, 3), (0, 3), (0, 0)]
        ring = [[grid @ (column + x, row + y) for x, y in corners]]
        outline = transform_geom(crs, "EPSG:4326", {"type": "Polygon", "coordinates": ring})
        last = [item["id"] for item in items[-2:]]
        return change_in_widths({"geometry": outline, "properties": {"item_ids": last}}, items, polarisation)

    assert widths(*CLEARED) >= CLEAR
    assert max(widths(row, column) for row in (20, 80) for column in (20, 50, 80)) < CLEAR
