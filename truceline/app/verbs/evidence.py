"""Make an evidence package of incidents, for people who need not trust us.

It holds the incidents, everything they rest on down to the samples, what was decided on them, and
the proofs. Of drone clips and photos it holds what was cut out with faces and plates made unreadable,
not the originals. Works beside a running server. Check it with `truceline verify`.
"""

import argparse
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="DIR", help="data folder")
    parser.add_argument("--incident", action="append", required=True, metavar="ID", help="an incident")
    parser.add_argument(
        "--redact", nargs="+", action="extend", default=[], metavar="ENTRY_ID", help="blank its body"
    )
    parser.add_argument(
        "--withhold", nargs="+", action="extend", default=[], metavar="SHA256", help="a sample to keep"
    )
    parser.add_argument(
        "--originals",
        action="store_true",
        help="put clips and photos in as the cameras took them, faces and plates readable",
    )
    parser.add_argument(
        "--since-checkpoint",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FILE",
        help="prove that the log only grew since this checkpoint",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PKG.zip", help="package to write")


def run(args: argparse.Namespace) -> int:
    from truceline.app.output import whole_file
    from truceline.log.package import make_package

    data = make_package(
        args.data,
        args.incident,
        args.redact,
        args.withhold,
        _since(args.since_checkpoint),
        originals=args.originals,
    )
    with whole_file(args.out) as beside:
        beside.write_bytes(data)
    return 0


def _since(paths: list[Path]) -> dict[int, str | None]:
    from truceline.log.verify import NotOne, read_known

    try:
        known = [read_known(path) for path in paths]
    except NotOne as error:
        raise BadInput("", str(error)) from error
    return {checkpoint["tree_size"]: checkpoint["root_sha256"] for checkpoint in known}
