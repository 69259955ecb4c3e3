"""A plan in the making: who goes where so far, by positions of units and tasks, and what it costs."""

from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from truceline.dispatch.cost import response
from truceline.dispatch.legal import Pairs
from truceline.dispatch.roads import NEVER
from truceline.dispatch.team import Team, pick_team


class Held(msgspec.Struct, frozen=True):
    """A unit that stays back as reserve of a sector."""

    sector: str
    unit: str


class Draft:
    """Teams, first looks and who is free; each state of it is a legal plan.

    Parameters
    ----------
    pairs
        Windows and ways of every pair.
    """

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.teams: dict[int, Team] = {}
        self.looks: dict[int, int] = {}
        self.free = np.ones(len(pairs.instance.units), bool)
        self.price = np.zeros(len(pairs.instance.units))

    def copy(self) -> Self:
        """Make another that may be changed alone."""
        other = type(self)(self.pairs)
        other.teams, other.looks = dict(self.teams), dict(self.looks)
        other.free, other.price = self.free.copy(), self.price.copy()
        return other

    @property
    def taken(self) -> set[int]:
        """Units that have an order."""
        return {unit for team in self.teams.values() for unit in team.units} | set(self.looks.values())

    def insert(self, task: int, must: tuple[int, ...] = ()) -> None:
        """Give a task its cheapest team, where one stands and costs less than to leave it uncovered."""
        price = self.price.copy()
        for unit, cost in self.pairs.promised(task).items():
            price[unit] -= cost
        team = pick_team(self.pairs, task, self.free, price, must)
        if team is None or (team.cost >= self.pairs.instance.tasks[task].uncovered_penalty and not must):
            return
        self.teams[task] = team
        self.free[list(team.units)] = False

    def remove(self, task: int) -> None:
        """Let a task's units go."""
        self.free[list(self.teams.pop(task).units)] = True
        look = self.looks.pop(task, None)
        if look is not None:
            self.free[look] = True

    def price_reserve(self) -> None:
        """Put the penalty on the units that would be held back now."""
        self.price[:] = 0.0
        for unit in hold_reserve(self.pairs, self.free).values():
            self.price[unit] = self.pairs.instance.reserve.penalty

    def add_looks(self) -> None:
        """Send free drones ahead where that saves most."""
        pairs, weight = self.pairs, self.pairs.instance.objective.travel_weight
        offers = []
        for task, team in self.teams.items():
            asked = pairs.instance.tasks[task]
            if asked.look is None or task in self.looks:
                continue
            arrives_s, out = pairs.look_s(task), pairs.travel_s()[0][task]
            for unit in map(int, np.flatnonzero((arrives_s < NEVER) & self.free)):
                waits = response(asked, team.start_s, NEVER)
                gain = waits - response(asked, team.start_s, int(arrives_s[unit]))
                gain -= weight * int(out[unit]) + self.price[unit]
                if gain > 0:
                    offers.append((-gain, task, unit))
        for _, task, unit in sorted(offers):
            if task not in self.looks and self.free[unit]:
                self.looks[task] = unit
                self.free[unit] = False

    def total(self) -> float:
        """Add up what the plan costs (contract dispatch 1.4), the reserve filled as far as it can be."""
        pairs, instance = self.pairs, self.pairs.instance
        out = pairs.travel_s()[0]
        waiting, away_s = 0.0, 0
        for task, asked in enumerate(instance.tasks):
            team, look = self.teams.get(task), self.looks.get(task)
            if team is None:
                waiting += asked.uncovered_penalty
                continue
            waiting += response(asked, team.start_s, NEVER if look is None else int(pairs.look_s(task)[look]))
            away_s += int(out[task, list(team.units)].sum()) + (0 if look is None else int(out[task, look]))
        change = 0.0
        for one in instance.committed:
            task, unit = pairs.task_index[one.task], pairs.unit_index[one.unit]
            team = self.teams.get(task)
            main = team is not None and unit in team.units
            if not (main if one.role == "main" else self.looks.get(task) == unit):
                change += one.change_cost
        short = sum(sector.reserve_min for sector in instance.sectors) - len(hold_reserve(pairs, self.free))
        travel = instance.objective.travel_weight * away_s
        return waiting + change + travel + instance.reserve.penalty * short


def hold_reserve(pairs: Pairs, free: npt.NDArray[np.bool_]) -> dict[int, int]:
    """Fill as many places of the reserve as the free units can (Hopcroft and Karp, 1973).

    Returns
    -------
    dict
        Place → unit; :meth:`truceline.dispatch.legal.Pairs.seats` tells whose place it is.
    """
    seats, fits = pairs.seats()
    if not len(seats):
        return {}
    matched = maximum_bipartite_matching(csr_matrix(fits & free), perm_type="column")
    return {seat: int(unit) for seat, unit in enumerate(matched) if unit >= 0}
