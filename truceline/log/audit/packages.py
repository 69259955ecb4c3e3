"""Auditing an evidence package (contract wire, G.2)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from truceline.log.audit import forms
from truceline.log.audit.forms import PublicKey, need
from truceline.log.audit.zipped import read_zip
from truceline.log.canon import canonical
from truceline.log.merkle import EMPTY_ROOT, check_consistency, check_inclusion
from truceline.log.sign import PACKAGE_DOMAIN

_REQUIRED = (
    "manifest.json",
    "signatures.json",
    "keys.json",
    "checkpoint.json",
    "proofs.json",
    "entries.jsonl",
)
_MANIFEST = frozenset(
    {"created_utc", "expected_party_key_ids", "files", "format", "incident_ids", "log_id"}
    | {"mission_key_id", "package_id", "withheld_blobs"}
)
_STATEMENT = frozenset(["key_id", "manifest_sha256", "note", "stance", "time_utc"])
_STANCES = ("seen", "accepted", "disputed")


class _Package(NamedTuple):
    """The members as bytes, and the JSON ones read."""

    members: Mapping[str, bytes]
    manifest: Mapping[str, Any]
    keys: Mapping[str, PublicKey]
    signatures: Mapping[str, Any]
    checkpoint: Mapping[str, Any]


def audit_package(
    data: bytes,
    trust: Mapping[str, PublicKey] | None,
    known: Mapping[str, Any] | None,
    require_parties: bool = False,
) -> dict[str, Any]:
    """Check a package against every rule of the format.

    Raises
    ------
    Failed
        If a check failed.
    NotOne
        If it is no zip.
    """
    package = _open(data)
    manifest, checkpoint = package.manifest, package.checkpoint
    _check_files(package)
    signers = forms.check_signers(checkpoint, package.signatures["checkpoint"], package.keys, "checkpoint")
    parties = _check_statements(package)
    missing = [key for key in manifest["expected_party_key_ids"] if key not in parties]
    need(not (require_parties and missing), f"{len(missing)} expected party signature(s) missing")
    entries = _read_entries(package)
    _check_closure(entries, manifest["incident_ids"])
    samples = _check_samples(package, entries)
    proofs = _check_history(package, known)
    if trust is not None:
        held = forms.is_trusted(trust, checkpoint["log_id"], "log")
        held = held and forms.is_trusted(trust, manifest["mission_key_id"], "mission")
        need(held, "log key or mission key is not among the trusted keys")
    return {
        "kind": "package",
        "verdict": "intact_untrusted" if trust is None else "verified",
        "entries": len(entries),
        "redacted": sum("redacted" in entry for entry in entries),
        "blobs": samples - len(manifest["withheld_blobs"]),
        "withheld_blobs": len(manifest["withheld_blobs"]),
        "tree_size": checkpoint["tree_size"],
        "root_sha256": checkpoint["root_sha256"],
        "log_id": checkpoint["log_id"],
        "checkpoint_signers": signers,
        "party_signatures": len(parties),
        "party_signatures_missing": len(missing),
        "consistency_proofs": proofs,
        "incidents": len(manifest["incident_ids"]),
    }


def _open(data: bytes) -> _Package:
    members = read_zip(data)
    for name in _REQUIRED:
        need(name in members, f"member {name} is missing")
    manifest = forms.load(members["manifest.json"], "manifest.json")
    _check_manifest(manifest)
    signatures = forms.load(members["signatures.json"], "signatures.json")
    need(forms.has_members(signatures, {"checkpoint", "package"}), "signatures.json: members")
    checkpoint = forms.load(members["checkpoint.json"], "checkpoint.json")
    forms.check_checkpoint(checkpoint, "checkpoint.json")
    need(checkpoint["log_id"] == manifest["log_id"], "checkpoint.json: of another log than the manifest's")
    keys = forms.read_keys(forms.load(members["keys.json"], "keys.json"), "keys.json")
    return _Package(members, manifest, keys, signatures, checkpoint)


def _check_manifest(manifest: Any) -> None:
    where = "manifest.json"
    need(forms.has_members(manifest, _MANIFEST), f"{where}: members")
    need(manifest["format"] == "truceline-evidence/1", f"{where}: format")
    need(forms.is_time(manifest["created_utc"]), f"{where}: created_utc")
    need(isinstance(manifest["package_id"], str), f"{where}: package_id")
    need(forms.is_hex(manifest["log_id"]) and forms.is_hex(manifest["mission_key_id"]), f"{where}: key ids")
    for member in ("expected_party_key_ids", "incident_ids", "withheld_blobs"):
        need(forms.are_texts(manifest[member]), f"{where}: {member}")
    need(manifest["incident_ids"], f"{where}: no incident")
    held = manifest["withheld_blobs"]
    need(held == sorted(set(held)), f"{where}: withheld_blobs are not sorted")


def _check_files(package: _Package) -> None:
    files, members = package.manifest["files"], package.members
    need(isinstance(files, list), "manifest.json: files")
    names: list[str] = []
    for item in files:
        need(forms.has_members(item, {"path", "sha256", "size_bytes"}), "manifest.json: form of a file")
        need(isinstance(item["path"], str) and forms.is_count(item["size_bytes"]), "manifest.json: file")
        names.append(item["path"])
    need(names == sorted(set(names)), "manifest.json: files are not sorted, or one is named twice")
    expected = set(members) - {"manifest.json", "signatures.json"}
    need(set(names) == expected, "manifest.json: does not list exactly the members")
    for item in files:
        data = members[item["path"]]
        held = item["sha256"] == forms.sha256(data) and item["size_bytes"] == len(data)
        need(held, f"member {item['path']} does not match the manifest")


def _check_statements(package: _Package) -> set[str]:
    """Check who said what about the package; return the parties that signed."""
    manifest, where = package.manifest, "package signature"
    statements = package.signatures["package"]
    need(isinstance(statements, list), "signatures.json: package")
    manifest_sha256 = forms.sha256(package.members["manifest.json"])
    signers: set[str] = set()
    parties: set[str] = set()
    for item in statements:
        need(forms.has_members(item, {"sig_hex", "statement"}), f"{where}: form")
        statement = item["statement"]
        need(forms.has_members(statement, _STATEMENT), f"{where}: members of the statement")
        need(statement["manifest_sha256"] == manifest_sha256, f"{where}: over another manifest")
        need(isinstance(statement["note"], str) and forms.is_time(statement["time_utc"]), f"{where}: form")
        message = PACKAGE_DOMAIN + canonical(statement)
        key_id, stance = statement["key_id"], statement["stance"]
        key = forms.check_signature(key_id, item["sig_hex"], message, package.keys, where)
        need(key_id not in signers, f"{where}: one signer twice")
        signers.add(key_id)
        if key_id == manifest["mission_key_id"]:
            need(key.role == "mission" and stance == "issued", f"{where}: the mission issues, nothing else")
            continue
        need(key.role in ("party", "witness"), f"{where}: a {key.role} key may not sign a package")
        need(stance in _STANCES, f"{where}: stance")
        if key.role == "party":
            parties.add(key_id)
    need(manifest["mission_key_id"] in signers, "the package is not signed by the mission key")
    return parties


def _read_entries(package: _Package) -> list[dict[str, Any]]:
    """Check each entry, its proof, and what follows from one to the next."""
    raw, checkpoint = package.members["entries.jsonl"], package.checkpoint
    need(raw.endswith(b"\n"), "entries.jsonl: empty, or without a final newline")
    lines = raw.split(b"\n")[:-1]
    document = forms.load(package.members["proofs.json"], "proofs.json")
    need(forms.has_members(document, {"proofs", "tree_size"}), "proofs.json: members")
    proofs = document["proofs"]
    need(isinstance(proofs, list) and len(proofs) == len(lines), "proofs.json: not one proof per entry")
    same = forms.is_count(document["tree_size"]) and document["tree_size"] == checkpoint["tree_size"]
    need(same, "proofs.json: other tree size than the checkpoint")
    entries: list[dict[str, Any]] = []
    decisions: dict[int, str | None] = {}
    reports: set[str] = set()
    before, leaf_before = -1, forms.ZEROS
    for number, (line, proof) in enumerate(zip(lines, proofs, strict=True), 1):
        where = f"entries.jsonl line {number}"
        entry = forms.load(line, where)
        header = forms.check_entry(entry, where)
        seq, leaf = header["seq"], forms.leaf_of(header)
        need(seq > before, f"{where}: seq not ascending")
        if seq == before + 1:
            need(header["prev_sha256"] == leaf_before, f"{where}: chain broken at entry {seq}")
        _check_proof(proof, seq, leaf, checkpoint, where)
        if header["kind"] == "report":
            need(header["id"] not in reports, f"{where}: report id twice")
            reports.add(header["id"])
        elif header["kind"] == "decision":
            decisions[seq] = forms.verdict_of(entry)
        forms.check_order(header, decisions, where)
        before, leaf_before = seq, leaf.hex()
        entries.append(entry)
    return entries


def _check_proof(proof: Any, seq: int, leaf: bytes, checkpoint: Mapping[str, Any], where: str) -> None:
    need(forms.has_members(proof, {"leaf_sha256", "path", "seq"}), f"{where}: form of the proof")
    same = forms.is_count(proof["seq"]) and proof["seq"] == seq and proof["leaf_sha256"] == leaf.hex()
    need(same, f"{where}: the proof is for another entry")
    root = bytes.fromhex(checkpoint["root_sha256"])
    held = check_inclusion(seq, checkpoint["tree_size"], leaf, _path(proof["path"], where), root)
    need(held, f"{where}: inclusion proof of entry {seq} does not hold")


def _path(path: Any, where: str) -> list[bytes]:
    need(isinstance(path, list) and all(forms.is_hex(node) for node in path), f"{where}: path of a proof")
    return [bytes.fromhex(node) for node in path]


def _check_closure(entries: list[dict[str, Any]], incident_ids: list[str]) -> None:
    headers = [entry["header"] for entry in entries]
    here = {header["seq"] for header in headers}
    for header in headers:
        for ref in header["refs"]:
            need(ref in here, f"entry {header['seq']} rests on entry {ref}, which is left out")
    incidents = {header["id"] for header in headers if header["kind"] == "incident"}
    for incident in incident_ids:
        need(incident in incidents, f"incident {incident[:128]} has no entry")


def _check_samples(package: _Package, entries: list[dict[str, Any]]) -> int:
    """Check that each sample is here or withheld, never both; return their number."""
    members, held = package.members, set(package.manifest["withheld_blobs"])
    wanted: set[str] = set()
    for entry in entries:
        for blob in entry["header"]["blobs"]:
            sha256 = blob["sha256"]
            wanted.add(sha256)
            data = members.get(f"blobs/{sha256}")
            need((data is None) == (sha256 in held), f"sample {sha256} is neither here nor withheld, or both")
            if data is not None:
                same = forms.sha256(data) == sha256 and len(data) == blob["size_bytes"]
                need(same, f"sample {sha256} does not match its name")
    for name in members:
        if name.startswith("blobs/"):
            need(name.removeprefix("blobs/") in wanted, f"{name} belongs to no entry")
    need(held <= wanted, "a withheld sample belongs to no entry")
    return len(wanted)


def _check_history(package: _Package, known: Mapping[str, Any] | None) -> int:
    """Check the consistency proofs, and that the known checkpoint is among them."""
    checkpoint, where = package.checkpoint, "consistency.json"
    root, size = bytes.fromhex(checkpoint["root_sha256"]), checkpoint["tree_size"]
    earlier: dict[int, str] = {0: EMPTY_ROOT.hex(), size: checkpoint["root_sha256"]}
    count = 0
    if where in package.members:
        document = forms.load(package.members[where], where)
        need(forms.has_members(document, {"from"}) and isinstance(document["from"], list), f"{where}: form")
        for item in document["from"]:
            need(forms.has_members(item, {"path", "root_sha256", "tree_size"}), f"{where}: form of a proof")
            need(forms.is_count(item["tree_size"]) and forms.is_hex(item["root_sha256"]), f"{where}: proof")
            path, old_root = _path(item["path"], where), bytes.fromhex(item["root_sha256"])
            held = check_consistency(item["tree_size"], size, old_root, root, path)
            need(held, f"{where}: proof from size {item['tree_size']} does not hold")
            earlier[item["tree_size"]] = item["root_sha256"]
            count += 1
    if known is not None:
        need(known["log_id"] == checkpoint["log_id"], "the known checkpoint is of another log")
        held = earlier.get(known["tree_size"]) == known["root_sha256"]
        need(
            held, f"no proof that the log only grew since the known checkpoint ({known['tree_size']} entries)"
        )
    return count
