"""Auditing a log folder, and the samples beside it."""

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from truceline.log.audit import forms
from truceline.log.audit.forms import Failed, NotOne, PublicKey, need
from truceline.log.canon import canonical
from truceline.log.merkle import Tree

_SEGMENT = re.compile(r"[0-9]{6}\.jsonl")


def audit_log(
    folder: Path, trust: Mapping[str, PublicKey] | None, known: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Check a log folder against every rule of the format.

    Raises
    ------
    Failed
        If a check failed; file, line and entry are named.
    NotOne
        If it is no log folder.
    """
    return _audit(folder, trust, known)[0]


def audit_data(
    folder: Path, trust: Mapping[str, PublicKey] | None, known: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Check a data folder: its log, and each of its samples.

    Raises
    ------
    Failed
        If a check failed; file, line and entry are named.
    NotOne
        If it holds no log.
    """
    finding, cited = _audit(folder / "log", trust, known)
    samples = folder / "blobs"
    count = _audit_samples(samples, cited) if samples.is_dir() else 0
    return {**finding, "kind": "data", "blobs": count}


def _audit(
    folder: Path, trust: Mapping[str, PublicKey] | None, known: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, str]]:
    paths = _segments(folder)
    keys = forms.read_keys(forms.load((folder / "keys.json").read_bytes(), "keys.json"), "keys.json")
    roles = [key.role for key in keys.values()]
    need(roles == ["log"], "keys.json: a log folder lists its log key and no other")
    walk = _Walk(keys, known)
    for path in paths:
        for number, line in _lines(path):
            walk.take(line, f"{path.name} line {number}")
    walk.finish()
    log_id = next(iter(keys))
    if trust is not None:
        need(forms.is_trusted(trust, log_id, "log"), "the log's key is not among the trusted keys")
    finding = {
        "kind": "log",
        "verdict": "intact_untrusted" if trust is None else "verified",
        "entries": walk.tree.size,
        "redacted": len(walk.blanked),
        "checkpoints": walk.checkpoints,
        "tree_size": walk.tree.size,
        "root_sha256": walk.tree.root().hex(),
        "log_id": log_id,
    }
    return finding, walk.cited


def _audit_samples(folder: Path, cited: Mapping[str, str]) -> int:
    """Check that each sample has the hash that names it; return their number.

    Names that begin with a dot are unfinished and count for nothing.
    """
    count = 0
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        where = f"blobs/{path.relative_to(folder)}"
        if stat.S_ISDIR(mode) or path.name.startswith("."):
            continue
        need(stat.S_ISREG(mode), f"{where}: no regular file")
        need(path.parent.name == path.name[:2] and path.parent.parent == folder, f"{where}: wrong folder")
        with path.open("rb") as file:
            held = hashlib.file_digest(file, "sha256").hexdigest() == path.name
        need(held, f"{where}: other content than {cited.get(path.name, 'its name says; no entry cites it')}")
        count += 1
    return count


