"""How fast the log is, each figure beside a plain sqlite3 table in the same run.

usage: python benchmarks/log.py [--quick] [--data DIR]
Prints one line per figure: ours, the yardstick, the ratio, what is asked for. Appends are measured by the
clock on the wall, in turns with sqlite3; replays by processor time, against a floor.
"""

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from truceline.log.journal import Journal
from truceline.log.reader import read_facts
from truceline.model.facts import Claim

_RUNS = 5


def report(number: int) -> Claim:
    """Make a report of usual size."""
    body = {
        "type": "explosion",
        "time_utc": "2026-03-01T06:00:00Z",
        "lat_deg": 48.1 + number * 1e-6,
        "lon_deg": 37.5,
        "ce90_m": 40.0,
        "text": "one detonation heard from the north, no smoke seen from the post",
        "attributes": {"count": 1, "confidence": 0.8},
    }
    return Claim(kind="report", id=f"rep-{number:08d}", body=body, actor="user:observer-3")


def sqlite_table(folder: Path) -> sqlite3.Connection:
    """Open a table with the same payload, as durable as the log (synchronous=FULL, rollback journal)."""
    table = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
    table.execute("PRAGMA synchronous=FULL")
    table.execute(
        "CREATE TABLE entry (seq INTEGER PRIMARY KEY, kind TEXT, id TEXT UNIQUE, actor TEXT, body BLOB)"
    )
    return table


def rate(count: int, act: Callable[[], object]) -> float:
    """Return things per second of processor time, median of five: these wait for nothing else."""
    act()  # warms caches up
    spent = []
    for _ in range(_RUNS):
        start = time.process_time()
        act()
        spent.append(time.process_time() - start)
    return count / statistics.median(spent)


def appends(folder: Path, groups: int, size: int) -> tuple[float, float]:
    """Measure durable appends in groups: ours and sqlite3's, taking turns so that the disk is the same."""
    folder.mkdir()
    journal, table = Journal.open(folder / "data"), sqlite_table(folder)
    ours = theirs = 0.0
    for group in range(groups):
        claims = [report(group * size + item) for item in range(size)]
        start = time.perf_counter()
        journal.append(claims)
        middle = time.perf_counter()
        table.execute("BEGIN IMMEDIATE")
        table.executemany(
            "INSERT INTO entry (kind, id, actor, body) VALUES (?, ?, ?, ?)",
            [(claim.kind, claim.id, claim.actor, msgspec.json.encode(claim.body)) for claim in claims],
        )
        table.execute("COMMIT")
        theirs += time.perf_counter() - middle
        ours += middle - start
    journal.close()
    table.close()
    return groups * size / ours, groups * size / theirs


def line(what: str, ours: float, yardstick: float, asked: float) -> bool:
    """Print one figure and tell whether it is good enough."""
    held = ours / yardstick >= asked
    ratio = f"{ours / yardstick:6.2f}x (asked {asked:g}x)"
    print(f"{what:38s} {ours:12,.0f}/s {yardstick:12,.0f}/s  {ratio}  {'ok' if held else 'TOO SLOW'}")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer entries")
    parser.add_argument("--data", type=Path, help="folder on the disk to measure (default: a temporary one)")
    args = parser.parse_args()
    single, groups = (100, 30) if args.quick else (1000, 1000)
    with tempfile.TemporaryDirectory(dir=args.data) as name:
        folder = Path(name)
        print(f"{'figure':38s} {'ours':>14s} {'yardstick':>14s}")
        held = [
            line("append durable, one by one", *appends(folder / "one", single, 1), 1.0),
            line("append durable, groups of 100", *appends(folder / "hundred", groups, 100), 0.5),
        ]
        data, count = folder / "hundred" / "data", groups * 100
        decoded = rate(count, lambda: sum(1 for _ in read_facts(data)))
        held.append(line("replay, decoded (floor)", decoded, 300_000, 1.0))
        checked = rate(count, lambda: sum(1 for _ in read_facts(data, check=True)))
        held.append(line("replay, every hash checked (floor)", checked, 50_000, 1.0))
        opened = rate(count, lambda: Journal.open(data).close())
        held.append(line("open for writing (floor)", opened, 10_000, 1.0))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
