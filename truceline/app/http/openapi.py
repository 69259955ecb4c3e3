"""The OpenAPI 3.1 document, made from the same table that serves the routes."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from truceline import __version__
from truceline.app.forms.answer import PROBLEM, Problem
from truceline.app.http.table import Media, Route

_REF = "#/components/schemas/{name}"
_RAW_BODY = {"type": "string", "format": "binary"}
_EVENT_STREAM = "text/event-stream"
_TEXT = {"type": "string"}
# What checkers hold against the schema of a stream is each of its events.
_EVENT = {"type": "object", "properties": {"id": _TEXT, "event": _TEXT, "data": _TEXT}}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe all routes.

    Parameters
    ----------
    routes
        The table of the application.
    """
    types: set[type] = {Problem}
    for route in routes:
        types |= {kind for kind in route.gives.values() if isinstance(kind, type)}
        types |= {kind for kind in (route.takes,) if kind is not None}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    found, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    schemas = dict(zip(ordered, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Truceline",
            "version": __version__,
            "description": "Watches over a ceasefire line. Bodies and queries are read strictly: "
            "unknown members are refused. No order exists without a commander's decision.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def failures(route: Route) -> list[int]:
    """List the statuses other than success that a route may answer."""
    statuses = {403, 422, *route.fails}
    if not route.is_open:
        statuses |= {401}
    if route.takes is not None or route.raw:
        statuses |= {400, 408, 413, 415}
    if "{" in route.path:
        statuses |= {404}
    if route.writes:
        statuses |= {503}
    return sorted(statuses - set(route.gives))


def _operation(route: Route, schemas: dict[type, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "responses": _responses(route, schemas),
        "security": [] if route.is_open else [{"token": []}],
        "x-roles": list(route.roles),
    }
    parameters = [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.takes is not None:
        content = {"application/json": {"schema": schemas[route.takes]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.raw:
        content = {media: {"schema": _RAW_BODY} for media in route.raw}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(route: Route, schemas: dict[type, dict[str, Any]]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in route.gives.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if isinstance(kind, Media):
            response["content"] = {
                media: {"schema": _EVENT if media == _EVENT_STREAM else _RAW_BODY} for media in kind.types
            }
        elif kind is dict:
            response["content"] = {"application/json": {"schema": {"type": "object"}}}
        elif kind is not None:
            response["content"] = {"application/json": {"schema": schemas[kind]}}
        responses[str(status)] = response
    for status in failures(route):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM: {"schema": schemas[Problem]}},
        }
    return responses


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for key in re.findall(r"\{([a-z0-9_]+)(?::[a-z]+)?\}", route.path):
        schema: dict[str, Any] = {"type": "string", "pattern": route.params.get(key, "^[^/]{1,128}$")}
        found.append({"name": key, "in": "path", "required": True, "schema": schema})
    return found


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = msgspec.json.schema(route.query)
    described = schema["$defs"][route.query.__name__]
    required = described.get("required", [])
    return [
        {"name": key, "in": "query", "required": key in required, "schema": part}
        for key, part in described["properties"].items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": key, "in": "header", "required": False, "schema": {"type": "string", "pattern": pattern}}
        for key, pattern in route.headers.items()
    ]


def _name(route: Route) -> str:
    words = re.sub("[^a-z0-9]+", "_", route.path.lower()).strip("_") or "page"
    return f"{route.method.lower()}_{words}"
