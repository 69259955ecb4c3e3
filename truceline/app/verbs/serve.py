"""Serve the API, the live events and the map page over a data folder.

With MISSION.toml also its sources, detectors, rules and documents run; without, it takes reports
alone. When it accepts requests, one line of JSON on stdout says where. The first start writes the
admin's token to DIR/admin.token. SIGTERM stops it cleanly.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mission", metavar="MISSION.toml", type=Path, nargs="?", help="the mission file")
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="data folder of the mission")
    parser.add_argument(
        "--port", metavar="P", type=int, required=True, help="port to listen on; 0: any free one"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine alone)"
    )
    parser.add_argument("--origin", metavar="NAME", help="name of this node in its log (default: hq)")
    parser.add_argument("--tls-cert", metavar="F", type=Path, help="certificate chain, PEM")
    parser.add_argument("--tls-key", metavar="F", type=Path, help="its private key, PEM")


def run(args: argparse.Namespace) -> int:
    import logging

    from truceline.app.server import Settings, check, run_mission
    from truceline.flow.mission import load_mission

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    settings = Settings(host=args.host, port=args.port, tls_cert=args.tls_cert, tls_key=args.tls_key)
    check(settings)
    mission = load_mission(args.mission) if args.mission is not None else None
    run_mission(args.data, mission, args.origin, settings)
    return 0
