"""The pieces of pairing that are written out because they compile quicker so."""

import numpy as np
from truceline.track.pairing.associate import assign, by_root, distinct
from truceline.track.state.near import make_room


def test_distinct_numbers_come_sorted_as_numpy_sorts_them():
    rng = np.random.default_rng(1)
    for size in range(20):
        values, out, begin = rng.integers(0, 9, size), np.zeros(20, np.int64), np.zeros(10, np.int64)

        n = distinct(values, np.arange(size), out)

        assert out[:n].tolist() == np.unique(values).tolist()
        by_root(values, size, 9, begin, out)
        assert out[:size].tolist() == np.argsort(values, kind="stable").tolist()


def test_beyond_the_largest_cluster_the_likeliest_pairs_come_first_and_of_equal_ones_the_first():
    rng = np.random.default_rng(2)
    n = 200
    room = make_room(n, n, 2 * n, 150)
    track, row = np.repeat(np.arange(n), 2), np.minimum(np.arange(2 * n) // 2 + np.arange(2 * n) % 2, n - 1)
    room.track[:], room.row[:], room.score[:] = track, row, rng.integers(1, 9, 2 * n)

    assign(room, 2 * n, n, n)

    taken, expected = set(), np.full(n, -1)
    for k in np.argsort(-room.score, kind="stable"):
        if expected[row[k]] < 0 and track[k] not in taken:
            expected[row[k]] = k
            taken.add(track[k])
    assert room.chosen[:n].tolist() == expected.tolist()
