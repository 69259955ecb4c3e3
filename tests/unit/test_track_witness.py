"""What people report, as rows and looks."""

from datetime import UTC, datetime

import pytest
from truceline.codec.observation_lines import UNSAID_CE90_M
from truceline.model.observed import Report
from truceline.track.live.witness import EXISTS, look_of, row_of

AT = datetime(2026, 3, 1, 6, tzinfo=UTC)


def report(type="sighting", ce90_m=40.0, **attributes):
    return Report(type=type, time_utc=AT, lat_deg=48.0, lon_deg=37.0, ce90_m=ce90_m, attributes=attributes)


def test_a_sighting_of_one_thing_is_a_row_with_its_own_error_and_what_it_was_called():
    (row,) = row_of(report(**{"class": "tank", "confidence": 0.6}))

    assert (row["lat_deg"], row["lon_deg"], row["ce90_m"], row["time_utc"]) == (48.0, 37.0, 40.0, AT)
    assert row["p_armoured"] == pytest.approx(0.9)
    assert row["p_truck"] == pytest.approx(0.1 / 6)
    assert row["confidence"] == 0.6


def test_what_a_report_leaves_open_is_assumed():
    (row,) = row_of(report(ce90_m=None))

    assert (row["ce90_m"], row["confidence"]) == (UNSAID_CE90_M, EXISTS)
    assert {row[word] for word in row if word.startswith("p_")} == {1 / 7}


@pytest.mark.parametrize("said", ["much", "", -1, "nan", 3])
def test_a_confidence_that_is_none_is_as_if_not_said(said):
    assert row_of(report(confidence=said))[0]["confidence"] == EXISTS


def test_what_somebody_marks_on_a_tak_map_is_a_sighting_but_not_the_missions_own():
    assert row_of(report("position", cot_type="a-n-G-E-V-A-T"))[0]["p_armoured"] == pytest.approx(0.9)
    assert row_of(report("position", cot_type="a-f-G-E-V-A-T")) == []
    assert row_of(report("position")) == []


@pytest.mark.parametrize(
    "one",
    [
        report("shot"),
        report(count=10),
        report(count=0),
        report(ce90_m=9000.0),
        report("note", kind="sighting"),
    ],
)
def test_no_row_speaks_of_anything_but_one_thing_at_a_place(one):
    assert row_of(one) == []


def test_nothing_there_is_a_look_as_far_as_the_reporter_could_see():
    (look,) = look_of(report(count=0, radius_m=300))

    assert (look["shape"], look["a_m"], look["b_m"]) == ("annulus", 0.0, 260.0)
    assert look["finds_truck"] > 0
    assert look["finds_aircraft"] == 0


def test_no_tanks_there_says_nothing_of_cars():
    (look,) = look_of(report(count=0, radius_m=300, **{"class": "tank"}))

    assert look["finds_armoured"] > 0
    assert look["finds_car"] == 0


@pytest.mark.parametrize(
    "one",
    [report(count=0), report(count=0, radius_m=30), report(count=1, radius_m=300), report(radius_m=300)],
)
def test_who_does_not_say_how_far_they_saw_nothing_says_nothing_of_it(one):
    assert look_of(one) == []
