"""DJI subtitle logs: one cue per second or frame, in a dozen dialects of many models and firmwares.

A dialect is not told by the model: each item is looked for in every way in which it is known to occur.
Clocks are local time without a zone, so no cue has a UTC time.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from truceline.codec.flightlog.track import is_place, track_table
from truceline.model.text import percent

_NUMBER = r"([-+]?\d+(?:\.\d*)?|[-+]?\.\d+)"
# Of a number: one that a cut file ends in has lost digits.
_END = r"(?=[ \t]*[\],;<})\n]|[ \t]+[A-Za-z\[(])"
_CUE = re.compile(r"^\s*(\d+):(\d{1,2}):(\d{1,2})(?:[,.:](\d{1,3}))?\s*-->\s*[\d:,.]*(.*)")
_COUNTER = re.compile(r"^\s*\d+\s*$")
_CLOCK = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})[ T](\d{1,2}):(\d{2}):(\d{2})((?:[.,]\d+)*)")
_LATITUDE = re.compile(r"\blat(?:itude)?\"?\s*:\s*" + _NUMBER + _END, re.IGNORECASE)
_LONGITUDE = re.compile(r"\b(?:longt?itude|lon|lng)\"?\s*:\s*" + _NUMBER + _END, re.IGNORECASE)
_PART = r"\s*([NSEW])?\s*:?\s*" + _NUMBER
_GPS = re.compile(
    r"\bGPS\s*:?\s*\(" + _PART + r"\s*," + _PART + r"\s*(?:,\s*" + _NUMBER + r"\s*(M)?\s*)?\)", re.IGNORECASE
)
_HEIGHTS = {
    "rel_alt_m": (
        re.compile(r"\brel_alt\s*:\s*" + _NUMBER, re.IGNORECASE),
        re.compile(r"\bBAROMETER\s*:\s*" + _NUMBER, re.IGNORECASE),
        re.compile(r"\bHb\s*:?\s*" + _NUMBER),
        re.compile(r"\bH\s*:?\s*" + _NUMBER + r"\s*m\b"),
    ),
    "altitude_m": (
        re.compile(r"\baltitude\s*:\s*" + _NUMBER + r"\s*\]", re.IGNORECASE),
        re.compile(r"\babs_alt\s*:\s*" + _NUMBER, re.IGNORECASE),
    ),
}
_ANGLES = r"\s*\(\s*" + r"\s*,\s*".join([_NUMBER + "°?"] * 3) + r"\s*\)"
_FLIGHT = re.compile(r"\bF\.PRY" + _ANGLES)
_GIMBAL = re.compile(r"\bG\.PRY" + _ANGLES)
_GIMBAL_ITEM = re.compile(r"\bgb_(yaw|pitch|roll)\s*:\s*" + _NUMBER)
# A comma between digits is a decimal sign behind a colon, in a distance, and where other commas have spaces.
_DECIMAL_COMMA = re.compile(r"(:\s*[-+]?\d+),(?=\d)|(\b[DH]\s*[-+]?\d+),(?=\d+\s*m\b)")
_SPACED = re.compile(r"\([^()]*,\s[^()]*\)")


class _Cue(NamedTuple):
    start_s: float | None
    text: str


def read_subtitles(data: bytes) -> tuple[pa.Table, list[str]]:
    """Read a subtitle log: one row per cue that holds a position, and notes on what holds none.

    Parameters
    ----------
    data
        The whole file, UTF-8, or UTF-16 with its mark.
    """
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    every = list(_cues(text))
    plain = [_with_points(cue.text) for cue in every]
    told = [(cue, text, place) for cue, text in zip(every, plain, strict=True) if (place := _place(text))]
    cues = [cue for cue, _, _ in told]
    first = next((match for cue in every if (match := _CLOCK.search(cue.text))), None)
    columns: dict[str, list[float]] = {"lat_deg": [], "lon_deg": []}
    clocks = [_CLOCK.search(cue.text) for cue in cues]
    named = [_items(text, place) for _, text, place in told]
    for word in ("lat_deg", "lon_deg", *sorted({word for one in named for word in one})):
        columns[word] = [one.get(word, np.nan) for one in named]
    local = [match[0] if match else None for match in clocks]
    table = track_table({**columns, "local_time": local, "t_s": _seconds(cues, clocks, first)}, "subtitles")
    bare = len(every) - len(cues)
    return table, [f"cues without a position: {bare} ({percent(bare, len(every))})"] if bare else []


def is_subtitles(head: bytes) -> bool:
    """Tell from its first bytes whether a file may be a subtitle log: it begins with a counter or a cue."""
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    line = next((line for line in text.splitlines() if line.strip()), "")
    return bool(_COUNTER.match(line) or _CUE.match(line))


def _cues(text: str) -> Iterator[_Cue]:
    start_s: float | None = None
    lines: list[str] = []
    for line in text.splitlines():
        cue = _CUE.match(line)
        if cue is None and not _COUNTER.match(line):
            lines.append(line)
            continue
        if lines:
            yield _Cue(start_s, "\n".join(lines))
        lines, start_s = [], None
        if cue is not None:
            start_s = (
                3600 * int(cue[1]) + 60 * int(cue[2]) + int(cue[3]) + int((cue[4] or "").ljust(3, "0")) / 1000
            )
            lines = [cue[5]] if cue[5].strip() else []
    if lines:
        yield _Cue(start_s, "\n".join(lines))


def _with_points(text: str) -> str:
    """Write decimal commas, which some regions' firmwares use, as points."""
    text = _DECIMAL_COMMA.sub(lambda match: f"{match[1] or match[2]}.", text)
    return _SPACED.sub(lambda match: re.sub(r"(?<=\d),(?=\d)", ".", match[0]), text)


