"""Let a made-up corridor come alive: a day in a minute, from pixels to an approved order.

Sets up a simulated line of 60 km with two sides, an agreement, posts and four contingents; writes
real formats into folders; lets a simulated duty officer decide; prints what was planted, what was
found, what was missed, who decided, and whether the log verifies. Everything is marked EXERCISE.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--headless", action="store_true", help="end by itself: 0 the chain held, 3 it did not"
    )
    parser.add_argument("--data", metavar="DIR", type=Path, help="data folder to make (default: a new one)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="another seed, another day")
    parser.add_argument("--port", metavar="P", type=int, default=0, help="port of the page (default: any)")


def run(args: argparse.Namespace) -> int:
    import tempfile

    from truceline.app.demo import demo

    data = args.data or Path(tempfile.mkdtemp(prefix="truceline-demo-"), "data")
    return demo(data, seed=args.seed, port=args.port, headless=args.headless)
