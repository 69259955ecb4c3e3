"""The dispatcher: standing orders first, then task by task the cheapest team that may go.

Greedy insertion in several orders of the tasks; the plan with the lowest total is kept. Each plan
is complete and legal by itself, so the search may be stopped after any of them.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from truceline.dispatch.cost import Terms, terms
from truceline.dispatch.explain import explained, uncovered_reason
from truceline.dispatch.instance import Instance, Task
from truceline.dispatch.legal import Pairs
from truceline.dispatch.roads import profile
from truceline.dispatch.team import pick_team
from truceline.model.decided import Tasking

SCHEMA = "truceline.dispatch.plan/1"


class Uncovered(msgspec.Struct, frozen=True):
    task: str
    reason: str


class Held(msgspec.Struct, frozen=True):
    """A unit that stays back as reserve of a sector."""

    sector: str
    unit: str


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


class _Draft:
    """Who goes where so far; units and tasks by position."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.teams: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.looks: dict[int, int] = {}
        self.free = np.ones(len(pairs.instance.units), bool)
        self.price = np.zeros(len(pairs.instance.units))

    @property
    def taken(self) -> set[int]:
        """Units that have an order."""
        return {unit for _, team in self.teams.values() for unit in team} | set(self.looks.values())

    def insert(self, task: int, must: Sequence[int] = ()) -> bool:
        team = pick_team(self.pairs, task, self.free, self.price, must)
        asked = self.pairs.instance.tasks[task]
        if team is None or (team.cost >= asked.uncovered_penalty and not must):
            return False
        self.teams[task] = (team.start_s, team.units)
        self.free[list(team.units)] = False
        return True


def solve(
    instance: Instance, alternatives: int = 3, in_time: Callable[[], bool] = lambda: True
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

    Returns
    -------
    tuple
        The plan, without ``solve_ms``, and the pairs it rests on.
    """
    pairs = Pairs(instance)
    best: tuple[float, list[Tasking], list[Held]] | None = None
    for key in _ORDERS:
        if best is not None and not in_time():
            break
        draft = _build(pairs, key)
        orders = _orders(pairs, draft)
        held = hold_reserve(pairs, draft.free)
        total = terms(instance, orders, [(one.sector, one.unit) for one in held]).total
        if best is None or total < best[0]:
            best = (total, orders, held)
    if best is None:
        raise RuntimeError("no order of tasks was tried")
    return _plan(pairs, best[1], best[2], alternatives), pairs


def hold_reserve(pairs: Pairs, free: npt.NDArray[np.bool_]) -> list[Held]:
    """Fill as many places of the reserve as the free units can (Hopcroft and Karp, 1973)."""
    units = [unit for index, unit in enumerate(pairs.instance.units) if free[index]]
    fits: list[list[bool]] = []
    seats: list[str] = []
    for sector in pairs.instance.sectors:
        row = [pairs.is_reserve(unit, sector) for unit in units]
        count = min(sector.reserve_min, sum(row))
        fits += [row] * count
        seats += [sector.id] * count
    if not seats:
        return []
    matched = maximum_bipartite_matching(csr_matrix(np.array(fits, bool)), perm_type="column")
    return [Held(seats[seat], units[unit].id) for seat, unit in enumerate(matched) if unit >= 0]


def _build(pairs: Pairs, key: Callable[[Task], tuple[float | str, ...]]) -> _Draft:
    draft = _Draft(pairs)
    _keep_standing(draft)
    for held in hold_reserve(pairs, draft.free):
        draft.price[pairs.unit_index[held.unit]] = pairs.instance.reserve.penalty
    for asked in sorted(pairs.instance.tasks, key=key):
        if pairs.task_index[asked.id] not in draft.teams:
            draft.insert(pairs.task_index[asked.id])
    _add_looks(draft)
    return draft


def _keep_standing(draft: _Draft) -> None:
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
            draft.insert(task, left)
    for task, unit in looks:
        able = pairs.may_serve(pairs.instance.units[unit], pairs.instance.tasks[task], "look")
        is_free = unit not in draft.taken and task not in draft.looks
        if able and is_free and task in draft.teams and pairs.windows(task, "look").open_units()[unit]:
            draft.looks[task] = unit
    draft.free[:] = True
    draft.free[list(draft.taken)] = False


def _add_looks(draft: _Draft) -> None:
    """Send free drones ahead where that saves most."""
    pairs, weight = draft.pairs, draft.pairs.instance.objective.travel_weight
    offers = []
    for task, (start, _) in draft.teams.items():
        asked = pairs.instance.tasks[task]
        if asked.look is None or task in draft.looks:
            continue
        windows, out = pairs.windows(task, "look"), pairs.travel_s()[0][task]
        for unit in map(int, np.flatnonzero(windows.open_units() & draft.free)):
            if not pairs.may_serve(pairs.instance.units[unit], asked, "look"):
                continue
            arrives = windows.of(unit)[0][0]
            sooner = max(start, asked.release_s) - max(min(arrives, start), asked.release_s)
            gain = asked.weight * asked.share * sooner - weight * int(out[unit]) - draft.price[unit]
            if gain > 0:
                offers.append((-gain, task, unit))
    for _, task, unit in sorted(offers):
        if task not in draft.looks and draft.free[unit]:
            draft.looks[task] = unit
            draft.free[unit] = False


def _orders(pairs: Pairs, draft: _Draft) -> list[Tasking]:
    out, back = pairs.travel_s()
    orders = []
    for task, (start, members) in sorted(draft.teams.items()):
        stay = pairs.instance.tasks[task].service_s
        for unit in members:
            orders.append(_tasking(pairs, task, unit, "main", (start, stay), (out, back)))
        if task in draft.looks:
            unit, look = draft.looks[task], pairs.instance.tasks[task].look
            arrives = pairs.windows(task, "look").of(unit)[0][0]
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


def _plan(pairs: Pairs, orders: list[Tasking], held: list[Held], alternatives: int) -> Plan:
    instance = pairs.instance
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
