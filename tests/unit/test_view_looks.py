"""What looks say of a thing since it was seen last: missed, could not show it, or looked elsewhere."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from truceline.geo.regard import Field
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Fact, Header
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION, LOOK
from truceline.plug import Sight
from truceline.view.looks import Looks
from truceline.view.scene import TrackItem

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
CARS = Sight(basis="made up", pd=0.6, finds={"car": 0.8})
PERSONS = Sight(basis="made up", pd=0.6, finds={"person": 0.8})
MOVERS = Sight(basis="made up", pd=0.9, finds={"car": 0.9}, least_speed_mps=1.0)
M_PER_DEG = 111_320.0


def at(minute):
    return T0 + timedelta(minutes=minute)


def place(east_m, north_m):
    return {"lat_deg": 48 + north_m / M_PER_DEG, "lon_deg": 37 + east_m / M_PER_DEG / np.cos(np.radians(48))}


class Log:
    """Looks of sources about 48 N, 37 E, where a car stood at minute 0."""

    def __init__(self, folder):
        self.blobs, self.seq = Blobs(folder), -1
        self.looks = Looks(self.blobs)
        self.car = TrackItem(
            track_id=7, seq=0, row=0, time_utc=at(0), **place(0, 0), ce90_m=20.0, speed_mps=0.2,
            course_deg=0.0, exists_p=0.9, probability={w: float(w == "car") for w in FUSION_CLASSES},
            kind="car", side=None, last_seen_utc=at(0), detections_used=3,
        )  # fmt: skip

    def give(self, kind, name, body):
        self.seq += 1
        header = Header("x", (), "", name, kind, "", (), self.seq, "2026-03-01T12:00:00Z", 1)
        self.looks.apply(Fact(header, msgspec.Raw(msgspec.json.encode(body))))
        return self.seq

    def tell(self, source, minute, sight=None, footprint=None, supersedes=(), **field):
        seen = Observation(
            source=source, key=f"{minute}", phenomenon=Span(from_utc=at(minute - 1), until_utc=at(minute)),
            result_utc=at(minute), footprint=footprint,
        )  # fmt: skip
        self.give("observation", seen.id, seen)
        looks = None
        if sight is not None:
            where = Field(
                **place(field.get("east_m", 0), 0), a_m=150, b_m=50, turned_deg=field.get("turned_deg", 0)
            )
            row = {**sight.look(at(minute - 0.1), at(minute), source, where), **field.get("more", {})}
            looks = pieces.seal(pa.Table.from_pylist([row], schema=LOOK), self.blobs, "looks")
        body = Detections(
            observation=seen.id, source=source, detector="objects", settings_sha256="0" * 64, version="1",
            piece=pieces.seal(DETECTION.empty_table(), self.blobs, "rows"), rows=0, looks=looks,
            supersedes=supersedes,
        )  # fmt: skip
        return self.give("detection", f"det-{self.seq}", body)

    def said(self, seen_by=""):
        return [
            (one.sensor, one.outcome, one.looks)
            for one in self.looks.since(self.car, self.looks.later(self.car), seen_by)
        ]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def test_a_look_at_its_place_that_would_have_shown_it_missed_it(log):
    log.tell("uav-1", 5, CARS)
    seq = log.tell("uav-1", 9, CARS)

    (said,) = log.looks.since(log.car, log.looks.later(log.car))
    assert (said.sensor, said.outcome, said.looks, said.last_utc, said.seq) == (
        "uav-1",
        "missed",
        2,
        at(9),
        seq,
    )


def test_a_look_before_it_was_seen_last_says_nothing(log):
    log.tell("uav-1", -5, CARS)

    assert log.said() == []


@pytest.mark.parametrize(
    ("sight", "field", "outcome"),
    [
        (MOVERS, {}, "slow"),
        (PERSONS, {}, "blind"),
        (None, {}, "silent"),
        (CARS, {"east_m": 200}, "elsewhere"),
        (CARS, {"east_m": 100}, "missed"),
        (CARS, {"east_m": 100, "turned_deg": 90}, "elsewhere"),  # the short side lies that way
        (CARS, {"more": {"shape": "annulus", "a_m": 10.0, "b_m": 900.0}}, "elsewhere"),
        (CARS, {"more": {"shape": "annulus", "a_m": 0.0, "b_m": 900.0}}, "missed"),
    ],
)
def test_what_could_not_have_shown_it_is_told_apart(log, sight, field, outcome):
    log.tell("s", 5, sight, **field)

    assert log.said() == [("s", outcome, 1)]


def test_ground_that_was_not_in_the_picture_was_not_looked_at(log):
    square = [[38, 48], [39, 48], [39, 49], [38, 49], [38, 48]]
    log.tell("s", 5, footprint={"type": "Polygon", "coordinates": [square]})

    assert log.said() == [("s", "elsewhere", 1)]


def test_the_strongest_of_a_sensor_speaks_and_the_strongest_sensor_first(log):
    log.tell("radar", 8, MOVERS)
    log.tell("uav-1", 5, CARS)
    log.tell("uav-1", 9, CARS, east_m=500)

    assert log.said() == [("uav-1", "missed", 1), ("radar", "slow", 1)]


def test_what_was_looked_at_again_counts_once(log):
    old = log.tell("uav-1", 5, CARS)
    log.tell("uav-1", 5, CARS, supersedes=(old,))

    assert log.said() == [("uav-1", "missed", 1)]


def test_a_sensor_that_saw_it_can_show_it(log):
    few = Sight(basis="made up", pd=0.6, finds={"car": 0.1})
    log.tell("uav-1", 5, few)

    assert log.said() == [("uav-1", "blind", 1)]
    assert log.said(seen_by="uav-1") == [("uav-1", "missed", 1)]
