"""Derive every claim again and compare it with what the log says."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from truceline.flow.core import Core, build, mission_of
from truceline.flow.look import FUNCTION, LookArgument
from truceline.flow.work import BlobMedia, detect
from truceline.log.blobs import Blobs
from truceline.log.canon import canonical
from truceline.log.reader import read_facts
from truceline.model.facts import DERIVED_KINDS, Blob, Claim, Fact, Header, Job, entry_key
from truceline.model.observed import Detections, Observation
from truceline.model.place import Noun, Span, utc_text
from truceline.view.watch import CLOCK

_BY_FOLDS = ("engine:", "node:courier")


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
        Run the detectors again too, and compare their rows' bytes; those whose samples were removed by
        the mission's rules of retention are taken as recorded.
    """
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        blobs = _Overlay(Path(folder), Blobs(data_dir / "blobs"))  # detectors store what they find
        return _replay(data_dir, blobs, until, deep)


def _replay(data_dir: Path, blobs: Blobs, until: datetime | None, deep: bool) -> Comparison:
    with mission_of(data_dir, blobs) as mission:
        core = build(mission, blobs)
    said: dict[tuple[str, str, int], Claim] = {}
    missing: dict[str, str] = {}  # samples that a detector looked at, and where it said so
    jobs: dict[tuple[str, str, int], Job] = {}
    facts = derived = 0
    for fact in _until(read_facts(data_dir), until):
        facts += 1
        key = entry_key(fact.kind, fact.id, fact.refs)
        if fact.redacted is None and _is_derived(fact):
            derived += 1
            claim, job = said.pop(key, None), jobs.pop(key, None)
            gone = _missing(job, blobs) if deep else []
            missing |= dict.fromkeys(gone, _place(fact))
            difference = _compare(fact, claim, job, blobs, deep and not gone)
            if difference is not None:
                return Comparison(facts, derived, difference)
        for answer in core.apply(fact):
            key = entry_key(answer.kind, answer.id, answer.refs)
            if isinstance(answer, Claim):
                said.setdefault(key, answer)
            else:
                jobs.setdefault(key, answer)
    for sha256, place in missing.items():
        if sha256 not in core.views.keeping.removed:
            return Comparison(facts, derived, Difference(place, f"its sample {sha256} is not there"))
    return Comparison(facts, derived, None)


def _missing(job: Job | None, blobs: Blobs) -> list[str]:
    """List the samples of a detector's job that are not there: what rests on them is not derivable."""
    if job is None or job.function != FUNCTION:
        return []
    asked = msgspec.json.decode(job.argument, type=LookArgument)
    return [blob.sha256 for blob in asked.blobs if not blobs.has(blob.sha256)]


def _place(fact: Fact) -> str:
    return f"entry {fact.seq} ({fact.kind} {fact.id})"


def replay_shuffled(data_dir: Path, seed: int) -> Comparison:
    """Feed the same inputs in another order and compare what is in force in the end.

    Detections are taken as recorded; a detector with memory that meets its pieces in another order
    is run, into a folder that is thrown away.
    """
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        blobs = _Overlay(Path(folder), Blobs(data_dir / "blobs"))
        facts = list(read_facts(data_dir))
        with mission_of(data_dir, blobs) as mission:
            straight, shuffled = build(mission, blobs), build(mission, blobs)
        for fact in facts:
            for view in straight.views.folds():
                view.apply(fact)
        order = [fact for fact in facts if fact.redacted is None and _is_of_the_world(fact)]
        random.Random(seed).shuffle(order)
        # Ticks say when, not what: one at the end lets the folds say what they kept for later.
        order += [fact for fact in facts if _is_tick(fact)][-1:]
        rehearsal = _Rehearsal(shuffled, blobs, facts)
        rehearsal.feed(order)
        while order and (due := _kept_until(shuffled)) is not None:
            order.append(_tick_after(order, due))
            rehearsal.feed(order[-1:])
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
    for position in core.views.reports.positions():
        held[f"position of {position.report.subject_id}"] = position.id.encode()
    return held


