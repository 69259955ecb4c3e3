"""The state file of a radar series: a line of ours, a JSON header, arrays, and a hash over all of it."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from truceline.detect.history import AlertObject, History, SarSettings, Stamp
from truceline.detect.lifecycle import Life
from truceline.geo.raster import MAX_SIDE_PX, Grid
from truceline.model.errors import BadInput

_MAGIC = b"truceline radar series 1\n"
_HASH_BYTES = 32
_LIFE = {"state": "u1", "run": "<u2", "sign": "i1", "first": "<i4", "peak": "<f4"}
_OWN = {"seen": "<u2", "fed": "<u2", "mean": "<f4", "products": "<f4", "score": "<f4", "owner": "<i4"}


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: SarSettings
    grid: Grid
    polarisations: tuple[str, ...]
    stamps: list[Stamp]
    objects: list[AlertObject]  # number 1 first


def save_history(history: History, path: Path) -> None:
    """Write the state; the same history gives the same bytes."""
    header = msgspec.json.encode(
        _Header(
            history.settings,
            history.grid,
            history.polarisations,
            history.stamps,
            [own for _, own in sorted(history.objects.items())],
        ),
        order="sorted",
    )
    arrays = [(getattr(history.life, word), kind) for word, kind in _LIFE.items()]
    arrays += [(getattr(history, word), kind) for word, kind in _OWN.items()]
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for part in (_MAGIC, len(header).to_bytes(8, "little"), header):
            digest.update(part)
            stream.write(part)
        for array, kind in arrays:
            block = np.ascontiguousarray(array, kind).data.cast("B")
            digest.update(block)
            stream.write(block)
        stream.write(digest.digest())


def load_history(path: Path) -> History:
    """Read a state.

    Raises
    ------
    BadInput
        If it is no such state, was cut short or changed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    if not data.startswith(_MAGIC):
        raise BadInput(str(path), "is no state of a radar series")
    body, digest = data[:-_HASH_BYTES], data[-_HASH_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise BadInput(str(path), "is truncated or damaged")
    start = len(_MAGIC) + 8
    size = int.from_bytes(body[len(_MAGIC) : start], "little")
    try:
        header = msgspec.json.decode(body[start : start + size], type=_Header)
    except msgspec.DecodeError as error:
        raise BadInput(str(path), "is a state of another version") from error
    return _History(header, memoryview(body)[start + size :], path).read()


class _History:
    """Cuts the arrays of a state out of its bytes, in the order in which they were written."""

    def __init__(self, header: _Header, rest: memoryview, path: Path) -> None:
        self.header = header
        self.rest = rest
        self.path = path

    def read(self) -> History:
        header = self.header
        if not all(0 < side <= MAX_SIDE_PX for side in header.grid.shape):
            raise BadInput(str(self.path), "is a state of an impossible grid")
        count = len(header.polarisations)
        layers = {"mean": count, "products": count * (count + 1) // 2}
        life = Life(**{word: self._array(kind) for word, kind in _LIFE.items()})
        own = {word: self._array(kind, layers.get(word, 0)) for word, kind in _OWN.items()}
        if self.rest:
            raise BadInput(str(self.path), "is a state of another version")
        return History(
            settings=header.settings, grid=header.grid, polarisations=header.polarisations, life=life,
            stamps=header.stamps, objects=dict(enumerate(header.objects, 1)), **own,
        )  # fmt: skip

    def _array(self, kind: str, layers: int = 0) -> Any:
        shape = (layers, *self.header.grid.shape) if layers else self.header.grid.shape
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        block, self.rest = self.rest[:size], self.rest[size:]
        if len(block) != size:
            raise BadInput(str(self.path), "is a state of another version")
        array = np.frombuffer(block, kind).reshape(shape)
        return array.astype(array.dtype.newbyteorder("="), copy=True)
