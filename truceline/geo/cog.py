"""Cloud-optimized GeoTIFFs written piece by piece, in bounded memory and at the speed of the disk.

GDAL's own driver copies the whole picture first and resamples it from the file. Here the tags of the place
come from GDAL and the rest is laid out as TIFF 6.0 (Adobe, 1992, section 15: tiles) and the OGC Cloud
Optimized GeoTIFF Standard (21-026) say: directories first, then the overviews from the smallest to the
largest, then the picture. Tiles with the same content are stored once. Each overview shows every fourth
pixel of the next larger one, which costs a fifteenth of the picture; tiles are made beside the writing.
GDAL's own mark of the layout is left out: it promises that no two tiles share their bytes.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from truceline.geo.raster import Grid, one_pixel_file

TILE_PX = 256
OVERVIEW_STEP = 4
_AHEAD = 3  # tiles that are made while one is written
_NO_DATA = 42113  # GDAL's tag
_CLASSIC_LIMIT = 4_000_000_000  # bytes; a larger file needs offsets of 64 bits
_PLACE_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)  # geo keys, GDAL's names and no data
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 12: 8, 16: 8}  # bytes of TIFF types: BYTE ASCII SHORT LONG DOUBLE LONG8
_FORMATS = {3: "H", 4: "I", 16: "Q"}

Source = Callable[[slice, slice], NDArray[Any]]


class _Tag(NamedTuple):
    number: int
    kind: int
    amount: int
    value: bytes


class _Layout(NamedTuple):
    """How offsets are written: in TIFF or in BigTIFF."""

    is_big: bool

    @property
    def offset(self) -> str:
        return "Q" if self.is_big else "I"

    @property
    def kind(self) -> int:
        return 16 if self.is_big else 4

    @property
    def header(self) -> bytes:
        return (
            struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if self.is_big else struct.pack("<2sHI", b"II", 42, 8)
        )

    def directory_bytes(self, tags: Sequence[_Tag]) -> int:
        """Give the size of a directory with everything that it points to but tiles."""
        entry, room = (20, 8) if self.is_big else (12, 4)
        outside = sum(len(tag.value) + len(tag.value) % 2 for tag in tags if len(tag.value) > room)
        return (8 + entry * len(tags) + 8 if self.is_big else 2 + entry * len(tags) + 4) + outside

    def directory(self, tags: Sequence[_Tag], at: int, following: int) -> bytes:
        """Write a directory that begins at byte ``at``; ``following`` is the next one, 0 = last."""
        entry, room, count = (20, 8, "Q") if self.is_big else (12, 4, "H")
        head = struct.pack("<" + count, len(tags))
        outside_at = at + len(head) + entry * len(tags) + struct.calcsize(self.offset)
        entries, outside = b"", b""
        for tag in sorted(tags):
            value = tag.value
            if len(value) > room:
                value = struct.pack("<" + self.offset, outside_at + len(outside))
                outside += tag.value + bytes(len(tag.value) % 2)
            fields = struct.pack("<HH" + self.offset, tag.number, tag.kind, tag.amount)
            entries += fields + value.ljust(room, b"\0")
        return head + entries + struct.pack("<" + self.offset, following) + outside


def write_cog_from(
    path: Path, grid: Grid, source: Source, descriptions: Sequence[str], dtype: str = "float32"
) -> None:
    """Write a cloud-optimized GeoTIFF of bands that are made on demand, uncompressed.

    Parameters
    ----------
    path
        New file; the same pixels give the same bytes.
    grid
        Where the pixels lie.
    source
        Answers the pixels of some rows and columns (slices, also with steps), array (bands, rows, columns);
        called by several threads.
    descriptions
        Name of each band; their number is the number of bands.
    dtype
        Data type of the pixels; NaN is no data in floating types.
    """
    side = min(TILE_PX, -(-max(grid.shape) // 16) * 16)
    steps = [1]
    while max(grid.shape) > side * steps[-1]:
        steps.append(OVERVIEW_STEP * steps[-1])
    kind = np.dtype(dtype).newbyteorder("<")
    levels = [_Level(grid, step, side, len(descriptions), kind) for step in steps]
    layout = _Layout(sum(level.most_bytes for level in levels) > _CLASSIC_LIMIT)
    place = _read_tags(one_pixel_file(grid, descriptions, dtype))
    starts = [len(layout.header)]
    for level in levels:
        starts.append(starts[-1] + layout.directory_bytes(level.tags(layout, place, [0] * level.tiles)))
    with path.open("wb") as stream, ThreadPoolExecutor(2) as pool:
        stream.seek(starts[-1])
        offsets = [level.write(stream, source, pool) for level in reversed(levels)][::-1]
        stream.seek(0)
        stream.write(layout.header)
        for number, level in enumerate(levels):
            tags = level.tags(layout, place, offsets[number])
            following = starts[number + 1] if number + 1 < len(levels) else 0
            stream.write(layout.directory(tags, starts[number], following))


class _Level(NamedTuple):
    """The picture, or an overview that shows every ``step``-th pixel of it, in square tiles."""

    grid: Grid
    step: int
    side: int
    bands: int
    kind: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        return -(-self.grid.height // self.step), -(-self.grid.width // self.step)

    @property
    def down(self) -> int:
        return -(-self.shape[0] // self.side)

    @property
    def across(self) -> int:
        return -(-self.shape[1] // self.side)

    @property
    def tiles(self) -> int:
        return self.bands * self.down * self.across

    @property
    def most_bytes(self) -> int:
        return self.tiles * self.side**2 * self.kind.itemsize

    def write(self, stream: BinaryIO, source: Source, pool: ThreadPoolExecutor) -> list[int]:
        """Write the tiles, the bands of one beside each other; answer where they lie, band by band."""
        shelf = _Shelf(stream)
        places = [[shelf.put(band) for band in tile] for tile in self._made(source, pool)]
        return [tile[band] for band in range(self.bands) for tile in places]

    def _made(self, source: Source, pool: ThreadPoolExecutor) -> Iterator[list[NDArray[Any]]]:
        """Make the tiles a few ahead, so that one thread writes while others make."""
        waiting: deque[Any] = deque()
        for number in range(self.down * self.across):
            waiting.append(pool.submit(self._tile, source, *divmod(number, self.across)))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _tile(self, source: Source, row: int, column: int) -> list[NDArray[Any]]:
        """Make all bands of a tile; one of a single value is told by its one pixel."""
        reach = self.side * self.step
        top, left = row * reach, column * reach
        bottom, right = min(top + reach, self.grid.height), min(left + reach, self.grid.width)
        pixels = source(slice(top, bottom, self.step), slice(left, right, self.step))
        if pixels.shape[1:] != (self.side, self.side):
            whole = np.zeros((self.bands, self.side, self.side), self.kind)
            whole[:, : pixels.shape[1], : pixels.shape[2]] = pixels
            pixels = whole
        return [_one_or_all(np.ascontiguousarray(band, self.kind)) for band in pixels]

    def tags(self, layout: _Layout, place: list[_Tag], offsets: list[int]) -> list[_Tag]:
        """List the members of the directory; ``place`` holds those of the place and the names."""

        def tag(number: int, word: int, *values: int) -> _Tag:
            return _Tag(number, word, len(values), struct.pack(f"<{len(values)}{_FORMATS[word]}", *values))

        sample, several = {"u": 1, "i": 2, "f": 3}[self.kind.kind], self.bands > 1
        tile_bytes = self.side**2 * self.kind.itemsize
        return [
            *([tag(254, 4, 1)] if self.step > 1 else []),  # NewSubfileType: a reduced picture
            tag(256, 4, self.shape[1]),
            tag(257, 4, self.shape[0]),
            tag(258, 3, *[8 * self.kind.itemsize] * self.bands),  # BitsPerSample
            tag(259, 3, 1),  # Compression: none
            tag(262, 3, 1),  # PhotometricInterpretation: the larger the brighter
            tag(277, 3, self.bands),  # SamplesPerPixel
            tag(284, 3, 2 if several else 1),  # PlanarConfiguration: bands apart
            tag(322, 3, self.side),
            tag(323, 3, self.side),
            tag(324, layout.kind, *offsets),
            tag(325, 4, *[tile_bytes] * len(offsets)),
            *([tag(338, 3, *[0] * (self.bands - 1))] if several else []),  # ExtraSamples: unspecified
            tag(339, 3, *[sample] * self.bands),
            *(place if self.step == 1 else [one for one in place if one.number == _NO_DATA]),
        ]


def _one_or_all(tile: NDArray[Any]) -> NDArray[Any]:
    flat = tile.reshape(-1).view(f"u{tile.dtype.itemsize}")
    first = flat[0]
    is_plain = bool((flat[: len(tile)] == first).all() and (flat == first).all())
    return np.broadcast_to(first, flat.shape) if is_plain else flat


class _Shelf:
    """Writes tiles one after another, one of a single value only once."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.at = stream.tell()
        self.known: dict[bytes, int] = {}

    def put(self, flat: NDArray[Any]) -> int:
        """Write a tile; answer where it lies."""
        name = flat[:1].tobytes() if flat.strides == (0,) else b""
        offset = self.known.get(name)
        if offset is None:
            offset = self.at
            self.at += self.stream.write(np.ascontiguousarray(flat).data)
            if name:
                self.known[name] = offset
        return offset


def _read_tags(file: bytes) -> list[_Tag]:
    """Take the tags of the place, the names and the no-data value from a file that GDAL wrote."""
    (at,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, at)
    tags = []
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        number, kind, amount, pointer = struct.unpack_from("<HHII", file, entry)
        if number in _PLACE_TAGS:
            size = _SIZES[kind] * amount
            start = pointer if size > 4 else entry + 8
            tags.append(_Tag(number, kind, amount, file[start : start + size]))
    return tags
