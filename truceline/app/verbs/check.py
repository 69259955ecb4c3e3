"""Check observations against an agreement: who did what, where, how sure, and what speaks against it.

Every rule is judged against every observation. The same set of observations gives the same bytes,
in any order and with duplicates. A verdict is a claim for people to decide on, never an order.
"""

import argparse
import codecs
from pathlib import Path
from typing import Any

from truceline.model.errors import BadInput
from truceline.model.text import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agreement", metavar="AGREEMENT.toml", type=Path, help="the agreement")
    parser.add_argument(
        "observations", metavar="OBSERVATIONS.jsonl", type=Path, help="one observation a line"
    )
    parser.add_argument("--out", metavar="INCIDENTS.json", type=Path, help="where the incidents go")
    parser.add_argument(
        "--cases", action="store_true", help="judge the lines of each `case` as a file of its own"
    )
    parser.add_argument("--explain", action="store_true", help="print the explanations as plain text")


def run(args: argparse.Namespace) -> int:
    import json

    from truceline.app.output import whole_file
    from truceline.app.progress import progress
    from truceline.rules.agreement import read_agreement
    from truceline.rules.observations import read_lines

    if args.out is None and not args.explain:
        raise BadInput("check", "give --out, --explain or both")
    agreement = read_agreement(args.agreement)
    try:
        lines = args.observations.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
    except OSError as error:
        raise BadInput(str(args.observations), f"cannot be read: {error.strerror}") from error
    rows = read_lines(lines, args.observations.name, agreement)
    if args.cases:
        cases: dict[str, list[Any]] = {}
        for row in rows:
            if row.stub.case is None:
                raise BadInput(f"{args.observations.name}:{row.number}", "the field `case` is missing")
            cases.setdefault(row.stub.case, []).append(row)
        _look_once(agreement, rows)
        judged = {case: _judged(agreement, cases[case]) for case in progress(sorted(cases), "cases")}
        answer: dict[str, Any] = {"schema": "truceline.incident_cases/1", "cases": judged}
    else:
        judged = {"": _judged(agreement, rows)}
        answer = judged[""]
    if args.explain:
        for case in judged.values():
            for incident in case["incidents"]:
                print(_text(incident))
    if args.out is not None:
        with whole_file(args.out) as path:
            text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
            path.write_text(text + "\n", encoding="utf-8")
    return 0


def _look_once(agreement: Any, rows: Any) -> None:
    """Measure all places in one go; each case then looks them up."""
    places = [row.sighting.at for row in rows if row.sighting is not None and row.sighting.at is not None]
    agreement.zones.remember([at.lat_deg for at in places], [at.lon_deg for at in places])


def _judged(agreement: Any, rows: Any) -> dict[str, Any]:
    from truceline.rules.observations import settle
    from truceline.rules.rulings import as_json, judge_all

    settled = settle(rows)
    incidents, aside = judge_all(agreement, settled.sightings)
    ignored = sorted({*settled.ignored, *aside})
    return {
        "schema": "truceline.incidents/1",
        "agreement": agreement.id,
        "incidents": [as_json(incident_id, incident) for incident_id, incident in incidents],
        "ignored": [{"id": key, "reason": reason} for key, reason in ignored],
        "conflicts": settled.conflicts,
    }


def _text(incident: dict[str, Any]) -> str:
    head = f"{incident['start']}  {incident['rule']}  {incident['verdict']}  {incident['party'] or '-'}"
    said = incident["explanation"]
    return visible(f"{head}\n  for:     {said['supports']}\n  against: {said['challenges']}\n", keep="\n")
