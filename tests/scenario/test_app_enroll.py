"""`truceline enroll`: certificates in a folder, beside a running server and without one."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from truceline.app.authority import key_pem, new_key
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.node import Node
from truceline.log.reader import read_facts
from truceline.log.verify import verify_path
from truceline.view.accounts import Accounts


def run(verb, data_dir, *arguments):
    command = [sys.executable, "-m", "truceline.app", verb, "--data", str(data_dir), *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"]}
    )


def enroll(data_dir, out, *names, role="observer"):
    return run("enroll", data_dir, *names, "--role", role, "--out", out)


def check(out, names):
    authority = x509.load_pem_x509_certificate((out / "ca.pem").read_bytes())
    for name in names:
        certificate = x509.load_pem_x509_certificate((out / name / "cert.pem").read_bytes())
        certificate.verify_directly_issued_by(authority)
        assert certificate.subject.rfc4514_string() == f"CN={name}"
        key = load_pem_private_key((out / name / "key.pem").read_bytes(), None)
        assert key.public_key() == certificate.public_key()
        assert (out / name / "key.pem").stat().st_mode & 0o777 == 0o600


def accounts(data_dir):
    fold = Accounts()
    for fact in read_facts(data_dir):
        fold.apply(fact)
    return fold


@pytest.fixture(params=["running", "stopped"])
def data_dir(request, tmp_path):
    folder = tmp_path / "data"
    node = Node(folder)
    node.start()
    prepare(folder, node)
    if request.param == "running":
        with in_background(node, Settings()):
            yield folder
        node.stop()
    else:
        node.stop()
        yield folder


def test_each_name_gets_a_folder_and_an_account_that_revoke_ends(data_dir, tmp_path):
    done = enroll(data_dir, tmp_path / "out", "alpha", "Bravo-2", "c.3", role="operator")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Bravo-2", "alpha", "c.3", "ca.pem"]
    check(tmp_path / "out", ["alpha", "Bravo-2", "c.3"])
    assert accounts(data_dir).by_name("alpha").user.role == "operator"
    assert run("revoke", data_dir, "alpha").returncode == 0
    assert accounts(data_dir).by_name("alpha") is None
    assert verify_path(data_dir)[0] == 4


def test_a_folder_that_is_there_keeps_what_it_holds(data_dir, tmp_path):
    out = tmp_path / "out"
    assert enroll(data_dir, out, "alpha").returncode == 0
    kept = (out / "alpha" / "key.pem").read_bytes()

    assert enroll(data_dir, out, "bravo", role="commander").returncode == 0

    assert (out / "alpha" / "key.pem").read_bytes() == kept
    check(out, ["alpha", "bravo"])


@pytest.mark.parametrize(
    "names",
    [["../x"], ["a/b"], [".."], ["."], [""], ["ca.pem"], ["x" * 65], ["a", "a"], ["é"], ["new", "admin"]],
    ids=str,
)
def test_a_name_that_makes_no_account_or_no_folder_leaves_nothing_behind(data_dir, tmp_path, names):
    done = enroll(data_dir, tmp_path / "out", *names)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert [account.user.name for account in accounts(data_dir).all()] == ["admin"]


def test_a_folder_that_is_no_data_folder_is_refused(tmp_path):
    assert enroll(tmp_path / "nothing", tmp_path / "out", "alpha").returncode == 2


def own_certificate(folder):
    """A server's certificate that nobody but itself signed; gives what `Settings` takes."""
    key, subject = new_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hq")])
    begin = datetime.now(UTC) - timedelta(minutes=1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=1)).sign(key, SHA256())
    pair = {"tls_cert": folder / "hq.pem", "tls_key": folder / "hq.key"}
    pair["tls_cert"].write_bytes(signed.public_bytes(Encoding.PEM))
    pair["tls_key"].write_bytes(key_pem(key))
    return pair


def test_it_works_beside_a_server_under_tls(tmp_path):
    data_dir = tmp_path / "data"
    node = Node(data_dir)
    node.start()
    prepare(data_dir, node)
    with in_background(node, Settings(**own_certificate(tmp_path))):
        done = enroll(data_dir, tmp_path / "out", "alpha")
        assert (done.returncode, done.stderr) == (0, "")
        assert run("revoke", data_dir, "alpha").returncode == 0
    node.stop()

    check(tmp_path / "out", ["alpha"])
    assert accounts(data_dir).by_name("alpha") is None


def test_five_hundred_names_are_enrolled_at_once(data_dir, tmp_path):
    names = [f"phone-{number:03d}" for number in range(500)]

    done = enroll(data_dir, tmp_path / "out", *names)

    assert done.returncode == 0, done.stderr
    check(tmp_path / "out", names)
    assert len(accounts(data_dir).all()) == 501
