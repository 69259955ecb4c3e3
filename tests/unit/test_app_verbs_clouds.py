"""The verb detect clouds: which bands it takes, what it writes, and what it refuses."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from truceline.app.cli import main
from truceline.detect.optical.cloud_mask import BANDS, bands_wanted, mask_clouds
from truceline.geo.raster import Grid, rasterio
from truceline.model.errors import BadInput

GRID = Grid("EPSG:32633", (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0), 96, 80)
MEADOW = np.array([0.10, 0.10, 0.08, 0.32, 0.20, 0.11])[:, None, None]
CLOUD = np.array([0.62, 0.60, 0.60, 0.64, 0.45, 0.35])[:, None, None]


def scene(height=80, width=96) -> np.ndarray:
    """A meadow with one bright cloud in its middle, reflectance × 10000."""
    rng = np.random.default_rng(3)
    soft = np.zeros((height, width))
    soft[25:55, 30:70] = 1
    soft = gaussian_filter(soft, 3)
    pixels = MEADOW * (1 - soft) + CLOUD * soft + rng.normal(0, 0.004, (6, height, width))
    return np.round(np.clip(pixels, 0.001, 1) * 10_000)


def write(path, pixels, names=BANDS, dtype="uint16"):
    with rasterio.open(
        path, "w", driver="GTiff", dtype=dtype, count=len(pixels), width=pixels.shape[2],
        height=pixels.shape[1], crs=GRID.crs, transform=rasterio.Affine(*GRID.transform), nodata=0,
    ) as target:  # fmt: skip
        target.write(pixels.astype(dtype))
        for number, text in enumerate(names, 1):
            target.set_band_description(number, text)
    return path


def run(path, *options):
    return main(["detect", "clouds", str(path), "--out", str(path.parent / "mask.tif"), *options])


def mask(path):
    with rasterio.open(path.parent / "mask.tif") as source:
        assert (source.count, source.dtypes[0]) == (1, "uint8")
        return source.read(1)


def test_lost_pixels_stay_lost_the_meadow_is_clear_and_threads_do_not_matter(tmp_path):
    pixels = scene()
    pixels[:, :4] = 0
    path = write(tmp_path / "scene.tif", pixels)

    assert run(path) == 0
    found = mask(path)
    assert (found[:4] == 0).all()
    assert (found[64:, 80:] == 1).mean() > 0.9
    once = (tmp_path / "mask.tif").read_bytes()
    assert run(path, "--threads", "1") == 0
    assert (tmp_path / "mask.tif").read_bytes() == once


def test_strips_and_tiles_leave_no_seam():
    pixels = np.tile(MEADOW, (1, 300, 270)).astype(np.float32)
    masks = list(mask_clouds(lambda first, until: pixels[:, first:until], (300, 270), 6))

    assert np.concatenate(masks).shape == (300, 270)
    assert len(masks) == 2
    assert (np.concatenate(masks)[20:-20, 20:-20] == 1).mean() > 0.95


def test_bands_are_taken_by_description_else_by_order():
    shuffled = ("swir22", "nir08", "coastal", "red", "blue", "swir16", "green")

    assert bands_wanted(shuffled) == [4, 6, 3, 1, 5, 0]
    assert bands_wanted(("",) * 6) == [0, 1, 2, 3, 4, 5]
    assert bands_wanted(("",) * 5) == [0, 1, 2, 3]
    assert bands_wanted(("blue", "green", "red", "nir", "swir16")) == [0, 1, 2, 3]


@pytest.mark.parametrize("names", [("blue", "green", "red"), ("",) * 3, ("a", "b", "c", "d"), BANDS[1:]])
def test_fewer_bands_than_the_network_needs_are_refused(names):
    with pytest.raises(BadInput, match="has no band"):
        bands_wanted(names)


@pytest.mark.parametrize("word", ["three bands", "truncated", "no raster", "missing", "scale"])
def test_bad_input_is_refused_and_the_mask_stays_as_it_was(tmp_path, capsys, word):
    path = write(tmp_path / "scene.tif", scene())
    (tmp_path / "mask.tif").write_text("kept")
    options = []
    if word == "three bands":
        write(path, scene()[:3], BANDS[:3])
    elif word == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif word == "no raster":
        path.write_text("no raster")
    elif word == "missing":
        path.unlink()
    else:
        options = ["--scale", "-1"]

    assert run(path, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --scale" if word == "scale" else f"error: {path}: ")
    assert error.count("\n") == 1
    assert (tmp_path / "mask.tif").read_text() == "kept"


def test_a_wrong_scale_is_asked_about(tmp_path, capsys):
    path = write(tmp_path / "scene.tif", scene())

    assert run(path, "--scale", "0.00000001") == 0
    assert "is --scale right?" in capsys.readouterr().err
