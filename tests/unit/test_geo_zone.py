"""Zones: limits, ends, sectors, versions, polygons, sites."""

import math
from datetime import UTC, datetime

import pytest
from pytest import approx
from truceline.geo.line import Curve
from truceline.geo.zone import OUT, Area, Belt, LineVersion, Period, Sector, Site, Standing, Zones
from truceline.model.errors import BadInput
from truceline.model.observed import Sighting
from truceline.model.place import Point

EARLY, TURN, LATE = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 6, 12))
# West to east along the equator: north is on the left.
STRAIGHT = Curve([[(0.0, 10.0), (0.0, 10.5)]])
MOVED = Curve([[(0.1, 10.0), (0.1, 10.5)]])
DEGREE_M = 111_319.4908  # of longitude on the equator, 6 378 137 m × π / 180


def zones(*belts: Belt, sectors=()) -> Zones:
    return Zones([LineVersion("l", STRAIGHT, "A")], belts, sectors)


def test_a_point_on_the_outer_limit_is_outside_and_on_the_inner_inside():
    place = zones(Belt("z", "l", "A", 100, 200))
    inner, outer = Standing(0.0, True), Standing(0.0, False)

    assert place.stand("z", 0.0011, 10.2).is_member
    assert inner.place(0.0) == "in" and inner.p_in(0.0) == 1
    assert outer.place(0.0) == "out" and outer.p_in(0.0) == 0


def test_a_point_on_the_line_is_on_side_a():
    place = zones(Belt("a", "l", "A", 0, 200), Belt("b", "l", "B", 0, 200))

    assert place.side_of("l", 0.0, 10.2) == "A"
    assert place.stand("a", 0.0, 10.2).is_member and not place.stand("b", 0.0, 10.2).is_member


def test_beyond_a_flat_end_nothing_is_inside_and_beyond_a_round_one_distance_counts():
    place = zones(Belt("flat", "l", "both", 0, 2000), Belt("round", "l", "both", 0, 2000, ends="round"))

    assert place.stand("flat", 0.0, 10.501).margin_m == OUT
    assert place.stand("round", 0.0, 10.501).margin_m == approx(2000 - 0.001 * DEGREE_M, abs=0.01)


def test_a_sector_ends_sharply_at_its_chainage():
    sector = Sector("west", "l", "start", (0.0, 10.2))
    place = zones(Belt("z", "l", "both", 0, 2000, sector="west"), sectors=[sector])

    assert place.stand("z", 0.001, 10.1999).margin_m > 0
    assert place.stand("z", 0.001, 10.2001).margin_m == OUT


def test_the_very_end_of_the_line_belongs_to_a_sector_that_runs_to_it():
    sector = Sector("east", "l", (0.0, 10.2), "end")
    place = zones(Belt("z", "l", "both", 0, 2000, sector="east", ends="round"), sectors=[sector])

    assert place.stand("z", 0.0, 10.5).margin_m == approx(2000, abs=0.01)


def test_the_version_of_the_line_valid_at_the_time_counts():
    place = Zones(
        [
            LineVersion("l", STRAIGHT, "A", Period(None, TURN)),
            LineVersion("l", MOVED, "A", Period(TURN, LATE)),
        ],
        [Belt("z", "l", "both", 0, 2000)],
    )

    assert place.stand("z", 0.0, 10.2, EARLY).margin_m == approx(2000, abs=0.01)
    assert place.stand("z", 0.0, 10.2, TURN).margin_m < -9000
    assert place.stand("z", 0.0, 10.2, LATE).margin_m == OUT
    assert place.side_of("l", 0.05, 10.2, EARLY) == "A" and place.side_of("l", 0.05, 10.2, TURN) == "B"


def test_a_gap_between_parts_is_no_line_and_chainage_runs_on():
    curve = Curve([[(0.0, 10.0), (0.0, 10.1)], [(0.0, 10.3), (0.0, 10.4)]])
    place = Zones([LineVersion("l", curve, "A")], [Belt("z", "l", "both", 0, 2000)])

    assert place.line_length_m("l") == approx(0.2 * DEGREE_M, abs=0.01)
    assert place.stand("z", 0.001, 10.2).margin_m == OUT
    assert place.chainage("l", 0.001, 10.35)[0] * 1000 == approx(0.15 * DEGREE_M, abs=0.01)
    assert place.point_at("l", 0.15 * DEGREE_M) == approx((0.0, 10.35), abs=1e-6)


def test_an_area_has_its_margin_to_the_outline_holes_left_out():
    outer = ((0.0, 10.0), (0.0, 10.4), (0.4, 10.4), (0.4, 10.0), (0.0, 10.0))
    hole = ((0.1, 10.1), (0.1, 10.2), (0.2, 10.2), (0.2, 10.1), (0.1, 10.1))
    place = Zones((), [Area("z", (outer, hole))])

    assert place.stand("z", 0.15, 10.01).margin_m == approx(0.01 * DEGREE_M, abs=1)
    assert place.stand("z", 0.15, 10.15).margin_m < -5000
    assert place.stand("z", 0.2, 10.41).margin_m == approx(-0.01 * DEGREE_M, abs=1)


def test_an_area_over_the_antimeridian_holds_what_is_in_it():
    ring = ((0.0, 179.9), (0.0, -179.9), (0.2, -179.9), (0.2, 179.9), (0.0, 179.9))
    place = Zones((), [Area("z", (ring,))])

    assert place.stand("z", 0.1, 180.0).is_member and place.stand("z", 0.1, -179.95).is_member
    assert not place.stand("z", 0.1, 179.8).is_member


def test_a_site_is_measured_from_its_edge():
    place = Zones(sites=[Site("s", 0.0, 10.0, 300)])

    assert place.site_margin_m("s", 0.0, 10.01) == approx(0.01 * DEGREE_M - 300, abs=0.01)


def test_the_margin_of_a_sighting_is_taken_at_its_time():
    place = Zones([LineVersion("l", STRAIGHT, "A", Period(None, TURN))], [Belt("z", "l", "both", 0, 2000)])
    at = Point(lat_deg=0.0, lon_deg=10.2, ce90_m=5)

    assert place.margin_m("z", Sighting(id="s", time=EARLY, kind="sighting", at=at)) == approx(2000, abs=0.01)
    assert place.margin_m("z", Sighting(id="s", time=LATE, kind="sighting", at=at)) == -math.inf


@pytest.mark.parametrize("ask", [lambda z: z.stand("x", 0, 0), lambda z: z.chainage("x", 0, 0)])
def test_an_unknown_name_is_bad_input(ask):
    with pytest.raises(BadInput):
        ask(zones())


def test_one_sigma_outside_is_sixteen_percent_inside():
    # Φ(-1) = 0.158655, any table of the normal distribution.
    assert Standing(-100 / 2.1460, False).p_in(100) == approx(0.158655, abs=1e-6)


def test_a_place_belongs_to_the_nearest_line_that_runs():
    def line(name, lat, period):
        return LineVersion(id=name, curve=Curve([[(lat, 10.0), (lat, 10.5)]]), side_left="A", period=period)

    always, over = Period(), Period(until_utc=datetime(2029, 1, 1, tzinfo=UTC))
    lines = Zones(lines=[line("south", 24.0, always), line("north", 25.0, always), line("past", 24.9, over)])
    moment = datetime(2030, 5, 1, tzinfo=UTC)

    assert lines.nearest_line(24.1, 10.2, moment) == "south"
    assert lines.nearest_line(24.91, 10.2, moment) == "north"
    assert lines.nearest_line(24.91, 10.2) == "past"
