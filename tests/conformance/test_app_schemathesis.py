"""schemathesis reads our OpenAPI document, asks, and finds nothing that the document does not say."""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from truceline.app.server import ROUTES, Settings, in_background, prepare
from truceline.flow.node import Node

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip
ROLES = ("admin", "observer", "operator", "commander", "auditor", "party-liaison")
ASKED = [(route.method, route.path) for route in ROUTES if route.path != "/events"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    data_dir = tmp_path_factory.mktemp("api") / "data"
    node = Node(data_dir)
    node.start()
    token = prepare(data_dir, node).read_text().strip()
    with in_background(node, Settings()) as port:
        url = f"http://127.0.0.1:{port}"
        tokens = {"admin": token}
        for role in ROLES[1:]:
            body = {"name": role, "role": role} | ({"party": "A"} if role == "party-liaison" else {})
            made = httpx.post(
                f"{url}/users", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=120
            )
            tokens[role] = made.json()["token"]
        yield url, tokens
    node.stop()


def test_the_document_is_openapi_3_1_and_names_roles_for_every_closed_route(api):
    document = httpx.get(f"{api[0]}/openapi.json", timeout=120).json()

    assert document["openapi"].startswith("3.1")
    for methods in document["paths"].values():
        for operation in methods.values():
            assert bool(operation["security"]) == bool(operation["x-roles"])


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_answers_are_as_documented(api, method, path):
    url, tokens = api
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operation = schema[path][method]
    roles = [role for role in operation.definition.raw["x-roles"] if role in tokens] or ["observer"]

    @seed(20261124)
    @settings(
        max_examples=int(os.environ.get("TRUCELINE_QUESTIONS", "12")),  # 250 for the long run
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        for role in (roles[0], None):
            headers = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=120)

    ask()
