"""The human gate at the log's own door: no order without a commander's decision, whoever appends."""

from collections.abc import Mapping
from typing import Any

from truceline.model.errors import Refused
from truceline.model.facts import KINDS

APPROVING = ("approved", "amended")
_COPIED = ("decision", "user")  # kinds whose bodies the gate must know


class Roll:
    """What the gate remembers of the log: small, and rebuilt by folding it."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.commanders: dict[str, int] = {}  # name -> seq of the `user` entry that holds
        self.approving: set[int] = set()  # decisions from which an order may come

    def take(self, kind: str, refs: tuple[int, ...], body: Mapping[str, Any] | None) -> None:
        """Take in the next entry; ``body`` is needed for decisions and users, None when erased."""
        seq = len(self.kinds)
        self.kinds.append(kind)
        if body is None or kind not in _COPIED:
            return
        if kind == "decision":
            self._take_decision(seq, refs, body)
        else:
            self._take_user(seq, body)

    def _take_decision(self, seq: int, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
        approves = body.get("verdict") in APPROVING and body.get("role") == "commander"
        if approves and any(self.kinds[ref] == "recommendation" for ref in refs):
            self.approving.add(seq)

    def _take_user(self, seq: int, body: Mapping[str, Any]) -> None:
        name, action = body.get("name"), body.get("action")
        if not isinstance(name, str) or action not in ("created", "ended"):
            return
        self.commanders.pop(name, None)
        if action == "created" and body.get("role") == "commander":
            self.commanders[name] = seq


def needs_body(kind: str) -> bool:
    """Tell whether :meth:`Roll.take` wants the body of this kind."""
    return kind in _COPIED


def admit(roll: Roll, kind: str, actor: str, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
    """Let a claim in, or say why not.

    Raises
    ------
    Refused
        If the kind is unknown, an order rests on no approving decision of a commander over a
        recommendation, or a decision is not made by a commander who is one now.
    """
    if kind not in KINDS:
        raise Refused(f"no kind of entry is called {kind}", 422)
    if kind == "order" and roll.approving.isdisjoint(refs):
        raise Refused(
            "an order needs an approving decision of a commander, over a recommendation, in its refs"
        )
    if kind == "decision":
        _admit_decision(roll, actor, refs, body)


def _admit_decision(roll: Roll, actor: str, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
    word, _, name = actor.partition(":")
    account = roll.commanders.get(name)
    if word != "user" or account is None:
        raise Refused(f"{actor} is no user with the role commander: only a commander decides")
    if account not in refs:
        raise Refused(f"a decision needs the entry that made {name} a commander ({account}) in its refs")
    if body.get("by", name) != name or body.get("role", "commander") != "commander":
        raise Refused(f"a decision by {actor} must say so in its body")
