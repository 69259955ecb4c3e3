"""Scores that last are confirmed, single ones pass, and what was not observed changes nothing."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from truceline.app.cli import main
from truceline.detect.radar.confirmation import Watch, geojson_of, take
from truceline.geo.raster import Grid, rasterio, write_cog

GRID = Grid("EPSG:32719", (30.0, 0.0, 264480.0, 0.0, -30.0, 6341500.0), 40, 30)
NONE = float("nan")


def live(*scores: float) -> list[int]:
    watch = Watch.new((1, 1))
    states = []
    for item, score in enumerate(scores):
        take(watch, np.full((1, 1), score, np.float32), item, 2.5, 6.5)
        states.append(int(watch.state[0, 0]))
    return states


@pytest.mark.parametrize(
    ("scores", "states"),
    [
        ((NONE, 1.0), [255, 0]),
        ((3.0, 1.0), [1, 0]),
        ((7.0, 7.0, 7.0), [1, 1, 2]),  # 3 x 21 = 63 is above 58.5
        ((4.0, 4.0, 4.0, 4.0), [1, 1, 1, 2]),  # 4 x 16 = 64
        ((7.0, NONE, 7.0, 7.0), [1, 1, 1, 2]),
        ((7.0, 7.0, 7.0, 1.0, 1.0, 1.0), [1, 1, 2, 2, 2, 3]),
    ],
)
def test_a_pixel_is_confirmed_by_mean_and_number(scores: tuple[float, ...], states: list[int]):
    assert live(*scores) == states


def series(folder: Path, low: float = 0.5) -> Path:
    features = []
    for number in range(5):
        pixels = np.full((1, 30, 40), low, np.float32)
        if number >= 1:
            pixels[0, 5:12, 6:15] = 6.0
        write_cog(folder / f"{number}.tif", GRID, pixels)
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=12 * number)
        features.append(
            {
                "type": "Feature", "stac_version": "1.0.0", "id": f"i{number}", "geometry": None, "links": [],
                "properties": {"datetime": moment.isoformat()},
                "assets": {"score": {"href": f"./{number}.tif"}},
            }
        )  # fmt: skip
    file = folder / "items.json"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return file


def test_the_burnt_square_is_confirmed_and_dated(tmp_path: Path):
    assert main(["detect", "confirm", str(series(tmp_path)), "--out", str(tmp_path / "out")]) == 0

    with rasterio.open(tmp_path / "out" / "state.tif") as source:
        assert source.dtypes[0] == "uint8"
        state = source.read(1)
    (alert,) = json.loads((tmp_path / "out" / "alerts.geojson").read_text())["features"]
    assert (state == 2).sum() == 63 and (state[5:12, 6:15] == 2).all()
    assert alert["properties"]["state"] == "confirmed" and alert["properties"]["n_seen"] == 4
    assert alert["properties"]["first_seen"] == "2026-01-13T00:00:00Z"


def test_each_group_tells_of_its_own_pixels_only():
    watch = Watch.new((30, 40))
    score = np.zeros((30, 40), np.float32)
    score[2:4, 30:33], score[20, 5] = 7.0, 9.0
    for item in range(3):
        take(watch, score, item, 2.5, 6.5)
    times = [datetime(2026, 1, 1 + item, tzinfo=UTC) for item in range(3)]

    said = [each["properties"] for each in json.loads(geojson_of(watch, GRID, times, "abc"))["features"]]

    told = {(round(each["area_m2"]), each["mean_score"], each["peak_score"], each["state"]) for each in said}
    assert told == {(5400, 7.0, 7.0, "confirmed"), (900, 9.0, 9.0, "confirmed")}
    lat, lon = GRID.at(3.0, 31.5)
    large = max(said, key=lambda each: each["area_m2"])
    assert abs(large["centroid_lat_deg"] - lat) < 1e-6 and abs(large["centroid_lon_deg"] - lon) < 1e-6


def test_negative_scores_are_refused_and_nothing_is_written(tmp_path: Path, capsys):
    assert main(["detect", "confirm", str(series(tmp_path, -1.0)), "--out", str(tmp_path / "out")]) == 2

    assert "0.tif: i0: has scores below 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def spoilt(file: Path, change) -> None:
    document = json.loads(file.read_text())
    change(document["features"])
    file.write_text(json.dumps(document))


def raster(folder: Path, pixels: np.ndarray, grid: Grid = GRID) -> None:
    write_cog(folder / "2.tif", grid, pixels)


BLANK = np.ones((1, 30, 40), np.float32)
MOVED = Grid("EPSG:32719", (30.0, 0.0, 264510.0, 0.0, -30.0, 6341500.0), 40, 30)
BAD = {
    "no asset score": (
        lambda d: spoilt(d / "items.json", lambda f: f[2].update(assets={})),
        "i2: has no asset",
    ),
    "no datetime": (
        lambda d: spoilt(d / "items.json", lambda f: f[2].update(properties={})),
        "i2: has no `date",
    ),
    "no features": (lambda d: spoilt(d / "items.json", list.clear), "`features` is empty"),
    "id twice": (
        lambda d: spoilt(d / "items.json", lambda f: f[2].update(id="i1")),
        "i1: this item id stands",
    ),
    "not JSON": (lambda d: (d / "items.json").write_text("{"), r"items\.json: is not JSON"),
    "missing": (lambda d: (d / "items.json").unlink(), r"items\.json: no such file"),
    "asset missing": (lambda d: (d / "2.tif").unlink(), r"2\.tif: no such file"),
    "truncated": (lambda d: (d / "2.tif").write_bytes((d / "2.tif").read_bytes()[:500]), r"2\.tif"),
    "another place": (lambda d: raster(d, BLANK, MOVED), r"2\.tif: i2: lies on the grid"),
    "another shape": (lambda d: raster(d, BLANK[:, :20], Grid(GRID.crs, GRID.transform, 40, 20)), "40 x 20"),
    "integers": (lambda d: raster(d, BLANK.astype(np.int16)), "int16; float32"),
    "two bands": (lambda d: raster(d, BLANK.repeat(2, 0)), "2 bands"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_written(tmp_path: Path, capsys, case: str):
    series(tmp_path)
    spoil, message = BAD[case]
    spoil(tmp_path)

    assert main(["detect", "confirm", str(tmp_path / "items.json"), "--out", str(tmp_path / "out")]) == 2

    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ") and re.search(message, said[-1])
    assert not (tmp_path / "out").exists()


def test_a_pass_that_does_not_cover_the_area_changes_nothing_and_warns(tmp_path: Path, capsys):
    series(tmp_path)
    raster(tmp_path, np.full((1, 30, 40), np.nan, np.float32))

    assert main(["detect", "confirm", str(tmp_path / "items.json"), "--out", str(tmp_path / "out")]) == 0
    assert "warning: i2: no data anywhere" in capsys.readouterr().err
    with rasterio.open(tmp_path / "out" / "state.tif") as source:
        assert set(np.unique(source.read(1))) <= {0, 1, 2}


def test_bad_input_is_answered_by_one_line_though_a_date_before_it_showed_nothing(tmp_path, capsys):
    items = series(tmp_path)
    write_cog(tmp_path / "0.tif", GRID, np.full((1, 30, 40), NONE, np.float32))
    write_cog(tmp_path / "3.tif", GRID, np.full((1, 30, 40), -1, np.float32))

    assert main(["detect", "confirm", str(items), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "3.tif" in line
    assert not (tmp_path / "out").exists()


def test_an_item_that_says_another_system_than_its_scores_have_is_refused(tmp_path, capsys):
    items = series(tmp_path)
    document = json.loads(items.read_bytes())
    document["features"][1]["properties"]["proj:code"] = "EPSG:4326"
    items.write_text(json.dumps(document))

    assert main(["detect", "confirm", str(items), "--out", str(tmp_path / "out")]) == 2
    assert "items.json: i1: says EPSG:4326, the rasters lie on EPSG:32719" in capsys.readouterr().err


def test_a_single_date_is_told_in_the_product(tmp_path, capsys):
    items = series(tmp_path)
    document = json.loads(items.read_bytes())
    del document["features"][1:]
    items.write_text(json.dumps(document))

    assert main(["detect", "confirm", str(items), "--out", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out/alerts.stac.json").read_bytes())["properties"]["truceline:degraded"]
    assert told == ["i0: the only date; alerts are confirmed by several"]
    assert "warning: i0: the only date" in capsys.readouterr().err


def test_a_date_that_showed_nothing_is_told_when_the_work_is_done(tmp_path, capsys):
    items = series(tmp_path)
    write_cog(tmp_path / "0.tif", GRID, np.full((1, 30, 40), NONE, np.float32))

    assert main(["detect", "confirm", str(items), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == "warning: i0: no data anywhere; nothing was observed\n"
