"""Shortest legal times between places, in whole seconds (contract dispatch 1.2)."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from truceline.dispatch.instance import Instance, Node, Part, Unit

Seconds = npt.NDArray[np.int64]
NEVER = 1 << 50  # no way there; sums of a few still fit 64 bits
MOVEMENT_CAVEATS = frozenset({"no_parts", "own_sector_only", "no_crossing"})
EVERY_CAVEAT = MOVEMENT_CAVEATS | {"no_night", "no_task_kinds", "needs_escort", "excluded_contingent"}


class Profile(NamedTuple):
    """All that decides how a unit may move."""

    flies: bool
    speed_kph: int
    mass_t: int
    no_parts: frozenset[str]
    only_sector: str | None
    no_crossing: bool


def profile(unit: Unit, caveats: frozenset[str] = EVERY_CAVEAT) -> Profile:
    """Take from a unit what decides its movement, minding only the caveats named."""
    own = unit.caveats
    return Profile(
        unit.flies,
        unit.speed_kph,
        unit.mass_t,
        frozenset(own.no_parts) if "no_parts" in caveats else frozenset(),
        unit.sector if own.own_sector_only and "own_sector_only" in caveats else None,
        own.no_crossing and "no_crossing" in caveats,
    )


def edge_s(length_m: int, speed_kph: int) -> int:
    """Whole seconds for a length, rounded up: ``ceil(length * 18 / (5 * kph))``."""
    return -((-length_m * 18) // (5 * speed_kph))


def flight_s(a: Node, b: Node, speed_kph: int) -> int:
    """Whole seconds of a straight hop over the whole metres of its length, both rounded up."""
    square = (a.x_m - b.x_m) ** 2 + (a.y_m - b.y_m) ** 2
    root = math.isqrt(square)
    return edge_s(root if root * root == square else root + 1, speed_kph)


def enters(a: Node, b: Node, part: Part) -> bool:
    """Tell whether a straight hop has a point strictly inside a part.

    The open stretch of the hop that lies between the sides is cut axis by axis (Liang and Barsky,
    1984); its ends stay fractions of integers, so the answer is exact.
    """
    low, high = (0, 1), (1, 1)
    for start, step, least, most in (
        (a.x_m, b.x_m - a.x_m, part.x_min_m, part.x_max_m),
        (a.y_m, b.y_m - a.y_m, part.y_min_m, part.y_max_m),
    ):
        if step == 0:
            if not least < start < most:
                return False
            continue
        near, far = (least - start, most - start) if step > 0 else (start - most, start - least)
        if near * low[1] > low[0] * abs(step):
            low = (near, abs(step))
        if far * high[1] < high[0] * abs(step):
            high = (far, abs(step))
    return low[0] * high[1] < high[0] * low[1]


class Roads:
    """Answers how long a unit needs; keeps what it has searched (the instance never changes)."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.index = {node.id: index for index, node in enumerate(instance.nodes)}
        self._parts = {part.id: part for part in instance.parts}
        edges = [edge for edge in instance.edges if edge.open and edge.a != edge.b]
        self._a = np.array([self.index[edge.a] for edge in edges], dtype=np.int64)
        self._b = np.array([self.index[edge.b] for edge in edges], dtype=np.int64)
        self._length_m = np.array([edge.length_m for edge in edges], dtype=np.int64)
        self._speed_kph = np.array([edge.speed_kph for edge in edges], dtype=np.int64)
        self._mass_t = np.array([edge.max_mass_t for edge in edges], dtype=np.int64)
        self._crossing = np.array([edge.crossing for edge in edges], dtype=bool)
        self._graphs: dict[Profile, tuple[csr_matrix, npt.NDArray[np.bool_]]] = {}
        self._rows: dict[tuple[Profile, int], Seconds] = {}

    def times_s(self, moving: Profile, origin: str) -> Seconds:
        """Shortest times from a node to every node, in the order of the instance; NEVER where none."""
        key = (moving, self.index[origin])
        if key not in self._rows:
            self._search(moving, [key[1]])
        return self._rows[key]

    def prepare(self, wants: dict[Profile, set[str]]) -> None:
        """Search from many places at once, one pass per profile."""
        for moving, origins in wants.items():
            rest = sorted(i for i in map(self.index.__getitem__, origins) if (moving, i) not in self._rows)
            if rest:
                self._search(moving, rest)

    def time_s(self, moving: Profile, a: str, b: str) -> int:
        """Shortest time between two nodes; NEVER where there is none."""
        return int(self.times_s(moving, a)[self.index[b]])

    def path(self, moving: Profile, a: str, b: str) -> tuple[str, ...]:
        """Name the nodes of a shortest way; one node when both are the same."""
        if a == b:
            return (a,)
        if moving.flies:
            return (a, b)
        graph, _ = self._graph(moving)
        _, before = dijkstra(graph, directed=True, indices=self.index[a], return_predecessors=True)
        at, found = self.index[b], [b]
        while at != self.index[a]:
            at = int(before[at])
            found.append(self.instance.nodes[at].id)
        return tuple(reversed(found))

    def may_stand(self, moving: Profile, node: Node) -> bool:
        """Tell whether a node is allowed to a unit at all."""
        return node.part not in moving.no_parts and moving.only_sector in (None, node.sector)

    def _search(self, moving: Profile, origins: list[int]) -> None:
        if moving.flies:
            for origin in origins:
                self._rows[moving, origin] = self._hops(moving, self.instance.nodes[origin])
            return
        graph, allowed = self._graph(moving)
        found = dijkstra(graph, directed=True, indices=origins)
        for row, origin in zip(found, origins, strict=True):
            times = np.where(np.isfinite(row), row, NEVER).astype(np.int64)
            if not allowed[origin]:
                times[:] = NEVER
            self._rows[moving, origin] = times

    def _hops(self, moving: Profile, origin: Node) -> Seconds:
        closed = [self._parts[part] for part in sorted(moving.no_parts)]
        times = np.full(len(self.instance.nodes), NEVER, dtype=np.int64)
        if not self.may_stand(moving, origin):
            return times
        for index, node in enumerate(self.instance.nodes):
            if not self.may_stand(moving, node):
                continue
            if moving.no_crossing and (origin.y_m >= 0) != (node.y_m >= 0):
                continue
            if not any(enters(origin, node, part) for part in closed):
                times[index] = flight_s(origin, node, moving.speed_kph)
        return times

    def _graph(self, moving: Profile) -> tuple[csr_matrix, npt.NDArray[np.bool_]]:
        if moving not in self._graphs:
            allowed = np.array([self.may_stand(moving, node) for node in self.instance.nodes], dtype=bool)
            use = (self._mass_t >= moving.mass_t) & allowed[self._a] & allowed[self._b]
            if moving.no_crossing:
                use &= ~self._crossing
            speed = np.minimum(self._speed_kph[use], moving.speed_kph)
            seconds = -((-self._length_m[use] * 18) // (5 * speed)).astype(float)
            a, b = self._a[use], self._b[use]
            size = len(self.instance.nodes)
            # Of several edges between two nodes the quickest counts; the matrix would add them up.
            pair = np.minimum(a, b) * size + np.maximum(a, b)
            quickest = np.lexsort((seconds, pair))
            quickest = quickest[np.unique(pair[quickest], return_index=True)[1]]
            a, b, seconds = a[quickest], b[quickest], seconds[quickest]
            both = (np.r_[seconds, seconds], (np.r_[a, b], np.r_[b, a]))
            self._graphs[moving] = (csr_matrix(both, shape=(size, size)), allowed)
        return self._graphs[moving]
