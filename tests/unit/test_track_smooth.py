"""What a track looks like in hindsight."""

import numpy as np
import pytest
from truceline.track.files.smooth import smooth_track


@pytest.mark.parametrize("bend_s", [1e9, 60.0])
def test_nineteen_of_twenty_errors_in_hindsight_lie_inside_the_ellipse_told_also_where_a_thing_weaves(bend_s):
    rng, inside = np.random.default_rng(4), []
    time, grid = np.arange(0, 900, 10.0), np.arange(45, 860, 30.0)

    def place(t):
        return np.stack([12 * t, 12 * bend_s / 2 * np.sin(2 * t / bend_s)], 1)

    for _ in range(30):
        z = np.full((len(time), 8), np.nan)
        z[:, :2] = place(time) + rng.normal(0, 20, (len(time), 2))
        z[:, 2:5] = 400.0, 400.0, 0.0

        rows = smooth_track(time, z, grid)

        error = rows[:, :2] - place(grid)
        spread = rows[:, [2, 4, 4, 3]].reshape(-1, 2, 2)
        inside += (np.einsum("ni,nij,nj->n", error, np.linalg.inv(spread), error) < 5.991).tolist()
    assert 0.9 < np.mean(inside) < 0.99
