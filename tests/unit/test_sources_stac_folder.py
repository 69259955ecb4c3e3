"""A folder of scenes becomes observations: all of them, in order, broken ones said to be broken."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from truceline.log.blobs import Blobs
from truceline.model.names import name
from truceline.plug import Taken, load
from truceline.sim.scene import Ground, write_scene
from truceline.sources.stac_folder import StacFolder

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=24)
START = datetime(2026, 3, 1, tzinfo=UTC)


class Basket:
    """An intake that remembers what it was given."""

    def __init__(self, folder: Path) -> None:
        self.blobs = Blobs(folder)
        self.stop = threading.Event()
        self.known: set[str] = set()

    def put(self, sample, media_type, name):
        return self.blobs.put(sample, media_type, name)

    def now(self) -> datetime:
        return START

    def has(self, key: str) -> bool:
        return key in self.known


@pytest.fixture
def basket(tmp_path: Path) -> Basket:
    return Basket(tmp_path / "blobs")


def scenes(folder: Path, *numbers: int) -> None:
    for number in numbers:
        write_scene(folder, f"i{number}", START + timedelta(days=number), GROUND, number)


def taken(path: Path, basket: Basket) -> list[Taken]:
    return list(StacFolder(name="radar", path=path).observe(basket, follow=False))


def test_items_come_in_order_of_time_with_their_samples(tmp_path: Path, basket: Basket):
    folder = tmp_path / "in"
    scenes(folder, 3, 1, 2)

    found = taken(folder, basket)

    assert [one.noun.key for one in found] == ["i1", "i2", "i3"]
    first = found[0]
    assert first.noun.id == name("obs", "radar", "i1") and first.noun.status == "ok"
    assert first.noun.phenomenon.from_utc == first.noun.result_utc == START + timedelta(days=1)
    assert first.noun.phenomenon.until_utc - first.noun.phenomenon.from_utc == timedelta(seconds=1)
    assert [blob.name for blob in first.blobs] == ["vv", "vh", "item"]
    assert basket.blobs.open(first.blobs[0]).read_bytes() == (folder / "i1_vv.tif").read_bytes()
    assert first.noun.footprint["type"] == "Polygon"
    assert first.noun.attributes["platform"] == "simulated-1"


def test_one_collection_file_is_read_like_a_folder(tmp_path: Path, basket: Basket):
    folder = tmp_path / "in"
    scenes(folder, 1, 2)
    items = [json.loads((folder / f"i{n}.json").read_text()) for n in (2, 1)]
    items[0]["properties"]["created"] = "2026-03-09T00:00:00Z"
    (folder / "all.items").write_text(json.dumps({"type": "FeatureCollection", "features": items}))

    found = taken(folder / "all.items", basket)

    assert [one.noun.key for one in found] == ["i1", "i2"]
    assert found[1].noun.result_utc == datetime(2026, 3, 9, tzinfo=UTC)


def test_what_is_logged_already_and_what_is_being_written_is_left_alone(tmp_path: Path, basket: Basket):
    folder = tmp_path / "in"
    scenes(folder, 1, 2)
    (folder / ".i3.json").write_text("{")
    (folder / "i4.json.part").write_text("{")
    basket.known.add("i1")

    assert [one.noun.key for one in taken(folder, basket)] == ["i2"]


def test_a_broken_item_or_asset_is_a_degraded_observation(tmp_path: Path, basket: Basket):
    folder = tmp_path / "in"
    scenes(folder, 1, 2, 3)
    (folder / "i0.json").write_text("not json")
    (folder / "i1_vh.tif").unlink()
    (folder / "i2_vv.tif").write_text("no raster")

    found = {one.noun.key.split("#")[0]: one for one in taken(folder, basket)}

    assert {key: one.noun.status for key, one in found.items()} == {
        "i0.json": "degraded", "i1": "degraded", "i2": "degraded", "i3": "ok",
    }  # fmt: skip
    assert "not JSON" in found["i0.json"].noun.reason
    assert "vh: i1_vh.tif: no such file" in found["i1"].noun.reason
    assert "vv: i2_vv.tif: is no GeoTIFF" in found["i2"].noun.reason
    assert [blob.name for blob in found["i1"].blobs] == ["vv", "item"]


def test_threat_15_an_href_never_leads_out_of_the_folder(tmp_path: Path, basket: Basket):
    folder = tmp_path / "in"
    scenes(folder, 1)
    secret = tmp_path / "secret.tif"
    secret.write_bytes(b"II*\0CANARY")
    (folder / "link.tif").symlink_to(secret)
    for number, href in enumerate(
        ("../secret.tif", str(secret), f"file://{secret}", "link.tif", "/vsicurl/x")
    ):
        item = json.loads((folder / "i1.json").read_text())
        item["id"], item["assets"]["vv"]["href"] = f"evil{number}", href
        item["properties"]["datetime"] = f"2026-04-0{number + 1}T00:00:00Z"
        (folder / f"evil{number}.json").write_text(json.dumps(item))

    found = taken(folder, basket)

    evil = [one for one in found if one.noun.key.startswith("evil")]
    assert len(evil) == 5 and {one.noun.status for one in evil} == {"degraded"}
    stored = [file.read_bytes() for file in (tmp_path / "blobs").rglob("*") if file.is_file()]
    assert stored and not any(b"CANARY" in data for data in stored)


def test_following_takes_in_what_appears_later_and_stops_when_told(tmp_path: Path, basket: Basket):
    folder = tmp_path / "in"
    scenes(folder, 1)
    source = StacFolder(name="radar", path=folder).observe(basket, follow=True)

    assert next(source).noun.key == "i1"
    scenes(folder, 2)
    assert next(source).noun.key == "i2"
    basket.stop.set()
    assert list(source) == []


def test_the_source_is_found_by_its_word():
    source = load("sources", {"kind": "stac_folder", "name": "radar", "path": "/somewhere"})

    assert isinstance(source, StacFolder)
