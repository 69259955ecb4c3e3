"""Shapes and signatures of keys, entries and checkpoints (contract wire, G.1), as the auditor sees them."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from truceline.log.canon import canonical, parse_canonical
from truceline.log.merkle import leaf_hash
from truceline.log.sign import CHECKPOINT_DOMAIN, signature_holds

ZEROS = "0" * 64
KINDS = frozenset(
    {"report", "observation", "detection", "track", "incident", "recommendation", "decision", "order"}
    | {"order_state", "statement", "user", "config", "erasure"}
)
ROLES = frozenset({"log", "mission", "party", "witness"})
_HEADER = frozenset(
    {"actor", "blobs", "body_sha256", "id", "kind", "prev_sha256", "refs", "seq", "time_utc", "v"}
)
_CHECKPOINT = frozenset(
    {"log_id", "origin", "prev_checkpoint_sha256", "root_sha256", "time_utc", "tree_size", "v"}
)
_KEY = frozenset(["alg", "holder", "key_id", "public_key_hex", "role"])
_BLOB = frozenset(["media_type", "name", "sha256", "size_bytes"])
_HEX = re.compile("(?:[0-9a-f]{2})+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


class Failed(Exception):
    """A check failed: exit 3."""


class NotOne(Exception):
    """No log or package at all: exit 2."""


class PublicKey(NamedTuple):
    """One item of ``keys.json``."""

    public: bytes
    role: str
    holder: str


def need(held: Any, what: str) -> None:
    """Raise :class:`Failed` when a check did not hold."""
    if not held:
        raise Failed(what)


def sha256(data: bytes) -> str:
    """Hash bytes, hex."""
    return hashlib.sha256(data).hexdigest()


def is_hex(value: Any, digits: int = 64) -> bool:
    """Tell whether a value is that many lower-case hex digits."""
    return isinstance(value, str) and len(value) == digits and _HEX.fullmatch(value) is not None


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number from zero up (a truth value is none)."""
    return type(value) is int and value >= 0


def is_time(value: Any) -> bool:
    """Tell whether a value is a time as the format writes it."""
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def has_members(value: Any, members: frozenset[str] | set[str]) -> bool:
    """Tell whether a value is an object with exactly these members."""
    return isinstance(value, dict) and set(value) == members


