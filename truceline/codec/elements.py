"""Orbital element sets, bytes in, nouns out: two- and three-line sets, and OMM as JSON or CSV.

The columns of a two-line set are those of Space Track's description of the format; the members of an
OMM are those of CCSDS 502.0-B-3, as CelesTrak and Space-Track write them.
"""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from truceline.model.errors import BadInput
from truceline.model.place import Noun

MAX_BYTES = 16 * 2**20  # an element set has 165 bytes: a hundred thousand satellites
_LENGTH = 69
_ALPHA5 = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # Space-Track's Alpha-5: I and O are left out
_NUMBER = r"[ \dA-HJ-NP-Z][ \d]{3}\d"
_EXPONENT = r"[ +-][ \d]{5}[ +-]\d"  # a decimal point is assumed before the digits
_DEGREES = r"[ \d]{2}\d\.\d{4}"
_LINES = {
    "1": re.compile(
        rf"1 {_NUMBER}[ A-Z] .{{8}} \d\d[ \d]{{2}}\d\.\d{{8}} [ +-][ \d.]{{9}} "
        rf"{_EXPONENT} {_EXPONENT} [ \d] [ \d]{{4}}"
    ),
    "2": re.compile(
        rf"2 {_NUMBER} {_DEGREES} {_DEGREES} [ \d]{{7}} {_DEGREES} {_DEGREES} [ \d]\d\.\d{{8}}[ \d]{{5}}"
    ),
}  # the first 68 columns
_OMM = (
    "OBJECT_NAME", "OBJECT_ID", "EPOCH", "MEAN_MOTION", "ECCENTRICITY", "INCLINATION", "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER", "MEAN_ANOMALY", "NORAD_CAT_ID", "BSTAR",
)  # fmt: skip
_OMM_RANGES = {
    "MEAN_MOTION": (0.0, 20.0), "ECCENTRICITY": (0.0, 1.0), "INCLINATION": (0.0, 180.0),
    "RA_OF_ASC_NODE": (-360.0, 360.0), "ARG_OF_PERICENTER": (-360.0, 360.0), "MEAN_ANOMALY": (-360.0, 360.0),
    "BSTAR": (-100.0, 100.0), "NORAD_CAT_ID": (0.0, 999_999_999.0),
}  # fmt: skip


class Elements(Noun):
    """One mean element set for SGP4, in the units of a two-line set.

    ``mean_motion_rev_per_day``, angles in degrees, ``bstar`` per earth radius.
    """

    satellite: str
    norad_id: int
    epoch_utc: datetime
    mean_motion_rev_per_day: float
    eccentricity: float
    inclination_deg: float
    node_deg: float
    perigee_deg: float
    anomaly_deg: float
    bstar: float


def read_elements(document: bytes, where: str) -> tuple[Elements, ...]:
    """Read the sets of a file, in its order.

    Raises
    ------
    BadInput
        If a line has the wrong length, checksum or form, a pair does not belong together, or there is
        no set at all; it names the line.
    """
    if len(document) > MAX_BYTES:
        raise BadInput(where, f"is larger than {MAX_BYTES} bytes")
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = document[: error.start].count(b"\n") + 1
        raise BadInput(f"{where}:{line}", "is no UTF-8 text") from error
    first = text.lstrip()[:1]
    if first in ("[", "{"):
        found = tuple(_json(text, where))
    elif "OBJECT_NAME" in text.partition("\n")[0]:
        found = tuple(_csv(text, where))
    else:
        found = tuple(_lines(text, where))
    if not found:
        raise BadInput(where, "holds no element set; two lines of 69 characters each are wanted")
    return found


def checksum(line: str) -> int:
    """Add the digits of the first 68 columns, a minus counting one, modulo 10."""
    return sum(int(c) if c in "0123456789" else c == "-" for c in line[: _LENGTH - 1]) % 10


