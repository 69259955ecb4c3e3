"""From the command line to the running server of a data folder: where it listens, and one way to ask."""

import http.client
import json
import ssl
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from truceline.model.errors import Broken

_TIMEOUT_S = 10
_PLACE = Path("cache", "server.json")


def note_server(data_dir: Path, url: str, tls_cert: Path | None) -> None:
    """Write down where the server of a data folder listens; it may be deleted at any time."""
    path = data_dir / _PLACE
    path.parent.mkdir(mode=0o700, exist_ok=True)
    cert = str(tls_cert.resolve()) if tls_cert is not None else None
    path.write_text(json.dumps({"url": url, "tls_cert": cert}))


class Link:
    """One connection to the running server, as its admin."""

    def __init__(self, connection: http.client.HTTPConnection, token: str) -> None:
        self._connection = connection
        self._token = token

    def __enter__(self) -> "Link":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, media_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Ask once.

        Returns
        -------
        tuple
            The status, and the body of the answer.

        Raises
        ------
        Broken
            If no answer comes.
        """
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = media_type
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"the server stopped answering: {error}") from error


def running(data_dir: Path) -> Link | None:
    """Reach the running server of a data folder; None: none listens."""
    try:
        said = json.loads((data_dir / _PLACE).read_text())
        token = (data_dir / "admin.token").read_text().strip()
    except (OSError, ValueError):
        return None
    url = urlsplit(said["url"])
    host = "127.0.0.1" if url.hostname in (None, "0.0.0.0") else url.hostname  # noqa: S104
    host = "::1" if host == "::" else host
    connection = _connection(str(host), url.port or 0, said["tls_cert"])
    try:
        connection.connect()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return Link(connection, token)


def _connection(host: str, port: int, tls_cert: str | None) -> http.client.HTTPConnection:
    if tls_cert is None:
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    # Pinned to the very certificate that the server was started with, so its names do not matter.
    context = ssl.create_default_context(cafile=tls_cert)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)
