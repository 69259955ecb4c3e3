"""STAC Items and ItemCollections, both ways: bytes in, nouns out (STAC 1.0.0 and 1.1.0)."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from truceline.model.errors import BadInput
from truceline.model.place import utc_text, utc_time

MAX_BYTES = 64 * 2**20  # THREATS section 7, rule 10: JSON, one document
MAX_DEPTH = 32
WRITTEN_VERSION = "1.1.0"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
DEGRADED = "truceline:degraded"  # property of a result: sentences, what its run had to do without
_READ_VERSIONS = ("1.0.0", "1.1.0")


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to an item; ``href`` is what the document says, not yet a path."""

    href: str
    type: str = ""
    roles: tuple[str, ...] = ()
    title: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A pointer to another document."""

    rel: str
    href: str
    type: str = ""
    title: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One scene. ``properties`` holds the rest of the members, ``datetime`` among them only as text."""

    id: str
    time_utc: datetime
    geometry: dict[str, Any] | None = None
    bbox: tuple[float, ...] = ()
    properties: dict[str, Any] = {}
    assets: dict[str, Asset] = {}
    links: tuple[Link, ...] = ()
    extensions: tuple[str, ...] = ()

    @property
    def code(self) -> str | None:
        """Authority code of the CRS (``proj:code``, or ``proj:epsg`` of older documents)."""
        code, epsg = self.properties.get("proj:code"), self.properties.get("proj:epsg")
        if isinstance(code, str):
            return code
        return f"EPSG:{epsg}" if isinstance(epsg, int) else None

    @property
    def self_href(self) -> str:
        """Where the item says that it lives; its id in the collection if it says nothing."""
        return next((link.href for link in self.links if link.rel == "self"), f"#{self.id}")


def read_items(data: bytes, where: str) -> tuple[Item, ...]:
    """Read an ItemCollection, or a single Item as a collection of one.

    Parameters
    ----------
    data
        JSON document.
    where
        Name of the document for messages.

    Returns
    -------
    tuple
        The items, ordered by time.

    Raises
    ------
    BadInput
        If it is no such document, is empty, or names an id twice. Two scenes may be of one moment: tiles of
        one pass are.
    """
    document = _parse(data, where)
    if not isinstance(document, dict):
        raise BadInput(where, "is no JSON object; a STAC ItemCollection is wanted")
    if document.get("type") == "Feature":
        return (_item(document, where, 0),)
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise BadInput(where, "is no STAC ItemCollection (type FeatureCollection with features)")
    if not features:
        raise BadInput(where, "`features` is empty; at least one item is wanted")
    items = sorted(
        (_item(feature, where, number) for number, feature in enumerate(features)),
        key=lambda item: (item.time_utc, item.id),
    )
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise BadInput(f"{where}: {item.id}", "this item id stands twice")
        seen.add(item.id)
    return tuple(items)


def write_item(item: Item) -> bytes:
    """Write one Item of STAC 1.1.0, keys sorted, the same bytes for the same item."""
    return _dump(_document(item))


def write_items(items: Iterable[Item]) -> bytes:
    """Write an ItemCollection."""
    return _dump({"type": "FeatureCollection", "features": [_document(item) for item in items]})


def _document(item: Item) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": WRITTEN_VERSION,
        "stac_extensions": list(item.extensions),
        "id": item.id,
        "geometry": item.geometry,
        "properties": {**item.properties, "datetime": utc_text(item.time_utc)},
        "links": [_members(link) for link in item.links],
        "assets": {name: _members(asset) for name, asset in item.assets.items()},
    }
    if item.bbox:
        document["bbox"] = list(item.bbox)
    return document


def _members(part: Asset | Link) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(part).items() if value or key == "href"}


def _dump(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1)
    return text.encode() + b"\n"


def _parse(data: bytes, where: str) -> Any:
    if len(data) > MAX_BYTES:
        raise BadInput(where, f"holds {len(data)} bytes; at most {MAX_BYTES}")
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadInput(where, "is not UTF-8") from error
    except RecursionError as error:
        raise BadInput(where, f"is nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise BadInput(where, f"is not JSON: {str(error)[:120]}") from error
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH + 1):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return document
    raise BadInput(where, f"is nested deeper than {MAX_DEPTH}")


def _parts(whole: Any) -> list[Any]:
    if isinstance(whole, dict):
        return list(whole.values())
    return whole if isinstance(whole, list) else []


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _item(feature: Any, where: str, number: int) -> Item:
    place = f"{where}: features[{number}]"
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise BadInput(place, "is no STAC Item (type Feature)")
    item_id = feature.get("id")
    if not isinstance(item_id, str) or not item_id:
        raise BadInput(place, "has no `id`")
    place = f"{where}: {item_id}"
    try:
        json.dumps(feature, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{where}: features[{number}]", "holds half a surrogate pair") from error
    if feature.get("stac_version", _READ_VERSIONS[0]) not in _READ_VERSIONS:
        raise BadInput(place, f"`stac_version` is none of {', '.join(_READ_VERSIONS)}")
    properties = feature.get("properties")
    if not isinstance(properties, dict):
        raise BadInput(place, "has no `properties`")
    geometry = feature.get("geometry")
    links = feature.get("links", [])
    return Item(
        id=item_id,
        time_utc=_time(properties, place),
        geometry=geometry if isinstance(geometry, dict) else None,
        bbox=_bbox(feature.get("bbox")),
        properties={key: value for key, value in properties.items() if key != "datetime"},
        assets=_assets(feature.get("assets"), place),
        links=tuple(_link(link) for link in links if _is_link(link)) if isinstance(links, list) else (),
        extensions=_texts(feature.get("stac_extensions")),
    )


def _time(properties: dict[str, Any], place: str) -> datetime:
    """Read when a scene was taken; where it took a while, as STAC allows, when that began."""
    word = "start_datetime" if properties.get("datetime") is None else "datetime"
    text = properties.get(word)
    if not isinstance(text, str):
        raise BadInput(place, "has no `datetime`")
    try:
        return utc_time(text)
    except (ValueError, OverflowError) as error:
        raise BadInput(place, f"`{word}` is no RFC 3339 time with a zone: {text[:60]}") from error


def _assets(assets: Any, place: str) -> dict[str, Asset]:
    if not isinstance(assets, dict):
        raise BadInput(place, "has no `assets`")
    read: dict[str, Asset] = {}
    for name, asset in assets.items():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            raise BadInput(f"{place}: {name}", "has no `href`")
        read[name] = Asset(
            href=asset["href"],
            type=_text(asset.get("type")),
            roles=_texts(asset.get("roles")),
            title=_text(asset.get("title")),
        )
    return read


def _is_link(link: Any) -> bool:
    return isinstance(link, dict) and isinstance(link.get("rel"), str) and isinstance(link.get("href"), str)


def _link(link: dict[str, Any]) -> Link:
    return Link(
        rel=link["rel"], href=link["href"], type=_text(link.get("type")), title=_text(link.get("title"))
    )


def _bbox(bbox: Any) -> tuple[float, ...]:
    if isinstance(bbox, list) and len(bbox) in (4, 6) and all(isinstance(v, int | float) for v in bbox):
        with suppress(OverflowError):  # an integer of hundreds of digits
            return tuple(float(value) for value in bbox)
    return ()


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
