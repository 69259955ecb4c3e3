"""A drone photo as it is placed: what it says about itself, and its picture in grey for matching."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from truceline.geo.photo_tags import opened, read_tags

Grey = npt.NDArray[np.uint8]

MATCH_PX = 1000  # longer side of the picture that is matched


class Photo(NamedTuple):
    """One photo; see :class:`truceline.geo.photo_tags.PhotoTags` for what it states."""

    name: str
    time: datetime | None
    width_px: int
    height_px: int
    orientation: int
    focal_px: float
    lat_deg: float
    lon_deg: float
    above_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    grey: Grey


def read_photo(name: str, data: bytes) -> Photo:
    """Read one photo.

    Raises
    ------
    BadInput
        If it is no picture, or larger than 200 megapixels.
    """
    with opened(name, data) as image:
        tags = read_tags(image, data)
        return Photo(name, *tags, _grey(image))


def _grey(image: Image.Image) -> Grey:
    image.draft("L", (MATCH_PX, MATCH_PX))
    small = image.convert("L")
    longer = max(small.size)
    if longer > MATCH_PX:
        size = tuple(max(1, round(side * MATCH_PX / longer)) for side in small.size)
        small = small.resize((size[0], size[1]), Image.Resampling.BOX)
    return np.asarray(small)
