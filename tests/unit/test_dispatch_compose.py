"""One instance out of the force as it stands at a moment: nights and shifts come back every day."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from truceline.dispatch.compose import Ground, compose
from truceline.dispatch.instance import check, load_instance
from truceline.dispatch.propose import propose
from truceline.model.decided import Incident
from truceline.model.facts import Blob
from truceline.view.teams import TeamItem

FORCE = load_instance(Path(__file__).parents[2] / "truceline/sim/corridor/force.json")
MIDNIGHT = datetime(2031, 5, 12, tzinfo=UTC)  # the force file's own moment
CROSSED = Incident(
    class_="crossing", report_ids=(), start_utc=MIDNIGHT, end_utc=MIDNIGHT, lat_deg=24.51, lon_deg=10.08,
    ce90_m=40, verdict="violation", probability=0.9, article="Art. 3", party="north",
)  # fmt: skip


def asked(now_utc, force=FORCE, teams=(), kind="intrusion"):
    ask = compose(Ground(force), {"inc-1": CROSSED}, kind, teams, now_utc)
    check(ask.instance)
    return ask


class Media:
    """Takes samples and keeps none."""

    def put(self, sample, media_type, name):
        return Blob(sha256="0" * 64, size_bytes=len(sample), media_type=media_type, name=name)


def proposed(ask):
    return propose(msgspec.json.encode(ask), Media()).body


@pytest.mark.parametrize("days", [0, 1, 400])
def test_the_night_falls_every_day_at_its_hour(days):
    # The force file's nights: 00:00 to 04:45 and 18:00 to 24:00. At six in the morning that is
    nights = asked(MIDNIGHT + timedelta(days=days, hours=6)).instance.night

    spans = [(night.start_s // 60, night.end_s // 60) for night in nights]
    assert (12 * 60, 22 * 60 + 45) in spans  # from 18:00 to 04:45, in one piece over midnight
    assert (-12 * 60, -75) in spans
    assert all(before[1] < after[0] for before, after in pairwise(spans))


def test_a_shift_that_ended_comes_back_the_next_day():
    early, late = FORCE.units[0].id, FORCE.units[1].id
    units = [
        msgspec.structs.replace(unit, available_s=3600, shift_end_s=21_600 if unit.id == early else 21_601)
        for unit in FORCE.units
    ]

    ask = asked(MIDNIGHT + timedelta(hours=6), msgspec.structs.replace(FORCE, units=tuple(units)))

    found = {unit.id: (unit.available_s, unit.shift_end_s) for unit in ask.instance.units}
    assert found[early] == (3600 - 21_600 + 86_400, 86_400)
    assert found[late] == (3600 - 21_600, 1)


def test_a_unit_under_way_is_free_when_it_is_home_and_stands_where_it_was_seen():
    busy, idle = FORCE.units[0], FORCE.units[1]
    teams = [
        TeamItem(unit.id, unit.contingent, unit.type, unit.flies, "TN03", None, order_id=order)
        for unit, order in ((busy, "ord-1"), (idle, None))
    ]

    ask = asked(MIDNIGHT + timedelta(hours=6), teams=teams)

    found = {unit.id: unit for unit in ask.instance.units}
    assert found[busy.id].available_s == found[busy.id].shift_end_s
    assert found[idle.id].available_s == idle.available_s - 21_600
    assert (found[busy.id].node, found[idle.id].node) == ("TN03", "TN03")
    assert ask.busy == {busy.id: None}


def test_the_one_that_weighs_most_leads():
    weak = msgspec.structs.replace(CROSSED, verdict="possible_violation", lon_deg=10.5)
    ask = compose(Ground(FORCE), {"inc-1": CROSSED, "inc-2": weak}, "intrusion", (), MIDNIGHT)

    assert ask.lead == "inc-1" and set(ask.incidents) == {"inc-1", "inc-2"}
    assert [task.id for task in ask.instance.tasks] == ["inc-1"]


def test_a_way_instead_says_later_or_sooner_and_whose_reserve_it_costs():
    ask = asked(MIDNIGHT + timedelta(hours=9))
    body = proposed(ask)
    team = next(way for way in body.ways if way.proposed and way.unit is None and "looks" not in way.what)
    instead = [way for way in body.ways if way.instead_of is not None and way.there_utc is not None]

    assert instead
    for way in instead:
        minutes = round((way.there_utc - team.there_utc) / timedelta(minutes=1))
        pace = "later" if minutes > 0 else "sooner"
        said = f"{abs(minutes)} min {pace}" if minutes else "at the same time"
        assert way.cost.startswith(said)


def test_a_sector_with_its_full_reserve_is_not_said_to_lack_it():
    ask = asked(MIDNIGHT + timedelta(hours=9))
    sectors = tuple(msgspec.structs.replace(one, reserve_min=0) for one in ask.instance.sectors)
    none_asked = msgspec.structs.replace(ask, instance=msgspec.structs.replace(ask.instance, sectors=sectors))
    sectors = tuple(msgspec.structs.replace(one, reserve_min=9) for one in ask.instance.sectors)
    too_many = msgspec.structs.replace(ask, instance=msgspec.structs.replace(ask.instance, sectors=sectors))

    assert not any("no full reserve" in one for one in proposed(none_asked).left_uncovered)
    assert sum("no full reserve" in one for one in proposed(too_many).left_uncovered) == len(sectors)
