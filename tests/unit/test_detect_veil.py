"""Faces and plates are unreadable in what is shown."""

import numpy as np
import pytest
from PIL import Image
from truceline.detect.pictures.veil import FINEST_M, PERSON_PX, THING_PX, Veiled, veil


def stripes(high=400, wide=400):
    pixels = np.zeros((high, wide, 3), np.uint8)
    pixels[:, ::2] = 255
    return Image.fromarray(pixels)


def contrast(picture, area):
    return float(np.asarray(picture.crop(area), float).std())


@pytest.mark.parametrize(("is_person", "most"), [(True, PERSON_PX), (False, THING_PX)])
def test_inside_a_box_nothing_fine_is_left(is_person, most):
    out = veil(stripes(), [Veiled(100, 100, 200, 200, is_person)], float("nan"))

    assert contrast(out, (110, 110, 290, 290)) < 15
    assert contrast(out, (0, 0, 60, 400)) > 120
    assert 200 / most > 2


def test_a_thing_of_few_pixels_stays_as_it_is():
    out = veil(stripes(), [Veiled(100, 100, 30, 30, False)], float("nan"))

    assert contrast(out, (100, 100, 130, 130)) > 120


def test_of_a_fine_picture_everything_is_made_coarse():
    out = veil(stripes(), [], FINEST_M / 8)

    assert contrast(out, (0, 0, 400, 400)) < 15


@pytest.mark.parametrize("metres_per_pixel", [float("nan"), 0.1])
def test_without_boxes_a_coarse_picture_stays_as_it_is(metres_per_pixel):
    assert veil(stripes(), [], metres_per_pixel).tobytes() == stripes().tobytes()


@pytest.mark.parametrize("box", [(-50, -50, 100, 100), (380, 380, 100, 100), (900, 900, 10, 10)])
def test_boxes_beyond_the_edge_do_no_harm(box):
    assert veil(stripes(), [Veiled(*box, True)], float("nan")).size == (400, 400)


def test_the_picture_given_is_left_alone():
    picture = stripes()

    veil(picture, [Veiled(0, 0, 400, 400, True)], 0.001)

    assert picture.tobytes() == stripes().tobytes()
