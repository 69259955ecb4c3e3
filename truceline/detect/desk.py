"""Where the planes of a scene lie: in memory, or for a large scene in files that no name points to."""

import ctypes
import mmap
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY_PX = 16_000_000  # a scene of 4,000 x 4,000; its planes take about half a gigabyte
_RESERVED_BYTES_PER_PX = 64  # addresses only: what is not touched takes no memory
_ALIGNED_BYTES = 64
_RETURNED_BYTES = 1 << 20
STRIP_ROWS = 128  # rows that are worked on at a time; a multiple of the blocks of the weather


class Desk:
    """Hands out planes of one grid and lets go of rows that are done.

    Parameters
    ----------
    shape
        Height and width of the scene.
    folder
        Where the files of a large scene lie; None: the folder for temporary files.
    """

    def __init__(self, shape: tuple[int, int], folder: Path | None = None) -> None:
        self.shape = shape
        self.folder = folder
        self.is_large = shape[0] * shape[1] > IN_MEMORY_PX
        self._arena: mmap.mmap | None = None
        self._taken = 0
        self._maps: list[tuple[mmap.mmap, int, int]] = []
        self._levels: NDArray[np.int16] | None = None
        if self.is_large:
            _return_what_is_freed()

    def levels(self, layers: int) -> NDArray[np.int16]:
        """Answer the place for the levels of a date, (layers, height, width); the same for every date."""
        if self._levels is None:
            self._levels = self.plane("i2", layers)
        return self._levels

    def plane(self, kind: str, layers: int = 0, fill: float = 0) -> NDArray[Any]:
        """Make a plane (height, width), or layers of it (layers, height, width).

        Parameters
        ----------
        kind
            Data type.
        layers
            Number of layers; 0 for a single plane.
        fill
            Value of every pixel.
        """
        shape = (layers, *self.shape) if layers else self.shape
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if not self.is_large:
            array = np.frombuffer(self._room(size), kind).reshape(shape)
            if fill:
                array[...] = fill
            return array
        with tempfile.TemporaryFile(dir=self.folder) as file:
            file.truncate(size)
            pages = mmap.mmap(file.fileno(), size)
        self._maps.append((pages, max(layers, 1), np.dtype(kind).itemsize * self.shape[1]))
        array = np.frombuffer(pages, kind).reshape(shape)
        for top, bottom in self.strips() if fill else ():
            array[..., top:bottom, :] = fill
            self.let_go(top, bottom)
        return array

    def _room(self, size: int) -> memoryview:
        """Take zeroed memory; the pages of the system are large ones, as a small one costs as much to get."""
        reserved = _RESERVED_BYTES_PER_PX * self.shape[0] * self.shape[1] + _ALIGNED_BYTES
        if self._arena is None or self._taken + size > len(self._arena):
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._arena, self._taken = mmap.mmap(-1, max(size, reserved), flags=flags), 0
            self._arena.madvise(mmap.MADV_HUGEPAGE)
        start = self._taken
        self._taken += -(-size // _ALIGNED_BYTES) * _ALIGNED_BYTES
        return memoryview(self._arena)[start : start + size]

    def strips(self) -> list[tuple[int, int]]:
        """Cut the rows of the scene into strips (first row, last row + 1)."""
        height = self.shape[0]
        return [(top, min(top + STRIP_ROWS, height)) for top in range(0, height, STRIP_ROWS)]

    def at(self, plane: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
        """Read single pixels of a plane, ``places`` being row times width plus column, ordered.

        Scattered pixels touch most pages of a file: of a large scene they are read strip by strip.
        """
        flat, width = plane.reshape(-1), self.shape[1]
        if not self.is_large:
            return np.asarray(flat[places])
        values = np.empty(len(places), plane.dtype)
        for top, bottom in self.strips():
            first, last = np.searchsorted(places, (top * width, bottom * width))
            values[first:last] = flat[places[first:last]]
            self.let_go(top, bottom)
        return values

    def let_go(self, top: int, bottom: int) -> None:
        """Give back the memory of these rows; what was written stays in the file."""
        for pages, layers, row_bytes in self._maps:
            for layer in range(layers):
                start = (layer * self.shape[0] + top) * row_bytes
                end = (layer * self.shape[0] + bottom) * row_bytes
                start = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
                if end > start:
                    pages.madvise(mmap.MADV_DONTNEED, start, end - start)


def _return_what_is_freed() -> None:
    """Let the system have large blocks back at once (GNU C library, mallopt, M_MMAP_THRESHOLD = -3).

    Else the library keeps freed blocks of up to 32 MiB, more of them with each date of a large scene.
    """
    if sys.platform == "linux":
        adjust = getattr(ctypes.CDLL(None), "mallopt", None)
        if adjust is not None:
            adjust(-3, _RETURNED_BYTES)