def _place(text: str) -> dict[str, float] | None:
    found: dict[str, float] = {}
    lat, lon, gps = _LATITUDE.search(text), _LONGITUDE.search(text), _GPS.search(text)
    if lat and lon:
        found = {"lat_deg": float(lat[1]), "lon_deg": float(lon[1])}
    elif gps:
        found = _from_gps(gps)
    if not found or not is_place(np.array(found["lat_deg"]), np.array(found["lon_deg"])):
        return None
    return found


def _from_gps(gps: re.Match[str]) -> dict[str, float]:
    """Read ``GPS(a, b, c)``: with a height ``c`` in metres the latitude comes first, else the longitude."""
    first, second = float(gps[2]), float(gps[4])
    if gps[1] and gps[3]:
        told = {gps[1].upper(): first, gps[3].upper(): second}
        lat, lon = told.get("N", -told.get("S", np.nan)), told.get("E", -told.get("W", np.nan))
    elif gps[6] or abs(second) > 90:
        lat, lon = first, second
    else:
        lon, lat = first, second
    found = {"lat_deg": lat, "lon_deg": lon}
    if gps[6]:
        found["altitude_m"] = float(gps[5])
    return found


def _items(text: str, place: dict[str, float]) -> dict[str, float]:
    found = dict(place)
    for column, patterns in _HEIGHTS.items():
        match = next((m for pattern in patterns if (m := pattern.search(text))), None)
        if match:
            found[column] = float(match[1])
    if match := _FLIGHT.search(text):
        found["pitch_deg"], found["roll_deg"] = float(match[1]), float(match[2])
        found["heading_deg"] = float(match[3]) % 360
    if match := _GIMBAL.search(text):
        found["gimbal_pitch_deg"], found["gimbal_roll_deg"] = float(match[1]), float(match[2])
        found["gimbal_yaw_deg"] = float(match[3])
    for match in _GIMBAL_ITEM.finditer(text):
        found[f"gimbal_{match[1]}_deg"] = float(match[2])
    return found


def _seconds(
    cues: list[_Cue],
    clocks: list[re.Match[str] | None],
    first: re.Match[str] | None,
) -> list[float]:
    """Cue starts; a log without any counts from the clock of its first record."""
    if any(cue.start_s is not None for cue in cues):
        return [np.nan if cue.start_s is None else cue.start_s for cue in cues]
    told = [_clock_s(match) if match else np.nan for match in clocks]
    begin = _clock_s(first) if first else np.nan
    return [one - begin for one in told]


def _clock_s(match: re.Match[str]) -> float:
    try:
        moment = datetime(*(int(match[k]) for k in range(1, 7)))  # type: ignore[arg-type]
    except ValueError:
        return np.nan
    # Groups of three digits: milliseconds, then microseconds; some firmwares write them twice.
    parts = re.findall(r"\d+", match[7])[:2]
    fraction = sum(float(part[:3]) * 10.0 ** (-3 * k) for k, part in enumerate(parts, 1))
    return (moment - datetime(1970, 1, 1)).total_seconds() + fraction
