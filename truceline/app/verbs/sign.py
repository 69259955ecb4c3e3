"""Sign an evidence package as a party or witness: seen, accepted or disputed."""

import argparse
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, metavar="PKG.zip", help="package to sign")
    parser.add_argument(
        "--key", type=Path, required=True, metavar="KEYFILE", help="Ed25519 key, PEM (PKCS #8)"
    )
    parser.add_argument(
        "--stance", required=True, choices=("seen", "accepted", "disputed"), help="what you say"
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="why, in your own words")
    parser.add_argument("--out", type=Path, required=True, metavar="PKG2.zip", help="signed package to write")


def run(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from truceline.app.output import whole_file
    from truceline.log.keys import load_key
    from truceline.log.package import sign_package

    try:
        data = args.package.read_bytes()
    except OSError as error:
        raise BadInput(str(args.package), f"cannot be read: {error.strerror}") from error
    signed = sign_package(data, load_key(args.key), args.stance, args.note, datetime.now(UTC))
    with whole_file(args.out) as beside:
        beside.write_bytes(signed)
    return 0
