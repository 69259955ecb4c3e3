"""From what the log holds to what the rules read (contract classes, section 3; contract wire B)."""

from collections.abc import Callable, Iterator, Mapping, Set
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from shapely.errors import ShapelyError
from shapely.geometry import shape

from truceline.model.classes import (
    BASE_KINDS,
    FUSION_CLASSES,
    MEANING_ACTIVITIES,
    MEANING_CANDIDATES,
    candidates,
    from_cot,
)
from truceline.model.observed import Observation, Report, Sighting
from truceline.model.place import Point, utc_text, utc_time
from truceline.rules.agreement import Agreement
from truceline.rules.observations import KINDS

SLOT_S = 600  # DESIGN, churn: a track gives at most one sighting per ten minutes
EXISTS_P = 0.5
# A position that a person reads from a map as a six-figure grid reference names a square of 100 m.
REPORT_CE90_M = 100.0
_REASONS = frozenset({"weather", "jamming", "access_denied", "sensor_fault", "other"})
_FROM_TYPE = {
    "sighting": ("sighting", None),
    "explosion": ("activity", "explosion"),
    "shot": ("activity", "firing"),
    "obstruction": ("interference", "obstruction"),
}


def of_report(report_id: str, report: Report, seq: int, agreement: Agreement) -> Sighting | None:
    """Read a report as a line of contract zone; None: it says nothing to the rules.

    Attributes that do not have the form of their contract are left out; a party or class that the
    agreement does not know is unknown.
    """
    said = report.attributes
    kind, activity = _FROM_TYPE.get(report.type, (None, None))
    values = _values(said, agreement)
    if report.type in ("note", "damage"):
        kind = str(said.get("kind", ""))
    elif report.type == "position":
        cot_type = str(said.get("cot_type", ""))
        if cot_type and not cot_type.startswith("a-f-"):
            kind = "sighting"
            values["class_"] = from_cot(cot_type)
            values.pop("classes", None)
            if report.subject_id is not None:
                values["object"] = report.subject_id
    if kind not in KINDS or (kind == "sighting" and values.get("count") == 0):
        return None  # that nothing is there is a look, no sighting
    if activity is not None:
        values["activity"] = activity
    error_m = report.ce90_m
    if error_m is None:
        error_m = REPORT_CE90_M if kind == "sighting" else 0.0
    return Sighting(
        id=report_id,
        kind=kind,
        time=report.time_utc,
        at=Point(lat_deg=report.lat_deg, lon_deg=report.lon_deg, ce90_m=error_m),
        source=report.source_id or "",
        seq=seq,
        **values,
    )


