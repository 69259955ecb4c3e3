"""Every limit of contract dispatch 1.3 is inclusive, and the figures of 1.4 are those of pen and paper."""

import msgspec
import pytest
from truceline.dispatch.assign import Plan, solve
from truceline.dispatch.explain import ruled_out_by
from truceline.dispatch.instance import SCHEMA, Instance, read_instance
from truceline.dispatch.legal import Pairs

# One road of 10 km at 60 km/h: 600 s. Out at 0, there at 600, away at 1200, home at 1800.
UNIT = {
    "id": "U", "contingent": "C1", "type": "patrol", "skills": {"observe": 1, "qrf": 1}, "sector": "S",
    "home_node": "A", "node": "A", "available_s": 0, "shift_end_s": 1800, "max_duty_s": 1800,
    "endurance_s": 1200, "speed_kph": 60, "mass_t": 20, "flies": False, "caveats": {},
}  # fmt: skip
TASK = {
    "id": "T", "kind": "visit", "node": "B", "requires": {"observe": 1}, "min_units": 1, "weight": 2,
    "release_s": 0, "deadline_s": 600, "service_s": 600, "notify_lead_s": 0, "uncovered_penalty": 10_000,
    "look": None, "excluded_contingents": [],
}  # fmt: skip
RESERVE = {"skill": "qrf", "within_s": 600, "hold_s": 1800, "penalty": 5000}


def instance(units=(UNIT,), tasks=(TASK,), reserve=(0, RESERVE), night=(), committed=()) -> Instance:
    least, asked = reserve
    return read_instance(msgspec.json.encode({
        "schema": SCHEMA, "id": "i", "now_utc": "2031-05-12T00:00:00Z", "horizon_s": 9000,
        "sectors": [
            {"id": "S", "x_min_m": 0, "x_max_m": 20_000, "centre_node": "B", "reserve_min": least}
        ],
        "parts": [
            {"id": "P", "sector": "S", "x_min_m": 0, "x_max_m": 20_000, "y_min_m": -9, "y_max_m": 9}
        ],
        "nodes": [
            {"id": name, "x_m": x_m, "y_m": 0, "sector": "S", "part": "P"}
            for name, x_m in (("A", 0), ("B", 10_000))
        ],
        "edges": [
            {"id": "E", "a": "A", "b": "B", "length_m": 10_000, "speed_kph": 60, "max_mass_t": 20,
             "crossing": False, "open": True}
        ],
        "night": [{"start_s": start, "end_s": end} for start, end in night], "units": list(units),
        "tasks": list(tasks), "committed": list(committed), "reserve": asked,
        "objective": {"travel_weight": 0.5}, "max_orders_per_unit": 1,
    }))  # fmt: skip


def plan(*args, **values) -> Plan:
    return solve(instance(*args, **values))[0]


def test_a_unit_that_just_fits_every_limit_goes():
    (order,) = plan().orders

    assert (order.depart_s, order.arrive_s, order.leave_s, order.return_s) == (0, 600, 1200, 1800)
    assert order.path == ("A", "B")


@pytest.mark.parametrize(
    ("unit", "task"),
    [
        ({"endurance_s": 1199}, {}),
        ({"max_duty_s": 1799}, {}),
        ({"shift_end_s": 1799}, {}),
        ({"available_s": 1}, {}),
        ({"mass_t": 21}, {}),
        ({"speed_kph": 59}, {}),
        ({}, {"deadline_s": 599}),
        ({}, {"service_s": 601}),
        ({}, {"notify_lead_s": 601}),
    ],
)
def test_a_second_or_a_tonne_beyond_any_limit_is_too_much(unit, task):
    pairs = Pairs(instance([{**UNIT, **unit}], [{**TASK, **task}]))

    assert ruled_out_by(pairs, 0, 0, "main") == "time"


@pytest.mark.parametrize(
    ("night", "code"),
    [((-9, 0), None), ((1800, 9000), None), ((1799, 9000), "no_night"), ((-9, 1), "no_night")],
)
def test_who_may_not_be_out_by_night_is_home_when_it_falls(night, code):
    unit = {**UNIT, "caveats": {"no_night": True}}

    assert ruled_out_by(Pairs(instance([unit], night=[night])), 0, 0, "main") == code


