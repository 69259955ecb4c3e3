"""The dispatcher: standing orders first, then task by task the cheapest team that may go.

Greedy insertion in several orders of the tasks; the plan with the lowest total is made cheaper by
:mod:`truceline.dispatch.search`. Each plan is complete and legal by itself, so the search may be
stopped after any of them.
"""

from collections import defaultdict
from collections.abc import Callable

import msgspec
import numpy as np

from truceline.dispatch.cost import Terms, terms
from truceline.dispatch.draft import Draft, Held, hold_reserve
from truceline.dispatch.explain import explained, uncovered_reason
from truceline.dispatch.instance import Instance, Task
from truceline.dispatch.legal import Pairs
from truceline.dispatch.roads import NEVER, profile
from truceline.dispatch.search import improve
from truceline.model.decided import Tasking

SCHEMA = "truceline.dispatch.plan/1"


class Uncovered(msgspec.Struct, frozen=True):
    task: str
    reason: str


class Changed(msgspec.Struct, frozen=True):
    """A standing order that the plan does not keep."""

    unit: str
    task: str
    saving: float | None = None


class Warned(msgspec.Struct, frozen=True):
    unit: str
    text: str


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename={"schema_": "schema"}):
    """A proposal (contract dispatch 1.5); only a person turns it into orders."""

    schema_: str = SCHEMA
    instance: str
    status: str = "proposed"
    solve_ms: float | None = None
    orders: tuple[Tasking, ...]
    uncovered: tuple[Uncovered, ...]
    reserve: tuple[Held, ...]
    changed: tuple[Changed, ...]
    objective: Terms
    bound: float | None = None
    warnings: tuple[Warned, ...] = ()


def solve(
    instance: Instance,
    alternatives: int = 3,
    in_time: Callable[[], bool] = lambda: True,
    seed: int = 0,
) -> tuple[Plan, Pairs]:
    """Make a legal plan.

    Parameters
    ----------
    instance
        A checked instance.
    alternatives
        How many other units are named for each order.
    in_time
        Asked before another attempt is made; the first one is always made.
    seed
        Of the lots that the search draws.

    Returns
    -------
    tuple
        The plan, without ``solve_ms``, and the pairs it rests on.
    """
    pairs = Pairs(instance)
    best = _build(pairs, _ORDERS[0])
    for key in _ORDERS[1:]:
        if not in_time():
            break
        best = min(best, _build(pairs, key), key=Draft.total)
    return _plan(pairs, improve(best, seed, in_time), alternatives), pairs


def _build(pairs: Pairs, key: Callable[[Task], tuple[float | str, ...]]) -> Draft:
    draft = Draft(pairs)
    _keep_standing(draft)
    draft.price_reserve()
    for asked in sorted(pairs.instance.tasks, key=key):
        if pairs.task_index[asked.id] not in draft.teams:
            draft.insert(pairs.task_index[asked.id])
    draft.add_looks()
    return draft


def _keep_standing(draft: Draft) -> None:
    """Keep the standing orders that are still possible, one per unit: teams, what was acknowledged first."""
    pairs = draft.pairs
    teams: dict[int, list[int]] = defaultdict(list)
    looks: list[tuple[int, int]] = []
    for one in sorted(pairs.instance.committed, key=lambda one: not one.acknowledged):
        task, unit = pairs.task_index[one.task], pairs.unit_index[one.unit]
        draft.free[unit] = False  # nobody else may take it before it had its turn
        if one.role == "main":
            teams[task].append(unit)
        else:
            looks.append((task, unit))
    for task, members in teams.items():
        is_open = pairs.windows(task).open_units()
        left = [unit for unit in members if is_open[unit] and unit not in draft.taken]
        if left:
            draft.insert(task, tuple(left))
    for task, unit in looks:
        is_free = unit not in draft.taken and task not in draft.looks
        if is_free and task in draft.teams and pairs.look_s(task)[unit] < NEVER:
            draft.looks[task] = unit
    draft.free[:] = True
    draft.free[list(draft.taken)] = False


def _orders(pairs: Pairs, draft: Draft) -> list[Tasking]:
    out, back = pairs.travel_s()
    orders = []
    for task, team in sorted(draft.teams.items()):
        stay = pairs.instance.tasks[task].service_s
        for unit in team.units:
            orders.append(_tasking(pairs, task, unit, "main", (team.start_s, stay), (out, back)))
        if task in draft.looks:
            unit, look = draft.looks[task], pairs.instance.tasks[task].look
            arrives = int(pairs.look_s(task)[unit])
            look_s = look.look_s if look is not None else 0
            orders.append(_tasking(pairs, task, unit, "look", (arrives, look_s), (out, back)))
    return orders


def _tasking(
    pairs: Pairs, task: int, unit: int, role: str, stay: tuple[int, int], ways: tuple[np.ndarray, np.ndarray]
) -> Tasking:
    doer, asked = pairs.instance.units[unit], pairs.instance.tasks[task]
    start, stays = stay
    leave = start + stays
    return Tasking(
        unit=doer.id,
        task=asked.id,
        role="main" if role == "main" else "look",
        depart_s=start - int(ways[0][task, unit]),
        path=pairs.roads.path(profile(doer), doer.node, asked.node),
        arrive_s=start,
        start_s=start,
        leave_s=leave,
        return_s=leave + int(ways[1][task, unit]),
    )


def _plan(pairs: Pairs, draft: Draft, alternatives: int) -> Plan:
    instance, orders = pairs.instance, _orders(pairs, draft)
    sectors, _ = pairs.seats()
    held = [
        Held(sectors[seat], instance.units[unit].id)
        for seat, unit in sorted(hold_reserve(pairs, draft.free).items())
    ]
    reserve = [(one.sector, one.unit) for one in held]
    covered = {order.task for order in orders}
    kept = {(order.unit, order.task, order.role) for order in orders}
    return Plan(
        instance=instance.id,
        orders=tuple(explained(pairs, orders, reserve, alternatives)),
        uncovered=tuple(
            Uncovered(task.id, uncovered_reason(pairs, index))
            for index, task in enumerate(instance.tasks)
            if task.id not in covered
        ),
        reserve=tuple(held),
        changed=tuple(
            Changed(one.unit, one.task)
            for one in instance.committed
            if (one.unit, one.task, one.role) not in kept
        ),
        objective=terms(instance, orders, reserve),
        warnings=tuple(
            Warned(unit.id, "stands where its own caveat forbids it to be: no order, no reserve")
            for unit in pairs.misplaced()
        ),
    )


_ORDERS: tuple[Callable[[Task], tuple[float | str, ...]], ...] = (
    lambda task: (-task.weight, task.release_s, task.id),
    lambda task: (-task.uncovered_penalty, task.deadline_s, task.id),
    lambda task: (task.deadline_s, -task.weight, task.id),
    lambda task: (sum(task.requires.values()), -task.uncovered_penalty, task.id),
)
