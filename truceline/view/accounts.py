"""Who may what, as the log says: accounts made and ended."""

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
        self._codes: dict[str, Account] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind != "user" or fact.redacted is not None:
            return ()
        user = fact.noun(User)
        if user.action in ("created", "enrolled") and user.token_sha256 is not None:
            self._end(user.name)
            account = Account(fact.seq, user)
            self._by_name[user.name] = account
            self._by_token[user.token_sha256] = account
        elif user.action == "ended":
            self._end(user.name)
        elif user.action == "enrolment" and user.code_sha256 is not None:
            self._codes[user.code_sha256] = Account(fact.seq, user)
        if user.action == "enrolled" and user.code_sha256 is not None:
            self._codes.pop(user.code_sha256, None)
        return ()

    def by_token(self, token_sha256: str) -> Account | None:
        """Find the account whose token has this hash."""
        return self._by_token.get(token_sha256)

    def by_name(self, name: str) -> Account | None:
        """Find the account of that name."""
        return self._by_name.get(name)

    def by_code(self, code_sha256: str) -> Account | None:
        """Find the enrolment that waits for this code."""
        return self._codes.get(code_sha256)

    def all(self) -> list[Account]:
        """List the accounts in force, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def _end(self, name: str) -> None:
        account = self._by_name.pop(name, None)
        if account is not None and account.user.token_sha256 is not None:
            self._by_token.pop(account.user.token_sha256, None)
