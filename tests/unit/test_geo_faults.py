"""Faults that a flight shows by itself, a lagging attitude, terrain, ranges that contradict."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from truceline.geo.camera import Camera, axes_of
from truceline.geo.flight_faults import flight_faults
from truceline.geo.pose import Angles, Ground
from truceline.geo.ranging import Sigma, reach
from truceline.geo.steady import steadied
from truceline.geo.terrain import Terrain
from truceline.model.errors import BadInput

RNG = np.random.default_rng(5)


def flight(count: int = 300, step_s: float = 0.2, speed_mps: float = 50.0):
    """Straight north at 47 degrees: latitude, longitude, time."""
    at_s = np.arange(count) * step_s
    return 47.0 + speed_mps * at_s / 111_132.0, np.full(count, 30.0), 1.7e9 + at_s


def faults(lat, lon, at_s, heading=0.0, pts=None):
    count = len(lat)
    nothing = np.full(count, np.nan)
    return flight_faults(lat, lon, at_s, nothing if pts is None else pts, np.full(count, heading), nothing)


def kinds(found) -> list[str]:
    return [one.kind for one in found.findings]


def test_clean_flight_has_no_findings():
    lat, lon, at_s = flight()

    found = faults(lat, lon, at_s, pts=at_s - at_s[0])

    assert (kinds(found), found.extra_m.max()) == ([], 0.0)


def test_position_that_stands_still_in_flight_is_frozen_and_widens_the_error():
    lat, lon, at_s = flight()
    lat[100:150] = lat[100]

    found = faults(lat, lon, at_s)

    first = found.findings[0]
    assert (first.kind, first.first_packet, first.last_packet) == ("gnss_frozen", 100, 149)
    assert found.extra_m[149] == pytest.approx(50 * 49 * 0.2, rel=0.05)


def test_hovering_is_not_frozen():
    _, lon, at_s = flight()

    assert kinds(faults(np.full(300, 47.0), lon, at_s)) == []


def test_position_that_jumps_is_named_and_both_sides_are_covered():
    lat, lon, at_s = flight()
    lon[200:] += 0.02  # 1.5 km

    found = faults(lat, lon, at_s)

    assert kinds(found) == ["gnss_jump"]
    assert found.findings[0].first_packet == 200
    assert found.extra_m[250] == pytest.approx(1520, rel=0.02)
    assert found.extra_m[199] == 0


def test_heading_against_the_course_is_reversed():
    found = faults(*flight(), heading=182.0)

    assert kinds(found) == ["yaw_180"]
    assert found.reversed.all()


def test_clock_that_steps_against_the_video_is_named():
    lat, lon, at_s = flight()
    pts = at_s - at_s[0]
    at_s[120:] += 2.5

    assert kinds(faults(lat, lon, at_s, pts=pts)) == ["clock_step"]


def test_packets_that_become_rare_are_named():
    lat, lon, at_s = flight(600)
    keep = (np.arange(600) < 300) | (np.arange(600) >= 450) | (np.arange(600) % 5 == 0)

    (found,) = faults(lat[keep], lon[keep], at_s[keep]).findings

    assert found.kind == "packet_rate"
    assert 280 <= found.first_packet <= 310


def lagging(seed: int, lag: float) -> tuple[Angles, np.ndarray, np.ndarray]:
    """A turret that looks north-east and 30 degrees down while the aircraft rolls and turns."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(400) * 0.2
    heading = 20 * np.sin(at_s / 3) + 200
    roll = 15 * np.sin(at_s / 2)

    def attitude(when):
        return 20 * np.sin(when / 3) + 200, np.zeros_like(when), 15 * np.sin(when / 2)

    level = axes_of(np.full(400, 45.0) + at_s, 0 * at_s, 0 * at_s, 0 * at_s, 0 * at_s - 30, 0 * at_s)
    platform = axes_of(heading, 0 * at_s, roll, 0 * at_s, 0 * at_s, 0 * at_s)
    seen = np.einsum("nji,njk->nik", platform, level)
    azimuth = np.degrees(np.arctan2(seen[:, 1, 0], seen[:, 0, 0]))
    elevation = np.degrees(-np.arcsin(seen[:, 2, 0]))
    old = attitude(at_s - 0.2 * lag * rng.uniform(0, 1, 400))
    return Angles(old, (azimuth, elevation, 0 * at_s)), at_s, level


