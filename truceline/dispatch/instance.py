"""The dispatch instance: who is where, what is to be done, every check at its door (dispatch 1.1)."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec

from truceline.model.errors import BadInput
from truceline.model.place import utc_time

SCHEMA = "truceline.dispatch.instance/1"
ESCORT, LOOK = "escort", "look"  # the two skills with a meaning of their own

# Beyond any mission, and small enough that sums and products of them fit 64 bits and stay below NEVER.
_MOST, _MOST_S = 10**9, 10**12

Whole = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]  # metres of the plane, tonnes
Kph = Annotated[int, msgspec.Meta(gt=0, le=_MOST)]
Length = Annotated[int, msgspec.Meta(gt=0, le=_MOST)]
Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Moment = Annotated[int, msgspec.Meta(ge=-_MOST_S, le=_MOST_S)]  # seconds after ``now_utc``
Spell = Annotated[int, msgspec.Meta(ge=0, le=_MOST_S)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class Sector(msgspec.Struct, frozen=True):
    id: str
    x_min_m: Whole
    x_max_m: Whole
    centre_node: str
    reserve_min: Count


class Part(msgspec.Struct, frozen=True):
    """A part of the zone: a rectangle of the local plane."""

    id: str
    sector: str
    x_min_m: Whole
    x_max_m: Whole
    y_min_m: Whole
    y_max_m: Whole


class Node(msgspec.Struct, frozen=True):
    """A place on the roads; degrees are there when the instance is laid on the earth."""

    id: str
    x_m: Whole
    y_m: Whole
    sector: str
    part: str
    lat_deg: float | None = None
    lon_deg: float | None = None


class Edge(msgspec.Struct, frozen=True):
    id: str
    a: str
    b: str
    length_m: Length
    speed_kph: Kph
    max_mass_t: Whole
    crossing: bool
    open: bool


class Night(msgspec.Struct, frozen=True):
    start_s: Moment
    end_s: Moment


class Caveats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a nation does not allow its unit; a key that is not here is refused, never ignored."""

    no_night: bool = False
    no_parts: tuple[str, ...] = ()
    no_task_kinds: tuple[str, ...] = ()
    own_sector_only: bool = False
    needs_escort: bool = False
    no_crossing: bool = False


class Unit(msgspec.Struct, frozen=True):
    id: str
    contingent: str
    type: str
    skills: dict[str, Count]
    sector: str
    home_node: str
    node: str
    available_s: Moment
    shift_end_s: Moment
    max_duty_s: Spell
    endurance_s: Spell
    speed_kph: Kph
    mass_t: Whole
    flies: bool
    caveats: Caveats

    @property
    def can_escort(self) -> bool:
        """Whether it can stand beside those that need an escort."""
        return ESCORT in self.skills and not self.caveats.needs_escort


class FirstLook(msgspec.Struct, frozen=True):
    share_pct: Annotated[float, msgspec.Meta(ge=0, le=100)]
    look_s: Spell


class Task(msgspec.Struct, frozen=True):
    id: str
    kind: str
    node: str
    requires: dict[str, Count]
    min_units: Count
    weight: Weight
    release_s: Moment
    deadline_s: Moment
    service_s: Spell
    notify_lead_s: Moment
    uncovered_penalty: Weight
    look: FirstLook | None
    excluded_contingents: tuple[str, ...]

    @property
    def floor_s(self) -> int:
        """Earliest start whoever comes."""
        return max(self.release_s, self.notify_lead_s, 0)

    @property
    def share(self) -> float:
        """Share of the response that a first look already answers."""
        return self.look.share_pct / 100 if self.look is not None else 0.0

    def asks_for(self, unit: Unit) -> bool:
        """Whether a unit brings a skill that the task needs."""
        return any(skill in unit.skills for skill in self.requires)


class Committed(msgspec.Struct, frozen=True):
    unit: str
    task: str
    role: Literal["main", "look"]
    acknowledged: bool
    change_cost: Weight


class Reserve(msgspec.Struct, frozen=True):
    skill: str
    within_s: Moment
    hold_s: Moment
    penalty: Weight


class Objective(msgspec.Struct, frozen=True):
    travel_weight: Weight


