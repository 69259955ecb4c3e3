"""How far one picture lies beside another, to a twentieth of a pixel, and putting it back.

Edges are matched, not brightness: each band gives a field of gradients, its strength limited so that no
bright roof outvotes a field's edge, and the fields are correlated over all bands (Fitch et al. 2002,
*Orientation correlation*). The peak is found to a fraction of a pixel by moving the second picture by
the estimate and asking again until nothing is left, which takes out the bias of a fitted parabola.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, shift

from truceline.detect.desk import Desk
from truceline.detect.optical.strips import strips
from truceline.geo.raster import Float32

MOST_PX = 5.0  # contract satellite, section 3
LEAST_PX = 0.3
_TILE_PX = 512
_TILES = 4  # per side: a larger scene is matched in sixteen places
_ROUNDS = 4
_HALO = 24
_ROWS_ENOUGH = 2048  # for the middle of a band
_NEAR_BONUS = 1.3  # a match out of reach must be so much better than the best within, to be believed

Complex = npt.NDArray[np.complex64]


def estimate_shift(before: Float32, after: Float32, desk: Desk | None = None) -> tuple[float, float]:
    """Measure by how much the content of ``after`` lies to the right of and below that of ``before``.

    Parameters
    ----------
    before, after
        Arrays (bands, height, width), NaN = no data.
    desk
        Where they lie, if it is to let go of what was read.

    Returns
    -------
    tuple
        ``x_px`` and ``y_px``; zero where neither picture has an edge.
    """
    tiles = []
    for rows, columns in _tiles(before.shape[1:]):
        tiles.append((before[:, rows, columns].copy(), after[:, rows, columns].copy()))
        if desk is not None:
            desk.let_go(rows.start, rows.stop)
    fields = [_field(one) for one, _ in tiles]
    x_px = y_px = 0.0
    for number in range(_ROUNDS):
        step = _peak(
            [
                (field, _field(moved(other, -x_px, -y_px)))
                for field, (_, other) in zip(fields, tiles, strict=True)
            ],
            _TILE_PX // 3 if number == 0 else 1,
        )
        x_px, y_px = x_px + step[0], y_px + step[1]
        if max(abs(x_px), abs(y_px)) > MOST_PX + 1:
            break
    return x_px, y_px


def moved(bands: Float32, x_px: float, y_px: float, desk: Desk | None = None) -> Float32:
    """Move a picture's content right and down by cubic splines; what comes from outside is NaN.

    Strip by strip: what a spline makes of a pixel hangs on others ever less, by a factor of 0.27 each
    (Unser 1999), and after ``_HALO`` rows not at all in single precision.
    """
    if x_px == 0 and y_px == 0:
        return bands
    height = bands.shape[1]
    desk = desk or Desk(bands.shape[1:])
    result: Float32 = desk.plane("f4", len(bands))
    middles = [_middle(band[:: max(1, height // _ROWS_ENOUGH)]) for band in bands]
    reach = _HALO + math.ceil(abs(y_px))
    for top, bottom in strips(height):
        first, until = max(top - reach, 0), min(bottom + reach, height)
        piece = _moved(bands[:, first:until], x_px, y_px, middles)
        result[:, top:bottom] = piece[:, top - first : bottom - first]
        # Cut edges lie farther from these rows than anything is moved: only the frame's own is unknown.
        desk.let_go(first, until)
    return result


def _moved(bands: Float32, x_px: float, y_px: float, middles: list[float]) -> Float32:
    lost = np.isnan(bands[0])
    result = np.empty_like(bands)
    for layer, (band, middle) in enumerate(zip(bands, middles, strict=True)):
        filled = np.where(lost, np.float32(middle), band)
        result[layer] = shift(filled, (y_px, x_px), order=3, mode="nearest")
    # A spline reaches over two pixels, and half a pixel at the frame is extrapolated at most.
    unknown = lost if not lost.any() else binary_dilation(lost, iterations=1)
    gone = shift(unknown.astype(np.float32), (y_px, x_px), order=0, mode="constant", cval=0.0) > 0.5
    rows, columns = np.arange(bands.shape[1]) - y_px, np.arange(bands.shape[2]) - x_px
    gone |= ((rows < -0.5) | (rows > bands.shape[1] - 0.5))[:, None]
    gone |= (columns < -0.5) | (columns > bands.shape[2] - 0.5)
    result[:, gone] = np.nan
    return result


def _tiles(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    ranges = []
    for length in shape:
        if length <= _TILE_PX:
            ranges.append([slice(0, length)])
            continue
        count = min(_TILES, -(-length // _TILE_PX))
        starts = np.linspace(0, length - _TILE_PX, count).astype(int)
        ranges.append([slice(int(start), int(start) + _TILE_PX) for start in starts])
    return [(rows, columns) for rows in ranges[0] for columns in ranges[1]]


def _field(bands: Float32) -> Complex:
    """Give the limited gradients of each band, zero where there is no data near."""
    fields = np.zeros(bands.shape, np.complex64)
    window = np.outer(np.hanning(bands.shape[1] + 2)[1:-1], np.hanning(bands.shape[2] + 2)[1:-1])
    for layer, band in enumerate(bands):
        down, right = np.gradient(band)
        known = np.isfinite(right) & np.isfinite(down)
        field = np.where(known, right, 0) + 1j * np.where(known, down, 0)
        strength = np.abs(field)
        limit = float(np.median(strength[known])) if known.any() else 0.0
        if limit == 0.0:
            limit = float(strength[known].mean()) if known.any() else 0.0
        if limit > 0.0:
            fields[layer] = field / (strength + limit) * window
    return fields


def _peak(pairs: list[tuple[Complex, Complex]], reach_px: int) -> tuple[float, float]:
    """Find where two sets of fields fit best, within a reach, by a parabola through the best place."""
    height, width = pairs[0][0].shape[1:]
    surface = np.zeros((height, width))
    for one, two in pairs:
        product = np.conj(np.fft.fft2(one)) * np.fft.fft2(two)
        surface += np.fft.ifft2(product.sum(axis=0)).real
    reach = min(reach_px + 1, max(min(height, width) // 3, 1), (min(height, width) - 1) // 2)
    near = np.fft.fftshift(surface)
    row, column = height // 2, width // 2
    near = near[row - reach : row + reach + 1, column - reach : column + reach + 1]
    if reach < 1 or not near.any():
        return 0.0, 0.0
    inner = near[1:-1, 1:-1]
    offsets = np.arange(-(reach - 1), reach)
    within = np.maximum(np.abs(offsets)[:, None], np.abs(offsets)) <= MOST_PX
    weighed = np.where(within, inner * _NEAR_BONUS, inner)
    best = np.unravel_index(int(np.argmax(weighed)), inner.shape)
    y, x = int(best[0]) + 1, int(best[1]) + 1
    return (
        x - reach + _vertex(near[y, x - 1], near[y, x], near[y, x + 1]),
        y - reach + _vertex(near[y - 1, x], near[y, x], near[y + 1, x]),
    )


def _vertex(left: float, middle: float, right: float) -> float:
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -1, 1))


def _middle(band: Float32) -> float:
    known = band[np.isfinite(band)]
    return float(np.median(known)) if known.size else 0.0
