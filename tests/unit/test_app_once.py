"""The end of an exercise: players are waited for while anything happens."""

import threading
from types import SimpleNamespace

from truceline.app import once


class Node:
    """A log that grows each time it is looked at, and an order that ends after so many entries."""

    failed = None

    def __init__(self, ends_after):
        self.lock, self.size, self._ends_after = threading.Lock(), 0, ends_after
        self.journal = self
        self.views = SimpleNamespace(board=self)

    @property
    def tree_size(self):
        self.size += self.size < self._ends_after
        return self.size

    def waiting(self):
        return []

    def orders(self):
        return [SimpleNamespace(state="DONE" if self.size >= self._ends_after else "EXECUTING")]

    def is_idle(self):
        return True


class Wall:
    """A clock that goes on by a second each time somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, _):
        self.now += 1.0


def test_a_slow_machine_s_orders_are_carried_out(monkeypatch):
    node, wall = Node(2000), Wall()
    monkeypatch.setattr(once, "time", wall)

    once._let_play(node, lambda: None)

    assert node.orders()[0].state == "DONE"
    assert wall.now > once._QUIET_S


def test_players_who_do_nothing_any_more_are_not_waited_for_long(monkeypatch):
    node, wall = Node(5), Wall()
    node.orders = lambda: [SimpleNamespace(state="SENT")]
    monkeypatch.setattr(once, "time", wall)

    once._let_play(node, lambda: None)

    assert node.size == 5
    assert once._QUIET_S < wall.now < once._QUIET_S + 10


def test_what_the_clock_alone_brings_is_left_to_the_next_shift(monkeypatch):
    """On a slow machine another gap opens before the last one has been looked at, without end."""
    node, wall, gone_home = Node(10**9), Wall(), []
    monkeypatch.setattr(once, "time", wall)
    node.waiting = lambda: [SimpleNamespace(id=f"r{node.size // 5 + number}") for number in range(3)]
    node.orders = lambda: [SimpleNamespace(state="DONE" if gone_home else "EXECUTING")]

    once._let_play(node, lambda: gone_home.append(wall.now))

    assert gone_home
    assert wall.now < once._PATIENCE_S / 10
