"""A seismic sensor that writes one CSV line per shock; strong shocks become reports of an explosion."""

import csv
from collections.abc import Iterator
from pathlib import Path

from truceline.model.errors import BadInput
from truceline.model.names import name
from truceline.model.observed import Report
from truceline.model.place import utc_time
from truceline.plug import Intake, Source, Taken


class Seismic(Source):
    """Reads shocks from a CSV file with the columns ``time,lat_deg,lon_deg,ce90_m,magnitude``.

    Parameters
    ----------
    path
        The file.
    least_magnitude
        Weaker shocks are not reported.
    """

    path: Path
    least_magnitude: float = 1.5

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield a report per strong shock, in order of the file."""
        with self.path.open(newline="", encoding="utf-8") as stream:
            for number, row in enumerate(csv.DictReader(stream), 2):
                try:
                    magnitude = float(row["magnitude"])
                    shock = Report(
                        type="explosion",
                        time_utc=utc_time(row["time"]),
                        lat_deg=float(row["lat_deg"]),
                        lon_deg=float(row["lon_deg"]),
                        ce90_m=float(row["ce90_m"]),
                        text=f"shock of magnitude {magnitude}",
                        attributes={"magnitude": magnitude},
                    )
                except (KeyError, TypeError, ValueError) as error:
                    raise BadInput(f"{self.path}:{number}", f"no shock: {error}") from error
                if magnitude >= self.least_magnitude:
                    yield Taken(noun=shock, id=name("shock", self.name, *map(str, row.values())))
