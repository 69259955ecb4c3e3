"""The human gate at the log's own door: no order without a commander's decision, whoever appends."""

from collections.abc import Mapping
from typing import Any

from truceline.model.errors import Refused
from truceline.model.facts import KINDS

APPROVING = ("approved", "amended")
UNERASABLE = frozenset({"erasure", "decision", "order", "user"})  # what the human gate rests on
_ASKED = ("decision", "user", "erasure")  # kinds whose bodies the gate must know


class Roll:
    """What the gate remembers of the log: small, and rebuilt by folding it."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.commanders: dict[str, int] = {}  # name -> seq of the `user` entry that holds
        self.approving: set[int] = set()  # decisions from which an order may come
        self.erased: set[int] = set()  # entries that an erasure names

    def take(self, kind: str, refs: tuple[int, ...], body: Mapping[str, Any] | None) -> None:
        """Take in the next entry; ``body`` of the kinds of :func:`needs_body`, None when erased."""
        seq = len(self.kinds)
        self.kinds.append(kind)
        if kind == "erasure":
            self.erased.update(refs)
        if body is None or kind not in _ASKED:
            return
        if kind == "decision":
            self._take_decision(seq, refs, body)
        elif kind == "user":
            self._take_user(seq, body)

    def _take_decision(self, seq: int, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
        approves = body.get("verdict") in APPROVING and body.get("role") == "commander"
        if approves and any(self.kinds[ref] == "recommendation" for ref in refs):
            self.approving.add(seq)

    def _take_user(self, seq: int, body: Mapping[str, Any]) -> None:
        name, action = body.get("name"), body.get("action")
        if not isinstance(name, str) or action not in ("created", "enrolled", "ended"):
            return
        self.commanders.pop(name, None)
        if action != "ended" and body.get("role") == "commander":
            self.commanders[name] = seq


def needs_body(kind: str) -> bool:
    """Tell whether the gate must know the bodies of this kind."""
    return kind in _ASKED


def admit(roll: Roll, kind: str, actor: str, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
    """Let a claim in, or say why not.

    Raises
    ------
    Refused
        If the kind is unknown, an order rests on no approving decision of a commander over a
        recommendation, a decision is not made by a commander who is one now, or an erasure names
        what may not be blanked.
    """
    if kind not in KINDS:
        raise Refused(f"no kind of entry is called {kind}", 422)
    if kind == "order" and roll.approving.isdisjoint(refs):
        raise Refused(
            "an order needs an approving decision of a commander, over a recommendation, in its refs"
        )
    if kind == "decision":
        _admit_decision(roll, actor, refs, body)
    if kind == "erasure":
        _admit_erasure(roll, refs, body)


def _admit_decision(roll: Roll, actor: str, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
    word, _, name = actor.partition(":")
    account = roll.commanders.get(name)
    if word != "user" or account is None:
        raise Refused(f"{actor} is no user with the role commander: only a commander decides")
    if account not in refs:
        raise Refused(f"a decision needs the entry that made {name} a commander ({account}) in its refs")
    if body.get("by", name) != name or body.get("role", "commander") != "commander":
        raise Refused(f"a decision by {actor} must say so in its body")


def _admit_erasure(roll: Roll, refs: tuple[int, ...], body: Mapping[str, Any]) -> None:
    if not (isinstance(body.get("by"), str) and isinstance(body.get("reason"), str)):
        raise Refused("an erasure says by whom and for what reason", 422)
    if not refs:
        raise Refused("an erasure names the entries in its refs", 422)
    for ref in refs:
        if ref in roll.erased:
            raise Refused(f"entry {ref} is erased already", 409)
        if roll.kinds[ref] in UNERASABLE:
            raise Refused(f"entry {ref} is a {roll.kinds[ref]}: the human gate rests on it", 409)
