"""The texture of a date: how waves, slicks and soil move neighbours and both polarisations together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB
from truceline.detect.radar.weather import BLOCK_PX, Surface

MOST_ROUGH = 20.0
FEW_BLOCKS, MANY_BLOCKS = 50, 1 << 16  # fewer tell nothing of the noise; more are not asked
NEAR_SHARE = 0.95  # of the blocks shows the noise; the others may have changed
TRIMS = 4
RIDGE = 0.02  # of the variances
LEAST_DB2 = 0.05  # variance of a pixel below which none is believed
LEAST_WEIGHT = 0.05  # of a polarisation, of that of the other


def roughness(
    sums: NDArray[np.int32],
    counts: NDArray[np.int32],
    trend: Surface,
    pooled_db2: Sequence[float],
    dates: int,
) -> NDArray[np.float32]:
    """Tell how much less a window of each polarisation tells than its pixels alone would let it.

    Noise that neighbouring pixels share does not average out over a window, nor does noise that both
    polarisations share over both. The weights for an equal change of both are those of the best linear
    unbiased estimate (Aitken, Proceedings of the Royal Society of Edinburgh 55, 1936), by the covariance of
    the blocks of this date.

    Parameters
    ----------
    sums, counts, trend
        As in :func:`~truceline.detect.radar.weather.surface`.
    pooled_db2
        The scene's usual variance, covariance, variance of a pixel.
    dates
        Dates in the history.

    Returns
    -------
    numpy.ndarray
        Variance that stands for a window over that of as many independent pixels, (polarisations,), 1 to
        MOST_ROUGH; 1 when fewer than FEW_BLOCKS blocks tell.
    """
    full = np.flatnonzero(2 * counts > BLOCK_PX**2)
    pols = len(sums)
    if dates < 1 or full.size < FEW_BLOCKS:
        return np.ones(pols, np.float32)
    told = full[:: -(-full.size // MANY_BLOCKS)]
    # Not by an index, which would lay the polarisations of a block side by side:
    mean = np.take(sums.reshape(pols, -1), told, axis=1) / counts.ravel()[told]
    off = mean - np.take(trend.reshape(pols, -1), told, axis=1)
    weight = np.linalg.solve(_covariance(off / STEPS_PER_DB), np.ones(pols))
    weight = np.maximum(weight, LEAST_WEIGHT * weight.max())
    usual = np.maximum(np.array(pooled_db2[::2][:pols]), LEAST_DB2) * (1 + 1 / dates)
    return np.asarray(np.clip(BLOCK_PX**2 / (weight * usual), 1, MOST_ROUGH), np.float32)


def _covariance(off_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate the covariance of most of the blocks, dB²: those far off do not count.

    Sums go without the library of linear algebra, whose threads wait for each other longer than they work.
    """
    near = np.ones(off_db.shape[1], np.float64)
    last = int(NEAR_SHARE * (len(near) - 1))
    for trim in range(TRIMS):
        count = near.sum()
        apart = off_db - (off_db * near).sum(axis=1, keepdims=True) / count
        covariance = np.einsum("ib,jb->ij", apart * near, apart) / max(count - 1, 1)
        covariance += RIDGE * np.diag(np.diag(covariance)) + LEAST_DB2 / BLOCK_PX**2 * np.eye(len(off_db))
        if trim < TRIMS - 1:
            turned = np.einsum("ij,jb->ib", np.linalg.inv(covariance), apart)
            distance = np.einsum("ib,ib->b", apart, turned)
            near = (distance <= np.partition(distance, last)[last]).astype(np.float64)
    return np.asarray(covariance)
