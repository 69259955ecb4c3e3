"""Distances against published geodesics."""

from math import pi

import numpy as np
import pytest
from pytest import approx
from truceline.geo.crs import distance_m, to_local
from truceline.geo.line import Curve
from truceline.model.place import Point


def point(lat_deg: float, lon_deg: float) -> Point:
    return Point(lat_deg=lat_deg, lon_deg=lon_deg, ce90_m=0)


def test_geodesic_distance_agrees_with_karney():
    # GeographicLib, documented example: Wellington NZ to Salamanca ES is 19959679.267 m.
    assert distance_m(point(-41.32, 174.81), point(40.96, -5.50)) == approx(19_959_679.267, abs=0.0005)


def test_geodesic_distance_agrees_with_the_australian_survey():
    # ICSM, GDA94 Technical Manual 2.4, chapter 4: Flinders Peak to Buninyong 54 972.271 m on
    # GRS 80, whose flattening differs from WGS 84 by 1e-10 of the radius.
    flinders = point(-(37 + 57 / 60 + 3.72030 / 3600), 144 + 25 / 60 + 29.52440 / 3600)
    buninyong = point(-(37 + 39 / 60 + 10.15610 / 3600), 143 + 55 / 60 + 35.38390 / 3600)

    assert distance_m(flinders, buninyong) == approx(54_972.271, abs=0.001)


def test_the_quadrant_of_the_meridian_is_that_of_wgs84():
    # NIMA TR8350.2, table of derived constants: meridian quadrant 10 001 965.7293 m.
    assert distance_m(point(0, 0), point(90, 0)) == approx(10_001_965.7293, abs=0.0001)


@pytest.mark.parametrize("lon_deg", [0.001, 0.1, 0.5, 2.0, -0.3])
def test_from_a_meridian_along_the_equator_it_is_arc_times_radius(lon_deg):
    # The equator is a geodesic that meets meridians at right angles; a = 6 378 137 m (NGA.STND.0036).
    meridian = Curve([[(-1.0, 0.0), (1.0, 0.0)]])

    near = meridian.nearest(0.0, lon_deg)

    assert near.distance_m == approx(6_378_137 * abs(lon_deg) * pi / 180, abs=0.001)
    assert near.left == (lon_deg < 0)
    assert (near.lat_deg, near.lon_deg) == approx((0, 0), abs=5e-6)  # half a metre along, 200 km away


def test_the_local_plane_keeps_distance_from_its_origin():
    x_m, y_m = to_local(np.array([40.96]), np.array([-5.50]), -41.32, 174.81)

    assert np.hypot(x_m, y_m)[0] == approx(19_959_679.267, abs=0.0005)
