"""The door to rasters refuses what is no plain GeoTIFF, before reading it."""

import os
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import shape
from truceline.geo import outlines, raster
from truceline.geo.outlines import polygonize, polygonize_windows
from truceline.geo.raster import Grid, read_single, resolve_href, write_cog
from truceline.model.errors import BadInput

GRID = Grid("EPSG:32636", (30.0, 0.0, 500_010.0, 0.0, -30.0, 3_900_000.0), 20, 10)


def test_only_geotiff_cog_and_memory_drivers_are_registered():
    with raster.rasterio.Env() as env:
        assert set(env.drivers()) <= raster.KEPT_DRIVERS


def test_a_written_raster_is_read_back_with_nan_for_no_data(tmp_path: Path):
    pixels = np.arange(200, dtype=np.float32).reshape(1, 10, 20)
    pixels[0, 3, 4] = np.nan
    write_cog(tmp_path / "a.tif", GRID, pixels, ("score",))

    grid, read = read_single(tmp_path / "a.tif")

    assert grid == GRID
    np.testing.assert_array_equal(read, pixels[0])


def test_a_nodata_value_becomes_nan(tmp_path: Path):
    with raster.rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", dtype="float32", count=1, width=20, height=10, crs=GRID.crs,
        transform=raster.rasterio.Affine(*GRID.transform), nodata=-9999,
    ) as target:  # fmt: skip
        target.write(np.full((1, 10, 20), -9999, np.float32))

    assert np.isnan(read_single(tmp_path / "a.tif")[1]).all()


def test_a_vrt_named_tif_is_refused_and_reads_nothing(tmp_path: Path):
    canary = tmp_path / "canary.txt"
    canary.write_text("CANARY")
    file = tmp_path / "scene.tif"
    file.write_text(
        f'<VRTDataset rasterXSize="6" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename>{canary}</SourceFilename></VRTRasterBand></VRTDataset>'
    )

    with pytest.raises(BadInput, match="no GeoTIFF"):
        read_single(file)


def test_a_raster_that_declares_far_more_than_it_holds_is_refused(tmp_path: Path):
    with raster.rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", dtype="float32", count=1, width=20_000, height=20_000,
        crs=GRID.crs, transform=raster.rasterio.Affine(*GRID.transform), sparse_ok=True, tiled=True,
    ):  # fmt: skip
        pass

    with pytest.raises(BadInput, match="far more than the file holds"):
        read_single(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "layout", [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16}, {"driver": "COG"}]
)
@pytest.mark.parametrize("left", [0.5, 0.99])
def test_an_uncompressed_raster_that_ends_early_is_refused_not_filled_up(tmp_path: Path, layout, left):
    file = tmp_path / "a.tif"
    with raster.rasterio.open(
        file, "w", **({"driver": "GTiff"} | layout), dtype="float32", count=1, width=64, height=64,
        crs=GRID.crs, transform=raster.rasterio.Affine(*GRID.transform),
    ) as target:  # fmt: skip
        target.write(np.ones((1, 64, 64), np.float32))
    os.truncate(file, int(file.stat().st_size * left))

    with pytest.raises(BadInput, match="truncated"):
        read_single(file)


def test_blocks_that_were_never_written_are_no_data(tmp_path: Path):
    with raster.rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", dtype="float32", count=1, width=64, height=64, crs=GRID.crs,
        transform=raster.rasterio.Affine(*GRID.transform), nodata=-9999, sparse_ok=True, tiled=True,
        blockxsize=32, blockysize=32,
    ) as target:  # fmt: skip
        target.write(np.ones((1, 32, 32), np.float32), window=raster.Window(32, 32, 32, 32))

    pixels = read_single(tmp_path / "a.tif")[1]

    assert np.isnan(pixels[:32]).all()
    assert (pixels[32:, 32:] == 1).all()


def test_a_truncated_raster_names_the_file(tmp_path: Path):
    noise = np.random.default_rng(1).random((1, 300, 300), np.float32)
    write_cog(tmp_path / "a.tif", Grid(GRID.crs, GRID.transform, 300, 300), noise)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(BadInput, match=r"b\.tif: .*truncated"):
        read_single(tmp_path / "b.tif")


