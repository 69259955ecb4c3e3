"""A made-up corridor for one day: who moves where, what bangs, what is dug, and what is the truth of it."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from truceline.geo.crs import GEOD
from truceline.geo.zone import Zones

DAY_S = 86_400.0
BEND_M = 2_000.0  # where the line bends, what drives beside it turns over so long a way on either side


class Corridor:
    """Places by kilometre along the line and metres across it (positive on the left, side A)."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self.line = next(iter(zones.lines))
        self.length_km = zones.line_length_m(self.line) / 1000

    def at(self, km: float, across_m: float = 0.0) -> tuple[float, float]:
        """Give latitude and longitude of a place."""
        end_m = self.length_km * 1000 - 1.0
        along_m = min(max(km * 1000, 1.0), end_m)
        lat, lon = self._zones.point_at(self.line, along_m)
        back_lat, back_lon = self._zones.point_at(self.line, max(along_m - BEND_M, 0.0))
        ahead_lat, ahead_lon = self._zones.point_at(self.line, min(along_m + BEND_M, end_m))
        azimuth, _, _ = GEOD.inv(back_lon, back_lat, ahead_lon, ahead_lat)
        side = -90 if across_m >= 0 else 90
        there_lon, there_lat, _ = GEOD.fwd(lon, lat, azimuth + side, abs(across_m))
        return float(there_lat), float(there_lon)


class Actor(msgspec.Struct, frozen=True):
    """Something that moves: legs of (seconds since the start, km, metres across), linear between."""

    id: str
    kind: str
    party: str
    legs: tuple[tuple[float, float, float], ...]

    def place(self, at_s: float) -> tuple[float, float] | None:
        """Tell km and metres across at a moment; None while it is not there."""
        times = [leg[0] for leg in self.legs]
        if not times[0] <= at_s <= times[-1]:
            return None
        km = float(np.interp(at_s, times, [leg[1] for leg in self.legs]))
        across_m = float(np.interp(at_s, times, [leg[2] for leg in self.legs]))
        return km, across_m

    def speed_mps(self, at_s: float) -> float:
        """Tell its speed at a moment."""
        here, there = self.place(at_s), self.place(at_s + 10) or self.place(at_s)
        if here is None or there is None:
            return 0.0
        return math.hypot((there[0] - here[0]) * 1000, there[1] - here[1]) / 10


class Bang(msgspec.Struct, frozen=True):
    """Something that is heard."""

    at_s: float
    km: float
    across_m: float
    type: str


class Dig(msgspec.Struct, frozen=True):
    """Ground that is changed from a moment on; sides in metres, echo in decibels."""

    from_s: float
    km: float
    across_m: float
    length_m: float
    width_m: float
    echo_db: float


class Event(msgspec.Struct, frozen=True):
    """One planted event as the scoring knows it."""

    id: str
    what: str
    from_s: float
    until_s: float
    km: float
    across_m: float
    radius_m: float
    classes: tuple[str, ...]
    expected: bool = True


class World(msgspec.Struct, frozen=True):
    """The truth of one day."""

    start_utc: datetime
    actors: tuple[Actor, ...]
    bangs: tuple[Bang, ...]
    digs: tuple[Dig, ...]
    events: tuple[Event, ...]

    def at(self, seconds: float) -> datetime:
        """Tell the moment so many seconds after the start."""
        return self.start_utc + timedelta(seconds=seconds)

    def seconds(self, moment: datetime) -> float:
        return (moment - self.start_utc).total_seconds()

    def seen(self, km: float, across_m: float, radius_m: float, at_s: float) -> list[Actor]:
        """List the actors within a radius at a moment."""
        found = []
        for actor in self.actors:
            place = actor.place(at_s)
            if place is not None:
                apart_m = math.hypot((place[0] - km) * 1000, place[1] - across_m)
                if apart_m <= radius_m:
                    found.append(actor)
        return found


