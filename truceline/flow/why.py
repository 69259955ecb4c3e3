"""What an entry rests on, back to reports, rows and pixels."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from truceline.log.reader import read_facts
from truceline.model.errors import BadInput
from truceline.model.facts import Blob, Fact

_TOLD = ("type", "text", "class", "verdict", "article", "action", "why", "reason", "state", "source", "unit")


class Step(msgspec.Struct, frozen=True):
    """One entry on the way down; ``depth`` 0 is the entry that was asked about."""

    depth: int
    seq: int
    kind: str
    id: str
    time_utc: str
    actor: str
    says: str
    refs: tuple[int, ...]
    blobs: tuple[Blob, ...]


def chain(facts: Sequence[Fact], entry: int) -> list[Step]:
    """Walk from an entry down through its refs, nearest first, each entry once.

    Parameters
    ----------
    facts
        Facts by ``seq``: ``facts[n].seq == n``.
    entry
        Where to begin.
    """
    steps: list[Step] = []
    seen: set[int] = set()
    level: list[int] = [entry]
    depth = 0
    while level:
        following: list[int] = []
        for seq in sorted(level, reverse=True):
            if seq in seen:
                continue
            seen.add(seq)
            fact = facts[seq]
            steps.append(
                Step(
                    depth,
                    fact.seq,
                    fact.kind,
                    fact.id,
                    fact.header.time_utc,
                    fact.actor,
                    says(fact),
                    fact.refs,
                    fact.blobs,
                )
            )
            following.extend(fact.refs)
        level, depth = following, depth + 1
    return steps


def find(data_dir: Path, entry: str) -> tuple[list[Fact], int]:
    """Read a log and find an entry by number, or the latest of an id.

    Raises
    ------
    BadInput
        If there is none.
    """
    facts = list(read_facts(data_dir))
    if entry.isdecimal() and int(entry) < len(facts):
        return facts, int(entry)
    for fact in reversed(facts):
        if fact.id == entry:
            return facts, fact.seq
    raise BadInput(str(data_dir), f"no entry {entry} among {len(facts)}; give a number or an id")


def says(fact: Fact) -> str:
    """Tell in one line what an entry says."""
    if fact.redacted is not None:
        return f"erased by {fact.redacted.by}: {fact.redacted.reason}"
    body: dict[str, Any] = msgspec.json.decode(fact.body)
    if fact.kind in ("detection", "track"):
        return f"{body.get('rows', 0)} rows by {body.get('detector', 'the tracker')}"
    parts = [str(body[key]) for key in _TOLD if body.get(key)]
    return " · ".join(parts)[:160]


def lines(steps: Iterable[Step]) -> Iterable[str]:
    """Write the chain as text."""
    for step in steps:
        pad = "  " * step.depth
        yield f"{pad}{step.seq:>6} {step.kind:<14} {step.time_utc}  {step.says}  [{step.actor}]"
        for blob in step.blobs:
            size = f"{blob.size_bytes} bytes"
            yield f"{pad}       {blob.name:<14} {blob.media_type}, {size}, sha256 {blob.sha256}"