def unknown(at_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.full(len(at_s), np.nan), np.full(len(at_s), np.nan)


def off_deg(axes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip(np.sum(axes[:, :, 0] * truth[:, :, 0], 1), -1, 1)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_attitude_that_lags_by_part_of_a_packet_is_put_right(seed):
    angles, at_s, truth = lagging(seed, 1.0)

    found = steadied(angles, at_s, *unknown(at_s))

    raw = off_deg(axes_of(*angles.platform, *angles.sensor), truth)
    assert found.is_corrected
    assert np.percentile(off_deg(found.axes, truth), 90) < 0.4 * np.percentile(raw, 90)


def test_jitter_that_the_slant_range_confirms_is_left_alone():
    angles, at_s, _ = lagging(1, 1.0)
    down = axes_of(*angles.platform, *angles.sensor)[:, 2, 0]

    # The camera truly jerks: level ground 1000 m below is where the range says, packet by packet.
    found = steadied(angles, at_s, np.full(len(at_s), 1000.0), 1000.0 / down)

    assert not found.is_corrected


def test_attitude_of_the_moment_is_left_alone():
    angles, at_s, truth = lagging(1, 0.0)

    found = steadied(angles, at_s, *unknown(at_s))

    assert not found.is_corrected
    assert off_deg(found.axes, truth).max() < 1e-4


def looking_down(depression_deg: float, count: int = 40) -> Camera:
    zero = np.zeros(count)
    axes = axes_of(zero + 90, zero, zero, zero, zero - depression_deg, zero)
    return Camera(zero + 47, zero + 30, zero + 1100, axes, zero + 10, zero + 8)


def test_flat_sight_believes_the_slant_range_and_a_steep_one_the_ground():
    ground = Ground(np.full(40, 1100.0), np.full(40, 100.0), np.full(40, "stated"))
    sigma = np.full(40, 0.06)
    for depression, wrong in ((15.0, 1.01), (80.0, 1.002)):
        camera, exact = looking_down(depression), 1000 / np.sin(np.radians(depression))

        found = reach(camera, ground, np.full(40, exact * wrong), Sigma(sigma, np.zeros(40)))

        share = (found.range_m[0] - exact) / (exact * (wrong - 1))
        assert share > 0.9 if depression < 45 else share > 0.5


def test_range_and_ground_that_contradict_each_other_widen_the_error():
    ground = Ground(np.full(40, 1100.0), np.full(40, 100.0), np.full(40, "stated"))
    camera, sigma = looking_down(45.0), np.full(40, 0.06)

    good, bad = (reach(camera, ground, np.full(40, r), Sigma(sigma, np.zeros(40))) for r in (1414.2, 1700.0))

    assert bad.ce90_m[0] > good.ce90_m[0] + 100
    assert 1414 < bad.range_m[0] < 1700


@pytest.fixture
def slope(tmp_path: Path) -> Path:
    """Ground that rises by 0.1 m per metre to the east, from 100 m at 30.0 degrees."""
    step = 0.0005
    lon = 29.9 + step * (np.arange(400) + 0.5)
    heights = np.tile(100 + 0.1 * (lon - 30.0) * 76_056.0, (400, 1)).astype("f4")  # metres a degree at 47
    path = tmp_path / "dem.tif"
    shape = {"driver": "GTiff", "width": 400, "height": 400, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", crs=4326, transform=Affine(step, 0, 29.9, 0, -step, 47.1), **shape) as made:
        made.write(heights, 1)
    return path


def test_sight_meets_the_slope_where_geometry_says(slope):
    camera = looking_down(30.0, 3)

    range_m = Terrain(slope, camera.lat_deg, camera.lon_deg).cut(camera, camera.axes[:, :, 0])

    # 1000 m above the foot of a slope of 0.1: d sin 30 = 1000 - 0.1 d cos 30.
    assert range_m == pytest.approx(1000 / (0.5 + 0.1 * np.cos(np.radians(30))), rel=2e-3)


def test_terrain_elsewhere_or_of_another_kind_is_refused(slope, tmp_path):
    with pytest.raises(BadInput, match="does not cover"):
        Terrain(slope, np.array([10.0]), np.array([10.0]))
    (tmp_path / "x.tif").write_bytes(b"hello")
    with pytest.raises(BadInput):
        Terrain(tmp_path / "x.tif", np.array([47.0]), np.array([30.0]))
