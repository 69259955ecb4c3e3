"""Write a report over a data folder's log alone.

Folds the log from its first entry and writes one HTML page. With --party it holds only what was
released to that party. The same log and span give the same bytes.
"""

import argparse
from datetime import datetime
from pathlib import Path

from truceline.model.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("data", type=Path, metavar="DIR", help="data folder of a mission")
    parser.add_argument("--kind", default="daily", metavar="WORD", help="which report (default: daily)")
    parser.add_argument(
        "--from", dest="from_utc", metavar="TIME", help="begin (default: a day before the end)"
    )
    parser.add_argument("--to", dest="to_utc", metavar="TIME", help="end (default: the newest entry)")
    parser.add_argument("--party", choices=("A", "B"), metavar="A|B", help="only what was released to it")
    parser.add_argument("--language", default="en", metavar="CODE", help="language (default and only: en)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="where the report goes")


def run(args: argparse.Namespace) -> int:
    """Fold, write."""
    from datetime import timedelta

    from truceline.app.output import whole_file
    from truceline.flow.core import mission_of, rebuild
    from truceline.log.blobs import Blobs
    from truceline.model.place import Span
    from truceline.plug import Document, load

    if args.out.suffix.lower() != ".html":
        raise BadInput(str(args.out), "a report is written as HTML only: name a file that ends in .html")
    if args.language != "en":
        raise BadInput("--language", f"{args.language!r} is not there; the reports are in en")
    views = rebuild(args.data)
    until = _moment("--to", args.to_utc) or views.watch.now_utc + timedelta(microseconds=1)
    begin = _moment("--from", args.from_utc) or until - timedelta(days=1)
    settings: dict[str, object] = {"kind": args.kind, **_log_end(args.data)}
    with mission_of(args.data, Blobs(args.data / "blobs")) as mission:
        if mission is not None:
            settings |= {"title": f"{mission.name}: daily report", "exercise": mission.exercise}
    if args.party is not None:
        settings["party"] = args.party
    document = load("documents", settings, "--kind")
    if not isinstance(document, Document):
        raise BadInput("--kind", f"{args.kind!r} is no report")
    body = document.write(views, Span(from_utc=begin, until_utc=until))
    with whole_file(args.out) as beside:
        beside.write_bytes(body)
    return 0


def _moment(option: str, text: str | None) -> datetime | None:
    from truceline.model.place import utc_time

    try:
        return None if text is None else utc_time(text)
    except ValueError as error:
        raise BadInput(option, f"{error}; write for example 2031-05-12T00:00:00Z") from error


def _log_end(data: Path) -> dict[str, object]:
    """Tell size and root of the log by its last checkpoint."""
    from truceline.log.reader import read_checkpoint_lines

    last: dict[str, object] = {}
    for line in read_checkpoint_lines(data):
        last = line["checkpoint"]
    return {"entries": last["tree_size"], "root_sha256": last["root_sha256"]} if last else {}
