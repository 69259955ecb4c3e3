"""Single pixels of a large scene are read strip by strip, and are those of the plane."""

import numpy as np
from truceline.detect import desk as room
from truceline.detect.desk import Desk


def test_single_pixels_of_a_large_scene_are_those_of_its_plane(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "IN_MEMORY_PX", 100)
    desk = Desk((300, 41), tmp_path)
    plane = desk.plane("i2")
    plane[...] = np.arange(300 * 41).reshape(300, 41) % 30_000
    places = np.sort(np.random.default_rng(0).choice(300 * 41, 200, replace=False))

    assert desk.is_large
    assert (desk.at(plane, places) == plane.ravel()[places]).all()
    assert len(desk.at(plane, places[:0])) == 0
    assert not list(tmp_path.iterdir())  # its files have no name
