"""The narrow waist: a plug-in and its four ports."""

import importlib
import importlib.util
import re
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, dataclass_transform

import msgspec

from truceline.geo.regard import Field
from truceline.geo.zone import Zones
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation, Report, Sighting
from truceline.model.place import NounMeta, Span
from truceline.model.units import Ratio, Word

if TYPE_CHECKING:  # a rule that is judged needs neither tables nor views
    import pyarrow as pa

    from truceline.view.views import Views


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class PlugMeta(NounMeta, ABCMeta):
    """Settings are keyword-only, and a missing method is noticed when the plug-in is made."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Plug(msgspec.Struct, metaclass=PlugMeta, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields are its settings (typed, bounded, with defaults); its file is named after its word."""


class Intake(Protocol):
    """What a source may do: store bytes, ask for the time, and learn when to stop."""

    stop: Event

    def put(self, sample: Path | bytes, media_type: str, name: str) -> Blob:
        """Store bytes durably in the blob folder (same bytes: once)."""
        ...

    def now(self) -> datetime:
        """Tell the mission's time, UTC."""
        ...

    def has(self, key: str) -> bool:
        """Tell whether this source's observation with that natural key is logged already."""
        ...

    def has_finished(self, piece: str) -> bool:
        """Tell whether a piece of input was noted as finished, perhaps before a restart."""
        ...

    def finish(self, piece: str) -> None:
        """Note that a piece was handed over, all of it; call it when asked for what comes next."""
        ...


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a source hands over: an observation, or a report with the sender's id, and its samples."""

    noun: Observation | Report
    id: str = ""  # of a report: the sender's; of an observation: its own name
    actor: str = ""  # default: source:<name>
    blobs: tuple[Blob, ...] = ()


class Source(Plug):
    """A way in; touches the world, runs in a thread of its own."""

    name: str

    @abstractmethod
    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield what comes in, in order; with ``follow`` go on watching until ``intake.stop``."""


class Media(Protocol):
    """What a detector may do: open samples read-only, and store chips and its memory."""

    memory: Path | None

    def open(self, blob: Blob | str) -> Path: ...

    def put(self, sample: Path | bytes, media_type: str, name: str) -> Blob: ...


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a look of a detector shows of what is there, and so what it says that it shows nothing.

    Parameters
    ----------
    basis
        Where the figures come from.
    pd
        How likely one look shows a thing that this detector can show at all. Take too little rather than too
        much: too much lets things vanish that are there.
    finds
        Fusion class → share of such things that it can show at all, however often it looks: the others stand
        under trees or look like nothing it knows. To a class that is not named it is blind: that it shows
        none of them never says anything, even where it has shown the thing before.
    least_speed_mps
        What is slower it does not show.
    clutter_per_km2
        False detections per square kilometre of a look: what it shows is weighed by that too.
    apart_s
        Looks that lie nearer in time count as one: they err alike.
    """

    basis: str
    pd: Ratio
    finds: Mapping[str, float]
    least_speed_mps: float = 0.0
    clutter_per_km2: float = 0.1
    apart_s: float = 0.0

    def look(self, since: datetime, until: datetime, sensor: str, field: Field) -> dict[str, Any]:
        """Make a row of ``tables.LOOK`` of a rectangle that was in sight all the time."""
        return {
            "since_utc": since,
            "time_utc": until,
            "sensor": sensor,
            "shape": "rect",
            **field._asdict(),
            "pd": self.pd,
            **{f"finds_{word}": self.finds.get(word, 0.0) for word in FUSION_CLASSES},
            "least_speed_mps": self.least_speed_mps,
            "clutter_per_km2": self.clutter_per_km2,
            "apart_s": self.apart_s,
        }


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector saw: rows of ``tables.DETECTION``, also none.

    ``memory`` was put into the media; ``hidden`` is ground of the piece that it could not see, as GeoJSON.
    ``looks`` (``tables.LOOK``) tell where it would have seen more; None: on all the ground of the observation
    that is not hidden, if it has a ``sight``. ``again`` names earlier observations of the row on which this
    one throws another light: they are looked at again with this memory; that answer supersedes the first.
    """

    rows: "pa.Table"
    memory: Blob | None = None
    blobs: tuple[Blob, ...] = ()
    status: str = "ok"
    reason: str = ""
    hidden: dict[str, Any] | None = None
    looks: "pa.Table | None" = None
    again: tuple[str, ...] = ()


class Detector(Plug):
    """Pure; may run on another machine. With ``stateful`` it is given its memory of the piece before.

    With a ``sight`` its silence speaks against what others have seen, or it has seen before; without, which
    is right for what sees changes or hears events, it says nothing.
    """

    stateful: ClassVar[bool] = False
    sight: ClassVar[Sight | None] = None

    @abstractmethod
    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Look at one observation and its samples."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict of a rule: what :class:`truceline.model.decided.Incident` is made of."""

    party: str | None
    verdict: str
    probability: float
    causes: tuple[Sighting, ...]
    strongest: Sighting
    zone: str | None = None
    reasons: tuple[str, ...] = ()
    measured: Mapping[str, float | int | str] = {}


