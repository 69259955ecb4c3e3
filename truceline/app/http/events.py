"""The live picture as server-sent events (contract wire, C): encoded once, resumed without gap."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from truceline.app.forms import items
from truceline.app.forms.answer import json_bytes
from truceline.app.http.gate import Caller, Doorkeeper
from truceline.flow.node import Node
from truceline.model.decided import Decision, OrderState, Statement
from truceline.model.facts import Fact
from truceline.view.release import Viewer

KINDS = frozenset({"report", "track", "incident", "recommendation", "decision", "order_state"})
QUIET_S = 10.0  # a comment line after so long without an event; the contract asks for 15 s
STUCK_S = 20.0  # a reader that takes nothing for so long is cut off
KEPT = 20_000  # events that a reader may lie behind before it is cut off
_PAGE = 500  # entries read from the log at once for a reader that resumes
_PIECE = 512  # events in one write
_TICK_S = 0.02  # readers are woken this often at most: what came meanwhile is one write


class Event(msgspec.Struct, frozen=True):
    """One event, encoded; who may have it."""

    seq: int
    frame: bytes
    audience: str  # "staff", "actor:<actor>", "unit:<name>" or "party:<A|B>"


def wanted(viewer: Viewer, audience: str) -> bool:
    """Tell whether an event of this audience is for a viewer."""
    if viewer.sees_all:
        return audience == "staff"
    if viewer.role == "observer":
        return audience in (f"actor:{viewer.actor}", f"unit:{viewer.name}")
    return viewer.role == "party-liaison" and audience == f"party:{viewer.party}"


def events_of(fact: Fact, node: Node) -> Iterable[Event]:
    """Make the events of one entry, one per audience; call it while holding the node's lock."""
    if fact.redacted is not None:
        return
    if fact.kind == "statement":
        yield from _released(fact, node)
        return
    if fact.kind not in KINDS:
        return
    data = _data(fact, node)
    if data is None:
        return
    frame = _frame(fact.seq, fact.kind, data)
    yield Event(fact.seq, frame, "staff")
    if fact.kind == "report":
        yield Event(fact.seq, frame, f"actor:{fact.actor}")
    elif fact.kind == "order_state":
        order = node.views.board.order(fact.noun(OrderState).order_id)
        if order is not None and data["state"] != "CREATED":
            yield Event(fact.seq, frame, f"unit:{order.order.unit}")


def _released(fact: Fact, node: Node) -> Iterable[Event]:
    """A release or review changes how an incident is shown; a party hears of its releases."""
    said = fact.noun(Statement)
    if said.incident_id is None or said.about not in ("release", "review"):
        return
    exercise = is_exercise(node)
    item = node.views.board.incident(said.incident_id)
    if item is None:
        return
    yield Event(fact.seq, _frame(fact.seq, "incident", items.incident_item(item, exercise)), "staff")
    if said.about == "release" and said.party is not None:
        shown = [one for one in node.views.board.released(said.party) if one.case_id == item.case_id]
        for one in shown:
            frame = _frame(fact.seq, "incident", items.incident_for_party(one, exercise))
            yield Event(fact.seq, frame, f"party:{said.party}")


def is_exercise(node: Node) -> bool:
    """Tell whether everything here is marked EXERCISE."""
    return node.mission is not None and node.mission.exercise


def _data(fact: Fact, node: Node) -> items.Item | None:
    views, exercise = node.views, is_exercise(node)
    if fact.kind == "report":
        report = views.reports.get(fact.id)
        return None if report is None else items.report_item(report)
    if fact.kind == "incident":
        incident = views.board.incident(fact.id)
        if incident is not None and incident.seq == fact.seq:
            return items.incident_item(incident, exercise)
        return items.withdrawn_item(fact, views.board, exercise)
    if fact.kind == "recommendation":
        proposed = views.board.recommendation(fact.id)
        return None if proposed is None else items.recommendation_item(proposed)
    if fact.kind == "decision":
        return items.decision_item(fact.id, fact.seq, fact.noun(Decision))
    if fact.kind == "order_state":
        return {"id": fact.id, "seq": fact.seq, **items.state_body(fact.noun(OrderState))}
    rows = [items.track_item(one, exercise) for one in views.scene.tracks() if one.seq == fact.seq]
    return {"id": fact.id, "seq": fact.seq, "items": rows}


def _frame(seq: int, kind: str, data: items.Item) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, kind.encode(), json_bytes(data))


