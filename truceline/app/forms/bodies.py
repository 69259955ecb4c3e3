"""What bodies and queries must look like, and what the answers promise."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from truceline.model.decided import State
from truceline.model.observed import ReportType
from truceline.model.place import Noun
from truceline.model.units import Latitude, Longitude, Metres, Ratio, Sha256

# `$` alone would let a line end through after the last character.
ReportId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)")]
EntryId = Annotated[str, Meta(min_length=1, max_length=128)]
UserName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
# Something must be said: one character at least that is no white space.
Words = Annotated[str, Meta(pattern=r"\S", min_length=1, max_length=4000)]
Moment = Annotated[datetime, Meta(tz=True)]
Short = Annotated[str, Meta(min_length=1, max_length=256)]
_MOST = 2**53 - 1  # what every reader of JSON takes exactly
Count = Annotated[int, Meta(ge=0, le=_MOST)]


class In(Noun, forbid_unknown_fields=True):
    """A body: unknown members are refused."""


class ReportIn(In):
    """A report as it is sent (contract wire, B)."""

    id: ReportId
    type: ReportType
    time_utc: Moment
    lat_deg: Latitude
    lon_deg: Longitude
    hae_m: float | None = None
    ce90_m: Metres | None = None
    subject_id: Short | None = None
    source_id: Short | None = None
    text: Annotated[str, Meta(max_length=4000)] | None = None
    blobs: Annotated[tuple[Sha256, ...], Meta(max_length=100)] = ()
    attributes: dict[str, str | int | float] = {}
    corrects: ReportId | None = None


class UserIn(In):
    name: UserName
    role: Literal["observer", "operator", "commander", "party-liaison", "auditor"]
    party: Literal["A", "B"] | None = None


class AlternativeIn(In):
    unit: Short
    delta_cost: float | None = None
    ruled_out_by: str | None = None


class ExplainIn(In):
    alternatives: tuple[AlternativeIn, ...] = ()


class TaskIn(In):
    """One order of a dispatch plan (contract dispatch, 1.5)."""

    unit: Short
    task: Short
    depart_s: int
    path: tuple[str, ...]
    arrive_s: int
    start_s: int
    leave_s: int
    role: Literal["main", "look"] = "main"
    return_s: int | None = None
    explain: ExplainIn | None = None


Tasks = Annotated[tuple[TaskIn, ...], Meta(max_length=1000)]


class RecommendationIn(In):
    incident_ids: Annotated[tuple[EntryId, ...], Meta(min_length=1, max_length=1000)]
    action: Words
    why: Words
    tasks: Tasks = ()


class DecisionIn(In):
    recommendation_id: EntryId
    verdict: Literal["approved", "rejected", "amended"]
    reason: Words
    seen_seq: Count | None = None
    tasks: Tasks | None = None


class StateIn(In):
    state: State


class ReleaseIn(In):
    party: Literal["A", "B"]


class StatementIn(In):
    incident_id: EntryId
    stance: Annotated[str, Meta(pattern=r"^[a-z][a-z _-]{0,63}$(?!\n)")]
    text: Words


class HoldIn(In):
    scope: Annotated[str, Meta(pattern=r"^(orders|recommendations|source:.{1,128})$(?!\n)")]
    reason: Words
    until_utc: Moment


class EvidenceIn(In):
    incident_ids: Annotated[tuple[EntryId, ...], Meta(min_length=1, max_length=1000)]
    redact: tuple[EntryId, ...] = ()
    withhold: tuple[Sha256, ...] = ()
    since_tree_sizes: tuple[Annotated[int, Meta(ge=1, le=_MOST)], ...] = ()


class Nothing(In):
    """No query."""


class ReportsQuery(In):
    after_seq: Annotated[int, Meta(ge=-1, le=_MOST)] = -1
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class EventsQuery(In):
    after_seq: Annotated[int, Meta(ge=-1, le=_MOST)] | UnsetType = UNSET


class SpanQuery(In):
    from_utc: Moment | UnsetType = UNSET
    until_utc: Moment | UnsetType = UNSET


class TracksQuery(In):
    at_utc: Moment | UnsetType = UNSET
    known_utc: Moment | UnsetType = UNSET


class EntriesQuery(In, rename={"from_": "from"}):
    from_: Count = 0
    to: Count | UnsetType = UNSET


class InclusionQuery(In):
    seq: Count
    tree_size: Annotated[int, Meta(ge=1, le=_MOST)]


class ConsistencyQuery(In):
    first: Annotated[int, Meta(ge=1, le=_MOST)]
    second: Annotated[int, Meta(ge=1, le=_MOST)]


class Health(msgspec.Struct, omit_defaults=True):
    status: str
    version: str = ""
    tree_size: int = -1


class UserMade(msgspec.Struct, omit_defaults=True):
    name: str
    role: str
    token: str
    party: str | None = None


class EnrolmentMade(msgspec.Struct):
    """A code that works once, the URL that holds it, and that URL as a picture."""

    code: str
    url: str
    qr_svg: str
    expires_utc: str


class Enrolled(msgspec.Struct):
    """What an enrolled person gets, this once."""

    cert_pem: str
    ca_pem: str
    token: str


class ReportTaken(msgspec.Struct):
    id: str
    seq: int
    leaf_sha256: Sha256
    tree_size: int


class ReportOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A report with what the log adds to it."""

    id: ReportId
    type: ReportType
    time_utc: str
    lat_deg: Latitude
    lon_deg: Longitude
    seq: int
    received_utc: str
    reporter: str
    hae_m: float | None = None
    ce90_m: Metres | None = None
    subject_id: str | None = None
    source_id: str | None = None
    text: str | None = None
    blobs: tuple[Sha256, ...] = ()
    attributes: dict[str, str | int | float] = {}
    corrects: str | None = None


