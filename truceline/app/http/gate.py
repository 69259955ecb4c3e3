"""Who is asking, and from where: tokens, roles, hosts and origins."""

import hashlib
import ipaddress
import logging
import os
import re
import secrets
import time
from collections import deque
from pathlib import Path

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request

from truceline.app.forms.answer import Failure
from truceline.flow.node import Node
from truceline.model.decided import Role, User
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.view.accounts import Account
from truceline.view.release import Viewer

_LOG = logging.getLogger(__name__)
_TOKEN = re.compile("[A-Za-z0-9_-]{20,200}")
_TOKEN_BYTES = 32
_ALARM_PER_MINUTE = 20
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Caller(msgspec.Struct, frozen=True):
    """Who asks; ``seq`` is the entry that made the account."""

    name: str
    role: Role
    party: str | None
    seq: int
    token_sha256: str

    @property
    def actor(self) -> str:
        """Name the caller as the log does."""
        return f"user:{self.name}"

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.name, self.role, self.party)


class Doorkeeper:
    """Knows the callers by their tokens, and counts the wrong ones.

    Wrong tokens raise an alarm and lock nobody out: 256 bits cannot be guessed, and a lock-out
    is a weapon.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._wrong: deque[float] = deque(maxlen=_ALARM_PER_MINUTE)

    def caller(self, request: Request) -> Caller:
        """Tell who asks.

        Raises
        ------
        Failure
            401 when the token is missing, malformed, wrong or revoked.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Failure(401, "log in: the header `Authorization: Bearer TOKEN` is missing", _CHALLENGE)
        account = self._account(token.strip())
        if account is None or account.user.role is None:
            self.count_wrong()
            raise Failure(401, "this token is not known, or was revoked", _CHALLENGE)
        user = account.user
        return Caller(
            user.name, account.user.role, user.party, account.seq, hashed(token.strip())
        )  # fmt: skip

    def still(self, caller: Caller) -> bool:
        """Tell whether a caller's account is still in force."""
        account = self._node.views.accounts.by_token(caller.token_sha256)
        return account is not None and account.seq == caller.seq

    def count_wrong(self) -> None:
        """Count a wrong token or code; many within a minute are an alarm."""
        now = time.monotonic()
        self._wrong.append(now)
        if len(self._wrong) == _ALARM_PER_MINUTE and now - self._wrong[0] < 60:
            _LOG.warning("%d wrong tokens or codes within a minute", _ALARM_PER_MINUTE)
            self._wrong.clear()

    def _account(self, token: str) -> Account | None:
        # Looked up by the hash of the token: timing tells nothing about the token itself.
        return self._node.views.accounts.by_token(hashed(token)) if _TOKEN.fullmatch(token) else None


def check_source(headers: Headers, path: str, method: str, scheme: str, names: frozenset[str]) -> None:
    """Refuse requests that another site's page or another name for this machine sends.

    Raises
    ------
    Failure
        403 on a foreign ``Host``, ``Origin`` or ``Sec-Fetch-Site``.
    """
    host = headers.get("host", "").lower()
    if len(headers.getlist("host")) != 1 or not _is_ours(host, names):
        raise Failure(403, "this server does not answer to that Host")
    origins = headers.getlist("origin")
    if origins and origins != [f"{scheme}://{host}"]:
        raise Failure(403, "requests of another Origin are refused")
    site = headers.get("sec-fetch-site", "none").lower()
    opens_page = (
        method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )  # fmt: skip
    if site not in ("none", "same-origin") and not opens_page:
        raise Failure(403, "requests of another site are refused")


def new_token() -> str:
    """Make a token: 32 random bytes."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hashed(token: str) -> str:
    """Hash a token; only this is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def ensure_admin(data_dir: Path, node: Node) -> Path:
    """See to it that ``DIR/admin.token`` exists and is the token of the account ``admin``.

    Returns
    -------
    Path
        The file, mode 0600.

    Raises
    ------
    BadInput
        If the file cannot be read or written.
    """
    path = data_dir / "admin.token"
    try:
        token = path.read_text(encoding="ascii").strip() if path.exists() else _write_token(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"cannot be read or written: {error}") from error
    if not _TOKEN.fullmatch(token):
        raise BadInput(str(path), "holds no token; delete it, and a new one is made")
    if node.views.accounts.by_token(hashed(token)) is None:
        body = User(action="created", name="admin", by="node", role="admin", token_sha256=hashed(token))
        claim = Claim(kind="user", id=name("usr", "admin", hashed(token)), body=body, actor="node:gate")
        for outcome in node.submit([claim]).result():
            if isinstance(outcome, Exception):
                raise Broken(f"the admin account was refused: {outcome}")
    return path


def _write_token(path: Path) -> str:
    token = new_token()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, 0o600), "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return token


def _is_ours(host: str, names: frozenset[str]) -> bool:
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", host)
    if found is None:
        return False
    bare = found[1].strip("[]")
    if bare == "localhost" or bare in names:
        return True
    try:
        # Rebinding needs a name: whoever writes the address itself knows where they go.
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True
