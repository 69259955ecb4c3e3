"""The geometry of passes against skyfield, the Sun against almanacs, real passes against published ones."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from truceline.codec.elements import read_elements
from truceline.dispatch.passes import Place, passes_of, sun_elevation_deg

SETS = {
    "low": (
        "1 39634U 14016A   25129.48193779  .00000222  00000+0  56871-4 0  9990\n"
        "2 39634  98.1800 137.8668 0001386  90.8293 269.3066 14.59199646591170\n"
    ),
    # Vallado et al. 2006, test cases 08195 (half a day, eccentric) and 14128 (a day)
    "eccentric": (
        "1 08195U 75081A   06176.33215444  .00000099  00000-0  11873-3 0   813\n"
        "2 08195  64.1586 279.0717 6877146 264.7651  20.2257  2.00491383225656\n"
    ),
    "one day": (
        "1 14128U 83058A   06176.02844893 -.00000158  00000-0  10000-3 0  9627\n"
        "2 14128  11.4384  35.2134 0011562  26.4582 333.5652  0.98870114 46093\n"
    ),
}


@pytest.mark.parametrize("orbit", list(SETS))
@pytest.mark.parametrize("place", [Place(35.17, 33.36, 150), Place(-62.2, -58.9, 10), Place(71.0, 179.9, 0)])
def test_passes_are_those_that_skyfield_finds_step_by_step(orbit, place):
    from skyfield.api import EarthSatellite, load, wgs84

    elements = read_elements(SETS[orbit].encode(), "sets")[0]
    start = elements.epoch_utc.replace(microsecond=0) + timedelta(hours=5)
    until = start + timedelta(days=2)
    found = passes_of(elements, place, start, until, 10.0)
    clock = load.timescale(builtin=True)
    peer = EarthSatellite(*SETS[orbit].splitlines(), "peer", clock)
    seen_from = peer - wgs84.latlon(place.lat_deg, place.lon_deg, place.alt_m)

    def elevation(seconds):
        times = clock.utc(
            start.year, start.month, start.day, start.hour, start.minute, start.second + seconds
        )
        return seen_from.at(times).altaz()

    grid = np.arange(0, 2 * 86400, 20.0)
    up = elevation(grid)[0].degrees >= 10
    begins = np.flatnonzero(up[1:] & ~up[:-1])
    assert [each.rise_utc is not None for each in found].count(True) == len(begins)
    assert any(each.rise_utc is None for each in found) == bool(up[0])
    for each in found:
        for moment, azimuth in ((each.rise_utc, each.rise_azimuth_deg), (each.set_utc, each.set_azimuth_deg)):
            if moment is not None:
                altitude, direction, _ = elevation((moment - start).total_seconds())
                assert altitude.degrees == pytest.approx(10.0, abs=2e-3)
                assert (direction.degrees - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=2e-3)
        altitude, _, distance = elevation((each.highest_utc - start).total_seconds())
        assert altitude.degrees == pytest.approx(each.max_elevation_deg, abs=1e-3)
        assert distance.km == pytest.approx(each.culmination_range_km, abs=0.1)


@pytest.mark.parametrize(
    ("moment", "declination_deg"),
    [
        (datetime(2025, 3, 20, 9, 1, 29, tzinfo=UTC), 0.0),  # equinox, Astronomical Almanac 2025
        (datetime(2024, 6, 20, 20, 51, 0, tzinfo=UTC), 23.4384),  # solstice: the obliquity of date
        (datetime(1992, 10, 12, 23, 59, 1, tzinfo=UTC), -7.78507),  # Meeus 1998, example 25.a
    ],
)
def test_the_sun_stands_over_the_pole_as_high_as_its_declination(moment, declination_deg):
    assert sun_elevation_deg(Place(90.0, 0.0), moment) == pytest.approx(declination_deg, abs=0.012)


def test_the_sun_crosses_the_meridian_when_the_equation_of_time_says():
    # 2025-11-03: 16 min 27 s early, Astronomical Almanac 2025: noon at Greenwich at 11:43:33
    noon = datetime(2025, 11, 3, 11, 43, 33, tzinfo=UTC)
    place = Place(51.5, 0.0)
    before, after = (sun_elevation_deg(place, noon + timedelta(minutes=m)) for m in (-60, 60))

    assert before == pytest.approx(after, abs=0.03)


def test_real_passes_are_those_of_an_independent_propagation(shared):
    cases = json.loads((shared / "data/satellite/passes/expected.json").read_text())["cases"]
    for case in cases:
        start, until = (datetime.fromisoformat(case[word]) for word in ("from", "to"))
        place = Place(case["lat_deg"], case["lon_deg"], case["alt_m"])
        found = [
            each
            for one in read_elements(case["tle"].encode(), "case")
            for each in passes_of(one, place, start, until, case["min_elevation_deg"])
        ]
        found.sort(key=lambda each: (each.rise_utc or start, each.norad_id))
        assert len(found) == len(case["passes"])
        for got, want in zip(found, case["passes"], strict=True):
            assert (got.norad_id, got.direction, got.sunlit_ground) == (
                want["norad_id"], want["direction"], want["sunlit_ground"],
            )  # fmt: skip
            for word in ("rise", "culmination", "set"):
                moment = getattr(got, f"{word}_utc")
                assert (moment is None) == (want[word] is None)
                if moment is not None:
                    assert abs((moment - datetime.fromisoformat(want[word])).total_seconds()) < 0.05
