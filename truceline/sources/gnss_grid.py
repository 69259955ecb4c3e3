"""Where satellite navigation is disturbed: grids made from what aircraft report, as CSV in a folder."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import h3

from truceline.model.errors import BadInput
from truceline.model.names import name
from truceline.model.observed import Observation, Report
from truceline.model.place import Span
from truceline.model.units import CE90_PER_SIGMA, Ratio
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps
from truceline.sources.rows import Row, Wrong, read_rows, table

MAX_CELLS = 200  # the worst are told one by one; more say nothing new about a line
SQUARE, HEXAGON = ("lat_deg", "lon_deg", "cell_deg"), ("hex",)
COUNTS = ("count_good_aircraft", "count_bad_aircraft")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DEGREE_M = 111_195.0  # of latitude, mean earth


class Cell(NamedTuple):
    """One disturbed cell: share of its aircraft that reported bad accuracy, and how many there were.

    ``side_m`` is that of a square of the cell's area; ``shape`` says what the file says of it.
    """

    share: float
    lat_deg: float
    lon_deg: float
    side_m: float
    aircraft: int
    shape: tuple[str, str | float]


class GnssGrid(Source):
    """Reads one grid per day: ``<…YYYY-MM-DD…>.csv`` with the day, UTC, in its name.

    A row is a cell, and how many aircraft reported good and bad accuracy there (``count_good_aircraft``,
    ``count_bad_aircraft``). The cell is an H3 index (``hex``), or a square: ``lat_deg``, ``lon_deg`` of its
    middle, ``cell_deg`` of its side. Each disturbed cell becomes a note for people: who disturbs, and
    whether on purpose, is for a person to say, so nothing of it reaches the rules. The day becomes an
    observation, ``degraded`` when a cell is disturbed.

    Parameters
    ----------
    path
        Folder or file.
    least_share
        A cell is disturbed when at least this share of its aircraft reported bad accuracy.
    least_aircraft
        Cells with fewer aircraft say nothing.
    west_deg, south_deg, east_deg, north_deg
        Cells outside are left out.
    """

    path: Path
    least_share: Ratio = 0.1
    least_aircraft: int = 5
    west_deg: float = -180.0
    south_deg: float = -90.0
    east_deg: float = 180.0
    north_deg: float = 90.0

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield the disturbed cells of each day, worst first, then the day itself."""
        for sweep in sweeps(self.path, "*.csv", intake, follow=follow):
            for file in sweep:
                yield from self._read(file, intake)

    def _read(self, file: Path, intake: Intake) -> Iterator[Taken]:
        wrong = Wrong()
        cells: list[Cell] = []
        try:
            day = _day(file)
            cells += read_rows(file, wrong, _cut, self._cell)
        except BadInput as error:
            day = intake.now()
            wrong.append(str(error))
        if intake.has(wrong.key(file)):
            return
        for cell in sorted(cells, key=lambda cell: (-cell.share, cell[1:]))[:MAX_CELLS]:
            yield self._note(cell, day)
        yield self._whole(file, day, cells, wrong)

    def _cell(self, row: Row, where: str) -> Cell | None:
        lat, lon, side_m, shape = _hexagon(row, where) if "hex" in row else _square(row, where)
        good, bad = (_number(row, word, where) for word in COUNTS)
        if good < 0 or bad < 0:
            raise BadInput(where, "a count is below 0")
        total = round(good + bad)
        inside = self.west_deg <= lon <= self.east_deg and self.south_deg <= lat <= self.north_deg
        disturbed = total >= max(self.least_aircraft, 1) and bad / total >= self.least_share
        return Cell(bad / total, lat, lon, side_m, total, shape) if inside and disturbed else None

    def _note(self, cell: Cell, day: datetime) -> Taken:
        share, lat, lon, side_m, total, (word, shape) = cell
        report = Report(
            type="note",
            time_utc=day,
            lat_deg=lat,
            lon_deg=lon,
            ce90_m=round(CE90_PER_SIGMA * side_m / math.sqrt(12), 1),
            text=f"satellite navigation disturbed on {day:%Y-%m-%d}: {share:.0%} of {total} aircraft",
            attributes={"share": round(share, 4), "aircraft": total, word: shape},
        )
        told = name(
            "gnss", self.name, f"{day:%Y-%m-%d}", f"{lat:.5f}", f"{lon:.5f}", f"{share:.4f}", str(total)
        )
        return Taken(noun=report, id=told, actor=f"source:{self.name}")

    def _whole(self, file: Path, day: datetime, cells: list[Cell], wrong: Wrong) -> Taken:
        reasons = []
        if cells:
            reasons.append(f"satellite navigation disturbed in {len(cells)} cells, worst {max(cells)[0]:.0%}")
        if wrong:
            reasons.append(f"{len(wrong)} left out: {wrong[0]}")
        said = Observation(
            source=self.name,
            key=wrong.key(file),
            phenomenon=Span(from_utc=day, until_utc=day + timedelta(days=1)),
            result_utc=day + timedelta(days=1),
            status="degraded" if reasons else "ok",
            reason="; ".join(reasons)[:400],
            attributes={"file": file.name, "disturbed": len(cells), "wrong": len(wrong)},
        )
        return Taken(noun=said, id=said.id, actor=f"source:{self.name}")


def _cut(content: bytes, name: str) -> Iterator[tuple[str, Row]]:
    head = content[:200].decode("utf-8-sig", "replace").partition("\n")[0]
    place = HEXAGON if "hex" in head.strip().split(",") else SQUARE
    yield from table((*place, *COUNTS))(content, name)


def _hexagon(row: Row, where: str) -> tuple[float, float, float, tuple[str, str]]:
    index = str(row.get("hex") or "").strip().lower()
    if not h3.is_valid_cell(index):
        raise BadInput(where, f"hex: {index[:40]!r} is no H3 cell; e.g. 842da01ffffffff is wanted")
    lat, lon = h3.cell_to_latlng(index)
    return lat, lon, math.sqrt(h3.cell_area(index, "m^2")), ("hex", index)


def _square(row: Row, where: str) -> tuple[float, float, float, tuple[str, float]]:
    lat, lon, side_deg = (_number(row, word, where) for word in SQUARE)
    if not (abs(lat) <= 90 and abs(lon) <= 180 and 0 < side_deg <= 10):
        raise BadInput(where, "a place or a side is out of its range")
    return lat, lon, side_deg * _DEGREE_M, ("cell_deg", side_deg)


def _day(file: Path) -> datetime:
    found = _DAY.search(file.name)
    try:
        return datetime.fromisoformat(found[0] if found else "").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput(file.name, "its name holds no day; e.g. grid-2025-05-09.csv is wanted") from error


def _number(row: Row, word: str, where: str) -> float:
    try:
        value = float(row.get(word) or "")
    except ValueError as error:
        raise BadInput(where, f"{word}: {str(row.get(word))[:40]!r} is no number") from error
    if not math.isfinite(value):
        raise BadInput(where, f"{word}: {value} is not finite")
    return value