def are_texts(value: Any) -> bool:
    """Tell whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def load(data: bytes, where: str) -> Any:
    """Read JSON that must be its own canonical form."""
    try:
        return parse_canonical(data)
    except ValueError as error:
        raise Failed(f"{where}: {str(error)[:200]}") from error


def read_keys(document: Any, where: str) -> dict[str, PublicKey]:
    """Read a list of public keys: key id → key."""
    need(has_members(document, {"keys"}) and isinstance(document["keys"], list), f"{where}: form")
    keys: dict[str, PublicKey] = {}
    for item in document["keys"]:
        need(has_members(item, _KEY), f"{where}: members of a key")
        need(item["alg"] == "Ed25519", f"{where}: alg")
        need(isinstance(item["role"], str) and item["role"] in ROLES, f"{where}: role")
        need(isinstance(item["holder"], str) and is_hex(item["public_key_hex"]), f"{where}: holder or key")
        public = bytes.fromhex(item["public_key_hex"])
        need(item["key_id"] == sha256(public), f"{where}: key_id is not the SHA-256 of the key")
        need(item["key_id"] not in keys, f"{where}: a key twice")
        keys[item["key_id"]] = PublicKey(public, item["role"], item["holder"])
    return keys


def check_entry(entry: Any, where: str) -> dict[str, Any]:
    """Check one entry alone, its body against its hash; return its header."""
    members = set(entry) if isinstance(entry, dict) else set()
    need(members in ({"body", "header", "salt"}, {"header", "redacted"}), f"{where}: members of the entry")
    header: dict[str, Any] = entry["header"]
    need(has_members(header, _HEADER), f"{where}: members of the header")
    where = f"{where} (entry {header['seq']!r})"
    need(type(header["v"]) is int and header["v"] == 1, f"{where}: v")
    need(is_count(header["seq"]), f"{where}: seq")
    need(isinstance(header["kind"], str) and header["kind"] in KINDS, f"{where}: kind")
    need(isinstance(header["id"], str) and 1 <= len(header["id"]) <= 128, f"{where}: id")
    need(isinstance(header["actor"], str), f"{where}: actor")
    need(is_time(header["time_utc"]), f"{where}: time_utc")
    need(is_hex(header["body_sha256"]) and is_hex(header["prev_sha256"]), f"{where}: hash")
    _check_refs(header, where)
    _check_blobs(header["blobs"], where)
    if "body" in entry:
        need(isinstance(entry["body"], dict), f"{where}: body")
        need(is_hex(entry["salt"], 32), f"{where}: salt")
        hashed = sha256(canonical({"body": entry["body"], "salt": entry["salt"]}))
        need(hashed == header["body_sha256"], f"{where}: body does not match its hash")
    else:
        words = entry["redacted"]
        need(has_members(words, {"by", "reason"}), f"{where}: redacted")
        need(isinstance(words["by"], str) and isinstance(words["reason"], str), f"{where}: redacted")
    return header


def _check_refs(header: Mapping[str, Any], where: str) -> None:
    refs = header["refs"]
    need(isinstance(refs, list) and all(is_count(ref) for ref in refs), f"{where}: refs")
    need(refs == sorted(set(refs)) and all(ref < header["seq"] for ref in refs), f"{where}: refs")


def _check_blobs(blobs: Any, where: str) -> None:
    need(isinstance(blobs, list), f"{where}: blobs")
    for blob in blobs:
        need(has_members(blob, _BLOB), f"{where}: members of a blob")
        need(is_hex(blob["sha256"]) and is_count(blob["size_bytes"]), f"{where}: blob")
        need(isinstance(blob["media_type"], str) and isinstance(blob["name"], str), f"{where}: blob")


def leaf_of(header: Mapping[str, Any]) -> bytes:
    """Hash a header into its leaf."""
    return leaf_hash(canonical(header))


def check_order(header: Mapping[str, Any], decisions: Mapping[int, str | None], where: str) -> None:
    """Check that an order rests on an approving decision; a blanked one (None) cannot be asked."""
    if header["kind"] == "order":
        verdicts = [decisions[ref] for ref in header["refs"] if ref in decisions]
        held = any(verdict in (None, "approved", "amended") for verdict in verdicts)
        need(held, f"{where}: order {header['seq']} without an approving decision")


def verdict_of(entry: Mapping[str, Any]) -> str | None:
    """Return the verdict of a decision entry; None when it is blanked."""
    if "body" not in entry:
        return None
    verdict = entry["body"].get("verdict")
    return verdict if isinstance(verdict, str) else ""


def check_checkpoint(checkpoint: Any, where: str) -> None:
    """Check the form of a checkpoint."""
    need(has_members(checkpoint, _CHECKPOINT), f"{where}: members of the checkpoint")
    need(type(checkpoint["v"]) is int and checkpoint["v"] == 1, f"{where}: v")
    need(is_count(checkpoint["tree_size"]), f"{where}: tree_size")
    for member in ("log_id", "prev_checkpoint_sha256", "root_sha256"):
        need(is_hex(checkpoint[member]), f"{where}: {member}")
    need(isinstance(checkpoint["origin"], str), f"{where}: origin")
    need(is_time(checkpoint["time_utc"]), f"{where}: time_utc")


def check_signers(
    checkpoint: Mapping[str, Any], signatures: Any, keys: Mapping[str, PublicKey], where: str
) -> int:
    """Check every signature of a checkpoint, the log's own among them; return their number."""
    need(isinstance(signatures, list), f"{where}: signatures")
    message = CHECKPOINT_DOMAIN + canonical(checkpoint)
    signers: set[str] = set()
    for item in signatures:
        need(has_members(item, {"key_id", "sig_hex"}), f"{where}: form of a signature")
        check_signature(item["key_id"], item["sig_hex"], message, keys, where)
        need(item["key_id"] not in signers, f"{where}: one signer twice")
        signers.add(item["key_id"])
    need(checkpoint["log_id"] in signers, f"{where}: not signed by the log's own key")
    log_key = keys[checkpoint["log_id"]]
    need(log_key.role == "log", f"{where}: signed as log by a key of another role")
    need(log_key.holder == checkpoint["origin"], f"{where}: origin is not the holder of the log key")
    return len(signers)


def check_signature(
    key_id: Any, sig_hex: Any, message: bytes, keys: Mapping[str, PublicKey], where: str
) -> PublicKey:
    """Check one signature; return the key that made it."""
    need(isinstance(key_id, str) and key_id in keys, f"{where}: signed by a key that is not listed")
    need(is_hex(sig_hex, 128), f"{where}: sig_hex")
    key = keys[key_id]
    need(signature_holds(key.public, message, bytes.fromhex(sig_hex)), f"{where}: signature does not hold")
    return key


def is_trusted(trust: Mapping[str, PublicKey], key_id: str, role: str) -> bool:
    """Tell whether a key is among the trusted ones, in that role."""
    return key_id in trust and trust[key_id].role == role
