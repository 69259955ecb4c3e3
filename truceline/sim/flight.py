"""A drone over the made-up corridor: real video with MISB telemetry, in a transport stream."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from truceline.codec.klv import encode
from truceline.geo.crs import to_local
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose
from truceline.sim.world import Actor, Corridor, World

Frame = npt.NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX, GROUND_M_PER_PX = 640, 360, 0.5
FLIES_AGL_M, GROUND_MSL_M = 300.0, 400.0
FPS, PACKETS_PER_S = 5, 5
_LENGTH_M, _BREADTH_M = 7.0, 3.0  # of a truck or an armoured vehicle, seen from above


class Drone:
    """Hovers and looks straight down, north up, drifting a little."""

    def __init__(
        self, folder: Path, call_sign: str, world: World, corridor: Corridor, rng: np.random.Generator
    ) -> None:
        self._folder, self._call_sign, self._world, self._corridor = folder, call_sign, world, corridor
        self._rng = rng
        rough = rng.normal(0, 1, (1200, 1600))
        fine, coarse = (ndimage.gaussian_filter(rough, sigma) * sigma for sigma in (4, 16))
        self._ground = 95 + 50 * fine + 25 * coarse
        self._noise = rng.normal(0, 1.0, (HEIGHT_PX, WIDTH_PX))
        folder.mkdir(parents=True, exist_ok=True)

    def film(self, from_s: float, seconds: float, km: float, across_m: float) -> Path:
        """Film a place for some seconds and put the clip into the folder."""
        centre = self._corridor.at(km, across_m)
        drift = self._rng.uniform(-0.4, 0.4, 2)
        clip = write_clip(
            self._frames(from_s, seconds, centre, drift), self._packets(from_s, seconds, centre, drift), FPS
        )
        target = self._folder / f"{self._call_sign}-{int(from_s):06d}.ts"
        part = target.with_name(target.name + ".part")
        part.write_bytes(clip)
        return part.rename(target)

    def _frames(
        self, from_s: float, seconds: float, centre: tuple[float, float], drift: npt.NDArray[np.float64]
    ) -> Iterator[Frame]:
        for number in range(int(seconds * FPS)):
            at_s = from_s + number / FPS
            moved = drift * (number / FPS)
            top = 400 - round(moved[1] / GROUND_M_PER_PX)
            left = 400 + round(moved[0] / GROUND_M_PER_PX)
            picture = self._ground[top : top + HEIGHT_PX, left : left + WIDTH_PX].copy()
            for actor in self._world.actors:
                self._draw(picture, actor, at_s, centre, moved)
            picture += np.roll(self._noise, tuple(self._rng.integers(0, 200, 2)), axis=(0, 1))
            yield np.clip(picture, 0, 255).astype(np.uint8)

    def _draw(
        self,
        picture: npt.NDArray[np.float64],
        actor: Actor,
        at_s: float,
        centre: tuple[float, float],
        moved: npt.NDArray[np.float64],
    ) -> None:
        place, ahead = actor.place(at_s), actor.place(at_s + 1)
        if place is None:
            return
        east, north = (float(v) for v in to_local(*self._corridor.at(*place), *centre))
        x_px = WIDTH_PX / 2 + (east - moved[0]) / GROUND_M_PER_PX
        y_px = HEIGHT_PX / 2 - (north - moved[1]) / GROUND_M_PER_PX
        if not (-20 < x_px < WIDTH_PX + 20 and -20 < y_px < HEIGHT_PX + 20):
            return
        course = 0.0
        if ahead is not None and ahead != place:
            there_east, there_north = (float(v) for v in to_local(*self._corridor.at(*ahead), *centre))
            course = math.atan2(there_north - north, there_east - east)
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
        along = (columns - x_px) * math.cos(course) - (rows - y_px) * math.sin(course)
        across = (columns - x_px) * math.sin(course) + (rows - y_px) * math.cos(course)
        long_px, broad_px = _LENGTH_M / 2 / GROUND_M_PER_PX, _BREADTH_M / 2 / GROUND_M_PER_PX
        picture[(abs(along) <= long_px) & (abs(across) <= broad_px)] = 225.0

    def _packets(
        self, from_s: float, seconds: float, centre: tuple[float, float], drift: npt.NDArray[np.float64]
    ) -> Iterator[tuple[float, bytes]]:
        hfov_deg = 2 * math.degrees(math.atan(WIDTH_PX * GROUND_M_PER_PX / 2 / FLIES_AGL_M))
        vfov_deg = 2 * math.degrees(math.atan(HEIGHT_PX * GROUND_M_PER_PX / 2 / FLIES_AGL_M))
        for number in range(int(seconds * PACKETS_PER_S) + 1):
            pts_s = number / PACKETS_PER_S
            east, north = drift * pts_s
            lat = centre[0] + north / 111_132.0
            lon = centre[1] + east / (111_320.0 * math.cos(math.radians(centre[0])))
            moment = self._world.at(from_s + pts_s)
            yield (
                pts_s,
                encode(
                    round(moment.timestamp() * 1e6),
                    pose(0.0, 90.0, hfov_deg, vfov_deg)
                    | {
                        "platform_call_sign": self._call_sign,
                        "sensor_lat_deg": lat,
                        "sensor_lon_deg": lon,
                        "sensor_msl_m": GROUND_MSL_M + FLIES_AGL_M,
                        "sensor_rel_roll_deg": 0.0,
                        "slant_range_m": FLIES_AGL_M,
                        "frame_center_lat_deg": lat,
                        "frame_center_lon_deg": lon,
                        "frame_center_msl_m": GROUND_MSL_M,
                    },
                ),
            )
