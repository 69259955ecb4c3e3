"""Check logs, data folders and evidence packages offline, without any server.

Exit 0: verified. 3: a check failed. 4: intact, but no trusted key was given. 2: no log or package.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from truceline.model.errors import BadInput
from truceline.model.text import visible

NOT_ONE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="+", type=Path, metavar="PATH", help="log folder, package (zip), or data folder"
    )
    parser.add_argument(
        "--trust", type=Path, metavar="KEYS.json", help="public keys you trust, got by another way"
    )
    parser.add_argument(
        "--known-checkpoint",
        type=Path,
        metavar="FILE",
        help="a checkpoint you hold: nothing before it may change",
    )
    parser.add_argument(
        "--require-parties", action="store_true", help="fail unless every expected party has signed"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per path")


def run(args: argparse.Namespace) -> int:
    from truceline.app.progress import say
    from truceline.log import verify

    try:
        trust = verify.read_trust(args.trust) if args.trust else None
        known = verify.read_known(args.known_checkpoint) if args.known_checkpoint else None
    except verify.NotOne as error:
        raise BadInput("", str(error)) from error
    codes = []
    for path in args.path:
        code, finding = verify.verify_path(path, trust, known, args.require_parties)
        print(json.dumps(finding, sort_keys=True) if args.json else _line(finding), flush=True)
        if code == NOT_ONE:
            say("error", f"{path}: {finding['why']}")
        codes.append(code)
    return verify.worst(codes)


def _line(finding: dict[str, Any]) -> str:
    if finding["verdict"] == "failed":
        return f"{finding['path']}: FAILED: {visible(finding['why'])}"
    word = (
        "verified" if finding["verdict"] == "verified" else "intact, but no trusted key was given (--trust)"
    )
    text = f"{finding['path']}: {word}: {finding['entries']} entries of {finding['tree_size']}"
    if finding.get("redacted"):
        text += f", {finding['redacted']} blanked"
    if "blobs" in finding:
        text += f", {finding['blobs']} samples"
    return f"{text}, root {finding['root_sha256'][:16]}…"