class Instance(msgspec.Struct, frozen=True, rename={"schema_": "schema"}):
    """One dispatch problem; times are whole seconds after ``now_utc``, lengths whole metres."""

    schema_: str
    id: str
    now_utc: str
    horizon_s: Moment
    sectors: tuple[Sector, ...]
    parts: tuple[Part, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    night: tuple[Night, ...]
    units: tuple[Unit, ...]
    tasks: tuple[Task, ...]
    committed: tuple[Committed, ...]
    reserve: Reserve
    objective: Objective
    max_orders_per_unit: Annotated[int, msgspec.Meta(ge=1)]


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def load_instance(path: Path) -> Instance:
    """Read and check an instance file.

    Raises
    ------
    BadInput
        Naming the file, the place such as ``units[12].speed_kph``, and what is wrong.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    return read_instance(raw, str(path))


def read_instance(raw: bytes, where: str = "instance") -> Instance:
    """Decode and check an instance; ``where`` is put before the place of an error.

    Raises
    ------
    BadInput
        For anything that contract dispatch 1 calls bad input.
    """
    try:
        document: Any = msgspec.json.decode(raw.removeprefix(codecs.BOM_UTF8))
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA:
            raise BadInput(where, f"schema is {schema!r}, not {SCHEMA!r}")
        instance = msgspec.convert(document, Instance)
    except msgspec.ValidationError as error:
        raise BadInput(*_placed(where, str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(where, f"is not JSON: {error}") from error
    check(instance, where)
    return instance


def check(instance: Instance, where: str = "instance") -> None:
    """Refuse what the types cannot tell: repeated ids, references to nothing, times in the wrong order.

    Raises
    ------
    BadInput
        With the place of the first fault.
    """
    lists: dict[str, Sequence[_Named]] = {
        "sectors": instance.sectors, "parts": instance.parts, "nodes": instance.nodes,
        "edges": instance.edges, "units": instance.units, "tasks": instance.tasks,
    }  # fmt: skip
    for word, items in lists.items():
        _refuse_repeats(where, word, items)
    known = {word: {item.id for item in items} for word, items in lists.items()}
    for place, kind, wanted in _references(instance):
        if wanted not in known[kind]:
            raise BadInput(f"{where}: {place}", f"{wanted!r} is not among {kind}")
    try:
        utc_time(instance.now_utc)
    except ValueError as error:
        raise BadInput(f"{where}: now_utc", f"{error}; e.g. 2031-05-12T00:00:00Z") from error
    for index, task in enumerate(instance.tasks):
        if task.deadline_s < task.release_s:
            raise BadInput(f"{where}: tasks[{index}].deadline_s", "lies before release_s")
    nights = sorted(instance.night, key=lambda night: night.start_s)
    for before, after in pairwise(nights):
        if after.start_s < before.end_s:
            raise BadInput(f"{where}: night", f"two nights overlap at {after.start_s} s")
    for index, night in enumerate(instance.night):
        if night.end_s <= night.start_s:
            raise BadInput(f"{where}: night[{index}].end_s", "does not lie after start_s")
    standing = Counter((one.unit, one.task) for one in instance.committed)
    for (unit_id, task_id), times in standing.items():
        if times > 1:
            raise BadInput(
                f"{where}: committed", f"unit {unit_id} and task {task_id} are named {times} times"
            )


def _refuse_repeats(where: str, word: str, items: Sequence[_Named]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.id in seen:
            raise BadInput(f"{where}: {word}[{index}].id", f"{item.id!r} is there twice")
        seen.add(item.id)


def _references(instance: Instance) -> Iterable[tuple[str, str, str]]:
    for index, sector in enumerate(instance.sectors):
        yield f"sectors[{index}].centre_node", "nodes", sector.centre_node
    for index, part in enumerate(instance.parts):
        yield f"parts[{index}].sector", "sectors", part.sector
    for index, node in enumerate(instance.nodes):
        yield f"nodes[{index}].sector", "sectors", node.sector
        yield f"nodes[{index}].part", "parts", node.part
    for index, edge in enumerate(instance.edges):
        yield f"edges[{index}].a", "nodes", edge.a
        yield f"edges[{index}].b", "nodes", edge.b
    for index, unit in enumerate(instance.units):
        yield f"units[{index}].sector", "sectors", unit.sector
        yield f"units[{index}].home_node", "nodes", unit.home_node
        yield f"units[{index}].node", "nodes", unit.node
        for part_id in unit.caveats.no_parts:
            yield f"units[{index}].caveats.no_parts", "parts", part_id
    for index, task in enumerate(instance.tasks):
        yield f"tasks[{index}].node", "nodes", task.node
    for index, standing in enumerate(instance.committed):
        yield f"committed[{index}].unit", "units", standing.unit
        yield f"committed[{index}].task", "tasks", standing.task


def _placed(where: str, message: str) -> tuple[str, str]:
    """Turn the decoder's message into a place like ``units[12].speed_kph`` and a sentence."""
    what, _, path = message.partition(" - at `$")
    place = path.rstrip("`").lstrip(".")
    missing = re.search("missing required field `([^`]+)`", what)
    unknown = re.search("contains unknown field `([^`]+)`", what)
    if missing is not None:
        return f"{where}: {place}.{missing[1]}".replace(": .", ": "), "is missing"
    if unknown is not None:
        return f"{where}: {place}.{unknown[1]}", "no caveat of that name is known; a caveat is never ignored"
    return f"{where}: {place}" if place else where, what[:1].lower() + what[1:]
