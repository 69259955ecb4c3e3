"""Pictures do not stay longer than the mission says: what expired is named in the log, then removed."""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from truceline.flow.node import Node
from truceline.model.decided import Statement
from truceline.model.errors import Broken
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.view.keeping import Held

_LOG = logging.getLogger(__name__)
_POLL_S = 60.0
_ENTRIES = 200  # in one statement


def sweep(node: Node) -> int:
    """Remove the samples that expired and that no open case rests on; answer how many.

    Each statement is durable before a sample goes. Rows, telemetry and the entries themselves stay.

    Raises
    ------
    Broken
        If the log or the samples cannot be written.
    """
    days = node.mission.file.retention.pictures_d if node.mission is not None else None
    if days is None:
        return 0
    with node.lock:
        now = node.now()
        expired = node.views.keeping.older_than(now - timedelta(days=days))
        roots = _open_cases(node, now) if expired else []
    if not expired:
        return 0
    kept = _support(node, roots)
    going = [one for one in expired if one.seq not in kept]
    count = 0
    for start in range(0, len(going), _ENTRIES):
        count += _remove(node, going[start : start + _ENTRIES], days)
    return count


def finish(node: Node) -> None:
    """Remove what the log says was removed and a crash left behind."""
    with node.lock:
        keeping = node.views.keeping
        gone = keeping.removed.keys() - keeping.shown_by(set())
    for sha256 in sorted(gone):
        node.blobs.remove(sha256)


def _remove(node: Node, going: list[Held], days: float) -> int:
    seqs = {one.seq for one in going}
    with node.lock:
        shown = node.views.keeping.shown_by(seqs)
    removed = sorted({sha256 for one in going for sha256 in one.sha256s} - shown)
    text = f"{len(removed)} samples of {len(going)} entries removed: kept for {days:g} days"
    said = Statement(about="retention", by="node", text=text, attributes={"removed": removed})
    refs = tuple(sorted(seqs))
    entry = name("ret", *(str(seq) for seq in refs))
    claim = Claim(kind="statement", id=entry, body=said, actor="node:retention", refs=refs)
    node.submit([claim]).result()
    with node.lock:  # what was brought again meanwhile stays
        gone = set(removed) - node.views.keeping.shown_by(set())
        for sha256 in gone:
            node.blobs.remove(sha256)
    _LOG.info("%s", text)
    return len(gone)


def _open_cases(node: Node, now: datetime) -> list[int]:
    """List the incidents in force and the decisions that are not so old that the mission lets them go."""
    board = node.views.board
    seqs = [item.decision_seq for item in board.recommendations() if item.decision_seq is not None]
    days = node.mission.file.retention.cases_d if node.mission is not None else None
    if days is None:
        return [*(item.seq for item in board.incidents()), *seqs]
    since = now - timedelta(days=days)
    decided = [seq for seq in seqs if node.journal.read(seq).time_utc >= since]
    return [*(item.seq for item in board.incidents() if item.incident.end_utc >= since), *decided]


def _support(node: Node, roots: Iterable[int]) -> set[int]:
    """Collect the entries that these rest on, they themselves included."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        seq = waiting.pop()
        if seq not in seen:
            seen.add(seq)
            waiting.extend(node.journal.read(seq).refs)
    return seen


class Broom(threading.Thread):
    """Sweeps now and then while a node runs; what goes wrong is told and tried again."""

    def __init__(self, node: Node) -> None:
        super().__init__(name="broom", daemon=True)
        self._node = node
        self._ending = threading.Event()

    def run(self) -> None:
        try:
            finish(self._node)
            sweep(self._node)
            while not self._ending.wait(_POLL_S):
                sweep(self._node)
        except Broken as error:
            _LOG.error("retention ends: %s", error)

    def stop(self) -> None:
        """End before the node does."""
        self._ending.set()
        if self.is_alive():
            self.join(timeout=5)
