"""One more date of a radar series: score it, follow its alerts, and learn from it."""

import numpy as np
from numpy.typing import NDArray

from truceline.detect import backscatter
from truceline.detect.alert_objects import follow_objects
from truceline.detect.history import History, Stamp
from truceline.detect.lifecycle import advance
from truceline.geo.raster import Float32


def observe(history: History, stamp: Stamp, powers: Float32) -> None:
    """Take in one date: score it, advance the alerts, then learn from it.

    Parameters
    ----------
    history
        Changed in place.
    stamp
        The item; later than all before.
    powers
        Linear power, array (polarisations, height, width), NaN = no data.
    """
    item = len(history.stamps)
    observed = ~np.isnan(powers[0])
    known = observed & (history.fed > 0)
    level = backscatter.smoothed_db(powers)
    quiet = backscatter.quiet_pixels(known, history.life.is_open)
    residual = np.where(observed, backscatter.without_weather(level - history.mean, quiet), np.float32(0))
    tested = observed & (history.seen >= history.settings.baseline) & (history.fed > 0)
    number = backscatter.deviation(residual, history.products, history.fed)
    history.score = backscatter.calibrated(number, tested, quiet, history.settings.far)
    born = advance(history.life, history.score, item, history.settings.confirm, history.settings.finish)
    exceeds = tested & (np.abs(np.nan_to_num(history.score)) >= 1)
    history.stamps.append(stamp)
    follow_objects(history, born, exceeds)
    _learn(history, observed & ~exceeds, residual)
    history.seen += observed
    history.level, history.residual = level, residual


def _learn(history: History, taken: NDArray[np.bool_], residual: Float32) -> None:
    """Let unchanged observations into the baseline (Welford's running mean and products)."""
    history.fed += taken
    step = np.where(taken, residual / np.maximum(history.fed, 1), np.float32(0))
    history.mean += step
    rest = residual - step
    pairs = [(0, 0)] if len(residual) == 1 else [(0, 0), (0, 1), (1, 1)]
    for layer, (one, two) in enumerate(pairs):
        history.products[layer] += np.where(taken, residual[one] * rest[two], np.float32(0))
