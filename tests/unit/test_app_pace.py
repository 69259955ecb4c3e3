"""The pace of an exercise: a slow machine tells the same day, only later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import RLock
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from truceline.app.pace import Pace, share
from truceline.flow.clock import Clock
from truceline.view.watch import SourceItem

START = datetime(2030, 5, 1, tzinfo=UTC)
OWES_S = 3600.0


class Node:
    """A clock and the health of one source."""

    def __init__(self, pieces):
        self.clock, self.lock = Clock(START, 1600.0), RLock()
        self.work = SimpleNamespace(pending=0)
        self.views = SimpleNamespace(watch=SimpleNamespace(sources=lambda: [self.radar()]))
        self._pieces = pieces

    def now(self):
        return self.clock.now()

    @property
    def rate(self):
        return self.clock.speed

    def radar(self):
        return SourceItem("radar-1", "alarm", self._pieces(self.now()), OWES_S, "ok", "", 1)


def elapsed_s(pieces, wall_s, monkeypatch):
    """Run a pace over so many seconds of a wall clock of its own."""
    wall = Wall(wall_s)
    monkeypatch.setattr("truceline.flow.clock.time", wall)
    node, told = Node(pieces), []
    pace = Pace(node, START, told.append)
    pace._ended = wall
    pace.run()
    return (node.now() - START).total_seconds(), told


class Wall:
    """A clock that goes on only while one waits, and an event that comes in the end."""

    def __init__(self, until_s):
        self._now_s, self._until_s = 0.0, until_s

    def monotonic(self):
        return self._now_s

    def wait(self, seconds):
        self._now_s += seconds
        return self._now_s > self._until_s


def test_clock_waits_for_a_source_whose_pieces_do_not_come(monkeypatch):
    reached_s, told = elapsed_s(lambda now: START, 4.0, monkeypatch)

    assert reached_s < OWES_S  # at full speed it would be 6,400
    assert told == sorted(told)


def test_clock_runs_at_its_speed_while_pieces_come(monkeypatch):
    reached_s, _ = elapsed_s(lambda now: now - timedelta(minutes=10), 2.0, monkeypatch)

    assert reached_s >= 3200


def test_clock_waits_while_a_fold_is_at_work():
    node = Node(lambda now: now)
    pace = Pace(node, START, lambda seconds: None)
    with node.lock, ThreadPoolExecutor(1) as other:
        assert other.submit(pace._share).result() == 1 / 64

    assert pace._share() == 1.0


def test_clock_goes_on_at_the_pace_of_the_wall_after_the_day():
    node = Node(lambda now: now)
    pace = Pace(node, START, lambda _: None)
    pace.start()

    pace.end()

    assert node.rate == 1.0


def test_waiting_jobs_slow_the_clock_too():
    node = Node(lambda now: now)
    node.work.pending = 1000

    assert Pace(node, START, lambda _: None)._share() < 0.1


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(600, 86_400))
def test_share_falls_with_the_lag_and_never_to_nothing(a_s, b_s, owed_s):
    least, most = sorted((a_s, b_s))

    assert 0 < share(most, owed_s) <= share(least, owed_s) <= 1
    assert share(0, owed_s) == 1
    assert share(owed_s, owed_s) < 0.1
