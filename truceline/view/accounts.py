"""Who may what, as the log says: accounts made and ended, and enrolments that wait for their code."""

from collections.abc import Iterable

import msgspec

from truceline.log.fold import Fold
from truceline.model.decided import User
from truceline.model.facts import Claim, Fact, Job


class Account(msgspec.Struct, frozen=True):
    """An account in force; ``seq`` is the entry that made it."""

    seq: int
    user: User


class Accounts(Fold):
    """Folds ``user`` entries."""

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._by_token: dict[str, Account] = {}
        self._by_cert: dict[str, Account] = {}
        self._codes: dict[str, Account] = {}
        self._waiting: dict[str, str] = {}  # name -> hash of the one code that waits
        self._used: dict[str, Account] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind != "user" or fact.redacted is not None:
            return ()
        user = fact.noun(User)
        if user.action in ("created", "enrolled"):
            self._begin(Account(fact.seq, user))
        elif user.action == "ended":
            self._end(user.name)
        elif user.action == "enrolment" and user.code_sha256 is not None:
            self._forget_code(user.name)
            self._codes[user.code_sha256] = Account(fact.seq, user)
            self._waiting[user.name] = user.code_sha256
        return ()

    def by_token(self, token_sha256: str) -> Account | None:
        """Find the account whose token has this hash."""
        return self._by_token.get(token_sha256)

    def by_cert(self, cert_sha256: str) -> Account | None:
        """Find the account whose certificate (DER) has this hash."""
        return self._by_cert.get(cert_sha256)

    def by_name(self, name: str) -> Account | None:
        """Find the account of that name."""
        return self._by_name.get(name)

    def by_code(self, code_sha256: str) -> Account | None:
        """Find the enrolment that waits for this code."""
        return self._codes.get(code_sha256)

    def waiting(self, name: str) -> Account | None:
        """Find the enrolment that waits for somebody of that name."""
        return self._codes.get(self._waiting.get(name, ""))

    def used(self, code_sha256: str) -> Account | None:
        """Find the account that was made with this code, also when it has ended."""
        return self._used.get(code_sha256)

    def all(self) -> list[Account]:
        """List the accounts in force, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def _begin(self, account: Account) -> None:
        user = account.user
        if user.token_sha256 is None and user.cert_sha256 is None:
            return
        self._end(user.name)
        self._by_name[user.name] = account
        if user.token_sha256 is not None:
            self._by_token[user.token_sha256] = account
        if user.cert_sha256 is not None:
            self._by_cert[user.cert_sha256] = account
        if user.code_sha256 is not None:
            self._codes.pop(user.code_sha256, None)
            self._used[user.code_sha256] = account

    def _end(self, name: str) -> None:
        self._forget_code(name)
        account = self._by_name.pop(name, None)
        if account is None:
            return
        self._by_token.pop(account.user.token_sha256 or "", None)
        self._by_cert.pop(account.user.cert_sha256 or "", None)

    def _forget_code(self, name: str) -> None:
        self._codes.pop(self._waiting.pop(name, ""), None)
