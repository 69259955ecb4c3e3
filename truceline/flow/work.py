"""Jobs on an executor: detectors and solvers run in workers, a broken file kills a worker at most."""

import importlib
import logging
import multiprocessing
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import msgspec
import pyarrow as pa

from truceline import __version__
from truceline.flow.look import FUNCTION, LookArgument
from truceline.geo.regard import fields_of
from truceline.log.blobs import Blobs
from truceline.log.pieces import seal
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Answer, Blob, Claim, Job
from truceline.model.observed import Detections, Observation
from truceline.model.tables import DETECTION, LOOK
from truceline.plug import Detector, Found, Sight, load

_LOG = logging.getLogger(__name__)
_TRIES = 2
_LONGEST = 200  # letters of a reason


class BlobMedia:
    """Samples by hash for a detector: opened read-only, stored by content."""

    def __init__(self, blobs: Blobs, memory: Path | None = None) -> None:
        self._blobs = blobs
        self.memory = memory
        self.stored: dict[str, Blob] = {}
        self._whole: set[str] = set()

    def open(self, blob: Blob | str) -> Path:
        """Find the bytes of a sample, which are those that it is named after.

        Raises
        ------
        BadInput
            If it is not there.
        Broken
            If its content has changed since it was stored: no claim may rest on it.
        """
        path = self._blobs.open(blob)
        if path.name not in self._whole and not self._blobs.is_whole(path.name):
            raise Broken(f"sample {path.name}: its content has changed")
        self._whole.add(path.name)
        return path

    def put(self, sample: Path | bytes, media_type: str, name: str) -> Blob:
        """Store a sample; it is cited by the claim that the job becomes."""
        blob = self._blobs.put(sample, media_type, name)
        self.stored[blob.sha256] = blob
        return blob


def detect(argument: bytes, media: BlobMedia) -> Answer:
    """Let one detector look at one observation and seal its rows.

    One whose memory is gone or damaged begins anew and says so: what it did not see then says nothing.
    """
    asked = msgspec.json.decode(argument, type=LookArgument)
    detector = load("detect", asked.settings, "detect")
    if not isinstance(detector, Detector):
        raise BadInput("detect", f"{asked.settings['kind']} is no detector")
    memory, lost = asked.memory, ""
    if memory is not None:
        try:
            media.memory = media.open(memory)
        except (BadInput, Broken) as error:
            memory, lost = None, f"begun anew without its memory: {error}"
    found = detector.detect(asked.observation, asked.blobs, media)
    if lost:
        reason = "; ".join(part for part in (lost, found.reason) if part)[:_LONGEST]
        found = msgspec.structs.replace(found, status="degraded", reason=reason)
    looks = looks_of(detector.sight, asked.observation, found)
    return _answer(asked, media, found, found.memory or memory, looks)


def looks_of(sight: Sight | None, observation: Observation, found: Found) -> pa.Table:
    """Tell where a detector would have shown what is there; what is not in order says nothing."""
    if found.status != "ok" or observation.status != "ok":
        return LOOK.empty_table()
    if found.looks is not None:
        return found.looks.select(LOOK.names).cast(LOOK)
    span, ground = observation.phenomenon, observation.footprint
    if sight is None or ground is None:
        return LOOK.empty_table()
    margin_m = observation.attributes.get("frame_ce90_m", 0.0)
    fields = fields_of(ground, found.hidden, float(margin_m) if isinstance(margin_m, int | float) else 0.0)
    looks = [sight.look(span.from_utc, span.until_utc, observation.source, field) for field in fields]
    return pa.Table.from_pylist(looks, schema=LOOK)


def nothing_found(job: Job, blobs: Blobs, reason: str) -> Answer:
    """Say of a job that failed twice that it saw nothing and why: silence would be a claim."""
    asked = msgspec.json.decode(job.argument, type=LookArgument)
    nothing = Found(rows=DETECTION.empty_table(), status="degraded", reason=reason)
    return _answer(asked, BlobMedia(blobs), nothing, asked.memory, LOOK.empty_table())


