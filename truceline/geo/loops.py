"""Loops over arrays, compiled by numba and kept on the disk: the one door to that library.

Numba loads everything that it may ever compile with (its own numpy, scipy's linear algebra) before it reads
a compiled function, which takes longer than all the functions. What was compiled before needs none of it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

F = TypeVar("F", bound=Callable[..., Any])


class _Shelf(FunctionCache):
    """Reads what was compiled before without making ready to compile; numba itself does so before it does.

    What names a module that is no more, since the package was brought up to date in place, is thrown away.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        try:
            return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except (ImportError, AttributeError):
            self.flush()  # type: ignore[no-untyped-call]
            return None


def njit(*, cache: bool = False, **options: Any) -> Callable[[F], F]:
    """Compile a function at its first call.

    Functions of numpy that numba writes in Python (``searchsorted``, sorting, sums of arrays) load all its
    numpy after all: a loop that is wanted soon after the start does without them.

    Parameters
    ----------
    cache
        Keep what was compiled on the disk.
    **options
        Those of ``numba.njit``.
    """

    def compiled(function: F) -> F:
        dispatcher: Any = numba.njit(**options)(function)
        if cache:
            dispatcher._cache = _Shelf(function)  # type: ignore[no-untyped-call]
        loop: F = dispatcher
        return loop

    return compiled
