"""The detector reports what lasts, once it has lasted, and says what it cannot look at."""

import io
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from PIL import Image
from pytest import approx
from shapely.geometry import Point, shape
from truceline.detect.radar.history_file import load_history
from truceline.detect.sar_change import SarChange
from truceline.geo.raster import read_single, write_cog
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.plug import Found, load
from truceline.sim.scene import Ground, Patch, write_scene

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=80, seed=2)
START = datetime(2026, 11, 1, 3, tzinfo=UTC)
LASTING, PASSING = Patch(20, 24, 10, 12, 5.0, 4.0), Patch(52, 50, 10, 10, -7.0, -7.0)


class Pass:
    """Passes of a made-up satellite, looked at one after the other."""

    def __init__(self, folder: Path, media: Any, **settings: object) -> None:
        self.folder, self.media = folder, media
        self.detector = load("detect", {"kind": "sar_change", "baseline": 4, **settings})

    def look(self, number: int, *patches: Patch, words: tuple[str, ...] = ("vv", "vh")) -> Found:
        moment = START + timedelta(days=12 * number)
        write_scene(self.folder, f"i{number}", moment, GROUND, number, patches)
        found = self.detector.detect(*self.piece(number, words), self.media)
        self.media.memory = self.media.open(found.memory) if found.memory else self.media.memory
        return found

    def piece(self, number: int, words: tuple[str, ...] = ("vv", "vh")) -> tuple[Observation, list[Blob]]:
        moment = START + timedelta(days=12 * number)
        observation = Observation(
            source="radar",
            key=f"i{number}",
            phenomenon=Span(from_utc=moment, until_utc=moment),
            result_utc=moment,
            footprint=GROUND.grid.footprint(),
        )
        files = [self.folder / f"i{number}_{word}.tif" for word in words]
        return observation, [
            self.media.put(file, "image/tiff", word) for file, word in zip(files, words, strict=True)
        ]


@pytest.fixture
def passes(tmp_path: Path, shelf) -> Pass:
    return Pass(tmp_path, shelf)


def test_a_lasting_change_is_reported_on_its_second_date_and_a_passing_one_never(passes: Pass):
    quiet = [passes.look(number).rows.num_rows for number in range(6)]
    first = passes.look(6, LASTING, PASSING)
    second = passes.look(7, LASTING)
    third = passes.look(8, LASTING)

    assert quiet == [0] * 6 and first.rows.num_rows == 0
    (row,) = second.rows.to_pylist()
    assert second.rows.schema == DETECTION
    lat, lon = GROUND.grid.at(LASTING.row + 5, LASTING.column + 6)
    assert (row["lat_deg"], row["lon_deg"]) == (approx(lat, abs=5e-4), approx(lon, abs=5e-4))
    assert shape(json.loads(row["outline"])).contains(Point(lon, lat))
    # The window of the filter reaches over the edge by up to a pixel all round.
    assert 0.8 * 10 * 12 * 900 <= row["area_m2"] <= 1.1 * 12 * 14 * 900
    assert row["time_utc"] == START + timedelta(days=84)
    assert row["meaning"] == "unknown" and row["kind"] == "activity" and row["confidence"] > 0.9
    assert row["note"].startswith("radar echo rose by") and " since 2027-01-12; " in row["note"]
    assert [other["object"] for other in third.rows.to_pylist()] == [row["object"]]


def test_an_alert_knows_by_how_much_its_echo_changed_and_says_what_that_may_mean(passes: Pass):
    corners = Patch(30, 30, 5, 5, 12.0, 10.0)
    for number in range(6):
        passes.look(number)
    passes.look(6, corners)
    (row,) = passes.look(7, corners).rows.to_pylist()

    known = {own.id: own for own in load_history(passes.media.memory).objects.values()}[row["object"]]
    assert known.change_db == approx((12.0, 10.0), abs=2.0)
    assert row["meaning"] in ("structure", "vehicle_park")
    assert "as strong as corners return, else " in row["note"]


def test_the_chip_shows_the_place_before_and_after_in_the_same_greys(passes: Pass):
    for number in range(6):
        passes.look(number)
    passes.look(6, LASTING)
    (row,) = passes.look(7, LASTING).rows.to_pylist()

    chip = np.asarray(Image.open(io.BytesIO(passes.media.open(row["chip_sha256"]).read_bytes())), float)
    half = (chip.shape[1] - 8) // 2
    before, after = chip[:, :half], chip[:, -half:]
    middle = np.s_[chip.shape[0] // 2 - 8 : chip.shape[0] // 2 + 8, half // 2 - 8 : half // 2 + 8]
    assert chip.ndim == 2 and after[middle].mean() > before[middle].mean() + 40
    assert abs(before[:40, :40].mean() - after[:40, :40].mean()) < 25


def test_too_short_a_history_yields_nothing(tmp_path: Path, shelf):
    passes = Pass(tmp_path, shelf, baseline=8)

    assert [passes.look(n, *([LASTING] if n > 4 else [])).rows.num_rows for n in range(8)] == [0] * 8


def test_an_earlier_scene_or_a_missing_polarisation_is_degraded_and_keeps_the_memory(passes: Pass):
    passes.look(3)
    memory = passes.media.memory

    for found in (passes.look(2), passes.look(4, words=("vv",))):
        assert found.status == "degraded" and found.reason and found.memory is None
        assert found.rows.num_rows == 0
    assert passes.media.memory == memory


def test_ground_without_data_and_border_noise_were_not_seen(passes: Pass):
    passes.look(0)
    write_scene(passes.folder, "i1", START + timedelta(days=12), GROUND, 1)
    for word in ("vv", "vh"):
        grid, power = read_single(passes.folder / f"i1_{word}.tif")
        power[:, :20], power[60:] = np.nan, 1e-5
        write_cog(passes.folder / f"i1_{word}.tif", grid, power[None], (word,))
    found = passes.detector.detect(*passes.piece(1), passes.media)

    lat, lon = GROUND.grid.at([10, 30, 70, 10, 50], [10, 10, 70, 30, 70])
    assert passes.look(2).hidden is None
    assert shapely.contains_xy(shape(found.hidden), lon, lat).tolist() == [True] * 3 + [False] * 2


def test_of_a_scene_that_is_not_taken_in_nothing_was_seen(passes: Pass):
    passes.look(3)

    assert passes.look(2).hidden == GROUND.grid.footprint()


def test_a_look_leaves_no_file_behind_but_in_the_blob_folder(passes: Pass, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    for number in range(2):
        passes.look(number)

    assert not list(temporary.iterdir())


def test_a_spoilt_scene_is_degraded(passes: Pass):
    passes.look(0)
    blob = passes.media.put(b"II*\0" + bytes(500), "image/tiff", "vv")
    observation = Observation(
        source="radar",
        key="x",
        phenomenon=Span(from_utc=START + timedelta(1), until_utc=START),
        result_utc=START,
    )

    other = Blob(sha256=blob.sha256, size_bytes=504, media_type="image/tiff", name="vh")
    found = passes.detector.detect(observation, [blob, other], passes.media)

    assert found.status == "degraded" and "GeoTIFF" in found.reason


def test_settings_are_bounded():
    with pytest.raises(BadInput, match="far"):
        load("detect", {"kind": "sar_change", "far": 1.5})
    assert SarChange().min_area_m2 == 8100
