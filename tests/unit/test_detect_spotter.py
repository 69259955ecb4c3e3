"""Objects in video: at the scale of the telemetry, one row per thing."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.codec.klv import TELEMETRY, encode
from truceline.detect.pictures import spotter
from truceline.detect.pictures.finder import Found
from truceline.detect.pictures.frames import to_colour
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Poses
from truceline.detect.pictures.spotter import Spotted, Spotter, uncovered
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose

POSE = pose(90.0, 90.0, 10.0, 8.0, height_m=500.0) | {"frame_center_msl_m": 100.0}


class Frame:
    """What a decoder hands over."""

    def __init__(self, pixels, interlaced=False):
        self.pixels, self.interlaced_frame, self.height = pixels, interlaced, len(pixels)

    def to_ndarray(self, format):
        return self.pixels


def one_box(box, score=0.9, group=0):
    return Found(np.array([box], np.float32), np.array([score], np.float32), np.array([group]), np.array([0]))


@pytest.fixture
def looked(monkeypatch):
    """Networks that find one box, and note how they were asked."""
    asked = []

    def find(name, picture, scale, least_score):
        asked.append((name, picture.shape, scale))
        return one_box([10, 10, 55, 30])

    monkeypatch.setattr(spotter, "find", find)
    return asked


def poses(tmp_path, **change):
    file = tmp_path / "p.klv"
    file.write_bytes(encode(1_700_000_000_000_000, {**POSE, **change}))
    assert main(["video", "klv", str(file), "--out", str(tmp_path / "k.parquet")]) == 0
    table = pq.read_table(tmp_path / "k.parquet")
    return Poses(table.set_column(table.column_names.index("pts_s"), "pts_s", pa.array([0.0])))


def colour(high=480, wide=640):
    return np.random.default_rng(1).integers(0, 255, (high, wide, 3), np.uint8)


def test_the_scale_comes_from_the_telemetry(tmp_path, looked):
    spot = Spotter(poses(tmp_path))

    spot(0, 0.0, Frame(colour()))

    metres_per_pixel = 2 * 500 * np.tan(np.radians(5)) / 640
    assert looked[0][2] == pytest.approx(
        spotter.BEST_PX["visible"] * metres_per_pixel / spotter.CAR_M, rel=0.01
    )


def test_a_close_view_is_looked_at_twice_as_large_too(tmp_path, looked):
    spot = Spotter(poses(tmp_path, sensor_hfov_deg=2.0))

    spot(0, 0.0, Frame(colour()))

    assert len(looked) == 2
    assert looked[1][2] == pytest.approx(2 * looked[0][2])


def test_without_telemetry_the_scale_is_estimated_once_in_a_while(looked, monkeypatch):
    calls = []
    monkeypatch.setattr(spotter, "estimate", lambda picture: calls.append(1) or 40.0)
    spot = Spotter(Poses(TELEMETRY.empty_table()))

    for i in range(5):
        spot(i, i / 5, Frame(colour()))

    assert len(calls) == 1 and len(looked) == 5


def test_grey_video_goes_to_the_thermal_network(looked):
    spot = Spotter(Poses(TELEMETRY.empty_table()))

    spot(0, 0.0, Frame(np.repeat(colour()[..., :1], 3, axis=2)))

    assert looked[0][0] == "thermal" and looked[0][1][2] == 1
    assert spot.spotted[0].model.startswith("thermal")


def test_black_hot_video_said_to_be_so_is_looked_at_as_white_hot(monkeypatch):
    shown = []

    def find(name, picture, scale, least_score):
        shown.append(picture)
        return one_box([10, 10, 55, 30])

    monkeypatch.setattr(spotter, "find", find)
    grey = np.repeat(colour()[..., :1], 3, axis=2)
    for hot, pixels in (("white", grey), ("black", 255 - grey)):
        Spotter(Poses(TELEMETRY.empty_table()), hot=hot)(0, 0.0, Frame(pixels))

    assert np.array_equal(*shown)


def test_no_more_than_ten_looks_a_second(looked):
    spot = Spotter(Poses(TELEMETRY.empty_table()))

    for i in range(30):
        spot(i, i / 30, Frame(np.repeat(colour(64, 64)[..., :1], 3, axis=2)))

    assert len(looked) == 10


def test_what_is_too_large_for_a_vehicle_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(spotter, "find", lambda *_: one_box([0, 0, 600, 400]))
    spot = Spotter(poses(tmp_path))

    spot(0, 0.0, Frame(colour()))

    assert spot.spotted == []


def test_of_an_interlaced_frame_one_field_is_looked_at():
    pixels = np.zeros((4, 2, 3), np.uint8)
    pixels[1::2] = 255

    assert to_colour(Frame(pixels, interlaced=True)).max() == 0
    assert to_colour(Frame(pixels)).max() == 255


def test_one_thing_has_one_row():
    there, elsewhere = (Hit(3, 0.1, x, 10, 20, 20, 1, 0.5) for x in (12, 300))

    kept = uncovered([there, elsewhere], [Spotted(Hit(3, 0.1, 10, 10, 24, 24, -1, 0.9), "car", "visible-1")])

    assert kept == [elsewhere]


@pytest.mark.parametrize("model", ["auto", "movers", "objects"])
def test_the_verb_writes_the_contracts_columns_whatever_looks(tmp_path, model):
    pictures = [colour(96, 128) for _ in range(12)]
    clip = tmp_path / "c.ts"
    clip.write_bytes(write_clip(pictures, [(0.0, encode(1_700_000_000_000_000, POSE))], 10.0))

    assert main(["detect", "video", str(clip), "--out", str(tmp_path / "o.parquet"), "--model", model]) == 0

    assert pq.read_schema(tmp_path / "o.parquet").names == [
        "time", "pts_s", "frame_index", "bbox_x_px", "bbox_y_px", "bbox_w_px", "bbox_h_px", "category",
        "score", "lat_deg", "lon_deg", "ce90_m", "model", "slide_east_m", "slide_north_m",
    ]  # fmt: skip
