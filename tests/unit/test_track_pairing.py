"""The pieces of pairing that are written out because they compile quicker so."""

import numpy as np
from truceline.track.associate import _by_root, _distinct


def test_distinct_numbers_come_sorted_as_numpy_sorts_them():
    rng = np.random.default_rng(1)
    for size in range(20):
        values = rng.integers(0, 9, size)

        assert _distinct(values).tolist() == np.unique(values).tolist()
        assert _by_root(values, 9).tolist() == np.argsort(values, kind="stable").tolist()
