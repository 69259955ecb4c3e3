"""What multiplexers cut into pieces, put together: access units, and packets over several payloads.

ISO/IEC 13818-1, 2.12.4 (carried by MISB ST 1402): each cell of a synchronous stream has a header of five
bytes, which says whether it holds a whole unit, its first, a middle or its last part, and how many bytes
follow. An asynchronous stream has no cells: a packet may go on in the next payload without a word.
"""

from collections.abc import Iterator
from typing import NamedTuple

from truceline.codec.klv import PACKET_BYTES, PREFIX, find_packet

HEADER_BYTES = 5
MIDDLE, LAST, FIRST, WHOLE = range(4)  # cell_fragment_indication


class Unit(NamedTuple):
    """An access unit: PID, time stamp and place of its PES packet; of several, first time and last place.

    ``header_bytes``: of headers that may stand between its packets. ``nth``: of an asynchronous payload,
    its number among those of its PID; 0 for what ends where it ends.
    """

    data: bytes
    pid: int
    pts_s: float
    offset: int
    header_bytes: int = 0
    nth: int = 0


class Cells:
    """Keeps the units that are not complete, by PID. One that never is, is handed over as far as it came."""

    def __init__(self) -> None:
        self._open: dict[int, Unit] = {}

    def take(self, payload: Unit) -> list[Unit] | None:
        """Take a PES payload; answer the units that it ends.

        Returns
        -------
        list or None
            ``None`` when it is not made of cells of which at least one is a part.
        """
        cells = list(_cells(payload.data))
        if not cells or cells[-1][2] != len(payload.data) or all(part == WHOLE for part, _, _ in cells):
            return None
        return [
            unit
            for part, begin, end in cells
            for unit in self._add(part, payload._replace(data=payload.data[begin:end]))
        ]

    def finish(self) -> list[Unit]:
        """Hand over what is still open."""
        units, self._open = list(self._open.values()), {}
        return units

    def _add(self, part: int, cell: Unit) -> Iterator[Unit]:
        begun = self._open.pop(cell.pid, None)
        if part in (FIRST, WHOLE):
            if begun is not None:
                yield begun._replace(offset=cell.offset)
            begun = cell
        elif begun is not None:
            begun = begun._replace(data=begun.data + cell.data, offset=cell.offset)
        elif cell.data.startswith(PREFIX):
            begun = cell  # whatever its header says
        else:
            return  # begins inside a unit
        if part in (FIRST, MIDDLE) and len(begun.data) <= PACKET_BYTES:
            self._open[cell.pid] = begun
        else:
            yield begun


class Tails:
    """Keeps packets that the end of a payload cuts, until the next payload of their PID goes on with them.

    Attributes
    ----------
    lost_bytes
        Of packets that no payload went on with.
    """

    def __init__(self) -> None:
        self.lost_bytes = 0
        self._open: dict[int, Unit] = {}

    def keep(self, unit: Unit, at: int) -> None:
        """Keep what begins at a place of a unit and is not whole."""
        if unit.nth and len(unit.data) - at <= PACKET_BYTES:
            self._open[unit.pid] = unit._replace(data=unit.data[at:])
        else:
            self.lost_bytes += len(unit.data) - at

    def ended(self, unit: Unit) -> list[Unit]:
        """Give a unit, and in front of it the packet that its first bytes end."""
        begun = self._open.pop(unit.pid, None) if unit.nth else None
        if begun is None:
            return [unit]
        if unit.nth != begun.nth + 1 or unit.data.startswith(PREFIX):
            self.lost_bytes += len(begun.data)
            return [unit]
        data = begun.data + unit.data
        cut = find_packet(data, 0)
        end = len(data) if cut is None else cut.end
        first = begun._replace(data=data[:end], offset=unit.offset, nth=unit.nth)
        return [first, unit._replace(data=data[end:])] if end < len(data) else [first]

    def finish(self) -> None:
        """Say that nothing follows."""
        self.lost_bytes += sum(len(one.data) for one in self._open.values())
        self._open = {}


def _cells(payload: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the cells: part, where its bytes begin, where they end."""
    at = 0
    while at + HEADER_BYTES <= len(payload):
        begin = at + HEADER_BYTES
        end = begin + int.from_bytes(payload[at + 3 : begin], "big")
        yield payload[at + 2] >> 6, begin, end
        at = end