class _Walk:
    """What holds of a log so far, line by line."""

    def __init__(self, keys: Mapping[str, PublicKey], known: Mapping[str, Any] | None) -> None:
        self.keys, self.known = keys, known
        self.tree = Tree()
        self.blanked: dict[int, tuple[Mapping[str, str], str]] = {}  # seq -> its words, and where it stands
        self.cited: dict[str, str] = {}  # sample -> the first entry that cites it, in words
        self.checkpoints = 0
        self._erased: dict[int, list[Mapping[str, Any]]] = {}
        self._decisions: dict[int, str | None] = {}
        self._reports: set[str] = set()
        self._previous = self._previous_checkpoint = forms.ZEROS
        self._signed_size = -1

    def _fresh(self) -> str:
        first, last = max(self._signed_size, 0), self.tree.size - 1
        return f"entry {first}" if first >= last else f"entries {first} to {last}"

    def take(self, line: bytes, where: str) -> None:
        """Check the next line."""
        due = self.tree.size
        try:
            value = forms.load(line, where)
            if isinstance(value, dict) and "checkpoint" in value:
                self._take_checkpoint(value, where)
            else:
                self._take_entry(value, where)
        except Failed as error:
            said, place = str(error), f"entry {due}"
            raise Failed(said if place in said else f"{said} (before or in {place})") from error

    def finish(self) -> None:
        """Check what only the whole log can tell."""
        for seq, (words, where) in self.blanked.items():
            held = any(
                body.get("by") == words["by"] and body.get("reason") == words["reason"]
                for body in self._erased.get(seq, ())
            )
            need(held, f"{where}: entry {seq} is blanked without an erasure entry that says the same")
        need(self.checkpoints, "no checkpoint")
        after = self.tree.size - self._signed_size
        need(after == 0, f"{after} entries after the last signed checkpoint")
        if self.known is not None:
            size = self.known["tree_size"]
            need(self.known["log_id"] in self.keys, "the known checkpoint is of another log")
            need(size <= self.tree.size, f"the log is shorter than the known checkpoint ({size} entries)")
            held = self.tree.root(size).hex() == self.known["root_sha256"]
            need(held, "the log was rewritten before the known checkpoint")

    def _take_entry(self, entry: Any, where: str) -> None:
        header = forms.check_entry(entry, where)
        seq = header["seq"]
        need(seq == self.tree.size, f"{where}: entry {seq} where {self.tree.size} is due")
        follows = header["prev_sha256"] == self._previous
        need(follows, f"{where}: chain broken between entry {seq - 1} and entry {seq}")
        leaf = forms.leaf_of(header)
        self.tree.append(leaf)
        self._previous = leaf.hex()
        for blob in header["blobs"]:
            self.cited.setdefault(blob["sha256"], f"entry {seq} ({header['kind']} {header['id']}) cites")
        if header["kind"] == "report":
            need(header["id"] not in self._reports, f"{where}: report id twice (entry {seq})")
            self._reports.add(header["id"])
        elif header["kind"] == "decision":
            self._decisions[seq] = forms.verdict_of(entry)
        forms.check_order(header, self._decisions, where)
        if "redacted" in entry:
            self.blanked[seq] = entry["redacted"], where
        elif header["kind"] == "erasure":
            for ref in header["refs"]:
                self._erased.setdefault(ref, []).append(entry["body"])

    def _take_checkpoint(self, value: Any, where: str) -> None:
        need(forms.has_members(value, {"checkpoint", "signatures"}), f"{where}: members")
        checkpoint = value["checkpoint"]
        forms.check_checkpoint(checkpoint, where)
        need(checkpoint["tree_size"] == self.tree.size, f"{where}: checkpoint of another tree size")
        held = checkpoint["root_sha256"] == self.tree.root().hex()
        need(held, f"{where}: root does not match {self._fresh()}")
        follows = checkpoint["prev_checkpoint_sha256"] == self._previous_checkpoint
        need(follows, f"{where}: a checkpoint before this one is missing or changed")
        forms.check_signers(checkpoint, value["signatures"], self.keys, where)
        need(checkpoint["log_id"] in self.keys, f"{where}: of another log")
        self._previous_checkpoint = forms.sha256(canonical(checkpoint))
        self._signed_size = self.tree.size
        self.checkpoints += 1


def _segments(folder: Path) -> list[Path]:
    names = sorted(path.name for path in folder.iterdir())
    found = [name for name in names if _SEGMENT.fullmatch(name)]
    if "keys.json" not in names or not found:
        if found or "keys.json" in names:
            raise NotOne(f"{folder}: half a log (keys.json or the segments are missing)")
        raise NotOne(f"{folder}: no log")
    for name in names:
        need(name == "keys.json" or name in found, f"unexpected file {name}")
        need(stat.S_ISREG((folder / name).lstat().st_mode), f"{name}: no regular file")
    for index, name in enumerate(found):
        need(name == f"{index:06d}.jsonl", f"segment {index:06d}.jsonl is missing")
    return [folder / name for name in found]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                raise Failed(f"{path.name} line {number}: torn last line")
            yield number, line[:-1]
