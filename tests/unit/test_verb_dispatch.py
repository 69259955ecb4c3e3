"""truceline dispatch: a plan or nothing, and exit codes that tell which."""

import json
from pathlib import Path

from truceline.app.cli import main

FORCE = Path(__file__).parents[2] / "truceline" / "sim" / "corridor" / "force.json"
TASK = {
    "id": "T1", "kind": "shelling", "node": "TN03", "requires": {"observe": 3, "patrol": 1}, "min_units": 2,
    "weight": 9, "release_s": 0, "deadline_s": 7200, "service_s": 1800, "notify_lead_s": 0,
    "uncovered_penalty": 100000, "look": {"share_pct": 40, "look_s": 600}, "excluded_contingents": [],
}  # fmt: skip


def write(folder: Path, **changes) -> Path:
    path = folder / "instance.json"
    path.write_text(json.dumps({**json.loads(FORCE.read_text()), "tasks": [TASK], **changes}))
    return path


def test_a_plan_is_a_proposal_with_orders_and_alternatives(tmp_path):
    out = tmp_path / "plan.json"

    assert main(["dispatch", str(write(tmp_path)), "--out", str(out), "--explain", "4"]) == 0

    plan = json.loads(out.read_text())
    assert plan["schema"] == "truceline.dispatch.plan/1" and plan["status"] == "proposed"
    assert {order["task"] for order in plan["orders"]} == {"T1"}
    assert all(len(order["explain"]["alternatives"]) == 4 for order in plan["orders"])
    assert plan["uncovered"] == []
    assert plan["bound"] is None


def test_a_task_nobody_can_do_is_listed_with_its_reason(tmp_path):
    out = tmp_path / "plan.json"
    impossible = [
        {**TASK, "id": "T1", "requires": {"surgeon": 1}},
        {**TASK, "id": "T2", "deadline_s": 1},
        {**TASK, "id": "T3", "excluded_contingents": ["Alder", "Birch", "Cedar", "Elm"]},
    ]

    assert main(["dispatch", str(write(tmp_path, tasks=impossible)), "--out", str(out)]) == 0

    plan = json.loads(out.read_text())
    assert {one["task"]: one["reason"] for one in plan["uncovered"]} == {
        "T1": "skill",
        "T2": "time",
        "T3": "caveat",
    }


def test_the_same_input_gives_the_same_plan_but_for_the_clock(tmp_path):
    plans = []
    for name in ("a.json", "b.json"):
        main(["dispatch", str(write(tmp_path)), "--out", str(tmp_path / name), "--budget-ms", "60000"])
        plans.append(json.loads((tmp_path / name).read_text()))
        plans[-1].pop("solve_ms")

    assert plans[0] == plans[1]


def test_no_budget_still_gives_a_whole_plan(tmp_path):
    out = tmp_path / "plan.json"

    assert main(["dispatch", str(write(tmp_path)), "--out", str(out), "--budget-ms", "0"]) == 0

    assert json.loads(out.read_text())["orders"]


def test_a_unit_where_it_may_not_be_is_warned_of_and_stays(tmp_path):
    units = json.loads(FORCE.read_text())["units"]
    units[0]["caveats"]["no_parts"] = ["S1-A"]
    out = tmp_path / "plan.json"

    assert main(["dispatch", str(write(tmp_path, units=units)), "--out", str(out)]) == 0

    plan = json.loads(out.read_text())
    assert [one["unit"] for one in plan["warnings"]] == ["P-11"]
    assert "P-11" not in {order["unit"] for order in plan["orders"]}


def test_a_unit_with_two_standing_orders_keeps_the_acknowledged_one_alone(tmp_path):
    tasks = [{**TASK, "id": name, "requires": {"observe": 1}, "min_units": 1} for name in ("T1", "T2")]
    standing = [
        {"unit": "P-11", "task": name, "role": "main", "acknowledged": name == "T2", "change_cost": cost}
        for name, cost in (("T1", 9), ("T2", 9000))
    ]
    out = tmp_path / "plan.json"

    assert main(["dispatch", str(write(tmp_path, tasks=tasks, committed=standing)), "--out", str(out)]) == 0

    plan = json.loads(out.read_text())
    assert [order["task"] for order in plan["orders"] if order["unit"] == "P-11"] == ["T2"]
    assert plan["changed"] == [{"unit": "P-11", "task": "T1", "saving": None}]


def test_a_standing_order_is_kept_where_its_companion_can_no_longer_come(tmp_path):
    units = json.loads(FORCE.read_text())["units"]
    units[1]["shift_end_s"] = 1
    standing = [
        {"unit": unit["id"], "task": "T1", "role": "main", "acknowledged": True, "change_cost": 9}
        for unit in units[:2]
    ]
    out = tmp_path / "plan.json"

    assert main(["dispatch", str(write(tmp_path, units=units, committed=standing)), "--out", str(out)]) == 0

    plan = json.loads(out.read_text())
    assert "P-11" in {order["unit"] for order in plan["orders"]}
    assert [one["unit"] for one in plan["changed"]] == ["P-12"]


def test_bad_input_writes_nothing_and_says_where(tmp_path, capsys):
    out = tmp_path / "plan.json"
    units = json.loads(FORCE.read_text())["units"]
    units[3]["caveats"]["no_snow"] = True

    assert main(["dispatch", str(write(tmp_path, units=units)), "--out", str(out)]) == 2

    assert not out.exists()
    error = capsys.readouterr().err
    assert "units[3].caveats.no_snow" in error and error.count("\n") == 1
    assert main(["dispatch", str(tmp_path / "none.json"), "--out", str(out)]) == 2
