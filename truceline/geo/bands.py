"""Rasters of several bands: read whole or strip by strip, what is no data becoming NaN."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.errors import RasterioError
from rasterio.windows import Window

from truceline.geo.raster import Float32, Grid, grid_of, open_raster
from truceline.model.errors import BadInput
from truceline.model.place import utc_time

SUFFIXES = (".tif", ".tiff")
COLOURS = ("blue", "green", "red", "nir08", "swir16", "swir22")  # in the order of their wavelengths
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)(?:[T_ ]?(\d\d)[:-]?(\d\d)(?:[:-]?(\d\d))?Z?)?(?!\d)"
)


class Bands:
    """An open raster of several bands.

    Attributes
    ----------
    grid
        Where its pixels lie.
    names
        Descriptions of its bands, lower case, empty where there is none.
    time_utc
        When it was taken, if its tags or its name say so.
    """

    def __init__(self, source: Any, path: Path) -> None:
        self._source, self._path = source, path
        self.grid: Grid = grid_of(source, path)
        self.names = tuple((text or "").strip().lower() for text in source.descriptions)
        self.time_utc = _time(source.tags()) or time_in(path.stem)
        if any(kind.startswith("complex") for kind in source.dtypes):
            raise BadInput(str(path), "is complex; real numbers are wanted")

    def read(self, numbers: Sequence[int], first_row: int = 0, until_row: int | None = None) -> Float32:
        """Read some bands over a range of rows.

        Parameters
        ----------
        numbers
            Bands, from 0.
        first_row, until_row
            Half open; ``None``: to the last row.

        Returns
        -------
        array
            (bands, rows, width); a pixel that has no data in any of these bands is NaN in all.
        """
        stop = self.grid.height if until_row is None else until_row
        window = Window(0, first_row, self.grid.width, stop - first_row)
        try:
            pixels = self._source.read([number + 1 for number in numbers], window=window)
        except RasterioError as error:
            raise BadInput(str(self._path), "cannot be read to its end (truncated or damaged)") from error
        bands: Float32 = pixels.astype(np.float32)
        lost = ~np.isfinite(bands)
        for layer, number in enumerate(numbers):
            empty = self._source.nodatavals[number]
            if empty is not None and not math.isnan(empty):
                lost[layer] |= pixels[layer] == empty
        bands[:, lost.any(axis=0)] = np.nan
        return bands


class Layers:
    """Open single-band rasters on one grid, read like one raster of several bands; see :class:`Bands`."""

    def __init__(self, layers: Mapping[str, Bands]) -> None:
        first, self._layers = next(iter(layers.values())), tuple(layers.values())
        for word, layer in layers.items():
            if not layer.grid.same_as(first.grid):
                raise BadInput(word, f"lies on {layer.grid}, the bands before on {first.grid}")
        self.grid = first.grid
        self.names = tuple(layers)
        self.time_utc = next((layer.time_utc for layer in self._layers if layer.time_utc), None)

    def read(self, numbers: Sequence[int], first_row: int = 0, until_row: int | None = None) -> Float32:
        """Read some bands over a range of rows; a pixel without data in one of them has none."""
        pixels = np.concatenate([self._layers[number].read([0], first_row, until_row) for number in numbers])
        pixels[:, np.isnan(pixels).any(axis=0)] = np.nan
        return pixels


@contextmanager
def open_picture(path: Path) -> Iterator[Bands | Layers]:
    """Open a raster of several bands, or a folder of single-band rasters named by band, ``…_red.tif``.

    Raises
    ------
    BadInput
        As :func:`open_bands`; or if the folder holds none, two of one band, or other grids.
    """
    if not path.is_dir():
        with open_bands(path) as bands:
            yield bands
        return
    files: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in SUFFIXES and not file.name.startswith("."):
            word = re.split(r"[^a-z0-9]+", file.stem.lower())[-1]
            if files.setdefault(word, file) is not file:
                raise BadInput(str(file), f"is of the band {word}, as {files[word].name} is")
    if not files:
        raise BadInput(str(path), "holds no GeoTIFF (.tif, .tiff)")
    order = sorted(files, key=lambda word: (COLOURS.index(word) if word in COLOURS else len(COLOURS), word))
    with ExitStack() as stack:
        layers = {word: stack.enter_context(open_bands(files[word])) for word in order}
        for word, layer in layers.items():
            if len(layer.names) != 1:
                raise BadInput(str(files[word]), f"has {len(layer.names)} bands; one is wanted in a folder")
        try:
            picture = Layers(layers)
        except BadInput as error:
            raise BadInput(str(files[error.where]), error.what) from error
        yield picture


@contextmanager
def open_bands(path: Path) -> Iterator[Bands]:
    """Open a raster of several bands.

    Raises
    ------
    BadInput
        As :func:`truceline.geo.raster.open_raster`; or if it is complex or has no CRS.
    """
    with open_raster(path) as source:
        yield Bands(source, path)


def time_in(text: str) -> datetime | None:
    """Find a date, and a time of day if there is one, in a file's name; names are in UTC by custom.

    Examples
    --------
    >>> time_in("S1A_IW_20250131T041205_vv").isoformat()
    '2025-01-31T04:12:05+00:00'
    >>> time_in("area-2025-01-31") == time_in("20250131_b4")
    True
    """
    for found in _DATE.finditer(text):
        digits = "".join(part or "" for part in found.groups())
        form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[len(digits)]
        try:
            return datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _time(tags: dict[str, str]) -> datetime | None:
    """Find when a scene was taken: a tag ``datetime`` (RFC 3339), else TIFF's own, which has no zone."""
    for word, text in tags.items():
        try:
            if word.lower() == "datetime":
                return utc_time(text)
            if word == "TIFFTAG_DATETIME":
                return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
