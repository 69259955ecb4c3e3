"""Why this unit and not another: others with their cost, and what bars the rest (contract dispatch 1.5)."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from truceline.dispatch.cost import response, terms
from truceline.dispatch.instance import Unit
from truceline.dispatch.legal import NO_CAVEAT, Pairs, Role, earliest_start, enough, stands
from truceline.dispatch.roads import EVERY_CAVEAT, NEVER
from truceline.model.decided import Alternative, Explain, Tasking

# The order in which a reader wants to hear it when several bar a unit.
_CODES = ("no_night", "no_parts", "no_task_kinds", "own_sector_only", "no_crossing", "excluded_contingent")

# What a code says to a person.
BARRED = {
    "skill": "lacks the skill",
    "time": "cannot be there in time",
    "no_night": "its nation does not allow movement by night",
    "no_parts": "its nation keeps it out of a part on the way",
    "no_task_kinds": "its nation does not allow this kind of task",
    "own_sector_only": "its nation keeps it in its own sector",
    "no_crossing": "its nation does not allow it to cross the line",
    "excluded_contingent": "its contingent is excluded from this task",
    "caveats_combined": "its nation's caveats together leave no way",
    "busy": "is in this plan already",
    "team": "no team with it has all skills and an escort",
}


def explained(
    pairs: Pairs, orders: Sequence[Tasking], reserve: Sequence[tuple[str, str]], count: int
) -> Iterator[Tasking]:
    """Give each order its best ``count`` alternatives."""
    book = _Book(pairs, orders, reserve)
    for index, order in enumerate(orders):
        others = tuple(book.alternatives(index, count))
        yield msgspec.structs.replace(order, explain=Explain(alternatives=others))


def ruled_out_by(pairs: Pairs, unit: int, task: int, role: Role) -> str | None:
    """Name what bars a unit from a task, looked at alone; None: nothing does."""
    doer, asked = pairs.instance.units[unit], pairs.instance.tasks[task]
    if not pairs.may_serve(doer, asked, role):
        return "skill"
    if _is_open(pairs, unit, task, role, EVERY_CAVEAT):
        return None
    if not _is_open(pairs, unit, task, role, NO_CAVEAT):
        return "time"
    for code in _CODES:
        if not _is_open(pairs, unit, task, role, frozenset({code})):
            return code
    return "caveats_combined"


def uncovered_reason(pairs: Pairs, task: int) -> str:
    """Name the first reason that holds why a task has no team."""
    asked = pairs.instance.tasks[task]
    total = {
        skill: sum(unit.skills.get(skill, 0) for unit in pairs.instance.units) for skill in asked.requires
    }
    if any(total[skill] < number for skill, number in asked.requires.items()):
        return "skill"
    if not _coverable(pairs, task, NO_CAVEAT):
        return "time"
    return "outbid" if _coverable(pairs, task, EVERY_CAVEAT) else "caveat"


def _coverable(pairs: Pairs, task: int, caveats: frozenset[str]) -> bool:
    """Tell whether the whole force, free of other tasks, could cover a task."""
    asked, units, windows = (
        pairs.instance.tasks[task],
        pairs.instance.units,
        pairs.windows(task, "main", caveats),
    )
    rows = windows.open & pairs.useful(task)
    for start in np.unique(np.maximum(windows.earliest_s, asked.floor_s)[rows]):
        present = (rows & (windows.earliest_s <= start) & (start <= windows.latest_s)).any(axis=0)
        here = [units[index] for index in np.flatnonzero(present)]
        if "needs_escort" in caveats and not any(unit.can_escort for unit in here):
            here = [unit for unit in here if not unit.caveats.needs_escort]
        if enough(asked, here):
            return True
    return False


def _is_open(pairs: Pairs, unit: int, task: int, role: Role, caveats: frozenset[str]) -> bool:
    return bool(pairs.windows(task, role, caveats).open[:, unit].any())


class _Book:
    """A finished plan, asked over and over what it would cost with one unit swapped."""

    def __init__(self, pairs: Pairs, orders: Sequence[Tasking], reserve: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs
        self.orders = orders
        self.busy = {order.unit for order in orders}
        self.total = terms(pairs.instance, orders, reserve).total
        self.seat = {unit: sector for sector, unit in reserve}
        self.held = {sector.id: 0 for sector in pairs.instance.sectors}
        for sector, _ in reserve:
            self.held[sector] += 1
        self.least = {sector.id: sector.reserve_min for sector in pairs.instance.sectors}
        self.kept = {(order.unit, order.task, order.role) for order in orders}
        self.standing = {(c.unit, c.task, c.role): c.change_cost for c in pairs.instance.committed}

    def alternatives(self, index: int, count: int) -> Iterator[Alternative]:
        order = self.orders[index]
        task, units = self.pairs.task_index[order.task], self.pairs.instance.units
        is_open = self.pairs.windows(task, order.role).open_units()
        asked = self.pairs.instance.tasks[task]
        possible, barred = [], []
        for number, unit in enumerate(units):
            if unit.id == order.unit:
                continue
            if unit.id in self.busy or not (
                is_open[number] and self.pairs.may_serve(unit, asked, order.role)
            ):
                barred.append(number)
                continue
            delta = self._delta(index, number)
            if delta is None:
                barred.append(number)
            else:
                possible.append((delta, unit.id))
        possible.sort()
        for delta, unit_id in possible[:count]:
            yield Alternative(unit=unit_id, delta_cost=delta)
        near = self.pairs.travel_s(NO_CAVEAT)[0][task]
        barred.sort(key=lambda number: (int(near[number]), units[number].id))
        for number in barred[: max(0, count - len(possible))]:
            code = ruled_out_by(self.pairs, number, task, order.role)
            if code is None:
                code = "busy" if units[number].id in self.busy else "team"
            yield Alternative(unit=units[number].id, ruled_out_by=code)

    def _delta(self, index: int, alternative: int) -> float | None:
        """Change of the total when an order goes to an idle unit; None: the team would not stand."""
        order = self.orders[index]
        task, unit = self.pairs.task_index[order.task], self.pairs.instance.units[alternative]
        weight, out = self.pairs.instance.objective.travel_weight, self.pairs.travel_s()[0][task]
        before = self.pairs.unit_index[order.unit]
        delta = weight * (int(out[alternative]) - int(out[before])) + self._promises(order, unit)
        asked = self.pairs.instance.tasks[task]
        mains = [o for o in self.orders if o.task == order.task and o.role == "main"]
        looks = [o for o in self.orders if o.task == order.task and o.role == "look"]
        looked = [o.arrive_s for o in looks]
        start = restart = mains[0].start_s
        if order.role == "look":
            relooked = [o.arrive_s for o in looks if o is not order]
            relooked.append(self.pairs.windows(task, "look").of(alternative)[0][0])
        else:
            relooked = looked
            found = self._restart(task, [o for o in mains if o is not order], alternative)
            if found is None:
                return None
            restart = found
        now = response(asked, start, min(looked, default=NEVER))
        return delta + response(asked, restart, min(relooked, default=NEVER)) - now

    def _restart(self, task: int, rest: Sequence[Tasking], alternative: int) -> int | None:
        asked = self.pairs.instance.tasks[task]
        members = [*(self.pairs.unit_index[order.unit] for order in rest), alternative]
        if not stands(asked, [self.pairs.instance.units[number] for number in members]):
            return None
        windows = self.pairs.windows(task)
        return earliest_start(asked.floor_s, [windows.of(number) for number in members])

    def _promises(self, order: Tasking, unit: Unit) -> float:
        """Reserve lost, and standing orders that are dropped or kept by the swap."""
        lost = 0.0
        sector = self.seat.get(unit.id)
        if sector is not None and self.held[sector] <= self.least[sector]:
            lost += self.pairs.instance.reserve.penalty
        dropped = self.standing.get((order.unit, order.task, order.role), 0.0)
        regained = self.standing.get((unit.id, order.task, order.role), 0.0)
        return lost + dropped - regained
