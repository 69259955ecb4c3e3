"""The bad-input table of contract satellite, section 1: exit code, message, and what stays untouched."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from truceline.app.cli import main
from truceline.geo.raster import Grid, rasterio, write_cog
from truceline.sim.scene import Ground, write_scene

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=32)
START = datetime(2026, 3, 1, tzinfo=UTC)


class Series:
    """A small series on disk whose parts a test may spoil."""

    def __init__(self, folder: Path, count: int = 6) -> None:
        self.folder = folder
        self.items = [
            json.loads(write_scene(folder, f"i{n}", START + timedelta(days=n), GROUND, n).read_text())
            for n in range(count)
        ]

    def run(self, *options: str) -> int:
        (self.folder / "items.json").write_text(
            json.dumps({"type": "FeatureCollection", "features": self.items})
        )
        items, out = str(self.folder / "items.json"), str(self.folder / "out")
        return main(["detect", "sar", items, "--out", out, "--baseline", "3", *options])


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path)


def raster(path: Path, pixels: np.ndarray, grid: Grid | None = None) -> None:
    grid = grid or GROUND.grid
    with rasterio.open(
        path, "w", driver="GTiff", dtype=pixels.dtype.name, count=pixels.shape[0], width=pixels.shape[2],
        height=pixels.shape[1], crs=grid.crs, transform=rasterio.Affine(*grid.transform),
    ) as target:  # fmt: skip
        target.write(pixels)


def powers() -> np.ndarray:
    return np.full((1, 32, 32), 0.1, np.float32)


def other_place(s: Series) -> None:
    a, b, c, *rest = GROUND.grid.transform
    raster(s.folder / "i3_vv.tif", powers(), Grid(GROUND.grid.crs, (a, b, c + 30, *rest), 32, 32))


def other_crs(s: Series) -> None:
    raster(s.folder / "i3_vv.tif", powers(), Grid("EPSG:32635", GROUND.grid.transform, 32, 32))


def spoil_asset(s: Series, href: str) -> None:
    s.items[3]["assets"]["vv"]["href"] = href


def cut(s: Series) -> None:
    (s.folder / "i3_vv.tif").write_bytes((s.folder / "i3_vv.tif").read_bytes()[:900])


def same_moment(s: Series) -> None:
    s.items[3]["properties"]["datetime"] = s.items[2]["properties"]["datetime"]


def no_common(s: Series) -> None:
    del s.items[1]["assets"]["vv"], s.items[2]["assets"]["vh"]


def vv(pixels: np.ndarray) -> Callable[[Series], None]:
    return lambda s: raster(s.folder / "i3_vv.tif", pixels)


BAD: dict[str, tuple[Callable[[Series], object], str]] = {
    "other transform": (other_place, r"i3_vv\.tif: i3: lies on the grid EPSG:32636 .* others on EPSG:32636"),
    "other CRS": (other_crs, r"i3: lies on the grid EPSG:32635"),
    "other shape": (vv(powers()[:, :, :30]), r"30 x 32"),
    "other proj:code": (lambda s: s.items[2]["properties"].update({"proj:code": "EPSG:32635"}), "i2: says"),
    "asset missing": (lambda s: (s.folder / "i3_vv.tif").unlink(), r"i3_vv\.tif: no such file"),
    "asset truncated": (cut, r"i3_vv\.tif"),
    "asset no raster": (lambda s: (s.folder / "i3_vv.tif").write_text("hello"), r"i3_vv\.tif: is no GeoTIFF"),
    "integers": (vv(powers().astype("int16")), "int16; float32"),
    "complex": (vv(powers().astype("complex64")), "complex64; float32"),
    "two bands": (vv(powers().repeat(2, 0)), "2 bands"),
    "dB": (vv(powers() - 15), r"i3_vv\.tif: .*linear power is wanted"),
    "no datetime": (lambda s: s.items[3]["properties"].pop("datetime"), "i3: has no `datetime`"),
    "datetime without zone": (
        lambda s: s.items[3]["properties"].update(datetime="2026-03-04T00:00:00"),
        "i3: `datetime` is no RFC 3339 time with a zone",
    ),
    "no features": (lambda s: s.items.clear(), "`features` is empty"),
    "id twice": (lambda s: s.items[3].update(id="i2"), "i2: this item id stands twice"),
    "moment twice": (same_moment, "same datetime"),
    "no common polarisation": (no_common, "no polarisation"),
    "GDAL name": (lambda s: spoil_asset(s, "/vsicurl/http://127.0.0.1:9/a.tif"), "no file name"),
    "URL": (lambda s: spoil_asset(s, "http://127.0.0.1:9/a.tif"), "no file name"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_leaves_everything_as_it_was(series: Series, capsys, case: str):
    assert Series.run(Series(series.folder, 3), "--state", str(series.folder / "state")) == 0
    state = (series.folder / "state").read_bytes()
    out = {file.name: file.read_bytes() for file in (series.folder / "out").iterdir()}
    names = set(series.folder.iterdir())
    spoil, message = BAD[case]
    spoil(series)
    names &= set(series.folder.iterdir())
    capsys.readouterr()

    later = case in ("other transform", "asset missing")  # these also through the state, the rest at once
    code = series.run(*(["--state", str(series.folder / "state")] if later else []))

    said = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in said if line.startswith("error: ")]
    assert code == 2 and len(errors) == 1 and said[-1] == errors[0]
    assert re.search(message, errors[0])
    assert (series.folder / "state").read_bytes() == state
    assert {file.name: file.read_bytes() for file in (series.folder / "out").iterdir()} == out
    assert set(series.folder.iterdir()) == names


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "FeatureCollection"}', "\xff"])
def test_what_is_no_itemcollection_is_refused(tmp_path: Path, capsys, text: str):
    (tmp_path / "items.json").write_text(text, "latin-1")

    assert main(["detect", "sar", str(tmp_path / "items.json"), "--out", str(tmp_path / "out")]) == 2
    assert re.fullmatch(r"error: \S*items\.json: .*\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_items_in_any_order_give_the_same_answer(series: Series):
    assert series.run() == 0
    first = {file.name: file.read_bytes() for file in (series.folder / "out").iterdir()}
    series.items.reverse()

    assert series.run() == 0
    assert {file.name: file.read_bytes() for file in (series.folder / "out").iterdir()} == first


def lacking(folder: Path) -> list[str]:
    item = json.loads((folder / "out" / "alerts.stac.json").read_text())
    return item["properties"].get("truceline:degraded", [])


def test_too_few_dates_give_an_empty_result_and_a_warning(tmp_path: Path, capsys):
    assert Series(tmp_path, 1).run() == 0

    assert "warning: nothing is tested before 4 items; 1 came" in capsys.readouterr().err
    assert lacking(tmp_path) == ["nothing is tested before 4 items; 1 came"]
    assert json.loads((tmp_path / "out" / "alerts.geojson").read_text())["features"] == []
    with rasterio.open(tmp_path / "out" / "change.tif") as source:
        assert np.isnan(source.read(1)).all() and (source.read(2) == 0).all()


def test_a_pixel_never_seen_is_255_and_bad_pixels_are_no_data(series: Series):
    for number in range(6):
        for word in ("vv", "vh"):
            with rasterio.open(series.folder / f"i{number}_{word}.tif") as source:
                pixels = source.read()
            pixels[0, 0, :5] = [0, -1, np.nan, np.inf, -np.inf]
            write_cog(series.folder / f"i{number}_{word}.tif", GROUND.grid, pixels)

    assert series.run() == 0

    with rasterio.open(series.folder / "out" / "change.tif") as source:
        score, state = source.read(1), source.read(2)
    assert (state[0, :5] == 255).all() and np.isnan(score[0, :5]).all()
    assert (state[0, 5:] != 255).all() and np.isfinite(score[0, 5:]).all()


def test_a_date_without_data_changes_no_state_and_warns(series: Series, capsys):
    assert series.run() == 0
    with rasterio.open(series.folder / "out" / "change.tif") as source:
        before = source.read(2)
    moment = START + timedelta(days=9)
    item = json.loads(write_scene(series.folder, "i9", moment, GROUND, 9).read_text())
    write_cog(series.folder / "i9_vv.tif", GROUND.grid, powers() * np.nan)
    series.items.append(item)

    assert series.run() == 0

    assert "warning: i9: no data" in capsys.readouterr().err
    assert lacking(series.folder) == ["no data anywhere in i9"]
    with rasterio.open(series.folder / "out" / "change.tif") as source:
        assert np.isnan(source.read(1)).all()
        np.testing.assert_array_equal(source.read(2), before)


def test_an_item_without_a_polarisation_makes_the_other_the_only_one(series: Series, capsys):
    del series.items[4]["assets"]["vh"]

    assert series.run() == 0

    assert "i4: has no vh; only vv is used" in capsys.readouterr().err
    assert lacking(series.folder) == ["only vv is used"]


def test_what_was_lacking_is_still_told_after_the_series_goes_on(series: Series):
    write_cog(series.folder / "i3_vv.tif", GROUND.grid, powers() * np.nan)
    last = series.items.pop()
    assert series.run("--state", str(series.folder / "state")) == 0
    series.items.append(last)

    assert series.run("--state", str(series.folder / "state")) == 0

    assert lacking(series.folder) == ["no data anywhere in i3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--far", "0"], "--far"),
        (["--far", "2"], "--far"),
        (["--baseline", "0"], "--baseline"),
        (["--confirm", "0"], "--confirm"),
        (["--min-area-m2", "-1"], "--min-area-m2"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_an_impossible_option_is_named(series: Series, capsys, options: list[str], message: str):
    assert series.run(*options) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}: ")


def test_a_state_refuses_other_options_earlier_items_and_foreign_files(series: Series, capsys):
    state = str(series.folder / "state")
    late = series.items
    series.items = late[1:4]
    assert series.run("--state", state) == 0

    assert series.run("--state", state, "--far", "0.01") == 2
    assert "was made with other options" in capsys.readouterr().err
    series.items = late[:4]
    assert series.run("--state", state) == 2
    assert "i0: is not later than the last item" in capsys.readouterr().err
    (series.folder / "foreign").write_text("hello")
    assert series.run("--state", str(series.folder / "foreign")) == 2
    assert "is no state of a radar series" in capsys.readouterr().err


def test_help_is_shown_without_the_numeric_libraries(capsys):
    program = (
        "import sys; from truceline.app.cli import main\n"
        "try: main(['detect', 'sar', '--help'])\n"
        "except SystemExit: print(sorted({'numpy', 'rasterio', 'pyarrow'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "--min-area-m2" in said and said.strip().endswith("[]")
