"""What we write is a cloud-optimized GeoTIFF as GDAL defines it."""

from pathlib import Path

import numpy as np
from truceline.geo.raster import Grid, rasterio, write_cog

GRID = Grid("EPSG:32636", (30.0, 0.0, 500_010.0, 0.0, -30.0, 3_900_000.0), 700, 600)


def test_gdal_finds_the_layout_tiles_overviews_and_band_names(tmp_path: Path):
    pixels = np.random.default_rng(0).random((2, 600, 700), np.float32)
    write_cog(tmp_path / "a.tif", GRID, pixels, ("score", "state"))

    with rasterio.open(tmp_path / "a.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.block_shapes[0] == (512, 512) and source.overviews(1)
        assert source.descriptions == ("score", "state")
        assert np.isnan(source.nodata) and source.crs.to_epsg() == 32636
        np.testing.assert_array_equal(source.read(), pixels)


def test_the_same_pixels_give_the_same_bytes(tmp_path: Path):
    pixels = np.random.default_rng(0).random((1, 600, 700), np.float32)

    write_cog(tmp_path / "a.tif", GRID, pixels)
    write_cog(tmp_path / "b.tif", GRID, pixels)

    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
