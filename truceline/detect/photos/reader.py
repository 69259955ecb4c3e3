"""A drone photo as it is placed: what it says about itself, and its picture in grey for matching."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from truceline.detect.pictures.reading import spread
from truceline.geo.photo_tags import PhotoTags, opened, read_tags

Grey = npt.NDArray[np.uint8]

MATCH_PX = 1000  # longer side of the picture that is matched


class Photo(NamedTuple):
    """One photo: its name, what it states, its picture in grey."""

    name: str
    tags: PhotoTags
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
        return Photo(name, tags, _grey(image))


def _grey(image: Image.Image) -> Grey:
    image.draft("L", (MATCH_PX, MATCH_PX))
    deep = image.mode.startswith(("I", "F"))  # thermal pictures of 16 bits
    small = Image.fromarray(spread(np.asarray(image, np.float32))) if deep else image.convert("L")
    longer = max(small.size)
    if longer > MATCH_PX:
        size = tuple(max(1, round(side * MATCH_PX / longer)) for side in small.size)
        small = small.resize((size[0], size[1]), Image.Resampling.BOX)
    return np.asarray(small)
