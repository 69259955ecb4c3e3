"""Derive every claim of a log again and compare it with what stands there.

Exit 0: the same. Exit 3: the first difference is named. Reads only; works beside a running server.
"""

import argparse
import json
from pathlib import Path

from truceline.model.errors import BadInput, Broken
from truceline.model.text import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="data folder of the mission")
    parser.add_argument(
        "--shuffle",
        metavar="SEED",
        type=int,
        help="feed the same inputs in another order and compare what is in force",
    )
    parser.add_argument("--until", metavar="TIME", help="only what was known at this moment (RFC 3339)")
    parser.add_argument("--deep", action="store_true", help="run the detectors again too")
    parser.add_argument("--json", action="store_true", help="write one JSON object")


def run(args: argparse.Namespace) -> int:
    import msgspec

    from truceline.flow.replay import Comparison, Difference, replay, replay_shuffled
    from truceline.model.place import utc_time

    try:
        until = utc_time(args.until) if args.until else None
    except ValueError as error:
        raise BadInput("--until", str(error)) from error
    if args.shuffle is not None and (until or args.deep):
        raise BadInput("--shuffle", "goes with neither --until nor --deep")
    try:
        if args.shuffle is not None:
            found = replay_shuffled(args.dir, args.shuffle)
        else:
            found = replay(args.dir, until, args.deep)
    except Broken as error:  # altered: what cannot be read again is not the same
        found = Comparison(0, 0, Difference(str(args.dir), str(error)))
    if args.json:
        same = {"same": found.difference is None}
        print(json.dumps(same | msgspec.to_builtins(found)))
    elif found.difference is None:
        print(f"the same: {found.derived} claims derived again from {found.facts} entries")
    else:
        print(visible(f"differs: {found.difference.place}: {found.difference.what}"))
    return 0 if found.difference is None else 3
