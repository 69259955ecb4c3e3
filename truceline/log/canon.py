"""Canonical JSON (RFC 8785): the one way to write a value, so that every bit can be signed.

The quick way is msgspec's sorted encoder; it differs from RFC 8785 only where the text shows it:
``1.0`` is mended in place; for exponents, ``null`` that was NaN, long integers and keys beyond the
basic plane the slow, plain writer takes over. Contract wire G adds a limit: no number beyond
±(2^53−1) is written as an integer.
"""

import math
import re
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

import msgspec

SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 200
_ENCODER = msgspec.json.Encoder(order="sorted")
# What may differ from RFC 8785 in msgspec's text of an object: a negative zero, an exponent, a tiny
# decimal, a long integer, a character beyond the basic plane (keys sort by UTF-16 units).
_DOUBTFUL = re.compile(
    rb"-0\.0|e[-+]?[0-9]+[,}\]]|\.00000|:-?[0-9]{16}|,-?[0-9]{16}|\[-?[0-9]{16}|[\xf0-\xf4]"
)
# A whole float as a member's value. The quote ends a key: one that begins a string never follows
# a letter or digit, and one inside a string follows a backslash.
_WHOLE_MEMBER = re.compile(rb'(?<=[A-Za-z0-9_])(":-?[0-9]+)\.0(?=[,}])')
_WHOLE = re.compile(rb"\.0[,}\]]")


def canonical(value: Any) -> bytes:
    """Write a value as canonical JSON in UTF-8.

    Parameters
    ----------
    value
        A noun, mapping, list, text, number, truth value or None.

    Raises
    ------
    ValueError
        If it is no JSON: NaN, infinity, a lone surrogate, an integer beyond ±(2^53−1), a type
        that JSON lacks, or nesting beyond ``MAX_DEPTH``.
    """
    try:
        quick = _ENCODER.encode(value)
        if quick[:1] == b"{" and b"null" not in quick and _DOUBTFUL.search(quick) is None:
            if _WHOLE.search(quick) is None:
                return quick
            quick = b"".join(_WHOLE_MEMBER.split(quick))
            if _WHOLE.search(quick) is None:
                return quick
        return write(msgspec.to_builtins(value))
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except (TypeError, OverflowError, UnicodeError) as error:
        raise ValueError(str(error)) from error


def write(value: Any) -> bytes:
    """Write plain values (dict, list, str, int, float, bool, None) in the slow, plain way."""
    parts: list[str] = []
    _write(value, parts, 0)
    return "".join(parts).encode()


def parse_canonical(data: bytes) -> Any:
    """Read JSON that must be exactly its own canonical form.

    Raises
    ------
    ValueError
        If it is no JSON or not in canonical form.
    """
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if canonical(value) != data:
        raise ValueError("not in canonical form")
    return value


def text_json(text: str) -> bytes:
    """Write one string as canonical JSON."""
    return encode_basestring(text).encode()


def number_text(number: float) -> str:
    """Write a double as ECMAScript's Number::toString (RFC 8785, section 3.2.2.3).

    Raises
    ------
    ValueError
        If it is NaN or infinite.
    """
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"{sign}{digits[0]}{'.' if count > 1 else ''}{digits[1:]}{tail}"


def _write(value: Any, parts: list[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int | float):
        parts.append(_number(value))
    elif isinstance(value, Mapping):
        _write_object(value, parts, depth)
    elif isinstance(value, list | tuple):
        parts.append("[")
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _write(item, parts, depth + 1)
        parts.append("]")
    else:
        raise ValueError(f"{type(value).__name__} is no JSON")


def _write_object(value: Mapping[str, Any], parts: list[str], depth: int) -> None:
    parts.append("{")
    for index, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be"))):
        parts.append(("," if index else "") + encode_basestring(key) + ":")
        _write(value[key], parts, depth + 1)
    parts.append("}")


def _number(value: int | float) -> str:
    text = str(value) if isinstance(value, int) else number_text(value)
    if abs(value) > SAFE_INTEGER and "." not in text and "e" not in text:
        raise ValueError("a whole number beyond 2^53-1")
    return text
