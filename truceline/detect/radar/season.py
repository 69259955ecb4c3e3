"""What the parts of a scene did together on past dates: soaked and drying fields, seasons, orbits.

A field that stood out on another wet date, or seen from the same orbit, stands out again. The changes of
small blocks are explained, tile by tile, as a sum of the maps of some past dates (ridge regression, Hoerl and
Kennard, Technometrics 12, 1970), so that the dates which resemble this one count and the others do not.
A place that changed today is on none of the maps and stays.
"""

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB
from truceline.detect.radar.weather import BLOCK_PX, MEDIAN_OF_NORMAL, Share, Surface, median_code
from truceline.geo.loops import njit

MAPS = 8  # past dates that are remembered
STEP = STEPS_PER_DB / 20.0  # codes in a step of a map: 6.35 dB fit into 8 bits
MOST = 127
TILE_BLOCKS = 32  # 128 px, nearly 4 km: soil and weather are one over such a tile and its neighbours
RIDGE = 0.1  # of the mean square of the maps: below it they tell nothing
STRANGE = 4.0  # standard deviations from which on a block tells nothing
PASSES = 2

Maps = NDArray[np.int8]


def no_maps(shape: tuple[int, int], layers: int) -> Maps:
    """Begin without a past: maps (MAPS, polarisations, blocks down, blocks across) of nothing.

    Parameters
    ----------
    shape
        Height and width of the scene, pixels.
    layers
        Polarisations.
    """
    return np.zeros((MAPS, layers, *(-(-side // BLOCK_PX) for side in shape)), np.int8)


def expected(
    maps: Maps, sums: NDArray[np.int32], counts: NDArray[np.int32], trend: Surface, share: Share = map
) -> Surface:
    """Explain how far the blocks are off the weather by the maps of past dates.

    Parameters
    ----------
    maps
        See :func:`no_maps`.
    sums, counts
        Sum of the changes in each block off its history, codes, (polarisations, blocks down, blocks across),
        and its pixels; a block with none tells nothing.
    trend
        The weather.
    share
        How the work on the polarisations is shared out, as ``map``.

    Returns
    -------
    numpy.ndarray
        The part that past dates explain, codes, (polarisations, blocks down, blocks across).
    """
    told = np.zeros_like(trend)
    if maps.any() and counts.any():
        known = (counts > 0).astype(np.float32)
        layers = (maps.swapaxes(0, 1), sums, trend, told)
        list(share(lambda past, own, smooth, out: _explain(past, own, counts, known, smooth, out), *layers))
    return told


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def remember(
    maps: Maps, date: int, sums: NDArray[np.int32], free: NDArray[np.int32], counts: NDArray[np.int32],
    trend: Surface,
) -> None:  # fmt: skip
    """Put how far the blocks were off the weather in the place of the oldest map.

    Parameters
    ----------
    maps
        Changed in place.
    date
        Number of the date, from 0.
    sums, free
        Sum of the changes of the pixels without an open alert, codes, and their number.
    counts
        Pixels in each block; those under an alert count as having followed the weather.
    trend
        The weather.
    """
    own, most = maps[date % MAPS], np.float32(MOST)
    for layer in range(trend.shape[0]):
        for row in range(counts.shape[0]):
            for block in range(counts.shape[1]):
                off = np.float32(sums[layer, row, block]) - free[row, block] * trend[layer, row, block]
                steps = np.rint(off / (np.float32(STEP) * max(counts[row, block], 1)))
                own[layer, row, block] = np.int8(min(max(steps, -most), most))


def _explain(
    maps: Maps, sums: NDArray[np.int32], counts: NDArray[np.int32], known: NDArray[np.float32],
    trend: NDArray[np.float32], told: NDArray[np.float32],
) -> None:  # fmt: skip
    off = np.empty_like(trend)
    _take_off(sums, counts, trend, off)
    usual = float(median_code(np.abs(off), known)) / MEDIAN_OF_NORMAL
    reach = np.float32(STRANGE * max(usual, 1.0))
    tiles = tuple(-(-side // TILE_BLOCKS) for side in off.shape)
    shares = np.zeros((*tiles, MAPS), np.float32)
    for _ in range(PASSES):
        products = np.zeros((*tiles, MAPS, MAPS + 1), np.float64)
        _multiply(maps, off, known, shares, reach, products)
        shares = _solved(products)
    _sum_up(maps, shares, told)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _take_off(
    sums: NDArray[np.int32], counts: NDArray[np.int32], trend: NDArray[np.float32], off: NDArray[np.float32]
) -> None:
    for row in range(off.shape[0]):
        for block in range(off.shape[1]):
            mean = np.float32(sums[row, block]) / np.float32(max(counts[row, block], 1))
            off[row, block] = mean - trend[row, block] if counts[row, block] > 0 else np.float32(0)


def _solved(products: NDArray[np.float64]) -> NDArray[np.float32]:
    """Solve the ridge regression of each tile, to which the tiles around it count too."""
    around = np.zeros_like(products)
    padded = np.pad(products, ((1, 1), (1, 1), (0, 0), (0, 0)))
    for down in range(3):
        for across in range(3):
            around += padded[down : down + products.shape[0], across : across + products.shape[1]]
    squares, ends = around[..., :MAPS], around[..., MAPS]
    mean = np.trace(squares, axis1=-2, axis2=-1) / MAPS
    firm = (RIDGE * mean + 1.0)[..., None, None] * np.eye(MAPS)
    return np.asarray(np.linalg.solve(squares + firm, ends[..., None])[..., 0], np.float32)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _multiply(
    maps: Maps, off: NDArray[np.float32], known: NDArray[np.float32], shares: NDArray[np.float32],
    reach: np.float32, products: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add up the products of the maps with each other and with today, tile by tile.

    Blocks far off what the maps explain so far count less (Tukey's biweight).
    """
    height, width = off.shape
    weight = np.empty(TILE_BLOCKS, np.float32)
    own = np.empty((MAPS + 1, TILE_BLOCKS), np.float32)
    for row in range(height):
        for across in range(shares.shape[1]):
            left = TILE_BLOCKS * across
            size = min(TILE_BLOCKS, width - left)
            share, total = shares[row // TILE_BLOCKS, across], products[row // TILE_BLOCKS, across]
            _strangeness(maps[:, row, left:], off[row, left:], share, own, weight[:size])
            for block in range(size):
                near = weight[block] / reach
                near = max(np.float32(1) - near * near, np.float32(0))
                weight[block] = near * near * known[row, left + block]
            for one in range(MAPS):
                for two in range(one, MAPS + 1):
                    product = np.float32(0)
                    for block in range(size):
                        product += weight[block] * own[one, block] * own[two, block]
                    total[one, two] += product
    for down in range(shares.shape[0]):
        for across in range(shares.shape[1]):
            for one in range(MAPS):
                for two in range(one):
                    products[down, across, one, two] = products[down, across, two, one]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _strangeness(
    maps: Maps, off: NDArray[np.float32], share: NDArray[np.float32], own: NDArray[np.float32],
    strange: NDArray[np.float32],
) -> None:  # fmt: skip
    """Lay the maps and today out side by side; tell how far today is off what the maps explain."""
    for block in range(strange.shape[0]):
        own[MAPS, block] = strange[block] = off[block]
    for one in range(MAPS):
        for block in range(strange.shape[0]):
            own[one, block] = np.float32(STEP) * np.float32(maps[one, block])
            strange[block] -= share[one] * own[one, block]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _sum_up(maps: Maps, shares: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    line = np.empty(TILE_BLOCKS, np.float32)
    for row in range(out.shape[0]):
        for across in range(shares.shape[1]):
            left = TILE_BLOCKS * across
            size = min(TILE_BLOCKS, out.shape[1] - left)
            line[:] = 0
            for one in range(MAPS):
                part, own = shares[row // TILE_BLOCKS, across, one] * np.float32(STEP), maps[one, row, left:]
                for block in range(size):
                    line[block] += part * np.float32(own[block])
            for block in range(size):
                out[row, left + block] = line[block]
