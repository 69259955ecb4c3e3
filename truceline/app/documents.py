"""The mission's documents: written from the views, kept as samples, and said in the log."""

import threading
from datetime import UTC, datetime, timedelta

import msgspec

from truceline.flow.mission import Scheduled
from truceline.flow.node import Node
from truceline.model.decided import Statement
from truceline.model.errors import Broken
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.model.place import Span, utc_text

_DAY = timedelta(days=1)
_POLL_S = 1.0


def write_documents(node: Node) -> list[str]:
    """Write each document of the mission over the last day; answer the samples' hashes."""
    documents = node.mission.documents if node.mission is not None else ()
    return [write_document(node, one, node.now()) for one in documents]


def write_document(node: Node, scheduled: Scheduled, end: datetime) -> str:
    """Write one document over the day before a moment; answer the sample's hash."""
    document = scheduled.plug
    with node.lock:
        checkpoint = node.journal.checkpoint()["checkpoint"]
        told = {"entries": checkpoint["tree_size"], "root_sha256": checkpoint["root_sha256"]}
        known = {word: value for word, value in told.items() if word in document.__struct_fields__}
        content = msgspec.structs.replace(document, **known).write(
            node.views, Span(from_utc=end - _DAY, until_utc=end)
        )
    blob = node.blobs.put(content, "text/html", scheduled.kind)
    said = Statement(about="document", by="node", text=f"{scheduled.kind} report up to {utc_text(end)}")
    claim = Claim(kind="statement", id=_id(scheduled, end), body=said, actor="node:documents", blobs=(blob,))
    node.submit([claim]).result()
    return blob.sha256


class Press(threading.Thread):
    """Writes each document at its time of day, once, also over restarts."""

    def __init__(self, node: Node) -> None:
        super().__init__(name="press", daemon=True)
        self._node = node
        self._began = node.now()
        self._ending = threading.Event()

    def run(self) -> None:
        documents = self._node.mission.documents if self._node.mission is not None else ()
        while not self._ending.wait(_POLL_S):
            for one in documents:
                due = _last_due(one, self._node.now())
                if due is None or due < self._began or self._node.journal.latest(_id(one, due)) is not None:
                    continue
                try:
                    write_document(self._node, one, due)
                except Broken:
                    return

    def stop(self) -> None:
        """End before the node does."""
        self._ending.set()
        if self.is_alive():
            self.join(timeout=5)


def _id(scheduled: Scheduled, end: datetime) -> str:
    return name("doc", scheduled.kind, utc_text(end))


def _last_due(scheduled: Scheduled, now: datetime) -> datetime | None:
    if scheduled.at is None:
        return None
    due = datetime.combine(now.date(), scheduled.at, UTC)
    return due if due <= now else due - _DAY
