"""What differs between two multispectral pictures: iteratively reweighted multivariate alteration detection.

Canonical correlation pairs the bands of two dates so that their differences carry change and nothing
that a gain or an offset per band could make; the pixels that look unchanged decide alone, in the end,
what unchanged means (Nielsen 2007, *IEEE Trans. Image Processing* 16(2)).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.ndimage import gaussian_filter, gaussian_filter1d, label
from scipy.special import chdtrc, gammaincinv

from truceline.detect.desk import Desk
from truceline.detect.optical.strips import strips
from truceline.geo.raster import Float32

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_ROUNDS = 50
_SETTLED = 1e-4  # largest step of a canonical correlation
_SAMPLE = 250_000  # pixels that the iteration looks at
_RIDGE = 1e-9
# A filling that both pictures share agrees better than any ground and would become the only measure.
_LEAST_UNCHANGED = 0.05
# Two pictures that fit perfectly have no unchanged differences to measure others by.
_LEAST_VARIANCE = 1e-6
_LEAST_STATISTIC = 1e-3
_BLUR_PX = 1.0
_HALO = 4  # pixels that the blur reaches
_TELLING = 4_000_000  # values are enough to choose a threshold from
_BINS = 512
_MIXTURE_ROUNDS = 150
_MIXTURE_SAMPLE = 20_000
# Objects reach from where they are sure to where they are likely, in ln χ²: at least, and in spreads.
_SURE, _LIKELY = 0.7, 0.3
_SURE_SPREADS, _LIKELY_SPREADS = 1.3, 0.55
# So far over what is usual lies hardly anything that did not change, and nothing at all.
_BULK_SPREADS, _TAIL_SPREADS = 2.0, 4.5
_NEVER = 1e-5  # share of unchanged pixels that chi-square lets reach so far
_MODE_BLUR = 0.12  # in ln χ²: wide enough for some hundred pixels
_ONE_SIGMA = 0.6827
LEAST_PX = 5
_EIGHT = np.ones((3, 3), np.int8)


def alteration(
    before: Float32, after: Float32, layers: Sequence[int], valid: Mask, desk: Desk | None = None
) -> Float32:
    """Measure the change of each pixel, strip by strip.

    Parameters
    ----------
    before, after
        Arrays (bands, height, width).
    layers
        Bands that count.
    valid
        Pixels to look at, array (height, width).
    desk
        Where the answer lies; None: in memory.

    Returns
    -------
    array
        (height, width): the natural logarithm of the sum of squared standardised differences, which is
        χ² with one degree of freedom per band where nothing changed, blurred over neighbours; NaN where
        not valid.
    """
    desk = desk or Desk(valid.shape)
    chosen = np.array(layers)
    scales = [_scale(bands, chosen, valid, desk) for bands in (before, after)]
    transform = _iterate(*_sample(before, after, chosen, valid, scales, desk))
    result: Float32 = desk.plane("f4")
    for top, bottom in strips(len(valid)):
        first, until = max(top - _HALO, 0), min(bottom + _HALO, len(valid))
        part = valid[first:until]
        one, two = (
            _standardised(bands[chosen, first:until][:, part], *scale)
            for bands, scale in zip((before, after), scales, strict=True)
        )
        field = np.zeros(part.shape)
        field[part] = np.log(np.maximum(_statistic(one, two, *transform), _LEAST_STATISTIC))
        weight = gaussian_filter(part.astype(np.float64), _BLUR_PX, radius=_HALO)
        blurred = gaussian_filter(field, _BLUR_PX, radius=_HALO) / np.maximum(weight, 1e-9)
        result[top:bottom] = np.where(part, blurred, np.nan)[top - first : bottom - first]
        desk.let_go(first, until)
    return result


def usual_of(values: Array) -> tuple[float, float]:
    """Find where what did not change lies, and how far it spreads.

    The most frequent logarithm of the lower half, since the middle one wanders off where much changed; the
    spread is one standard deviation below it, if the logarithms were normal: no change can be on that side.

    Parameters
    ----------
    values
        Logarithms from :func:`alteration`, array (n,).

    Returns
    -------
    tuple
        Most frequent logarithm and spread.
    """
    low, middle, high = np.quantile(values, (0.001, 0.5, 0.999))
    if high - low < _LEAST_STATISTIC:
        return float(middle), 0.0
    counts, edges = np.histogram(values, _BINS, range=(low, high))
    often = gaussian_filter1d(counts.astype(np.float64), _BINS * _MODE_BLUR / (high - low))
    at = int(np.argmax(np.where(edges[:-1] <= middle, often, -1)))
    usual = float(edges[at] + edges[at + 1]) / 2
    below = usual - values[values <= usual]
    return usual, float(np.quantile(below, _ONE_SIGMA)) if below.size else 0.0


def threshold_of(values: Array, bands: int, usual: float, spread: float) -> float:
    """Choose what counts as changed, without anybody's help.

    Three choices fail in different ways: Otsu's (1979) on the amplitude, which misses faint change where
    much changed; on its square root, which takes too much where little did; and where the uppermost of
    three Gaussians outweighs the others. What holds is half way between the second and the median of all.
    Where the second lies within the bulk of the scene it split what did not change, and only what the last
    sets apart far beyond the bulk counts.

    Parameters
    ----------
    values
        Logarithms from :func:`alteration`, array (n,).
    bands
        Number of bands that went in.
    usual, spread
        From :func:`usual_of`.
    """
    # Quantiles of chi-square; scipy.stats, which has them by that name, takes longer to import than a pair.
    never = np.log(gammaincinv(bands / 2, 1 - _NEVER) / gammaincinv(bands / 2, 0.5))
    if np.ptp(values) < _LEAST_STATISTIC:
        return float(usual + never)
    amplitude, root = (power * np.log(_otsu(np.exp(values / power))) for power in (2, 4))
    uppermost = _uppermost(values)
    if root < usual + _BULK_SPREADS * spread:
        return float(max(uppermost, usual + min(never, _TAIL_SPREADS * spread)))
    return float((root + np.median((amplitude, root, uppermost))) / 2)


def changed_pixels(logarithm: Float32, threshold: float, spread: float) -> Mask:
    """Mark objects: groups of likely pixels that hold a sure one and are not smaller than ``LEAST_PX``.

    Parameters
    ----------
    logarithm
        From :func:`alteration`.
    threshold
        From :func:`threshold_of`.
    spread
        From :func:`usual_of`: the rougher a scene, the further objects must reach and the wider they grow.
    """
    sure_at = threshold + max(_SURE, _SURE_SPREADS * spread)
    likely_at = threshold - max(_LIKELY, _LIKELY_SPREADS * spread)
    # What is no data is not above anything.
    groups, count = label(logarithm > likely_at, _EIGHT)
    sizes = np.zeros(count + 1, np.int64)
    sure = np.zeros(count + 1, bool)
    for top, bottom in strips(len(groups)):
        sizes += np.bincount(groups[top:bottom].ravel(), minlength=count + 1)
        sure[groups[top:bottom][logarithm[top:bottom] > sure_at]] = True
    keep = sizes >= LEAST_PX
    keep &= sure
    keep[0] = False
    return np.asarray(keep[groups])


def probability_of(logarithm: Float32, threshold: float, usual: float) -> Float32:
    """Estimate the probability of change: one half at the threshold, 0.02 at what is usual in the scene."""
    slope = 4.0 / max(threshold - usual, 1e-3)
    odds = np.exp(np.clip(slope * (logarithm - threshold), -30, 30))
    return np.asarray(odds / (1 + odds), np.float32)


def telling(logarithm: Float32, valid: Mask, desk: Desk) -> Array:
    """Take the values that the threshold is chosen from: all, or of a large scene every so many."""
    every = max(1, -(-int(valid.sum()) // _TELLING))
    found, passed = [], 0
    for top, bottom in strips(len(valid)):
        part = valid[top:bottom]
        found.append(logarithm[top:bottom][part][-passed % every :: every].astype(np.float64))
        passed += int(part.sum())
        desk.let_go(top, bottom)
    return np.concatenate(found)


def _scale(bands: Float32, chosen: npt.NDArray[np.intp], valid: Mask, desk: Desk) -> tuple[Array, Array]:
    """Give mean and spread of each band over the valid pixels, in two passes so that nothing cancels."""
    count = int(valid.sum())
    moments: list[Array] = []
    for power in (1, 2):
        total = np.zeros(len(chosen))
        for top, bottom in strips(len(valid)):
            pixels = bands[chosen, top:bottom][:, valid[top:bottom]].astype(np.float64)
            total += (pixels if power == 1 else (pixels - moments[0]) ** 2).sum(axis=1)
            desk.let_go(top, bottom)
        moments.append((total / count)[:, None])
    return moments[0], np.sqrt(moments[1])


def _sample(
    before: Float32, after: Float32, chosen: npt.NDArray[np.intp], valid: Mask,
    scales: Sequence[tuple[Array, Array]], desk: Desk,
) -> tuple[Array, Array]:  # fmt: skip
    """Take every so many valid pixels of both pictures, standardised."""
    every = max(1, -(-int(valid.sum()) // _SAMPLE))
    found: tuple[list[Array], list[Array]] = ([], [])
    passed = 0
    for top, bottom in strips(len(valid)):
        part = valid[top:bottom]
        for bands, scale, kept in zip((before, after), scales, found, strict=True):
            pixels = bands[chosen, top:bottom][:, part][:, -passed % every :: every]
            kept.append(_standardised(pixels, *scale))
        passed += int(part.sum())
        desk.let_go(top, bottom)
    return np.concatenate(found[0], axis=1), np.concatenate(found[1], axis=1)


def _standardised(pixels: Float32, mean: Array, spread: Array) -> Array:
    return np.asarray((pixels.astype(np.float64) - mean) / spread)


def _iterate(one: Array, two: Array) -> tuple[Array, Array, Array, Array, Array]:
    weight = np.ones(one.shape[1])
    before = np.zeros(len(one))
    for _ in range(_ROUNDS):
        *transform, correlation = _canonical(one, two, weight)
        variance = np.maximum(2 * (1 - correlation), _LEAST_VARIANCE)
        found = (transform[0], transform[1], transform[2], transform[3], variance)
        weight = chdtrc(len(one), _statistic(one, two, *found))  # how rarely chi-square reaches so far
        few = weight.sum() < 10 * len(one) or weight.mean() < _LEAST_UNCHANGED
        if few or np.abs(correlation - before).max() < _SETTLED:
            break
        before = correlation
    return found


def _canonical(one: Array, two: Array, weight: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Find the pairs of band mixtures that agree best: means, mixtures and correlations."""
    total = weight.sum()
    mean_one, mean_two = one @ weight / total, two @ weight / total
    left, right = one - mean_one[:, None], two - mean_two[:, None]
    own_left, own_right = (left * weight) @ left.T / total, (right * weight) @ right.T / total
    cross = (left * weight) @ right.T / total
    ridge = np.eye(len(one)) * _RIDGE
    root_left = cholesky(own_left + ridge * np.trace(own_left), lower=True)
    root_right = cholesky(own_right + ridge * np.trace(own_right), lower=True)
    half = solve_triangular(root_left, cross, lower=True)
    whitened = solve_triangular(root_right, half.T, lower=True).T
    turn, correlation, other = np.linalg.svd(whitened)
    return (
        mean_one,
        mean_two,
        solve_triangular(root_left.T, turn),
        solve_triangular(root_right.T, other.T),
        np.minimum(correlation, 1.0),
    )


