"""Bodies and queries, read strictly: limits before parsing, unknown members refused."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from truceline.app.forms.answer import Failure

MAX_BODY = 1 << 20
MAX_DEPTH = 32
DEADLINE_S = 30.0
_SPARE = 64 << 20  # bytes over the limit that are read and thrown away, so that the answer is heard
T = TypeVar("T")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,15})")


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """Read a whole body.

    Most clients hear an answer only when they have sent all: what is too large is taken in without
    being kept, unless it is far too large or the client waits to be told to go on.

    Raises
    ------
    Failure
        413 when it is larger than ``most`` bytes, 408 when it does not come in time.
    """
    too_large = Failure(413, f"the body is larger than {most} bytes")
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdigit() and len(length) < 20 else 0
    waits = "expect" in request.headers
    if announced > most + _SPARE or (waits and announced > most):
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(DEADLINE_S * max(1, most // (8 * MAX_BODY))):
            async for part in request.stream():
                size += len(part)
                if size > most + _SPARE:
                    raise too_large
                if size > most:
                    parts.clear()
                else:
                    parts.append(part)
    except TimeoutError as error:
        raise Failure(408, "the body did not come in time") from error
    except ClientDisconnect as error:
        raise Failure(400, "the body ended early") from error
    if size > most:
        raise too_large
    return b"".join(parts)


def want_type(request: Request, *media_types: str) -> None:
    """Refuse a body of another media type (415)."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in media_types:
        raise Failure(415, f"the body must be {media_types[0]}")


def decode(text: bytes, of: type[T]) -> T:
    """Decode one JSON document.

    Raises
    ------
    Failure
        400 when it is no JSON, nested deeper than ``MAX_DEPTH``, or holds a key twice or NaN;
        422 when it is not what is asked for.
    """
    _check_depth(text)
    try:
        json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        return msgspec.json.decode(text, type=of)
    except msgspec.ValidationError as error:
        raise Failure(422, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise Failure(400, f"no JSON that is taken here: {error}") from error


def decode_query(pairs: list[tuple[str, str]], of: type[T]) -> T:
    """Decode a query string, each name once.

    Raises
    ------
    Failure
        422 when it is not what is asked for.
    """
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise Failure(422, f"the parameter {key!r} is given twice")
        values[key] = int(value) if _WHOLE.fullmatch(value) else value
    try:
        return msgspec.convert(values, of)
    except msgspec.ValidationError as error:
        raise Failure(422, str(error)) from error


def _check_depth(text: bytes) -> None:
    depth = 0
    for found in _TOKENS.finditer(text):
        byte = text[found.start()]
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Failure(400, f"nested deeper than {MAX_DEPTH}")
        elif byte in b"]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
