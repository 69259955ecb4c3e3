"""Private keys in ``DIR/keys`` (mode 0600), and files that are durable under their name."""

import hashlib
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from truceline.log.canon import canonical
from truceline.log.sign import CHECKPOINT_DOMAIN, PACKAGE_DOMAIN
from truceline.model.errors import BadInput


class Key:
    """A private key; its ``repr`` shows the public id only."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self.public).hexdigest()

    def __repr__(self) -> str:
        return f"Key({self.key_id[:16]}…)"

    def sign(self, message: bytes) -> str:
        """Sign a message that begins with its domain; hex digits."""
        return self._private.sign(message).hex()

    def record(self, role: str, holder: str) -> dict[str, str]:
        """Describe the public half as ``keys.json`` does (contract wire, G.1)."""
        return {
            "alg": "Ed25519",
            "holder": holder,
            "key_id": self.key_id,
            "public_key_hex": self.public.hex(),
            "role": role,
        }


def sign_checkpoint(key: Key, checkpoint: bytes) -> str:
    """Sign the canonical bytes of a checkpoint."""
    return key.sign(CHECKPOINT_DOMAIN + checkpoint)


def sign_statement(key: Key, statement: dict[str, Any]) -> dict[str, Any]:
    """Sign what somebody says about a package: one item of ``signatures.json``."""
    return {"sig_hex": key.sign(PACKAGE_DOMAIN + canonical(statement)), "statement": statement}


def load_key(path: Path) -> Key:
    """Read a private key (PEM, PKCS #8).

    Raises
    ------
    BadInput
        If the file is missing or holds no Ed25519 key.
    """
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput(str(path), "no PEM (PKCS #8) private key without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadInput(str(path), "no Ed25519 key")
    return Key(private)


def load_or_make_key(path: Path) -> Key:
    """Read a private key, or make one (mode 0600, durable) where there is none."""
    if not path.exists():
        private = Ed25519PrivateKey.generate()
        write_new(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load_key(path)


def write_new(path: Path, data: bytes) -> None:
    """Write a file whole and durable, readable by its owner alone; replaces what was there."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
