"""How the tracker's inner functions are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar

from truceline.geo.loops import njit

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "error_model": "numpy",
    "nogil": True,
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


def kernel(function: F) -> F:
    """Compile a function that makes no array and answers with none.

    References to arrays are not counted in it: counting costs as much as the arithmetic on four
    numbers. It may call its like only; a function that makes arrays is compiled with ``njit``.
    """
    compiled: F = njit(**_OPTIONS)(function)
    return compiled


def inlined(function: F) -> F:
    """Write a short kernel out wherever it is called."""
    compiled: F = njit(inline="always", **_OPTIONS)(function)
    return compiled


def folded(function: F) -> F:
    """Compile a kernel that is called in one place into that place, all its arguments with it."""
    compiled: F = njit(forceinline=True, **_OPTIONS)(function)
    return compiled
