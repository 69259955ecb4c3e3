"""Margins, sides and chainage hold anywhere on earth."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from truceline.geo.crs import GEOD, from_earth_centred, from_local, to_earth_centred, to_local
from truceline.geo.line import Curve
from truceline.geo.zone import Belt, LineVersion, Zones

latitudes = st.floats(-60, 70)
longitudes = st.floats(-179.9, 179.9)
shapes = st.lists(st.tuples(st.floats(-60, 60), st.floats(500, 30_000)), min_size=1, max_size=5)


def line(lat: float, lon: float, steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Walk east from a place, turning a little and never back."""
    found = [(lat, lon)]
    for turn_deg, length_m in steps:
        lon, lat, _ = GEOD.fwd(lon, lat, 90 + turn_deg, length_m)
        found.append((lat, lon))
    return found


@given(lat=latitudes, lon=longitudes, steps=shapes, bearing=st.floats(0, 360), away_m=st.floats(5, 60_000))
def test_no_place_on_the_line_is_nearer_than_the_nearest(lat, lon, steps, bearing, away_m):
    curve = Curve([line(lat, lon, steps)])
    p_lon, p_lat, _ = GEOD.fwd(lon, lat, bearing, away_m)

    near = curve.nearest(p_lat, p_lon)

    places = np.array([curve.point_at(s) for s in np.linspace(0, curve.length_m, 200)])
    far = GEOD.inv(np.full(200, p_lon), np.full(200, p_lat), places[:, 1], places[:, 0])[2]
    assert near.distance_m <= far.min() + 0.05
    at = curve.point_at(near.chainage_m)
    assert GEOD.inv(at[1], at[0], near.lon_deg, near.lat_deg)[2] < 0.05


@given(lat=latitudes, lon=longitudes, length_m=st.floats(2_000, 80_000), share=st.floats(0.1, 0.9),
       away_m=st.floats(1, 40_000), sign=st.sampled_from([1, -1]))  # fmt: skip
def test_a_perpendicular_of_known_length_has_that_margin_and_side(lat, lon, length_m, share, away_m, sign):
    curve = Curve([line(lat, lon, [(0.0, length_m)])])
    azimuth = GEOD.inv(lon, lat, curve.parts[0][1][1], curve.parts[0][1][0])[0]
    on_lon, on_lat, back = GEOD.fwd(lon, lat, azimuth, share * length_m)
    p_lon, p_lat, _ = GEOD.fwd(on_lon, on_lat, back + 180 - 90 * sign, away_m)
    zones = Zones(
        [LineVersion("l", curve, "A")],
        [Belt("a", "l", "A", 0, 10_000), Belt("b", "l", "B", 0, 10_000), Belt("ab", "l", "both", 0, 10_000)],
    )

    standing = zones.stand("ab", p_lat, p_lon)

    side, other = ("a", "b") if sign > 0 else ("b", "a")
    assert standing.side == side.upper()
    assert standing.margin_m == approx(10_000 - away_m, abs=0.05)
    assert zones.stand(side, p_lat, p_lon).margin_m == approx(min(10_000 - away_m, away_m), abs=0.05)
    assert zones.stand(other, p_lat, p_lon).margin_m == approx(-away_m, abs=0.05)
    km, signed_m = zones.chainage("l", p_lat, p_lon)
    assert km * 1000 == approx(share * length_m, abs=0.5)
    assert signed_m == approx(sign * away_m, abs=0.05)


@given(lat=latitudes, lon=longitudes, steps=shapes, bearing=st.floats(0, 360), away_m=st.floats(20, 30_000))
def test_walking_the_line_backwards_changes_hands_and_nothing_else(lat, lon, steps, bearing, away_m):
    places = line(lat, lon, steps)
    there, back = Curve([places]), Curve([places[::-1]])
    p_lon, p_lat, _ = GEOD.fwd(lon, lat, bearing, away_m)

    one, other = there.nearest(p_lat, p_lon), back.nearest(p_lat, p_lon)

    assert one.distance_m == approx(other.distance_m, abs=0.01)
    if not math.isclose(one.distance_m, 0, abs_tol=1):
        sides = {LineVersion("l", there, "A").side(one), LineVersion("l", back, "B").side(other)}
        # Beyond an end, exactly ahead, the hand is a matter of the last bit.
        assert len(sides) == 1 or one.at_end


@given(lat=latitudes, lon=longitudes, x=st.floats(-5e4, 5e4), y=st.floats(-5e4, 5e4))
def test_the_local_plane_goes_there_and_back(lat, lon, x, y):
    there = from_local(x, y, lat, lon)

    back = to_local(*there, lat, lon)

    assert (float(back[0]), float(back[1])) == approx((x, y), abs=1e-3)


@given(lat=st.floats(-90, 90), lon=longitudes)
def test_earth_centred_places_go_there_and_back(lat, lon):
    back = from_earth_centred(to_earth_centred([lat], [lon]))

    assert GEOD.inv(lon, lat, float(back[1][0]), float(back[0][0]))[2] < 1e-3
