"""Loops over arrays, compiled by numba and kept on the disk: the one door to that library.

Numba loads everything that it may ever compile with (its own numpy, scipy's linear algebra) before it reads
a compiled function, which takes longer than all the functions. What was compiled before needs none of it.
"""

import io
import pickle
import sys
from collections.abc import Callable
from functools import cache as once
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding  # type: ignore[import-untyped]
import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.environment import Environment, _rebuild_env, lookup_environment
from numba.core.runtime import nrt

F = TypeVar("F", bound=Callable[..., Any])
literal_unroll: Any = numba.literal_unroll  # a loop goes through the fields of a tuple with it
_CALLED_FROM_PYTHON = "_ZN7cpython"  # how numba's names of functions that Python calls begin


class _Shelf(FunctionCache):
    """Reads what was compiled before without making ready to compile; numba itself does so before it does.

    What names a module that is no more, since the package was brought up to date in place, is thrown away.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        _make_ready(target_context)
        try:
            return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except (ImportError, AttributeError):
            self.flush()  # type: ignore[no-untyped-call]
            return None


@once
def _make_ready(target_context: Any) -> None:
    """Tell the linker where numba's runtime lies; the part of it that is compiled serves compiling alone."""
    for word, address in nrt._nrt.c_helpers.items():  # type: ignore[attr-defined]
        llvmlite.binding.add_symbol(word if word.startswith("_") else f"NRT_{word}", address)
    target_context.codegen()._library_class = _Library


class _Library(JITCodeLibrary):
    """A function whose form for the compiler is looked at when another that calls it is compiled."""

    form: bytes | None = None

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> Any:
        name, kind, data = state
        if kind != "object":
            return super()._unserialize(codegen, state)  # type: ignore[no-untyped-call]
        library = codegen.create_library(name)
        library.enable_object_caching()
        code, library.form = data
        library._set_compiled_object(code)
        library._finalize_final_module()
        return library

    def _get_module_for_linking(self) -> Any:
        if self.form is not None:
            self._shared_module = llvmlite.binding.parse_bitcode(self.form)
            self._codegen._engine._load_defined_symbols(self._shared_module)  # type: ignore[no-untyped-call]
            self.form = None
        return super()._get_module_for_linking()  # type: ignore[no-untyped-call]

    def get_pointer_to_function(self, name: str) -> Any:
        if self.form is not None and name.startswith(_CALLED_FROM_PYTHON):
            return self._codegen._engine.get_function_address(name)
        if self.form is not None:
            self._get_module_for_linking()
        return super().get_pointer_to_function(name)  # type: ignore[no-untyped-call]


class _Files(IndexDataCacheFile):
    """Reads the files of compiled functions, but not the modules of numba that helped to make them."""

    def _load_data(self, name: str) -> Any:
        path = Path(self._data_path(name))  # type: ignore[no-untyped-call]
        return _Reader(io.BytesIO(path.read_bytes())).load()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return _surroundings if found is _rebuild_env else found


def _surroundings(module: str, constants: list[Any], name: str) -> Any:
    """Make what a compiled function has of its module: of one of numba's no more than its name.

    Names in a module are looked up while compiling; compiled code has its constants.
    """
    known = lookup_environment(name)  # type: ignore[no-untyped-call]
    if known is not None or not module.startswith("numba.") or module in sys.modules:
        return known or _rebuild_env(module, constants, name)  # type: ignore[no-untyped-call]
    made: Any = Environment({"__name__": module})
    made.consts[:] = constants
    made.env_name = name
    Environment._memo[name] = made
    return made


def _nothing() -> None:
    """Make nothing ready."""


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
            dispatcher._cache = _Shelf(function)
            # It asks all installed packages for additions to numba; compiling does so by itself.
            dispatcher._compilation_chain_init_hook = _nothing
        loop: F = dispatcher
        return loop

    return compiled
