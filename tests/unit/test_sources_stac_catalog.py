"""A static catalogue becomes observations: through children, in order, links kept inside."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from truceline.log.blobs import Blobs
from truceline.sim.scene import Ground, write_scene
from truceline.sources.stac_catalog import StacCatalog

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=24)
START = datetime(2026, 3, 1, tzinfo=UTC)


class Basket:
    def __init__(self, folder: Path) -> None:
        self.blobs, self.stop, self.known = Blobs(folder), threading.Event(), set()

    def put(self, sample, media_type, name):
        return self.blobs.put(sample, media_type, name)

    def now(self) -> datetime:
        return START

    def has(self, key: str) -> bool:
        return key in self.known


def catalogue(kind: str, *links: tuple[str, str]) -> str:
    named = [{"rel": rel, "href": href} for rel, href in links]
    return json.dumps({"type": kind, "stac_version": "1.0.0", "id": kind, "description": "", "links": named})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for number in (2, 1):
        write_scene(folder / "year", f"i{number}", START + timedelta(days=number), GROUND, number)
    (folder / "catalog.json").write_text(
        catalogue("Catalog", ("self", "./catalog.json"), ("child", "./year/collection.json"))
    )
    (folder / "year/collection.json").write_text(
        catalogue("Collection", ("parent", "../catalog.json"), ("item", "./i2.json"), ("item", "i1.json"))
    )
    return folder


def taken(root: Path, basket: Basket):
    source = StacCatalog(name="s1", path=root / "catalog.json")
    return list(source.observe(basket, follow=False))


def test_items_of_children_come_in_order_of_time_with_their_samples(root, tmp_path):
    basket = Basket(tmp_path / "blobs")
    found = taken(root, basket)

    assert [one.noun.key for one in found] == ["i1", "i2"]
    assert [one.noun.status for one in found] == ["ok", "ok"]
    assert [blob.name for blob in found[0].blobs] == ["vv", "vh", "item"]
    basket.known = {"i1"}
    assert [one.noun.key for one in taken(root, basket)] == ["i2"]


def test_a_catalogue_that_links_to_itself_is_walked_once(root, tmp_path):
    (root / "catalog.json").write_text(
        catalogue("Catalog", ("child", "catalog.json"), ("child", "year/collection.json"))
    )

    assert len(taken(root, Basket(tmp_path / "blobs"))) == 2


@pytest.mark.parametrize(
    ("href", "why"),
    [
        ("../outside.json", "leads out"),
        ("missing.json", "no such file"),
        ("https://example.org/catalog.json", "is no file name"),
        ("broken.json", "is not JSON"),
        ("other.json", "is neither a catalogue"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(root, tmp_path, href, why):
    (tmp_path / "outside.json").write_text(catalogue("Catalog"))
    (root / "broken.json").write_text("{")
    (root / "other.json").write_text("{}")
    (root / "catalog.json").write_text(
        catalogue("Catalog", ("child", href), ("child", "year/collection.json"))
    )
    found = [one.noun for one in taken(root, Basket(tmp_path / "blobs"))]

    assert [said.status for said in found] == ["degraded", "ok", "ok"]
    assert why in found[0].reason
