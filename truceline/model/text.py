"""Text of others on a page or a terminal: what would steer it, or hide in it, is made visible."""

import re

# Controls, and the marks that turn the direction of writing (Unicode UAX 9).
_HOSTILE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str, keep: str = "") -> str:
    r"""Show control and direction characters by their number.

    Parameters
    ----------
    text
        What somebody else wrote.
    keep
        Characters that may stay, such as the line end.

    Examples
    --------
    >>> visible("gate\x1b[31m")
    'gate⟨U+001B⟩[31m'
    """
    return _HOSTILE.sub(lambda one: one[0] if one[0] in keep else f"⟨U+{ord(one[0]):04X}⟩", text)


def percent(part: float, whole: float) -> str:
    """Write a share to two digits, or more where two would round it to all.

    Examples
    --------
    >>> percent(3, 7_000), percent(995, 1_000), percent(5, 5)
    ('0.043 %', '99.5 %', '100 %')
    """
    share = 100 * part / whole
    return f"{share:.2g} %" if share < 99 else f"{share:.4g} %"
