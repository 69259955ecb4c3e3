"""Who may do what: every route of the table with every role, with none, and with a revoked one."""

import pytest
from truceline.app.http.table import EVERYONE
from truceline.app.server import ROUTES

OPS = {"operator", "commander", "auditor"}
REPORTERS = {"observer", "operator", "commander"}
MISSION = {"observer", "operator", "commander", "party-liaison", "auditor"}
# Contract wire, part B, written down a second time: what is not listed is refused.
ALLOWED = {
    ("POST", "/users"): {"admin"},
    ("DELETE", "/users/{name}"): {"admin"},
    ("POST", "/enrolments"): {"admin"},
    ("POST", "/enrolments/{code}"): None,
    ("POST", "/reports"): REPORTERS,
    ("POST", "/reports/batch"): REPORTERS,
    ("GET", "/reports"): {"observer", *OPS},
    ("GET", "/reports/{id}"): {"observer", *OPS},
    ("PUT", "/blobs/{sha256}"): REPORTERS,
    ("GET", "/blobs/{sha256}"): MISSION,
    ("GET", "/tracks"): OPS,
    ("GET", "/tracks/{id}"): OPS,
    ("GET", "/incidents"): {*OPS, "party-liaison"},
    ("GET", "/zones"): {*OPS, "observer"},
    ("GET", "/recommendations"): OPS,
    ("GET", "/orders"): {*OPS, "observer"},
    ("POST", "/recommendations"): {"operator"},
    ("POST", "/decisions"): {"commander"},
    ("POST", "/orders/{id}/state"): REPORTERS,
    ("POST", "/incidents/{id}/release"): {"commander"},
    ("POST", "/statements"): {"party-liaison"},
    ("GET", "/coverage"): OPS,
    ("GET", "/groups"): OPS,
    ("GET", "/plans"): OPS,
    ("GET", "/sources"): OPS,
    ("POST", "/holds"): {"commander"},
    ("DELETE", "/holds/{id}"): {"commander"},
    ("GET", "/log/checkpoint"): {"admin", *MISSION},
    ("GET", "/log/entries"): {"auditor"},
    ("GET", "/log/proof/inclusion"): {"auditor", "party-liaison"},
    ("GET", "/log/proof/consistency"): {"auditor", "party-liaison"},
    ("POST", "/evidence"): {"commander", "auditor"},
    ("GET", "/events"): MISSION,
    ("GET", "/mission"): {"admin", *MISSION},
    ("GET", "/why/{seq}"): OPS,
    ("GET", "/healthz"): None,
    ("GET", "/openapi.json"): None,
}
WHO = {
    "admin": "admin", "observer": "olga", "operator": "oper", "commander": "cmdr",
    "party-liaison": "lisa", "auditor": "audi",
}  # fmt: skip
CLOSED = sorted(key for key, roles in ALLOWED.items() if roles is not None)


def ask(site, who, method, path):
    for part in ("{name}", "{id}", "{sha256}", "{seq}", "{code}"):
        path = path.replace(part, "0" * 64)
    with site[who].stream(method, path) as answer:
        return answer.status_code, answer.headers["content-type"]


def test_the_table_is_the_contract_s():
    assert {(route.method, route.path) for route in ROUTES} == ALLOWED.keys()


def test_every_route_declares_its_roles():
    for route in ROUTES:
        assert route.is_open == (not route.roles), route.path
        assert set(route.roles) <= set(EVERYONE), route.path


@pytest.mark.parametrize("role", sorted(WHO))
@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_role_is_let_in_where_the_contract_says_so_and_nowhere_else(site, role, method, path):
    status, media_type = ask(site, WHO[role], method, path)

    if role in ALLOWED[method, path]:
        assert status not in (401, 403), status
    else:
        assert (status, media_type) == (403, "application/problem+json")


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_without_a_token_or_with_a_revoked_one_nothing_opens(site, method, path):
    if "gone" not in site.tokens:
        site.hire("gone", role="commander")
        assert site["admin"].delete("/users/gone").status_code == 204

    for who in ("nobody", "gone"):
        assert ask(site, who, method, path) == (401, "application/problem+json")


@pytest.mark.parametrize(("method", "path"), sorted(key for key, roles in ALLOWED.items() if roles is None))
def test_what_is_open_is_open(site, method, path):
    # A code without a request for a certificate is let in, and told what it lacks.
    assert ask(site, "nobody", method, path)[0] == (200 if method == "GET" else 422)


def test_an_observer_reads_their_own_reports_and_no_others(site, report):
    site["olga"].post("/reports", json=report("own-olga"))
    site["otto"].post("/reports", json=report("own-otto"))

    listed = {item["id"] for item in site["olga"].get("/reports?limit=1000").json()["items"]}

    assert "own-olga" in listed
    assert "own-otto" not in listed
    hidden, unknown = site["olga"].get("/reports/own-otto"), site["olga"].get("/reports/own-nobody")
    assert (hidden.status_code, hidden.content) == (unknown.status_code, unknown.content)


HOSTILE = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", HOSTILE, ids=str)
@pytest.mark.parametrize("path", ["/incidents", "/healthz", "/", "/log/checkpoint"])
def test_requests_of_other_sites_are_refused(site, headers, path):
    answer = site["oper"].get(path, headers=headers)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_our_own_page_and_tools_are_let_in(site):
    own = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}

    assert site["oper"].get("/incidents", headers=own).status_code == 200
    assert site["oper"].get("/incidents", headers={"Host": f"localhost:{site.port}"}).status_code == 200


def test_a_token_counts_in_the_header_alone(site):
    token = site.tokens["oper"]

    assert site["nobody"].get(f"/incidents?token={token}").status_code == 401
    assert site["nobody"].get("/incidents", headers={"Cookie": f"token={token}"}).status_code == 401
    assert site["nobody"].get("/incidents", headers={"Authorization": f"Basic {token}"}).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/incidents", "/nothing", "/../etc/passwd"])
def test_every_answer_carries_the_headers_that_protect_a_browser(site, path):
    headers = site["oper"].get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_the_admin_token_is_for_its_owner_alone(site):
    path = site.data_dir / "admin.token"

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().splitlines()) == 1


def test_an_admin_makes_no_second_admin_and_no_liaison_without_a_party(site):
    make = site["admin"].post

    assert make("/users", json={"name": "x1", "role": "admin"}).status_code == 422
    assert make("/users", json={"name": "x2", "role": "party-liaison"}).status_code == 422
    assert make("/users", json={"name": "x3", "role": "operator", "party": "A"}).status_code == 422
    assert make("/users", json={"name": "olga", "role": "commander"}).status_code == 409
    assert make("/users", json={"name": "../x", "role": "operator"}).status_code == 422
