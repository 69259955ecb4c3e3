"""What a change may mean: textbook cases get their word, thin evidence gets `unknown`."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truceline.detect.meaning import (
    MEANINGS,
    MOST_SURE,
    Traits,
    indices_change,
    meaning_of,
    radar_meaning,
    traits_of,
)
from truceline.model.classes import MEANING_ACTIVITIES, MEANING_CANDIDATES

CASES = {
    "earthwork": Traits(area_m2=9_000, length_m=450, width_m=20, radar=1),
    "track": Traits(area_m2=9_000, length_m=450, width_m=20, radar=-1),
    "flooding": Traits(area_m2=400_000, length_m=800, width_m=500, water_change=0.5, vegetation_change=-0.4),
    "burnt": Traits(
        area_m2=400_000, length_m=800, width_m=500, burn_change=-0.6, brightness_change=-0.2,
        vegetation_change=-0.4, water_change=0.05,
    ),
    "structure": Traits(
        area_m2=8_000, length_m=100, width_m=80, brightness_change=0.2, vegetation_change=-0.3,
        water_change=-0.1, burn_change=-0.05,
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", list(CASES))
def test_a_textbook_case_gets_its_word_and_says_why(word):
    found = meaning_of(CASES[word])

    assert found.word == word
    assert 0.4 < found.confidence <= MOST_SURE
    assert found.reasons


@pytest.mark.parametrize(
    "traits",
    [
        Traits(area_m2=9_000, length_m=110, width_m=80),
        Traits(area_m2=9_000, length_m=300, width_m=90, vegetation_change=0.4, brightness_change=0.0),
        Traits(area_m2=90_000, length_m=400, width_m=250, vegetation_change=-0.3, month=7, lat_deg=35.0),
    ],
)
def test_thin_evidence_greener_fields_and_harvest_stay_unknown(traits):
    assert meaning_of(traits).word == "unknown"


def test_every_word_leads_to_the_rules():
    assert {*MEANING_CANDIDATES, *MEANING_ACTIVITIES} == set(MEANINGS)


numbers = st.one_of(st.just(math.nan), st.floats(-1, 1))


@given(
    st.floats(1, 1e8), st.floats(1, 1e5), st.floats(1, 1e5), st.sampled_from([math.nan, -1.0, 1.0]),
    numbers, numbers, numbers, numbers, st.integers(0, 12), st.booleans(),
)  # fmt: skip
def test_the_answer_is_always_a_word_with_a_ratio(area, length, width, radar, a, b, c, d, month, beside):
    found = meaning_of(
        Traits(
            area_m2=area,
            length_m=length,
            width_m=width,
            radar=radar,
            vegetation_change=a,
            water_change=b,
            burn_change=c,
            brightness_change=d,
            month=month,
            lat_deg=40.0,
            beside_earlier=beside,
        )
    )

    assert found.word in MEANINGS
    assert 0 < found.confidence <= MOST_SURE


def test_a_rectangle_is_as_long_and_wide_as_it_is():
    rows, columns = (side.ravel() for side in np.mgrid[0:5, 0:40])

    assert traits_of(rows, columns, (10.0, 20.0)) == pytest.approx((40_000, 400, 100), rel=0.01)


def test_a_bent_line_is_narrow():
    steps = np.arange(60)
    rows, columns = np.r_[steps, np.full(60, 59)], np.r_[np.zeros(60, int), steps]

    _, length, width = traits_of(rows, columns, (10.0, 10.0))
    assert width < 0.3 * length


def test_one_pixel_is_a_square():
    assert traits_of(np.array([3]), np.array([4]), (30.0, 30.0)) == pytest.approx((900, 30, 30))


def test_indices_change_as_their_bands_do():
    before = np.array([[0.1], [0.1], [0.1], [0.5], [0.3], [0.2]])
    after = np.array([[0.1], [0.1], [0.1], [0.1], [0.3], [0.3]])
    names = ("blue", "green", "red", "nir08", "swir16", "swir22")
    found = indices_change(before, after, names)

    assert found["vegetation_change"] == pytest.approx(-4 / 6)
    assert found["water_change"] == pytest.approx(4 / 6)
    assert found["burn_change"] == pytest.approx(-0.5 - 3 / 7)
    assert found["brightness_change"] == 0
    assert math.isnan(indices_change(before, after, ("", "", "", "", "", ""))["burn_change"])


def test_a_line_in_radar_is_told_by_its_sign():
    rows, columns = (side.ravel() for side in np.mgrid[0:1, 0:25])

    assert radar_meaning(rows, columns, (20.0, 20.0), True, 2, 35.0).word == "earthwork"
    assert radar_meaning(rows, columns, (20.0, 20.0), False, 2, 35.0).word == "track"


def test_each_meaning_says_what_spoke_for_it_and_what_else_it_may_be():
    compact = Traits(area_m2=8000.0, length_m=100.0, width_m=80.0, radar=1.0)

    found = meaning_of(compact)

    assert {found.word, found.rival} <= {"structure", "vehicle_park", "unknown"}
    assert found.rival != found.word and found.rival_confidence <= found.confidence
    assert found.sentence.endswith(f"else {found.rival.replace('_', ' ')} {found.rival_confidence:.0%}")


def test_where_nothing_is_known_it_says_so():
    found = meaning_of(Traits(area_m2=20_000.0, length_m=200.0, width_m=60.0))

    assert found.word == "unknown"
    assert found.why == ("nothing tells what it is",)
    assert found.rival == ""
