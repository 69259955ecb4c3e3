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
    first, whole = datetime(2024, 1, 1, tzinfo=UTC), slice(0, SIDE_PX)
    power = np.full((2, SIDE_PX, SIDE_PX), 0.1, np.float32)
    for number in range(3):
        observe(history, Stamp(str(number), first + timedelta(days=number)), encode(power))
    score_band(history, whole, whole)
    bands_of(history, whole, whole)
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        save_history(history, Path(folder, "series"))
        load_history(Path(folder, "series"))
