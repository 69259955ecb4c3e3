"""Sources at work: a thread each, restarted with growing pauses when one fails."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Protocol

from truceline import __version__
from truceline.flow.finished import Finished
from truceline.flow.mission import Watched
from truceline.log.blobs import Blobs
from truceline.log.journal import Appended, Journal
from truceline.model.errors import Broken, Refused
from truceline.model.facts import Blob, Claim
from truceline.model.names import name
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.plug import Source, Taken

_LOG = logging.getLogger(__name__)
_STOP_S = 2.0
_PAUSES_S = (1.0, 5.0, 20.0, 60.0)


class Inbox(Protocol):
    """What sources need of the node that takes their claims in."""

    blobs: Blobs
    journal: Journal

    def now(self) -> datetime: ...

    def submit(self, claims: Sequence[Claim]) -> Future[list[Appended | Refused]]: ...


class Basket:
    """What one source may do (the port ``Intake``)."""

    def __init__(self, node: Inbox, source: Source, stop: threading.Event) -> None:
        self._node = node
        self._source = source.name
        self.stop = stop
        journal, settings = node.journal, f"{__version__} {source!r}"
        self._finished = Finished(journal.data_dir, settings, lambda: journal.tree_size)

    def put(self, sample: Path | bytes, media_type: str, name: str) -> Blob:
        """Store bytes durably in the blob folder."""
        return self._node.blobs.put(sample, media_type, name)

    def now(self) -> datetime:
        """Tell the mission's time."""
        return self._node.now()

    def has(self, key: str) -> bool:
        """Tell whether the observation of that natural key is logged already."""
        return self._node.journal.latest(name("obs", self._source, key)) is not None

    def has_finished(self, piece: str) -> bool:
        """Tell whether a piece was noted as finished, perhaps before a restart."""
        return piece in self._finished

    def finish(self, piece: str) -> None:
        """Note that a piece was handed over: all of it is durable, since each claim was waited for."""
        self._finished.add(piece)


class Supply:
    """The threads of a node's sources."""

    def __init__(self, node: Inbox) -> None:
        self._node = node
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._ending: list[threading.Thread] = []

    @property
    def ending(self) -> bool:
        """Tell whether a source still runs that will come to an end by itself."""
        return any(thread.is_alive() for thread in self._ending)

    def start(self, watched: Watched, follow: bool) -> None:
        """Let a source observe; with ``follow`` it goes on until the node stops."""
        thread = threading.Thread(
            target=self._observe, args=(watched, follow), name=watched.plug.name, daemon=True
        )
        self._threads.append(thread)
        if not follow:
            self._ending.append(thread)
        thread.start()

    def stop(self) -> None:
        """Ask all sources to end, and wait a moment for them, however many they are."""
        self._stop.set()
        end = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))

    def _observe(self, watched: Watched, follow: bool) -> None:
        basket = Basket(self._node, watched.plug, self._stop)
        failures = 0
        refused: set[str] = set()  # told of once: a source may bring it again and again
        while not self._stop.is_set():
            try:
                for taken in watched.plug.observe(basket, follow):
                    claim = _claim(watched.plug.name, taken)
                    (outcome,) = self._node.submit([claim]).result()
                    if isinstance(outcome, Refused) and claim.id not in refused:
                        refused.add(claim.id)
                        self._say(watched.plug.name, f"refused {claim.id}", f"refused: {outcome.why}")
                    if self._stop.is_set():
                        return
                return
            except Broken:
                return
            except Exception as error:  # the supervisor's door: a failing source becomes a fact
                _LOG.exception("source %s failed", watched.plug.name)
                failures += 1
                said = f"the source failed: {type(error).__name__}: {error}"
                if not self._say(watched.plug.name, f"failure {failures}", said) or not follow:
                    return
                self._stop.wait(_PAUSES_S[min(failures, len(_PAUSES_S)) - 1])

    def _say(self, source: str, key: str, reason: str) -> bool:
        """Make a fact of what went wrong; False when nothing can be said any more."""
        now = self._node.now()
        said = Observation(
            source=source,
            key=f"{key} at {now.isoformat()}",
            phenomenon=Span(from_utc=now, until_utc=now),
            result_utc=now,
            status="degraded",
            reason=reason[:200],
        )
        claim = Claim(kind="observation", id=said.id, body=said, actor=f"source:{source}")
        try:
            self._node.submit([claim]).result()
        except Broken:
            return False
        return True


def _claim(source: str, taken: Taken) -> Claim:
    noun = taken.noun
    actor = taken.actor or f"source:{source}"
    if isinstance(noun, Observation):
        return Claim(kind="observation", id=noun.id, body=noun, actor=actor, blobs=taken.blobs)
    return Claim(kind="report", id=taken.id, body=noun, actor=actor, blobs=taken.blobs)
