"""Satellite scenes out of a static STAC catalogue on disk: ``catalog.json``, its children and items."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from truceline.codec.stac import Item, read_items
from truceline.geo.raster import resolve_href
from truceline.model.errors import BadInput
from truceline.model.units import Seconds
from truceline.plug import Intake, Source, Taken
from truceline.sources.stac_folder import read_document, take_item, unreadable

MAX_DOCUMENTS = 100_000  # of one walk
MAX_DEPTH = 16


class StacCatalog(Source):
    """Walks a static catalogue again and again, and takes the items that are new.

    Children and items must truly lie in the folder of the catalogue, links resolved. A document that
    cannot be read becomes a degraded observation, told once; the rest goes on.

    Parameters
    ----------
    path
        The root: ``catalog.json`` or ``collection.json``.
    every_s
        Pause between two walks while following.
    """

    path: Path
    every_s: Seconds = 10.0

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield one observation per item, each walk ordered by time."""
        while not intake.stop.is_set():
            found: list[tuple[datetime, str, Item, Path]] = []
            for item, file, broken in self._walk():
                if item is not None:
                    found.append((item.time_utc, item.id, item, file))
                elif broken is not None:
                    said = unreadable(self.name, file, broken)
                    if not intake.has(said.key):
                        yield Taken(noun=said)
            for _, key, item, file in sorted(found, key=lambda entry: entry[:2]):
                if intake.stop.is_set():
                    return
                if not intake.has(key):
                    yield take_item(item, self.name, file.parent, self.path.parent, intake)
            if not follow:
                return
            intake.stop.wait(self.every_s)

    def _walk(self) -> Iterator[tuple[Item | None, Path, BadInput | None]]:
        """Visit every document once: an item, or what was wrong with it."""
        waiting = [(self.path, 0)]
        seen: set[Path] = set()
        while waiting:
            file, depth = waiting.pop()
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            try:
                if len(seen) > MAX_DOCUMENTS or depth > MAX_DEPTH:
                    raise BadInput(file.name, f"is deeper than {MAX_DEPTH} or past {MAX_DOCUMENTS} documents")
                content = read_document(file)
                document = _document(content, file.name)
                if document.get("type") in ("Feature", "FeatureCollection"):
                    for item in read_items(content, file.name):
                        yield item, file, None
                    continue
                links = _links(document, file.name)
            except BadInput as error:
                yield None, file, error
                continue
            for href in reversed(links):
                try:
                    linked = resolve_href(href, file.parent.resolve(), inside=self.path.parent)
                except BadInput as error:
                    yield None, file, error
                    continue
                waiting.append((linked, depth + 1))


def _document(content: bytes, where: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(where, "is not JSON") from error
    if not isinstance(document, dict):
        raise BadInput(where, "is no JSON object; a STAC catalogue is wanted")
    return document


def _links(document: dict[str, Any], where: str) -> list[str]:
    if document.get("type") not in ("Catalog", "Collection"):
        raise BadInput(where, "is neither a catalogue, a collection nor an item")
    links = document.get("links")
    if not isinstance(links, list):
        raise BadInput(where, "`links` is missing")
    return [
        link["href"]
        for link in links
        if isinstance(link, dict)
        and link.get("rel") in ("child", "item")
        and isinstance(link.get("href"), str)
    ]