def of_look(entry_id: str, observation: Observation, seq: int) -> Sighting | None:
    """Read a piece that gave nothing as a look that could not observe, at the middle of its ground."""
    if observation.status != "blocked" or observation.footprint is None:
        return None
    try:
        middle = shape(observation.footprint).centroid
        at = Point(lat_deg=middle.y, lon_deg=middle.x, ce90_m=0.0)
    except (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
    return Sighting(
        id=f"{entry_id}/0",
        kind="no_observation",
        time=observation.phenomenon.from_utc,
        at=at,
        reason=observation.reason if observation.reason in _REASONS else "other",
        source=observation.source,
        seq=seq,
        row=0,
    )


def of_detections(entry_id: str, rows: pa.Table, seq: int, source: str) -> Iterator[Sighting]:
    """Read changed places, and rows that are no sightings; what moves goes through the tracks.

    A changed place goes by the name of its alert, under which it comes again on each pass that shows it.
    """
    columns = [
        "time_utc",
        "lat_deg",
        "lon_deg",
        "ce90_m",
        "confidence",
        "count",
        "object",
        "kind",
        "meaning",
        "note",
    ]
    for number, row in enumerate(rows.select(columns).to_pylist()):
        kind, meaning = row["kind"], row["meaning"]
        values: dict[str, Any] = {}
        if meaning in MEANING_CANDIDATES:
            kind, values["classes"] = "sighting", MEANING_CANDIDATES[meaning]
        elif meaning in MEANING_ACTIVITIES:
            kind, values["activity"] = "activity", MEANING_ACTIVITIES[meaning]
        elif meaning is not None or kind in (None, "sighting") or kind not in KINDS:
            continue
        else:
            values["activity"] = row["note"]
            values["reason"] = row["note"] if row["note"] in _REASONS else None
        at = _point(row)
        if at is None and kind == "sighting":
            continue
        yield Sighting(
            id=row["object"] if meaning is not None and row["object"] else f"{entry_id}/{number}",
            kind=kind,
            time=row["time_utc"].astimezone(UTC),
            at=at,
            count=row["count"] if row["count"] is not None else 1,
            object=row["object"],
            confidence=_ratio(row["confidence"]),
            source=source,
            meaning=meaning,
            seq=seq,
            row=number,
            **values,
        )


def of_tracks(
    rows: pa.Table, seq: int, side_party: Callable[[str | None], str | None], reported: Set[str] = frozenset()
) -> Iterator[Sighting]:
    """Read track rows: of each track and ten-minute slot the earliest that probably exists and was seen.

    Rows that rest on reports alone say nothing here: the reports have said it.

    Parameters
    ----------
    rows
        ``tables.TRACK``.
    seq
        Entry of the round.
    side_party
        Names the party of a side; None: whose it is stays unknown.
    reported
        Entries of rows that were read from reports.
    """
    earliest: dict[str, tuple[datetime, int, dict[str, Any]]] = {}
    columns = ["track_id", "time_utc", "lat_deg", "lon_deg", "ce90_m", "exists_p", "side"]
    columns += [f"p_{word}" for word in FUSION_CLASSES]
    columns += [word for word in ("count", "missed_by") if word in rows.column_names]
    hearsay = _resting_on(rows, reported)
    for number, row in enumerate(rows.select(columns).to_pylist()):
        if row["exists_p"] >= EXISTS_P and row.get("missed_by") is None and number not in hearsay:
            time = row["time_utc"].astimezone(UTC)
            key = f"track-{row['track_id']}@{utc_text(_slot(time))}"
            if key not in earliest or time < earliest[key][0]:
                earliest[key] = (time, number, row)
    for key, (time, number, row) in earliest.items():
        probability = {word: row[f"p_{word}"] or 0.0 for word in FUSION_CLASSES}
        kinds, total = candidates(probability)
        party = side_party(row["side"])
        yield Sighting(
            id=key,
            kind="sighting",
            time=time,
            party=party or "unknown",
            party_assumed=party is not None,
            class_=kinds[0] if len(kinds) == 1 else None,
            classes=kinds if len(kinds) > 1 else None,
            count=row.get("count") or 1,
            object=f"track-{row['track_id']}",
            at=Point(lat_deg=row["lat_deg"], lon_deg=row["lon_deg"], ce90_m=row["ce90_m"]),
            confidence=_ratio(row["exists_p"] * total),
            source="tracks",
            seq=seq,
            row=number,
        )


def _resting_on(rows: pa.Table, reported: Set[str]) -> Set[int]:
    """Find the rows of tracks that used rows of these entries and of no others."""
    if not reported:
        return set()
    used = rows["from_rows"].combine_chunks()
    is_reported = [entry in reported for entry in used.flatten().field("entry").to_pylist()]
    ends = np.cumsum(pc.fill_null(used.value_lengths(), 0).to_numpy(zero_copy_only=False))
    counts = np.r_[0, np.cumsum(is_reported)][np.r_[0, ends]]
    all_of_them = np.diff(counts) == np.diff(np.r_[0, ends])
    return set(np.flatnonzero(all_of_them & (np.diff(counts) > 0)).tolist())


def _slot(time: datetime) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(seconds=(time - midnight).seconds // SLOT_S * SLOT_S)


def _point(row: Mapping[str, Any]) -> Point | None:
    if row["lat_deg"] is None or row["lon_deg"] is None or row["ce90_m"] is None:
        return None
    return Point(lat_deg=row["lat_deg"], lon_deg=row["lon_deg"], ce90_m=row["ce90_m"])


def _ratio(value: float | None) -> float:
    return 1.0 if value is None else min(1.0, max(0.0, round(value, 9)))


def _values(said: Mapping[str, Any], agreement: Agreement) -> dict[str, Any]:
    """Read the attributes that contract zone knows, each in its form."""
    values: dict[str, Any] = {}
    for key, read in _ATTRIBUTES.items():
        if key in said:
            try:
                values[key] = read(said[key])
            except (ValueError, OverflowError):
                continue
    if str(said.get("party", "")) in agreement.parties:
        values["party"] = str(said["party"])
    if "class" in said:
        word = str(said["class"])
        values["class_"] = word if word in BASE_KINDS else "unknown"
    if "classes" in said:
        kinds = agreement.base_kinds(str(said["classes"]).split())
        values["classes"] = tuple(kind for kind in kinds if kind in BASE_KINDS) or None
    return values


def _finite(value: Any) -> float:
    number = float(value)
    if not -1e12 < number < 1e12:
        raise ValueError("out of range")
    return number


def _length(value: Any) -> float:
    number = _finite(value)
    if number < 0:
        raise ValueError("negative")
    return number


def _number(value: Any) -> int:
    number = _length(value)
    if number != int(number):
        raise ValueError("not whole")
    return int(number)


def _share(value: Any) -> float:
    number = _finite(value)
    if not 0 <= number <= 1:
        raise ValueError("not between 0 and 1")
    return number


def _truth(value: Any) -> bool:
    if str(value) not in ("true", "false"):
        raise ValueError("neither true nor false")
    return str(value) == "true"


def _moment(value: Any) -> datetime:
    return utc_time(str(value))


_ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "count": _number, "object": str, "confidence": _share, "alt_agl_m": _finite, "activity": str,
    "unit_size": str, "calibre_mm": _finite, "range_km": _finite, "episode": str, "notice_type": str,
    "from_time": _moment, "until_time": _moment, "radius_m": _length, "max_count": _number,
    "consent": _truth, "reason": str, "party_assumed": _truth,
}  # fmt: skip
