"""Whatever the instance, the plan is legal by a second reading of contract dispatch 1.2 to 1.4."""

import math
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.dispatch.amend import amend
from truceline.dispatch.assign import _build, _plan, solve
from truceline.dispatch.instance import SCHEMA, Instance, read_instance
from truceline.dispatch.legal import Pairs
from truceline.dispatch.search import improve
from truceline.model.decided import Tasking
from truceline.model.errors import Refused

INF = math.inf
KINDS = ("visit", "patrol")


@st.composite
def instances(draw) -> Instance:
    """Two sectors of three parts each, a handful of nodes, units with any caveats, and a few tasks."""
    count = draw(st.integers(4, 9))
    sectors = [
        {"id": f"S{i}", "x_min_m": i * 5000, "x_max_m": (i + 1) * 5000, "centre_node": "N0",
         "reserve_min": draw(st.sampled_from((0, 1, 2, 10**9)))}
        for i in range(2)
    ]  # fmt: skip
    bands = {"A": (1000, 6000), "M": (-1000, 1000), "B": (-6000, -1000)}
    parts = [
        {"id": f"S{i}-{k}", "sector": f"S{i}", "x_min_m": i * 5000, "x_max_m": (i + 1) * 5000,
         "y_min_m": low, "y_max_m": high}
        for i in range(2) for k, (low, high) in bands.items()
    ]  # fmt: skip
    nodes = []
    for n in range(count):
        x, y = draw(st.integers(0, 9999)), draw(st.integers(-5999, 5999))
        band = "A" if y > 1000 else "B" if y < -1000 else "M"
        sector = f"S{x // 5000}"
        nodes.append({"id": f"N{n}", "x_m": x, "y_m": y, "sector": sector, "part": f"{sector}-{band}"})
    edges = []
    for number in range(draw(st.integers(count - 1, 2 * count))):
        a, b = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
        edges.append({
            "id": f"E{number}", "a": f"N{a}", "b": f"N{b}", "length_m": draw(st.integers(1, 9000)),
            "speed_kph": draw(st.integers(5, 80)), "max_mass_t": draw(st.sampled_from((5, 20, 60))),
            "crossing": (nodes[a]["y_m"] >= 0) != (nodes[b]["y_m"] >= 0), "open": draw(st.integers(0, 5)) > 0,
        })  # fmt: skip
    units = [_unit(draw, n, count, parts) for n in range(draw(st.integers(2, 7)))]
    tasks = [_task(draw, n, count) for n in range(draw(st.integers(1, 4)))]
    committed = [
        {
            "unit": unit["id"], "task": task["id"], "acknowledged": draw(st.booleans()),
            "role": draw(st.sampled_from(("main", "look"))), "change_cost": 500,
        }
        for unit in units for task in tasks if draw(st.integers(0, 5)) == 0
    ]  # fmt: skip
    start = draw(st.integers(-4000, 8000))
    return read_instance(msgspec.json.encode({
        "schema": SCHEMA, "id": "random", "now_utc": "2031-05-12T00:00:00Z", "horizon_s": 21600,
        "sectors": sectors, "parts": parts, "nodes": nodes, "edges": edges, "units": units, "tasks": tasks,
        "night": [{"start_s": start, "end_s": start + draw(st.integers(1, 6000))}], "committed": committed,
        "reserve": {"skill": "qrf", "within_s": 2000, "hold_s": 3600, "penalty": 5000},
        "objective": {"travel_weight": 0.5}, "max_orders_per_unit": 1,
    }))  # fmt: skip


def _unit(draw, n, count, parts):
    skills = draw(
        st.dictionaries(st.sampled_from(("observe", "qrf", "escort", "look")), st.integers(1, 2), min_size=1)
    )
    return {
        "id": f"U{n}", "contingent": draw(st.sampled_from(("C1", "C2"))), "type": "t", "skills": skills,
        "sector": draw(st.sampled_from(("S0", "S1"))), "home_node": f"N{draw(st.integers(0, count - 1))}",
        "node": f"N{draw(st.integers(0, count - 1))}", "available_s": draw(st.integers(-500, 2000)),
        "shift_end_s": draw(st.integers(1000, 40000)), "max_duty_s": draw(st.integers(1000, 30000)),
        "endurance_s": draw(st.integers(500, 20000)), "speed_kph": draw(st.integers(5, 90)),
        "mass_t": draw(st.integers(1, 30)), "flies": draw(st.integers(0, 3)) == 0,
        "caveats": {
            "no_night": draw(st.booleans()), "own_sector_only": draw(st.integers(0, 3)) == 0,
            "needs_escort": draw(st.integers(0, 3)) == 0, "no_crossing": draw(st.booleans()),
            "no_parts": draw(st.lists(st.sampled_from([p["id"] for p in parts]), max_size=1)),
            "no_task_kinds": draw(st.lists(st.sampled_from(KINDS), max_size=1)),
        },
    }  # fmt: skip