def plan_day(start_utc: datetime, seed: int) -> World:
    """Lay out a day; the seed moves times and places, not what happens.

    Parameters
    ----------
    start_utc
        When the day begins.
    seed
        Same seed, same day.
    """
    rng = np.random.default_rng(seed)

    def shift(spread: float) -> float:
        return float(rng.uniform(-spread, spread))

    convoy_km, dig_km, guns_km = 12 + shift(2), 33 + shift(1), 41 + shift(2)
    patrol_km, shelling_km, traffic_km = 22 + shift(1), 52 + shift(2), 28 + shift(3)
    convoy_s, sortie_s = 4_500 + shift(600), 36_000.0
    actors = [
        _drive(f"armour-{n}", "ifv", "north", convoy_s + 40 * n, convoy_km, (3_600, 300), 7, dwell_s=2_400)
        for n in range(3)
    ]
    actors += [
        _shuttle(f"carrier-{n}", "apc", "south", sortie_s - 600, patrol_km + 0.15 * n, -700 - 60 * n)
        for n in range(2)
    ]
    actors += [
        _parked(f"gun-{n}", "artillery", "south", 43_000 + shift(900), 70_000, guns_km + 0.05 * n, -6_400)
        for n in range(3)
    ]
    actors += [
        Actor(
            "farm-1",
            "civilian_vehicle",
            "unknown",
            ((60_000, traffic_km, 3_400), (63_000, traffic_km + 9, 3_900)),
        )
    ]
    bangs = [
        Bang(20_000 + 45 * n + shift(10), shelling_km + shift(0.1), 900 + shift(60), "explosion")
        for n in range(4)
    ]
    bangs += [Bang(68_000 + 30 * n + shift(5), 7 + shift(0.05), -500 + shift(40), "shot") for n in range(3)]
    digs = [Dig(26_000, dig_km, 650, 210, 120, 5.0)]
    first = bangs[0]
    events = [
        Event("E1", "three armoured vehicles drive into the buffer zone and wait", convoy_s, convoy_s + 4_000,
              convoy_km, 900, 3_500, ("absence",)),
        Event("E2", "four explosions beside the line", first.at_s, first.at_s + 300, shelling_km, 900, 1_200,
              ("explosion_cluster", "activity_ban")),
        Event("E3", "earth is moved inside the buffer zone", 26_000, DAY_S, dig_km, 650, 600,
              ("activity_ban", "absence")),
        Event("E4", "two carriers drive to and fro inside the buffer zone", sortie_s - 600,
              sortie_s + 900, patrol_km, -700, 1_500, ("absence",)),
        Event("E5", "three guns stand inside the belt where none may be", actors[5].legs[0][0], 70_000,
              guns_km, -6_400, 1_500, ("absence",)),
        Event("E6", "shots beside the line", 68_000, 68_200, 7, -500, 1_000,
              ("shot_cluster", "activity_ban")),
        Event("E7", "the eastern ground radar falls silent for two hours", 50_000, 57_200, 45, 0, 30_000,
              ("could_not_observe",)),
        Event("Q1", "a farmer drives outside the buffer zone (nothing to find)", 60_000, 63_000,
              traffic_km + 4, 3_600, 5_000, ("absence",), expected=False),
        Event("Q2", "a patrol takes back a mistaken sighting (nothing to find)", 30_000, 33_000, 17, 500, 400,
              ("absence",), expected=False),
    ]  # fmt: skip
    return World(start_utc, tuple(actors), tuple(bangs), tuple(digs), tuple(events))


def _drive(
    name: str, kind: str, party: str, from_s: float, km: float, across_m: Sequence[float], speed_mps: float,
    dwell_s: float,
) -> Actor:  # fmt: skip
    """Drive across, stand for a while, drive back."""
    outer, inner = across_m
    way_s = abs(outer - inner) / speed_mps
    there, leave = from_s + way_s, from_s + way_s + dwell_s
    return Actor(
        name, kind, party,
        ((from_s, km, outer), (there, km + 0.4, inner), (leave, km + 0.4, inner), (leave + way_s, km, outer)),
    )  # fmt: skip


def _shuttle(name: str, kind: str, party: str, from_s: float, km: float, across_m: float) -> Actor:
    """Drive to and fro along the line for half an hour."""
    legs = [(from_s + 60.0 * n, km + (0.25 if n % 2 else 0.0), across_m) for n in range(31)]
    return Actor(name, kind, party, tuple(legs))


def _parked(
    name: str, kind: str, party: str, from_s: float, until_s: float, km: float, across_m: float
) -> Actor:
    return Actor(name, kind, party, ((from_s, km, across_m), (until_s, km, across_m)))