def _lines(text: str, where: str) -> Iterator[Elements]:
    title, first, first_at = "", "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        place = f"{where}:{number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if first:
            if not line.startswith("2 "):
                raise BadInput(place, f"line 2 of the set begun in line {first_at} is wanted here")
            _check_line(line, "2", place)
            if line[2:7] != first[2:7]:
                raise BadInput(place, f"is of satellite {line[2:7]}, the line before of {first[2:7]}")
            yield _elements(title, first, line, place)
            title, first = "", ""
        elif line.startswith("1 "):
            _check_line(line, "1", place)
            first, first_at = line, number
        elif line.startswith("2 "):
            raise BadInput(place, "comes without its line 1")
        elif title:
            raise BadInput(place, "line 1 of an element set is wanted after the name")
        else:
            title = line.strip().removeprefix("0 ").strip()
    if first:
        raise BadInput(f"{where}:{first_at}", "its line 2 is missing")
    if title:
        raise BadInput(where, f"ends after the name {title[:40]!r}; lines 1 and 2 are wanted")


def _check_line(line: str, number: str, place: str) -> None:
    if len(line) != _LENGTH:
        raise BadInput(place, f"has {len(line)} characters; {_LENGTH} are wanted")
    if not line.isascii() or line[-1] not in "0123456789" or int(line[-1]) != checksum(line):
        raise BadInput(place, f"the checksum is {line[-1]}, the line adds up to {checksum(line)}")
    if not _LINES[number].fullmatch(line[: _LENGTH - 1]):
        raise BadInput(place, f"is not in the columns of line {number} of an element set")


def _elements(title: str, one: str, two: str, place: str) -> Elements:
    year = int(one[18:20])
    days = float(one[20:32])
    if not 1 <= days < 367:
        raise BadInput(place, f"the epoch's day {days} is not within a year")
    # Years from 57 on are of the last century, the first artificial satellite flew in 1957.
    start = datetime(year + (1900 if year >= 57 else 2000), 1, 1, tzinfo=UTC)
    number = _catalogue_number(one[2:7])
    return Elements(
        satellite=title or str(number),
        norad_id=number,
        epoch_utc=datetime.fromtimestamp(start.timestamp() + (days - 1) * 86400, UTC),
        mean_motion_rev_per_day=float(two[52:63]),
        eccentricity=float("0." + two[26:33].replace(" ", "0")),
        inclination_deg=float(two[8:16]),
        node_deg=float(two[17:25]),
        perigee_deg=float(two[34:42]),
        anomaly_deg=float(two[43:51]),
        bstar=_assumed_point(one[53:61]),
    )


def _catalogue_number(text: str) -> int:
    head = text[0]
    if head in _ALPHA5:
        return (_ALPHA5.index(head) + 10) * 10_000 + int(text[1:].replace(" ", "0"))
    return int(text)


def _assumed_point(text: str) -> float:
    digits = text[1:6].strip().replace(" ", "0") or "0"
    return float(f"{text[0].strip()}0.{digits}e{text[6].strip()}{text[7]}")


def _json(text: str, where: str) -> Iterator[Elements]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(where, "is neither two-line sets nor JSON") from error
    for index, entry in enumerate(found if isinstance(found, list) else [found]):
        if not isinstance(entry, dict):
            raise BadInput(f"{where}:{index}", "is no object; an OMM is wanted")
        yield _omm(entry, f"{where}:{index}")


def _csv(text: str, where: str) -> Iterator[Elements]:
    rows = csv.DictReader(text.splitlines())
    try:
        for row in rows:
            yield _omm(row, f"{where}:{rows.line_num}")
    except csv.Error as error:
        raise BadInput(f"{where}:{rows.line_num}", f"is no row of a CSV table: {error}") from error


def _omm(entry: Mapping[str, Any], place: str) -> Elements:
    for word in _OMM:
        if entry.get(word) in (None, ""):
            raise BadInput(place, f"{word} is missing")
    theory = entry.get("MEAN_ELEMENT_THEORY") or "SGP4"
    if theory != "SGP4":
        raise BadInput(place, f"MEAN_ELEMENT_THEORY is {theory}; SGP4 is wanted")
    numbers: dict[str, float] = {}
    for word, (least, most) in _OMM_RANGES.items():
        try:
            numbers[word] = float(entry[word])
        except (TypeError, ValueError) as error:
            raise BadInput(place, f"{word} is no number") from error
        if not (math.isfinite(numbers[word]) and least <= numbers[word] <= most):
            raise BadInput(place, f"{word} {entry[word]} is not within {least:g} … {most:g}")
    try:
        epoch = datetime.fromisoformat(str(entry["EPOCH"]).removesuffix("Z"))  # an OMM's times are UTC
    except ValueError as error:
        raise BadInput(place, "EPOCH is no time") from error
    return Elements(
        satellite=str(entry["OBJECT_NAME"]).strip(),
        norad_id=int(numbers["NORAD_CAT_ID"]),
        epoch_utc=epoch.replace(tzinfo=UTC) if epoch.tzinfo is None else epoch.astimezone(UTC),
        mean_motion_rev_per_day=numbers["MEAN_MOTION"],
        eccentricity=numbers["ECCENTRICITY"],
        inclination_deg=numbers["INCLINATION"],
        node_deg=numbers["RA_OF_ASC_NODE"],
        perigee_deg=numbers["ARG_OF_PERICENTER"],
        anomaly_deg=numbers["MEAN_ANOMALY"],
        bstar=numbers["BSTAR"],
    )


def nearest_sets(sets: tuple[Elements, ...], moment: datetime) -> tuple[Elements, ...]:
    """Choose, for each satellite, the set whose epoch is nearest; of two equally near the later."""
    best: dict[int, Elements] = {}
    for one in sets:
        other = best.get(one.norad_id)
        if other is None or _distance(one, moment) < _distance(other, moment):
            best[one.norad_id] = one
    return tuple(best[number] for number in sorted(best))


def _distance(one: Elements, moment: datetime) -> tuple[float, float]:
    return abs((one.epoch_utc - moment).total_seconds()), -one.epoch_utc.timestamp()


__all__ = ["MAX_BYTES", "Elements", "checksum", "nearest_sets", "read_elements"]
