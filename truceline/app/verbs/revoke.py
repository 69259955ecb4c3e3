"""End a person's account: the token stops working at once, open streams are closed.

Works beside the running server of DIR, and without one.
"""

import argparse
import re
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="data folder of the mission")
    parser.add_argument("name", metavar="NAME", help="whose account ends")


def run(args: argparse.Namespace) -> int:
    from truceline.app.revoke import revoke

    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", args.name):
        raise BadInput("NAME", "letters, digits, dot, dash and underscore, 64 at most")
    revoke(args.data, args.name)
    return 0
