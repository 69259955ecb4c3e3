"""The folds of a mission, in the order in which a fact walks through them."""

import hashlib
import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from truceline import __version__
from truceline.dispatch.advise import Advise
from truceline.flow.courier import Courier
from truceline.flow.look import Look
from truceline.flow.mission import Mission, load_mission
from truceline.flow.sky import sky_of
from truceline.geo.zone import Zones
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.log.reader import read_facts
from truceline.model.decided import Config
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Blob, Claim, Fact, Job
from truceline.model.names import name
from truceline.rules.agreement import Agreement, read_agreement
from truceline.rules.judge import Judge
from truceline.track.live.fuse import Fuse
from truceline.track.live.witness import Witness
from truceline.view.views import Views
from truceline.view.watch import Stations, Watched


class Core(msgspec.Struct, frozen=True):
    """Views and engines of one mission."""

    views: Views
    folds: tuple[Fold, ...]
    agreement: Agreement | None
    zones: Zones | None

    def apply(self, fact: Fact) -> Iterator[Claim | Job]:
        """Let a fact walk through every fold; hand on what they answer."""
        for fold in self.folds:
            yield from fold.apply(fact)


def build(mission: Mission | None, blobs: Blobs) -> Core:
    """Make the folds of a mission that has not begun.

    Raises
    ------
    BadInput
        If the agreement or the force file is wrong.
    """
    file = mission.file if mission is not None else None
    agreement_path = mission.beside(file.agreement) if mission is not None and file is not None else None
    agreement = read_agreement(agreement_path) if agreement_path is not None else None
    zones = agreement.zones if agreement is not None else None
    force = mission.force_bytes() if mission is not None else None
    stations = _stations(zones, file.watch.step_m) if zones is not None and file is not None else None
    views = Views.empty(
        blobs,
        sources=[Watched(one.plug.name, one.kind, one.owes_s) for one in mission.sources] if mission else (),
        stations=stations,
        sky=sky_of(mission, stations),
        force=force,
        revisit_s=file.watch.revisit_s if file is not None else 3600,
    )
    look = Look({one.plug.name: one.eyes for one in mission.sources} if mission is not None else {})
    fuse = Fuse(
        blobs,
        zones,
        late_h=file.fuse.late_h if file is not None else 72,
        round_s=file.fuse.round_s if file is not None else 600,
    )
    judge = Judge(agreement, views.reports, blobs, file.attribution if file is not None else "none")
    advise = Advise(views.board, views.teams, force)
    folds: tuple[Fold, ...] = (
        views.accounts,
        views.holds,
        views.keeping,
        views.reports,
        look,
        views.watch,
        views.scene,
        views.census,
        views.looks,
        views.changes,
        *((Witness(views.reports, blobs),) if mission is not None else ()),
        fuse,
        judge,
        views.board,
        views.teams,
        advise,
        Courier(views.holds),
    )
    return Core(views, folds, agreement, zones)


class Settings(msgspec.Struct, frozen=True):
    """The mission's files by hash, so that an old claim can always be derived again."""

    mission: str
    files: dict[str, Blob]

    @classmethod
    def of(cls, mission: Mission | None, blobs: Blobs) -> "Settings":
        """Store the files that a mission rests on."""
        if mission is None:
            return cls("", {})
        paths = [mission.path.resolve(), *_named(mission)]
        root = Path(os.path.commonpath([path.parent for path in paths]))
        files = {
            path.relative_to(root).as_posix(): blobs.put(path, "text/plain", f"setting-{number}")
            for number, path in enumerate(paths)
        }
        return cls(paths[0].relative_to(root).as_posix(), files)

    def claim(self) -> Claim:
        """Say in the log which settings are in force."""
        body = Config(
            version=__version__,
            settings={
                "mission": self.mission,
                "files": {path: blob.sha256 for path, blob in sorted(self.files.items())},
            },
        )
        key = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
        by_hash = {blob.sha256: blob for blob in self.files.values()}
        return Claim(
            kind="config",
            id=name("cfg", key),
            body=body,
            actor="node:settings",
            blobs=tuple(by_hash[sha] for sha in sorted(by_hash)),
        )


@contextmanager
def mission_of(data_dir: Path, blobs: Blobs) -> Iterator[Mission | None]:
    """Lay out the mission that a log names last, for as long as it is needed."""
    newest: Config | None = None
    for fact in read_facts(data_dir):
        if fact.kind == "config":
            newest = fact.noun(Config)
    if newest is None or not newest.settings.get("mission"):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        for path, sha256 in newest.settings["files"].items():
            target = Path(folder, path)
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise Broken(f"{data_dir}: its settings name a file outside of the mission: {path}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(blobs.read(sha256))
        yield load_mission(Path(folder, newest.settings["mission"]))


def rebuild(data_dir: Path, until: datetime | None = None) -> Views:
    """Fold a data folder's log from its first entry; with ``until``, as known then.

    Raises
    ------
    BadInput
        If the folder holds no log.
    """
    blobs = Blobs(data_dir / "blobs")
    with mission_of(data_dir, blobs) as mission:
        views = build(mission, blobs).views
    for fact in read_facts(data_dir):
        if until is not None and fact.time_utc > until:
            break
        for view in views.folds():
            view.apply(fact)
    return views


def _named(mission: Mission) -> list[Path]:
    """List the files that the mission and its agreement name."""
    found = []
    orbits = (table.elements for table in mission.file.satellite)
    for named in (mission.file.agreement, mission.file.force, *orbits):
        path = mission.beside(named)
        if path is not None and not path.is_file():
            raise BadInput(str(mission.path), f"names {named}, which is not there")
        if path is not None:
            found.append(path.resolve())
    agreement = mission.beside(mission.file.agreement)
    if agreement is not None:
        for name_there in sorted(_paths(tomllib.loads(agreement.read_text(encoding="utf-8-sig")))):
            beside = (agreement.parent / name_there).resolve()
            if not beside.is_file():
                raise BadInput(str(agreement), f"names {name_there}, which is not there")
            found.append(beside)
    return list(dict.fromkeys(found))


def _paths(table: dict[str, Any]) -> set[str]:
    rows = [*table.get("line", []), *table.get("zone", [])]
    return {row[key] for row in rows for key in ("path", "polygon") if isinstance(row.get(key), str)}


def _stations(zones: Zones, step_m: float) -> Stations:
    """Lay places along the agreement's lines, one line after the other, half a step from their ends."""
    places = [
        zones.point_at(line, (number + 0.5) * step_m)
        for line in zones.lines
        for number in range(max(1, int(zones.line_length_m(line) // step_m)))
    ]
    return Stations(step_m, [lat for lat, _ in places], [lon for _, lon in places])
