"""The optical detector compares each scene with the one before and says what it cannot compare."""

import io
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from PIL import Image
from scipy.ndimage import gaussian_filter
from shapely.geometry import shape
from truceline.detect.optical.alteration import alteration, threshold_of, usual_of
from truceline.detect.optical.compare import compare
from truceline.detect.optical_change import OpticalChange
from truceline.geo.raster import Grid, write_cog
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.plug import Found

NAMES = ("blue", "green", "red", "nir08", "swir16", "swir22")
GRID = Grid("EPSG:32636", (30.0, 0.0, 500_000.0, 0.0, -30.0, 3_900_000.0), 100, 90)
START = datetime(2026, 5, 1, 8, tzinfo=UTC)
PATCH = np.s_[:, 30:44, 40:56]


class Series:
    def __init__(self, folder: Path, media: Any) -> None:
        self.folder, self.media = folder, media
        self.detector = OpticalChange(clouds=False)
        rng = np.random.default_rng(1)
        kinds = np.digitize(gaussian_filter(rng.normal(size=GRID.shape), 4), [-0.04, 0.0, 0.04])
        colours = rng.uniform(500, 4000, (4, 6))
        self.ground = colours[kinds].transpose(2, 0, 1) + rng.normal(0, 60, (6, *GRID.shape))

    def scene(self, number: int, changed: bool = False) -> np.ndarray:
        pixels = self.ground + np.random.default_rng(number).normal(0, 40, self.ground.shape)
        if changed:
            pixels[PATCH] = np.array([3000, 3000, 3200, 800, 3000, 2500])[:, None, None]
        return pixels.astype(np.float32)

    def look(self, number: int, pixels: np.ndarray, grid: Grid = GRID, whole: bool = True) -> Found:
        moment = START + timedelta(days=5 * number)
        said = Observation(
            source="s2",
            key=f"s{number}",
            phenomenon=Span(from_utc=moment, until_utc=moment),
            result_utc=moment,
        )
        layers = {"image": pixels} if whole else {w: pixels[[i]] for i, w in enumerate(NAMES[: len(pixels)])}
        blobs = []
        for word, bands in layers.items():
            path = self.folder / f"{number}_{word}.tif"
            write_cog(path, grid, bands, NAMES if whole else (word,))
            blobs.append(self.media.put(path, "image/tiff", word))
        found = self.detector.detect(said, blobs, self.media)
        self.media.memory = self.media.open(found.memory) if found.memory else self.media.memory
        return found


@pytest.fixture
def series(tmp_path: Path, shelf) -> Series:
    return Series(tmp_path, shelf)


@pytest.mark.parametrize("whole", [True, False])
def test_a_change_since_the_scene_before_is_one_row_with_a_dated_chip(series, whole):
    assert series.look(0, series.scene(0), whole=whole).rows.num_rows == 0
    assert series.look(1, series.scene(1), whole=whole).rows.num_rows == 0
    found = series.look(2, series.scene(2, changed=True), whole=whole)
    (row,) = found.rows.to_pylist()

    assert found.status == "ok"
    assert found.rows.schema == DETECTION
    assert row["area_m2"] == pytest.approx(14 * 16 * 900, rel=0.2)
    assert row["confidence"] > 0.5
    assert "between 2026-05-06 and 2026-05-11" in row["note"]
    chip = Image.open(io.BytesIO(series.media.open(row["chip_sha256"]).read_bytes()))
    foot = np.asarray(chip)[-14:]
    assert (foot[:, : chip.width // 2] == 255).sum() > 50
    assert (foot[:, chip.width // 2 + 8 :] == 255).sum() > 50


def test_what_changed_once_is_the_ground_of_the_next(series):
    series.look(0, series.scene(0))
    series.look(1, series.scene(1, changed=True))

    assert series.look(2, series.scene(2, changed=True)).rows.num_rows == 0


def test_covered_ground_is_compared_with_what_was_seen_there_last(series):
    series.look(0, series.scene(0))
    covered = series.scene(1)
    covered[:, 20:60, 30:70] = np.nan
    series.look(1, covered)

    assert series.look(2, series.scene(2, changed=True)).rows.num_rows == 1


def test_covered_ground_is_told_as_not_seen(series):
    assert series.look(0, series.scene(0)).hidden is None
    covered = series.scene(1)
    covered[:, 20:60, 30:70] = np.nan

    hidden = shape(series.look(1, covered).hidden)

    pixels = [(40, 50), (22, 32), (57, 67), (10, 50), (40, 80), (70, 40)]
    lat, lon = GRID.at(*np.transpose(pixels))
    assert shapely.contains_xy(hidden, lon, lat).tolist() == [True] * 3 + [False] * 3


def test_a_scene_that_cannot_be_read_was_a_look_at_nothing(series):
    ground = GRID.footprint()
    said = Observation(
        source="s2",
        key="x",
        phenomenon=Span(from_utc=START, until_utc=START),
        result_utc=START,
        footprint=ground,
    )
    blob = series.media.put(b"II*\0 and no more", "image/tiff", "image")

    found = series.detector.detect(said, [blob], series.media)

    assert found.status == "degraded"
    assert found.hidden == ground


@pytest.mark.parametrize("spoil", ["grid", "bands", "empty"])
def test_a_scene_that_cannot_be_compared_is_degraded_and_the_memory_stays(series, spoil):
    series.look(0, series.scene(0))
    other = Grid(GRID.crs, (30.0, 0.0, 500_030.0, 0.0, -30.0, 3_900_000.0), 100, 90)
    pixels = series.scene(1) * (np.nan if spoil == "empty" else 1)
    if spoil == "bands":
        found = series.look(1, pixels[:4], whole=False)
    else:
        found = series.look(1, pixels, other if spoil == "grid" else GRID)

    assert (found.status, found.rows.num_rows) == ("degraded", 0)
    assert found.reason
    assert series.look(2, series.scene(2, changed=True)).rows.num_rows == 1


def test_the_same_scenes_give_the_same_memory(series, tmp_path):
    once = series.look(0, series.scene(0)).memory
    series.media.memory = None

    assert series.look(0, series.scene(0)).memory == once


def test_a_look_leaves_no_file_behind_but_in_the_blob_folder(series, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    for number in range(2):
        series.look(number, series.scene(number))

    assert not list(temporary.iterdir())


def test_a_filling_that_both_scenes_share_does_not_become_the_measure_of_the_ground(series):
    before, after = series.scene(1, changed=True), series.scene(2, changed=True)

    field = alteration(before, after, range(len(NAMES)), np.ones(GRID.shape, bool))

    # The logarithm of chi-square of six bands is 1.7 in the middle; of a filling alone as measure it was 26.
    values = field.ravel().astype(float)
    assert threshold_of(values, len(NAMES), *usual_of(values)) < 8


def test_noise_of_a_sensor_does_not_hide_a_faint_change(series):
    rng = np.random.default_rng(5)
    pair = [series.scene(number) + rng.normal(0, 130, (6, *GRID.shape)) for number in (0, 1)]
    pair[1][PATCH] = 0.7 * pair[1][PATCH] + 0.3 * np.array([3000, 3000, 3200, 800, 3000, 2500])[:, None, None]

    change = compare(*(pixels.astype(np.float32) for pixels in pair))

    assert change.changed[PATCH[1:]].mean() > 0.97
    change.changed[PATCH[1:]] = False
    assert change.changed.mean() < 0.01
