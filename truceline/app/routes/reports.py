"""Reports in and out; a report is acknowledged when it is durable."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from truceline.app.forms import bodies
from truceline.app.forms.answer import NDJSON, Failure, say
from truceline.app.forms.items import report_item
from truceline.app.forms.samples import media_type_of
from truceline.app.http.app import app_of
from truceline.app.http.body import decode, read_body, want_type
from truceline.app.http.table import REPORTERS, Ask, Media, Table
from truceline.app.http.writing import write, write_one
from truceline.flow.node import Node
from truceline.log.canon import SAFE_INTEGER
from truceline.log.journal import Appended
from truceline.model.decided import Role
from truceline.model.errors import Refused
from truceline.model.facts import Blob, Claim
from truceline.model.observed import Report
from truceline.view.release import may_see_report, reporter_shown

TABLE = Table()
AHEAD = timedelta(minutes=10)
BEHIND = timedelta(days=30)
MOST_LINES = 1000
_LINES = (NDJSON, "text/plain")  # NDJSON is what many tools can only send as plain text
_READERS: tuple[Role, ...] = ("observer", "operator", "commander", "auditor")
_ID = {"id": r"^[A-Za-z0-9._:-]{1,64}$"}


@TABLE.route(
    "POST", "/reports", roles=REPORTERS, takes=bodies.ReportIn,
    gives={201: bodies.ReportTaken, 200: bodies.ReportTaken}, fails=(409,),
)  # fmt: skip
async def take_report(ask: Ask) -> Response:
    """Take a report; 201 says that it and a signed checkpoint over it are durable."""
    taken = await write_one(ask.node, claim_of(ask.node, ask.body, ask.who.actor))
    tree_size = app_of(ask).covers.tree_size(taken.fact.seq)
    answer = bodies.ReportTaken(taken.fact.id, taken.fact.seq, taken.leaf_sha256, tree_size)
    return say(answer, 201 if taken.new else 200)


@TABLE.route("POST", "/reports/batch", roles=REPORTERS, raw=_LINES, gives={200: Media((NDJSON,))})
async def take_batch(ask: Ask) -> Response:
    """Take up to 1 000 reports, one a line; each line of the answer has its own status."""
    want_type(ask.request, *_LINES)
    lines = (await read_body(ask.request)).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if len(lines) > MOST_LINES:
        raise Failure(422, f"a batch has at most {MOST_LINES} lines")
    answers: list[dict[str, Any]] = []
    places: list[int] = []
    claims: list[Claim] = []
    for place, line in enumerate(lines):
        answers.append({"id": None, "status": 422, "seq": None, "leaf_sha256": None})
        try:
            claim = claim_of(ask.node, decode(line, bodies.ReportIn), ask.who.actor)
        except Failure as failure:
            answers[place] |= {"id": _id_of(line), "detail": failure.detail}
            continue
        places.append(place)
        claims.append(claim)
    for place, claim, outcome in zip(places, claims, await _written(ask.node, claims), strict=True):
        answers[place] |= {"id": claim.id, **_status(outcome)}
    text = b"".join(msgspec.json.encode(answer) + b"\n" for answer in answers)
    return Response(text, media_type=NDJSON)


@TABLE.route("GET", "/reports", roles=_READERS, query=bodies.ReportsQuery, gives={200: bodies.ReportPage})
def list_reports(ask: Ask) -> Response:
    """List reports in the order in which they were taken; an observer sees their own."""
    asked: bodies.ReportsQuery = ask.query
    reporter = reporter_shown(ask.who.viewer)
    if reporter is False:
        raise Failure(403, "reports are not shown to this role")
    with ask.node.lock:
        found = ask.node.views.reports.page(asked.after_seq, asked.limit + 1, reporter)
    shown = found[: asked.limit]
    further = shown[-1].seq if len(found) > asked.limit else None
    return say({"items": [report_item(item) for item in shown], "next_after_seq": further})


@TABLE.route("GET", "/reports/{id}", roles=_READERS, gives={200: bodies.ReportOut}, params=_ID)
def show_report(ask: Ask) -> Response:
    """Show one report."""
    with ask.node.lock:
        item = ask.node.views.reports.get(ask.path("id"))
    if item is None or not may_see_report(ask.who.viewer, item):
        raise Failure(404, "there is no such report")
    return say(report_item(item))


def claim_of(node: Node, said: bodies.ReportIn, actor: str) -> Claim:
    """Check what its type cannot say of a report, and make the claim.

    Raises
    ------
    Failure
        422 when the time is out of range, a number cannot be recorded, or a sample is missing.
    """
    now = node.now()
    # What is known already gets its first answer, however late it comes again.
    is_known = node.views.reports.get(said.id) is not None
    if not is_known and not now - BEHIND <= said.time_utc <= now + AHEAD:
        raise Failure(422, "`time_utc` is more than 10 min ahead or 30 days behind the clock")
    numbers = [said.hae_m, said.ce90_m, *said.attributes.values()]
    if any(isinstance(n, int | float) and SAFE_INTEGER < abs(n) < 1e21 for n in numbers):
        raise Failure(422, "a number is beyond ±(2^53-1) and cannot be recorded exactly")
    if any(isinstance(n, int) and abs(n) > SAFE_INTEGER for n in numbers):
        raise Failure(422, "a whole number is beyond ±(2^53-1)")
    if said.corrects == said.id:
        raise Failure(422, "a report cannot correct itself")
    fields = msgspec.structs.asdict(said)
    del fields["id"]
    fields["time_utc"] = _in_utc(said.time_utc)
    blobs = tuple(_sample(node, sha256, number) for number, sha256 in enumerate(dict.fromkeys(said.blobs)))
    return Claim(kind="report", id=said.id, body=Report(**fields), actor=actor, blobs=blobs)


async def _written(node: Node, claims: Sequence[Claim]) -> list[Appended | Refused]:
    return await write(node, claims) if claims else []


def _status(outcome: Appended | Refused) -> dict[str, Any]:
    if isinstance(outcome, Refused):
        return {"status": outcome.status, "detail": outcome.why}
    return {
        "status": 201 if outcome.new else 200,
        "seq": outcome.fact.seq,
        "leaf_sha256": outcome.leaf_sha256,
    }


def _sample(node: Node, sha256: str, number: int) -> Blob:
    if not node.blobs.has(sha256):
        raise Failure(422, f"the sample {sha256} is not stored here; PUT it first")
    path = node.blobs.open(sha256)
    return Blob(
        sha256=sha256,
        size_bytes=path.stat().st_size,
        media_type=media_type_of(path),
        name=f"sample-{number}",
    )


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _id_of(line: bytes) -> str | None:
    """Find the id of a line that was not taken, as far as it can be read."""
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    found = said.get("id")
    return found if isinstance(found, str) else None
