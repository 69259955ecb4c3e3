"""What a commander may change in a proposal, and what stays a nation's to say."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from truceline.dispatch.amend import amend
from truceline.dispatch.assign import solve
from truceline.dispatch.instance import Instance, Reserve, Task, load_instance
from truceline.model.decided import Tasking
from truceline.model.errors import Refused

FORCE = Path(__file__).parents[2] / "truceline" / "sim" / "corridor" / "force.json"


@pytest.fixture
def instance() -> Instance:
    """The corridor's force by day, and one patrol of two units to one place."""
    force = load_instance(FORCE)
    task = Task(
        id="T", kind="patrol", node=force.sectors[0].centre_node, requires={"patrol": 1, "observe": 1},
        min_units=2, weight=1.0, release_s=0, deadline_s=14_400, service_s=1200, notify_lead_s=0,
        uncovered_penalty=1e6, look=None, excluded_contingents=(),
    )  # fmt: skip
    return msgspec.structs.replace(force, tasks=(task,), committed=(), night=())


def plan(instance: Instance) -> tuple[Tasking, ...]:
    orders = solve(instance, 0)[0].orders
    assert len(orders) == 2
    return orders


def encoded(instance: Instance) -> bytes:
    return msgspec.json.encode(instance)


def test_a_later_start_moves_the_whole_team(instance):
    first, second = orders = plan(instance)
    later = (msgspec.structs.replace(first, start_s=first.start_s + 600), second)

    amended = amend(encoded(instance), orders, later)

    assert [order.start_s for order in amended.tasks] == [first.start_s + 600] * 2
    assert [order.depart_s - old.depart_s for order, old in zip(amended.tasks, orders, strict=True)] == [
        600,
        600,
    ]


def test_another_unit_goes_by_its_own_way(instance):
    orders = plan(instance)
    others = [
        u for u in instance.units if u.id not in {o.unit for o in orders} and u.node != orders[0].path[0]
    ]

    for unit in others:
        wanted = (msgspec.structs.replace(orders[0], unit=unit.id), orders[1])
        try:
            amended = amend(encoded(instance), orders, wanted)
        except Refused:
            continue
        assert amended.tasks[0].path[0] == unit.node
        return
    pytest.fail("no other unit may go")


def test_a_smaller_team_is_taken_and_said(instance):
    orders = plan(instance)

    amended = amend(encoded(instance), orders, orders[:1])

    assert "the team at T is smaller than asked for, or lacks a skill" in amended.overridden


def test_a_reserve_that_is_taken_is_said_with_its_end(instance):
    orders = plan(instance)
    used = {order.unit for order in orders}
    here = (u for u in instance.units if u.sector == instance.sectors[0].id and u.id not in used)
    free = next(u for u in here if u.skills.keys() & {"patrol", "observe"} and not u.caveats.needs_escort)
    # A reserve that only this unit can be.
    units = tuple(
        msgspec.structs.replace(u, skills={**u.skills, "stand_by": 1}) if u is free else u
        for u in instance.units
    )
    sectors = tuple(
        msgspec.structs.replace(s, reserve_min=int(s is instance.sectors[0])) for s in instance.sectors
    )
    reserve = Reserve(skill="stand_by", within_s=86_400, hold_s=0, penalty=1.0)
    thin = msgspec.structs.replace(instance, units=units, sectors=sectors, reserve=reserve)

    amended = amend(
        encoded(thin), orders, (*orders, msgspec.structs.replace(orders[0], unit=free.id, path=()))
    )

    back = datetime.fromisoformat(thin.now_utc) + timedelta(
        seconds=max(o.return_s or 0 for o in amended.tasks)
    )
    assert amended.overridden == (f"sector {sectors[0].id} has no full reserve until {back:%H:%M}Z",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "X"}, "no task X"),
        ({"unit": "nobody"}, "no unit is called nobody"),
        ({"start_s": 10**6}, "cannot start"),
        ({"path": "odd"}, "leave `path` empty"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_words(instance, change, words):
    orders = plan(instance)
    if change.get("path") == "odd":
        change = {"path": (orders[0].path[0], "nowhere")}

    with pytest.raises(Refused, match=words) as refused:
        amend(encoded(instance), orders, (msgspec.structs.replace(orders[0], **change), orders[1]))

    assert refused.value.status == 422


def test_a_nations_caveat_is_not_the_commanders_to_waive(instance):
    orders = plan(instance)
    barred = tuple(
        msgspec.structs.replace(u, caveats=msgspec.structs.replace(u.caveats, no_task_kinds=("patrol",)))
        if u.id == orders[0].unit
        else u
        for u in instance.units
    )

    with pytest.raises(Refused, match="its nation does not allow this kind of task"):
        amend(encoded(msgspec.structs.replace(instance, units=barred)), orders, orders)
