"""The pace of an exercise: its clock slows while the picture lags, so a slow machine tells the same day."""

import threading
from collections.abc import Callable
from datetime import datetime

from truceline.flow.node import Node

_LOOK_S = 0.02  # how often the pace is set, seconds of the wall
_FULL_S = (
    1_800.0  # up to this lag the clock runs at the mission's speed: files of ten minutes, and their way in
)
_LEAST = 1 / 64  # it never stands still: who owes a piece must become late some time
_JOBS_S = 60.0  # mission seconds that a waiting job counts for


def share(lag_s: float, owed_s: float) -> float:
    """Tell at which share of its speed the clock may run.

    Parameters
    ----------
    lag_s
        How far the picture is behind the clock, mission seconds.
    owed_s
        The lag at which a source is called late, mission seconds.

    Returns
    -------
    float
        1 while the picture keeps up, and ever less until half way between that and ``owed_s``.
    """
    full = min(_FULL_S, owed_s / 2)
    stop = (full + owed_s) / 2
    return min(1.0, max(_LEAST, (stop - lag_s) / (stop - full)))


class Pace(threading.Thread):
    """Keeps the clock of a running exercise at what the machine can follow.

    Parameters
    ----------
    node
        The node whose clock it is.
    start_utc
        When the exercise begins.
    tell
        Takes the mission's time, seconds since ``start_utc``, for whoever plays the day.
    """

    def __init__(self, node: Node, start_utc: datetime, tell: Callable[[float], None]) -> None:
        super().__init__(name="pace", daemon=True)
        self._node = node
        self._start = start_utc
        self._tell = tell
        self._speed = node.rate
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self._node.clock.run_at(self._speed * self._share())
            self._tell((self._node.now() - self._start).total_seconds())

    def end(self) -> None:
        """Leave the clock at the pace of the wall."""
        self._ended.set()
        self.join()
        self._node.clock.run_at(1.0)

    def _share(self) -> float:
        if not self._node.lock.acquire(timeout=_LOOK_S):
            return _LEAST  # a fold is at work so long (kernels at first use) that nothing can keep up
        try:
            sources = self._node.views.watch.sources()
            jobs = self._node.work.pending
        finally:
            self._node.lock.release()
        newest = max((item.last_utc for item in sources if item.last_utc is not None), default=self._start)
        owed_s = min((item.owes_s for item in sources if item.owes_s > 0), default=0.0)
        if owed_s <= 0:
            return 1.0  # nobody can be late
        lag_s = (self._node.now() - max(newest, self._start)).total_seconds()
        return share(max(lag_s, jobs * _JOBS_S), owed_s)
