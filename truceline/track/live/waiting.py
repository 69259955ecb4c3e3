"""Late news waits its turn, so that what trickles in or comes in a burst is followed together.

Following news of hours ago means running all rounds since, whether it is one row or a thousand. So after
such work the next late news waits a multiple of what the work took, in the mission's time, and takes along
all that came meanwhile; the first is followed soon. Work is estimated, not measured: a log says the same
again whatever machine folds it.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from truceline.model.facts import Fact
from truceline.model.observed import Detections
from truceline.track.live.rounds import Chunk

SMALL_S = 0.25  # of work: so little is done when the news comes
SOON_S = 2.0  # and so much, unless there was such work shortly before
LEAST_S = 0.5  # people's news: a patrol that comes back sends twenty reports
GATHER_S = 10.0  # for longest, where nothing but the work speaks for waiting
TIMES = 50.0  # late news takes a fiftieth of one processor, until it waits for longest
LONGEST_S = 900.0
ROUND_S, ROW_S = 0.01, 1.5e-4  # of one core, to run a round again with no rows, and for each row and look


class News(NamedTuple):
    """An entry of rows: what it says, and its part of each round."""

    fact: Fact
    said: Detections
    fresh: dict[int, Chunk]


class _Late(NamedTuple):
    news: News
    oldest: int  # round that is to be run again, and all since
    work_s: float
    due: datetime
    is_short: bool  # any tick will do


class Waiting:
    """Late news, in the order in which it came."""

    def __init__(self) -> None:
        self._late: list[_Late] = []
        self._free_utc = datetime.min.replace(tzinfo=UTC)  # when there may be such work again

    def oldest_of(self, said: Detections, entry: str) -> int | None:
        """Tell of which round the oldest news waits that an entry takes the place of; None: there is none."""
        mine = (
            one.oldest
            for one in self._late
            if one.news.fact.seq in said.supersedes or one.news.fact.id == entry
        )
        return min(mine, default=None)

    def add(self, news: News, oldest: int, work_s: float, is_told: bool) -> bool:
        """Keep news for as long as it has to wait; false: it has not to.

        Parameters
        ----------
        news
            What came.
        oldest
            Start of the round from which on all are to be run again.
        work_s
            What that takes, see :func:`work_s`.
        is_told
            By people.
        """
        now, least_s = news.fact.time_utc, LEAST_S if is_told else 0.0
        is_small = work_s < SMALL_S
        wait_s = least_s if work_s < SOON_S else min(work_s, GATHER_S)
        due = now + timedelta(seconds=wait_s)
        due = due if is_small else max(due, self._free_utc)
        replaces = self.oldest_of(news.said, news.fact.id) is not None
        if due <= now and not replaces:
            self._spend(now, work_s)
            return False
        for chunk in news.fresh.values():
            chunk.rows = None  # they are read again from their piece
        self._late.append(_Late(news, oldest, work_s, due, is_small))
        return True

    def due(self) -> datetime | None:
        """Tell when the first of it has waited long enough."""
        return min((one.due for one in self._late), default=None)

    def take(self, now: datetime) -> list[News]:
        """Give what has waited long enough, and what can be followed along with it."""
        ready = [one.oldest for one in self._late if one.is_short or one.due <= now]
        first = min(ready, default=None)
        if first is None:
            return []
        taken = [one for one in self._late if one.oldest >= first]
        self._late = [one for one in self._late if one.oldest < first]
        self._spend(now, max(one.work_s for one in taken))
        return [one.news for one in taken]

    def _spend(self, now: datetime, work_s: float) -> None:
        if work_s >= SMALL_S:
            self._free_utc = now + timedelta(seconds=min(TIMES * work_s, LONGEST_S))


def work_s(rounds: int, rows: int) -> float:
    """Estimate what it takes to run so many rounds again that have so many rows and looks each."""
    return rounds * (ROUND_S + ROW_S * rows)
