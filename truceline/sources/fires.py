"""Fires seen by satellites: tables of FIRMS (CSV) in a folder, one report per fire."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from truceline.model.errors import BadInput
from truceline.model.names import name
from truceline.model.observed import Report
from truceline.model.units import CE90_PER_SIGMA
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps
from truceline.sources.rows import Row, Wrong, left_out, read_rows, table

MAX_FIRES = 10_000  # of one file; more is a continent, not a line
NEEDED = ("latitude", "longitude", "acq_date", "acq_time", "satellite", "confidence")
_LEVELS = {"low": 0.0, "nominal": 30.0, "high": 80.0}  # the steps that FIRMS gives for MODIS percentages
_WORDS = {"l": 0.0, "n": 30.0, "h": 80.0, **_LEVELS}
_SHARES = {0.0: 0.3, 30.0: 0.7, 80.0: 0.9}  # judgement: FIRMS publishes ranks, not probabilities
_PIXEL_KM = {"VIIRS": 0.375, "MODIS": 1.0}  # at nadir, where the table gives no scan and track


class Fires(Source):
    """Reads fire tables of FIRMS, columns as its CSV downloads have them.

    Each row becomes a report of burning ground at the middle of its pixel, with the pixel's size as error.
    The same row in two files is one report. Rows that cannot be read are counted in an observation with
    status ``degraded``.

    Parameters
    ----------
    path
        Folder or file.
    least
        Weakest confidence to take: low, nominal or high.
    west_deg, south_deg, east_deg, north_deg
        Fires outside are left out.
    """

    path: Path
    least: Literal["low", "nominal", "high"] = "nominal"
    west_deg: float = -180.0
    south_deg: float = -90.0
    east_deg: float = 180.0
    north_deg: float = 90.0

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield the fires of each file, then what was wrong with it."""
        for sweep in sweeps(self.path, "*.csv *.txt", intake, follow=follow):
            for file in sweep:
                yield from self._read(file, intake)

    def _read(self, file: Path, intake: Intake) -> Iterator[Taken]:
        wrong = Wrong()
        taken: set[str] = set()
        for told, report in read_rows(file, wrong, table(NEEDED), self._fire):
            if told in taken:
                continue
            if len(taken) == MAX_FIRES:
                wrong.append(f"{file.name}: more than {MAX_FIRES} fires; bound the area")
                break
            taken.add(told)
            yield Taken(noun=report, id=told, actor=f"source:{self.name}")
        yield from left_out(self.name, file, wrong, intake)

    def _fire(self, row: Row, where: str) -> tuple[str, Report] | None:
        lat, lon = _number(row, "latitude", 90, where), _number(row, "longitude", 180, where)
        sure = _confidence(row.get("confidence") or "", where)
        if sure < _LEVELS[self.least]:
            return None
        if not (self.west_deg <= lon <= self.east_deg and self.south_deg <= lat <= self.north_deg):
            return None
        moment = _moment(row, where)
        satellite = (row.get("satellite") or "unknown").strip()
        instrument = (row.get("instrument") or "").strip().upper()
        side_km = max(_optional(row, "scan"), _optional(row, "track")) or _PIXEL_KM.get(instrument, 1.0)
        power_mw = _optional(row, "frp")
        step = max(level for level in _SHARES if level <= sure)
        report = Report(
            type="note",
            time_utc=moment,
            lat_deg=lat,
            lon_deg=lon,
            ce90_m=round(CE90_PER_SIGMA * side_km * 1000 / math.sqrt(12), 1),
            text=f"fire seen by {satellite}" + (f", {power_mw:g} MW" if power_mw else ""),
            attributes={"kind": "activity", "activity": "burnt", "confidence": _SHARES[step]},
        )
        return name("fire", satellite, moment.isoformat(), f"{lat:.5f}", f"{lon:.5f}"), report


def _number(row: Row, word: str, most: float, where: str) -> float:
    try:
        value = float(row.get(word) or "")
    except ValueError as error:
        raise BadInput(where, f"{word}: {str(row.get(word))[:40]!r} is no number") from error
    if not abs(value) <= most:
        raise BadInput(where, f"{word}: {value} is not within ±{most:g}")
    return value


def _optional(row: Row, word: str) -> float:
    try:
        value = float(row.get(word) or "")
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e6 else 0.0


def _confidence(text: str, where: str) -> float:
    """Read a word or letter (VIIRS) or a percentage (MODIS)."""
    text = text.strip().lower()
    if text in _WORDS:
        return _WORDS[text]
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput(where, f"confidence: {text[:40]!r} is neither l, n, h nor a percentage") from error
    if not 0 <= value <= 100:
        raise BadInput(where, f"confidence: {value} is not within 0 … 100")
    return value


def _moment(row: Row, where: str) -> datetime:
    date, hour = (row.get("acq_date") or "").strip(), (row.get("acq_time") or "").strip().replace(":", "")
    try:
        return datetime.strptime(f"{date} {int(hour):04d}", "%Y-%m-%d %H%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput(where, f"acq_date, acq_time: {date[:20]!r} {hour[:10]!r} is no time") from error
