"""The mission file: what is watched, by which agreement, with which force."""

import difflib
import hashlib
import math
import os
import re
import tomllib
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from truceline.model.errors import BadInput
from truceline.model.units import Seconds, Word
from truceline.plug import Detector, Document, Source, find, load

SCHEMA = "truceline.mission/1"
_MAX_BYTES = 1 << 20


class NodeTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[node]``: who this node is, and how many workers look at samples (0: the node itself)."""

    origin: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9.-]{0,62}$")] = "hq"
    workers: Annotated[int, msgspec.Meta(ge=0, le=64)] = 2


class ClockTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[clock]``, in exercises only: when it begins and how fast it runs."""

    start_utc: datetime | None = None
    speed: Annotated[float, msgspec.Meta(gt=0, le=100_000)] = 1.0


class FuseTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[fuse]``: how late news may be, and how long a round is."""

    late_h: Annotated[float, msgspec.Meta(gt=0, le=72)] = 72
    round_s: Annotated[int, msgspec.Meta(ge=60, le=3600)] = 600


class WatchTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[watch]``: how long a look holds, and how fine the line is cut."""

    revisit_s: Seconds = 3600
    step_m: Annotated[float, msgspec.Meta(ge=10, le=10_000)] = 250


class RetentionTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[retention]``: how long pictures of people and their things are kept, without a case and with one."""

    pictures_d: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 14
    cases_d: Annotated[float, msgspec.Meta(gt=0, le=36500)] | None = None


class SatelliteTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[[satellite]]``: a file of orbits, and from where these satellites see the ground."""

    elements: str
    min_elevation_deg: Annotated[float, msgspec.Meta(ge=0, le=90)] = 10.0
    max_elevation_deg: Annotated[float, msgspec.Meta(ge=0, le=90)] = 90.0
    looks: Literal["both", "left", "right"] = "both"


class Player(msgspec.Struct, forbid_unknown_fields=True):
    """``[[player]]``: a duty officer who logs in and decides in an exercise, like a person."""

    name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]
    after_s: Seconds = 120


class MissionFile(msgspec.Struct, forbid_unknown_fields=True, rename={"schema_": "schema"}):
    """The file as it is written; tables of plug-ins are checked by the plug-ins."""

    schema_: Literal["truceline.mission/1"]
    name: str
    agreement: str | None = None
    force: str | None = None
    exercise: bool = False
    attribution: Literal["none", "side"] = "none"
    node: NodeTable = msgspec.field(default_factory=NodeTable)
    clock: ClockTable = msgspec.field(default_factory=ClockTable)
    fuse: FuseTable = msgspec.field(default_factory=FuseTable)
    watch: WatchTable = msgspec.field(default_factory=WatchTable)
    retention: RetentionTable = msgspec.field(default_factory=RetentionTable)
    source: list[dict[str, Any]] = []
    document: list[dict[str, Any]] = []
    satellite: list[SatelliteTable] = []
    player: list[Player] = []


class Eye(msgspec.Struct, frozen=True):
    """A detector as a source asks for it: its table, and the plug-in made from it."""

    settings: dict[str, Any]
    plug: Detector

    @property
    def word(self) -> str:
        return str(self.settings["kind"])

    @property
    def settings_sha256(self) -> str:
        """Hash of every setting, defaults included."""
        return hashlib.sha256(msgspec.json.encode(self.plug, order="sorted", enc_hook=str)).hexdigest()


class Watched(msgspec.Struct, frozen=True):
    """A source of the mission, its cadence and its detectors."""

    kind: Word
    plug: Source
    owes_s: float
    eyes: tuple[Eye, ...]


class Scheduled(msgspec.Struct, frozen=True):
    """A document of the mission; ``at`` is the UTC time of day at which it is written while serving."""

    kind: Word
    plug: Document
    at: time | None


class Mission(msgspec.Struct, frozen=True):
    """A mission that was read and checked; ``path`` is where its file lies."""

    path: Path
    file: MissionFile
    sources: tuple[Watched, ...]
    documents: tuple[Scheduled, ...]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def exercise(self) -> bool:
        return self.file.exercise

    def beside(self, name: str | None) -> Path | None:
        """Find a file that the mission names, relative to its own folder."""
        return None if name is None else self.path.parent / expand(name)

    def force_bytes(self) -> bytes | None:
        """Read the force file.

        Raises
        ------
        BadInput
            If it is named but cannot be read.
        """
        path = self.beside(self.file.force)
        try:
            return None if path is None else path.read_bytes()
        except OSError as error:
            raise BadInput(str(path), f"force file cannot be read: {error.strerror}") from error


