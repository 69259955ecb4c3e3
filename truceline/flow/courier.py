"""Orders leave when they are made, unless a commander holds them."""

from collections.abc import Iterable
from datetime import datetime

from truceline.log.fold import Fold
from truceline.model.decided import OrderState
from truceline.model.facts import Claim, Fact, Job
from truceline.model.names import name
from truceline.view.holds import Holds


class Courier(Fold):
    """Says ``SENT`` once per order: from then on the unit it is addressed to may fetch it.

    An order that a commander cancelled while it was held never leaves.
    """

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._waiting: dict[str, int] = {}

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if fact.kind == "order":
            self._waiting[fact.id] = fact.seq
        elif fact.kind == "order_state" and fact.redacted is None:
            self._waiting.pop(fact.noun(OrderState).order_id, None)
        if not self._waiting or self._holds.is_held("orders", fact.time_utc):
            return []
        sent = [self._sent(order_id, seq, fact) for order_id, seq in self._waiting.items()]
        self._waiting.clear()
        return sent

    def due(self) -> datetime | None:
        """Tell when a hold ends while orders wait behind it."""
        return self._holds.ends("orders") if self._waiting else None

    def _sent(self, order_id: str, seq: int, fact: Fact) -> Claim:
        return Claim(
            kind="order_state",
            id=name("ost", order_id, "SENT"),
            body=OrderState(order_id=order_id, state="SENT", at_utc=fact.time_utc, by="node"),
            actor="node:courier",
            refs=(seq,),
        )
