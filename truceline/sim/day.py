"""The made-up day, hour by hour: what each sensor writes into its folder, and when."""

import heapq
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from truceline.geo.zone import Zones
from truceline.model.place import utc_text
from truceline.sim.flight import Drone
from truceline.sim.ground import GroundRadar, Patrols
from truceline.sim.orbit import RadarSatellite
from truceline.sim.world import DAY_S, Corridor, World, plan_day

RADAR_FILE_S = 600.0
QUIET_S = 8 * 3_600.0  # the radars go on after the day, while the last orders are carried out
RADARS = {"radar-1": 8.0, "radar-2": 23.0, "radar-3": 38.0, "radar-4": 53.0}
SILENT = {"radar-4": (50_000.0, 57_200.0)}
PASSES_S = (2_400.0, 18_000.0, 34_200.0, 50_400.0, 66_600.0, 82_800.0)
SORTIES = ((15_600.0, 5.0, 400.0), (54_000.0, 47.0, -300.0))
FILM_S = 12.0

Step = tuple[float, int, Callable[[], object]]


class Day:
    """A world, its sensors and its schedule.

    Parameters
    ----------
    folder
        Where the sensors' folders are made: ``radar-1`` …, ``uav-1``, ``patrols``, ``sar``.
    zones
        Zones of the agreement; its first line is the corridor.
    start_utc
        When the day begins.
    seed
        Same seed, same day, same files.
    """

    def __init__(self, folder: Path, zones: Zones, start_utc: datetime, seed: int) -> None:
        self.corridor = Corridor(zones)
        self.world: World = plan_day(start_utc, seed)
        streams = np.random.default_rng(seed + 1).spawn(len(RADARS) + 3)
        self._radars = {
            name: GroundRadar(folder / name, name, km, self.world, self.corridor, stream)
            for (name, km), stream in zip(RADARS.items(), streams, strict=False)
        }
        self._drone = Drone(folder / "uav-1", "UAV-1", self.world, self.corridor, streams[-3])
        self._satellite = RadarSatellite(folder / "sar", self.world, self.corridor, seed)
        self._patrols = Patrols(folder / "patrols", self.corridor)
        self._rng = streams[-1]

    def begin(self) -> None:
        """Write what lies in the archive before the day begins: older radar scenes."""
        self._satellite.archive()

    def play(self, now: Callable[[], datetime], stop: threading.Event) -> None:
        """Write each file when the mission's clock reaches it."""
        for at_s, step in self.steps():
            while (left_s := at_s - self.world.seconds(now())) > 0:
                if stop.wait(min(0.05, left_s)):
                    return
            step()

    def steps(self) -> Iterator[tuple[float, Callable[[], object]]]:
        """Yield what is to be written, by time."""
        heap: list[Step] = []
        for number, (at_s, step) in enumerate(self._schedule()):
            heapq.heappush(heap, (at_s, number, step))
        while heap:
            at_s, _, step = heapq.heappop(heap)
            yield at_s, step

    def _schedule(self) -> Iterator[tuple[float, Callable[[], object]]]:
        for name, radar in self._radars.items():
            silent = SILENT.get(name, (0.0, 0.0))
            for begin in np.arange(0.0, DAY_S + QUIET_S, RADAR_FILE_S):
                if not silent[0] <= begin < silent[1]:
                    end = float(begin) + RADAR_FILE_S
                    yield end, _bound(radar.write, float(begin), end)
        for at_s in PASSES_S:
            yield at_s + 600, _bound(self._satellite.take, at_s)
        for at_s, km, across_m in (*SORTIES, *self._carriers_filmed()):
            yield at_s + FILM_S, _bound(self._drone.film, at_s, FILM_S, km, across_m)
        yield from self._reports()

    def _carriers_filmed(self) -> Iterator[tuple[float, float, float]]:
        carriers = [actor for actor in self.world.actors if actor.id.startswith("carrier")]
        for at_s in (36_000.0, 36_120.0, 36_240.0):
            km, across_m = carriers[0].place(at_s) or (0.0, 0.0)
            yield at_s, km + 0.03, across_m - 20

    def _reports(self) -> Iterator[tuple[float, Callable[[], object]]]:
        for number, bang in enumerate(self.world.bangs):
            for post in ("post-a", "post-b"):
                km, across_m = bang.km + self._rng.normal(0, 0.05), bang.across_m + self._rng.normal(0, 60)
                name = f"{post}-heard-{number}"
                moment = self.world.at(bang.at_s)
                text = f"{bang.type} heard"
                report = _bound(self._patrols.report, name, bang.type, moment, km, across_m, text=text)
                yield bang.at_s + 300, report
        guns = [actor for actor in self.world.actors if actor.kind == "artillery"]
        for number, late_s in enumerate((2_400.0, 9_000.0)):
            at_s = guns[0].legs[0][0] + late_s
            km, across_m = guns[0].place(at_s) or (0.0, 0.0)
            moment = self.world.at(at_s)
            yield at_s + 900, _bound(self._patrols.sight, f"patrol-guns-{number}", moment, guns, km, across_m)
        moment = self.world.at(30_000)
        yield 30_300, _bound(
            self._patrols.report, "patrol-mistake", "sighting", moment, 17.0, 500.0,
            text="a tank behind the ridge",
            attributes={"class": "tank", "party": "north", "confidence": 0.7},
        )  # fmt: skip
        yield 33_000, _bound(
            self._patrols.report, "patrol-mistake-taken-back", "note", self.world.at(32_700), 17.0, 500.0,
            text="it was a harvester", corrects="patrol-mistake",
        )  # fmt: skip


def write_truth(world: World, corridor: Corridor, target: Path) -> None:
    """Write what was planted, for the scoring alone: no source reads it."""
    events = []
    for event in world.events:
        lat, lon = corridor.at(event.km, event.across_m)
        events.append(
            {
                "id": event.id,
                "what": event.what,
                "from_utc": utc_text(world.at(event.from_s)),
                "until_utc": utc_text(world.at(event.until_s)),
                "lat_deg": lat,
                "lon_deg": lon,
                "radius_m": event.radius_m,
                "classes": list(event.classes),
                "expected": event.expected,
            }
        )
    target.write_text(json.dumps({"schema": "truceline.truth/1", "events": events}, indent=1))


def _bound(function: Callable[..., object], *given: object, **named: object) -> Callable[[], object]:
    return lambda: function(*given, **named)
