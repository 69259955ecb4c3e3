"""Each rule kind, one short story per verdict."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest import approx
from truceline.model.observed import Sighting
from truceline.model.place import Point
from truceline.rules.agreement import Agreement, read_agreement
from truceline.rules.rulings import judge_all

START = datetime(2025, 6, 1, 12, tzinfo=UTC)
HEAD = """
schema = "truceline.agreement/1"
id = "t"
title = "test"
in_force_from = 2025-01-01T00:00:00Z
party = [{ id = "n", name = "N", side = "A" }, { id = "s", name = "S", side = "B" }, { id = "c", name = "C", side = "none" }]
line = [{ id = "l", path = "l.geojson", side_left = "A" }]
zone = [{ id = "z", line = "l", side = "both", inner_m = 0, outer_m = 2000 }]
site = [{ id = "gate", lat_deg = 0.005, lon_deg = 10.25, radius_m = 200 }]
[[class]]
id = "guns"
kinds = ["artillery"]
min_calibre_mm = 100
"""  # noqa: E501
LINE = '{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[10,0],[10.5,0]]}}'
KM = 1 / 110.574  # degrees of latitude at the equator


def written(folder: Path, *rules: str) -> Agreement:
    (folder / "l.geojson").write_text(LINE)
    (folder / "a.toml").write_text(HEAD + "".join(f"\n[[rule]]\n{rule}\n" for rule in rules))
    return read_agreement(folder / "a.toml")


@pytest.fixture
def agree(tmp_path):
    return lambda *rules: written(tmp_path, *rules)


def seen(name: str = "o1", km: float = 1.0, minutes: float = 0, **values: object) -> Sighting:
    at = Point(lat_deg=km * KM, lon_deg=10.2, ce90_m=float(values.pop("ce90_m", 10.0)))  # type: ignore[arg-type]
    words: dict = {"kind": "sighting", "party": "s", "class_": "tank", "at": at, **values}
    return Sighting(id=name, time=START + timedelta(minutes=minutes), **words)


def verdicts(agreement: Agreement, *sightings: Sighting) -> list[tuple[str, str, tuple[str, ...]]]:
    incidents, _ = judge_all(agreement, sightings)
    return [(str(i.rule), str(i.verdict), i.causes) for _, i in incidents]


ABSENCE = 'id="R"\narticle="1"\ntype="absence"\nzone="z"\nclasses=["tank","guns"]\nexcept_sites=["gate"]'


@pytest.mark.parametrize(
    ("sighting", "verdict"),
    [
        (seen(), "violation"),
        (seen(km=3), None),
        (seen(km=1.999, ce90_m=50), "possible_violation"),
        (seen(km=2.02, ce90_m=50), "possible_violation"),
        (seen(km=2.06, ce90_m=50), None),
        (seen(party="unknown"), "possible_violation"),
        (seen(party="c"), None),
        (seen(party_assumed=True), "possible_violation"),
        (seen(confidence=0.79), "possible_violation"),
        (seen(confidence=0.8), "violation"),
        (seen(class_="truck"), None),
        (seen(class_="unknown"), "possible_violation"),
        (seen(class_="aircraft_unknown"), None),
        (seen(class_="artillery"), "possible_violation"),
        (seen(class_="artillery", calibre_mm=99.0), None),
        (seen(class_="artillery", calibre_mm=100.0), "violation"),
        (seen(class_=None, classes=("tank", "ifv")), "possible_violation"),
        (seen(class_=None, classes=("truck", "ifv")), None),
        (seen(at=Point(lat_deg=0.005, lon_deg=10.25, ce90_m=10)), None),
        (seen(minutes=-600_000), None),
        (seen(kind="activity"), None),
    ],
)
def test_absence_follows_place_party_class_and_confidence(agree, sighting, verdict):
    assert [v for _, v, _ in verdicts(agree(ABSENCE), sighting)] == ([verdict] if verdict else [])


def test_probability_is_that_of_the_place_times_confidence_halved_for_other_doubts(agree):
    # Φ(2.146) = 0.984063, any table of the normal distribution.
    agreement = agree(ABSENCE)
    at = Point(lat_deg=2.0 * KM - 100 / 110_574, lon_deg=10.2, ce90_m=100)

    (_, sure), *_ = judge_all(agreement, [seen(at=at, confidence=0.9)])[0]
    (_, doubted), *_ = judge_all(agreement, [seen(at=at, confidence=0.9, party="unknown")])[0]

    assert sure.probability == approx(0.984063 * 0.9, abs=2e-3)
    assert doubted.probability == approx(sure.probability / 2, abs=1e-9)


def test_only_classes_bans_all_that_is_not_listed(agree):
    only = agree('id="R"\narticle="1"\ntype="absence"\nzone="z"\nonly_classes=["police"]')

    assert [v for _, v, _ in verdicts(only, seen(class_="tank"))] == ["violation"]
    assert verdicts(only, seen(class_="police")) == []
    assert [v for _, v, _ in verdicts(only, seen(class_="unknown"))] == ["possible_violation"]


def test_an_object_joins_within_the_gap_and_not_beyond(agree):
    agreement = agree(ABSENCE)
    fixes = [seen(f"o{i}", minutes=m, object="x") for i, m in enumerate((0, 50, 111))]

    assert sorted(causes for _, _, causes in verdicts(agreement, *fixes)) == [("o0", "o1"), ("o2",)]


def test_an_activity_needs_its_word_and_its_size(agree):
    ban = agree('id="R"\narticle="1"\ntype="activity_ban"\nactivities=["drill"]\nmin_unit="company"')
    drill = {"kind": "activity", "class_": None, "activity": "drill"}

    assert [v for _, v, _ in verdicts(ban, seen(**drill, unit_size="brigade"))] == ["violation"]
    assert [v for _, v, _ in verdicts(ban, seen(**drill))] == ["possible_violation"]
    assert verdicts(ban, seen(**drill, unit_size="squad")) == []
    assert verdicts(ban, seen(kind="activity", activity="sport", unit_size="brigade")) == []


def test_a_rule_with_a_zone_names_what_has_no_position(agree):
    ban = agree('id="R"\narticle="1"\ntype="activity_ban"\nactivities=["drill"]\nzone="z"')
    nowhere = Sighting(id="o", time=START, kind="activity", party="s", activity="drill")

    assert judge_all(ban, [nowhere]) == ([], [("o", "no_position")])


def test_no_fly_holds_between_its_heights(agree):
    air = agree('id="R"\narticle="1"\ntype="no_fly"\nzone="z"\nclasses=["uav"]\nabove_m=100\nbelow_m=1000')

    assert [v for _, v, _ in verdicts(air, seen(class_="uav", alt_agl_m=100.0))] == ["violation"]
    assert [v for _, v, _ in verdicts(air, seen(class_="uav"))] == ["possible_violation"]
    assert verdicts(air, seen(class_="uav", alt_agl_m=1000.0)) == []
    assert verdicts(air, seen(class_="tank", alt_agl_m=500.0)) == []


CROSSING = 'id="R"\narticle="1"\ntype="crossing"\nline="l"\nparties=["n","s","c"]\nmin_depth_m=200'


def test_crossing_by_side_counts_depth_beyond_the_line(agree):
    assert [v for _, v, _ in verdicts(agree(CROSSING), seen(km=0.3))] == ["violation"]
    assert [v for _, v, _ in verdicts(agree(CROSSING), seen(km=0.205))] == ["possible_violation"]
    assert verdicts(agree(CROSSING), seen(km=0.1), seen("o2", km=-5), seen("o3", party="unknown")) == []


def test_a_party_without_a_side_crosses_between_two_certain_fixes(agree):
    fixes = [
        seen("a", km=1, minutes=0, party="c", object="x", confidence=0.9),
        seen("b", km=0.201, minutes=5, party="c", object="x"),
        seen("c", km=-1, minutes=10, party="c", object="x", confidence=0.9),
    ]

    incidents, _ = judge_all(agree(CROSSING), fixes)

    assert [(i.causes, i.verdict) for _, i in incidents] == [(("a", "c"), "violation")]
    assert incidents[0][1].probability == approx(0.81)


NOTICE = """id="N"
article="1(2)"
type="notice_exception"
applies_to=["R"]
notice_types=["move"]
lead_time_s=3600
requires_consent=true"""


@pytest.mark.parametrize(
    ("given_h", "consent", "verdict", "reason"),
    [
        (-3, True, "covered_by_notice", "covered_by_notice"),
        (-1.5, True, "violation", "notice_late"),
        (-3, None, "violation", "notice_without_consent"),
        (-1.5, None, "violation", "inside_zone"),
    ],
)
def test_a_notice_covers_when_it_was_early_and_agreed(agree, given_h, consent, verdict, reason):
    notice = Sighting(
        id="n", kind="notice", party="s", time=START + timedelta(hours=given_h), notice_type="move",
        from_time=START - timedelta(hours=1), until_time=START + timedelta(hours=1), consent=consent,
    )  # fmt: skip

    incidents, _ = judge_all(agree(ABSENCE, NOTICE), [seen(), notice])

    assert [i.verdict for _, i in incidents] == [verdict]
    assert reason in incidents[0][1].reasons


CAP = 'id="R"\narticle="1"\ntype="range_band_cap"\nzone="z"\nclasses=["tank"]\nmax_count=2'


def test_a_cap_counts_each_object_once_and_unknown_parties_as_possible(agree):
    agreement = agree(CAP)
    pair = [seen("a", count=2, object="x"), seen("b", minutes=1, count=2, object="x")]

    assert verdicts(agreement, *pair) == []
    assert [(v, c) for _, v, c in verdicts(agreement, *pair, seen("c", minutes=2))] == [
        ("violation", ("b", "c"))
    ]
    doubtful = verdicts(agreement, *pair, seen("c", minutes=2, party="unknown"))
    assert [(v, c) for _, v, c in doubtful] == [("possible_violation", ("b", "c"))]


@pytest.mark.parametrize(("window_s", "count"), [("inf", 3), ("1e13", 3), ("60", 1), ("61", 2)])
def test_a_sighting_stays_counted_for_the_window_however_long_and_its_end_excluded(agree, window_s, count):
    agreement = agree(CAP.replace("max_count=2", f"max_count=0\ncount_window_s={window_s}"))
    fixes = [seen("a"), seen("b", minutes=1), seen("c", minutes=2)]

    incidents, _ = judge_all(agreement, fixes)

    assert incidents[0][1].measured["count_certain"] == count


def test_a_lead_time_longer_than_any_calendar_is_never_met(agree):
    notice = Sighting(
        id="n", kind="notice", party="s", time=START - timedelta(days=400), notice_type="move",
        from_time=START, until_time=START + timedelta(hours=1), consent=True,
    )  # fmt: skip

    incidents, _ = judge_all(agree(ABSENCE, NOTICE.replace("3600", "1e15")), [seen(), notice])

    assert "notice_late" in incidents[0][1].reasons


def test_a_timetable_starts_with_its_first_step(agree):
    table = agree(
        'id="R"\narticle="1"\ntype="timetable"\nzone="z"\nclasses=["tank"]\n'
        "steps=[{by=2025-05-01T00:00:00Z,max_count=2},{by=2025-07-01T00:00:00Z,max_count=0}]"
    )

    assert verdicts(table, seen(count=2), seen("e", minutes=-60 * 24 * 40, count=9)) == []
    assert [v for _, v, _ in verdicts(table, seen(minutes=60 * 24 * 40))] == ["violation"]


def test_a_ladder_is_broken_by_a_step_left_out_and_by_haste(agree):
    ladder = agree(
        'id="R"\narticle="1"\ntype="escalation"\nsteps=["warn","warn_again","shot"]\nmin_gap_s=600'
    )

    def answer(name: str, minutes: float, activity: str) -> Sighting:
        time = START + timedelta(minutes=minutes)
        return Sighting(id=name, time=time, kind="response", party="s", episode="e", activity=activity)

    fine = [answer("a", 0, "warn"), answer("b", 10, "warn_again"), answer("c", 20, "shot")]
    assert verdicts(ladder, *fine) == []
    skipped = judge_all(ladder, [fine[0], fine[2], answer("d", 30, "song")])
    assert [(i.causes, i.reasons[-1]) for _, i in skipped[0]] == [(("a", "c"), "step_skipped")]
    assert skipped[1] == [("d", "not_in_ladder")]
    hasty = judge_all(ladder, [fine[0], answer("b", 5, "warn_again")])[0]
    assert "too_fast" in hasty[0][1].reasons


def test_interference_needs_no_place(agree):
    rule = agree('id="R"\narticle="1"\ntype="sensor_interference"\nparties=["*"]\nactivities=["jamming"]')
    jammed = Sighting(id="o", time=START, kind="interference", party="c", activity="jamming")

    assert verdicts(rule, jammed) == [("R", "violation", ("o",))]


def test_a_look_that_gave_nothing_is_never_compliance(agree):
    look = seen(kind="no_observation", class_=None, party="unknown", reason="weather")
    agreement = agree(ABSENCE, CAP.replace('"R"', '"C"'))

    assert verdicts(agreement, look) == [
        ("C", "could_not_observe", ("o1",)), ("R", "could_not_observe", ("o1",)),
    ]  # fmt: skip
    assert verdicts(agreement, seen(kind="no_observation", class_=None, classes=("civilian",))) == []
    (_, told), *_ = judge_all(agreement, [look])[0]
    assert "because of: weather." in told.explanation.supports
    unknown = seen(kind="no_observation", class_=None, party="unknown", reason="other")
    (_, untold), *_ = judge_all(agreement, [unknown])[0]
    assert "why is not known." in untold.explanation.supports


@pytest.mark.parametrize(
    ("sighting", "rule", "supports", "challenges"),
    [
        (seen(km=1.9), ABSENCE, "1,900 m from the line on side A", "lies 100 m inside the limit."),
        (seen(km=1.9), ABSENCE, "in the zone z from 0 m to 2,000 m, 100 m inside the limit", "not named"),
        (
            seen(km=2.02, ce90_m=50), ABSENCE, "2,020 m from the line",
            "lies 20 m outside the limit, so the truth may lie on the other side of it.",
        ),
        (seen(km=0.5), CROSSING, "500 m from the line on side A, 300 m beyond the limit", "300 m beyond"),
        (seen(km=0.18, ce90_m=50), CROSSING, "180 m from the line", "lies 20 m short of the limit, so"),
        (seen(confidence=0.7996), ABSENCE, "violation", "is 0.799, less than the 0.8 that a violation needs"),
        (seen(class_=None, classes=("tank", "ifv")), ABSENCE, "A sighting (tank or ifv) of S", "certain"),
        (
            seen(class_=None, classes=("tank", "ifv", "apc", "truck")), ABSENCE,
            "A sighting (tank or one of 3 other kinds) of S", "What exactly it was is not certain.",
        ),
        (seen(count=3, source="gate"), ABSENCE, "3 x tank of S was reported by gate", "source, gate."),
    ],
)  # fmt: skip
def test_an_explanation_says_where_how_sure_and_how_far_past_the_limit(
    agree, sighting, rule, supports, challenges
):
    (_, incident), *_ = judge_all(agree(rule), [sighting])[0]

    assert supports in incident.explanation.supports
    assert challenges in incident.explanation.challenges


def test_both_sides_are_told_the_same_with_names_exchanged(agree):
    agreement = agree(ABSENCE.replace('\nexcept_sites=["gate"]', ""))

    (_, south), *_ = judge_all(agreement, [seen(km=1, party="s")])[0]
    (_, north), *_ = judge_all(agreement, [seen(km=-1, party="n")])[0]

    assert south.explanation is not None and north.explanation is not None
    mirrored = north.explanation.supports.replace("of N ", "of S ").replace("side B", "side A")
    assert mirrored == south.explanation.supports
    assert north.explanation.challenges == south.explanation.challenges