@pytest.mark.parametrize(
    "href",
    [
        "/vsicurl/http://127.0.0.1/a.tif", "/vsizip/a.zip/a.tif", "file:///vsimem/a.tif", "http://127.0.0.1/a.tif",
        "s3://bucket/a.tif", "GTIFF_DIR:1:a.tif", "ftp:a.tif", "file://elsewhere/a.tif", "a\0b.tif",
    ],
)  # fmt: skip
def test_a_href_that_is_no_file_name_is_refused(tmp_path: Path, href: str):
    with pytest.raises(BadInput, match=r"no file name|another host|NUL"):
        resolve_href(href, tmp_path)


def test_a_href_leads_to_its_file_by_relative_absolute_and_file_names(tmp_path: Path):
    file = tmp_path / "a b.tif"
    file.write_bytes(b"II*\0")

    assert resolve_href("./a b.tif", tmp_path) == file.resolve()
    assert resolve_href(str(file), Path("/")) == file.resolve()
    assert resolve_href(f"file://{str(file).replace(' ', '%20')}", Path("/")) == file.resolve()


def test_a_link_out_of_the_folder_is_refused_only_where_the_folder_binds(tmp_path: Path):
    (tmp_path / "outside.tif").write_bytes(b"II*\0")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "in.tif").symlink_to(tmp_path / "outside.tif")

    assert resolve_href("in.tif", folder) == (tmp_path / "outside.tif").resolve()
    for href in ("in.tif", "../outside.tif", str(tmp_path / "outside.tif")):
        with pytest.raises(BadInput, match="leads out"):
            resolve_href(href, folder, inside=folder)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.tif")

    with pytest.raises(BadInput, match="no regular file"):
        read_single(tmp_path / "pipe.tif")


def test_the_outline_of_a_group_covers_exactly_its_pixels():
    labels = np.zeros(GRID.shape, np.int32)
    labels[2:4, 3:6] = 1
    labels[4, 6] = 1  # touches by a corner
    labels[7:10, 10:13] = 2
    labels[8, 11] = 0  # a hole

    found = polygonize(labels, GRID)

    rows, columns = np.mgrid[0:10, 0:20]
    lat, lon = GRID.at(rows + 0.5, columns + 0.5)
    for number, outline in found.items():
        from shapely import contains_xy

        assert shape(outline).is_valid
        np.testing.assert_array_equal(contains_xy(shape(outline), lon, lat), labels == number)
    assert found[1]["type"] == "MultiPolygon"
    assert shape(found[2]).exterior.is_ccw  # RFC 7946, right-hand rule


def test_groups_known_by_their_windows_have_the_outlines_of_the_whole(monkeypatch):
    labels = np.zeros(GRID.shape, np.int32)
    labels[2:4, 3:6], labels[7:10, 10:13], labels[0, 19], labels[9, :4] = 1, 2, 3, 4
    labels[8, 11] = 0
    windows = [(2, 3, 4, 6), (7, 10, 10, 13), (0, 19, 1, 20), (9, 0, 10, 4)]
    pieces = [(labels[top:bottom, left:right], top, left) for top, left, bottom, right in windows]

    assert polygonize_windows(pieces, GRID) == polygonize(labels, GRID)
    monkeypatch.setattr(outlines, "_SHEET_PX", 10)  # a sheet for each
    assert polygonize_windows(pieces, GRID) == polygonize(labels, GRID)
    assert polygonize_windows([], GRID) == {}


def test_grids_that_differ_by_less_than_a_thousandth_of_a_pixel_are_the_same():
    shifted = (30.0, 0.0, 500_010.02, 0.0, -30.0, 3_900_000.0)

    assert GRID.same_as(Grid(GRID.crs, shifted, 20, 10))
    assert not GRID.same_as(Grid(GRID.crs, (30.0, 0.0, 500_012.0, 0.0, -30.0, 3_900_000.0), 20, 10))
    assert not GRID.same_as(Grid("EPSG:32635", GRID.transform, 20, 10))
    assert not GRID.same_as(Grid(GRID.crs, GRID.transform, 10, 20))
