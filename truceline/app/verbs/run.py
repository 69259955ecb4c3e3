"""Take in all finite sources of a mission, fold, write its documents, and stop.

Makes no decision itself: people decide through the API. In a mission with `exercise = true` its
players log in and decide like anyone.
"""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mission", metavar="MISSION.toml", type=Path, help="the mission file")
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="data folder of the mission")
    parser.add_argument("--json", action="store_true", help="write the summary as one JSON object")


def run(args: argparse.Namespace) -> int:
    from truceline.app.once import run_once

    summary = run_once(args.mission, args.data)
    if args.json:
        print(json.dumps(summary))
    else:
        for what, count in summary.items():
            print(f"{what}: {count}")
    return 0
