"""An exercise: a simulated day, its players, and what they came to, beside a node like any other."""

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from truceline.app.pace import Pace
from truceline.app.players import Door, DutyOfficer, Eyes, Player, UnitPlayer, enlist
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.mission import Mission
from truceline.flow.node import Node
from truceline.geo.zone import Zones
from truceline.model.errors import BadInput
from truceline.model.place import Point
from truceline.rules.agreement import read_agreement
from truceline.sim.day import Day
from truceline.sim.world import Corridor, World, plan_day

_SEES_M = 1_500.0  # how far a patrol sees by day


def play_day(folder: Path, agreement: Path, start_utc: datetime, told: Any, seed: int) -> None:
    """Play a day in a process of its own: it shares nothing with the node but folders and the time.

    Parameters
    ----------
    folder
        Where the sensors write.
    agreement
        Agreement file whose line is the corridor.
    start_utc
        When the day begins.
    told
        A shared number: the mission's time, seconds since ``start_utc``.
    seed
        Same seed, same day.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard speaks to the node, which ends this
    day = Day(folder, read_agreement(agreement).zones, start_utc, seed)
    day.begin()

    def now() -> datetime:
        return start_utc + timedelta(seconds=told.value)

    day.play(now, threading.Event())


class Exercise:
    """A node with a server, a simulated day and players.

    Parameters
    ----------
    node
        The node, not yet started; its mission is an exercise.
    port
        Port of the server on loopback, 0: any.
    """

    def __init__(self, node: Node, port: int = 0) -> None:
        self.node = node
        self.players: list[Player] = []
        self.url = ""
        self._port = port
        self._open = ExitStack()
        self._day: Any = None
        self._pace: Pace | None = None

    def start(self, follow: bool) -> None:
        """Start node and server, and let the mission's players log in."""
        mission = _exercise(self.node)
        self._open.callback(self.node.stop)
        self.node.start(follow)
        token_file = prepare(self.node.journal.data_dir, self.node)
        port = self._open.enter_context(in_background(self.node, Settings(port=self._port)))
        self.url = f"http://127.0.0.1:{port}/"
        self.admin = Door(self.url, token_file.read_text().strip())
        for player in mission.file.player:
            door = enlist(self.admin, self.url, player.name, "commander")
            self.players.append(DutyOfficer(player.name, door, self.node.now, player.after_s))

    def invite(self, name: str) -> str:
        """Make a commander for whoever watches; answer the page's address with the token."""
        return f"{self.url}#token={enlist(self.admin, self.url, name, 'commander').token}"

    def add_units(self, eyes: Eyes | None) -> None:
        """Let every unit of the force log in; ``eyes`` tells what one would see at a place."""
        with self.node.lock:
            units = [item.unit for item in self.node.views.teams.units()]
        for unit in units:
            door = enlist(self.admin, self.url, unit, "observer")
            self.players.append(UnitPlayer(unit, door, self.node.now, eyes))

    def play(self) -> None:
        """Let the players act."""
        for player in self.players:
            player.start()

    def relieve(self) -> None:
        """Let those who decide go home; units carry out what they were ordered."""
        officers = [player for player in self.players if isinstance(player, DutyOfficer)]
        for officer in officers:
            officer.stopping.set()
        for officer in officers:
            officer.join()

    def start_day(self, folder: Path, seed: int) -> World:
        """Start the simulated day; answer its truth."""
        mission = _exercise(self.node)
        agreement, start = mission.beside(mission.file.agreement), mission.file.clock.start_utc
        if agreement is None or start is None or self.node.core.zones is None:
            raise BadInput(str(mission.path), "a simulated day needs an agreement and [clock] start_utc")
        context = multiprocessing.get_context("spawn")
        told = context.Value("d", 0.0)
        self._day = context.Process(target=play_day, args=(folder, agreement, start, told, seed), daemon=True)
        self._day.start()

        def tell(seconds: float) -> None:
            told.value = seconds

        self._pace = Pace(self.node, start, tell)
        self._pace.start()
        return plan_day(start, seed)

    def end_day(self) -> None:
        """End the simulated day; the node's clock goes on like the wall's."""
        if self._pace is not None:
            self._pace.end()
            self._pace = None
        if self._day is not None:
            self._day.terminate()

    def stop(self) -> None:
        """Send everybody home and close the log."""
        for player in self.players:
            player.stopping.set()
        for player in self.players:
            player.join(timeout=2)
        self.end_day()
        self._open.close()


def eyes_of(world: World, zones: Zones) -> Eyes:
    """Tell what a patrol of the simulated day would see around a place."""
    corridor = Corridor(zones)

    def look(place: Point, moment: datetime) -> list[dict[str, Any]]:
        km, across_m = zones.chainage(corridor.line, place.lat_deg, place.lon_deg)
        seen: dict[tuple[str, str], int] = {}
        for actor in world.seen(km, across_m, _SEES_M, world.seconds(moment)):
            seen[actor.kind, actor.party] = seen.get((actor.kind, actor.party), 0) + 1
        return [
            {
                "text": f"{count} of {kind} seen by the patrol",
                "attributes": {"class": kind, "party": party, "count": count, "confidence": 0.95},
            }
            for (kind, party), count in sorted(seen.items())
        ]

    return look


@contextmanager
def running(node: Node, port: int = 0) -> Iterator[Exercise]:
    """Run an exercise and end it whatever happens."""
    exercise = Exercise(node, port)
    try:
        yield exercise
    finally:
        exercise.stop()


def _exercise(node: Node) -> Mission:
    if node.mission is None or not node.mission.exercise:
        raise BadInput("mission", "players act in exercises only (exercise = true)")
    return node.mission
