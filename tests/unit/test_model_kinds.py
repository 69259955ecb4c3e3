"""From probabilities to words and back, without claiming more than was seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truceline.model.classes import (
    BASE_KINDS,
    CANDIDATES,
    CATEGORY_COLUMNS,
    FUSION_CLASSES,
    candidates,
    from_cot,
    probabilities,
)

parts = st.lists(st.floats(0.001, 1), min_size=7, max_size=7)


def spread(**given_p: float) -> dict[str, float]:
    return {word: given_p.get(word, 0.0) for word in FUSION_CLASSES}


@pytest.mark.parametrize(
    ("seen", "kinds", "total"),
    [
        (spread(armoured=0.95, truck=0.05), CANDIDATES["armoured"], 0.95),
        (spread(armoured=0.9, truck=0.1), CANDIDATES["armoured"], 0.9),
        (spread(car=0.6, truck=0.35, person=0.05), (*CANDIDATES["car"], *CANDIDATES["truck"][::2]), 0.95),
        (spread(aircraft=0.97, person=0.03), ("aircraft_unknown",), 0.97),
        (spread(aircraft=0.6, person=0.4), ("unknown",), 1.0),
        (spread(other=0.95, car=0.05), ("unknown",), 0.95),
        (spread(car=0.85, other=0.15), ("unknown",), 1.0),
        (spread(car=0.92, other=0.08), CANDIDATES["car"], 0.92),
    ],
)  # fmt: skip
def test_columns_are_taken_from_the_likeliest_down_until_nine_tenths(seen, kinds, total):
    found, rests_on = candidates(seen)

    assert found == kinds
    assert rests_on == pytest.approx(total)


def test_nothing_known_is_unknown():
    assert candidates(dict.fromkeys(FUSION_CLASSES, 1 / 7))[0] == ("unknown",)


@given(weights=parts)
def test_candidates_rest_on_nine_tenths_and_name_no_kind_twice(weights):
    seen = {word: weight / sum(weights) for word, weight in zip(FUSION_CLASSES, weights, strict=True)}

    kinds, total = candidates(seen)

    assert 0.9 - 1e-6 <= total <= 1 + 1e-6
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) <= set(BASE_KINDS)


@given(category=st.sampled_from([*CATEGORY_COLUMNS, "cloud"]), score=st.floats(0, 1))
def test_a_score_is_spread_over_all_columns_and_sums_to_one(category, score):
    spread_over = probabilities(category, score)

    assert set(spread_over) == set(FUSION_CLASSES)
    assert sum(spread_over.values()) == pytest.approx(1)


def test_a_known_category_keeps_its_score_and_an_unknown_one_says_nothing():
    assert probabilities("car", 0.7)["car"] == pytest.approx(0.7)
    assert probabilities("other_vehicle", 0.8)["artillery"] == pytest.approx(0.2)
    assert set(probabilities("cloud", 0.99).values()) == {1 / 7}


@pytest.mark.parametrize(
    ("cot_type", "kind"),
    [
        ("a-f-G-E-V-A-T", "tank"),
        ("a-h-G-E-V-A-T-H", "tank"),
        ("a-n-G-E-V-U-X", "truck"),
        ("a-n-G-E-V-U", "light_vehicle"),
        ("a-n-G-E-V-UX", "unknown"),
        ("a-u-A-M-F-Q-r", "uav"),
        ("a-u-A-M-F", "aircraft_fixed"),
        ("a-u-A-C", "aircraft_unknown"),
        ("a-u-A", "aircraft_unknown"),
        ("a-u-G", "unknown"),
        ("a-u-S-C-P", "ship_patrol"),
        ("b-m-p", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_cot_type_is_the_kind_of_the_longest_path_that_it_begins_with(cot_type, kind):
    assert from_cot(cot_type) == kind


@pytest.mark.parametrize("kind", [k for k, row in BASE_KINDS.items() if row.cot not in ("G", "A", "G-I")])
def test_every_kind_with_a_path_of_its_own_is_found_again(kind):
    assert from_cot(f"a-n-{BASE_KINDS[kind].cot}") == kind
