"""The mission's clock: the wall's, or in an exercise one that runs faster."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the mission's time.

    Parameters
    ----------
    start_utc
        Where an exercise begins; None: the wall clock.
    speed
        Mission seconds per second.
    """

    def __init__(self, start_utc: datetime | None = None, speed: float = 1.0) -> None:
        self._start = start_utc
        self.speed = speed if start_utc is not None else 1.0
        self._began_s = time.monotonic()

    def now(self) -> datetime:
        """Tell the time, aware, UTC."""
        if self._start is None:
            return datetime.now(UTC)
        return self._start + timedelta(seconds=(time.monotonic() - self._began_s) * self.speed)

    def advance_to(self, moment: datetime) -> None:
        """Never run behind what was already said (a node that starts again)."""
        if self._start is not None and moment > self.now():
            self._start, self._began_s = moment, time.monotonic()

    def run_at(self, speed: float) -> None:
        """Go on from here at another speed (an exercise whose day is over)."""
        if self._start is not None:
            self._start, self._began_s, self.speed = self.now(), time.monotonic(), speed
