"""A radar satellite over the made-up corridor: scenes as COGs with STAC items."""

from pathlib import Path

from truceline.sim.scene import Ground, Patch, write_scene
from truceline.sim.world import Corridor, Dig, World

SIZE_PX, PIXEL_M = 160, 30.0  # a spot of 4.8 km
ARCHIVE = 8  # older scenes, one a day
_WEATHER_DB = (0.0, 0.4, -0.3, 1.8, 0.2, -0.1, 0.3, 0.0, 0.2, -0.2, 0.1, 0.3, -0.1, 0.2)


class RadarSatellite:
    """Looks at one spot of the line again and again; rain and wind move the whole scene."""

    def __init__(self, folder: Path, world: World, corridor: Corridor, seed: int) -> None:
        self._folder, self._world, self._corridor, self._seed = folder, world, corridor, seed
        middle = round(world.digs[0].km) if world.digs else corridor.length_km / 2
        self._ground = Ground(*corridor.at(middle), SIZE_PX, PIXEL_M, seed)
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)

    def archive(self) -> None:
        """Write the scenes of the days before."""
        for day in range(ARCHIVE, 0, -1):
            self.take(-day * 86_400.0 + 2_400)

    def take(self, at_s: float) -> Path:
        """Write the scene of one pass."""
        moment = self._world.at(at_s)
        item_id = f"spot-{moment:%Y%m%dT%H%M%S}"
        patches = [self._patch(dig) for dig in self._world.digs if dig.from_s <= at_s]
        weather_db = _WEATHER_DB[self._number % len(_WEATHER_DB)]
        self._number += 1
        seed = self._seed * 1_000 + self._number
        return write_scene(self._folder, item_id, moment, self._ground, seed, patches, weather_db)

    def _patch(self, dig: Dig) -> Patch:
        row, column = self._ground.pixel_at(*self._corridor.at(dig.km, dig.across_m))
        height, width = round(dig.width_m / PIXEL_M), round(dig.length_m / PIXEL_M)
        return Patch(row - height // 2, column - width // 2, height, width, dig.echo_db, dig.echo_db)
