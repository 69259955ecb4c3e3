"""Scenes of one area for the verbs: a STAC ItemCollection, or a plain folder of GeoTIFFs with dated names."""

import re
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from truceline.app.progress import say
from truceline.codec.stac import MAX_BYTES, Asset, Item, read_items
from truceline.geo.bands import SUFFIXES, open_bands
from truceline.geo.raster import Grid, regular_file
from truceline.model.errors import BadInput


def read_scenes(path: Path, words: Collection[str]) -> tuple[Item, ...]:
    """Read the scenes of an area, ordered by time.

    Parameters
    ----------
    path
        ItemCollection (hrefs relative to it), or a folder of single-band files whose names hold one of
        the words, e.g. ``20250131T0412_vv.tif``; the date stands in a tag or in the name.
    words
        Names of the assets that a folder may hold, lower case.

    Raises
    ------
    BadInput
        If a document or a name is wrong; it names the file.
    """
    if path.is_dir():
        return _of_folder(path, words)
    if regular_file(path).stat().st_size > MAX_BYTES:
        raise BadInput(str(path), f"is larger than {MAX_BYTES} bytes")
    try:
        items = read_items(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    for one, two in pairwise(items):
        if one.time_utc == two.time_utc:
            raise BadInput(f"{path}: {two.id}", f"has the same datetime as {one.id}")
    return items


def check_code(item: Item, grid: Grid, where: Path) -> None:
    """Refuse an item that says another reference system than its rasters have."""
    import pyproj

    if item.code is None:
        return
    with suppress(pyproj.exceptions.CRSError):
        if pyproj.CRS.from_user_input(item.code) == pyproj.CRS.from_user_input(grid.crs):
            return
    raise BadInput(f"{where}: {item.id}", f"says {item.code}, the rasters lie on {grid}")


def home_of(path: Path) -> Path:
    """Give the folder that the hrefs of :func:`read_scenes` are relative to."""
    return (path if path.is_dir() else path.parent).resolve()


def _of_folder(folder: Path, words: Collection[str]) -> tuple[Item, ...]:
    files = sorted(
        file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise BadInput(str(folder), "holds no GeoTIFF (.tif, .tiff)")
    found: dict[datetime, dict[str, Path]] = {}
    left: list[str] = []
    for file in files:
        word = _word_in(file, words)
        if word is None:
            left.append(file.name)
            continue
        moment = _taken(file)
        other = found.setdefault(moment, {}).setdefault(word, file)
        if other is not file:
            raise BadInput(str(file), f"is of the same time as {other.name}; one {word} per date is wanted")
    if not found:
        raise BadInput(
            str(folder), f"no name in it holds {' or '.join(words)}, e.g. 20250131_{min(words)}.tif"
        )
    if left:
        say(
            "warning",
            f"{folder}: {len(left)} files left out, {left[0]} first: no {' or '.join(words)} in the name",
        )
    return tuple(_item(moment, assets) for moment, assets in sorted(found.items()))


def _word_in(file: Path, words: Collection[str]) -> str | None:
    held = {part for part in re.split(r"[^a-z0-9]+", file.stem.lower()) if part in words}
    if len(held) > 1:
        raise BadInput(str(file), f"its name holds {' and '.join(sorted(held))}; one of them is wanted")
    return held.pop() if held else None


def _taken(file: Path) -> datetime:
    with open_bands(file) as bands:
        if bands.time_utc is None:
            raise BadInput(str(file), "holds no date in its tags or its name; e.g. 20250131_vv.tif is wanted")
        return bands.time_utc


def _item(moment: datetime, files: dict[str, Path]) -> Item:
    """Name a scene after its files, without the word that tells them apart."""
    first = files[min(files)]
    parts = re.split(r"([^A-Za-z0-9]+)", first.stem)
    rest = "".join(part for part in parts if part.lower() != min(files)).strip("_-. ")
    return Item(
        id=rest or f"{moment:%Y%m%dT%H%M%SZ}",
        time_utc=moment,
        assets={word: Asset(href=f"./{file.name}") for word, file in files.items()},
    )
