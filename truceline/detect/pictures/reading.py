"""Picture files as pixels: 8 bit, grey or colour, as stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from truceline.detect.pictures.finder import Picture
from truceline.detect.pictures.frames import FRAME_PIXELS
from truceline.geo.photo_tags import opened
from truceline.model.errors import BadInput

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
THERMAL_PX = (640, 512)
GREY_LEVELS = 2.0  # mean difference of the colours of a grey picture stored in colour
SPREAD = (0.5, 99.5)  # percentiles that become black and white


class Still(NamedTuple):
    """A picture in colour (h, w, 3), and whether it is a thermal one."""

    pixels: Picture
    is_thermal: bool

    def grey(self) -> Picture:
        """Give the picture without its colours (h, w, 1)."""
        return np.ascontiguousarray(self.pixels[..., :1])


def read_picture(path: Path) -> Still:
    """Read a picture; EXIF orientation is not applied (contract drone, section 4).

    Raises
    ------
    BadInput
        If it cannot be read, or is too large.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(path.name, f"cannot be read: {error.strerror}") from error
    with opened(path.name, data) as image:
        if image.width * image.height > FRAME_PIXELS:
            raise BadInput(path.name, f"{image.width} x {image.height} pixels are too many")
        if image.mode.startswith(("I", "F")):
            pixels = np.repeat(spread(np.asarray(image, np.float32))[..., None], 3, axis=2)
        else:
            pixels = np.asarray(image.convert("RGB"))
    return Still(pixels, pixels.shape[1::-1] == THERMAL_PX and is_grey(pixels))


def spread(values: np.ndarray) -> Picture:
    """Make 8 bits (h, w) of more: almost the darkest becomes black, almost the brightest white."""
    known = values[np.isfinite(values)]
    dark, bright = np.percentile(known, SPREAD) if known.size else (0.0, 1.0)
    grey = np.clip((np.nan_to_num(values) - dark) / max(float(bright - dark), 1e-6), 0, 1) * 255
    return np.asarray(grey.astype(np.uint8))


def is_grey(pixels: Picture) -> bool:
    """Tell whether a picture in colour (h, w, 3) has no colours."""
    sample = pixels[::4, ::4].astype(np.int16)
    off = np.abs(sample[..., 1:] - sample[..., :1])
    return float(off.mean()) <= GREY_LEVELS
