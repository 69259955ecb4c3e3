"""Things that drive or stand together, told as one: how many they are, and how sure that is.

Things are of one group when a chain of neighbours links them that are near to one another and move alike, or
when several were told of in the place where they are.
A group has no identity of its own beyond its members; of persons it says a number, nothing else.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from truceline.view.counts import how_many

Array: TypeAlias = npt.NDArray[Any]

LINK_M = 200.0  # columns keep 40 to 90 m; one or two of it may not have been seen
ALIKE_MPS = 6.0
DRIVES_MPS = 1.5
LEAST = 3  # members, or things that they stand for
AREA_M = 500.0  # "about ten vehicles" are spread over so much, however they move
PLURAL = {
    "car": "cars", "truck": "trucks", "armoured": "armoured vehicles", "artillery": "artillery pieces",
    "person": "persons", "aircraft": "aircraft", "other": "things",
}  # fmt: skip
_VEHICLES = frozenset({"car", "truck", "armoured", "artillery"})


class Told(NamedTuple):
    """A number of things that a report names in an area."""

    report_id: str
    lat_deg: float
    lon_deg: float
    reach_m: float  # about the place
    number: float
    time_utc: datetime
    classes: tuple[str, ...] = ()  # fusion classes that it speaks of; none: any

    def share(self, probability: Mapping[str, float]) -> float:
        """Tell how likely a thing is of what it speaks of."""
        return min(sum(probability[word] for word in self.classes), 1.0) if self.classes else 1.0


class Things(msgspec.Struct, frozen=True):
    """Tracks in force at one moment; arrays of equal length."""

    x_m: Array
    y_m: Array
    vx_mps: Array
    vy_mps: Array
    exists_p: Array
    count: Array  # how many things were told of in its place; 1: it is one thing
    spread: Array  # standard deviation of the logarithm of that
    shares: Mapping[str, Array]  # class → probability
    looks: Mapping[int, Sequence[tuple[int, float]]] = {}  # later ones at a told place, see counts.how_many


class Group(msgspec.Struct, frozen=True):
    """Things that belong together; ``kind`` is column (they drive) or gathering (they stand).

    ``count`` is what is to be expected; in nine of ten cases there are ``count_low`` to ``count_high``.
    """

    kind: str
    members: tuple[int, ...]  # places in Things, ascending
    x_m: float
    y_m: float
    radius_m: float
    speed_mps: float
    course_deg: float
    count: float
    count_low: int
    count_high: int
    shares: dict[str, float]

    @property
    def words(self) -> str:
        """Say the group in a line, e.g. "column of 7 to 9 vehicles, mostly trucks, heading 080 at 12 m/s"."""
        low, high = self.count_low, self.count_high
        number = f"{low}" if low == high else f"{low} to {high}"
        best = max(self.shares, key=lambda word: self.shares[word])
        what = "vehicles" if sum(self.shares[word] for word in _VEHICLES) > 0.8 else "things"
        if self.shares[best] > 0.9:
            said = f"{self.kind} of {number} {PLURAL[best]}"
        else:
            mostly = f", mostly {PLURAL[best]}" if self.shares[best] > 0.5 else ""
            said = f"{self.kind} of {number} {what}{mostly}"
        if self.kind == "column":
            said += f", heading {round(self.course_deg) % 360:03d} at {self.speed_mps:.0f} m/s"
        return said


def groups_of(things: Things) -> list[Group]:
    """Find the groups among things, by their first member."""
    found = []
    for members in _linked(things):
        if len(members) >= LEAST or things.count[members].max() >= LEAST:
            found.append(_group(things, members))
    return found


def _linked(things: Things) -> list[Array]:
    """Give the members of each chain of neighbours, also of those of one, by their first member."""
    n = len(things.x_m)
    order = np.argsort(things.x_m, kind="mergesort")
    x, y = things.x_m[order], things.y_m[order]
    u, v = things.vx_mps[order], things.vy_mps[order]
    told = things.count[order] > 1
    reach = AREA_M if told.any() else LINK_M
    root = list(range(n))

    def top(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for step in range(1, n):
        dx = x[step:] - x[:-step]
        if not (dx <= reach).any():
            break
        of_area, apart = told[step:] | told[:-step], np.hypot(dx, y[step:] - y[:-step])
        alike = np.hypot(u[step:] - u[:-step], v[step:] - v[:-step]) <= ALIKE_MPS
        near = (apart <= LINK_M) & alike | of_area & (apart <= AREA_M)
        for i in np.flatnonzero(near).tolist():
            a, b = top(int(order[i])), top(int(order[i + step]))
            root[max(a, b)] = min(a, b)
    tops = np.array([top(i) for i in range(n)], np.int64)
    return [np.flatnonzero(tops == first) for first in np.unique(tops).tolist()]


def _group(things: Things, members: Array) -> Group:
    weight = things.exists_p[members]
    x, y, u, v = (
        float(np.average(column[members], weights=weight))
        for column in (things.x_m, things.y_m, things.vx_mps, things.vy_mps)
    )
    speed = float(np.hypot(u, v))
    looks = [look for i in members.tolist() for look in things.looks.get(i, ())]
    mean, low, high = how_many(weight, things.count[members], things.spread[members], looks)
    shares = {word: float(np.average(p[members], weights=weight)) for word, p in things.shares.items()}
    radius = float(np.hypot(things.x_m[members] - x, things.y_m[members] - y).max())
    return Group(
        kind="column" if speed > DRIVES_MPS else "gathering",
        members=tuple(members.tolist()),
        x_m=x, y_m=y, radius_m=radius, speed_mps=speed,
        course_deg=float(np.degrees(np.arctan2(u, v)) % 360),
        count=mean, count_low=max(low, 1), count_high=max(high, 1), shares=shares,
    )  # fmt: skip
