"""The independent checker accepts our plans and recomputes their figures."""

import json
import subprocess
import sys

import pytest
from truceline.app.cli import main

SMALL = ("dev-small-1", "dev-small-2", "dev-mid-1", "dev-mid-2", "dev-mid-3")


@pytest.mark.parametrize("name", SMALL)
def test_the_checker_accepts_the_plan_and_it_costs_no_more_than_the_baseline(shared, tmp_path, name):
    instance, plan = shared / f"data/dispatch/{name}.json", tmp_path / "plan.json"

    assert main(["dispatch", str(instance), "--out", str(plan)]) == 0

    checker = [sys.executable, shared / "score/dispatch/check.py", instance, plan]
    asked = ["--min-alternatives", "3", "--best-first"]
    checked = subprocess.run([*checker, *asked], capture_output=True, text=True, check=False)
    verdict = json.loads(checked.stdout)
    assert verdict["ok"], verdict["violations"]
    baseline = json.loads((shared / "data/dispatch/best_known.json").read_text())[name]["greedy"]
    assert verdict["objective"]["total"] <= baseline
