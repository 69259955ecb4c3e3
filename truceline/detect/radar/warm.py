"""Compile what a radar series needs before it is wanted."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from truceline.detect.radar.backscatter import encode
from truceline.detect.radar.bands import bands_of, score_band
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.history_file import load_history, save_history
from truceline.detect.radar.series import observe
from truceline.geo.raster import Grid

SIDE_PX = 40


def warm() -> None:
    """Compile, once per machine, what a series needs; a fresh machine takes half a minute over it."""
    grid = Grid("EPSG:32636", (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0), SIDE_PX, SIDE_PX)
    history = History.new(SarSettings(baseline=2), grid, ("vv", "vh"))
    first = datetime(2024, 1, 1, tzinfo=UTC)
    speckle = np.random.default_rng(0)  # a scene in which nothing moves has no season to explain
    for number, orbit in enumerate("aaaabb"):
        power = speckle.gamma(5, 0.02, (2, SIDE_PX, SIDE_PX)).astype(np.float32)
        observe(history, Stamp(str(number), first + timedelta(days=number), orbit=orbit), encode(power))
    score_band(history, slice(0, SIDE_PX), slice(0, SIDE_PX))
    bands_of(history, slice(0, SIDE_PX), slice(0, SIDE_PX))
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        save_history(history, Path(folder, "series"))
        load_history(Path(folder, "series"))