def perform(job: Job, root: Path) -> Answer:
    """Run a job in a worker process; the only thing it shares with the node is the blob folder."""
    module, _, function = job.function.partition(":")
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder  # what a detector leaves behind goes too
        try:
            answer = getattr(importlib.import_module(module), function)(job.argument, BlobMedia(Blobs(root)))
        finally:
            tempfile.tempdir = before
    if not isinstance(answer, Answer):
        raise TypeError(f"{job.function} brought back a {type(answer).__name__}")
    return answer


class Work:
    """Hands jobs to an executor and their answers, as claims, to the node's inbox.

    Parameters
    ----------
    blobs
        The blob folder that workers read and write.
    workers
        Worker processes; 0: jobs run in the calling thread.
    deliver
        Takes the claim that a job became.
    """

    def __init__(self, blobs: Blobs, workers: int, deliver: Callable[[Claim], None]) -> None:
        self._blobs = blobs
        self._workers = workers
        self._deliver = deliver
        self._pool: Executor | None = None
        self._lock = threading.Lock()
        self._asked: set[tuple[str, str, int]] = set()
        self._stopped = False
        self.pending = 0

    def submit(self, job: Job) -> None:
        """Start a job, unless the same one is under way."""
        key = (job.kind, job.id, job.refs[-1])
        with self._lock:
            if key in self._asked:
                return
            self._asked.add(key)
            self.pending += 1
        self._try(job, 1)

    def stop(self) -> None:
        """Let go of the workers; what was not answered is asked for again at the next start."""
        with self._lock:
            self._stopped, pool = True, self._pool
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _try(self, job: Job, attempt: int) -> None:
        if self._workers == 0:
            done: Future[Answer] = Future()
            try:
                done.set_result(perform(job, self._blobs.root))
            except Exception as error:  # the supervisor's door: a detector's failure becomes a fact
                done.set_exception(error)
            self._finish(job, attempt, done)
            return
        with self._lock:
            if self._stopped:
                return
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._workers, multiprocessing.get_context("spawn"), initializer=_deaf_to_the_keyboard
                )
            pool = self._pool
        try:
            future = pool.submit(perform, job, self._blobs.root)
        except RuntimeError as error:  # the pool broke, or was shut down a moment ago
            self._renew(pool)
            future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda done: self._finish(job, attempt, done))

    def _renew(self, broken: Executor) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = None

    def _finish(self, job: Job, attempt: int, done: "Future[Answer]") -> None:
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, BrokenProcessPool) and self._pool is not None:
            self._renew(self._pool)
        if error is not None and attempt < _TRIES:
            self._try(job, attempt + 1)
            return
        if error is None:
            answer: Answer | None = done.result()
        else:
            _LOG.warning("job %s failed: %s: %s", job.id, type(error).__name__, error)
            reason = f"{type(error).__name__}: {error}"[:_LONGEST]
            answer = nothing_found(job, self._blobs, reason) if job.function == FUNCTION else None
        if answer is not None:
            self._deliver(_claim(job, answer))
        with self._lock:
            self.pending -= 1


def _deaf_to_the_keyboard() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the node ends its workers


def _claim(job: Job, answer: Answer) -> Claim:
    return Claim(
        kind=job.kind, id=job.id, body=answer.body, actor=job.actor, refs=job.refs, blobs=answer.blobs
    )


def _answer(
    asked: LookArgument, media: BlobMedia, found: Found, memory: Blob | None, looks: pa.Table
) -> Answer:
    piece = seal(found.rows.select(DETECTION.names).cast(DETECTION), media._blobs, "rows")
    looked = seal(looks, media._blobs, "looks") if looks.num_rows else None
    body = Detections(
        observation=asked.observation.id,
        source=asked.observation.source,
        detector=str(asked.settings["kind"]),
        settings_sha256=asked.settings_sha256,
        version=__version__,
        piece=piece,
        rows=found.rows.num_rows,
        memory=memory,
        memory_taken=asked.memory_taken,
        supersedes=asked.supersedes,
        status="ok" if found.status == "ok" else "degraded",
        reason=found.reason,
        hidden=found.hidden,
        looks=looked,
        again=found.again,
    )
    cited = {piece.sha256: piece, **media.stored}
    if looked is not None:
        cited[looked.sha256] = looked
    if memory is not None:
        cited[memory.sha256] = memory
    return Answer(body=body, blobs=tuple(cited[sha] for sha in sorted(cited)))
