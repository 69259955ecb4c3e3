"""Ending an account from the command line, beside a running server or without one."""

from pathlib import Path

from truceline.app.link import running
from truceline.log.journal import Journal
from truceline.model.decided import User
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.view.accounts import Account, Accounts


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
    link = running(data_dir)
    if link is None:
        _write(data_dir, user)
        return
    with link:
        status, detail = link.ask("DELETE", f"/users/{user}")
    if status == 404:
        raise BadInput(user, "there is no such account")
    if status != 204:
        raise Broken(f"the server answered {status}: {detail[:400].decode(errors='replace')}")


def ended(account: Account, by: str) -> Claim:
    """Make the claim that an account, or an enrolment that waits, ended."""
    user = account.user
    return Claim(
        kind="user",
        id=name("usr", "ended", user.name, str(account.seq)),
        body=User(action="ended", name=user.name, by=by, role=user.role),
        actor=f"user:{by}",
        refs=(account.seq,),
    )


def _write(data_dir: Path, user: str) -> None:
    journal = Journal.open(data_dir)
    try:
        accounts = Accounts()
        for fact in journal.facts():
            accounts.apply(fact)
        account = accounts.by_name(user) or accounts.waiting(user)
        if account is None:
            raise BadInput(user, "there is no such account")
        for outcome in journal.append([ended(account, "admin")]):
            if isinstance(outcome, Exception):
                raise Broken(f"the log refused it: {outcome}")
    finally:
        journal.close()
