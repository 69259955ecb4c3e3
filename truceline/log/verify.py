"""Verifying logs, packages and data folders offline, from the format alone (contract wire, A and G)."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from truceline.log.audit import forms
from truceline.log.audit.forms import Failed, NotOne, PublicKey
from truceline.log.audit.logs import audit_data, audit_log
from truceline.log.audit.packages import audit_package

MAX_PACKAGE_BYTES = 0xFFFFFFFF
EXIT_CODES = {"verified": 0, "failed": 3, "intact_untrusted": 4}
_WORST_FIRST = (2, 3, 4, 0)


def verify_path(
    path: Path,
    trust: Mapping[str, PublicKey] | None = None,
    known: Mapping[str, Any] | None = None,
    require_parties: bool = False,
) -> tuple[int, dict[str, Any]]:
    """Verify one log folder, package or data folder; hostile input never raises.

    Parameters
    ----------
    path
        Log folder, package (a file), or data folder (its log and its samples).
    trust
        Trusted keys from :func:`read_trust`; None: nothing is trusted.
    known
        A checkpoint that the reader already holds, from :func:`read_known`.
    require_parties
        Whether every expected party must have signed a package.

    Returns
    -------
    tuple
        Exit code (0 verified, 2 no log or package, 3 a check failed, 4 intact but nothing trusted)
        and the finding, with at least ``verdict`` and, when failed, ``why``.
    """
    try:
        finding = _verify(path, trust, known, require_parties)
    except Failed as error:
        return 3, _failed(path, str(error))
    except NotOne as error:
        return 2, _failed(path, str(error))
    except OSError as error:
        return 2, _failed(path, f"cannot be read: {error.strerror or error}")
    return EXIT_CODES[finding["verdict"]], {"path": str(path), **finding}


def worst(codes: list[int]) -> int:
    """Return the worst of exit codes: 2, then 3, 4, 0."""
    return next((code for code in _WORST_FIRST if code in codes), 0)


def read_trust(path: Path) -> dict[str, PublicKey]:
    """Read a list of trusted keys (the form of ``keys.json``).

    Raises
    ------
    NotOne
        If it is none.
    """
    try:
        return forms.read_keys(_json(path), "trusted keys")
    except Failed as error:
        raise NotOne(f"{path}: {error}") from error


def read_known(path: Path) -> dict[str, Any]:
    """Read a checkpoint that the reader holds, as ``GET /log/checkpoint`` gives it.

    Raises
    ------
    NotOne
        If it is none.
    """
    document = _json(path)
    checkpoint: Any = document.get("checkpoint", document) if isinstance(document, dict) else None
    try:
        forms.check_checkpoint(checkpoint, "known checkpoint")
    except Failed as error:
        raise NotOne(f"{path}: {error}") from error
    return dict(checkpoint)


def _failed(path: Path, why: str) -> dict[str, Any]:
    unknown = {"entries": None, "tree_size": None, "root_sha256": None}
    return {"path": str(path), "verdict": "failed", "why": why, **unknown}


def _verify(
    path: Path, trust: Mapping[str, PublicKey] | None, known: Mapping[str, Any] | None, require_parties: bool
) -> dict[str, Any]:
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        if path.stat().st_size > MAX_PACKAGE_BYTES:
            raise NotOne("larger than any package")
        return audit_package(path.read_bytes(), trust, known, require_parties)
    if not stat.S_ISDIR(mode):
        raise NotOne("neither a folder nor a file")
    if not (path / "log").is_dir():
        return audit_log(path, trust, known)
    return audit_data(path, trust, known)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise NotOne(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise NotOne(f"{path}: no JSON") from error


__all__ = ["EXIT_CODES", "NotOne", "read_known", "read_trust", "verify_path", "worst"]