def _task(draw, n, count):
    release = draw(st.integers(-1000, 3000))
    return {
        "id": f"T{n}", "kind": draw(st.sampled_from(KINDS)), "node": f"N{draw(st.integers(0, count - 1))}",
        "requires": draw(st.dictionaries(st.sampled_from(("observe", "qrf")), st.integers(1, 2), min_size=1)),
        "min_units": draw(st.integers(1, 2)), "weight": draw(st.integers(1, 9)), "release_s": release,
        "deadline_s": release + draw(st.integers(0, 12000)), "service_s": draw(st.integers(0, 3000)),
        "notify_lead_s": draw(st.integers(0, 1000)), "uncovered_penalty": 100_000,
        "look": draw(st.none() | st.just({"share_pct": 40, "look_s": 300})),
        "excluded_contingents": draw(st.lists(st.just("C1"), max_size=1)),
    }  # fmt: skip


@settings(max_examples=150)
@given(instances())
def test_every_plan_is_legal(instance):
    plan, _ = solve(instance)

    nodes, tasks = ({x.id: x for x in group} for group in (instance.nodes, instance.tasks))
    units = {x.id: x for x in instance.units}
    assert len({order.unit for order in plan.orders}) == len(plan.orders)
    for order in plan.orders:
        unit, task = units[order.unit], tasks[order.task]
        _check_way(instance, nodes, unit, order, task)
        _check_times(instance, unit, order, task)
        assert unit.contingent not in task.excluded_contingents
        assert task.kind not in unit.caveats.no_task_kinds
    for task in instance.tasks:
        _check_team(task, units, [order for order in plan.orders if order.task == task.id])
    _check_reserve(instance, nodes, units, plan)
    covered = {order.task for order in plan.orders}
    assert {one.task for one in plan.uncovered} == tasks.keys() - covered
    kept = {(order.unit, order.task, order.role) for order in plan.orders}
    assert {(one.unit, one.task) for one in plan.changed} == {
        (c.unit, c.task) for c in instance.committed if (c.unit, c.task, c.role) not in kept
    }


@settings(max_examples=30)
@given(instances())
def test_the_same_instance_gives_the_same_plan(instance):
    assert solve(instance)[0] == solve(instance)[0]


@settings(max_examples=60)
@given(instances(), st.integers(0, 9))
def test_the_search_never_makes_a_plan_dearer_and_reckons_as_the_plan_says(instance, seed):
    first = _build(Pairs(instance), lambda task: (-task.weight, task.release_s, task.id))
    better = improve(first, seed, lambda: True)

    for draft in (first, better):
        assert math.isclose(draft.total(), _plan(draft.pairs, draft, 0).objective.total, abs_tol=1e-6)
    assert better.total() <= first.total()


@settings(max_examples=60)
@given(instances())
def test_every_alternative_has_a_cost_or_a_reason(instance):
    plan, _ = solve(instance, alternatives=9)

    named = {order.unit for order in plan.orders}
    for order in plan.orders:
        for other in order.explain.alternatives:
            assert (other.delta_cost is None) != (other.ruled_out_by is None)
            assert other.unit != order.unit
            if other.delta_cost is not None:
                assert other.unit not in named


@settings(max_examples=30)
@given(instances())
def test_a_plan_that_is_amended_to_itself_stays_as_it_is_and_gives_up_nothing(instance):
    plan, _ = solve(instance, alternatives=0)
    orders = tuple(msgspec.structs.replace(order, explain=None) for order in plan.orders)

    amended = amend(msgspec.json.encode(instance), orders, orders)

    assert amended.tasks == orders
    assert amended.overridden == ()


@settings(max_examples=80)
@given(instances(), st.data())
def test_whatever_a_commander_wants_instead_is_legal_or_refused_with_a_reason(instance, data):
    wanted = tuple(
        Tasking(
            unit=data.draw(st.sampled_from(instance.units)).id,
            task=data.draw(st.sampled_from(instance.tasks)).id,
            role=data.draw(st.sampled_from(("main", "main", "look"))),
            path=(), depart_s=0, arrive_s=0, leave_s=0, start_s=data.draw(st.integers(-1000, 9000)),
        )
        for _ in range(data.draw(st.integers(1, 3)))
    )  # fmt: skip

    try:
        amended = amend(msgspec.json.encode(instance), (), wanted)
    except Refused as refused:
        assert refused.status == 422 and refused.why
        return

    nodes, tasks = ({x.id: x for x in group} for group in (instance.nodes, instance.tasks))
    units = {x.id: x for x in instance.units}
    for asked, order in zip(wanted, amended.tasks, strict=True):
        unit, task = units[order.unit], tasks[order.task]
        assert (asked.unit, asked.task, asked.role) == (order.unit, order.task, order.role)
        assert order.start_s >= asked.start_s
        _check_way(instance, nodes, unit, order, task)
        _check_times(instance, unit, order, task)
        assert unit.contingent not in task.excluded_contingents
        assert task.kind not in unit.caveats.no_task_kinds
    for task in instance.tasks:
        team = [units[o.unit] for o in amended.tasks if o.task == task.id and o.role == "main"]
        needy = any(unit.caveats.needs_escort for unit in team)
        assert not needy or any("escort" in u.skills and not u.caveats.needs_escort for u in team)


