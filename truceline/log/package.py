"""Evidence packages: what was claimed, what it rests on, what was decided, provable without us."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from truceline.log.audit import forms
from truceline.log.audit.packages import audit_package
from truceline.log.audit.zipped import read_zip, write_zip
from truceline.log.blobs import Blobs
from truceline.log.canon import canonical
from truceline.log.entry import CHECKPOINT_START, blanked_line, checked_leaf, decode_fact, decode_raws
from truceline.log.keys import Key, load_key, sign_statement
from truceline.log.merkle import Tree
from truceline.log.reader import Index, log_folder, read_lines
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Fact, Header
from truceline.model.names import name
from truceline.model.place import utc_text

STANCES = ("seen", "accepted", "disputed")
_FOLLOWS = frozenset({"recommendation", "decision", "order", "order_state", "statement"})
_ACCOUNT = "an account: its entry proves the role, its body stays with the mission"
_CAMERAS = ("video/", "image/jpeg", "image/png", "image/webp")  # scenes from orbit are TIFF, and few photos
_LEFT_OUT = "left out of this package by the mission"
_OTHERS = "of another case, or of a report that only tracks rest on: its body stays with the mission"
_FORMAT = """# Evidence package, format truceline-evidence/1

`entries.jsonl` holds log entries, `proofs.json` proves each against `checkpoint.json`, `keys.json`
lists public keys and `signatures.json` who signed. Nothing in here is to be trusted for being in
here: get the keys of log and mission by another way, then

    truceline verify PACKAGE.zip --trust KEYS.json

