"""Where a rule ends: each limit lies on the side that contract zone, section 3, names."""

from datetime import timedelta

import pytest
from tests.unit.test_rules_kinds import ABSENCE, CAP, CROSSING, KM, START, seen, verdicts, written
from truceline.model.observed import Sighting
from truceline.model.place import Point
from truceline.rules.rulings import judge_all

AIR = 'id="R"\narticle="1"\ntype="no_fly"\nzone="z"\nclasses=["uav"]\nabove_m=100\nbelow_m=1000'
BAN = 'id="R"\narticle="1"\ntype="activity_ban"\nactivities=["drill"]\nmin_unit="company"'
NOTICE = (
    'id="N"\narticle="2"\ntype="notice_exception"\napplies_to=["R"]\n'
    'notice_types=["move"]\nlead_time_s=3600\nmax_duration_s=7200'
)
HOUR = timedelta(hours=1)


def notice(name: str = "n", **values) -> Sighting:
    words = {
        "party": "s", "time": START - 2 * HOUR, "notice_type": "move",
        "from_time": START - HOUR, "until_time": START + HOUR,
    }  # fmt: skip
    return Sighting(id=name, kind="notice", **{**words, **values})


@pytest.mark.parametrize(
    ("height_m", "is_banned"), [(99.9, False), (100, True), (999.9, True), (1000, False)]
)
def test_the_lower_height_is_forbidden_and_the_upper_is_not(tmp_path, height_m, is_banned):
    assert bool(verdicts(written(tmp_path, AIR), seen(class_="uav", alt_agl_m=height_m))) is is_banned


@pytest.mark.parametrize(("size", "is_banned"), [("platoon", False), ("company", True)])
def test_the_least_unit_is_banned_itself(tmp_path, size, is_banned):
    drill = seen(kind="activity", class_=None, activity="drill", unit_size=size)

    assert bool(verdicts(written(tmp_path, BAN), drill)) is is_banned


@pytest.mark.parametrize(("minutes", "count"), [(60, 1), (60.01, 2)])
def test_a_gap_of_just_the_longest_still_joins(tmp_path, minutes, count):
    fixes = [seen("a", object="x"), seen("b", minutes=minutes, object="x")]

    assert len(verdicts(written(tmp_path, ABSENCE), *fixes)) == count


@pytest.mark.parametrize(("minutes", "count"), [(1440, 1), (1440.01, 0)])
def test_two_fixes_just_a_day_apart_are_still_a_crossing(tmp_path, minutes, count):
    fixes = [seen(name, km=km, minutes=m, party="c", object="x") for name, km, m in
             (("a", 1, 0), ("b", -1, minutes))]  # fmt: skip

    assert len(verdicts(written(tmp_path, CROSSING), *fixes)) == count


def test_a_crossing_of_a_zone_counts_inside_it_alone(tmp_path):
    rule = CROSSING + '\nzone="z"'

    assert [v for _, v, _ in verdicts(written(tmp_path, rule), seen(km=1.5))] == ["violation"]
    assert verdicts(written(tmp_path, rule), seen(km=2.5)) == []


