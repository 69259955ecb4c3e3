"""Enrolments: a code that works once makes an account, and signs its owner's key."""

import io
import logging
import secrets
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from truceline.app.authority import Authority, authority, requested_key
from truceline.app.forms import bodies
from truceline.app.forms.answer import Failure, say
from truceline.app.http.app import app_of
from truceline.app.http.body import read_body, want_type
from truceline.app.http.gate import hashed, new_token
from truceline.app.http.table import OPEN, Ask, Table
from truceline.app.http.writing import write, write_one
from truceline.model.decided import User
from truceline.model.errors import Refused
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.model.place import utc_text
from truceline.view.accounts import Account

_LOG = logging.getLogger(__name__)
TABLE = Table()
CSR_TYPES = ("application/x-pem-file", "application/pkcs10", "application/octet-stream", "text/plain")
LIFE = timedelta(minutes=10)
_FORM = "application/x-www-form-urlencoded"  # what common tools say of any body they are given
_MOST = 1 << 14  # bytes of a request for a certificate; one for RSA 4096 has 1.8 KiB
_CODE_BYTES = 32
_GONE = "this code is not known, was used, or is too old: ask for another"


@TABLE.route(
    "POST", "/enrolments", roles=("admin",), takes=bodies.UserIn, gives={201: bodies.EnrolmentMade},
    fails=(409,),
)  # fmt: skip
async def invite(ask: Ask) -> Response:
    """Make a code that enrols one person within ten minutes; the QR picture holds its URL."""
    asked: bodies.UserIn = ask.body
    if (asked.role == "party-liaison") != (asked.party is not None):
        raise Failure(422, "`party` belongs to a party-liaison, who needs one")
    code = secrets.token_urlsafe(_CODE_BYTES)
    # Ten minutes of the person who holds the phone, also where the mission's clock runs faster.
    expires = ask.node.now() + LIFE * ask.node.rate
    body = User(
        action="enrolment",
        name=asked.name,
        by=ask.who.name,
        role=asked.role,
        party=asked.party,
        code_sha256=hashed(code),
        expires_utc=expires,
    )
    async with app_of(ask).turn:
        if ask.node.views.accounts.by_name(asked.name) is not None:
            raise Failure(409, f"there is an account {asked.name}; end it first")
        signer = await run_in_threadpool(authority, ask.node.journal.data_dir)
        claim = Claim(kind="user", id=name("enr", hashed(code)), body=body, actor=ask.who.actor)
        await write_one(ask.node, claim)
    url = _url(ask, code, signer)
    picture = await run_in_threadpool(_qr, url)
    return say(bodies.EnrolmentMade(code, url, picture, utc_text(expires)), 201)


@TABLE.route(
    "POST", "/enrolments/{code}", roles=OPEN, is_open=True, raw=CSR_TYPES, gives={201: bodies.Enrolled},
    fails=(410,), params={"code": "^[A-Za-z0-9_-]{43}$"},
)  # fmt: skip
async def enrol(ask: Ask) -> Response:
    """Turn a code and a request for a certificate (PKCS #10, PEM) into a certificate and a token."""
    if "content-type" in ask.request.headers:
        want_type(ask.request, *CSR_TYPES, _FORM)
    public = await run_in_threadpool(requested_key, await read_body(ask.request, _MOST))
    code_sha256, token = hashed(ask.path("code")), new_token()
    async with app_of(ask).turn:
        signer = await run_in_threadpool(authority, ask.node.journal.data_dir)
        accounts = ask.node.views.accounts
        waiting = accounts.by_code(code_sha256)
        # Signed whether the code is good or not, so that the time tells nothing.
        person = waiting.user.name if waiting is not None else "nobody"
        certified = await run_in_threadpool(signer.certify, public, person)
        if waiting is None or not _is_open(ask, waiting):
            await _refuse(ask, code_sha256, waiting)
            raise Failure(410, _GONE)
        body = User(
            action="enrolled",
            name=person,
            by=waiting.user.by,
            role=waiting.user.role,
            party=waiting.user.party,
            token_sha256=hashed(token),
            code_sha256=code_sha256,
            cert_sha256=certified.sha256,
        )
        # One entry per code, by its id: the log itself refuses a second one.
        claim = Claim(
            kind="user", id=name("usr", "enrolled", code_sha256), body=body, actor=f"user:{person}",
            refs=(waiting.seq,),
        )  # fmt: skip
        if isinstance((await write(ask.node, [claim]))[0], Refused):
            await _refuse(ask, code_sha256, None)
            raise Failure(410, _GONE)
    return say(bodies.Enrolled(certified.pem, signer.pem, token), 201)


def _is_open(ask: Ask, waiting: Account) -> bool:
    expires = waiting.user.expires_utc
    return expires is not None and ask.node.now() < expires


async def _refuse(ask: Ask, code_sha256: str, waiting: Account | None) -> None:
    """Count a code that does not work, and log one that did: who used it first may have stolen it.

    The account stays: an answer that was lost makes an honest phone ask twice, and an old code must
    not be a weapon. The administrator sees the entry and revokes. Each code makes two such entries
    at most, so nobody fills the log with them.
    """
    app_of(ask).door.count_wrong()
    accounts = ask.node.views.accounts
    used = accounts.used(code_sha256)
    known = waiting or used
    if known is None or ask.node.failed is not None:
        return
    what = "a code of an enrolment came too late" if waiting else "a code of an enrolment came a second time"
    user = known.user
    body = User(
        action="refused", name=user.name, by=user.name, role=user.role, code_sha256=code_sha256, text=what
    )
    refused = Claim(
        kind="user", id=name("ref", what, code_sha256), body=body, actor="node:gate", refs=(known.seq,)
    )
    _LOG.warning("%s: %s", user.name, what)
    await write(ask.node, [refused])


def _url(ask: Ask, code: str, signer: Authority) -> str:
    # The gate has let this Host in; what comes after # is for the phone and is never sent.
    host = ask.request.headers["host"]
    return f"{ask.request.url.scheme}://{host}/enrolments/{code}#ca-sha256={signer.fingerprint}"


def _qr(text: str) -> str:
    import segno

    drawn = io.BytesIO()
    segno.make(text, micro=False).save(drawn, kind="svg", xmldecl=False, scale=4)
    return drawn.getvalue().decode()
