"""Ed25519 signatures (RFC 8032) over a domain string and canonical bytes."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CHECKPOINT_DOMAIN = b"truceline/checkpoint/v1\n"
PACKAGE_DOMAIN = b"truceline/package/v1\n"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493  # L of RFC 8032, section 5.1


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature holds, ``S < L`` included (a malleable one does not)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
