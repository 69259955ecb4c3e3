"""When an order is legal: windows of arrival and start, teams, reserve (contract dispatch 1.3)."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.dispatch.instance import ESCORT, LOOK, Instance, Sector, Task, Unit
from truceline.dispatch.roads import EVERY_CAVEAT, MOVEMENT_CAVEATS, NEVER, Profile, Roads, Seconds, profile

Role = Literal["main", "look"]
NO_CAVEAT: frozenset[str] = frozenset()


class Windows(NamedTuple):
    """For one task and every unit: earliest arrivals and latest starts, one row per stretch of day.

    ``earliest_s``, ``latest_s`` and ``open`` have the shape (stretches, units).
    """

    earliest_s: Seconds
    latest_s: Seconds
    open: npt.NDArray[np.bool_]

    def open_units(self) -> npt.NDArray[np.bool_]:
        """Tell for each unit whether it has any window."""
        return np.asarray(self.open.any(axis=0), dtype=bool)

    def of(self, unit: int) -> list[tuple[int, int]]:
        """List a unit's windows (earliest arrival, latest start), by time."""
        return [
            (int(self.earliest_s[row, unit]), int(self.latest_s[row, unit]))
            for row in np.flatnonzero(self.open[:, unit])
        ]


class Pairs:
    """Every unit against every task, with all caveats or with some of them waived."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.roads = Roads(instance)
        self.unit_index = {unit.id: index for index, unit in enumerate(instance.units)}
        self.task_index = {task.id: index for index, task in enumerate(instance.tasks)}
        self._available = np.array([max(unit.available_s, 0) for unit in instance.units], dtype=np.int64)
        self._shift_end = np.array([unit.shift_end_s for unit in instance.units], dtype=np.int64)
        self._max_duty = np.array([unit.max_duty_s for unit in instance.units], dtype=np.int64)
        self._endurance = np.array([unit.endurance_s for unit in instance.units], dtype=np.int64)
        self._day_only = np.array([unit.caveats.no_night for unit in instance.units], dtype=bool)
        self._contingent = np.array([unit.contingent for unit in instance.units], dtype=object)
        self._days = _days(instance)
        self._travel: dict[frozenset[str], tuple[Seconds, Seconds]] = {}
        self._windows: dict[tuple[int, Role, frozenset[str]], Windows] = {}
        self._look_s: dict[int, Seconds] = {}
        self._useful: dict[int, npt.NDArray[np.bool_]] = {}
        self._seats: tuple[list[str], npt.NDArray[np.bool_]] | None = None
        self._promised: dict[int, dict[int, float]] = {}
        for one in instance.committed:
            if one.role == "main":
                promised = self._promised.setdefault(self.task_index[one.task], {})
                promised[self.unit_index[one.unit]] = one.change_cost

    def travel_s(self, caveats: frozenset[str] = EVERY_CAVEAT) -> tuple[Seconds, Seconds]:
        """Ways out and home, both of the shape (tasks, units)."""
        caveats &= MOVEMENT_CAVEATS
        if caveats not in self._travel:
            moving = [profile(unit, caveats) for unit in self.instance.units]
            wants: dict[Profile, set[str]] = {}
            for unit, moves in zip(self.instance.units, moving, strict=True):
                wants.setdefault(moves, set()).update((unit.node, unit.home_node))
            self.roads.prepare(wants)
            places = np.array([self.roads.index[task.node] for task in self.instance.tasks], dtype=np.int64)
            shape = (len(places), len(moving))
            out, back = np.full(shape, NEVER, np.int64), np.full(shape, NEVER, np.int64)
            for column, (unit, moves) in enumerate(zip(self.instance.units, moving, strict=True)):
                out[:, column] = self.roads.times_s(moves, unit.node)[places]
                back[:, column] = self.roads.times_s(moves, unit.home_node)[places]
            self._travel[caveats] = (out, back)
        return self._travel[caveats]

    def windows(self, task: int, role: Role = "main", caveats: frozenset[str] = EVERY_CAVEAT) -> Windows:
        """Find the windows of all units at one task, each as its only order.

        Skills are not looked at: see :meth:`may_serve`.
        """
        key = (task, role, caveats)
        if key not in self._windows:
            self._windows[key] = self._find_windows(task, role, caveats)
        return self._windows[key]

    def _find_windows(self, task: int, role: Role, caveats: frozenset[str]) -> Windows:
        asked = self.instance.tasks[task]
        out, back = (times[task] for times in self.travel_s(caveats))
        stay = asked.service_s if role == "main" else (asked.look.look_s if asked.look is not None else NEVER)
        floor = asked.floor_s if role == "main" else 0
        able = (out + back <= self._endurance) & (out + stay + back <= self._max_duty)
        if "excluded_contingent" in caveats and asked.excluded_contingents:
            able &= ~np.isin(self._contingent, asked.excluded_contingents)
        if "no_task_kinds" in caveats:
            able &= np.array([asked.kind not in u.caveats.no_task_kinds for u in self.instance.units], bool)
        by_day = self._day_only if "no_night" in caveats else np.zeros(len(able), bool)
        earliest, latest, is_open = [], [], []
        for number, (dawn, dusk) in enumerate(self._days):
            begin = np.where(by_day, np.maximum(self._available, dawn), self._available)
            end = np.where(by_day, np.minimum(self._shift_end, dusk), self._shift_end)
            arrives, last = begin + out, np.minimum(asked.deadline_s, end - stay - back)
            earliest.append(arrives)
            latest.append(last)
            is_open.append(able & (np.maximum(arrives, floor) <= last) & (by_day | (number == 0)))
        return Windows(np.array(earliest), np.array(latest), np.array(is_open))

    def may_serve(self, unit: Unit, task: Task, role: Role = "main") -> bool:
        """Tell whether a unit has a skill of use; an escort counts only through :func:`stands`."""
        if role == "look":
            return LOOK in unit.skills and task.look is not None
        return task.asks_for(unit)

    def useful(self, task: int) -> npt.NDArray[np.bool_]:
        """Tell which units bring a skill that a task asks for, or can escort."""
        if task not in self._useful:
            asked = self.instance.tasks[task]
            units = self.instance.units
            self._useful[task] = np.array([asked.asks_for(u) or ESCORT in u.skills for u in units], bool)
        return self._useful[task]

    def look_s(self, task: int) -> Seconds:
        """Give the earliest arrival of each unit for a first look at a task; NEVER where it cannot."""
        if task not in self._look_s:
            windows, asked = self.windows(task, "look"), self.instance.tasks[task]
            able = np.array([self.may_serve(unit, asked, "look") for unit in self.instance.units], bool)
            arrives = np.where(windows.open & able, windows.earliest_s, NEVER)
            self._look_s[task] = np.asarray(arrives.min(axis=0), np.int64)
        return self._look_s[task]

    def promised(self, task: int) -> dict[int, float]:
        """Give the units with a standing order to a task, and what it costs to drop each."""
        return self._promised.get(task, {})

    def seats(self) -> tuple[list[str], npt.NDArray[np.bool_]]:
        """List the sector of each place of the reserve, and who may fill it: shape (places, units)."""
        if self._seats is None:
            sectors, rows = [], []
            for sector in self.instance.sectors:
                row = [self.is_reserve(unit, sector) for unit in self.instance.units]
                count = min(sector.reserve_min, sum(row))
                sectors += [sector.id] * count
                rows += [row] * count
            self._seats = (sectors, np.array(rows, bool))
        return self._seats

    def misplaced(self) -> list[Unit]:
        """List units that stand where their own caveat forbids them to be."""
        nodes = {node.id: node for node in self.instance.nodes}
        return [
            unit for unit in self.instance.units
            if not self.roads.may_stand(profile(unit), nodes[unit.node])
        ]  # fmt: skip

    def is_reserve(self, unit: Unit, sector: Sector) -> bool:
        """Tell whether a unit may be named as a sector's reserve (rule 6)."""
        asked = self.instance.reserve
        if asked.skill not in unit.skills or unit.caveats.needs_escort or unit.shift_end_s < asked.hold_s:
            return False
        if unit.caveats.no_night and any(
            night.start_s < asked.hold_s and night.end_s > 0 for night in self.instance.night
        ):
            return False
        way = self.roads.time_s(profile(unit), unit.node, sector.centre_node)
        return unit.available_s + way <= asked.within_s


