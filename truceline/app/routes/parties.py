"""Towards the parties: what a person releases, what a party says, and packages of evidence."""

import hashlib

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from truceline.app.forms import bodies
from truceline.app.forms.answer import Failure, say
from truceline.app.http.app import app_of
from truceline.app.http.table import Ask, Media, Table
from truceline.app.http.writing import write_one
from truceline.log.package import make_package
from truceline.model.decided import Statement
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.model.place import utc_text
from truceline.view.release import incident_for

TABLE = Table()


class Released(bodies.Made):
    """A release: what was shown to whom."""

    incident_id: str
    party: str


@TABLE.route(
    "POST", "/incidents/{id}/release", roles=("commander",), takes=bodies.ReleaseIn, gives={201: Released},
    fails=(409,),
)  # fmt: skip
async def release(ask: Ask) -> Response:
    """Show an incident, as it is, to one party; this cannot be undone."""
    asked: bodies.ReleaseIn = ask.body
    node, incident_id = ask.node, ask.path("id")
    async with app_of(ask).turn:
        with node.lock:
            item = node.views.board.incident(incident_id)
        if item is None:
            raise Failure(404, "there is no such incident in force")
        if incident_id not in (item.id, item.case_id):
            raise Failure(409, f"{item.id} took its place; look at that one first")
        body = Statement(about="release", by=ask.who.name, incident_id=item.id, party=asked.party)
        entry = name("rel", item.id, asked.party, str(item.seq), ask.who.name)
        claim = Claim(kind="statement", id=entry, body=body, actor=ask.who.actor, refs=(item.seq,))
        made = await write_one(node, claim)
    return say(Released(made.fact.id, made.fact.seq, item.id, asked.party), 201)


@TABLE.route(
    "POST", "/statements", roles=("party-liaison",), takes=bodies.StatementIn, gives={201: bodies.Made},
    fails=(404,),
)  # fmt: skip
async def state(ask: Ask) -> Response:
    """Say something, as a party, to an incident released to it."""
    asked: bodies.StatementIn = ask.body
    node = ask.node
    now = node.now()
    with node.lock:
        item = incident_for(ask.who.viewer, node.views.board, asked.incident_id)
    if item is None:
        raise Failure(404, "there is no such incident")
    body = Statement(
        about="statement",
        by=ask.who.name,
        incident_id=item.id,
        party=ask.who.party,
        stance=asked.stance,
        text=asked.text,
    )
    entry = name("stm", ask.who.name, utc_text(now), msgspec.json.encode(asked).decode())
    claim = Claim(kind="statement", id=entry, body=body, actor=ask.who.actor, refs=(item.seq,))
    made = await write_one(node, claim)
    return say(bodies.Made(made.fact.id, made.fact.seq), 201)


@TABLE.route(
    "POST", "/evidence", roles=("commander", "auditor"), takes=bodies.EvidenceIn,
    gives={200: Media(("application/zip",))}, fails=(404,),
)  # fmt: skip
async def evidence(ask: Ask) -> Response:
    """Make a package of incidents that proves itself; that it was given out is logged."""
    asked: bodies.EvidenceIn = ask.body
    node = ask.node
    if any(node.journal.latest(incident) is None for incident in asked.incident_ids):
        raise Failure(404, "there is no such incident")
    async with app_of(ask).turns.of(ask.who.actor):
        content = await run_in_threadpool(
            make_package,
            node.journal.data_dir,
            asked.incident_ids,
            asked.redact,
            asked.withhold,
            dict.fromkeys(asked.since_tree_sizes),
            node.now(),
        )
    sha256 = hashlib.sha256(content).hexdigest()
    body = Statement(
        about="evidence",
        by=ask.who.name,
        attributes={"incident_ids": list(asked.incident_ids), "package_sha256": sha256},
    )
    with node.lock:
        seqs = {node.journal.latest(incident) for incident in asked.incident_ids}
    claim = Claim(
        kind="statement",
        id=name("evi", ask.who.name, sha256),
        body=body,
        actor=ask.who.actor,
        refs=tuple(sorted(seq for seq in seqs if seq is not None)),
    )
    await write_one(node, claim)
    headers = {"Content-Disposition": f'attachment; filename="evidence-{sha256[:16]}.zip"'}
    return Response(content, 200, headers, "application/zip")
