"""The weather follows rain and fronts but not places, and the noise is told by date and stretch."""

import numpy as np
import pytest
from truceline.detect.radar import restless, weather
from truceline.detect.radar.backscatter import STEPS_PER_DB

BLOCKS = (30, 40)
COUNTS = np.full(BLOCKS, 16, np.int32)


def sums(change_db: np.ndarray) -> np.ndarray:
    return np.rint(change_db * STEPS_PER_DB * 16).astype(np.int32)[None]


def surface(told: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return weather.surface(told, counts)


def laid(change_db: np.ndarray) -> np.ndarray:
    return surface(sums(change_db), COUNTS)[0] / STEPS_PER_DB


def noise(seed: int, spread_db: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread_db, BLOCKS)


def test_rain_over_a_part_of_the_scene_is_weather_up_to_its_edge():
    rain = np.where(np.arange(40) < 20, 3.0, 0.0) + np.zeros(BLOCKS)

    trend = laid(rain + noise(1))

    assert trend[:, :17].mean() == pytest.approx(3, abs=0.15)
    assert trend[:, 23:].mean() == pytest.approx(0, abs=0.15)
    doubt = weather.doubt(surface(sums(rain), COUNTS))[0]
    assert doubt[:, 19:21].min() > 10 * doubt[:, :12].max()


def test_a_changed_place_does_not_bend_the_weather_around_it():
    change = noise(2, 0.3)
    change[10:13, 10:13] += 5.0  # 12 x 12 pixels

    assert np.abs(laid(change) - laid(noise(2, 0.3)))[9:14, 9:14].max() < 0.12


def test_blocks_without_data_take_the_weather_of_the_scene():
    counts = COUNTS.copy()
    counts[:, 20:] = 0
    told = sums(np.full(BLOCKS, 2.0))
    told[:, :, 20:] = 0

    trend = surface(told, counts)

    assert trend / STEPS_PER_DB == pytest.approx(np.full((1, *BLOCKS), 2.0), abs=1e-3)
    assert not surface(told, np.zeros_like(counts)).any()


def test_a_restless_stretch_is_measured_by_itself_and_a_place_is_not():
    sizes = np.full(BLOCKS, 0.8)
    sizes[:, 25:] = 2.4
    sizes[10:13, 8:11] = 3.9

    wide = restless.restlessness(
        np.rint(sizes * 8 * restless.STEPS).astype(np.int32), np.full(BLOCKS, 8, np.int32)
    )

    assert wide[:, 30:] == pytest.approx(2.4 / (0.8 * restless.USUAL_SHARE), rel=0.02)
    assert (wide[:, :20] == 1).all()
