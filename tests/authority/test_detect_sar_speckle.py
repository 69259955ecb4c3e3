"""Made-up scenes have the speckle that the literature describes; unchanged pixels keep to --far."""

import numpy as np
from pytest import approx
from truceline.detect.radar.backscatter import encode
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.series import observe
from truceline.geo.raster import read_single
from truceline.model.place import utc_time
from truceline.sim.scene import Ground, write_scene

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=160, seed=3)


def powers(seed: int) -> np.ndarray:
    rng = np.random.default_rng([9, seed])
    return (10 ** (GROUND.levels_db() / 10) * rng.gamma(8, 1 / 8, (2, 160, 160))).astype(np.float32)


def test_speckle_of_a_written_scene_is_gamma_with_its_looks(tmp_path):
    # Oliver and Quegan, Understanding SAR Images, section 4.3: multilook intensity over its mean is gamma
    # distributed with mean 1 and variance 1 / looks. Tolerance: four standard errors of 25,600 pixels.
    write_scene(tmp_path, "a", utc_time("2026-05-01T00:00:00Z"), GROUND, seed=1, looks=5.0)

    _, pixels = read_single(tmp_path / "a_vv.tif")
    speckle = pixels / 10 ** (GROUND.levels_db()[0] / 10)

    assert speckle.mean() == approx(1, abs=4 * np.sqrt(0.2 / 25_600))
    assert 1 / speckle.var() == approx(5, rel=0.08)
    assert ((speckle - 1) ** 3).mean() / speckle.std() ** 3 == approx(2 / np.sqrt(5), abs=0.12)  # skewness


def test_unchanged_pixels_exceed_as_rarely_as_asked():
    # Contract satellite, section 1: "under no change a share --far of the pixels has |score| >= 1".
    history = History.new(SarSettings(far=0.02), GROUND.grid, ("vv", "vh"))
    shares = []
    for day in range(20):
        is_tested = history.is_testing
        observe(history, Stamp(str(day), utc_time(f"2026-05-{day + 1:02d}T00:00:00Z")), encode(powers(day)))
        if is_tested:
            shares.append(float((np.abs(history.scores()) >= 1).mean()))

    assert np.mean(shares) == approx(0.02, rel=0.35)


def test_rain_over_the_whole_scene_is_no_change():
    history = History.new(SarSettings(baseline=5), GROUND.grid, ("vv", "vh"))
    for day in range(12):
        rain = 10 ** (0.3 if day in (8, 9) else 0)  # 3 dB, as the real stacks hold
        stamp = Stamp(str(day), utc_time(f"2026-05-{day + 1:02d}T00:00:00Z"))
        observe(history, stamp, encode((powers(day) * rain).astype(np.float32)))

    assert (history.life.state == 2).mean() < 0.001
