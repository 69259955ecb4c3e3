"""Tell what an entry of the log rests on, back to reports, rows and pixels.

ENTRY is a number (seq) or an id; of an id the latest entry is taken.
"""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="data folder of the mission")
    parser.add_argument("entry", metavar="ENTRY", help="number or id of the entry")
    parser.add_argument("--json", action="store_true", help="write one JSON object")


def run(args: argparse.Namespace) -> int:
    import msgspec

    from truceline.flow.why import chain, find, lines

    facts, entry = find(args.dir, args.entry)
    steps = chain(facts, entry)
    if args.json:
        print(json.dumps({"entry": entry, "steps": msgspec.to_builtins(steps)}))
    else:
        for line in lines(steps):
            print(line)
    return 0
