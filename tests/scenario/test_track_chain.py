"""From rows in a log to a track, and from the track back to what it rests on."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from truceline.app.cli import main
from truceline.flow.node import Node
from truceline.log import pieces
from truceline.log.reader import read_facts
from truceline.model.facts import Claim
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)


def tell(node, name, first_s, ce90_m):
    """One source sees one thing three times."""
    look = Span(from_utc=T0 + timedelta(seconds=first_s), until_utc=T0 + timedelta(seconds=first_s + 30))
    seen = Observation(source=name, key=str(first_s), phenomenon=look, result_utc=look.until_utc)
    (said,) = node.submit([Claim(kind="observation", id=seen.id, body=seen, actor=f"source:{name}")]).result()
    rows = [
        {"time_utc": look.from_utc + timedelta(seconds=10 * k), "lat_deg": 48.0, "lon_deg": 37.0,
         "ce90_m": ce90_m, "p_truck": 1.0, "confidence": 0.9, "frame": k,
         "x_px": 5.0, "y_px": 6.0, "w_px": 7.0, "h_px": 8.0}
        for k in range(3)
    ]  # fmt: skip
    piece = pieces.seal(pa.Table.from_pylist(rows, schema=DETECTION), node.blobs, "rows")
    body = Detections(
        observation=seen.id, source=name, detector="objects", settings_sha256="0" * 64, version="1",
        piece=piece, rows=3,
    )  # fmt: skip
    claim = Claim(
        kind="detection", id=f"det-{name}-{first_s}", body=body, actor="detector:objects",
        refs=(said.fact.seq,), blobs=(piece,),
    )  # fmt: skip
    node.submit([claim]).result()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks") / "data"
    node = Node(folder)
    node.start()
    tell(node, "uav-1", 0, 10.0)
    tell(node, "uav-2", 60, 20.0)
    assert node.wait_idle(60)
    node.stop()
    return folder


def _newest(data):
    return max(fact.seq for fact in read_facts(data) if fact.kind == "track")


def answer(capsys, *words):
    assert main([str(word) for word in words]) == 0
    return json.loads(capsys.readouterr().out)


def test_why_a_track_is_believed_leads_to_weighed_rows_and_pixels(data, capsys):
    told = answer(capsys, "why", data, _newest(data), "--json")
    (track,) = told["tracks"]
    named = answer(capsys, "why", data, track["track"], "--json")

    assert {used["sensor"] for used in named["tracks"][0]["detections"]} == {"uav-1", "uav-2"}
    weights = [used["weight"] for used in named["tracks"][0]["detections"]]
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    assert weights[0] == pytest.approx(4 * weights[-1], rel=0.01)
    assert named["tracks"][0]["detections"][0]["box_px"] == [5.0, 6.0, 7.0, 8.0]