A blanked entry (`redacted`) keeps its place and its proof; its words are left out.
"""


class _Chosen(NamedTuple):
    """The entries of a package: of the cases asked for, and what they rest on besides, which is blanked."""

    own: set[int]
    others: set[int]
    mixed: set[int]  # rounds of tracks that reports are part of


class _Log(NamedTuple):
    """A log as far as its last checkpoint."""

    headers: list[Header]
    about: dict[int, str]  # statement entry -> the incident it is about
    removed: set[str]  # samples that the log says are kept no longer
    tree: Tree
    places: Index
    checkpoint: dict[str, Any]


def make_package(
    data_dir: Path,
    incident_ids: Sequence[str],
    redact: Sequence[str] = (),
    withhold: Sequence[str] = (),
    since: Mapping[int, str | None] | None = None,
    moment: datetime | None = None,
    *,
    originals: bool = False,
) -> bytes:
    """Make a package of incidents, everything they rest on, and what was decided on them.

    Bodies of accounts are always blanked: they hold hashes of tokens. So are those of other cases that a
    recommendation joined with these, and of reports that only tracks rest on; their samples are withheld, and
    so are the rows of tracks that such reports are part of: nobody has released them.

    Parameters
    ----------
    data_dir
        Data folder; a server may be writing to it.
    incident_ids
        Ids of incident entries.
    redact
        Ids of entries to blank in the package (their place and proof stay).
    withhold
        SHA-256 of samples to leave out.
    since
        Tree sizes of earlier checkpoints to prove growth from, with their roots where known.
    moment
        When it is made; default: the time of the checkpoint, so that same input gives same bytes.
    originals
        Whether clips and photos go with it as the cameras took them. Without, they are withheld (the
        entries hold their SHA-256): faces and plates are unreadable in what detectors cut out alone.

    Raises
    ------
    BadInput
        If an id, sample or checkpoint is not of this log.
    Broken
        If the log is corrupt.
    """
    log = _read(data_dir)
    chosen = _select(log, incident_ids)
    seqs = sorted(chosen.own | chosen.others)
    mission = load_key(data_dir / "keys" / "mission.pem")
    keys = _keys(data_dir, mission)
    facts, lines = _lines(log, chosen, redact, str(log.checkpoint["checkpoint"]["origin"]))
    files = {
        "FORMAT.md": _FORMAT.encode(),
        "checkpoint.json": canonical(log.checkpoint["checkpoint"]),
        "entries.jsonl": b"".join(lines),
        "keys.json": canonical({"keys": keys}),
        "proofs.json": canonical(_proofs(log, seqs)),
    }
    if since:
        files["consistency.json"] = canonical(_consistency(log, since))
    kept_back = set() if originals else _originals(facts)
    open_ = chosen.own - chosen.mixed
    kept_back |= _samples(f for f in facts if f.seq not in open_) - _samples(
        f for f in facts if f.seq in open_
    )
    held = _add_samples(files, Blobs(data_dir / "blobs"), facts, withhold, log.removed, kept_back)
    written = utc_text(moment) if moment else log.checkpoint["checkpoint"]["time_utc"]
    manifest = {
        "created_utc": written,
        "expected_party_key_ids": [key["key_id"] for key in keys if key["role"] == "party"],
        "files": [
            {"path": path, "sha256": hashlib.sha256(files[path]).hexdigest(), "size_bytes": len(files[path])}
            for path in sorted(files)
        ],
        "format": "truceline-evidence/1",
        "incident_ids": list(dict.fromkeys(incident_ids)),
        "log_id": log.checkpoint["checkpoint"]["log_id"],
        "mission_key_id": mission.key_id,
        "package_id": name(
            "pkg", written, *(hashlib.sha256(files[path]).hexdigest() for path in sorted(files))
        ),
        "withheld_blobs": held,
    }
    files["manifest.json"] = canonical(manifest)
    issued = _statement(mission, files["manifest.json"], "issued", "", written)
    files["signatures.json"] = canonical({"checkpoint": log.checkpoint["signatures"], "package": [issued]})
    try:
        return write_zip(files)
    except ValueError as error:
        raise BadInput("package", f"{error}; take fewer incidents or withhold samples") from error


def sign_package(data: bytes, key: Key, stance: str, note: str, moment: datetime) -> bytes:
    """Add what a party or witness says about a package, signed.

    Raises
    ------
    BadInput
        If the package does not hold, or the key is not listed in it, may not sign, or has signed.
    """
    if stance not in STANCES:
        raise BadInput("stance", f"one of {', '.join(STANCES)}")
    try:
        audit_package(data, None, None)
        members = read_zip(data)
    except (forms.Failed, forms.NotOne) as error:
        raise BadInput("package", f"does not hold, so nobody should sign it: {error}") from error
    roles = {item["key_id"]: item["role"] for item in json.loads(members["keys.json"])["keys"]}
    role = roles.get(key.key_id)
    if role not in ("party", "witness"):
        raise BadInput("key", f"{key.key_id} is not listed in the package as a party or witness")
    signatures = json.loads(members["signatures.json"])
    if any(item["statement"]["key_id"] == key.key_id for item in signatures["package"]):
        raise BadInput("key", f"{key.key_id} has signed this package already")
    statement = _statement(key, members["manifest.json"], stance, note, utc_text(moment))
    signatures["package"].append(statement)
    try:
        return write_zip({**members, "signatures.json": canonical(signatures)})
    except ValueError as error:
        raise BadInput("note", str(error)) from error


def _statement(key: Key, manifest: bytes, stance: str, note: str, time_utc: str) -> dict[str, Any]:
    statement = {
        "key_id": key.key_id,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "note": note,
        "stance": stance,
        "time_utc": time_utc,
    }
    try:
        return sign_statement(key, statement)
    except ValueError as error:
        raise BadInput("note", str(error)) from error


def _read(data_dir: Path) -> _Log:
    headers: list[Header] = []
    about: dict[int, str] = {}
    removed: set[str] = set()
    tree, index, last = Tree(), Index(log_folder(data_dir)), b""
    for segment, offset, line in read_lines(data_dir):
        if line.startswith(CHECKPOINT_START):
            last = line
            continue
        try:
            raws, header, leaf = checked_leaf(line)
            if header.seq != tree.size:
                raise ValueError(f"entry {header.seq} where {tree.size} is due")
        except ValueError as error:
            raise Broken(f"{segment}: offset {offset}: {error}") from error
        if header.kind == "statement" and raws.redacted is None:
            body = msgspec.json.decode(raws.body)
            if isinstance(body.get("incident_id"), str):
                about[header.seq] = body["incident_id"]
            if body.get("about") == "retention":
                removed.update(body["attributes"]["removed"])
        headers.append(header)
        tree.append(leaf)
        index.add(int(segment.stem), offset, len(line))
    if not last:
        raise BadInput(str(data_dir), "the log has no checkpoint yet")
    checkpoint = json.loads(last)
    if checkpoint["checkpoint"]["root_sha256"] != tree.root().hex():
        raise Broken(f"{data_dir}: the entries do not give the root of the last checkpoint")
    return _Log(headers, about, removed, tree, index, checkpoint)


def _select(log: _Log, incident_ids: Sequence[str]) -> _Chosen:
    """Choose the incidents and what they rest on, what followed from them, and all that this rests on."""
    known = {header.id for header in log.headers if header.kind == "incident"}
    for incident in incident_ids:
        if incident not in known:
            raise BadInput(incident, "no incident of this log has this id")
    wanted = set(incident_ids)
    asked: set[int] = set()
    followed: set[int] = set()
    for header in log.headers:
        if header.kind == "incident" and header.id in wanted:
            asked.add(header.seq)
        follows = header.kind in _FOLLOWS and not (asked | followed).isdisjoint(header.refs)
        if follows or log.about.get(header.seq) in wanted:
            followed.add(header.seq)
    told, mixed = _by_people(log)
    own = _closure(log, asked, told) | followed
    return _Chosen(own, _closure(log, own, set()) - own, mixed)


def _by_people(log: _Log) -> tuple[set[int], set[int]]:
    """Find the rows that were read from reports, and the rounds of tracks that rest on such rows.

    A round rests on all that was told of at its time, so it would bring reports, and places that only they
    name, that have nothing to do with a case.
    """
    told: set[int] = set()
    mixed: set[int] = set()
    for header in log.headers:
        if header.kind == "detection" and any(log.headers[ref].kind == "report" for ref in header.refs):
            told.add(header.seq)
        elif header.kind == "track" and any(ref in told or ref in mixed for ref in header.refs):
            mixed.add(header.seq)
    return told, mixed


def _closure(log: _Log, seqs: set[int], without: set[int]) -> set[int]:
    """Add all that entries rest on, some entries and what only they rest on left out."""
    found, waiting = set(seqs), list(seqs)
    while waiting:
        fresh = set(log.headers[waiting.pop()].refs) - found - without
        found |= fresh
        waiting += fresh
    return found


def _lines(log: _Log, chosen: _Chosen, redact: Sequence[str], by: str) -> tuple[list[Fact], list[bytes]]:
    seqs = sorted(chosen.own | chosen.others)
    facts: list[Fact] = []
    lines: list[bytes] = []
    here = {log.headers[seq].id for seq in seqs}
    for entry_id in redact:
        if entry_id not in here:
            raise BadInput(entry_id, "no entry of this package has this id, so it cannot be blanked")
    for seq in seqs:
        line = log.places.line(seq)
        try:
            fact, header = decode_fact(line), bytes(decode_raws(line).header)
        except msgspec.MsgspecError as error:
            raise Broken(f"entry {seq}: the log changed while it was read; try again") from error
        if fact.header != log.headers[seq]:
            raise Broken(f"entry {seq}: the log changed while it was read; try again")
        facts.append(fact)
        if fact.redacted is None and fact.id in redact:
            lines.append(blanked_line(header, by, _LEFT_OUT))
        elif fact.redacted is None and fact.kind == "user":
            lines.append(blanked_line(header, by, _ACCOUNT))
        elif fact.redacted is None and seq in chosen.others:
            lines.append(blanked_line(header, by, _OTHERS))
        else:
            lines.append(line + b"\n")
    return facts, lines


def _proofs(log: _Log, seqs: Iterable[int]) -> dict[str, Any]:
    size = log.tree.size
    proofs = [
        {
            "leaf_sha256": log.tree.leaf(seq).hex(),
            "path": [node.hex() for node in log.tree.inclusion(seq, size)],
            "seq": seq,
        }
        for seq in seqs
    ]
    return {"proofs": proofs, "tree_size": size}


def _consistency(log: _Log, since: Mapping[int, str | None]) -> dict[str, Any]:
    proofs = []
    for size, known in sorted(since.items()):
        if not 0 <= size <= log.tree.size:
            raise BadInput(f"checkpoint of {size} entries", f"the log has {log.tree.size}")
        root = log.tree.root(size).hex()
        if known not in (None, root):
            raise BadInput(f"checkpoint of {size} entries", "is not of this log: it has another root")
        if size:
            path = [node.hex() for node in log.tree.consistency(size, log.tree.size)]
            proofs.append({"path": path, "root_sha256": root, "tree_size": size})
    return {"from": proofs}


def _add_samples(
    files: dict[str, bytes],
    blobs: Blobs,
    facts: Sequence[Fact],
    withhold: Sequence[str],
    removed: set[str],
    kept_back: set[str],
) -> list[str]:
    """Add the samples of the entries to the files; return those that are not in it, sorted."""
    wanted = sorted(_samples(facts))
    for sha256 in withhold:
        if sha256 not in wanted:
            raise BadInput(sha256, "no sample of this package, so it cannot be withheld")
    left_out = set(withhold) | kept_back | {one for one in wanted if one in removed and not blobs.has(one)}
    for sha256 in wanted:
        if sha256 in left_out:
            continue
        files[f"blobs/{sha256}"] = blobs.read(sha256)
    return sorted(left_out)


def _originals(facts: Sequence[Fact]) -> set[str]:
    """Collect what cameras took, and no other entry shows: people in it may be recognised."""
    taken = {
        blob.sha256
        for fact in facts
        for blob in fact.blobs
        if fact.kind == "observation" and (blob.media_type.startswith(_CAMERAS) or blob.name == "photo")
    }
    return taken - {blob.sha256 for fact in facts if fact.kind != "observation" for blob in fact.blobs}


def _samples(facts: Iterable[Fact]) -> set[str]:
    return {blob.sha256 for fact in facts for blob in fact.blobs}


def _keys(data_dir: Path, mission: Key) -> list[dict[str, str]]:
    """List the public keys of log, mission, parties and witnesses."""
    log_keys = json.loads((log_folder(data_dir) / "keys.json").read_bytes())["keys"]
    keys = [*log_keys, mission.record("mission", f"{log_keys[0]['holder']} mission")]
    path = data_dir / "keys" / "parties.json"
    if path.exists():
        try:
            document = json.loads(path.read_bytes())
            listed = forms.read_keys(document, "keys")
        except (ValueError, RecursionError, forms.Failed) as error:
            raise BadInput(str(path), f"no list of public keys: {error}") from error
        if any(key.role not in ("party", "witness") for key in listed.values()):
            raise BadInput(str(path), "lists a key that is neither a party's nor a witness's")
        keys += document["keys"]
    return keys