def _statistic(
    one: Array, two: Array, mean_one: Array, mean_two: Array, mix_one: Array, mix_two: Array, variance: Array
) -> Array:
    difference = mix_one.T @ (one - mean_one[:, None]) - mix_two.T @ (two - mean_two[:, None])
    return np.asarray((difference**2 / variance[:, None]).sum(axis=0))


def _otsu(values: Array) -> float:
    counts, edges = np.histogram(values, _BINS)
    share, centre = counts / counts.sum(), (edges[1:] + edges[:-1]) / 2
    below, moment = np.cumsum(share), np.cumsum(share * centre)
    between = (moment[-1] * below - moment) ** 2 / np.maximum(below * (1 - below), 1e-12)
    return float(centre[int(np.argmax(between))])


def _uppermost(values: Array) -> float:
    """Fit two Gaussians to what did not change and one to what did; tell where the last takes over."""
    sample = np.sort(values)[:: max(1, values.size // _MIXTURE_SAMPLE)]
    first = 2 * np.log(_otsu(np.exp(sample / 2)))
    low, high = sample[sample <= first], sample[sample > first]
    if low.size < LEAST_PX or high.size < LEAST_PX:
        return float(first)
    mean = np.array([np.quantile(low, 0.4), np.quantile(low, 0.85), high.mean()])
    spread = np.array([low.std(), low.std(), high.std()]) + 1e-3
    share = np.array([0.6 * low.size, 0.4 * low.size, high.size]) / sample.size
    for _ in range(_MIXTURE_ROUNDS):
        density = np.log(share) - np.log(spread) - 0.5 * ((sample[:, None] - mean) / spread) ** 2
        density -= density.max(axis=1, keepdims=True)
        belongs = np.exp(density)
        belongs /= belongs.sum(axis=1, keepdims=True)
        size = belongs.sum(axis=0) + 1e-9
        share, mean = size / size.sum(), belongs.T @ sample / size
        spread = np.sqrt((belongs * (sample[:, None] - mean) ** 2).sum(axis=0) / size) + 1e-3
    last = int(np.argmax(mean))
    density = np.log(share) - np.log(spread) - 0.5 * ((sample[:, None] - mean) / spread) ** 2
    wins = (density.argmax(axis=1) == last) & (sample > np.delete(mean, last).max())
    return float(sample[wins].min()) if wins.any() else float(first)