def expand(name: str) -> str:
    """Put ``$TRUCELINE_SHARED`` (default ``../shared`` of the working folder) into a path."""
    shared = os.environ.get("TRUCELINE_SHARED") or str(Path("../shared").resolve())
    return name.replace("${TRUCELINE_SHARED}", shared).replace("$TRUCELINE_SHARED", shared)


def load_mission(path: Path) -> Mission:
    """Read and check a mission file.

    Raises
    ------
    BadInput
        Naming file, line and key, and for an unknown key the nearest known word.
    """
    text = _read(path)
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(str(path), f"is not TOML: {error}") from error
    try:
        file = msgspec.convert(table, MissionFile)
    except msgspec.ValidationError as error:
        raise BadInput(*_explain(path, text, str(error))) from error
    if not file.exercise and (file.clock.start_utc is not None or file.player):
        raise BadInput(str(path), "[clock] and [[player]] belong to missions with exercise = true")
    if file.clock.start_utc is not None and file.clock.start_utc.tzinfo is None:
        raise BadInput(str(path), "[clock] start_utc has no zone, e.g. 2030-05-01T00:00:00Z")
    names = [str(source.get("name")) for source in file.source]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(str(path), f"source name {name!r} is used twice")
    sources = tuple(_source(path, index, dict(one)) for index, one in enumerate(file.source))
    documents = tuple(_document(path, index, dict(one), file) for index, one in enumerate(file.document))
    return Mission(path, file, sources, documents)


def _source(path: Path, index: int, table: dict[str, Any]) -> Watched:
    where = f"{path}: source[{index}]"
    detect = table.pop("detect", [])
    owes_s = table.pop("owes_s", 0)
    if isinstance(owes_s, bool) or not isinstance(owes_s, int | float) or not 0 <= owes_s < math.inf:
        raise BadInput(f"{where}.owes_s", "must be seconds, 0 or more")
    if not isinstance(detect, list) or not all(isinstance(one, dict) for one in detect):
        raise BadInput(f"{where}.detect", 'must be a list of tables, e.g. [{ kind = "movers" }]')
    if isinstance(table.get("path"), str) and "://" not in table["path"]:
        table["path"] = str(path.parent / expand(table["path"]))
    plug = load("sources", table, where)
    eyes = tuple(
        Eye(one, load("detect", one, f"{where}.detect[{number}]"))  # type: ignore[arg-type]
        for number, one in enumerate(detect)
    )
    return Watched(str(table["kind"]), plug, float(owes_s), eyes)  # type: ignore[arg-type]


def _document(path: Path, index: int, table: dict[str, Any], file: MissionFile) -> Scheduled:
    where = f"{path}: document[{index}]"
    at = table.pop("at", None)
    try:
        moment = None if at is None else time.fromisoformat(str(at))
    except ValueError as error:
        raise BadInput(f"{where}.at", f"{at!r} is no time of day, e.g. 06:00") from error
    if "kind" in table:
        try:
            fields = find("documents", str(table["kind"])).__struct_fields__
        except BadInput as error:
            raise BadInput(where, str(error)) from error
        told = {"title": f"{file.name}: {table['kind']} report", "exercise": file.exercise}
        table = {word: value for word, value in told.items() if word in fields} | table
    plug = load("documents", table, where)
    return Scheduled(str(table["kind"]), plug, moment)  # type: ignore[arg-type]


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(str(path), f"is larger than {_MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"is not UTF-8: byte {error.start}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 65_536 or line.split("=")[0].count(".") > 32:
            raise BadInput(f"{path}:{number}", "line is too long or its key has more than 32 dots")
    return text


def _explain(path: Path, text: str, message: str) -> tuple[str, str]:
    """Find the line of what the decoder complains about, and the word that was meant."""
    unknown = re.search(r"unknown field `([^`]+)`", message)
    key = unknown[1] if unknown else (re.findall(r"\$(?:\.|\[[^]]*\])*\.?([a-z_0-9]+)`", message) or [""])[-1]
    line = next((n for n, row in enumerate(text.splitlines(), 1) if re.match(rf"\s*\[*{key}\b", row)), None)
    where = f"{path}:{line}" if key and line else str(path)
    if not unknown:
        return where, message
    tables = (
        MissionFile, NodeTable, ClockTable, FuseTable, WatchTable, RetentionTable, SatelliteTable, Player,
    )  # fmt: skip
    known = [word for table in tables for word in table.__struct_encode_fields__]
    near = difflib.get_close_matches(key, known, 1)
    return where, f"unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else "")
