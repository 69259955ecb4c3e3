"""The state file of a radar series: a line of ours, a JSON header, and planes with a checksum.

Of the alerts only the pixels under one are written; elsewhere there is nothing to tell. Pieces are read,
written and summed by two threads at a time: the sums do not depend on their order.
"""

import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from truceline.detect.desk import Desk
from truceline.detect.radar.history import (
    ALERTED,
    AlertObject,
    History,
    SarSettings,
    Stamp,
    blank,
    kept,
)
from truceline.detect.radar.season import no_maps
from truceline.geo.loops import njit
from truceline.geo.raster import MAX_SIDE_PX, Grid
from truceline.model.errors import BadInput

_MAGIC = b"truceline radar series 6\n"
_PART = 1 << 19  # bytes that are read, written and summed at a time: they stay in the cache of a core
_HELD = 64  # parts of a large scene that are held in memory
_CHECK = 16  # bytes of the checksum

Planes = dict[str, NDArray[Any]]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: SarSettings
    grid: Grid
    polarisations: tuple[str, ...]
    stamps: list[Stamp]
    objects: list[AlertObject]  # number 1 first
    pooled_db2: list[float]
    reaches: list[float]
    alerted: int


def save_history(history: History, path: Path) -> None:
    """Write the state; the same history gives the same bytes."""
    header = msgspec.json.encode(
        _Header(
            history.settings, history.grid, history.polarisations, history.stamps,
            [own for _, own in sorted(history.objects.items())],
            history.pooled_db2, history.reaches, len(history.places),
        ),
        order="sorted",
    )  # fmt: skip
    with path.open("wb") as stream:
        stream.write(_MAGIC + len(header).to_bytes(8, "little") + _crc(header) + header)
        at = stream.tell()
        stream.flush()
        body = [*_dense(history).values(), *_under_alert(history).values(), history.maps]
        check = _each(
            body, at + _CHECK, history.desk, lambda part, place: os.pwrite(stream.fileno(), part.data, place)
        )
        stream.write(check)


def load_history(path: Path, folder: Path | None = None) -> History:
    """Read a state; ``folder`` is where a large scene may put files.

    Raises
    ------
    BadInput
        If it is no such state, was cut short or changed.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise BadInput(str(path), "is no state of a radar series")
            header = _header(stream, path)
            return _history(header, stream, path, folder)
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error


def _header(stream: BinaryIO, path: Path) -> _Header:
    size, check = int.from_bytes(stream.read(8), "little"), stream.read(4)
    text = stream.read(min(size, path.stat().st_size))
    if len(text) != size or _crc(text) != check:
        raise BadInput(str(path), "is truncated or damaged")
    try:
        header = msgspec.json.decode(text, type=_Header)
    except msgspec.DecodeError as error:
        raise BadInput(str(path), "is a state of another version") from error
    sides = all(0 < side <= MAX_SIDE_PX for side in header.grid.shape)
    if not sides or header.alerted < 0:
        raise BadInput(str(path), "is a state of another version")
    return header


def _history(header: _Header, stream: BinaryIO, path: Path, folder: Path | None) -> History:
    rows = kept(header.polarisations, header.stamps)
    pixels = header.grid.height * header.grid.width
    dense_bytes = sum(np.dtype(kind).itemsize * max(layers, 1) for _, kind, layers, _ in rows) * pixels
    alerted_bytes = (12 + sum(np.dtype(kind).itemsize for _, kind, _, _ in ALERTED)) * header.alerted
    check = stream.read(_CHECK)
    at = stream.tell()
    maps = no_maps(header.grid.shape, len(header.polarisations))
    if path.stat().st_size != at + dense_bytes + alerted_bytes + maps.nbytes:
        raise BadInput(str(path), "is truncated or damaged")
    desk = Desk(header.grid.shape, folder)
    planes: Planes = {name: desk.plane(kind, layers) for name, kind, layers, _ in rows}
    alerts = {name: np.empty(header.alerted, kind) for name, kind, _, _ in ALERTED}
    places, owners = np.empty(header.alerted, "<i8"), np.empty(header.alerted, "<i4")
    body = [*planes.values(), *alerts.values(), places, owners, maps]
    read = _each(body, at, desk, lambda part, place: os.preadv(stream.fileno(), [part.data], place))
    if read != check:
        raise BadInput(str(path), "is truncated or damaged")
    if places.size and (places[0] < 0 or places[-1] >= pixels or (np.diff(places) <= 0).any()):
        raise BadInput(str(path), "is a state of another version")
    planes |= blank(desk, ALERTED)
    for name, values in alerts.items():
        planes[name].reshape(-1)[places] = values
        desk.let_go(0, desk.shape[0])
    history = History.of(header.settings, header.grid, header.polarisations, desk, planes)
    history.places, history.owners = places, owners
    history.stamps, history.pooled_db2 = header.stamps, header.pooled_db2
    history.objects = dict(enumerate(header.objects, 1))
    history.reaches, history.maps = header.reaches, maps
    return history


def _dense(history: History) -> Planes:
    kinds = [(name, kind) for name, kind, _, _ in kept(history.polarisations, history.stamps)]
    return {name: np.ascontiguousarray(history.planes[name], kind) for name, kind in kinds}


def _under_alert(history: History) -> Planes:
    planes = history.planes
    alerts = {
        name: history.desk.at(planes[name], history.places).astype(kind, copy=False)
        for name, kind, _, _ in ALERTED
    }
    places, owners = history.places.astype("<i8", copy=False), history.owners.astype("<i4", copy=False)
    return alerts | {"places": places, "owners": owners}


def _each(
    planes: Sequence[NDArray[Any]], start: int, desk: Desk, work: Callable[[NDArray[np.uint8], int], int]
) -> bytes:
    """Read or write the planes, one after another from byte ``start`` of a file; answer their checksum."""
    parts = []
    for plane in planes:
        block = plane.reshape(-1).view(np.uint8)
        for first in range(0, len(block), _PART):
            part = block[first : first + _PART]
            parts.append((part, start))
            start += len(part)

    def one(number: int) -> tuple[int, int]:
        part, place = parts[number]
        if work(part, place) != len(part):
            raise OSError(0, "the file ended early")
        plain, placed = _sums(part, place)
        if number % _HELD == _HELD - 1 or number == len(parts) - 1:
            desk.let_go(0, desk.shape[0])
        return int(plain), int(placed)

    with ThreadPoolExecutor(2) as pool:
        sums = list(pool.map(one, range(len(parts))))
    return b"".join(
        (sum(each[number] for each in sums) % (1 << 64)).to_bytes(8, "little") for number in (0, 1)
    )


@njit(cache=True, nogil=True)
def _sums(part: NDArray[np.uint8], place: int) -> Any:
    """Sum the words, and the words times where they stand (Fletcher 1982, with places for nested sums)."""
    whole = part.shape[0] // 8
    words = part[: 8 * whole].view(np.uint64)
    plain = placed = np.uint64(0)
    first = np.uint64(place)
    for number in range(whole):
        plain += words[number]
        placed += words[number] * (first + np.uint64(number))
    for number in range(8 * whole, part.shape[0]):
        plain += np.uint64(part[number])
        placed += np.uint64(part[number]) * (first + np.uint64(number))
    return plain, placed


def _crc(text: bytes) -> bytes:
    return zlib.crc32(text).to_bytes(4, "little")
