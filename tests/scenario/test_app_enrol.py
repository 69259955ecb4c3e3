"""Enrolment: one code, one use; the name and the role are the enrolment's; the log knows no secret."""

import hashlib
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from truceline.app.authority import key_pem, new_key, request_pem
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.node import Node
from truceline.log.reader import read_facts
from truceline.model.decided import User

PEM = {"Content-Type": "application/x-pem-file"}


def invite(site, name, role="observer", **more):
    made = site["admin"].post("/enrolments", json={"name": name, "role": role, **more})
    assert made.status_code == 201, made.text
    return made.json()


def claim(site, code, csr=None, headers=PEM):
    csr = csr if csr is not None else request_pem(new_key())
    return httpx.post(f"{site.url}/enrolments/{code}", content=csr, headers=headers, timeout=120)


def users(site, name):
    facts = [fact for fact in read_facts(site.data_dir) if fact.kind == "user"]
    return [user for user in (fact.noun(User) for fact in facts) if user.name == name]


def fingerprint(pem):
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def reads(site, token, path="/reports"):
    return httpx.get(site.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=120).status_code


def test_a_code_becomes_a_certificate_and_a_token(site):
    made = invite(site, "anna", "operator")
    got = claim(site, made["code"])

    assert got.status_code == 201, got.text
    told = got.json()
    assert told.keys() == {"cert_pem", "ca_pem", "token"}
    assert reads(site, told["token"], "/incidents") == 200
    assert x509.load_pem_x509_certificate(told["cert_pem"].encode()).subject.rfc4514_string() == "CN=anna"
    assert fingerprint(told["ca_pem"]) in made["url"]
    account = site.node.views.accounts.by_cert(fingerprint(told["cert_pem"]))
    assert (account.user.name, account.user.role) == ("anna", "operator")


def test_the_url_is_where_the_code_is_used_and_the_picture_is_svg(site):
    made = invite(site, "arno")

    assert made["url"].startswith(f"{site.url}/enrolments/{made['code']}#")
    assert made["qr_svg"].startswith("<svg")
    assert len(made["code"]) >= 22  # 128 bits of base64
    left = datetime.fromisoformat(made["expires_utc"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    assert (
        httpx.post(made["url"], content=request_pem(new_key()), headers=PEM, timeout=120).status_code == 201
    )


def test_a_code_outlives_a_restart_and_is_still_used_once(site, tmp_path):
    data_dir, answers = tmp_path / "data", []
    for turn in range(3):
        node = Node(data_dir)
        node.start()
        prepare(data_dir, node)
        with in_background(node, Settings()) as port:
            again = type(site)(node, port, data_dir)
            if turn == 0:
                code = invite(again, "jana")["code"]
            else:
                answers.append(claim(again, code))
            again.close()
        node.stop()

    assert [answer.status_code for answer in answers] == [201, 410]


def test_where_the_mission_s_clock_runs_faster_a_person_still_has_ten_minutes(site, monkeypatch):
    monkeypatch.setattr(site.node.clock, "speed", 60.0)

    left = datetime.fromisoformat(invite(site, "jule")["expires_utc"]) - datetime.now(UTC)

    assert timedelta(minutes=599) < left <= timedelta(minutes=600)


def test_name_and_role_come_from_the_enrolment_not_from_the_request(site):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(new_key(), SHA256())

    got = claim(site, invite(site, "bela")["code"], csr.public_bytes(Encoding.PEM)).json()

    assert x509.load_pem_x509_certificate(got["cert_pem"].encode()).subject.rfc4514_string() == "CN=bela"
    assert reads(site, got["token"], "/incidents") == 403
    assert site.node.views.accounts.by_name("bela").user.role == "observer"


def test_an_enrolled_liaison_and_an_enrolled_commander_are_what_they_were_invited_as(site, cluster):
    liaison = claim(site, invite(site, "lena", "party-liaison", party="B")["code"])
    commander = claim(site, invite(site, "carl", "commander")["code"])
    site.tokens["carl"] = commander.json()["token"]
    assert reads(site, liaison.json()["token"], "/incidents") == 200
    incident = cluster("enrolled")
    proposed = site["oper"].post(
        "/recommendations", json={"incident_ids": [incident["id"]], "action": "look", "why": "two reports"}
    )

    decided = site["carl"].post(
        "/decisions",
        json={"recommendation_id": proposed.json()["id"], "verdict": "approved", "reason": "near the line"},
    )

    assert decided.status_code == 201, decided.text


def test_threat_19_the_second_use_is_refused_and_logged_once_and_the_account_stays(site):
    made = invite(site, "cara")
    token = claim(site, made["code"]).json()["token"]
    assert reads(site, token) == 200

    again = [claim(site, made["code"]) for _ in range(3)]

    assert [answer.status_code for answer in again] == [410] * 3
    told = [user for user in users(site, "cara") if user.action == "refused"]
    assert [user.text for user in told] == ["a code of an enrolment came a second time"]
    assert reads(site, token) == 200


def test_threat_19_of_two_claims_at_once_one_is_let_in(site):
    codes = [invite(site, f"race-{number}")["code"] for number in range(5)]
    with ThreadPoolExecutor(4) as pool:
        for number, code in enumerate(codes):
            answers = list(pool.map(lambda _, code=code: claim(site, code), range(4)))
            assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]
            actions = [user.action for user in users(site, f"race-{number}")]
            assert actions.count("enrolled") == 1
            assert actions.count("refused") == 1


def test_a_wrong_a_used_and_a_late_code_are_answered_alike(site, monkeypatch):
    used, late = invite(site, "dora")["code"], invite(site, "dirk")["code"]
    assert claim(site, used).status_code == 201
    later = datetime.now(UTC) + timedelta(minutes=10, seconds=1)
    with monkeypatch.context() as patched:
        patched.setattr(site.node.clock, "now", lambda: later)
        answers = [claim(site, code) for code in (used, late, "A" * 43, "short", "%00")]

    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.content for answer in answers}) == 1
    assert len({frozenset(answer.headers.keys()) for answer in answers}) == 1
    assert users(site, "dirk")[-1].text == "a code of an enrolment came too late"
    assert site.node.views.accounts.by_name("dirk") is None


