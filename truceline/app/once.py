"""One pass over a mission's finite sources: take in, fold, let an exercise's players act, write, stop."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from truceline.app.documents import write_documents
from truceline.app.exercise import Exercise
from truceline.app.progress import status
from truceline.app.retention import finish, sweep
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.model.decided import ENDED
from truceline.model.errors import Broken

_PATIENCE_S = 3600.0  # a whole archive may take long; a stuck job does not take forever
_DRAW_S = 0.5  # between two drawings of how far it is
_QUIET_S = 120.0  # real seconds without a new entry after which players are taken to do no more


def run_once(mission_file: Path, data: Path) -> dict[str, Any]:
    """Run a mission once and count what it came to.

    Raises
    ------
    Broken
        If the log could not be written, or a job never ended.
    """
    mission = load_mission(mission_file)
    node = Node(data, mission)
    exercise = Exercise(node) if mission.exercise and mission.file.player else None
    try:
        if exercise is not None:
            exercise.start(follow=False)
        else:
            node.start(follow=False)
        _settle(node, _PATIENCE_S)
        if exercise is not None:
            exercise.add_units(None)
            exercise.play()
            _let_play(node, exercise.relieve)
        write_documents(node)
        _settle(node, 60)
        finish(node)
        sweep(node)
        return _count(node)
    finally:
        if exercise is not None:
            exercise.stop()
        else:
            node.stop()


def _settle(node: Node, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while not node.wait_idle(_DRAW_S):
        status(f"{node.journal.tree_size} entries, {node.work.pending} jobs under way")
        if node.failed is not None or time.monotonic() > end:
            raise Broken(node.failed or f"work did not end within {patience_s:.0f} s")
    status("")
    if node.failed is not None:
        raise Broken(node.failed)


def _let_play(node: Node, relieve: Callable[[], None]) -> None:
    """Give players time to decide what waits now and to carry out every order, or until nothing happens.

    What the clock alone brings later (sensors that have been silent since the archive ended) is the next
    shift's: on a slow machine it would never end.
    """
    now = time.monotonic()
    end, quiet_until, entries = now + _PATIENCE_S, now + _QUIET_S, node.journal.tree_size
    board = node.views.board
    with node.lock:
        owed = {item.id for item in board.waiting()}
    while time.monotonic() < min(end, quiet_until) and node.failed is None:
        with node.lock:
            if node.journal.tree_size > entries:
                entries, quiet_until = node.journal.tree_size, time.monotonic() + _QUIET_S
            owed &= {item.id for item in board.waiting()}
        if not owed:
            relieve()
            with node.lock:
                ended = all(item.state in ENDED for item in board.orders())
            if ended and node.is_idle():
                return
        time.sleep(0.1)


def _count(node: Node) -> dict[str, Any]:
    with node.lock:
        views = node.views
        kinds: dict[str, int] = {}
        for fact in node.journal.facts():
            kinds[fact.kind] = kinds.get(fact.kind, 0) + 1
        verdicts: dict[str, int] = {}
        for item in views.board.incidents():
            word = item.incident.verdict or item.incident.class_
            verdicts[word] = verdicts.get(word, 0) + 1
        return {
            "exercise": node.mission is not None and node.mission.exercise,
            "entries": node.journal.tree_size,
            "by_kind": dict(sorted(kinds.items())),
            "sources": {item.name: f"{item.pieces} pieces, {item.status}" for item in views.watch.sources()},
            "tracks": len({row.track_id for row in views.scene.in_force()}),
            "incidents_in_force": dict(sorted(verdicts.items())),
            "decisions": [
                f"{item.decision.verdict} by {item.decision.by}: {item.recommendation.action}"
                for item in views.board.recommendations()
                if item.decision is not None
            ],
            "orders": [f"{item.order.unit}: {item.state}" for item in views.board.orders()],
        }
