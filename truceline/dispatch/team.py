"""Picks the cheapest legal team for one task out of the units that are free."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from truceline.dispatch.cost import response
from truceline.dispatch.instance import Task, Unit
from truceline.dispatch.legal import Pairs, Windows, stands
from truceline.dispatch.roads import NEVER

_STARTS_TRIED = 6  # starts that are weighed after the first one at which a team stands


class Team(msgspec.Struct, frozen=True):
    """A team by unit indices, its common start, and what it adds to the total."""

    units: tuple[int, ...]
    start_s: int
    cost: float


def pick_team(
    pairs: Pairs,
    task_index: int,
    free: npt.NDArray[np.bool_],
    price: npt.NDArray[np.float64],
    must: Sequence[int] = (),
) -> Team | None:
    """Find a cheap team, or None where none stands.

    Parameters
    ----------
    pairs
        Windows of every pair.
    task_index
        Position of the task.
    free
        Which units may be used.
    price
        What it costs to take a unit besides its way, e.g. the penalty of a reserve that is lost.
    must
        Units that have to be in it; they need not be free.
    """
    task, windows = pairs.instance.tasks[task_index], pairs.windows(task_index)
    open_rows = windows.open & pairs.useful(task_index) & _with(free, must)
    starts = np.unique(np.maximum(windows.earliest_s, task.floor_s)[open_rows])
    travel = pairs.instance.objective.travel_weight * pairs.travel_s()[0][task_index] + price
    best: Team | None = None
    tried = 0
    for start in map(int, starts):
        waiting = response(task, start, NEVER)
        if tried >= _STARTS_TRIED or (best is not None and waiting >= best.cost):
            break
        here = _here(windows, open_rows, start)
        if any(unit not in here for unit in must):
            continue
        members = _cheapest(task, pairs.instance.units, here, travel, must)
        if members is None:
            continue
        tried += 1
        cost = waiting + float(sum(travel[unit] for unit in members))
        if best is None or cost < best.cost:
            best = Team(members, start, cost)
    return best


def _with(free: npt.NDArray[np.bool_], must: Sequence[int]) -> npt.NDArray[np.bool_]:
    allowed = free.copy()
    allowed[list(must)] = True
    return allowed


def _here(windows: Windows, open_rows: npt.NDArray[np.bool_], start_s: int) -> list[int]:
    rows = open_rows & (windows.earliest_s <= start_s) & (start_s <= windows.latest_s)
    return [int(unit) for unit in np.flatnonzero(rows.any(axis=0))]


def _cheapest(
    task: Task,
    units: Sequence[Unit],
    here: Sequence[int],
    travel: npt.NDArray[np.float64],
    must: Sequence[int],
) -> tuple[int, ...] | None:
    """Try with and without those that need an escort; the cheaper team that stands."""
    alone = [unit for unit in here if not units[unit].caveats.needs_escort or unit in must]
    found = []
    for among in (here, alone) if len(alone) < len(here) else (here,):
        members = _gather(task, units, among, travel, must)
        if members is not None:
            found.append((float(sum(travel[unit] for unit in members)), members))
    return min(found)[1] if found else None


def _gather(
    task: Task,
    units: Sequence[Unit],
    here: Sequence[int],
    travel: npt.NDArray[np.float64],
    must: Sequence[int],
) -> tuple[int, ...] | None:
    team = list(must)
    need = {
        skill: number - sum(units[unit].skills.get(skill, 0) for unit in team)
        for skill, number in task.requires.items()
    }
    rest = sorted((unit for unit in here if unit not in team), key=lambda unit: (travel[unit], unit))
    while any(number > 0 for number in need.values()):
        unit = _most_for_its_way(units, rest, travel, need)
        if unit is None:
            return None
        rest.remove(unit)
        team.append(unit)
        for skill, number in units[unit].skills.items():
            if skill in need:
                need[skill] -= number
    team += rest[: max(0, task.min_units - len(team))]
    if not stands(task, [units[unit] for unit in team]):
        team += [unit for unit in rest if unit not in team and units[unit].can_escort][:1]
    members = _without_spare(task, units, team, travel, must)
    return members if stands(task, [units[unit] for unit in members]) else None


def _gain(unit: Unit, need: dict[str, int]) -> int:
    gain = 0
    for skill, number in need.items():
        if number > 0:
            gain += min(unit.skills.get(skill, 0), number)
    return gain


def _most_for_its_way(
    units: Sequence[Unit], rest: Sequence[int], travel: npt.NDArray[np.float64], need: dict[str, int]
) -> int | None:
    """Find the unit that brings most of what is needed for its way; ``rest`` stands by rising way."""
    most = sum(max(0, number) for number in need.values())
    best, least = None, float("inf")
    for unit in rest:
        way = float(travel[unit]) + 1
        if way > 0 and way / most >= least:
            break  # nobody after it can bring more than all
        gain = _gain(units[unit], need)
        if gain and way / gain < least:
            best, least = unit, way / gain
    return best


def _without_spare(
    task: Task,
    units: Sequence[Unit],
    team: Iterable[int],
    travel: npt.NDArray[np.float64],
    must: Sequence[int],
) -> tuple[int, ...]:
    members = list(team)
    for unit in sorted(members, key=lambda one: -travel[one]):
        fewer = [one for one in members if one != unit]
        if unit not in must and stands(task, [units[one] for one in fewer]):
            members = fewer
    return tuple(sorted(members))
