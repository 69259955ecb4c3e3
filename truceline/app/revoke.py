"""Ending an account from the command line, beside a running server or without one."""

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from truceline.log.journal import Journal
from truceline.model.decided import User
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.view.accounts import Account, Accounts

_TIMEOUT_S = 5
_PLACE = Path("cache", "server.json")


def note_server(data_dir: Path, url: str, tls_cert: Path | None) -> None:
    """Write down where the server of a data folder listens; it may be deleted at any time."""
    path = data_dir / _PLACE
    path.parent.mkdir(mode=0o700, exist_ok=True)
    cert = str(tls_cert.resolve()) if tls_cert is not None else None
    path.write_text(json.dumps({"url": url, "tls_cert": cert}))


def revoke(data_dir: Path, user: str) -> None:
    """End an account: through the running server, or in the log itself when none runs.

    Raises
    ------
    BadInput
        If there is no such account or data folder.
    Broken
        If the server refuses.
    """
    if not (data_dir / "log").is_dir():
        raise BadInput(str(data_dir), "no data folder of a mission")
    if not _ask_server(data_dir, user):
        _write(data_dir, user)


def ended(account: Account, by: str) -> Claim:
    """Make the claim that an account ended."""
    user = account.user
    return Claim(
        kind="user",
        id=name("usr", "ended", user.name, str(account.seq)),
        body=User(action="ended", name=user.name, by=by, role=user.role),
        actor=f"user:{by}",
        refs=(account.seq,),
    )


def _ask_server(data_dir: Path, user: str) -> bool:
    """Ask the running server; False: none answers."""
    try:
        said = json.loads((data_dir / _PLACE).read_text())
        token = (data_dir / "admin.token").read_text().strip()
    except (OSError, ValueError):
        return False
    url = urlsplit(said["url"])
    host = "127.0.0.1" if url.hostname in (None, "0.0.0.0") else url.hostname  # noqa: S104
    host = "::1" if host == "::" else host
    link = _link(str(host), url.port or 0, said["tls_cert"])
    try:
        link.request("DELETE", f"/users/{user}", headers={"Authorization": f"Bearer {token}"})
        answer = link.getresponse()
        detail = answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
    if answer.status == 404:
        raise BadInput(user, "there is no such account")
    if answer.status != 204:
        raise Broken(f"the server answered {answer.status}: {detail}")
    return True


def _link(host: str, port: int, tls_cert: str | None) -> http.client.HTTPConnection:
    if tls_cert is None:
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    # Pinned to the very certificate that the server was started with, so its names do not matter.
    context = ssl.create_default_context(cafile=tls_cert)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)


def _write(data_dir: Path, user: str) -> None:
    journal = Journal.open(data_dir)
    try:
        accounts = Accounts()
        for fact in journal.facts():
            accounts.apply(fact)
        account = accounts.by_name(user)
        if account is None:
            raise BadInput(user, "there is no such account")
        for outcome in journal.append([ended(account, "admin")]):
            if isinstance(outcome, Exception):
                raise Broken(f"the log refused it: {outcome}")
    finally:
        journal.close()
