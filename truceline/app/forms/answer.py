"""Answers: JSON, NDJSON, and problems (RFC 9457)."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from truceline.model.place import utc_text
from truceline.model.text import visible

PROBLEM = "application/problem+json"
NDJSON = "application/x-ndjson"
RETRY_AFTER_S = 30  # a failed disk does not mend itself in a second
_SHOWN = 200  # characters of foreign text in an error


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457: what went wrong, for a person and for a program."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


class Failure(Exception):
    """An answer other than success, raised where it is found out."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def json_bytes(value: Any) -> bytes:
    """Encode an answer; times are written in UTC with ``Z``."""
    return msgspec.json.encode(value)


def plain(value: Any) -> Any:
    """Turn nouns into plain JSON values, times in UTC with ``Z``."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, msgspec.Struct):
        return {key: plain(part) for key, part in _members(value)}
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        parts = sorted(value) if isinstance(value, frozenset | set) else value
        return [plain(part) for part in parts]
    return value


def say(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with one JSON value."""
    return Response(json_bytes(plain(value)), status, dict(headers or {}), "application/json")


def nothing() -> Response:
    """Answer 204."""
    return Response(status_code=204)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a problem; hostile characters in the detail are made visible."""
    more = dict(headers or {})
    if status == 503:
        more.setdefault("Retry-After", str(RETRY_AFTER_S))
    said = Problem(title=HTTPStatus(status).phrase, status=status, detail=_visible(detail))
    return Response(msgspec.json.encode(said), status, more, PROBLEM)


def _members(value: msgspec.Struct) -> list[tuple[str, Any]]:
    fields = msgspec.structs.fields(value)
    omit = value.__struct_config__.omit_defaults
    found = []
    for field in fields:
        part = getattr(value, field.name)
        if omit and field.default is not msgspec.NODEFAULT and part == field.default:
            continue
        found.append((field.encode_name, part))
    return found


def _visible(text: str) -> str:
    line = visible(text)
    return line if len(line) <= 2 * _SHOWN else line[: 2 * _SHOWN] + "…"
