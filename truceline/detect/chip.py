"""Pictures behind an alert: the place before and after, in the same greys."""

import io

import numpy as np
from PIL import Image

from truceline.geo.raster import Float32

MARGIN_PX = 16
SCALE = 4
GAP_PX = 8
MIN_SPAN_DB = 6.0  # so that a flat scene is not stretched into noise
_DARK, _BRIGHT = 2.0, 98.0  # percentiles of both pictures together


def before_and_after(before: Float32, after: Float32, box: tuple[int, int, int, int]) -> bytes:
    """Draw a place in two dates side by side, dark to bright, corners marking the box.

    Parameters
    ----------
    before, after
        dB, arrays (height, width); NaN = no data, drawn black.
    box
        First row, first column, last row + 1, last column + 1.

    Returns
    -------
    bytes
        PNG, the same bytes for the same pixels.
    """
    top, left = max(box[0] - MARGIN_PX, 0), max(box[1] - MARGIN_PX, 0)
    rows = slice(top, min(box[2] + MARGIN_PX, before.shape[0]))
    columns = slice(left, min(box[3] + MARGIN_PX, before.shape[1]))
    pair = np.stack([before[rows, columns], after[rows, columns]])
    known = pair[np.isfinite(pair)]
    dark, bright = np.percentile(known, [_DARK, _BRIGHT]) if known.size else (0.0, 1.0)
    bright = max(bright, dark + MIN_SPAN_DB)
    grey = np.clip(np.nan_to_num((pair - dark) / (bright - dark), nan=0.0), 0, 1) * 255
    enlarged = grey.astype(np.uint8).repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    for picture in enlarged:
        _mark(
            picture, *(SCALE * place for place in (box[0] - top, box[1] - left, box[2] - top, box[3] - left))
        )
    gap = np.zeros((enlarged.shape[1], GAP_PX), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(np.hstack([enlarged[0], gap, enlarged[1]])).save(stream, "PNG")
    return stream.getvalue()


def _mark(picture: np.ndarray, top: int, left: int, bottom: int, right: int) -> None:
    """Draw the corners of a box, white, an arm as long as a third of its side."""
    high, wide = max((bottom - top) // 3, SCALE), max((right - left) // 3, SCALE)
    for row in (top, bottom - 1):
        picture[row, left : left + wide] = picture[row, right - wide : right] = 255
    for column in (left, right - 1):
        picture[top : top + high, column] = picture[bottom - high : bottom, column] = 255
