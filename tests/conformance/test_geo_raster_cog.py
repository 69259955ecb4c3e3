"""What we write is a cloud-optimized GeoTIFF as GDAL defines it."""

from pathlib import Path

import numpy as np
import pytest
from truceline.geo import cog
from truceline.geo.cog import write_cog_from
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


def streamed(path: Path, pixels: np.ndarray) -> Path:
    """Write pixels piece by piece."""
    write_cog_from(path, GRID, lambda rows, columns: pixels[:, rows, columns], ("score", "state"))
    return path


@pytest.mark.parametrize(("limit", "magic"), [(4_000_000_000, b"II*\0"), (1_000_000, b"II+\0")])
def test_a_raster_written_in_pieces_is_read_back_by_gdal_as_tiff_and_as_bigtiff(
    tmp_path: Path, monkeypatch, limit: int, magic: bytes
):
    pixels = np.random.default_rng(0).random((2, 600, 700), np.float32)
    pixels[1] = np.nan
    monkeypatch.setattr(cog, "_CLASSIC_LIMIT", limit)
    path = streamed(tmp_path / "a.tif", pixels)

    assert path.read_bytes()[:4] == magic
    with rasterio.open(path) as source:
        assert source.descriptions == ("score", "state") and source.crs.to_epsg() == 32636
        assert source.block_shapes == [(256, 256)] * 2 and source.overviews(1) == [4]
        assert np.isnan(source.nodata)
        np.testing.assert_array_equal(source.read(), pixels)
    with rasterio.open(path, overview_level=0) as overview:
        np.testing.assert_array_equal(overview.read(), pixels[:, ::4, ::4])


@pytest.mark.parametrize("limit", [4_000_000_000, 1_000_000])
def test_the_order_of_a_raster_written_in_pieces_is_the_one_that_validators_of_cogs_want(
    tmp_path: Path, monkeypatch, limit: int
):
    monkeypatch.setattr(cog, "_CLASSIC_LIMIT", limit)
    monkeypatch.setattr(cog, "TILE_PX", 64)
    pixels = np.random.default_rng(0).random((2, *GRID.shape), np.float32)
    pixels[1] = 3
    path = streamed(tmp_path / "a.tif", pixels)

    with rasterio.open(path) as source:
        levels = range(-1, len(source.overviews(1)))  # -1: the picture itself

        def said(word: str, band: int) -> list[int]:
            told = [
                source.get_tag_item(word, "TIFF", band, *([level] if level >= 0 else [])) for level in levels
            ]
            return [int(each) for each in told]

        directories = said("IFD_OFFSET", 1)
        tiles = said("BLOCK_OFFSET_0_0", 1), said("BLOCK_OFFSET_0_0", 2)
    # GDAL's validate_cloud_optimized_geotiff: directories of the picture, the large overview and the small
    # one, right at the start; then data the other way round.
    assert len(directories) == 3 and directories == sorted(directories) and directories[0] in (8, 16)
    for places in tiles:
        assert places == sorted(places, reverse=True) and places[-1] > directories[-1]


def test_overviews_lie_before_the_picture_and_tiles_of_one_value_only_once(tmp_path: Path):
    pixels = np.random.default_rng(0).random((2, 600, 700), np.float32)
    pixels[1] = 3
    path = streamed(tmp_path / "a.tif", pixels)

    with rasterio.open(path) as source:
        places = [source.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", 1) for y in range(3) for x in range(3)]
        plain = {source.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", 2) for y in range(2) for x in range(2)}
        small = source.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1, 0)
    assert sorted(places, key=int) == places and len(set(places)) == 9
    assert small is not None and int(small) < int(places[0])
    assert len(plain) == 1
