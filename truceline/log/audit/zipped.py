"""The one zip encoding that the package format allows (contract wire, G.2)."""

import re
import struct
import zlib
from collections.abc import Mapping

from truceline.log.audit.forms import Failed, NotOne, need

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_NAME = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_MAX_MEMBERS, _MAX_BYTES = 0xFFFF, 0xFFFFFFFF


def write_zip(members: Mapping[str, bytes]) -> bytes:
    """Write members into the one permitted encoding.

    Raises
    ------
    ValueError
        If a name is not allowed, or there is too much for a zip without zip64.
    """
    parts: list[bytes] = []
    central: list[bytes] = []
    offset = 0
    for name in sorted(name.encode() for name in members):
        if not is_name(name):
            raise ValueError(f"member name {name!r} is not allowed")
        data = members[name.decode()]
        shared = struct.pack(
            "<HHHHIIIHH", 0x0800, 0, 0, 0x0021, zlib.crc32(data), len(data), len(data), len(name), 0
        )
        parts += [_LOCAL, struct.pack("<H", 20), shared, name, data]
        central += [_CENTRAL, struct.pack("<HH", 20, 20), shared]
        central += [struct.pack("<HHHII", 0, 0, 0, 0, offset), name]
        offset += 30 + len(name) + len(data)
        if offset > _MAX_BYTES:
            raise ValueError("more than a zip can hold without zip64")
    if len(members) > _MAX_MEMBERS:
        raise ValueError(f"more than {_MAX_MEMBERS} members")
    directory = b"".join(central)
    count = len(members)
    end = _END + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), offset, 0)
    return b"".join([*parts, directory, end])


def read_zip(data: bytes) -> dict[str, bytes]:
    """Read the members, and insist on the one permitted encoding.

    Raises
    ------
    NotOne
        If it is no zip.
    Failed
        If it is a zip in any other encoding.
    """
    if len(data) < 22 or len(data) > _MAX_BYTES or (data[:4] != _LOCAL and data[-22:-18] != _END):
        raise NotOne("no zip of a package's size")
    members: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == _LOCAL:
        need(at + 30 <= len(data), "zip: cut local header")
        size, name_length, extra = struct.unpack_from("<IHH", data, at + 22)
        name = data[at + 30 : at + 30 + name_length]
        start = at + 30 + name_length + extra
        need(is_name(name), f"zip: member name {name[:80]!r}")
        need(name.decode() not in members, f"zip: member twice: {name.decode()}")
        need(start + size <= len(data), "zip: a member runs past the end")
        members[name.decode()] = data[start : start + size]
        at = start + size
    try:
        held = write_zip(members) == data
    except ValueError as error:
        raise Failed(f"zip: {error}") from error
    need(held, "zip: not the one permitted encoding of its members")
    return members


def is_name(name: bytes) -> bool:
    """Tell whether a member may be called so."""
    return _NAME.fullmatch(name) is not None and b".." not in name
