"""Faces and number plates made unreadable in pictures that are shown or leave.

Nobody has to find a face or a plate for that: what a person or a vehicle is drawn with is made so coarse
that neither can be read, and where telemetry tells the scale, the whole picture is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

FINEST_M = 0.04  # of ground per pixel: a face is 0.15 m wide, a letter of a plate 0.05 m
PERSON_PX, THING_PX = 20, 48  # longest side of a box in coarse pixels: a face is 3, a plate 6 of them
REACH = 0.15  # of the box's sides: boxes are not exact


class Veiled(NamedTuple):
    """A box to be made coarse: left, top, width, height in pixels, and whether it is a person's."""

    x_px: float
    y_px: float
    w_px: float
    h_px: float
    is_person: bool


def veil(picture: Image.Image, boxes: Sequence[Veiled], metres_per_pixel: float) -> Image.Image:
    """Give a copy of a picture in which faces and plates cannot be read.

    Parameters
    ----------
    picture
        In full size.
    boxes
        Persons, vehicles, and what may be either.
    metres_per_pixel
        NaN where it is not known.
    """
    out = picture.copy()
    if np.isfinite(metres_per_pixel) and 0 < metres_per_pixel < FINEST_M:
        _coarsen(out, (0, 0, out.width, out.height), metres_per_pixel / FINEST_M)
    for box in boxes:
        reach = REACH * box.w_px, REACH * box.h_px
        left, top = max(0, round(box.x_px - reach[0])), max(0, round(box.y_px - reach[1]))
        right = min(out.width, round(box.x_px + box.w_px + reach[0]))
        bottom = min(out.height, round(box.y_px + box.h_px + reach[1]))
        most = PERSON_PX if box.is_person else THING_PX
        if right > left and bottom > top:
            _coarsen(out, (left, top, right, bottom), most / max(box.w_px, box.h_px, 1.0))
    return out


def _coarsen(picture: Image.Image, area: tuple[int, int, int, int], share: float) -> None:
    """Average an area to a share of its pixels and draw it again in its size: what was finer is gone."""
    if share >= 1:
        return
    size = area[2] - area[0], area[3] - area[1]
    small = max(1, int(size[0] * share)), max(1, int(size[1] * share))
    part = picture.crop(area).resize(small, Image.Resampling.BOX)
    picture.paste(part.resize(size, Image.Resampling.BILINEAR), area[:2])
