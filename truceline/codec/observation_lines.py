"""From tables, alerts and reports to the lines that ``check`` and ``coverage`` read (contract zone)."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from truceline.model.classes import (
    FUSION_CLASSES,
    MEANING_ACTIVITIES,
    MEANING_CANDIDATES,
    candidates,
    from_cot,
    probabilities,
)
from truceline.model.names import name
from truceline.model.observed import Report
from truceline.model.place import utc_text
from truceline.model.units import CE90_PER_SIGMA

Line = dict[str, Any]
Row = Mapping[str, Any]
Place = Callable[[float, float], tuple[float, float]]

KINDS = frozenset(
    {"sighting", "activity", "interference", "response", "notice", "no_observation", "coverage"}
)
REPORT_ACTIVITIES = {"explosion": "explosion", "shot": "firing"}
UNSAID_CE90_M = 100.0  # a person's report without an error: a handheld receiver and an estimate by eye
_TEXTS = (
    "party",
    "class",
    "object",
    "activity",
    "unit_size",
    "episode",
    "notice_type",
    "reason",
    "from_time",
    "until_time",
)
_NUMBERS = ("count", "confidence", "alt_agl_m", "calibre_mm", "range_km", "radius_m", "max_count")
_BOOLS = ("consent", "party_assumed", "retracted")


def named(line: Line, kind: str) -> Line:
    """Give a line its id, made from what it says: converting twice changes nothing."""
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {"id": name(kind, text), **line}


def _what(shares: dict[str, float]) -> tuple[Line, float]:
    kinds, total = candidates(shares)
    return ({"class": kinds[0]} if len(kinds) == 1 else {"classes": list(kinds)}), min(total, 1.0)


def track_line(row: Row, place: Place, party: str, source: str) -> Line | None:
    """Turn a row of TRACKS into a sighting; None: it exists less likely than not."""
    if row["existence"] < 0.5:
        return None
    lat, lon = place(row["x_m"], row["y_m"])
    half, mean = (row["sxx_m2"] - row["syy_m2"]) / 2, (row["sxx_m2"] + row["syy_m2"]) / 2
    what, total = _what({word: row[f"p_{word}"] for word in FUSION_CLASSES})
    line: Line = {
        "time": utc_text(row["time"]),
        "kind": "sighting",
        "party": party,
        **what,
        "object": f"track-{row['track_id']}",
        "lat_deg": lat,
        "lon_deg": lon,
        "ce90_m": CE90_PER_SIGMA * math.sqrt(mean + math.hypot(half, row["sxy_m2"])),
        "confidence": row["existence"] * total,
        "source": source,
    }
    if row.get("alt_agl_m") is not None:
        line["alt_agl_m"] = row["alt_agl_m"]
    return named(line, "trackrow")


def video_line(row: Row, party: str, source: str) -> Line | None:
    """Turn a row of ``detect video`` or ``video track`` into a sighting; None: no time or no place."""
    wanted = ("time", "lat_deg", "lon_deg", "ce90_m", "score")
    if any(row.get(word) is None for word in wanted) or row.get("observed") is False:
        return None
    score = min(max(row["score"], 0.0), 1.0)
    what, total = _what(probabilities(row["category"] or "", score))
    line: Line = {
        "time": utc_text(row["time"]),
        "kind": "sighting",
        "party": party,
        **what,
        "lat_deg": row["lat_deg"],
        "lon_deg": row["lon_deg"],
        "ce90_m": row["ce90_m"],
        "confidence": score * total,
        "source": source,
    }
    if row.get("track_id") is not None:
        line["object"] = f"{source}-{row['track_id']}"
    return named(line, "videorow")


def alert_line(feature: Row, party: str, source: str) -> Line:
    """Turn a changed place into a sighting or an activity, by its meaning (contract classes 3)."""
    said = feature["properties"]
    meaning = said.get("meaning") or "unknown"
    kinds = MEANING_CANDIDATES.get(meaning)
    what: Line
    if kinds is None:
        what = {"kind": "activity", "activity": MEANING_ACTIVITIES.get(meaning, "surface_change")}
    else:
        what = {"kind": "sighting", **({"class": kinds[0]} if len(kinds) == 1 else {"classes": list(kinds)})}
    line = {
        "time": said["last_seen"],
        **what,
        "party": party,
        "object": str(said["id"]),
        "lat_deg": said["centroid_lat_deg"],
        "lon_deg": said["centroid_lon_deg"],
        "ce90_m": said["ce90_m"],
        "confidence": said["probability"],
        "source": source,
    }
    return named(line, "alert")


def coverage_line(
    time: datetime, hold_s: float, footprint: Row, source: str, degraded: bool, until: datetime | None = None
) -> Line:
    """Say where somebody looked; a look without duration counts for ``hold_s`` seconds."""
    ends = until if until is not None else time + timedelta(seconds=hold_s)
    line = {
        "time": utc_text(time),
        "kind": "coverage",
        "from_time": utc_text(time),
        "until_time": utc_text(ends),
        "footprint": dict(footprint),
        "status": "degraded" if degraded else "ok",
        "source": source,
    }
    return named(line, "look")


def report_line(report_id: str, report: Report, party: str, source: str) -> Line | None:
    """Turn a report into an observation (contract classes 3); None: it says nothing to the rules."""
    said = report.attributes
    line: Line = {"id": report_id, "time": utc_text(report.time_utc)}
    if report.type == "sighting":
        line["kind"] = "sighting"
    elif report.type in REPORT_ACTIVITIES:
        line |= {"kind": "activity", "activity": REPORT_ACTIVITIES[report.type]}
    elif report.type == "obstruction":
        line |= {"kind": "interference", "activity": "obstruction"}
    elif report.type in ("note", "damage") and said.get("kind") in KINDS:
        line["kind"] = said["kind"]
    elif report.type == "position" and not str(said.get("cot_type", "a-f-")).startswith("a-f-"):
        line |= {"kind": "sighting", "class": from_cot(str(said["cot_type"]))}
        if report.subject_id is not None:
            line["object"] = report.subject_id
    else:
        return None
    line["party"] = party
    line |= _carried(said, line)
    line |= {"lat_deg": report.lat_deg, "lon_deg": report.lon_deg}
    if report.ce90_m is not None:
        line["ce90_m"] = report.ce90_m
    elif line["kind"] == "sighting":
        line["ce90_m"] = UNSAID_CE90_M
    line["source"] = report.source_id or source
    return line


def _carried(said: Mapping[str, str | int | float], line: Line) -> Line:
    """Take the attributes whose names mean something to the rules."""
    taken: Line = {word: str(said[word]) for word in _TEXTS if word in said}
    taken |= {word: said[word] for word in _NUMBERS if isinstance(said.get(word), int | float)}
    taken |= {word: str(said[word]).lower() == "true" for word in _BOOLS if word in said}
    if "classes" in said:
        taken["classes"] = str(said["classes"]).split()
    return {word: value for word, value in taken.items() if word not in line or word == "party"}