class Hub:
    """Takes facts from the node's thread and lets any number of readers have them.

    An event is encoded once; a reader keeps its place by ``seq``. One that fell out of the kept
    events is cut off and resumes from the log.
    """

    def __init__(self, node: Node, door: Doorkeeper) -> None:
        self._node = node
        self._door = door
        self._lock = threading.Lock()
        self._kept: deque[Event] = deque()
        self._kept_after = node.journal.tree_size - 1  # every event after this entry is kept
        self._head = node.journal.tree_size - 1
        self._dropped = -2  # the newest entry whose events gave way to newer ones
        self._readers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waking = False
        self.closed = False

    def take(self, fact: Fact) -> None:
        """Take in one folded fact (called on the node's thread)."""
        with self._lock:
            is_heard = bool(self._readers)
        made: list[Event] = []
        if is_heard:
            with self._node.lock:
                made = list(events_of(fact, self._node))
        with self._lock:
            if is_heard:
                self._kept.extend(made)
            else:
                self._kept.clear()
                self._kept_after = fact.seq
            self._head = fact.seq
            while len(self._kept) > KEPT:
                self._kept_after = self._dropped = self._kept.popleft().seq
            must_wake = bool(self._readers) and not self._waking and (bool(made) or fact.kind == "user")
            self._waking = self._waking or must_wake
        if must_wake and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.call_later, _TICK_S, self._wake)

    def close(self) -> None:
        """End all streams (called on the event loop)."""
        self.closed = True
        self._wake()

    async def stream(self, caller: Caller, after: int | None) -> AsyncGenerator[bytes, None]:
        """Yield what a caller may see after an entry (None: from now), and comment lines."""
        bell = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        with self._lock:
            self._readers.add(bell)
            place = self._head if after is None else after
        is_live = False
        said_at = self._loop.time()
        try:
            yield b": truceline\n\n"
            while not self.closed and self._door.still(caller):
                bell.clear()
                with self._lock:
                    kept_after, is_dropped = self._kept_after, place < self._dropped
                if is_live and is_dropped:
                    return
                if place < kept_after:
                    frames, place = await run_in_threadpool(self._past, caller.viewer, place, kept_after)
                else:
                    frames, place, is_live = *self._next(caller.viewer, place), True
                if frames:
                    said_at = self._loop.time()
                    yield frames
                elif self._loop.time() - said_at >= QUIET_S:
                    said_at = self._loop.time()
                    yield b": quiet\n\n"
                elif is_live:
                    await _rung(bell, QUIET_S - (self._loop.time() - said_at))
        finally:
            with self._lock:
                self._readers.discard(bell)

    def _past(self, viewer: Viewer, place: int, end: int) -> tuple[bytes, int]:
        """Read one page of the log, after ``place`` up to ``end``."""
        stop = min(end, place + _PAGE)
        facts = [self._node.journal.read(seq) for seq in range(max(0, place + 1), stop + 1)]
        with self._node.lock:
            found = [e for fact in facts for e in events_of(fact, self._node) if wanted(viewer, e.audience)]
        return b"".join(event.frame for event in found), stop

    def _next(self, viewer: Viewer, place: int) -> tuple[bytes, int]:
        """Take what was kept after ``place``, a piece at most."""
        fresh: list[Event] = []
        with self._lock:
            for event in reversed(self._kept):
                if event.seq <= place:
                    break
                fresh.append(event)
            head = self._head
        fresh.reverse()
        if len(fresh) > _PIECE:
            # An entry's events stay together, so that no place lies inside an entry.
            head = fresh[_PIECE - 1].seq
            fresh = [event for event in fresh if event.seq <= head]
        frames = b"".join(event.frame for event in fresh if wanted(viewer, event.audience))
        return frames, max(place, head)

    def _wake(self) -> None:
        with self._lock:
            self._waking = False
            readers = list(self._readers)
        for bell in readers:
            bell.set()


class Stream:
    """The answer of ``GET /events``: cut off when the reader does not read."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        done, waiting = await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if writing in done:
            writing.result()

    async def _write(self, send: Send) -> None:
        try:
            async with aclosing(self._frames) as pieces:
                async for frames in pieces:
                    async with asyncio.timeout(STUCK_S):
                        await send({"type": "http.response.body", "body": frames, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            # Answering no further makes the server drop the connection; the reader can resume.
            return


async def _rung(bell: asyncio.Event, most_s: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, most_s)):
            await bell.wait()
    except TimeoutError:
        return


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
