"""Which detector shall look at which observation, and in what order."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from truceline import __version__
from truceline.flow.mission import Eye
from truceline.log.fold import Fold
from truceline.model.facts import Blob, Claim, Fact, Job
from truceline.model.names import name
from truceline.model.observed import Detections, Observation

FUNCTION = "truceline.flow.work:detect"


class Piece(msgspec.Struct):
    """One observation in the row of a detector with memory, and what came of it.

    ``results`` are the answers by the memory that was taken in; ``standing`` are those that no other
    has superseded yet, each with its newest entry: answers that were asked for earlier may come late.
    """

    from_utc: datetime
    id: str
    seq: int
    blobs: tuple[Blob, ...]
    observation: Observation
    asked: set[tuple[str, tuple[int, ...]]] = msgspec.field(default_factory=set)
    results: dict[str, Fact] = msgspec.field(default_factory=dict)
    standing: dict[str, int] = msgspec.field(default_factory=dict)


class LookArgument(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to look at one observation."""

    settings: dict[str, object]
    settings_sha256: str
    observation: Observation
    blobs: tuple[Blob, ...]
    memory: Blob | None = None
    memory_taken: str = ""
    supersedes: tuple[int, ...] = ()


class Look(Fold):
    """Asks for a job per observation and detector.

    A detector with memory is asked in order of phenomenon time, one piece at a time; a late piece
    starts the row again from the memory before it, and the newer answers supersede the older.
    """

    def __init__(self, eyes: Mapping[str, Sequence[Eye]]) -> None:
        self._eyes = eyes
        self._rows: dict[tuple[str, str], list[Piece]] = {}
        self._pieces: dict[tuple[str, str, str], Piece] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.redacted is not None:
            return []
        if fact.kind == "observation":
            return list(self._observed(fact, fact.noun(Observation)))
        if fact.kind == "detection":
            return list(self._detected(fact, fact.noun(Detections)))
        return []

    def _observed(self, fact: Fact, said: Observation) -> Iterable[Claim | Job]:
        if said.status == "blocked" or not fact.blobs:
            return
        for eye in self._eyes.get(said.source, ()):
            piece = Piece(said.phenomenon.from_utc, fact.id, fact.seq, fact.blobs, said)
            if not eye.plug.stateful:
                yield _job(eye, piece, None, "", fact.seq, ())
                continue
            row = self._rows.setdefault((said.source, eye.settings_sha256), [])
            insort(row, piece, key=lambda one: (one.from_utc, one.id))
            self._pieces[fact.id, eye.word, eye.settings_sha256] = piece
            yield from self._advance(eye, row, fact.seq)

    def _detected(self, fact: Fact, said: Detections) -> Iterable[Claim | Job]:
        piece = self._pieces.get((said.observation, said.detector, said.settings_sha256))
        if piece is None:
            return
        for other, seq in list(piece.standing.items()):
            if seq in said.supersedes:
                del piece.standing[other]
        piece.results[said.memory_taken] = fact
        piece.standing[fact.id] = fact.seq
        for eye in self._eyes.get(piece.observation.source, ()):
            if eye.settings_sha256 == said.settings_sha256 and eye.word == said.detector:
                row = self._rows[piece.observation.source, eye.settings_sha256]
                yield from self._advance(eye, row, fact.seq)

    def _advance(self, eye: Eye, row: list[Piece], because: int) -> Iterable[Claim | Job]:
        memory: Blob | None = None
        for piece in row:
            taken = memory.sha256 if memory is not None else ""
            done = piece.results.get(taken)
            if done is None:
                if (taken, ()) not in piece.asked:
                    piece.asked.add((taken, ()))
                    yield _job(eye, piece, memory, taken, because, tuple(sorted(piece.standing.values())))
                return
            others = tuple(sorted(seq for key, seq in piece.standing.items() if key != done.id))
            if (others or done.id not in piece.standing) and (taken, others) not in piece.asked:
                piece.asked.add((taken, others))
                yield _again(done, others, because)
            memory = done.noun(Detections).memory


def _again(done: Fact, others: tuple[int, ...], because: int) -> Claim:
    """Say once more what was found from this memory, after something else had been said."""
    return Claim(
        kind="detection",
        id=done.id,
        body=msgspec.structs.replace(done.noun(Detections), supersedes=others),
        actor=done.actor,
        refs=tuple(sorted({done.seq, *others, because})),
        blobs=done.blobs,
    )


def _job(
    eye: Eye, piece: Piece, memory: Blob | None, taken: str, because: int, older: tuple[int, ...]
) -> Job:
    argument = LookArgument(
        settings=eye.settings,
        settings_sha256=eye.settings_sha256,
        observation=piece.observation,
        blobs=piece.blobs,
        memory=memory,
        memory_taken=taken,
        supersedes=older,
    )
    return Job(
        kind="detection",
        id=name("det", piece.id, eye.word, eye.settings_sha256, __version__, taken),
        actor=f"detector:{eye.word}",
        refs=tuple(sorted({piece.seq, *older, because})),
        function=FUNCTION,
        argument=msgspec.json.encode(argument),
    )
