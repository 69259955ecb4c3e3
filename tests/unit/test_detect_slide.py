"""A pose that slides over ground which the picture shows to be the same moves nothing that stands there."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from scipy import ndimage
from truceline.codec.klv import encode
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.detect.pictures.frames import Frame
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Poses
from truceline.detect.pictures.rows import on_the_ground
from truceline.detect.pictures.slide import Slide

WIDTH, HEIGHT, HZ, SECONDS = 320, 240, 5, 4
METRE_PER_DEG = 111_200.0


def telemetry(speed_mps: float) -> pa.Table:
    """A camera that looks straight down from 500 m and flies north, with heading and gimbal at rest."""
    count = HZ * SECONDS
    data = b"".join(
        encode(
            1_700_000_000_000_000 + i * 200_000,
            {
                "sensor_lat_deg": 50.0 + speed_mps * i / HZ / METRE_PER_DEG, "sensor_lon_deg": 30.0,
                "sensor_msl_m": 600.0, "platform_heading_deg": 0.0, "platform_pitch_deg": 0.0,
                "platform_roll_deg": 0.0, "sensor_rel_azimuth_deg": 0.0, "sensor_rel_elevation_deg": -90.0,
                "sensor_hfov_deg": 20.0, "sensor_vfov_deg": 15.0, "frame_center_msl_m": 100.0,
            },
        )
        for i in range(count)
    )  # fmt: skip
    table = to_table([p for some in read_packets([data], KlvStream("t")) for p in some])
    at = table.column_names.index("pts_s")
    return table.set_column(at, "pts_s", pa.array(np.arange(count) / HZ))


@cache
def ground() -> np.ndarray:
    rough = ndimage.gaussian_filter(np.random.default_rng(7).normal(0, 1, (3 * HEIGHT, WIDTH)), 2)
    return (110 + 40 * rough / rough.std()).clip(0, 255).astype(np.uint8)


def film(pan_px: int) -> Slide:
    """Frames of rough ground that comes in from the top by so many pixels a frame."""
    slide = Slide()
    for i in range(HZ * SECONDS):
        top = HEIGHT - pan_px * i
        slide.add(Frame(i, i / HZ, ground()[top : top + HEIGHT], WIDTH, HEIGHT))
    return slide


TIMES = np.arange(0, SECONDS - 0.2, 1 / HZ)


def test_a_pose_that_flies_while_the_picture_stands_has_slid():
    slid = film(0).by(Poses(telemetry(20.0)), TIMES)

    speed = (slid.metres[-1] - slid.metres[0]) / (TIMES[-1] - TIMES[0])
    assert speed == pytest.approx([0, 20], abs=0.3)
    assert slid.doubt_m[len(TIMES) // 2] == pytest.approx(20 * (SECONDS - 0.2) / 2, rel=0.1)


def test_a_pose_that_flies_as_the_picture_does_has_not():
    # 500 m up and 20 degrees wide: 0.551 m per pixel, three pixels a frame are 8.26 m/s.
    slid = film(3).by(Poses(telemetry(8.26)), TIMES)

    assert np.abs(slid.metres).max() < 1.0 and slid.doubt_m.max() < 1.0


def test_a_car_that_stands_in_a_sliding_pose_has_no_speed_and_is_less_sure():
    hits = [Hit(i, i / HZ, 200.0, 100.0, 20.0, 10.0, 1, 0.9) for i in range(HZ * SECONDS)]
    poses = Poses(telemetry(20.0))

    seen = on_the_ground(hits, (WIDTH, HEIGHT), poses, film(0))
    blind = on_the_ground(hits, (WIDTH, HEIGHT), poses, Slide())

    middle = len(hits) // 2
    assert blind.way.speed_mps[middle] == pytest.approx(20, abs=1)
    assert seen.way.speed_mps[middle] < seen.way.speed_sigma_mps[middle] < 5
    assert seen.places.ce90_m[middle] > blind.places.ce90_m[middle] + 30


def test_without_pictures_or_poses_nothing_slides():
    for slide, poses in ((Slide(), Poses(telemetry(20.0))), (film(0), Poses(telemetry(20.0).slice(0, 0)))):
        slid = slide.by(poses, TIMES)
        assert not slid.metres.any() and not slid.doubt_m.any()
