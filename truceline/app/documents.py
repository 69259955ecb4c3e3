"""The mission's documents: written from the views, kept as samples, and said in the log."""

from datetime import datetime, timedelta

from truceline.flow.node import Node
from truceline.model.decided import Statement
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.model.place import Span, utc_text


def write_documents(node: Node, until: datetime | None = None) -> list[str]:
    """Write each document of the mission over the last day; answer the samples' hashes."""
    mission = node.mission
    end = until or node.now()
    written: list[str] = []
    for document in mission.documents if mission is not None else ():
        word = type(document).__module__.rpartition(".")[2]
        with node.lock:
            content = document.write(node.views, Span(from_utc=end - timedelta(days=1), until_utc=end))
        blob = node.blobs.put(content, "text/html", word)
        said = Statement(about="document", by="node", text=f"{word} report up to {utc_text(end)}")
        claim = Claim(
            kind="statement",
            id=name("doc", word, utc_text(end)),
            body=said,
            actor="node:documents",
            blobs=(blob,),
        )
        node.submit([claim]).result()
        written.append(blob.sha256)
    return written
