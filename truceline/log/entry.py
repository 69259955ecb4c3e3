"""Lines of the log: entries and checkpoints as bytes (contract wire, G.1), each part written once."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from truceline.log.canon import canonical, text_json
from truceline.log.keys import Key, sign_checkpoint
from truceline.log.merkle import Tree, leaf_hash
from truceline.log.sign import CHECKPOINT_DOMAIN, signature_holds
from truceline.model.errors import Broken
from truceline.model.facts import Fact, Header, Redacted

ZEROS = "0" * 64
CHECKPOINT_START = b'{"checkpoint":'
SEGMENT_NAME = re.compile(r"[0-9]{6}\.jsonl")
_CHUNK_BYTES = 1 << 20


class Raws(msgspec.Struct, forbid_unknown_fields=True):
    """An entry cut into its parts without reading them."""

    header: msgspec.Raw
    body: msgspec.Raw = msgspec.Raw(b"")
    salt: str = ""
    redacted: Redacted | None = None


decode_fact = msgspec.json.Decoder(Fact).decode
decode_raws = msgspec.json.Decoder(Raws).decode
decode_header = msgspec.json.Decoder(Header).decode


def body_hash(body: bytes, salt: str) -> str:
    """Hash a body with its salt."""
    return hashlib.sha256(b'{"body":' + body + b',"salt":"' + salt.encode() + b'"}').hexdigest()


def header_bytes(header: Header) -> bytes:
    """Write a header canonically, its members in their order."""
    blobs = canonical(header.blobs) if header.blobs else b"[]"
    refs = ",".join(map(str, header.refs))
    return b'{"actor":%b,"blobs":%b,"body_sha256":"%b","id":%b,"kind":"%b","prev_sha256":"%b",%b' % (
        text_json(header.actor),
        blobs,
        header.body_sha256.encode(),
        text_json(header.id),
        header.kind.encode(),
        header.prev_sha256.encode(),
        f'"refs":[{refs}],"seq":{header.seq},"time_utc":"{header.time_utc}","v":1}}'.encode(),
    )


def entry_line(header: bytes, body: bytes, salt: str) -> bytes:
    """Splice an open entry from its parts."""
    return b'{"body":%b,"header":%b,"salt":"%b"}\n' % (body, header, salt.encode())


def blanked_line(header: bytes, by: str, reason: str) -> bytes:
    """Splice a blanked entry."""
    return b'{"header":%b,"redacted":%b}\n' % (header, canonical({"by": by, "reason": reason}))


def checkpoint_line(key: Key, checkpoint: dict[str, Any]) -> bytes:
    """Sign a checkpoint and write its line."""
    body = canonical(checkpoint)
    signature = f'"signatures":[{{"key_id":"{key.key_id}","sig_hex":"{sign_checkpoint(key, body)}"}}]}}\n'
    return b'{"checkpoint":%b,%b' % (body, signature.encode())


def checked_leaf(line: bytes) -> tuple[Raws, Header, bytes]:
    """Read one entry line and check its body against its header.

    Returns
    -------
    tuple
        The parts, the header, and the leaf hash (32 bytes).

    Raises
    ------
    ValueError
        If it is no entry, or the body does not match its hash.
    """
    try:
        raws = decode_raws(line)
        header = decode_header(raws.header)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"no entry: {error}") from error
    if raws.redacted is None and body_hash(bytes(raws.body), raws.salt) != header.body_sha256:
        raise ValueError("body does not match its hash")
    return raws, header, leaf_hash(bytes(raws.header))


def check_signed(said: Mapping[str, Any], public: bytes, tree: Tree) -> None:
    """Check a checkpoint, which speaks for every entry before it.

    Parameters
    ----------
    said
        The checkpoint line.
    public
        Public key of the log.
    tree
        Made of the entries before it.

    Raises
    ------
    ValueError
        If the key has not signed it, or the entries do not give its root.
    """
    try:
        checkpoint, key_id = said["checkpoint"], hashlib.sha256(public).hexdigest()
        signatures = {item["key_id"]: bytes.fromhex(item["sig_hex"]) for item in said["signatures"]}
        size, root = checkpoint["tree_size"], checkpoint["root_sha256"]
    except (LookupError, TypeError) as error:
        raise ValueError(f"no checkpoint: {error}") from error
    if not signature_holds(public, CHECKPOINT_DOMAIN + canonical(checkpoint), signatures.get(key_id, b"")):
        raise ValueError("the last checkpoint is not signed by the log's key")
    if (size, root) != (tree.size, tree.root().hex()):
        raise ValueError("the entries do not give the root of the last checkpoint")


def segments(log_dir: Path) -> list[Path]:
    """List the segments of a log in order.

    Raises
    ------
    Broken
        If one is missing.
    """
    names = sorted(path.name for path in log_dir.iterdir() if SEGMENT_NAME.fullmatch(path.name))
    for index, name in enumerate(names):
        if name != f"{index:06d}.jsonl":
            raise Broken(f"{log_dir}: segment {index:06d}.jsonl is missing")
    return [log_dir / name for name in names]


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without LF) of a segment; a torn last line is not yielded."""
    rest, offset = b"", 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield offset, line
                offset += len(line) + 1
