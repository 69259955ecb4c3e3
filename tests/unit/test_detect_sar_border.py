"""What lies at the edge of a radar scene and is no surface counts as no data."""

import numpy as np
import pytest
from truceline.detect.desk import STRIP_ROWS, Desk
from truceline.detect.radar.backscatter import UNSEEN, encode
from truceline.detect.radar.border import leave_border_out

NOISE, LAND, LAKE = 10**-4.5, 0.1, 10**-2.8
HIGH, WIDE = STRIP_ROWS + 40, 60


def unseen(power: np.ndarray) -> np.ndarray:
    return encode(np.stack([power, power / 4]).astype(np.float32))[0] == UNSEEN


def scene() -> np.ndarray:
    return np.full((HIGH, WIDE), LAND)


@pytest.mark.parametrize(
    "edge", [np.s_[:7], np.s_[-7:], np.s_[:, :7], np.s_[:, -7:], np.s_[: STRIP_ROWS + 9]]
)
def test_what_is_too_faint_for_a_surface_is_left_out_at_each_edge(edge):
    power, noise = scene(), np.zeros((HIGH, WIDE), bool)
    power[edge], noise[edge] = NOISE, True

    np.testing.assert_array_equal(unseen(power), noise)


def test_it_is_left_out_beside_no_data_too():
    power = scene()
    slanted = np.add.outer(np.arange(HIGH), np.zeros(WIDE, int)) // 4
    power[np.arange(WIDE) < slanted + 5] = NOISE
    power[np.arange(WIDE) < slanted] = np.nan

    np.testing.assert_array_equal(unseen(power), np.arange(WIDE) < slanted + 5)


def test_calm_water_at_the_edge_and_dark_ground_within_stay():
    power = scene()
    power[:, :20] = LAKE
    power[50:60, 30:40] = NOISE

    assert not unseen(power).any()


def test_one_polarisation_that_returns_something_keeps_a_pixel():
    codes = np.full((2, 4, 6), -40, np.int16)
    codes[1, :, 1:] = -20

    leave_border_out(codes, -35, UNSEEN, Desk((4, 6)))

    assert (codes[:, :, 0] == UNSEEN).all()
    assert (codes[1, :, 1:] == -20).all()
