"""What a plan costs, term by term (contract dispatch 1.4)."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from truceline.dispatch.instance import Instance, Task
from truceline.dispatch.roads import NEVER
from truceline.model.decided import Tasking


class Terms(msgspec.Struct, frozen=True):
    """The five terms and their sum."""

    response: float
    uncovered: float
    reserve: float
    change: float
    travel: float
    total: float


def response(task: Task, start_s: int, looked_s: int) -> float:
    """Cost of answering a task at a start, with a first look at ``looked_s`` (NEVER: none)."""
    seen_s = max(min(start_s, looked_s), task.release_s)
    waited = (1 - task.share) * (start_s - task.release_s) + task.share * (seen_s - task.release_s)
    return task.weight * waited


def terms(instance: Instance, orders: Iterable[Tasking], reserve: Sequence[tuple[str, str]]) -> Terms:
    """Add up a plan: its orders, and its reserve as (sector, unit)."""
    orders = tuple(orders)
    start = {order.task: order.start_s for order in orders if order.role == "main"}
    looked: dict[str, int] = {}
    for order in orders:
        if order.role == "look":
            looked[order.task] = min(looked.get(order.task, NEVER), order.arrive_s)
    covered = [task for task in instance.tasks if task.id in start]
    held = Counter(sector for sector, _ in reserve)
    kept = {(order.unit, order.task, order.role) for order in orders}
    answered = sum(response(task, start[task.id], looked.get(task.id, NEVER)) for task in covered)
    uncovered = sum(task.uncovered_penalty for task in instance.tasks if task.id not in start)
    short = sum(max(0, sector.reserve_min - held[sector.id]) for sector in instance.sectors)
    change = sum(c.change_cost for c in instance.committed if (c.unit, c.task, c.role) not in kept)
    travel = instance.objective.travel_weight * sum(order.arrive_s - order.depart_s for order in orders)
    missing = instance.reserve.penalty * short
    total = answered + uncovered + missing + change + travel
    return Terms(
        float(answered), float(uncovered), float(missing), float(change), float(travel), float(total)
    )
