"""Derive every claim again and compare it with what the log says."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from truceline.flow.core import Core, build, mission_of
from truceline.flow.look import FUNCTION
from truceline.flow.work import BlobMedia, detect
from truceline.log.blobs import Blobs
from truceline.log.canon import canonical
from truceline.log.reader import read_facts
from truceline.model.facts import DERIVED_KINDS, Claim, Fact, Header, Job, entry_key
from truceline.model.observed import Detections

_BY_FOLDS = ("engine:", "node:courier")
_WORLD = frozenset({"report", "observation"})


class Difference(msgspec.Struct, frozen=True):
    """The first place where the log and its derivation part."""

    place: str
    what: str


class Comparison(msgspec.Struct, frozen=True):
    """What a replay found; ``difference`` None: the same."""

    facts: int
    derived: int
    difference: Difference | None


def replay(data_dir: Path, until: datetime | None = None, deep: bool = False) -> Comparison:
    """Fold a log again, in its order, and compare each claim's body and refs byte for byte.

    Parameters
    ----------
    data_dir
        Data folder.
    until
        Only entries accepted up to this moment.
    deep
        Run the detectors again too, and compare their rows' bytes.
    """
    blobs = Blobs(data_dir / "blobs")
    with mission_of(data_dir, blobs) as mission:
        core = build(mission, blobs)
    said: dict[tuple[str, str, int], Claim] = {}
    jobs: dict[tuple[str, str, int], Job] = {}
    facts = derived = 0
    for fact in _until(read_facts(data_dir), until):
        facts += 1
        key = entry_key(fact.kind, fact.id, fact.refs)
        if fact.redacted is None and _is_derived(fact):
            derived += 1
            difference = _compare(fact, said.pop(key, None), jobs.pop(key, None), blobs, deep)
            if difference is not None:
                return Comparison(facts, derived, difference)
        for answer in core.apply(fact):
            key = entry_key(answer.kind, answer.id, answer.refs)
            if isinstance(answer, Claim):
                said.setdefault(key, answer)
            else:
                jobs.setdefault(key, answer)
    return Comparison(facts, derived, None)


def replay_shuffled(data_dir: Path, seed: int) -> Comparison:
    """Feed the same inputs in another order and compare what is in force in the end."""
    blobs = Blobs(data_dir / "blobs")
    facts = list(read_facts(data_dir))
    with mission_of(data_dir, blobs) as mission:
        straight, shuffled = build(mission, blobs), build(mission, blobs)
    for fact in facts:
        for view in straight.views.folds():
            view.apply(fact)
    order = [fact for fact in facts if fact.kind in _WORLD and fact.redacted is None]
    random.Random(seed).shuffle(order)
    _Rehearsal(shuffled, facts).feed(order)
    first, second = in_force(straight), in_force(shuffled)
    for key in sorted(first.keys() | second.keys()):
        if first.get(key) != second.get(key):
            return Comparison(len(facts), len(first), Difference(key, "differs when the inputs are shuffled"))
    return Comparison(len(facts), len(first), None)


def in_force(core: Core) -> dict[str, bytes]:
    """Name what holds and give its bytes: incidents, track rows, positions.

    Numbers of entries and the case of an incident tell of the order of arrival and are left out.
    """
    held: dict[str, bytes] = {}
    for item in core.views.board.incidents():
        held[f"incident {item.id}"] = canonical(msgspec.structs.replace(item.incident, supersedes=()))
    for row in core.views.scene.in_force():
        place = f"track {row.track_id} at {row.time_utc.isoformat()}"
        held[place] = msgspec.json.encode(msgspec.structs.replace(row, seq=0, row=0))
    for position in core.views.scene.positions():
        held[f"position of {position.report.subject_id}"] = position.id.encode()
    return held


class _Rehearsal:
    """A log in memory: gives numbers to facts and feeds them to a core, answers first."""

    def __init__(self, core: Core, recorded: Sequence[Fact]) -> None:
        self._core = core
        self._seq_of: dict[int, int] = {}
        self._known: set[tuple[str, str, int]] = set()
        self._next = 0
        self._detections: dict[int, list[Fact]] = {}
        for fact in recorded:
            if fact.kind == "detection" and fact.redacted is None and not fact.noun(Detections).memory:
                self._detections.setdefault(fact.refs[0], []).append(fact)

    def feed(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._put(fact.kind, fact.id, fact, tuple(self._seq_of.get(ref, 0) for ref in fact.refs))

    def _put(self, kind: str, entry_id: str, like: Fact, refs: tuple[int, ...]) -> None:
        key = entry_key(kind, entry_id, refs)
        if key in self._known:
            return
        self._known.add(key)
        seq, self._next = self._next, self._next + 1
        header = msgspec.structs.replace(like.header, seq=seq, refs=tuple(sorted(set(refs))))
        self._seq_of[like.seq] = seq
        fact = msgspec.structs.replace(like, header=header)
        for answer in list(self._core.apply(fact)):
            self._answer(answer, fact)

    def _answer(self, answer: Claim | Job, because: Fact) -> None:
        if isinstance(answer, Job):
            for recorded in self._recorded(answer):
                self._put("detection", answer.id, recorded, answer.refs)
            return
        header = Header(
            answer.actor, answer.blobs, "", answer.id, answer.kind, "", answer.refs, -1,
            because.header.time_utc, 1,
        )  # fmt: skip
        fact = Fact(header, msgspec.Raw(canonical(answer.body)))
        self._put(answer.kind, answer.id, fact, answer.refs)

    def _recorded(self, job: Job) -> list[Fact]:
        if job.kind != "detection":
            return []
        return [fact for facts in self._detections.values() for fact in facts if fact.id == job.id][:1]


def _until(facts: Iterator[Fact], until: datetime | None) -> Iterator[Fact]:
    for fact in facts:
        if until is not None and fact.time_utc > until:
            return
        yield fact


def _is_derived(fact: Fact) -> bool:
    if fact.kind == "order":
        return False  # made from a decision by the gate, which `verify` checks
    if fact.kind in DERIVED_KINDS:
        return not fact.actor.startswith("user:")
    return fact.actor.startswith(_BY_FOLDS) and fact.kind in ("observation", "order_state")


def _compare(fact: Fact, claim: Claim | None, job: Job | None, blobs: Blobs, deep: bool) -> Difference | None:
    place = f"entry {fact.seq} ({fact.kind} {fact.id})"
    if job is not None:
        if job.refs != fact.refs:
            return Difference(place, f"rests on {list(fact.refs)}, derived {list(job.refs)}")
        if deep and job.function == FUNCTION:
            again = detect(job.argument, BlobMedia(blobs)).body
            if canonical(again) != bytes(fact.body):
                return Difference(place, "the detector finds something else now")
        return None
    if claim is None:
        return Difference(place, "is in the log but is not derived from what stands before it")
    if claim.refs != fact.refs:
        return Difference(place, f"rests on {list(fact.refs)}, derived {list(claim.refs)}")
    if canonical(claim.body) != bytes(fact.body):
        return Difference(place, f"body differs: {_first_difference(claim, fact)}")
    return None


def _first_difference(claim: Claim, fact: Fact) -> str:
    derived, logged = msgspec.json.decode(canonical(claim.body)), msgspec.json.decode(fact.body)
    for key in sorted(derived.keys() | logged.keys()):
        if derived.get(key) != logged.get(key):
            return f"{key} is {str(logged.get(key))[:80]}, derived {str(derived.get(key))[:80]}"
    return "in its spelling"


__all__ = ["Comparison", "Difference", "in_force", "replay", "replay_shuffled"]