class _Overlay(Blobs):
    """A folder for new samples over one that is only read."""

    def __init__(self, root: Path, below: Blobs) -> None:
        super().__init__(root)
        self._below = below

    def open(self, sample: str | Blob) -> Path:
        sha256 = sample if isinstance(sample, str) else sample.sha256
        return super().open(sample) if super().has(sha256) else self._below.open(sample)

    def has(self, sha256: str) -> bool:
        return super().has(sha256) or self._below.has(sha256)


class _Rehearsal:
    """A log in memory: gives numbers to facts and feeds them to a core, answers first."""

    def __init__(self, core: Core, blobs: Blobs, recorded: Sequence[Fact]) -> None:
        self._core = core
        self._blobs = blobs
        self._known: set[tuple[str, str, int]] = set()
        self._next = 0
        self._recorded = {f.id: f for f in recorded if f.kind == "detection" and f.redacted is None}
        said = (fact.noun(Detections) for fact in self._recorded.values())
        self._looked = {(one.observation, one.settings_sha256) for one in said}

    def feed(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._put(fact.kind, fact.id, fact, ())

    def _put(self, kind: str, entry_id: str, like: Fact, refs: tuple[int, ...]) -> None:
        key = entry_key(kind, entry_id, refs)
        if key in self._known:
            return
        self._known.add(key)
        seq, self._next = self._next, self._next + 1
        header = msgspec.structs.replace(like.header, seq=seq, refs=refs)
        fact = msgspec.structs.replace(like, header=header)
        for answer in list(self._core.apply(fact)):
            if isinstance(answer, Job):
                self._work(answer, fact)
            elif answer.kind in DERIVED_KINDS:
                self._said(answer, answer.body, fact)

    def _work(self, job: Job, because: Fact) -> None:
        if job.kind != "detection":
            return
        asked = msgspec.json.decode(job.argument, type=LookArgument)
        if (asked.observation.id, asked.settings_sha256) not in self._looked:
            return  # the node stopped before this job came back
        recorded = self._recorded.get(job.id)
        if recorded is not None:
            body: Noun = msgspec.structs.replace(recorded.noun(Detections), supersedes=asked.supersedes)
        else:
            body = detect(job.argument, BlobMedia(self._blobs)).body
        self._said(job, body, because)

    def _said(self, answer: Claim | Job, body: Any, because: Fact) -> None:
        header = Header(
            actor=answer.actor,
            blobs=answer.blobs,
            body_sha256="",
            id=answer.id,
            kind=answer.kind,
            prev_sha256="",
            refs=answer.refs,
            seq=-1,
            time_utc=because.header.time_utc,
            v=1,
        )
        self._put(answer.kind, answer.id, Fact(header, msgspec.Raw(canonical(body))), answer.refs)


def _is_of_the_world(fact: Fact) -> bool:
    """Tell reports and observations; ticks of the clock belong to the order, not to the world."""
    return fact.kind == "report" or (fact.kind == "observation" and not _is_tick(fact))


def _is_tick(fact: Fact) -> bool:
    return fact.kind == "observation" and fact.redacted is None and fact.noun(Observation).source == CLOCK


def _kept_until(core: Core) -> datetime | None:
    """Tell when the last fold says what it keeps for later; what sources owe is not kept."""
    moments = [fold.due() for fold in core.folds if fold is not core.views.watch]
    return max((moment for moment in moments if moment is not None), default=None)


def _tick_after(facts: Sequence[Fact], due: datetime) -> Fact:
    """Make a tick for a log that has none: the folds had nothing to keep for later in its order."""
    newest = max(facts, key=lambda fact: fact.time_utc)
    moment = max(newest.time_utc, due)
    span = Span(from_utc=moment, until_utc=moment + timedelta(microseconds=1))
    tick = Observation(source=CLOCK, key=f"after all, {len(facts)}", phenomenon=span, result_utc=moment)
    header = msgspec.structs.replace(
        newest.header, kind="observation", id=tick.id, actor="node:clock", blobs=(), time_utc=utc_text(moment)
    )
    return Fact(header=header, body=msgspec.Raw(canonical(tick)))


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
    place = _place(fact)
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
