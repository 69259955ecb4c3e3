"""How daylight pictures are looked at: the length of a car in them, and haze."""

import numpy as np
import pytest
from truceline.detect.pictures import looks
from truceline.detect.pictures.finder import NOTHING, Found
from truceline.detect.pictures.looks import BEST_PX, cleared, estimate

PICTURE = np.zeros((64, 64, 3), np.uint8)


def cars(*told: tuple[float, float]) -> Found:
    """Cars by length and score."""
    boxes = np.array([(0, 0, length, 1) for length, _ in told], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in told], np.float32)
    return Found(boxes, scores, np.zeros(len(told), np.int64), np.zeros(len(told), np.int64))


@pytest.fixture
def seen(monkeypatch):
    """What is found at each scale."""
    by_scale: dict[float, Found] = {}
    monkeypatch.setattr(looks, "find", lambda _name, _picture, scale, _least: by_scale.get(scale, NOTHING))
    return by_scale


def test_one_sure_car_outweighs_many_things_that_may_be_one(seen):
    seen[1.0] = cars((83, 0.88), (27, 0.44), (29, 0.42), (25, 0.4), (27, 0.4))
    seen[0.5] = cars((80, 0.8), (28, 0.31))

    assert estimate(PICTURE) == pytest.approx(80, rel=0.05)


def test_the_length_that_most_cars_have_is_that_of_a_car(seen):
    seen[1.0] = cars((40, 0.7), (42, 0.7), (41, 0.7), (88, 0.8))

    assert estimate(PICTURE) == pytest.approx(41, rel=0.05)


def test_a_picture_without_a_car_is_looked_at_as_it_is(seen):
    assert estimate(PICTURE) == BEST_PX


def test_what_the_network_knows_no_cars_of_tells_no_length(seen):
    seen[0.25] = cars((30, 0.9))

    assert estimate(PICTURE) == BEST_PX


def test_haze_is_taken_off_and_shades_keep_their_order():
    clear = np.random.default_rng(1).integers(20, 230, (64, 64, 3)).astype(np.uint8)
    hazy = (0.4 * clear + 130).astype(np.uint8)

    found = cleared(hazy).astype(float)

    assert np.abs(found - clear).mean() < 0.2 * np.abs(hazy.astype(float) - clear).mean()
    assert np.all(np.diff(found.ravel()[np.argsort(hazy, axis=None, kind="stable")]) >= 0)


@pytest.mark.parametrize(("dark", "bright"), [(0, 60), (20, 110), (70, 250)])
def test_dark_and_lively_pictures_stay_as_they_are(dark, bright):
    picture = np.random.default_rng(2).integers(dark, bright, (64, 64, 3)).astype(np.uint8)

    assert cleared(picture) is picture
