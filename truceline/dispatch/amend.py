"""An amended order, held against what the proposed one was held against (contract dispatch 1.3)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from truceline.dispatch.draft import hold_reserve
from truceline.dispatch.explain import BARRED, ruled_out_by
from truceline.dispatch.instance import read_instance
from truceline.dispatch.legal import Pairs, Role, earliest_start, enough, escorted
from truceline.dispatch.roads import profile
from truceline.model.decided import Tasking
from truceline.model.errors import Refused
from truceline.model.place import utc_time


class Amended(msgspec.Struct, frozen=True):
    """Tasks that may be ordered, and in words what of the proposal's care they give up."""

    tasks: tuple[Tasking, ...]
    overridden: tuple[str, ...]


def amend(encoded: bytes, proposed: Sequence[Tasking], wanted: Sequence[Tasking]) -> Amended:
    """Check what a commander wants instead of a proposal, and lay its ways and times.

    Who goes, to which task, in which role and when the work starts are the commander's; the other times
    follow from them, and the way is the fastest one that is allowed. A caveat of a nation, a road that is
    closed or too weak, a shift and an endurance are not the commander's to waive. A smaller team and a
    thinner reserve are: they are said.

    Parameters
    ----------
    encoded
        The instance behind the proposal.
    proposed, wanted
        The tasks of the proposal, and those that shall take their place.

    Raises
    ------
    Refused
        422, with the reason in words.
    """
    pairs = Pairs(read_instance(encoded))
    if len({order.unit for order in wanted}) != len(wanted):
        raise Refused("one unit has two tasks", 422)
    places = [_place(pairs, order) for order in wanted]
    laid: list[Tasking | None] = [None] * len(wanted)
    for task in sorted({task for task, _ in places}):
        for role in ("main", "look"):
            rows = [i for i, order in enumerate(wanted) if places[i][0] == task and order.role == role]
            for i, order in zip(rows, _lay(pairs, task, role, [wanted[i] for i in rows]), strict=True):
                laid[i] = order
    tasks = tuple(order for order in laid if order is not None)
    return Amended(tasks, tuple(_overridden(pairs, proposed, tasks)))


def _place(pairs: Pairs, order: Tasking) -> tuple[int, int]:
    if order.task not in pairs.task_index:
        raise Refused(f"the proposal has no task {order.task}", 422)
    if order.unit not in pairs.unit_index:
        raise Refused(f"no unit is called {order.unit}", 422)
    return pairs.task_index[order.task], pairs.unit_index[order.unit]


def _lay(pairs: Pairs, task: int, role: Role, orders: Sequence[Tasking]) -> list[Tasking]:
    """Lay the ways and times of those who do one thing together."""
    if not orders:
        return []
    members = [pairs.unit_index[order.unit] for order in orders]
    for unit in members:
        _refuse_barred(pairs, task, role, unit)
    if role == "main" and not escorted([pairs.instance.units[unit] for unit in members]):
        alone = next(u for u in (pairs.instance.units[m] for m in members) if u.caveats.needs_escort)
        raise Refused(f"{alone.id} may not go: its nation asks for an escort, and none goes along", 422)
    asked, windows = pairs.instance.tasks[task], [pairs.windows(task, role).of(unit) for unit in members]
    floor = max(order.start_s for order in orders)
    start = earliest_start(max(floor, asked.floor_s) if role == "main" else floor, windows)
    if start is None:
        who = " and ".join(order.unit for order in orders)
        raise Refused(
            f"{who} cannot start {_clock(pairs, floor)} or later, and still be done and home in time", 422
        )
    return [_order(pairs, task, order, start) for order in orders]


def _refuse_barred(pairs: Pairs, task: int, role: Role, unit: int) -> None:
    doer, code = pairs.instance.units[unit], ruled_out_by(pairs, unit, task, role)
    if code == "skill" and role == "main" and doer.can_escort:
        code = None if pairs.windows(task).open[:, unit].any() else "time"
    if code is not None:
        raise Refused(f"{doer.id} may not go: {BARRED[code]}", 422)


def _order(pairs: Pairs, task: int, order: Tasking, start_s: int) -> Tasking:
    asked, unit = pairs.instance.tasks[task], pairs.unit_index[order.unit]
    doer = pairs.instance.units[unit]
    out, back = (int(times[task, unit]) for times in pairs.travel_s())
    path = pairs.roads.path(profile(doer), doer.node, asked.node)
    if order.path and order.path[0] == doer.node and order.path != path:
        raise Refused(f"another way for {doer.id} is not checked here: leave `path` empty, it is laid", 422)
    look_s = asked.look.look_s if asked.look is not None else 0
    leave_s = start_s + (asked.service_s if order.role == "main" else look_s)
    return Tasking(
        unit=doer.id,
        task=asked.id,
        role=order.role,
        depart_s=start_s - out,
        path=path,
        arrive_s=start_s,
        start_s=start_s,
        leave_s=leave_s,
        return_s=leave_s + back,
    )


def _overridden(pairs: Pairs, proposed: Sequence[Tasking], tasks: Sequence[Tasking]) -> Iterator[str]:
    """Say what was cared for in the proposal and is not any more."""
    instance = pairs.instance
    for task in instance.tasks:
        team = [order for order in tasks if order.task == task.id and order.role == "main"]
        planned = any(order.task == task.id and order.role == "main" for order in proposed)
        if planned and not team:
            yield f"nobody goes to {task.id}"
        elif team and not enough(task, [instance.units[pairs.unit_index[order.unit]] for order in team]):
            yield f"the team at {task.id} is smaller than asked for, or lacks a skill"
    back_s = max((order.return_s or order.leave_s for order in tasks), default=0)
    before, after = _held(pairs, proposed), _held(pairs, tasks)
    for sector in instance.sectors:
        if after[sector.id] < min(before[sector.id], sector.reserve_min):
            yield f"sector {sector.id} has no full reserve until {_clock(pairs, back_s)}"


def _held(pairs: Pairs, orders: Sequence[Tasking]) -> dict[str, int]:
    """Count the places of each sector's reserve that are filled beside some orders."""
    gone = {order.unit for order in orders} | {unit.id for unit in pairs.misplaced()}
    filled = hold_reserve(pairs, np.array([unit.id not in gone for unit in pairs.instance.units], bool))
    sectors, _ = pairs.seats()
    return {one.id: sum(sectors[seat] == one.id for seat in filled) for one in pairs.instance.sectors}


def _clock(pairs: Pairs, seconds: int) -> str:
    moment: datetime = utc_time(pairs.instance.now_utc) + timedelta(seconds=seconds)
    return f"{moment:%H:%M}Z"
