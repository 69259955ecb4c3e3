"""Propose who goes where, within every national caveat; a person decides.

Reads one instance (contract dispatch 1) and writes one plan. Tasks that nobody may or can serve are
listed with the reason; every order names other units and what they would cost.
"""

import argparse
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument(
        "instance", type=Path, metavar="INSTANCE.json", help="sectors, roads, units and tasks"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PLAN.json", help="where the plan goes")
    parser.add_argument(
        "--budget-ms", type=float, default=1000, metavar="N", help="time for the search (default: 1000)"
    )
    parser.add_argument(
        "--explain", type=int, default=3, metavar="K", help="other units named per order (default: 3)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the search (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Read, solve, write."""
    import time

    import msgspec

    from truceline.app.output import whole_file
    from truceline.dispatch.assign import solve
    from truceline.dispatch.instance import load_instance

    if min(args.budget_ms, args.explain, args.seed) < 0:
        raise BadInput("--budget-ms, --explain, --seed", "must be 0 or more")
    instance = load_instance(args.instance)
    began = time.perf_counter()
    plan, _ = solve(
        instance, args.explain, lambda: (time.perf_counter() - began) * 1000 < args.budget_ms, args.seed
    )
    plan = msgspec.structs.replace(plan, solve_ms=round((time.perf_counter() - began) * 1000, 3))
    with whole_file(args.out) as beside:
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    return 0
