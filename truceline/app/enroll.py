"""Certificates for clients from the command line, beside a running server or without one."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from truceline.app.authority import authority, key_pem, new_key, request_pem
from truceline.app.link import Link, running
from truceline.app.output import whole_file, whole_folder
from truceline.app.progress import progress
from truceline.log.journal import Journal
from truceline.model.decided import Role, User
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.view.accounts import Accounts

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CA = "ca.pem"


class Who(msgspec.Struct, frozen=True):
    """What the people to enrol may do."""

    role: Role
    party: str | None = None


class Issued(msgspec.Struct, frozen=True):
    """What one person gets, and the authority's certificate."""

    name: str
    key: bytes
    cert: bytes
    ca: bytes


def enroll(data_dir: Path, names: Sequence[str], who: Who, out: Path) -> None:
    """Make accounts with certificates, and write ``out/ca.pem`` and ``out/NAME/{cert,key}.pem``.

    A folder ``out`` that is there already keeps what it holds.

    Raises
    ------
    BadInput
        If a name makes no account or no folder, or is taken; nothing is written then.
    Broken
        If the server or the log refuses.
    """
    _check(data_dir, names, who, out)
    os.umask(0o077)
    link = running(data_dir)
    if link is None:
        people = _through_log(data_dir, names, who)
    else:
        with link:
            people = list(progress(_through_server(link, names, who), "names", len(names)))
    if out.exists():
        with whole_file(out / _CA) as file:
            file.write_bytes(people[0].ca)
        for person in people:
            with whole_folder(out / person.name) as folder:
                _fill(folder, person)
        return
    with whole_folder(out) as folder:
        (folder / _CA).write_bytes(people[0].ca)
        for person in people:
            own = folder / person.name
            own.mkdir(mode=0o700)
            _fill(own, person)


def _check(data_dir: Path, names: Sequence[str], who: Who, out: Path) -> None:
    if not (data_dir / "log").is_dir():
        raise BadInput(str(data_dir), "no data folder of a mission")
    if (who.role == "party-liaison") != (who.party is not None):
        raise BadInput("--party", "belongs to a party-liaison, who needs one")
    for one in names:
        if not _NAME.fullmatch(one) or one.lower() == _CA:
            raise BadInput("NAME", f"{one!r}: letters, digits, dot, dash and underscore, 64 at most")
    if len(set(names)) != len(names):
        raise BadInput("NAME", "stands twice")
    if out.exists() and not out.is_dir():
        raise BadInput(str(out), "is no folder")
    if not out.absolute().parent.is_dir():
        raise BadInput(str(out), "its parent is no folder")
    for one in names:
        if (out / one).exists():
            raise BadInput(str(out / one), "is there already, and may hold a key that is in use")


def _through_server(link: Link, names: Sequence[str], who: Who) -> Iterator[Issued]:
    # All are asked for before the first is made: a name that is taken then leaves nothing behind.
    codes = [_invite(link, one, who) for one in names]
    for one, code in zip(names, codes, strict=True):
        key = new_key()
        said = _said(*link.ask("POST", f"/enrolments/{code}", request_pem(key), "application/x-pem-file"))
        yield Issued(one, key_pem(key), said["cert_pem"].encode(), said["ca_pem"].encode())


def _invite(link: Link, one: str, who: Who) -> str:
    asked = {"name": one, "role": who.role} | ({"party": who.party} if who.party else {})
    status, answer = link.ask("POST", "/enrolments", json.dumps(asked).encode())
    if status == 409:
        raise BadInput(one, "there is an account of that name; end it first (truceline revoke)")
    return str(_said(status, answer)["code"])


def _said(status: int, answer: bytes) -> dict[str, Any]:
    if status != 201:
        raise Broken(f"the server answered {status}: {answer[:400].decode(errors='replace')}")
    said: dict[str, Any] = json.loads(answer)
    return said


def _through_log(data_dir: Path, names: Sequence[str], who: Who) -> list[Issued]:
    journal = Journal.open(data_dir)  # nobody else writes from here on
    try:
        accounts = Accounts()
        for fact in journal.facts():
            accounts.apply(fact)
        for one in names:
            if accounts.by_name(one) is not None:
                raise BadInput(one, "there is an account of that name; end it first (truceline revoke)")
        signer = authority(data_dir)
        people, claims = [], []
        for one in names:
            key = new_key()
            certified = signer.certify(key.public_key(), one)
            people.append(Issued(one, key_pem(key), certified.pem.encode(), signer.pem.encode()))
            claims.append(_claim(one, certified.sha256, who))
        _append(journal, claims)
        return people
    finally:
        journal.close()


def _claim(one: str, cert_sha256: str, who: Who) -> Claim:
    body = msgspec.convert(
        {
            "action": "enrolled", "name": one, "by": "admin", "role": who.role, "party": who.party,
            "cert_sha256": cert_sha256,
        },
        User,
    )  # fmt: skip
    return Claim(kind="user", id=name("usr", "enrolled", cert_sha256), body=body, actor="user:admin")


def _append(journal: Journal, claims: Iterable[Claim]) -> None:
    for outcome in journal.append(list(claims)):
        if isinstance(outcome, Exception):
            raise Broken(f"the log refused it: {outcome}")


def _fill(folder: Path, person: Issued) -> None:
    (folder / "cert.pem").write_bytes(person.cert)
    (folder / "key.pem").write_bytes(person.key)  # 0600 by the umask
