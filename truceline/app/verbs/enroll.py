"""Make accounts with client certificates: a folder per name with its key, and the authority's certificate.

Works beside the running server of DIR, and without one. Certificates hold for 90 days; `truceline
revoke` ends them before.
"""

import argparse
from pathlib import Path

ROLES = ("observer", "operator", "commander", "party-liaison", "auditor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="data folder of the mission")
    parser.add_argument("names", metavar="NAME", nargs="+", help="who gets an account and a certificate")
    parser.add_argument("--role", choices=ROLES, required=True, help="what they may do")
    parser.add_argument("--party", choices=("A", "B"), help="whose liaison, with the role party-liaison")
    parser.add_argument(
        "--out", metavar="OUTDIR", type=Path, required=True, help="folder for ca.pem and NAME/{cert,key}.pem"
    )


def run(args: argparse.Namespace) -> int:
    from truceline.app.enroll import Who, enroll

    enroll(args.data, args.names, Who(args.role, args.party), args.out)
    return 0