@pytest.mark.parametrize(
    ("changes", "is_covered"),
    [
        ({}, True),
        ({"from_time": START}, True),
        ({"from_time": START - HOUR, "until_time": START}, False),
        ({"time": START - 2 * HOUR + timedelta(seconds=1)}, False),
        ({"until_time": START + HOUR + timedelta(seconds=1)}, False),
        ({"notice_type": "other"}, False),
        ({"party": "n"}, False),
        ({"max_count": 2}, True),
        ({"max_count": 1}, False),
        ({"object": "x"}, True),
        ({"object": "y"}, False),
        ({"classes": ("tank", "ifv")}, True),
        ({"classes": ("ifv",)}, False),
        ({"at": Point(lat_deg=KM, lon_deg=10.2, ce90_m=0), "radius_m": 10.0}, True),
        ({"at": Point(lat_deg=1.2 * KM, lon_deg=10.2, ce90_m=0), "radius_m": 190.0}, False),
        ({"at": Point(lat_deg=1.2 * KM, lon_deg=10.2, ce90_m=0)}, True),
    ],
)
def test_a_notice_covers_what_it_was_given_for_and_no_more(tmp_path, changes, is_covered):
    observation = seen(count=2, object="x")

    found = verdicts(written(tmp_path, ABSENCE, NOTICE), observation, notice(**changes))

    assert [v for _, v, _ in found] == ["covered_by_notice" if is_covered else "violation"]


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [((1, 1), "covered_by_notice"), ((1,), "violation"), ((None,), "covered_by_notice")],
)
def test_notices_add_to_a_cap_while_they_run(tmp_path, allowed, verdict):
    notices = [notice(f"n{number}", max_count=count) for number, count in enumerate(allowed)]

    incidents, _ = judge_all(written(tmp_path, CAP, NOTICE), [seen(count=4), *notices])

    assert [incident.verdict for _, incident in incidents] == [verdict]


def test_what_a_notice_covers_ends_the_run_of_what_it_does_not(tmp_path):
    fixes = [seen(f"o{number}", minutes=40 * number, count=3, object="x") for number in range(3)]

    found = verdicts(written(tmp_path, CAP, NOTICE), *fixes, notice(max_count=1))

    assert [(v, c) for _, v, c in found] == [
        ("covered_by_notice", ("o0", "o1")), ("violation", ("o2",)),
    ]  # fmt: skip


def test_a_count_is_as_sure_as_the_least_sure_of_what_was_counted(tmp_path):
    fixes = [seen(f"o{number}", confidence=0.9 - number / 100) for number in range(4)]

    incidents, _ = judge_all(written(tmp_path, CAP), fixes)

    assert [incident.probability for _, incident in incidents] == [pytest.approx(0.87)]


def test_what_nobody_knows_whose_it_is_counts_for_each_party(tmp_path):
    unknown = [seen(f"o{number}", party="unknown") for number in range(3)]

    incidents, _ = judge_all(written(tmp_path, CAP), unknown)

    found = [(incident.party, incident.verdict, incident.probability) for _, incident in incidents]
    assert found == [("n", "possible_violation", 0.5), ("s", "possible_violation", 0.5)]


@pytest.mark.parametrize(("second", "verdict"), [(-1, []), (0, ["violation"])])
def test_a_step_of_a_timetable_holds_from_its_first_moment(tmp_path, second, verdict):
    table = (
        'id="R"\narticle="1"\ntype="timetable"\nzone="z"\nclasses=["tank"]\n'
        "steps=[{by=2025-06-01T12:00:00Z,max_count=0}]"
    )

    assert [v for _, v, _ in verdicts(written(tmp_path, table), seen(minutes=second / 60))] == verdict


def test_a_step_written_with_summer_time_holds_from_the_same_moment(tmp_path):
    table = (
        'id="R"\narticle="1"\ntype="timetable"\nzone="z"\nclasses=["tank"]\n'
        "steps=[{by=2024-02-29T23:30:00-01:00,max_count=9},{by=2025-06-01T14:00:00+02:00,max_count=0}]"
    )

    assert [v for _, v, _ in verdicts(written(tmp_path, table), seen())] == ["violation"]
    assert verdicts(written(tmp_path, table), seen(minutes=-1 / 60)) == []


def test_over_a_range_is_more_than_it_and_at_least_is_not(tmp_path):
    def rule(key: str) -> str:
        group = f'\n[[class]]\nid="far"\nkinds=["mlrs"]\n{key}=70'
        return 'id="R"\narticle="1"\ntype="absence"\nzone="z"\nclasses=["far"]' + group

    launcher = seen(class_="mlrs", range_km=70.0)

    assert verdicts(written(tmp_path, rule("over_range_km")), launcher) == []
    assert [v for _, v, _ in verdicts(written(tmp_path, rule("min_range_km")), launcher)] == ["violation"]
