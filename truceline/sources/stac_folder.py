"""Satellite scenes as they come in: a folder of STAC items, or one ItemCollection.

A file that cannot be read becomes a degraded observation: that nothing could be seen is also something
to know. Assets must truly lie in the folder, links resolved.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from truceline.codec.stac import MAX_BYTES, Item, read_items, write_item
from truceline.geo.raster import TIFF_MAGIC, regular_file, resolve_href
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation, Scalar
from truceline.model.place import Span, utc_time
from truceline.model.units import Seconds
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps

SCENE_SPAN = timedelta(seconds=1)  # a burst is taken in about a second; items give one moment
RADAR, OPTICAL = ("vv", "vh"), ("blue", "green", "red", "nir", "nir08", "swir16", "swir22", "image")
ASSETS = (*RADAR, *OPTICAL)  # `image`: all bands in one file, told apart by their descriptions
RASTER_TYPE = "image/tiff"
ITEM_TYPE = "application/geo+json"
# Members of an item worth having beside the observation; the whole item is kept as a sample.
ATTRIBUTES = {
    "platform": "platform",
    "constellation": "constellation",
    "orbit_state": "sat:orbit_state",
    "relative_orbit": "sat:relative_orbit",
    "instrument_mode": "sar:instrument_mode",
    "product_type": "sar:product_type",
}


class StacFolder(Source):
    """Watches a folder of STAC items, or reads one file.

    Parameters
    ----------
    path
        Folder of item files, or one file: an item or an ItemCollection.
    pattern
        Names to read in a folder, separated by blanks.
    settle_s
        A file counts as complete when it was last written so long ago; 0 for writers that rename.
    """

    path: Path
    pattern: str = "*.json"
    settle_s: Seconds = 0.0

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield one observation per item, ordered by time; with ``follow`` those that appear later too."""
        for sweep in sweeps(
            self.path, self.pattern, intake, follow=follow, settle_s=self.settle_s, remember=False
        ):
            items: list[tuple[datetime, str, Item]] = []
            for file in sweep:
                try:
                    items += [
                        (item.time_utc, item.id, item) for item in read_items(read_document(file), file.name)
                    ]
                except BadInput as error:
                    broken = unreadable(self.name, file, error)
                    if not intake.has(broken.key):
                        yield Taken(noun=broken)
            for _, _, item in sorted(items, key=lambda entry: entry[:2]):
                if not intake.has(item.id):
                    folder = self.path if self.path.is_dir() else self.path.parent
                    yield take_item(item, self.name, folder, folder, intake)
                if intake.stop.is_set():
                    return


def take_item(item: Item, source: str, folder: Path, inside: Path, intake: Intake) -> Taken:
    """Store an item's rasters and tell it as an observation.

    Parameters
    ----------
    item
        What was read.
    source
        Name of the source.
    folder
        Where the item's document lies: its hrefs are relative to it.
    inside
        Folder that no file may lie outside of, links resolved.
    intake
        Where samples go.
    """
    blobs: list[Blob] = []
    reasons: list[str] = []
    for word in ASSETS:
        if word not in item.assets:
            continue
        try:
            file = _raster(resolve_href(item.assets[word].href, folder.resolve(), inside=inside))
            blobs.append(intake.put(file, RASTER_TYPE, word))
        except BadInput as error:
            reasons.append(f"{word}: {Path(error.where).name}: {error.what}")
    if not blobs and not reasons:
        reasons.append("holds neither vv nor vh, nor an optical band")
    blobs.append(intake.put(write_item(item), ITEM_TYPE, "item"))
    said = Observation(
        source=source,
        key=item.id,
        phenomenon=Span(from_utc=item.time_utc, until_utc=item.time_utc + SCENE_SPAN),
        result_utc=_result_time(item),
        status="degraded" if reasons else "ok",
        reason="; ".join(reasons),
        footprint=item.geometry if _is_area(item) else None,
        attributes=_attributes(item),
    )
    return Taken(noun=said, blobs=tuple(blobs))


def read_document(file: Path) -> bytes:
    """Read a document of a bounded size.

    Raises
    ------
    BadInput
        If it is larger, or cannot be read.
    """
    if regular_file(file).stat().st_size > MAX_BYTES:
        raise BadInput(file.name, f"is larger than {MAX_BYTES} bytes")
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(file.name, f"cannot be read: {error.strerror}") from error


def _raster(file: Path) -> Path:
    """Answer the file if it begins as a TIFF does; the pixels are looked at in a worker."""
    try:
        with file.open("rb") as stream:
            begin = stream.read(4)
    except OSError as error:
        raise BadInput(str(file), f"cannot be read: {error.strerror}") from error
    if begin not in TIFF_MAGIC:
        raise BadInput(str(file), "is no GeoTIFF")
    return file


def unreadable(source: str, file: Path, error: BadInput) -> Observation:
    """Tell that a document could not be read; the same bytes are told once."""
    try:
        content = hashlib.sha256(read_document(file)).hexdigest()[:16]
        moment = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except (BadInput, OSError):
        content, moment = "", datetime.fromtimestamp(0, UTC)
    return Observation(
        source=source,
        key=f"{file.name}#{content}",
        phenomenon=Span(from_utc=moment, until_utc=moment + SCENE_SPAN),
        result_utc=moment,
        status="degraded",
        reason=f"{file.name}: {error.what}"[:200],
    )


def _result_time(item: Item) -> datetime:
    """Tell when the scene was made available: ``updated``, else ``created``, else when it was taken."""
    for word in ("updated", "created"):
        text = item.properties.get(word)
        if isinstance(text, str):
            try:
                return max(utc_time(text), item.time_utc)
            except ValueError:
                continue
    return item.time_utc


def _is_area(item: Item) -> bool:
    return item.geometry is not None and item.geometry.get("type") in ("Polygon", "MultiPolygon")


def _attributes(item: Item) -> dict[str, Scalar]:
    read: dict[str, Scalar] = {}
    for word, member in ATTRIBUTES.items():
        value = item.properties.get(member)
        if isinstance(value, str | int | float):
            read[word] = value
    if item.code is not None:
        read["crs"] = item.code
    return read
