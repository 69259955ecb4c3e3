"""The authority: made once, readable by its owner alone, and nobody's name comes from a request."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from truceline.app.authority import FILE, authority, new_key, request_pem, requested_key
from truceline.model.errors import BadInput

SHA = SHA256()


@pytest.fixture
def data_dir(tmp_path):
    (tmp_path / "keys").mkdir()
    return tmp_path


def request(key, name="x", digest=SHA):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)


def pem(asked):
    return asked.public_bytes(Encoding.PEM)


def test_the_authority_is_made_once_and_is_for_its_owner_alone(data_dir):
    first, second = authority(data_dir), authority(data_dir)

    assert first.fingerprint == second.fingerprint
    assert (data_dir / FILE).stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in first.pem
    assert repr(first) == f"Authority({first.fingerprint[:16]}…)"


def test_a_certificate_names_whom_the_authority_names_and_holds_90_days_at_most(data_dir):
    key = new_key()

    signed = x509.load_pem_x509_certificate(
        authority(data_dir).certify(requested_key(pem(request(key, "commander"))), "olga").pem.encode()
    )

    assert signed.subject.rfc4514_string() == "CN=olga"
    assert signed.public_key() == key.public_key()
    assert signed.not_valid_after_utc - signed.not_valid_before_utc <= timedelta(days=90)
    assert not signed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    signed.verify_directly_issued_by(x509.load_pem_x509_certificate(authority(data_dir).pem.encode()))


@pytest.mark.parametrize(
    "key",
    [new_key(), ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=type,
)
def test_fit_keys_are_taken(key):
    assert requested_key(pem(request(key))) == key.public_key()


def test_an_ed25519_key_is_taken():
    key = ed25519.Ed25519PrivateKey.generate()

    assert requested_key(pem(request(key, digest=None))) == key.public_key()


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP224R1()),
        dsa.generate_private_key(1024),
    ],
    ids=type,
)
def test_weak_keys_are_refused(key):
    with pytest.raises(BadInput, match="the key must be"):
        requested_key(pem(request(key)))


def test_a_request_that_its_own_key_did_not_sign_is_refused():
    asked = bytearray(request(new_key()).public_bytes(Encoding.DER))
    asked[-1] ^= 1
    text = base64.encodebytes(bytes(asked)).decode()

    with pytest.raises(BadInput, match="signed"):
        requested_key(
            f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n".encode()
        )


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_is_refused(text):
    with pytest.raises(BadInput):
        requested_key(text)


def test_our_own_request_holds_no_name():
    assert x509.load_pem_x509_csr(request_pem(new_key())).subject.rfc4514_string() == ""


def test_a_damaged_authority_is_said_to_be_one(data_dir):
    authority(data_dir)
    (data_dir / FILE).write_bytes(b"nothing")

    with pytest.raises(BadInput, match="cannot be read"):
        authority(data_dir)
