"""Samples by their SHA-256: stored durably, opened by those who may see them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from truceline.app.forms import bodies
from truceline.app.forms.answer import Failure, say
from truceline.app.forms.samples import OTHER, TYPES, file_name, media_type_of
from truceline.app.http.app import app_of
from truceline.app.http.body import read_body
from truceline.app.http.table import MISSION, REPORTERS, Ask, Media, Table
from truceline.model.errors import Broken
from truceline.view.release import incidents_for, may_open_sample

TABLE = Table()
MAX_SAMPLE = 64 << 20
_PIECE = 1 << 18
_SHA256 = {"sha256": "^[0-9a-f]{64}$"}


@TABLE.route(
    "PUT", "/blobs/{sha256}", roles=REPORTERS, raw=(OTHER,), gives={201: bodies.Stored}, fails=(409,),
    params=_SHA256,
)  # fmt: skip
async def store(ask: Ask) -> Response:
    """Store a sample; 201 when it is durable."""
    sha256 = ask.path("sha256")
    content = await read_body(ask.request, MAX_SAMPLE)
    found = await run_in_threadpool(lambda: hashlib.sha256(content).hexdigest())
    if found != sha256:
        raise Failure(409, f"the bytes have the SHA-256 {found}")
    if ask.node.failed is not None:
        raise Failure(503, "the log cannot be written")
    try:
        blob = await run_in_threadpool(ask.node.blobs.put, content, OTHER, "sample")
    except Broken as error:
        ask.node.give_up(error)
        raise
    app_of(ask).uploads.setdefault(sha256, set()).add(ask.who.actor)
    media_type = media_type_of(ask.node.blobs.open(sha256))
    return say(bodies.Stored(sha256, blob.size_bytes, media_type), 201)


@TABLE.route("GET", "/blobs/{sha256}", roles=MISSION, gives={200: Media(TYPES)}, params=_SHA256)
def show(ask: Ask) -> Response:
    """Give the bytes of a sample to somebody who may see them."""
    sha256 = ask.path("sha256")
    who = ask.who
    views = ask.node.views
    with ask.node.lock:
        released = incidents_for(who.viewer, views.board)
    may = who.actor in app_of(ask).uploads.get(sha256, ()) or may_open_sample(
        who.viewer, sha256, views.reports, released, ask.node.journal.read
    )
    if not may:
        raise Failure(404, "there is no such sample")
    if not ask.node.blobs.has(sha256):
        gone = views.keeping.removed.get(sha256)
        said = f"its bytes were removed on {gone.at_utc:%d %b} by entry {gone.seq}" if gone else ""
        raise Failure(404, said or "there is no such sample")
    if not ask.node.blobs.is_whole(sha256):
        raise Failure(404, "its bytes have changed since they were taken in, so they are not shown")
    path: Path = ask.node.blobs.open(sha256)
    media_type = media_type_of(path)
    app_of(ask).access.opened(who, sha256, media_type)
    headers = {
        "Content-Length": str(path.stat().st_size),
        "Content-Disposition": f'attachment; filename="{file_name(sha256, media_type)}"',
        "Content-Security-Policy": "sandbox",
    }
    return StreamingResponse(_pieces(path), 200, headers, media_type)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
