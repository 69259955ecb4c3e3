"""Patrol reports out of a folder."""

import hashlib
import json
import threading
from datetime import UTC, datetime

import pytest
from truceline.model.facts import Blob
from truceline.model.observed import Observation, Report
from truceline.sources.patrol import Patrol


class Basket:
    """An intake that remembers."""

    def __init__(self, known=()):
        self.stop, self.stored, self.known = threading.Event(), {}, set(known)

    def put(self, sample, media_type, name):
        content = sample if isinstance(sample, bytes) else sample.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        self.stored[sha256] = content
        return Blob(sha256=sha256, size_bytes=len(content), media_type=media_type, name=name)

    def now(self):
        return datetime(2026, 3, 1, tzinfo=UTC)

    def has(self, key):
        return key in self.known

    def has_finished(self, piece):
        return False

    def finish(self, piece):
        pass


def report(**more):
    return {
        "id": "p-1", "type": "explosion", "time_utc": "2026-03-01T06:00:00Z", "lat_deg": 48.0,
        "lon_deg": 37.0, **more,
    }  # fmt: skip


def taken(folder, basket=None):
    return list(Patrol(name="patrols", path=folder).observe(basket or Basket(), follow=False))


def test_a_file_is_a_report_with_the_senders_id(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(report(text="two blasts")))

    (one,) = taken(tmp_path)

    assert (one.id, one.actor) == ("p-1", "source:patrols")
    assert isinstance(one.noun, Report) and one.noun.text == "two blasts"


def test_lines_are_reports_each(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(report(id=f"p-{k}")) for k in range(3)))

    assert [one.id for one in taken(tmp_path)] == ["p-0", "p-1", "p-2"]


def test_a_picture_beside_the_report_goes_with_it(tmp_path):
    sha256 = hashlib.sha256(b"picture").hexdigest()
    (tmp_path / f"{sha256}.jpg").write_bytes(b"picture")
    (tmp_path / "a.json").write_text(json.dumps(report(blobs=[sha256])))
    basket = Basket()

    (one,) = taken(tmp_path, basket)

    assert [blob.sha256 for blob in one.blobs] == [sha256]
    assert basket.stored[sha256] == b"picture"


@pytest.mark.parametrize("there", [False, True])
def test_a_missing_or_false_picture_is_named_and_the_report_still_counts(tmp_path, there):
    sha256 = hashlib.sha256(b"picture").hexdigest()
    if there:
        (tmp_path / f"{sha256}.png").write_bytes(b"another")
    (tmp_path / "a.json").write_text(json.dumps(report(blobs=[sha256])))

    one, said = taken(tmp_path)

    assert one.id == "p-1" and one.blobs == ()
    assert said.noun.status == "degraded" and sha256 in said.noun.reason


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "no report"),
        (json.dumps(report(id="a b")).encode(), "`id`"),
        (json.dumps(report(lat_deg=99)).encode(), "lat_deg"),
        (json.dumps(report(surprise=1)).encode(), "surprise"),
        (json.dumps(report(time_utc="2026-03-01T06:00:00")).encode(), "zone"),
        (b"[" * 5000, "no report"),
    ],
)
def test_a_bad_file_is_named_and_the_rest_goes_on(tmp_path, content, says):
    (tmp_path / "a.json").write_bytes(content)
    (tmp_path / "b.json").write_text(json.dumps(report()))

    said, good = taken(tmp_path)

    assert isinstance(said.noun, Observation) and said.noun.status == "degraded"
    assert "a.json" in said.noun.reason and says in said.noun.reason
    assert said.noun.attributes["wrong"] == 1
    assert good.id == "p-1"


def test_what_was_said_of_a_bad_file_is_not_said_again(tmp_path):
    (tmp_path / "a.json").write_bytes(b"{")
    (said,) = taken(tmp_path)

    assert taken(tmp_path, Basket({said.noun.key})) == []


def test_unfinished_files_are_left_alone(tmp_path):
    (tmp_path / ".a.json").write_text("{")
    (tmp_path / "a.json.part").write_text("{")

    assert taken(tmp_path) == []


def test_a_followed_folder_gives_what_comes_later(tmp_path):
    basket = Basket()
    coming = Patrol(name="patrols", path=tmp_path).observe(basket, follow=True)
    (tmp_path / "a.json").write_text(json.dumps(report()))
    assert next(coming).id == "p-1"
    (tmp_path / "b.json").write_text(json.dumps(report(id="p-2")))
    assert next(coming).id == "p-2"

    basket.stop.set()

    assert list(coming) == []
