"""The mission's own certificate authority: one key in ``DIR/keys``, certificates for 90 days."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from truceline.log.keys import write_new
from truceline.model.errors import BadInput

FILE = Path("keys", "ca.pem")  # key and certificate in one file: there is never one without the other
LIFE = timedelta(days=90)
_CA_LIFE = timedelta(days=3650)
_EARLIER = timedelta(minutes=5)  # a phone's clock may run behind
_RSA_BITS = range(2048, 4097)
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip

Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class Certified(msgspec.Struct, frozen=True):
    """A certificate as PEM, and the SHA-256 of its DER form in hex."""

    pem: str
    sha256: str


class Authority:
    """Signs certificates of people; its ``repr`` shows the fingerprint only."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self.pem = certificate.public_bytes(Encoding.PEM).decode()
        self.fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()

    def __repr__(self) -> str:
        return f"Authority({self.fingerprint[:16]}…)"

    def certify(self, public: Public, name: str) -> Certified:
        """Sign a certificate for a client of TLS.

        Parameters
        ----------
        public
            The key of the person; nothing else of a request for a certificate is taken over.
        name
            Becomes the common name.
        """
        begin = datetime.now(UTC).replace(microsecond=0) - _EARLIER  # TLS looks at the wall clock
        own = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        signed = (
            _begun(_common_name(name), self._certificate.subject, public, begin, LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
            )
            .sign(self._key, SHA256())
        )
        digest = hashlib.sha256(signed.public_bytes(Encoding.DER)).hexdigest()
        return Certified(signed.public_bytes(Encoding.PEM).decode(), digest)


def authority(data_dir: Path) -> Authority:
    """Read the authority of a data folder, or make it (mode 0600, durable) at first need.

    Raises
    ------
    BadInput
        If its file cannot be read.
    """
    path = data_dir / FILE
    if not path.exists():
        _make(path)
    try:
        text = path.read_bytes()
        key = load_pem_private_key(text, password=None)
        certificate = x509.load_pem_x509_certificate(text)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput(str(path), "cannot be read as a private key and a certificate (PEM)") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise BadInput(str(path), "key and certificate do not belong together")
    return Authority(key, certificate)


def requested_key(pem: bytes) -> Public:
    """Read the key out of a request for a certificate (PKCS #10, PEM), and nothing else.

    Raises
    ------
    BadInput
        If it is no such request, its signature does not hold, or the key is of an unfit kind.
    """
    try:
        asked = x509.load_pem_x509_csr(pem)
        public = asked.public_key()
        if not _is_fit(public):
            raise BadInput(
                "body", "the key must be EC (P-256, P-384, P-521), Ed25519, or RSA of 2048-4096 bits"
            )
        if not asked.is_signature_valid:
            raise BadInput("body", "the request is not signed by its own key")
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise BadInput("body", "no request for a certificate (PKCS #10) as PEM") from error
    if not isinstance(public, Public):
        raise BadInput("body", "a key of another kind")
    return public


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key for a person."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PEM (PKCS #8)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Ask for a certificate for a key, as PEM; the name is not the asker's to choose."""
    empty = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return empty.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _is_fit(public: object) -> bool:
    if isinstance(public, ec.EllipticCurvePublicKey):
        return isinstance(public.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
    if isinstance(public, rsa.RSAPublicKey):
        return public.key_size in _RSA_BITS
    return isinstance(public, ed25519.Ed25519PublicKey)


def _make(path: Path) -> None:
    key = new_key()
    public = key.public_key()
    own = x509.SubjectKeyIdentifier.from_public_key(public)
    subject = _common_name(f"Truceline {own.digest.hex()[:16]}")
    begin = datetime.now(UTC).replace(microsecond=0) - _EARLIER
    certificate = (
        _begun(subject, subject, public, begin, _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(key, SHA256())
    )
    write_new(path, key_pem(key) + certificate.public_bytes(Encoding.PEM))


def _begun(
    subject: x509.Name, issuer: x509.Name, public: Public, begin: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*words: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{word: word in words for word in _USAGES})
