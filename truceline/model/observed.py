"""What was taken in and what was seen in it."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from truceline.model.facts import Blob
from truceline.model.names import name
from truceline.model.place import Noun, Point, Span
from truceline.model.units import Latitude, Longitude, Metres, Ratio

Scalar = str | int | float | bool
ReportType = Literal["position", "sighting", "explosion", "shot", "obstruction", "damage", "note"]


class Observation(Noun):
    """One piece taken in: a scene, a clip, a run of packets, a look, a clock tick [observation].

    ``key`` is natural to the source (file hash, first packet time); the id is its name.
    ``footprint`` is a GeoJSON Polygon or MultiPolygon of the ground that was looked at.
    """

    source: str
    key: str
    phenomenon: Span
    result_utc: datetime
    status: Literal["ok", "degraded", "blocked"] = "ok"
    reason: str = ""
    footprint: dict[str, Any] | None = None
    attributes: dict[str, Scalar] = {}

    @property
    def id(self) -> str:
        return name("obs", self.source, self.key)


class Report(Noun, forbid_unknown_fields=True):
    """What a person or unit sends (contract wire B); the id is the sender's, in the header [report]."""

    type: ReportType
    time_utc: datetime
    lat_deg: Latitude
    lon_deg: Longitude
    hae_m: float | None = None
    ce90_m: Metres | None = None
    subject_id: str | None = None
    source_id: str | None = None
    text: str | None = None
    blobs: tuple[str, ...] = ()
    attributes: dict[str, str | int | float] = {}
    corrects: str | None = None


class Detections(Noun):
    """What one detector saw in one observation, also nothing [detection].

    The rows are a sealed Parquet piece of :data:`truceline.model.tables.DETECTION`. ``hidden`` is a GeoJSON
    Polygon or MultiPolygon of the ground that the piece covers and could not show, as under cloud. ``looks``
    are a piece of :data:`truceline.model.tables.LOOK`, None: what it did not see says nothing. ``again``
    names earlier observations that look otherwise since this one: they are looked at again with its memory.
    """

    observation: str
    detector: str
    settings_sha256: str
    version: str
    piece: Blob
    rows: int
    memory: Blob | None = None
    memory_taken: str = ""
    source: str = ""  # that brought the observation; older entries do not say it
    supersedes: tuple[int, ...] = ()
    status: Literal["ok", "degraded"] = "ok"
    reason: str = ""
    hidden: dict[str, Any] | None = None
    looks: Blob | None = None
    again: tuple[str, ...] = ()


class Tracks(Noun):
    """One update round of the tracker; rows are a piece of :data:`truceline.model.tables.TRACK` [track]."""

    round: Span
    inputs_sha256: str
    piece: Blob
    rows: int
    supersedes: tuple[int, ...] = ()


class Sighting(Noun):
    """One line of input to the rules (contract zone, "observation"); never logged itself.

    ``seq`` and ``row`` lead back to the log: row ``row`` of entry ``seq`` (row -1: the entry itself).
    ``meaning`` is set for a changed place alone: what the change of its surface may be.
    """

    id: str
    time: datetime
    kind: str
    party: str = "unknown"
    class_: str | None = msgspec.field(default=None, name="class")
    classes: tuple[str, ...] | None = None
    count: int = 1
    object: str | None = None
    at: Point | None = None
    confidence: Ratio = 1.0
    alt_agl_m: float | None = None
    activity: str | None = None
    unit_size: str | None = None
    calibre_mm: float | None = None
    range_km: float | None = None
    episode: str | None = None
    notice_type: str | None = None
    from_time: datetime | None = None
    until_time: datetime | None = None
    radius_m: float | None = None
    max_count: int | None = None
    consent: bool | None = None
    reason: str | None = None
    source: str = ""
    party_assumed: bool = False
    meaning: str | None = None
    seq: int = -1
    row: int = -1