@pytest.mark.parametrize(
    ("unit", "asked", "night", "held"),
    [
        ({}, {}, (), 1),
        ({}, {"within_s": 599}, (), 0),
        ({"available_s": 1}, {}, (), 0),
        ({}, {"hold_s": 1801}, (), 0),
        ({"skills": {"observe": 1}}, {}, (), 0),
        ({"caveats": {"needs_escort": True}}, {}, (), 0),
        ({"caveats": {"no_night": True}}, {}, ((-9, 0), (1800, 9000)), 1),
        ({"caveats": {"no_night": True}}, {}, ((1799, 9000),), 0),
        ({"caveats": {"no_night": True}}, {}, ((-9, 1),), 0),
        ({"caveats": {"no_parts": ["P"]}}, {}, (), 0),
    ],
)
def test_a_reserve_is_near_rested_able_and_may_be_out(unit, asked, night, held):
    made = plan([{**UNIT, **unit}], [], (1, {**RESERVE, **asked}), night)

    assert len(made.reserve) == held
    assert made.objective.reserve == 5000 * (1 - held)


def test_more_reserve_than_the_sector_asks_for_earns_nothing():
    made = plan([UNIT, {**UNIT, "id": "V"}], [], (1, RESERVE))

    assert len(made.reserve) == 1 and made.objective.reserve == 0


def test_the_figures_of_a_plan_are_those_of_pen_and_paper():
    drone = {**UNIT, "id": "D", "skills": {"look": 1}, "flies": True, "speed_kph": 120, "shift_end_s": 9000}
    task = {
        **TASK, "release_s": 400, "notify_lead_s": 600, "look": {"share_pct": 40, "look_s": 60},
    }  # fmt: skip
    standing = {"unit": "D", "task": "T", "role": "main", "acknowledged": False, "change_cost": 70}

    made = plan([UNIT, drone], [task, {**TASK, "id": "X", "node": "A", "requires": {"medic": 1}}],
                committed=[standing])  # fmt: skip

    # The drone is there at 300 s, before the task is released at 400: its share counts from then on.
    assert {order.unit: order.role for order in made.orders} == {"U": "main", "D": "look"}
    assert made.objective.response == 2 * (0.6 * (600 - 400) + 0.4 * 0)
    assert made.objective.uncovered == 10_000
    assert made.objective.travel == 0.5 * (600 + 300)
    assert made.objective.change == 70
    assert made.objective.total == 240 + 10_000 + 450 + 70
    assert [(one.unit, one.task) for one in made.changed] == [("D", "T")]


def test_a_task_that_costs_more_than_to_leave_it_is_left():
    # Answering costs 2 * 600 of response and 0.5 * 600 of way.
    assert plan(tasks=[{**TASK, "uncovered_penalty": 1501}]).orders
    left = plan(tasks=[{**TASK, "uncovered_penalty": 1500}])

    assert left.orders == () and [one.reason for one in left.uncovered] == ["outbid"]


def test_a_standing_order_gives_way_where_the_whole_gets_cheaper_and_stays_where_it_does_not():
    tasks = [{**TASK, "id": "light", "uncovered_penalty": 5000}, {**TASK, "id": "heavy", "weight": 3}]
    standing = {"unit": "U", "task": "light", "role": "main", "acknowledged": True, "change_cost": 70}

    changed = plan(tasks=tasks, committed=[standing])
    kept = plan(tasks=tasks, committed=[{**standing, "change_cost": 9000}])

    assert [order.task for order in changed.orders] == ["heavy"]
    assert [(one.unit, one.task) for one in changed.changed] == [("U", "light")]
    assert [order.task for order in kept.orders] == ["light"] and kept.changed == ()


def test_a_search_that_is_out_of_time_gives_the_first_whole_plan():
    tasks = [{**TASK, "id": "light", "uncovered_penalty": 5000}, {**TASK, "id": "heavy", "weight": 3}]
    standing = {"unit": "U", "task": "light", "role": "main", "acknowledged": True, "change_cost": 70}

    made, _ = solve(instance(tasks=tasks, committed=[standing]), in_time=lambda: False)

    assert [order.task for order in made.orders] == ["light"]
    assert [one.task for one in made.uncovered] == ["heavy"]


def test_a_unit_out_of_the_reserve_costs_its_penalty_where_none_replaces_it():
    near = {**UNIT, "id": "V", "skills": {"observe": 1}, "home_node": "B", "node": "B"}
    made = plan([UNIT, near], reserve=(1, RESERVE))

    (order,) = made.orders
    (other,) = order.explain.alternatives
    assert order.unit == "V" and other.unit == "U"
    # It starts 600 s later (2 a second), travels 600 s (0.5 a second), and is missed as reserve.
    assert other.delta_cost == 2 * 600 + 0.5 * 600 + 5000
