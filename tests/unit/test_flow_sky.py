"""The sky of a mission: which satellite can look at which stretch of the line, and when."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from truceline.codec.elements import read_elements
from truceline.dispatch.passes import Place, passes_of
from truceline.flow.core import build
from truceline.flow.mission import SatelliteTable, load_mission
from truceline.flow.sky import Orbits, parts_of
from truceline.log.blobs import Blobs
from truceline.model.errors import BadInput
from truceline.view.watch import Stations

SETS = (
    "SENTINEL-1A\n"
    "1 39634U 14016A   25129.48193779  .00000222  00000+0  56871-4 0  9990\n"
    "2 39634  98.1800 137.8668 0001386  90.8293 269.3066 14.59199646591170\n"
)
DAY = datetime(2025, 5, 9, tzinfo=UTC)
LINE = Stations(250.0, np.full(160, 35.1).tolist(), np.linspace(33.0, 33.436, 160).tolist())
MISSION = """
schema = "truceline.mission/1"
name = "quiet line"
agreement = "agreement.toml"
[[satellite]]
elements = "sets.txt"
"""


def orbits(**more) -> Orbits:
    return Orbits([(SatelliteTable(elements="", **more), read_elements(SETS.encode(), "sets"))], LINE)


def test_a_pass_is_that_of_the_verb_over_the_middle_of_each_stretch():
    (elements,) = read_elements(SETS.encode(), "sets")
    found = orbits().between(DAY, DAY + timedelta(days=2))

    for one in found:
        middle = LINE.lon_deg[int((one.km_from + one.km_to) / 2 / 0.25)]
        there = passes_of(elements, Place(35.1, middle), DAY, DAY + timedelta(days=2, hours=1), 10)
        assert any(abs((p.highest_utc - one.highest_utc).total_seconds()) < 5 for p in there)
    assert len(found) >= 6
    assert [one.highest_utc for one in found] == sorted(one.highest_utc for one in found)


def test_a_whole_span_is_the_sum_of_its_parts():
    sky = orbits()
    cut = DAY + timedelta(hours=15, minutes=7)

    whole = orbits().between(DAY - timedelta(hours=5), DAY + timedelta(days=2))

    assert sky.between(DAY - timedelta(hours=5), cut) + sky.between(cut, DAY + timedelta(days=2)) == whole


def test_a_satellite_that_looks_right_sees_what_lies_east_of_it_when_it_climbs():
    left, right = orbits(looks="left"), orbits(looks="right")
    span = (DAY, DAY + timedelta(days=3))

    assert sorted([*left.between(*span), *right.between(*span)], key=str) == sorted(
        orbits().between(*span), key=str
    )
    (elements,) = read_elements(SETS.encode(), "sets")
    over = {
        p.highest_utc.replace(microsecond=0): p for p in passes_of(elements, Place(35.1, 33.1), *span, 10)
    }
    climbing = [over[one.highest_utc] for one in right.between(*span) if one.direction == "ascending"]
    assert climbing or over
    assert all(one.culmination_azimuth_deg > 180 for one in climbing)


def test_a_pass_above_the_steepest_look_is_left_out():
    most = max(one.max_elevation_deg for one in orbits().between(DAY, DAY + timedelta(days=3)))

    steep = orbits(max_elevation_deg=most - 1).between(DAY, DAY + timedelta(days=3))

    assert steep
    assert all(one.max_elevation_deg < most for one in steep)


def test_stretches_do_not_reach_over_a_gap_between_lines():
    apart = Stations(250.0, [35.0] * 40 + [10.0] * 8, [33 + 0.0027 * i for i in range(48)])

    parts = list(parts_of(apart))

    assert [(part.km_from, part.km_to) for part in parts] == [(0.0, 10.0), (10.0, 12.0)]
    assert [round(part.middle.lat_deg) for part in parts] == [35, 10]


def test_an_element_set_that_is_wrong_is_refused_before_the_mission_begins(shared, tmp_path):
    agreement = shared / "data/zone/agreements/example_corridor.toml"
    (tmp_path / "mission.toml").write_text(MISSION.replace("agreement.toml", str(agreement)))
    (tmp_path / "sets.txt").write_text(SETS.replace("9990", "9991"))

    with pytest.raises(BadInput, match=r"sets\.txt:2"):
        build(load_mission(tmp_path / "mission.toml"), Blobs(tmp_path / "blobs"))
