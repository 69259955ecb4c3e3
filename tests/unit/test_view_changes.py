"""Changed places on the map: as they were said last, and gone when superseded."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest
from truceline.app.forms.ground import changed_place
from truceline.log.blobs import Blobs
from truceline.log.pieces import seal
from truceline.model.facts import Fact, Header
from truceline.model.observed import Detections
from truceline.model.place import utc_text
from truceline.model.tables import DETECTION
from truceline.view.changes import Changes

START = datetime(2026, 3, 1, tzinfo=UTC)
SQUARE = {"type": "Polygon", "coordinates": [[[33, 35], [33.1, 35], [33.1, 35.1], [33, 35]]]}


class Log:
    def __init__(self, folder):
        self.blobs = Blobs(folder)
        self.view = Changes(self.blobs)

    def say(self, seq, rows, supersedes=()):
        piece = seal(pa.Table.from_pylist(rows, schema=DETECTION), self.blobs, "rows")
        body = Detections(
            observation="obs", detector="sar_change", settings_sha256="0" * 64, version="1", piece=piece,
            rows=len(rows), supersedes=supersedes,
        )  # fmt: skip
        self.view.apply(made(seq, body))


def made(seq, body):
    header = Header("detector:x", (), "", f"det-{seq}", "detection", "", (), seq, utc_text(START), 1)
    return Fact(header, msgspec.Raw(msgspec.json.encode(body)))


def row(name, day, **more):
    return {
        "time_utc": START + timedelta(days=day), "lat_deg": 35.0, "lon_deg": 33.0, "ce90_m": 20.0,
        "object": name, "outline": json.dumps(SQUARE), "meaning": "earthwork", "confidence": 0.7,
        "area_m2": 9000.0, **more,
    }  # fmt: skip


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def test_each_place_is_drawn_as_it_was_said_last(log):
    log.say(1, [row("a", 1), row("b", 1)])
    log.say(2, [row("a", 2, meaning="track")])

    assert [(place.id, place.meaning) for place in log.view.places()] == [("a", "track"), ("b", "earthwork")]


def test_what_a_newer_entry_supersedes_is_gone(log):
    log.say(1, [row("a", 1)])
    log.say(2, [], supersedes=(1,))

    assert log.view.places() == []


def test_rows_without_an_outline_are_no_places(log):
    log.say(1, [row("a", 1, outline=None)])

    assert log.view.places() == []


def test_a_place_is_a_feature_with_its_meaning_and_chip(log):
    log.say(1, [row("a", 1, chip_sha256="c" * 64)])
    (feature,) = map(changed_place, log.view.places())

    assert feature["geometry"] == SQUARE
    assert feature["properties"]["kind"] == "change"
    assert feature["properties"]["label"] == "earthwork"
    assert feature["properties"]["chip_sha256"] == "c" * 64
