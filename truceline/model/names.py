"""Ids of derived things are names: a prefix and a hash over what makes the thing that thing."""

import hashlib
import json

HEX_DIGITS = 32  # 64 bits can be collided on purpose, 128 cannot


def name(prefix: str, *parts: str) -> str:
    """Name a thing by the texts that make it that thing.

    Parameters
    ----------
    prefix
        Short word of the kind, e.g. ``inc``.
    parts
        The texts; their borders count, so ``("ab", "c")`` and ``("a", "bc")`` differ.

    Returns
    -------
    str
        ``prefix-`` and 32 hexadecimal digits of SHA-256.
    """
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:HEX_DIGITS]}"


def number(*parts: str) -> int:
    """Name a thing by a positive 63-bit integer (tracks, detections in tables)."""
    return int(name("n", *parts)[2:18], 16) >> 1
