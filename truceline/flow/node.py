"""The node: one inbox, one log, one thread that appends and folds."""

import gc
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from truceline.flow.clock import Clock
from truceline.flow.core import Core, Settings, build
from truceline.flow.finished import trim
from truceline.flow.intake import Supply
from truceline.flow.mission import Mission
from truceline.flow.work import Work
from truceline.log.blobs import Blobs
from truceline.log.journal import Appended, Journal
from truceline.model.errors import Broken, Refused
from truceline.model.facts import Claim, Fact, Job, entry_key
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.view.views import Views
from truceline.view.watch import CLOCK

_LOG = logging.getLogger(__name__)
_GROUP = 1000  # claims made durable together, at most
_TICK_S = 0.25  # how often the thread looks at the clock when nothing comes
_SOON_S = 2.0  # what folds keep no longer than that is worth waiting for
_LEAST_S = 1.0  # between two ticks of the clock in the log, seconds of the wall

Outcome = list[Appended | Refused]


class Node:
    """Takes claims in, makes them durable, folds them, and appends what the folds answer.

    Parameters
    ----------
    data_dir
        The mission's folder; made at first start.
    mission
        What to watch; None: reports alone.
    origin
        Name of this node, when no mission says it.

    Raises
    ------
    BadInput
        If the mission's files are wrong, or another process writes to the folder.
    """

    def __init__(self, data_dir: Path, mission: Mission | None = None, origin: str | None = None) -> None:
        file = mission.file if mission is not None else None
        start, speed = (file.clock.start_utc, file.clock.speed) if file is not None else (None, 1.0)
        self.mission = mission
        self.clock = Clock(start, speed)
        self.lock = threading.RLock()
        self.failed: str | None = None
        self.blobs = Blobs(data_dir / "blobs")
        self.core: Core = build(mission, self.blobs)  # what is wrong with a mission comes before any write
        self.journal = Journal.open(
            data_dir, origin=origin or (file.node.origin if file else "hq"), now=self.clock.now
        )
        self.settings = Settings.of(mission, self.blobs)
        self.work = Work(self.blobs, file.node.workers if file else 0, self._deliver)
        self._inbox: queue.SimpleQueue[tuple[list[Claim], Future[Outcome]] | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[Fact], None]] = []
        self._in_hand: list[Future[Outcome]] = []
        self._over: Broken | None = None
        self._busy = 0
        self._last_tick: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)
        self.supply = Supply(self)
        self._replay()

    @property
    def views(self) -> Views:
        """The pictures; read them while holding ``lock``."""
        return self.core.views

    def now(self) -> datetime:
        """Tell the mission's time."""
        return self.clock.now()

    @property
    def rate(self) -> float:
        """Mission seconds per second."""
        return self.clock.speed

    def start(self, follow: bool = True) -> None:
        """Begin to take claims in, and start the mission's sources."""
        trim(self.journal.data_dir, self.journal.tree_size)
        self._thread.start()
        self.submit([self.settings.claim()]).result()
        for source in self.mission.sources if self.mission is not None else ():
            self.supply.start(source, follow)

    def stop(self) -> None:
        """Finish what waits, write the last checkpoint, and close the log."""
        self.supply.stop()
        self._inbox.put(None)
        self._thread.join(timeout=8)
        self.work.stop()
        self.journal.close()

    def submit(self, claims: Sequence[Claim]) -> "Future[Outcome]":
        """Hand claims in; the answer comes when they are durable and folded.

        Raises
        ------
        Broken
            If the log cannot be written any more, or the node was stopped.
        """
        if self._over is not None:
            raise Broken(str(self._over))
        answer: Future[Outcome] = Future()
        with self.lock:
            self._busy += 1
        self._inbox.put((list(claims), answer))
        if self._over is not None:  # it ended meanwhile, and nobody looks into the inbox any more
            self._drain(self._over)
        return answer

    def give_up(self, error: Broken) -> None:
        """Take nothing in any more: a flush failed outside the log, and a retried one proves nothing."""
        self.failed = self.failed or str(error)
        self._over = self._over or error

    def subscribe(self, listener: Callable[[Fact], None]) -> Callable[[], None]:
        """Call a listener with each fact after it was folded; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def is_idle(self) -> bool:
        """Tell whether nothing waits: no claim, no job, no source that will come to an end.

        What a fold keeps for a moment waits too, what a source owes does not.
        """
        with self.lock:
            keeping = [fold.due() for fold in self.core.folds if fold is not self.views.watch]
            soon = self.now() + timedelta(seconds=_SOON_S * self.rate)
            if any(moment is not None and moment <= soon for moment in keeping):
                return False
            return self._busy == 0 and self.work.pending == 0 and not self.supply.ending

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing has waited for a moment."""
        end = time.monotonic() + timeout_s
        quiet = 0
        while time.monotonic() < end and quiet < 3:
            quiet = quiet + 1 if self.is_idle() or self.failed else 0
            time.sleep(0.05)
        return quiet >= 3

    def _deliver(self, claim: Claim) -> None:
        if self._over is None:
            with suppress(Broken):  # what a job found is asked for again at the next start
                self.submit([claim])

    def _replay(self) -> None:
        """Fold the whole log, then append those answers that it lacks."""
        answers: list[Claim | Job] = []
        # What a fold keeps stays: looking through it for cycles again and again costs an eighth of a start.
        gc.disable()
        try:
            for fact in self.journal.facts():
                answers.extend(one for one in self.core.apply(fact) if not self._said(one))
        finally:
            gc.enable()
        newest = self.journal.tree_size - 1
        if newest >= 0:
            self.clock.advance_to(self.journal.read(newest).time_utc)
        self._resume = answers

    def _run(self) -> None:
        try:
            self._answer(self._resume)
            self._resume = []
            while self._step():
                pass
            self._end(Broken("the node was stopped"))
        except Broken as error:
            self.failed = str(error)
            _LOG.error("stopped: %s", error)
            self._end(error)
        except Exception as error:  # a fold that fails stops the node: a wrong picture is worse than none
            self.failed = f"{type(error).__name__}: {error}"
            _LOG.exception("stopped")
            self._end(Broken(self.failed))

    def _step(self) -> bool:
        batch = self._gather()
        self._in_hand = [answer for _, answer in batch or ()]
        self._tick(soon_s=0 if batch is not None else _TICK_S + _LEAST_S)
        if batch is None:
            return False
        if not batch:
            return True
        claims = [claim for group, _ in batch for claim in group]
        outcomes = self.journal.append(claims) if claims else []
        try:
            self._absorb(outcomes)
        finally:  # what is durable is said to be, also when a fold fails on it
            place = 0
            for group, answer in batch:
                answer.set_result(outcomes[place : place + len(group)])
                place += len(group)
            self._in_hand = []
            with self.lock:
                self._busy -= len(batch)
        return True

    def _gather(self) -> list[tuple[list[Claim], "Future[Outcome]"]] | None:
        """Take what waits: what came during the last flush shares the next one. None: stop."""
        batch: list[tuple[list[Claim], Future[Outcome]]] = []
        count = 0
        try:
            item = self._inbox.get(timeout=_TICK_S)
            while item is not None:
                batch.append(item)
                count += len(item[0])
                if count >= _GROUP:
                    return batch
                item = self._inbox.get_nowait()
        except queue.Empty:
            return batch
        if batch:
            self._inbox.put(None)
            return batch
        return None

    def _absorb(self, outcomes: Outcome) -> None:
        answers: list[Claim | Job] = []
        for outcome in outcomes:
            if isinstance(outcome, Appended) and outcome.new:
                answers.extend(self._fold(outcome.fact))
        self._answer(answers)

    def _answer(self, answers: Sequence[Claim | Job]) -> None:
        """Append what the folds said until they have nothing more to say."""
        while answers:
            claims = [one for one in answers if isinstance(one, Claim) and not self._said(one)]
            for job in answers:
                if isinstance(job, Job) and not self._said(job):
                    self.work.submit(job)
            further: list[Claim | Job] = []
            for start in range(0, len(claims), _GROUP):
                for outcome in self.journal.append(claims[start : start + _GROUP]):
                    if isinstance(outcome, Refused):
                        raise Broken(f"the log refused what a fold said: {outcome.why}")
                    if outcome.new:
                        further.extend(self._fold(outcome.fact))
            answers = further

    def _fold(self, fact: Fact) -> list[Claim | Job]:
        with self.lock:
            answers = list(self.core.apply(fact))
        for listener in list(self._listeners):
            listener(fact)
        return answers

    def _said(self, answer: Claim | Job) -> bool:
        return self.journal.knows(entry_key(answer.kind, answer.id, answer.refs))

    def _tick(self, soon_s: float) -> None:
        """Log a tick of the clock when a fold asked to be woken, or would within so many seconds."""
        with self.lock:
            moments = [moment for fold in self.core.folds if (moment := fold.due()) is not None]
        now = self.now()
        if not moments or min(moments) > now + timedelta(seconds=soon_s * self.rate):
            return
        least = timedelta(seconds=_LEAST_S * self.rate)
        if not soon_s and self._last_tick is not None and now - self._last_tick < least:
            return
        self._last_tick = now
        tick = Observation(
            source=CLOCK,
            key=now.isoformat(),
            phenomenon=Span(from_utc=now, until_utc=now + timedelta(microseconds=1)),
            result_utc=now,
        )
        claim = Claim(kind="observation", id=tick.id, body=tick, actor="node:clock")
        self._absorb(self.journal.append([claim]))

    def _end(self, error: Broken) -> None:
        """Refuse what is in hand, what waits, and what comes from here on."""
        self._over = error
        for answer in self._in_hand:
            answer.set_exception(error)
        self._drain(error)

    def _drain(self, error: Broken) -> None:
        while True:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[1].set_exception(error)
