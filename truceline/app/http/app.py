"""The application: every request passes the same doors on its way to its route."""

import asyncio
import inspect
import logging
import traceback
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truceline.app.forms.answer import Failure, problem
from truceline.app.forms.bodies import Nothing
from truceline.app.forms.ground import Feature, features
from truceline.app.http import body, page
from truceline.app.http.access import AccessFile
from truceline.app.http.covers import Covers
from truceline.app.http.events import Hub, Stream
from truceline.app.http.gate import Caller, Doorkeeper, check_source
from truceline.app.http.openapi import document
from truceline.app.http.table import Ask, Route
from truceline.app.http.turns import Turns
from truceline.app.http.writing import note_refusal
from truceline.flow.node import Node
from truceline.model.errors import BadInput, Broken, Refused

_LOG = logging.getLogger(__name__)
CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000"


class App:
    """An ASGI application over one node.

    Parameters
    ----------
    node
        The running node.
    routes
        The route table.
    names
        Host names that this server answers to, besides addresses and ``localhost``.
    is_local
        Whether only this machine can reach it.
    """

    def __init__(
        self, node: Node, routes: Sequence[Route], names: frozenset[str] = frozenset(), is_local: bool = True
    ) -> None:
        self.node = node
        self.routes = tuple(routes)
        self.is_local = is_local
        self.names = names
        self.door = Doorkeeper(node)
        self.hub = Hub(node, self.door)
        self.covers = Covers(node)
        self.access = AccessFile(node.journal.data_dir)
        self.turns = Turns()
        self.turn = asyncio.Lock()  # one at a time for what looks first and writes then
        self.uploads: dict[str, set[str]] = {}  # sample -> who stored it since the start
        self.openapi = msgspec.json.encode(document(self.routes))
        self._files = page.read_page()
        self._compiled = [(compile_path(route.path)[0], route) for route in self.routes]
        self._leave = [node.subscribe(self.covers.take), node.subscribe(self.hub.take)]

    @cached_property
    def ground(self) -> list[Feature]:
        """The agreement drawn as GeoJSON features, once."""
        return features(self.node.core.agreement)

    def close(self) -> None:
        """Let go of the node."""
        self.hub.close()
        for leave in self._leave:
            leave()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        scope["app"] = self
        answer = await self._answer(Request(scope, receive))
        await answer(scope, receive, _with_headers(send, scope["scheme"]))

    async def _answer(self, request: Request) -> ASGIApp:
        try:
            return await self._route(request)
        except Failure as failure:
            return problem(failure.status, failure.detail, failure.headers)
        except BadInput as error:
            return problem(422, str(error))
        except Refused as refused:
            return problem(refused.status, refused.why)
        except Broken as error:
            return problem(503, f"nothing was recorded: {error}")
        except Exception as error:  # one of the three doors: our own bug gets an id and a trace
            number = uuid.uuid4().hex[:8]
            _LOG.error("failure %s: %s", number, "".join(traceback.format_exception(error)))
            return problem(500, f"our failure {number}; the server's own log says more")

    async def _route(self, request: Request) -> ASGIApp:
        path, method = str(request.scope["path"]), request.method
        check_source(request.headers, path, method, request.url.scheme, self.names)
        matching = [(found, route) for regex, route in self._compiled if (found := regex.match(path))]
        if not matching:
            return self._page(path, method, request.headers)
        asked = "GET" if method == "HEAD" else method
        for found, route in matching:
            if route.method == asked:
                request.scope["path_params"] = found.groupdict()
                return await self._handle(route, request)
        # `/reports/batch` is also a `/reports/{id}`: what is said is about the path declared first.
        first = matching[0][1].path
        allowed = sorted({route.method for _, route in matching if route.path == first})
        raise Failure(405, f"{method} is not offered here", {"Allow": ", ".join(_with_head(allowed))})

    async def _handle(self, route: Route, request: Request) -> ASGIApp:
        caller = None if route.is_open else await self._admit(route, request)
        taken: Any = None
        query: Any = body.decode_query(request.query_params.multi_items(), route.query or Nothing)
        if route.takes is not None:
            body.want_type(request, "application/json")
            taken = body.decode(await body.read_body(request), route.takes)
        ask = Ask(self.node, request, caller, taken, query)
        try:
            if inspect.iscoroutinefunction(route.handler):
                answer: Response = await route.handler(ask)
            else:
                # Open routes are quick: how the log is, and what the routes are.
                async with self.turns.of(caller.actor) if caller is not None else nullcontext():
                    answer = await run_in_threadpool(route.handler, ask)  # type: ignore[arg-type]
        except Failure as failure:  # what only the handler can tell the role, as which step of an order
            if failure.status == 403 and caller is not None and route.writes:
                await note_refusal(self.node, caller, f"{route.method} {route.path}")
            raise
        return answer

    async def _admit(self, route: Route, request: Request) -> Caller:
        caller = self.door.caller(request)
        if caller.role not in route.roles:
            if route.writes:
                await note_refusal(self.node, caller, f"{route.method} {route.path}")
            raise Failure(403, f"the role {caller.role} may not do this")
        return caller

    def _page(self, path: str, method: str, headers: Headers) -> Response:
        file = self._files.get(path)
        if file is None:
            raise Failure(404, "there is nothing here")
        if method not in ("GET", "HEAD"):
            raise Failure(405, f"{method} is not offered here", {"Allow": "GET, HEAD"})
        return page.serve(file, headers)


def app_of(ask: Ask) -> App:
    """Give the application that a request came to."""
    found = ask.request.scope["app"]
    if not isinstance(found, App):
        raise LookupError("no application")
    return found


def events(ask: Ask, after: int | None) -> Stream:
    """Answer with the event stream after an entry."""
    return Stream(app_of(ask).hub.stream(ask.who, after))


def _with_head(methods: list[str]) -> list[str]:
    return sorted({*methods, "HEAD"}) if "GET" in methods else methods


def _with_headers(send: Send, scheme: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for key, value in HEADERS.items():
                if key not in headers:
                    headers[key] = value
            if scheme == "https":
                headers["Strict-Transport-Security"] = HSTS
        await send(message)

    return sending


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
