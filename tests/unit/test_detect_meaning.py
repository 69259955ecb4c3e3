"""What a change may mean: textbook cases get their word, thin evidence gets `unknown`."""

import math

import msgspec
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
    "flooding": Traits(area_m2=400_000, length_m=800, width_m=500, water_change=0.9, vegetation_change=-0.4),
    "burnt": Traits(
        area_m2=400_000, length_m=800, width_m=500, burn_change=-0.6, brightness_change=-0.2,
        vegetation_change=-0.4, water_change=0.05,
    ),
    "structure": Traits(
        area_m2=8_000, length_m=100, width_m=80, brightness_change=0.2, vegetation_change=-0.3,
        water_change=-0.1, burn_change=-0.05,
    ),
    "vehicle_park": Traits(
        area_m2=6_000, length_m=90, width_m=70, brightness_change=-0.15, vegetation_change=0.0,
        vegetation_before=-0.2, water_change=0.02, burn_change=-0.05,
    ),
    "destroyed": Traits(
        area_m2=6_000, length_m=90, width_m=70, brightness_change=-0.15, vegetation_change=-0.1,
        vegetation_before=-0.2, water_change=0.02, burn_change=-0.4,
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
    numbers, numbers, numbers, numbers, st.integers(0, 12), numbers,
)  # fmt: skip
def test_the_answer_is_always_a_word_with_a_ratio(area, length, width, radar, a, b, c, d, month, before):
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
            vegetation_before=before,
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
    rest = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.2])  # NDVI 0
    found = indices_change(before, after, names, rest)

    assert found["vegetation_before"] == pytest.approx(4 / 6)
    assert found["vegetation_change"] == pytest.approx(-4 / 6)
    assert found["water_change"] == 0  # by the short-wave infrared, which stays
    assert found["burn_change"] == pytest.approx(-0.5 - 3 / 7)
    assert found["brightness_change"] == 0
    assert math.isnan(indices_change(before, after, ("", "", "", "", "", ""), rest)["burn_change"])


# Rows and columns of 30 m pixels, as the alerts of planted changes come out: three pixels wider than planted.
SEEN = {
    "a trench of 40 x 2": (41, 5, True, "earthwork"),
    "a track of 2 x 20": (5, 22, False, "track"),
    "a flood of 20 x 20 in winter": (22, 21, False, "flooding"),
}


@pytest.mark.parametrize("case", SEEN)
def test_a_change_as_wide_as_radar_shows_it_gets_its_word(case):
    high, wide, rose, word = SEEN[case]
    rows, columns = (side.ravel() for side in np.mgrid[0:high, 0:wide])

    assert radar_meaning(rows, columns, (30.0, 30.0), rose, 2, 35.0).word == word


@pytest.mark.parametrize(("side", "rose", "rival"), [(7, True, "vehicle_park"), (7, False, "destroyed")])
def test_a_compact_change_in_radar_stays_unknown_and_names_what_it_may_be(side, rose, rival):
    rows, columns = (place.ravel() for place in np.mgrid[0:side, 0:side])

    found = radar_meaning(rows, columns, (30.0, 30.0), rose, 2, 35.0)

    assert (found.word, found.rival) == ("unknown", rival)
    assert found.rival_confidence > 0.2


STRONG = {  # rows, columns, whether it rose, month, change of VV and VH in dB
    "vehicle_park": (7, 7, True, 2, (9.0, 7.0)),
    "structure": (9, 9, True, 2, (9.0, 7.0)),
    "destroyed": (7, 7, False, 2, (-9.0, -7.0)),
    "flooding": (22, 21, False, 2, (-9.0, -8.0)),
    "burnt": (22, 21, False, 2, (-4.0, -7.5)),
}


def in_radar(high, wide, rose, month, change_db):
    rows, columns = (side.ravel() for side in np.mgrid[0:high, 0:wide])
    change = dict(zip(("vv", "vh"), change_db, strict=True))
    return radar_meaning(rows, columns, (30.0, 30.0), rose, month, 35.0, change)


@pytest.mark.parametrize("word", STRONG)
def test_a_strong_change_in_radar_gets_its_word_and_says_why(word):
    found = in_radar(*STRONG[word])

    assert found.word == word
    assert found.confidence < 0.8
    assert len(found.reasons) > 1


@pytest.mark.parametrize(
    ("high", "wide", "rose", "change_db"),
    [
        (7, 7, True, (4.0, 4.0)),
        (7, 7, True, (2.0, 2.0)),
        (7, 7, True, (5.0, 9.0)),
        (7, 7, False, (-2.0, -2.0)),
        (22, 21, False, (-2.0, -2.0)),
        (22, 21, True, (9.0, 8.0)),
    ],
)
def test_what_soil_and_plants_do_as_well_stays_unknown(high, wide, rose, change_db):
    assert in_radar(high, wide, rose, 2, change_db).word == "unknown"


def test_strength_makes_a_word_surer_and_never_another_line():
    weak, strong = (in_radar(5, 22, False, 2, (change, change)) for change in (-2.0, -9.0))

    assert (weak.word, strong.word) == ("track", "track")
    faint, clear = (in_radar(22, 21, False, 2, (change, change)) for change in (-6.0, -10.0))
    assert clear.confidence > faint.confidence


# Reflectance x 10,000: blue, green, red, nir08, swir16, swir22, as in Sentinel-2 scenes of such ground.
GRASS, SOIL = (400, 700, 600, 3200, 1900, 1000), (1100, 1500, 1900, 2500, 3300, 2800)
COVERS = {
    "burnt": (GRASS, (500, 550, 650, 1000, 1500, 1700), 500),
    "flooding": (SOIL, (600, 650, 500, 250, 120, 80), 500),
    "structure": (GRASS, (2200, 2400, 2600, 2900, 3200, 3000), 70),
    "vehicle_park": (SOIL, (700, 800, 900, 1300, 1500, 1300), 70),
}


@pytest.mark.parametrize("word", COVERS)
def test_ground_that_takes_on_another_colour_gets_its_word(word):
    was, became, side_m = COVERS[word]
    names = ("blue", "green", "red", "nir08", "swir16", "swir22")
    before, after, rest = (np.array(colour, float) for colour in (was, became, GRASS))
    traits = Traits(area_m2=side_m**2, length_m=side_m, width_m=side_m, month=2, lat_deg=35.0)
    colours = indices_change(before[:, None], after[:, None], names, rest)

    assert meaning_of(msgspec.structs.replace(traits, **colours)).word == word


def test_a_long_trench_in_summer_is_no_harvest():
    rows, columns = (side.ravel() for side in np.mgrid[0:41, 0:5])

    assert radar_meaning(rows, columns, (30.0, 30.0), True, 7, 35.0).word == "earthwork"


def test_fields_with_less_echo_in_summer_stay_unknown():
    rows, columns = (side.ravel() for side in np.mgrid[0:22, 0:21])

    assert radar_meaning(rows, columns, (30.0, 30.0), False, 7, 35.0).word == "unknown"


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
