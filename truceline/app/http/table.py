"""The route table: each route declares its roles, what it takes and what it answers."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from truceline.app.http.gate import Caller
from truceline.flow.node import Node
from truceline.model.decided import Role

OPERATIONS: tuple[Role, ...] = ("operator", "commander", "auditor")
REPORTERS: tuple[Role, ...] = ("observer", "operator", "commander")
MISSION: tuple[Role, ...] = ("observer", "operator", "commander", "party-liaison", "auditor")
EVERYONE: tuple[Role, ...] = ("admin", *MISSION)
OPEN: tuple[Role, ...] = ()


class Ask(msgspec.Struct, frozen=True):
    """One request that passed the gate: who asks, for what."""

    node: Node
    request: Request
    caller: Caller | None
    body: Any = None
    query: Any = None

    @property
    def who(self) -> Caller:
        """The person who asks; only open routes have none."""
        if self.caller is None:
            raise LookupError("an open route has no caller")
        return self.caller

    def path(self, key: str) -> str:
        """Give a part of the path."""
        return str(self.request.path_params[key])


Handler = Callable[[Ask], Response | Awaitable[Response]]


class Media(msgspec.Struct, frozen=True):
    """An answer that is not JSON: its media types."""

    types: tuple[str, ...]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    ``roles`` may call it; empty means open to all, and ``is_open`` must say so too.
    ``takes`` is the type of a JSON body; ``raw`` is a body that the handler reads itself.
    ``gives`` maps a status to the type of its JSON answer, a :class:`Media`, or None.
    ``fails`` lists statuses besides those that the gate and the body may answer.
    """

    method: str
    path: str
    handler: Handler
    roles: tuple[Role, ...]
    gives: Mapping[int, Any]
    summary: str
    is_open: bool = False
    takes: type | None = None
    raw: tuple[str, ...] = ()
    query: type | None = None
    fails: tuple[int, ...] = ()
    params: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}

    @property
    def writes(self) -> bool:
        """Tell whether it changes something."""
        return self.method != "GET"


class Table:
    """Routes of one file, in the order of declaration."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def route(
        self, method: str, path: str, *, roles: Iterable[Role], gives: Mapping[int, Any], **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated function as the handler of a route; its docstring is the summary."""

        def declare(handler: Handler) -> Handler:
            summary = (handler.__doc__ or "").strip().splitlines()[0]
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    roles=tuple(roles),
                    gives=gives,
                    summary=summary,
                    **more,
                )
            )
            return handler

        return declare
