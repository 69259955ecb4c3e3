"""One process: the node, the API and the page behind one socket, until it is told to stop."""

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from truceline.app.documents import Press
from truceline.app.http.app import App
from truceline.app.http.gate import ensure_admin
from truceline.app.http.writing import missing_orders
from truceline.app.link import note_server
from truceline.app.retention import Broom
from truceline.app.routes import accounts, deciding, enrolments, parties, picture, proofs, reports, samples
from truceline.flow.mission import Mission
from truceline.flow.node import Node
from truceline.model.errors import BadInput, Broken

_LAST_PORT = 65_535
_LOG = logging.getLogger(__name__)
ROUTES = tuple(
    route
    for room in (accounts, enrolments, reports, samples, picture, deciding, parties, proofs)
    for route in room.TABLE.routes
)
GRACE_S = 3  # for open requests when it stops; the contract gives ten seconds for everything
_PATIENCE_S = 120
_BACKLOG = 1024
_STUCK_MS = 30_000  # a reader that takes nothing for so long is cut off


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, and as whom."""

    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def is_local(self) -> bool:
        """Tell whether only this machine can reach it."""
        return is_loopback(self.host)


class Server(uvicorn.Server):
    """Uvicorn that says when it is ready and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, app: App, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.hub.close()
        await super().shutdown(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def is_loopback(host: str) -> bool:
    """Tell whether a host to listen on is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(settings: Settings) -> None:
    """Refuse settings that would open the door.

    Raises
    ------
    BadInput
        If it would listen beyond this machine without TLS, no port has that number, or a file is missing.
    """
    if not 0 <= settings.port <= _LAST_PORT:
        raise BadInput("--port", f"{settings.port} is no port; give 0 to {_LAST_PORT}")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise BadInput("--tls-cert, --tls-key", "need each other")
    if not settings.is_local and settings.tls_cert is None:
        raise BadInput("--host", f"{settings.host} is not this machine alone: give --tls-cert and --tls-key")
    for path in (settings.tls_cert, settings.tls_key):
        if path is not None and not path.is_file():
            raise BadInput(str(path), "no such file")


def serve(node: Node, settings: Settings, say: Callable[[str], None] = print) -> None:
    """Run the API over a started node until SIGTERM or SIGINT; the node is the caller's to stop.

    Parameters
    ----------
    node
        A started node.
    settings
        Where to listen.
    say
        Takes the line that says it is ready (contract wire, A).

    Raises
    ------
    BadInput
        If the settings or the port do not work.
    """
    with listening(node, settings, say) as server:
        for word in (signal.SIGTERM, signal.SIGINT):
            signal.signal(word, lambda _number, _frame: _stop(server))
        server.run(sockets=list(server.own_sockets))


@contextlib.contextmanager
def listening(node: Node, settings: Settings, say: Callable[[str], None]) -> Iterator["Running"]:
    """Make the server over a bound socket; closed at the end."""
    check(settings)
    bound = _bind(settings.host, settings.port)
    app = App(node, ROUTES, frozenset({settings.host, socket.gethostname().lower()}), settings.is_local)
    port = int(bound.getsockname()[1])
    scheme = "https" if settings.tls_cert is not None else "http"
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    line: dict[str, Any] = {
        "event": "ready",
        "http_port": port,
        "cot_port": None,
        "url": f"{scheme}://{shown}:{port}/",
    }
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )

    def ready() -> None:
        note_server(node.journal.data_dir, line["url"], settings.tls_cert)
        say(json.dumps(line, separators=(",", ":")))

    try:
        yield Running(config, app, ready, bound)
    finally:
        app.close()
        bound.close()


class Running(Server):
    """A server with the socket that it was made for."""

    def __init__(
        self, config: uvicorn.Config, app: App, ready: Callable[[], None], bound: socket.socket
    ) -> None:
        super().__init__(config, app, ready)
        self.own_sockets = (bound,)
        self.port = int(bound.getsockname()[1])


@contextlib.contextmanager
def in_background(node: Node, settings: Settings) -> Iterator[int]:
    """Serve from a thread while the block runs; gives the port.

    Raises
    ------
    Broken
        If it does not come up.
    """
    ready = threading.Event()
    with listening(node, settings, lambda _line: ready.set()) as server:
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=list(server.own_sockets))), name="http"
        )
        thread.start()
        try:
            if not ready.wait(_PATIENCE_S):
                raise Broken(f"the server did not come up within {_PATIENCE_S} s")
            yield server.port
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def prepare(data_dir: Path, node: Node) -> Path:
    """See to the admin's token, and to orders that a crash kept from following their decision.

    Returns
    -------
    Path
        The file with the admin's token.
    """
    path = ensure_admin(data_dir, node)
    claims = missing_orders(node)
    if claims:
        _LOG.warning("%d orders follow their decisions late", len(claims))
        node.submit(claims).result()
    return path


def run_mission(data_dir: Path, mission: Mission | None, origin: str | None, settings: Settings) -> None:
    """Open a data folder, start its node, serve it, and stop it cleanly.

    Raises
    ------
    BadInput
        If the folder is in use, or a setting is wrong.
    """
    check(settings)
    os.umask(0o077)
    node = Node(data_dir, mission, origin)
    press, broom = Press(node), Broom(node)
    try:
        node.start()
        prepare(data_dir, node)
        press.start()
        broom.start()
        serve(node, settings, lambda line: print(line, flush=True))
    finally:
        press.stop()
        broom.stop()
        node.stop()


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, so that asyncio switches Nagle's delay off: it cost 40 ms an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Whoever takes nothing would keep what is left for them, and the connection, for ever.
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_MS)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        raise BadInput("--host, --port", f"cannot listen on {host}:{port}: {error}") from error
    return bound


__all__ = ["ROUTES", "Settings", "in_background", "prepare", "run_mission", "serve"]
