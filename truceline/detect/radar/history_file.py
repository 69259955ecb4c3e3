"""The state file of a radar series: a line of ours, a JSON header, planes, and a checksum over all of it."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.desk import Desk
from truceline.detect.radar.history import AlertObject, History, SarSettings, Stamp, kept
from truceline.geo.raster import MAX_SIDE_PX, Grid
from truceline.model.errors import BadInput

_MAGIC = b"truceline radar series 2\n"
_PART = 1 << 22  # bytes that are read and written at a time


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: SarSettings
    grid: Grid
    polarisations: tuple[str, ...]
    stamps: list[Stamp]
    objects: list[AlertObject]  # number 1 first
    pooled_db2: list[float]
    reaches: list[float]
    alerted: int
    checks: list[int]  # of the planes, CRC-32


def save_history(history: History, path: Path) -> None:
    """Write the state; the same history gives the same bytes."""
    planes = [np.ascontiguousarray(plane) for plane in _parts(history).values()]
    with ThreadPoolExecutor(2) as pool, path.open("wb") as stream:
        checks = list(pool.map(_check, planes))
        header = msgspec.json.encode(
            _Header(
                history.settings, history.grid, history.polarisations, history.stamps,
                [own for _, own in sorted(history.objects.items())],
                history.pooled_db2, history.reaches, len(history.places), checks,
            ),
            order="sorted",
        )  # fmt: skip
        stream.write(_MAGIC + len(header).to_bytes(8, "little") + _crc(header) + header)
        for plane in planes:
            for part in _pieces(plane):
                stream.write(part)
            history.desk.let_go(0, history.grid.height)


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
    rows = kept(header.polarisations)
    height, width = header.grid.shape
    sizes = [np.dtype(kind).itemsize * max(layers, 1) * height * width for _, kind, layers, _ in rows]
    if path.stat().st_size != stream.tell() + sum(sizes) + 12 * header.alerted:
        raise BadInput(str(path), "is truncated or damaged")
    desk = Desk(header.grid.shape, folder)
    planes: dict[str, NDArray[Any]] = {name: desk.plane(kind, layers) for name, kind, layers, _ in rows}
    planes["places"] = np.empty(header.alerted, "<i8")
    planes["owners"] = np.empty(header.alerted, "<i4")
    for plane in planes.values():
        for part in _pieces(plane):
            stream.readinto(part)  # type: ignore[attr-defined]
        desk.let_go(0, height)
    with ThreadPoolExecutor(2) as pool:
        if list(pool.map(_check, planes.values())) != header.checks:
            raise BadInput(str(path), "is truncated or damaged")
    history = History.of(header.settings, header.grid, header.polarisations, desk, planes)
    history.places, history.owners = planes["places"], planes["owners"]
    history.stamps, history.pooled_db2 = header.stamps, header.pooled_db2
    history.objects = dict(enumerate(header.objects, 1))
    history.reaches = header.reaches
    return history


def _parts(history: History) -> dict[str, NDArray[Any]]:
    kinds = [(name, kind) for name, kind, _, _ in kept(history.polarisations)]
    parts = {name: history.planes[name].astype(kind, copy=False) for name, kind in kinds}
    return parts | {
        "places": history.places.astype("<i8", copy=False),
        "owners": history.owners.astype("<i4", copy=False),
    }


def _pieces(plane: NDArray[Any]) -> list[memoryview]:
    block = plane.reshape(-1).view(np.uint8).data
    return [block[start : start + _PART] for start in range(0, len(block), _PART)]


def _check(plane: NDArray[Any]) -> int:
    check = 0
    for part in _pieces(plane):
        check = zlib.crc32(part, check)
    return check


def _crc(text: bytes) -> bytes:
    return zlib.crc32(text).to_bytes(4, "little")