def stands(task: Task, units: Sequence[Unit]) -> bool:
    """Tell whether a team brings every skill in number, enough units, and an escort where needed."""
    return enough(task, units) and escorted(units)


def enough(task: Task, units: Sequence[Unit]) -> bool:
    """Tell whether skills and number of units suffice."""
    if len(units) < max(task.min_units, 1):
        return False
    return all(sum(u.skills.get(skill, 0) for u in units) >= n for skill, n in task.requires.items())


def escorted(units: Iterable[Unit]) -> bool:
    """Tell whether those that need an escort have one that needs none itself."""
    units = tuple(units)
    return any(u.can_escort for u in units) or not any(u.caveats.needs_escort for u in units)


def earliest_start(floor_s: int, windows: Sequence[Sequence[tuple[int, int]]]) -> int | None:
    """Find the first start at which every member is there and can still get home; None: there is none."""
    starts = {max(arrives, floor_s) for ways in windows for arrives, _ in ways}
    for start in sorted(starts):
        if all(any(arrives <= start <= last for arrives, last in ways) for ways in windows):
            return start
    return None


def _days(instance: Instance) -> list[tuple[int, int]]:
    """Cut time at the nights: stretches (begin, end) in which a unit without night may be out."""
    days, begin = [], -NEVER
    for night in sorted(instance.night, key=lambda one: one.start_s):
        days.append((begin, night.start_s))
        begin = night.end_s
    return [*days, (begin, NEVER)]