def _hop(instance, nodes, unit, a, b):
    """Seconds of one hop, INF where it is not allowed; contract 1.2 word by word."""
    own, here, there = unit.caveats, nodes[a], nodes[b]
    for node in (here, there):
        if node.part in own.no_parts or (own.own_sector_only and node.sector != unit.sector):
            return INF
    if unit.flies:
        if own.no_crossing and (here.y_m >= 0) != (there.y_m >= 0):
            return INF
        if any(_touches(here, there, p) for p in instance.parts if p.id in own.no_parts):
            return INF
        metres = math.ceil(math.dist((here.x_m, here.y_m), (there.x_m, there.y_m)))
        return math.ceil(metres * 18 / (5 * unit.speed_kph))
    found = INF
    for edge in instance.edges:
        fits = edge.open and edge.max_mass_t >= unit.mass_t and not (own.no_crossing and edge.crossing)
        if {edge.a, edge.b} == {a, b} and fits:
            found = min(found, math.ceil(edge.length_m * 18 / (5 * min(unit.speed_kph, edge.speed_kph))))
    return found


def _touches(a, b, part):
    """Sample a segment finely; a point strictly inside forbids it (misses slivers, never invents one)."""
    for step in range(201):
        x, y = a.x_m + (b.x_m - a.x_m) * step / 200, a.y_m + (b.y_m - a.y_m) * step / 200
        if part.x_min_m < x < part.x_max_m and part.y_min_m < y < part.y_max_m:
            return True
    return False


def _fastest(instance, nodes, unit, a, b):
    """Bellman-Ford over all hops."""
    if unit.flies:
        return 0 if a == b and _hop(instance, nodes, unit, a, a) < INF else _hop(instance, nodes, unit, a, b)
    own = unit.caveats
    allowed = {
        n for n, node in nodes.items()
        if node.part not in own.no_parts and not (own.own_sector_only and node.sector != unit.sector)
    }  # fmt: skip
    best = dict.fromkeys(nodes, INF)
    best[a] = 0 if a in allowed else INF
    for _ in nodes:
        for edge in instance.edges:
            for one, two in ((edge.a, edge.b), (edge.b, edge.a)):
                best[two] = min(best[two], best[one] + _hop(instance, nodes, unit, one, two))
    return best[b]


def _check_way(instance, nodes, unit, order, task):
    assert order.path[0] == unit.node and order.path[-1] == task.node
    spent = sum(_hop(instance, nodes, unit, a, b) for a, b in pairwise(order.path))
    assert order.arrive_s == order.depart_s + spent
    assert spent == _fastest(instance, nodes, unit, unit.node, task.node)
    home = _fastest(instance, nodes, unit, task.node, unit.home_node)
    assert order.return_s == order.leave_s + home
    assert spent + home <= unit.endurance_s


def _check_times(instance, unit, order, task):
    assert order.depart_s >= max(unit.available_s, 0)
    assert order.arrive_s <= order.start_s <= task.deadline_s
    if order.role == "main":
        assert order.start_s >= max(task.release_s, task.notify_lead_s, 0)
        assert order.leave_s == order.start_s + task.service_s
    else:
        assert order.start_s == order.arrive_s and "look" in unit.skills
        assert order.leave_s == order.arrive_s + task.look.look_s
    assert order.return_s - order.depart_s <= unit.max_duty_s
    assert order.return_s <= unit.shift_end_s
    if unit.caveats.no_night:
        assert all(order.return_s <= n.start_s or order.depart_s >= n.end_s for n in instance.night)


def _check_team(task, units, orders):
    team = [units[order.unit] for order in orders if order.role == "main"]
    if not team:
        assert not orders
        return
    assert len({order.start_s for order in orders if order.role == "main"}) == 1
    assert len(team) >= task.min_units
    for skill, number in task.requires.items():
        assert sum(unit.skills.get(skill, 0) for unit in team) >= number
    assert all(unit.skills.keys() & (task.requires.keys() | {"escort"}) for unit in team)
    if any(unit.caveats.needs_escort for unit in team):
        assert any("escort" in unit.skills and not unit.caveats.needs_escort for unit in team)


def _check_reserve(instance, nodes, units, plan):
    centre = {sector.id: sector.centre_node for sector in instance.sectors}
    assert not {one.unit for one in plan.reserve} & {order.unit for order in plan.orders}
    assert len({one.unit for one in plan.reserve}) == len(plan.reserve)
    for one in plan.reserve:
        unit = units[one.unit]
        assert "qrf" in unit.skills and not unit.caveats.needs_escort and unit.shift_end_s >= 3600
        way = _fastest(instance, nodes, unit, unit.node, centre[one.sector])
        assert unit.available_s + way <= instance.reserve.within_s
        if unit.caveats.no_night:
            assert all(n.start_s >= 3600 or n.end_s <= 0 for n in instance.night)
