"""Which detector shall look at which observation, and in what order."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime

import msgspec

from truceline import __version__
from truceline.flow.mission import Eye
from truceline.log.fold import Fold
from truceline.model.decided import Statement
from truceline.model.facts import Blob, Claim, Fact, Job
from truceline.model.names import name
from truceline.model.observed import Detections, Observation

FUNCTION = "truceline.flow.work:detect"
KEPT = "not looked at again, its picture was removed"


class Piece(msgspec.Struct):
    """One observation in the row of a detector with memory, and what came of it.

    ``results`` are the answers by the memory that was taken in; ``standing`` are those that no other
    has superseded yet, each with its newest entry: answers that were asked for earlier may come late.
    ``revised`` tells that a later piece has thrown another light on it.
    """

    from_utc: datetime
    id: str
    seq: int
    blobs: tuple[Blob, ...]
    observation: Observation
    asked: set[tuple[str, tuple[int, ...]]] = msgspec.field(default_factory=set)
    results: dict[str, Fact] = msgspec.field(default_factory=dict)
    standing: dict[str, int] = msgspec.field(default_factory=dict)
    revised: bool = False


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
    starts the row again from the memory before it, and the newer answers supersede the older. Pieces that
    an answer names in ``again`` are looked at once more with the memory of the last answer that named them.
    Of a piece whose picture retention has removed, what was said of it is said once more.
    """

    def __init__(self, eyes: Mapping[str, Sequence[Eye]]) -> None:
        self._eyes = eyes
        self._rows: dict[tuple[str, str], list[Piece]] = {}
        self._pieces: dict[tuple[str, str, str], Piece] = {}
        self._removed: set[str] = set()  # samples, by hash

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.redacted is not None:
            return []
        if fact.kind == "statement":
            said = fact.noun(Statement)
            self._removed |= set(said.attributes.get("removed", ()) if said.about == "retention" else ())
        if fact.kind == "observation":
            self._removed -= {blob.sha256 for blob in fact.blobs}  # it was brought again
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
        wanted: dict[str, tuple[Piece, Blob | None]] = {}
        whole = True
        for piece in row:
            done = piece.results.get(_taken(memory))
            if done is None:
                yield from _ask(eye, piece, memory, because, self._removed)
                whole = False
                break
            said = done.noun(Detections)
            wanted[piece.id] = piece, memory
            memory = said.memory
            for earlier in said.again:
                if earlier in wanted and earlier != piece.id:
                    wanted[earlier] = wanted[earlier][0], memory
                    wanted[earlier][0].revised = True
        for piece, taken in wanted.values():
            if whole or not piece.revised:  # pieces still to come may say once more what was revised
                yield from _settle(eye, piece, taken, because, self._removed)


def _settle(
    eye: Eye, piece: Piece, memory: Blob | None, because: int, removed: Set[str]
) -> Iterable[Claim | Job]:
    """See to it that what stands of a piece is the answer by this memory, and no other."""
    done = piece.results.get(_taken(memory))
    if done is None:
        yield from _ask(eye, piece, memory, because, removed)
        return
    others = tuple(sorted(seq for key, seq in piece.standing.items() if key != done.id))
    if (others or done.id not in piece.standing) and (_taken(memory), others) not in piece.asked:
        piece.asked.add((_taken(memory), others))
        yield _again(done, others, because, removed)


def _ask(
    eye: Eye, piece: Piece, memory: Blob | None, because: int, removed: Set[str]
) -> Iterable[Claim | Job]:
    taken = _taken(memory)
    if (taken, ()) in piece.asked:
        return
    piece.asked.add((taken, ()))
    if piece.standing and any(blob.sha256 in removed for blob in piece.blobs):
        yield _kept(eye, piece, memory, because, removed)
    else:
        yield _job(eye, piece, memory, taken, because, tuple(sorted(piece.standing.values())))


def _id(eye: Eye, piece: Piece, taken: str) -> str:
    return name("det", piece.id, eye.word, eye.settings_sha256, __version__, taken)


def _taken(memory: Blob | None) -> str:
    return memory.sha256 if memory is not None else ""


def _kept(eye: Eye, piece: Piece, memory: Blob | None, because: int, removed: Set[str]) -> Claim:
    """Let what stands of a piece be its answer by this memory, which goes on as it is."""
    taken, older = _taken(memory), tuple(sorted(piece.standing.values()))
    done = next(fact for fact in piece.results.values() if fact.seq == older[-1])
    said = done.noun(Detections)
    reason = said.reason if KEPT in said.reason else "; ".join(filter(None, (said.reason, KEPT)))
    body = msgspec.structs.replace(
        said, memory=memory, memory_taken=taken, supersedes=older, again=(), reason=reason
    )
    cited = {blob.sha256: blob for blob in (*done.blobs, *((memory,) if memory is not None else ()))}
    return Claim(
        kind="detection",
        id=_id(eye, piece, taken),
        body=body,
        actor=done.actor,
        refs=tuple(sorted({piece.seq, *older, because})),
        blobs=tuple(cited[sha256] for sha256 in sorted(cited.keys() - removed)),
    )


def _again(done: Fact, others: tuple[int, ...], because: int, removed: Set[str]) -> Claim:
    """Say once more what was found from this memory, after something else had been said."""
    return Claim(
        kind="detection",
        id=done.id,
        body=msgspec.structs.replace(done.noun(Detections), supersedes=others),
        actor=done.actor,
        refs=tuple(sorted({done.seq, *others, because})),
        blobs=tuple(blob for blob in done.blobs if blob.sha256 not in removed),
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
        id=_id(eye, piece, taken),
        actor=f"detector:{eye.word}",
        refs=tuple(sorted({piece.seq, *older, because})),
        function=FUNCTION,
        argument=msgspec.json.encode(argument),
    )