class Rule(Plug):
    """Pure; sees one bucket at a time, so that a new sighting judges one bucket again."""

    id: str
    article: str
    text: str

    @abstractmethod
    def key(self, sighting: Sighting) -> str | None:
        """Name the bucket of a sighting; None: not my business."""

    @abstractmethod
    def judge(self, bucket: Sequence[Sighting], zones: Zones) -> Iterator[Finding]:
        """Judge a bucket, sorted by (time, id)."""


class Document(Plug):
    """Pure; same views, same bytes."""

    @abstractmethod
    def write(self, views: "Views", span: Span) -> bytes:
        """Write the document over a span of time."""


_PORTS: dict[str, type[Plug]] = {
    "sources": Source,
    "detect": Detector,
    "rules.kinds": Rule,
    "documents": Document,
}


def find(room: str, word: str) -> type[Plug]:
    """Find a plug-in: a file of ours named after its word, an entry point, or ``module:Class``.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    port = _PORTS[room]
    if not isinstance(word, str):
        raise BadInput(str(word), "kind must be a word")
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", word):
        module_name, _, class_name = word.partition(":")
        if module_name.partition(".")[0] not in packages_distributions():
            raise BadInput(word, "is not from an installed package")
        try:
            found = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise BadInput(word, f"no such plug-in: {error}") from error
        return _checked(found, port, word)
    if re.fullmatch("[a-z_]+", word):
        module_name = f"truceline.{room}.{word}"
        if importlib.util.find_spec(module_name) is not None:
            module = importlib.import_module(module_name)
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, port) and value.__module__ == module_name:
                    return value
    for entry in entry_points(group=f"truceline.{room}"):
        if entry.name == word:
            return _checked(entry.load(), port, word)
    raise BadInput(word, f"no plug-in of that name in {room}")


def load(room: str, settings: Mapping[str, Any], where: str = "") -> Plug:
    """Make a plug-in from its table of settings, ``kind`` naming it.

    Raises
    ------
    BadInput
        If the kind is unknown or a setting is wrong; ``where`` is put before the place.
    """
    table = dict(settings)
    try:
        plug = find(room, table.pop("kind"))
        return msgspec.convert(table, plug, strict=False, dec_hook=_path)
    except KeyError as error:
        raise BadInput(where, "`kind` is missing") from error
    except BadInput as error:
        raise BadInput(where, str(error)) from error
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        raise BadInput(where + place.rstrip("`"), what[:1].lower() + what[1:]) from error


def _path(wanted: type, value: Any) -> Any:
    if wanted is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"{value!r} is no {wanted.__name__}")


def _checked(found: Any, port: type[Plug], word: str) -> type[Plug]:
    if not (isinstance(found, type) and issubclass(found, port)):
        raise BadInput(word, f"is no {port.__name__.lower()}")
    return found


__all__ = [
    "Detector", "Document", "Finding", "Found", "Intake", "Media", "Plug", "Rule", "Sight",
    "Source", "Taken", "Word", "find", "load",
]  # fmt: skip
