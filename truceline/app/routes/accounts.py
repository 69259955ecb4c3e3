"""Accounts: an admin makes and ends them; a token is shown once."""

from starlette.responses import Response

from truceline import __version__
from truceline.app.forms import bodies
from truceline.app.forms.answer import Failure, nothing, problem, say
from truceline.app.http.app import app_of
from truceline.app.http.gate import hashed, new_token
from truceline.app.http.table import OPEN, Ask, Table
from truceline.app.http.writing import write_one
from truceline.app.revoke import ended
from truceline.model.decided import User
from truceline.model.facts import Claim
from truceline.model.names import name

TABLE = Table()


@TABLE.route("GET", "/healthz", roles=OPEN, is_open=True, gives={200: bodies.Health}, fails=(503,))
def health(ask: Ask) -> Response:
    """Tell whether the log can be written."""
    if ask.node.failed is not None:
        return problem(503, "the log cannot be written")
    if not app_of(ask).is_local:
        return say(bodies.Health("ok"))
    return say(bodies.Health("ok", __version__, ask.node.journal.tree_size))


@TABLE.route("GET", "/openapi.json", roles=OPEN, is_open=True, gives={200: dict})
def openapi(ask: Ask) -> Response:
    """Describe this API."""
    return Response(app_of(ask).openapi, media_type="application/json")


@TABLE.route(
    "POST", "/users", roles=("admin",), takes=bodies.UserIn, gives={201: bodies.UserMade}, fails=(409,)
)
async def make_user(ask: Ask) -> Response:
    """Make an account; its token is shown this once."""
    asked: bodies.UserIn = ask.body
    if (asked.role == "party-liaison") != (asked.party is not None):
        raise Failure(422, "`party` belongs to a party-liaison, who needs one")
    token = new_token()
    body = User(
        action="created",
        name=asked.name,
        by=ask.who.name,
        role=asked.role,
        party=asked.party,
        token_sha256=hashed(token),
    )
    async with app_of(ask).turn:
        if ask.node.views.accounts.by_name(asked.name) is not None:
            raise Failure(409, f"there is an account {asked.name}; end it first")
        entry = name("usr", asked.name, hashed(token))
        await write_one(ask.node, Claim(kind="user", id=entry, body=body, actor=ask.who.actor))
    return say(bodies.UserMade(asked.name, asked.role, token, asked.party), 201)


@TABLE.route(
    "DELETE", "/users/{name}", roles=("admin",), gives={204: None}, fails=(409,),
    params={"name": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
)  # fmt: skip
async def end_user(ask: Ask) -> Response:
    """End an account; its token and certificate are dead at once, its open streams end."""
    await end_account(ask, ask.path("name"))
    return nothing()


async def end_account(ask: Ask, user: str) -> None:
    """Log that an account, or an enrolment that waits for its code, ended.

    Raises
    ------
    Failure
        404 when there is none, 409 when it is the admin's own.
    """
    async with app_of(ask).turn:
        accounts = ask.node.views.accounts
        account = accounts.by_name(user) or accounts.waiting(user)
        if account is None:
            raise Failure(404, "there is no such account")
        if account.user.role == "admin":
            raise Failure(409, "the admin's account ends with the data folder's admin.token")
        await write_one(ask.node, ended(account, ask.who.name))
