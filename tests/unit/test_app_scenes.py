"""A plain folder of dated GeoTIFFs stands in for an ItemCollection."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from truceline.app.cli import main
from truceline.app.scenes import read_scenes
from truceline.geo.raster import Grid, rasterio, write_cog
from truceline.model.errors import BadInput
from truceline.sim.scene import Ground, write_scene

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=32)
START = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = ("vv", "vh")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    for number in range(6):
        write_scene(made, f"{START + timedelta(days=number):%Y%m%d}", START, GROUND, number)
    plain = tmp_path / "plain"
    plain.mkdir()
    for file in made.glob("*.tif"):
        shutil.copy(file, plain / file.name)
    return plain


def collection(folder, path):
    features = []
    for number in range(6):
        day = START + timedelta(days=number)
        assets = {word: {"href": str(folder / f"{day:%Y%m%d}_{word}.tif")} for word in WORDS}
        said = {"datetime": f"{day:%Y-%m-%dT%H:%M:%SZ}"}
        item = {"type": "Feature", "id": f"{day:%Y%m%d}", "properties": said, "geometry": None}
        features.append({**item, "assets": assets})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def detect(source, out):
    return main(["detect", "sar", str(source), "--out", str(out), "--baseline", "3", "--quiet"])


def test_a_folder_gives_what_an_itemcollection_of_the_same_files_gives(folder, tmp_path):
    items = collection(folder, tmp_path / "items.json")

    assert detect(folder, tmp_path / "one") == 0
    assert detect(items, tmp_path / "two") == 0
    for name in ("change.tif", "alerts.geojson"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_names_may_hold_more_than_a_date_and_a_word(folder, tmp_path):
    (folder / "20260301_vv.tif").rename(folder / "S1A-IW_2026-03-01T04:12:05Z_VV_rtc.TIF")
    (folder / "20260301_vh.tif").rename(folder / "S1A-IW_2026-03-01T04:12:05Z_VH_rtc.TIF")

    first = read_scenes(folder, WORDS)[0]

    assert first.time_utc == datetime(2026, 3, 1, 4, 12, 5, tzinfo=UTC)
    assert set(first.assets) == {"vv", "vh"}


def test_a_tag_tells_the_time_before_the_name_does(folder):
    with rasterio.open(
        folder / "20260302_vv.tif", "w", driver="GTiff", dtype="float32", count=1, width=32, height=32,
        crs=GROUND.grid.crs, transform=rasterio.Affine(*GROUND.grid.transform),
    ) as target:  # fmt: skip
        target.update_tags(DATETIME="2026-03-02T07:30:00Z")

    times = [item.time_utc for item in read_scenes(folder, ("vv",))]

    assert times[1] == datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


def test_other_files_are_left_out_and_told(folder, capsys):
    shutil.copy(folder / "20260301_vv.tif", folder / "20260301_mask.tif")

    assert len(read_scenes(folder, WORDS)) == 6
    assert "1 files left out, 20260301_mask.tif first" in capsys.readouterr().err


ELSEWHERE = Grid("EPSG:32635", GROUND.grid.transform, 32, 32)
BAD = {
    "no date": (lambda f: (f / "20260303_vv.tif").rename(f / "x_vv.tif"), r"x_vv\.tif: holds no date"),
    "two words": (lambda f: (f / "20260303_vv.tif").rename(f / "20260303_vv_vh.tif"), "holds vh and vv"),
    "twice": (lambda f: shutil.copy(f / "20260303_vv.tif", f / "20260303_a_vv.tif"), "same time as"),
    "no raster": (lambda f: (f / "20260303_vv.tif").write_text("x"), r"20260303_vv\.tif: is no GeoTIFF"),
    "empty": (lambda f: [one.unlink() for one in f.iterdir()], "holds no GeoTIFF"),
    "another place": (
        lambda f: write_cog(f / "20260303_vv.tif", ELSEWHERE, np.ones((1, 32, 32), np.float32)),
        r"20260303_vv\.tif: 20260303: lies on the grid EPSG:32635",
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", list(BAD))
def test_a_bad_folder_is_refused_by_file_and_nothing_is_written(folder, tmp_path, capsys, word):
    spoil, message = BAD[word]
    spoil(folder)

    assert detect(folder, tmp_path / "out") == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert re.search(message, error)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_the_word_names_what_is_wanted(folder):
    with pytest.raises(BadInput, match=r"20250131_score\.tif"):
        read_scenes(folder, ("score",))
