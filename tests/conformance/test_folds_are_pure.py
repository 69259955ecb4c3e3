"""Folds and detectors ask no clock: what import contracts cannot see."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "truceline"
PURE = [
    *(path for room in ("view", "track", "rules", "detect", "codec") for path in (ROOT / room).rglob("*.py")),
    ROOT / "dispatch" / "advise.py",
    ROOT / "flow" / "look.py",
    ROOT / "flow" / "courier.py",
]
CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter"}


def asked(source: str) -> list[str]:
    """Name the calls that ask a clock."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [ast.unparse(call) for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS]


def test_the_check_sees_a_clock():
    assert asked("from datetime import datetime\nage = datetime.now() - seen") == ["datetime.now"]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_clock_is_asked(path):
    assert asked(path.read_text(encoding="utf-8")) == []
