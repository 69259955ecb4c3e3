"""The verb detect optical: what it writes, what it says, and what it refuses."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from truceline.app.cli import main
from truceline.geo.raster import Grid, rasterio

NAMES = ("blue", "green", "red", "nir08", "swir16", "swir22")
GRID = Grid("EPSG:32636", (30.0, 0.0, 500_000.0, 0.0, -30.0, 3_900_000.0), 120, 110)
PATCH = (slice(40, 52), slice(60, 75))


def ground(seed: int = 1) -> np.ndarray:
    """Fields of a few kinds, each with colours of its own, and small texture; (6, height, width)."""
    rng = np.random.default_rng(seed)
    kinds = np.digitize(gaussian_filter(rng.normal(size=GRID.shape), 4), [-0.04, 0.0, 0.04])
    colours = rng.uniform(0.05, 0.4, (4, len(NAMES)))
    texture = gaussian_filter(rng.normal(size=(len(NAMES), *GRID.shape)), (0, 0.7, 0.7)) * 0.01
    return colours[kinds].transpose(2, 0, 1) + texture


def later(before: np.ndarray, seed: int = 2) -> np.ndarray:
    after = before + np.random.default_rng(seed).normal(0, 0.004, before.shape)
    after[:, *PATCH] = before[:, 3:4, 3:4] + np.array([0.2, 0.2, 0.25, -0.1, 0.2, 0.15])[:, None, None]
    return after


def write(path, pixels, grid=GRID, names=NAMES, **tags):
    pixels = np.asarray(pixels, np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=len(pixels), width=grid.width, height=grid.height,
        crs=grid.crs, transform=rasterio.Affine(*grid.transform), nodata=np.nan,
    ) as target:  # fmt: skip
        target.write(pixels)
        target.update_tags(**tags)
        for number, text in enumerate(names[: len(pixels)], 1):
            target.set_band_description(number, text)
    return path


class Pair:
    def __init__(self, folder):
        self.before, self.after, self.out = folder / "before.tif", folder / "after.tif", folder / "out"
        self.pixels = ground()
        write(self.before, self.pixels)
        write(self.after, later(self.pixels), datetime="2025-05-01T08:00:00Z")

    def run(self, *options):
        return main(
            ["detect", "optical", str(self.before), str(self.after), "--out", str(self.out), *options]
        )

    def bands(self):
        with rasterio.open(self.out / "change.tif") as source:
            assert source.descriptions == ("score", "changed", "probability")
            return source.read()

    def written(self, name):
        return json.loads((self.out / name).read_bytes())


@pytest.fixture
def pair(tmp_path):
    return Pair(tmp_path)


def test_a_changed_patch_is_found_and_nothing_else(pair):
    assert pair.run() == 0
    score, changed, probability = pair.bands()
    (alert,) = pair.written("alerts.geojson")["features"]
    said = alert["properties"]

    inside = np.zeros(GRID.shape, bool)
    inside[PATCH] = True
    assert changed[inside].mean() > 0.95
    assert changed[~inside].mean() < 0.01
    assert (score >= 0).all()
    assert probability[inside].mean() > 0.7 > 0.2 > probability[~inside].mean()
    assert said["direction"] == "unsigned"
    assert said["first_seen"] == "2025-05-01T08:00:00Z"
    assert said["area_m2"] == pytest.approx(12 * 15 * 900, rel=0.25)
    assert said["item_ids"] == ["after.tif"]
    assert said["meaning"] in ("structure", "earthwork", "unknown")
    assert 0 < said["meaning_confidence"] <= 0.9


def test_the_documents_name_the_time_only_where_it_is_known(pair):
    pair.run()
    assert pair.written("alerts.stac.json")["properties"]["datetime"] == "2025-05-01T08:00:00Z"
    write(pair.after, later(pair.pixels))
    pair.run()
    properties = pair.written("alerts.stac.json")["properties"]

    assert properties["datetime"] is None
    assert properties["start_datetime"] < properties["end_datetime"]
    assert pair.written("alerts.geojson")["features"][0]["properties"]["last_seen"] is None


def test_the_same_pair_gives_the_same_bytes(pair):
    pair.run()
    once = {path.name: path.read_bytes() for path in pair.out.iterdir()}
    pair.run()

    assert {path.name: path.read_bytes() for path in pair.out.iterdir()} == once


def test_gain_and_offset_of_a_band_change_nothing(pair):
    pair.run()
    plain = pair.bands()
    gains = np.array([0.6, 1.6, 100, 1, 0.01, 1.2])[:, None, None]
    write(pair.after, later(pair.pixels) * gains + np.array([-20, 40, 0, 3, 1, 0])[:, None, None])
    pair.run()

    assert (pair.bands()[1] == plain[1]).mean() > 0.999
    assert np.abs(pair.bands()[0] / plain[0] - 1).max() < 0.02


@pytest.mark.parametrize(("x_px", "y_px"), [(1.3, -2.1), (-3.4, 3.1), (0.6, 0.0)])
def test_a_shifted_picture_is_put_back_and_said_so(pair, x_px, y_px):
    moved = [shift(band, (y_px, x_px), order=3, mode="nearest") for band in later(pair.pixels)]
    write(pair.after, moved)
    assert pair.run() == 0
    report = pair.written("report.json")
    changed = pair.bands()[1]

    assert report["shift_x_px"] == pytest.approx(x_px, abs=0.05)
    assert report["shift_y_px"] == pytest.approx(y_px, abs=0.05)
    assert report["shift_corrected"] is True
    assert changed[PATCH].mean() > 0.9


def test_a_picture_far_beside_is_refused(pair, capsys):
    write(pair.after, [shift(band, (6.0, -5.0), order=3, mode="nearest") for band in later(pair.pixels)])

    assert pair.run() == 2
    assert capsys.readouterr().err == (
        f"error: {pair.after}: lies 7.8 pixels beside the other; at most 5 are corrected\n"
    )
    assert not pair.out.exists()


def test_the_same_picture_twice_shows_no_change(pair):
    write(pair.after, pair.pixels)

    assert pair.run() == 0
    assert pair.written("alerts.geojson")["features"] == []
    assert pair.written("report.json")["changed_fraction"] == 0
    assert pair.written("report.json")["shift_corrected"] is False


def test_noise_alone_shows_no_change(pair):
    write(pair.after, pair.pixels + np.random.default_rng(5).normal(0, 0.01, pair.pixels.shape))

    assert pair.run() == 0
    assert pair.written("report.json")["changed_fraction"] < 0.002


def test_clouds_of_either_date_are_left_out(pair, tmp_path):
    masks = []
    for number, rows in enumerate((slice(0, 20), slice(90, 110))):
        mask = np.ones((1, *GRID.shape))
        mask[:, rows] = 2 + number
        masks.append(write(tmp_path / f"mask{number}.tif", mask))
    assert pair.run("--clouds", str(masks[0]), "--clouds", str(masks[1])) == 0
    bands = pair.bands()

    assert np.isnan(bands[:, :20]).all()
    assert np.isnan(bands[:, 90:]).all()
    assert np.isfinite(bands[:, 20:90]).all()


def test_a_constant_band_counts_nothing_and_is_named(pair, capsys):
    pair.pixels[1] = 0.3
    write(pair.before, pair.pixels)

    assert pair.run() == 0
    assert capsys.readouterr().err == "warning: green: this band is constant and counts nothing\n"
    item = json.loads((pair.out / "alerts.stac.json").read_text())
    assert item["properties"]["truceline:degraded"] == ["green: this band is constant and counts nothing"]
    assert pair.bands()[1][PATCH].mean() > 0.9


def test_bands_are_chosen_by_name_or_number(pair):
    assert pair.run("--bands", "red,nir08,5") == 0
    assert pair.bands()[1][PATCH].mean() > 0.8


OTHER = Grid("EPSG:32636", (30.0, 0.0, 500_030.0, 0.0, -30.0, 3_900_000.0), 120, 110)
BAD = {
    "another place": lambda p: write(p.after, p.pixels, OTHER),
    "another shape": lambda p: write(
        p.after, p.pixels[:, :100], Grid(GRID.crs, GRID.transform, GRID.width, 100)
    ),
    "another CRS": lambda p: write(
        p.after, p.pixels, Grid("EPSG:32637", GRID.transform, GRID.width, GRID.height)
    ),
    "fewer bands": lambda p: write(p.after, p.pixels[:5]),
    "other bands": lambda p: write(p.after, p.pixels, names=NAMES[::-1]),
    "no overlap": lambda p: write(p.after, p.pixels * np.nan),
    "truncated": lambda p: p.after.write_bytes(p.after.read_bytes()[:20_000]),
    "no raster": lambda p: p.after.write_text("no raster"),
    "missing": lambda p: p.after.unlink(),
}


@pytest.mark.parametrize("word", list(BAD))
def test_bad_input_is_refused_by_name_and_nothing_is_written(pair, capsys, word):
    BAD[word](pair)
    pair.out.mkdir()
    (pair.out / "kept").write_text("kept")

    assert pair.run() == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {pair.after}: ")
    assert error.count("\n") == 1
    assert [path.name for path in pair.out.iterdir()] == ["kept"]


@pytest.mark.parametrize("text", ["red,nir08", "red,red,nir08", "red,nir08,ultraviolet", "0,1,2", ""])
def test_a_wrong_choice_of_bands_is_refused(pair, capsys, text):
    assert pair.run("--bands", text) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_mask_on_another_grid_is_refused(pair, tmp_path, capsys):
    mask = write(tmp_path / "mask.tif", np.ones((1, *GRID.shape)), OTHER)

    assert pair.run("--clouds", str(mask)) == 2
    assert capsys.readouterr().err.startswith(f"error: {mask}: lies on ")


def test_a_picture_given_as_a_mask_is_refused(pair, capsys):
    assert pair.run("--clouds", str(pair.after)) == 2
    assert "a mask of detect clouds has one" in capsys.readouterr().err


def test_times_of_files_are_read_from_their_tags(pair):
    from truceline.geo.bands import open_bands

    with open_bands(pair.after) as bands:
        assert bands.time_utc == datetime(2025, 5, 1, 8, tzinfo=UTC)


def in_folder(folder, pixels, date):
    folder.mkdir()
    for word, band in zip(NAMES, pixels, strict=True):
        write(folder / f"T36_{date}_{word}.tif", band[None], names=("",))
    return folder


def test_folders_of_single_bands_give_what_one_file_gives(pair, tmp_path):
    pair.run()
    whole, times = (
        pair.bands(),
        {f["properties"]["first_seen"] for f in pair.written("alerts.geojson")["features"]},
    )
    one = in_folder(tmp_path / "one", pair.pixels, "20250401")
    two = in_folder(tmp_path / "two", later(pair.pixels), "20250501T080000")

    assert main(["detect", "optical", str(one), str(two), "--out", str(pair.out)]) == 0
    assert np.array_equal(pair.bands(), whole, equal_nan=True)
    assert times == {"2025-05-01T08:00:00Z"}
    assert {f["properties"]["first_seen"] for f in pair.written("alerts.geojson")["features"]} == times


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: [one.unlink() for one in f.iterdir()], r"two: holds no GeoTIFF"),
        (lambda f: (f / "T36_20250501_red.tif").unlink(), r"two: has 5 bands"),
        (
            lambda f: write(f / "other_red.tif", ground()[:1]),
            r"other_red.tif: is of the band red, as|red, as other",
        ),
        (lambda f: write(f / "T36_20250501_red.tif", ground()[:2]), r"red.tif: has 2 bands; one is wanted"),
        (lambda f: write(f / "T36_20250501_red.tif", ground()[:1], OTHER), r"red.tif: lies on "),
    ],
)
def test_a_folder_that_is_no_picture_is_refused_by_file(pair, tmp_path, capsys, spoil, said):
    one = in_folder(tmp_path / "one", pair.pixels, "20250401")
    spoil(in_folder(tmp_path / "two", later(pair.pixels), "20250501"))

    assert main(["detect", "optical", str(one), str(tmp_path / "two"), "--out", str(pair.out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and re.search(said, error) and error.count("\n") == 1
    assert not pair.out.exists()