class ReportPage(msgspec.Struct):
    items: list[ReportOut]
    next_after_seq: int | None


class Items(msgspec.Struct):
    """A list; ``next`` is null when it is whole."""

    items: list[dict[str, Any]]
    next: str | None = None


class Coverage(msgspec.Struct):
    """Stretches of the line that nobody looked at, and the share that was observed."""

    items: list[dict[str, Any]]
    next: str | None
    from_utc: str
    until_utc: str
    observed_share: Ratio
    line_km: float
    unobserved_km: float
    passes: list[dict[str, Any]]


class Made(msgspec.Struct):
    """What has become an entry of the log."""

    id: str
    seq: int


class Decided(Made):
    recommendation_id: str
    verdict: str
    by: str
    at_utc: str
    order_ids: list[str]
    overridden: list[str]


class Stepped(Made):
    order_id: str
    state: str


class Held(Made):
    scope: str
    reason: str
    until_utc: str
    by: str


class Stored(msgspec.Struct):
    sha256: Sha256
    size_bytes: int
    media_type: str


class Path(msgspec.Struct):
    path: list[str]


class Checkpoint(msgspec.Struct):
    checkpoint: dict[str, Any]
    signatures: list[dict[str, Any]]


class Mission(msgspec.Struct):
    name: str
    exercise: bool
    clock: dict[str, Any]
    who: dict[str, Any]
    languages: list[str]
    parties: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    sectors: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    line_km: float | None
    tree_size: int | None
    log: str | None  # leaf of the first entry: another log has another


class Sought(msgspec.Struct):
    """A track, the row that it used last, what each sensor's looks say since, and what people reported of it.

    See ``view.looks.Looked`` and ``flow.grounds.Used``.
    """

    item: dict[str, Any]
    seen: dict[str, Any] | None
    looked: list[dict[str, Any]]
    reported: list[dict[str, Any]]


class Chain(msgspec.Struct):
    """An entry and all that it rests on, nearest first; and what tracks in it rest on, row by row."""

    items: list[dict[str, Any]]
    tracks: list[dict[str, Any]]
