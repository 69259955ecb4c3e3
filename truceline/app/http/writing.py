"""The API's way into the log: claims in, durable facts out, refusals as answers."""

import asyncio
import secrets
from collections.abc import Sequence

from truceline.app.forms.answer import Failure
from truceline.app.http.gate import Caller
from truceline.flow.node import Node
from truceline.log.journal import Appended
from truceline.model.decided import Decision, Order, Recommendation, User
from truceline.model.errors import Refused
from truceline.model.facts import Claim
from truceline.model.names import name


async def write(node: Node, claims: Sequence[Claim]) -> list[Appended | Refused]:
    """Hand claims in and wait until they are durable and folded.

    Raises
    ------
    Broken
        If the log cannot be written.
    """
    return await asyncio.wrap_future(node.submit(claims))


async def write_one(node: Node, claim: Claim) -> Appended:
    """Write one claim.

    Raises
    ------
    Failure
        With the log's own status and reason when it refuses.
    """
    outcome = (await write(node, [claim]))[0]
    if isinstance(outcome, Refused):
        raise Failure(outcome.status, outcome.why)
    return outcome


async def note_refusal(node: Node, caller: Caller, what: str) -> None:
    """Log that somebody asked for what the role may not do (contract wire, F)."""
    if node.failed is not None:
        return
    body = User(action="refused", name=caller.name, by=caller.name, role=caller.role, text=what)
    claim = Claim(kind="user", id=name("ref", secrets.token_hex(16)), body=body, actor=caller.actor)
    await write(node, [claim])


def order_claims(
    decision_seq: int, decision_id: str, decision: Decision, proposed: Recommendation, proposed_seq: int
) -> list[Claim]:
    """Make the orders of an approving decision; there is no other way to one.

    Raises
    ------
    Refused
        If the decision does not approve.
    """
    approval = decision.approval(decision_id)
    tasks = decision.tasks if decision.tasks is not None else proposed.tasks
    claims = []
    for tasking in tasks:
        order_id, order = Order.of(approval, tasking, proposed)
        claims.append(
            Claim(
                kind="order",
                id=order_id,
                body=order,
                actor=f"user:{decision.by}",
                refs=(proposed_seq, decision_seq),
            )
        )
    return claims


def missing_orders(node: Node) -> list[Claim]:
    """Make the orders that a crash kept from following their decision."""
    with node.lock:
        board = node.views.board
        known = {item.id for item in board.orders()}
        claims: list[Claim] = []
        for item in board.recommendations():
            if item.state in ("approved", "amended") and item.decision and item.decision_seq is not None:
                claims += order_claims(
                    item.decision_seq, str(item.decision_id), item.decision, item.recommendation, item.seq
                )
        return [claim for claim in claims if claim.id not in known]
