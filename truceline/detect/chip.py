"""Pictures behind an alert: the place before and after, in the same greys."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from truceline.geo.raster import Float32

MARGIN_PX = 16
SCALE = 4
GAP_PX = 8
MIN_SPAN_DB = 6.0  # so that a flat scene is not stretched into noise
_DARK, _BRIGHT = 2.0, 98.0  # percentiles of both pictures together
_FOOT_PX = 14
_BARS_M = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class Caption(NamedTuple):
    """What stands below: a text under each picture, and the width of a pixel for the scale bar."""

    before: str
    after: str
    pixel_m: float


def before_and_after(
    before: Float32,
    after: Float32,
    box: tuple[int, int, int, int],
    caption: Caption | None = None,
    least_span: float = MIN_SPAN_DB,
) -> bytes:
    """Draw a place in two dates side by side, dark to bright, corners marking the box.

    Parameters
    ----------
    before, after
        dB or brightness, arrays (height, width); NaN = no data, drawn black.
    box
        First row, first column, last row + 1, last column + 1.
    caption
        Dates and scale, drawn below.
    least_span
        Smallest span from dark to bright, in the units of the pictures.

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
    bright = max(bright, dark + least_span)
    grey = np.clip(np.nan_to_num((pair - dark) / (bright - dark), nan=0.0), 0, 1) * 255
    enlarged = grey.astype(np.uint8).repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    for picture in enlarged:
        _mark(
            picture, *(SCALE * place for place in (box[0] - top, box[1] - left, box[2] - top, box[3] - left))
        )
    gap = np.zeros((enlarged.shape[1], GAP_PX), np.uint8)
    pictures = np.hstack([enlarged[0], gap, enlarged[1]])
    if caption is not None:
        pictures = np.vstack([pictures, _foot(caption, enlarged.shape[2], pictures.shape[1])])
    stream = io.BytesIO()
    Image.fromarray(pictures).save(stream, "PNG")
    return stream.getvalue()


def _foot(caption: Caption, picture_px: int, width_px: int) -> NDArray[np.uint8]:
    """Write the two dates, and between them a bar of a round length with its metres."""
    foot = Image.new("L", (width_px, _FOOT_PX))
    pen, font = ImageDraw.Draw(foot), ImageFont.load_default_imagefont()
    fitting = [length for length in _BARS_M if length / caption.pixel_m * SCALE <= picture_px / 4]
    pen.text((1, 1), caption.before, fill=255, font=font)
    pen.text((picture_px + GAP_PX + 1, 1), caption.after, fill=255, font=font)
    if fitting:
        length = round(fitting[-1] / caption.pixel_m * SCALE)
        right = picture_px - 2
        pen.line((right - length, _FOOT_PX - 2, right, _FOOT_PX - 2), fill=255, width=2)
        text = f"{fitting[-1]} m"
        pen.text((right - pen.textlength(text, font=font), 0), text, fill=255, font=font)
    return np.asarray(foot)


def _mark(picture: np.ndarray, top: int, left: int, bottom: int, right: int) -> None:
    """Draw the corners of a box, white and black side by side, an arm as long as a third of its side."""
    high, wide = max((bottom - top) // 3, SCALE), max((right - left) // 3, SCALE)
    for inset, shade in ((1, 0), (0, 255)):  # one of the two shows on any ground
        for row in (top + inset, bottom - 1 - inset):
            picture[row, left : left + wide] = picture[row, right - wide : right] = shade
        for column in (left + inset, right - 1 - inset):
            picture[top : top + high, column] = picture[bottom - high : bottom, column] = shade
