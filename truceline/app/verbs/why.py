"""Tell what an entry of the log rests on, back to reports, rows and pixels.

ENTRY is a number (seq) or an id; of an id the latest entry is taken. `track-NUMBER` is a track. Of tracks
it lists the rows of detections that they used, each with its share of what the rows of that round said
about the place, and where in which frame they lie; of a track that is asked for, in each of its rounds.
"""

import argparse
import json
from pathlib import Path

from truceline.model.text import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="data folder of the mission")
    parser.add_argument("entry", metavar="ENTRY", help="number or id of the entry")
    parser.add_argument("--json", action="store_true", help="write one JSON object")


def run(args: argparse.Namespace) -> int:
    import msgspec

    from truceline.flow.grounds import PREFIX, earlier, grounds, rounds_of
    from truceline.flow.grounds import lines as grounds_lines
    from truceline.flow.why import chain, find, lines
    from truceline.log.blobs import Blobs
    from truceline.log.reader import read_facts

    blobs = Blobs(args.dir / "blobs")
    track = args.entry if args.entry.startswith(PREFIX) else ""
    missed = ""
    entries: list[int] = []
    if track:
        facts = list(read_facts(args.dir))
        entries, missed = rounds_of(facts, track, blobs)
        entry = entries[0]
    else:
        facts, entry = find(args.dir, args.entry)
    steps = chain(facts, entry)
    rests = [*grounds(facts, steps, blobs, track, missed), *earlier(facts, entries[1:], track, blobs)]
    if args.json:
        told = {"entry": entry, "steps": msgspec.to_builtins(steps), "tracks": msgspec.to_builtins(rests)}
        print(json.dumps(told))
    else:
        for line in (*lines(steps), *grounds_lines(rests)):
            print(visible(line))
    return 0
