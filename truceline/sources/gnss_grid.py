"""Where satellite navigation is disturbed: grids made from what aircraft report, as CSV in a folder."""

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from truceline.model.errors import BadInput
from truceline.model.names import name
from truceline.model.observed import Observation, Report
from truceline.model.place import Span
from truceline.model.units import CE90_PER_SIGMA, Ratio
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps

MAX_BYTES = 64 << 20
MAX_CELLS = 200  # the worst are told one by one; more say nothing new about a line
NEEDED = ("lat_deg", "lon_deg", "cell_deg", "count_good_aircraft", "count_bad_aircraft")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DEGREE_M = 111_195.0  # of latitude, mean earth


class GnssGrid(Source):
    """Reads one grid per day: ``<…YYYY-MM-DD…>.csv`` with the day, UTC, in its name.

    A row is a square cell: ``lat_deg``, ``lon_deg`` of its middle, ``cell_deg`` of its side, and how many
    aircraft reported good and bad accuracy there. Each disturbed cell becomes a note for people: who
    disturbs, and whether on purpose, is for a person to say, so nothing of it reaches the rules. The day
    becomes an observation, ``degraded`` when a cell is disturbed.

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
        for sweep in sweeps(self.path, "*.csv", intake.stop, follow=follow):
            for file in sweep:
                yield from self._read(file, intake)

    def _read(self, file: Path, intake: Intake) -> Iterator[Taken]:
        wrong: list[str] = []
        cells: list[tuple[float, float, float, float, int]] = []
        content, day = b"", intake.now()
        try:
            if file.stat().st_size > MAX_BYTES:
                raise BadInput(file.name, f"more than {MAX_BYTES} bytes")
            content = file.read_bytes()
            day = _day(file)
            rows = csv.DictReader(content.decode("utf-8-sig").splitlines())
            missing = [word for word in NEEDED if word not in (rows.fieldnames or ())]
            if missing:
                raise BadInput(f"{file.name}:1", f"column {missing[0]} is missing")
            for row in rows:
                try:
                    cells += self._cell(row, f"{file.name}:{rows.line_num}")
                except BadInput as error:
                    wrong.append(str(error))
        except (BadInput, UnicodeDecodeError, csv.Error, OSError) as error:
            wrong.append(str(error))
        key = f"{file.name} {hashlib.sha256(content).hexdigest()}"
        if intake.has(key):
            return
        worst = sorted(cells, key=lambda cell: (-cell[0], cell[1:]))[:MAX_CELLS]
        for cell in worst:
            yield self._note(cell, day)
        yield self._whole(file, key, day, cells, wrong)

    def _cell(
        self, row: Mapping[str, str | None], where: str
    ) -> Iterator[tuple[float, float, float, float, int]]:
        lat, lon, side = (_number(row, word, where) for word in NEEDED[:3])
        good, bad = (_number(row, word, where) for word in NEEDED[3:])
        if not (abs(lat) <= 90 and abs(lon) <= 180 and 0 < side <= 10 and good >= 0 and bad >= 0):
            raise BadInput(where, "a place, a side or a count is out of its range")
        total = round(good + bad)
        inside = self.west_deg <= lon <= self.east_deg and self.south_deg <= lat <= self.north_deg
        if inside and total >= max(self.least_aircraft, 1) and bad / total >= self.least_share:
            yield bad / total, lat, lon, side, total

    def _note(self, cell: tuple[float, float, float, float, int], day: datetime) -> Taken:
        share, lat, lon, side_deg, total = cell
        report = Report(
            type="note",
            time_utc=day,
            lat_deg=lat,
            lon_deg=lon,
            ce90_m=round(CE90_PER_SIGMA * side_deg * _DEGREE_M / math.sqrt(12), 1),
            text=f"satellite navigation disturbed on {day:%Y-%m-%d}: {share:.0%} of {total} aircraft",
            attributes={"share": round(share, 4), "aircraft": total, "cell_deg": side_deg},
        )
        told = name(
            "gnss", self.name, f"{day:%Y-%m-%d}", f"{lat:.5f}", f"{lon:.5f}", f"{share:.4f}", str(total)
        )
        return Taken(noun=report, id=told, actor=f"source:{self.name}")

    def _whole(
        self,
        file: Path,
        key: str,
        day: datetime,
        cells: list[tuple[float, float, float, float, int]],
        wrong: list[str],
    ) -> Taken:
        reasons = []
        if cells:
            reasons.append(f"satellite navigation disturbed in {len(cells)} cells, worst {max(cells)[0]:.0%}")
        if wrong:
            reasons.append(f"{len(wrong)} left out: {wrong[0]}")
        said = Observation(
            source=self.name,
            key=key,
            phenomenon=Span(from_utc=day, until_utc=day + timedelta(days=1)),
            result_utc=day + timedelta(days=1),
            status="degraded" if reasons else "ok",
            reason="; ".join(reasons)[:400],
            attributes={"file": file.name, "disturbed": len(cells), "wrong": len(wrong)},
        )
        return Taken(noun=said, id=said.id, actor=f"source:{self.name}")


def _day(file: Path) -> datetime:
    found = _DAY.search(file.name)
    try:
        return datetime.fromisoformat(found[0] if found else "").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput(file.name, "its name holds no day; e.g. grid-2025-05-09.csv is wanted") from error


def _number(row: Mapping[str, str | None], word: str, where: str) -> float:
    try:
        value = float(row.get(word) or "")
    except ValueError as error:
        raise BadInput(where, f"{word}: {str(row.get(word))[:40]!r} is no number") from error
    if not math.isfinite(value):
        raise BadInput(where, f"{word}: {value} is not finite")
    return value