def test_the_log_holds_no_code_no_token_and_no_key(site):
    made = invite(site, "emil")
    token = claim(site, made["code"]).json()["token"]

    text = b"".join(path.read_bytes() for path in (site.data_dir / "log").iterdir())

    assert made["code"].encode() not in text
    assert token.encode() not in text
    assert hashlib.sha256(made["code"].encode()).hexdigest().encode() in text
    assert (site.data_dir / "keys" / "ca.pem").stat().st_mode & 0o777 == 0o600


def test_ending_an_enrolled_account_ends_its_token_and_its_certificate(site):
    told = claim(site, invite(site, "fred")["code"]).json()

    assert site["admin"].delete("/users/fred").status_code == 204

    assert reads(site, told["token"]) == 401
    assert site.node.views.accounts.by_cert(fingerprint(told["cert_pem"])) is None


def test_an_enrolment_that_waits_can_be_ended_and_a_newer_one_replaces_it(site):
    first, second = invite(site, "gina")["code"], invite(site, "gina")["code"]
    assert claim(site, first).status_code == 410

    assert site["admin"].delete("/users/gina").status_code == 204

    assert claim(site, second).status_code == 410


def test_what_is_wrong_with_an_enrolment_is_said(site):
    ask = site["admin"].post
    assert ask("/enrolments", json={"name": "olga", "role": "operator"}).status_code == 409
    assert ask("/enrolments", json={"name": "x", "role": "admin"}).status_code == 422
    assert ask("/enrolments", json={"name": "x", "role": "party-liaison"}).status_code == 422
    assert ask("/enrolments", json={"name": "../x", "role": "observer"}).status_code == 422
    assert ask("/enrolments", json={"name": "x", "role": "observer", "party": "A"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"no request", PEM, 422),
        (b"x" * 20_000, PEM, 413),
        (None, {"Content-Type": "application/json"}, 415),
    ],
    ids=["no PEM", "too long", "another type"],
)
def test_a_bad_request_for_a_certificate_does_not_use_up_the_code(site, body, headers, status):
    made = invite(site, "hugo")

    assert claim(site, made["code"], body, headers).status_code == status

    assert claim(site, made["code"], headers={}).status_code == 201
    assert site["admin"].delete("/users/hugo").status_code == 204


def test_a_request_that_a_common_tool_calls_a_form_is_read_as_what_it_is(site):
    made = invite(site, "gerd")

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert claim(site, made["code"], headers=form).status_code == 201
    assert site["admin"].delete("/users/gerd").status_code == 204


def test_the_certificate_opens_a_tls_connection_that_asks_for_one(site, tmp_path):
    key = new_key()
    told = claim(site, invite(site, "ines")["code"], request_pem(key)).json()
    for name, text in (
        ("ca", told["ca_pem"].encode()),
        ("cert", told["cert_pem"].encode()),
        ("key", key_pem(key)),
    ):
        (tmp_path / f"{name}.pem").write_bytes(text)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (server, client):
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    assert handshake(server, client)["subject"] == ((("commonName", "ines"),),)


def handshake(server, client):
    """Shake hands in memory; gives what the server knows of the client."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[1].getpeercert()
