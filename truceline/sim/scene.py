"""Made-up radar scenes as real files: two COGs of linear power and a STAC item per pass.

The ground is the same on each date (a textured field from a seed); the speckle is new each time: the
intensity of a multilooked scene follows a gamma distribution with unit mean and as many degrees as looks
(Goodman 1976; Oliver and Quegan, *Understanding Synthetic Aperture Radar Images*, chapter 4).
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyproj
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from truceline.codec.stac import PROJECTION, Asset, Item, write_item
from truceline.geo.raster import Grid, write_cog

LEVEL_DB = {"vv": -10.0, "vh": -16.5}  # open farmland at C band
TEXTURE_DB = 2.0  # spread of the ground's own brightness
LOOKS = 10.0  # equivalent number of looks of 30 m pixels
_ITEM_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"


class Patch(NamedTuple):
    """A rectangle of pixels whose echo differs from the ground's, in dB."""

    row: int
    column: int
    height: int
    width: int
    vv_db: float
    vh_db: float


class Ground(NamedTuple):
    """A square piece of country, its middle in degrees; the same seed gives the same country."""

    lat_deg: float
    lon_deg: float
    size_px: int
    pixel_m: float = 30.0
    seed: int = 0

    @property
    def grid(self) -> Grid:
        """UTM zone of the middle, edges on whole pixels."""
        zone = int((self.lon_deg + 180) // 6) % 60 + 1
        crs = f"EPSG:{(32600 if self.lat_deg >= 0 else 32700) + zone}"
        x, y = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(
            self.lon_deg, self.lat_deg
        )
        half = self.size_px / 2
        west = (round(x / self.pixel_m) - int(half)) * self.pixel_m
        north = (round(y / self.pixel_m) + int(half)) * self.pixel_m
        return Grid(crs, (self.pixel_m, 0.0, west, 0.0, -self.pixel_m, north), self.size_px, self.size_px)

    def pixel_at(self, lat_deg: float, lon_deg: float) -> tuple[int, int]:
        """Tell row and column of a place; they may lie outside."""
        grid = self.grid
        x, y = pyproj.Transformer.from_crs("OGC:CRS84", grid.crs, always_xy=True).transform(lon_deg, lat_deg)
        row = (grid.transform[5] - y) // self.pixel_m
        return int(row), int((x - grid.transform[2]) // self.pixel_m)

    def levels_db(self) -> NDArray[np.float64]:
        """Give the ground's own echo in dB, array (2, size, size): vv, vh."""
        rng = np.random.default_rng([self.seed, 20])
        field = gaussian_filter(rng.standard_normal((self.size_px, self.size_px)), 6, mode="wrap")
        fields = gaussian_filter(rng.standard_normal((self.size_px, self.size_px)), 1.5, mode="wrap")
        texture = TEXTURE_DB * (0.8 * field / field.std() + 0.6 * fields / fields.std())
        return np.stack([level + texture for level in LEVEL_DB.values()])


def write_scene(
    folder: Path,
    item_id: str,
    time_utc: datetime,
    ground: Ground,
    seed: int,
    patches: Sequence[Patch] = (),
    weather_db: float = 0.0,
    looks: float = LOOKS,
) -> Path:
    """Write one pass: ``<item_id>_vv.tif``, ``<item_id>_vh.tif`` and last, by renaming, ``<item_id>.json``.

    Parameters
    ----------
    folder
        Where to write; made if it is missing.
    item_id
        Id of the STAC item and stem of the files.
    time_utc
        When the scene was taken.
    ground
        The country.
    seed
        Of this date's speckle; differs from date to date.
    patches
        What differs from the ground on this date.
    weather_db
        Rise of the whole scene, as rain makes it.
    looks
        Equivalent number of looks.

    Returns
    -------
    Path
        The item file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    level = _patched(ground.levels_db() + weather_db, patches)
    speckle = np.random.default_rng([ground.seed, seed, 21]).gamma(looks, 1 / looks, level.shape)
    power = (10 ** (level / 10) * speckle).astype(np.float32)
    grid = ground.grid
    assets = {}
    for word, pixels in zip(LEVEL_DB, power, strict=True):
        file = f"{item_id}_{word}.tif"
        beside = folder / f".{file}.part"
        write_cog(beside, grid, pixels[None], (word,))
        beside.replace(folder / file)
        assets[word] = Asset(href=f"./{file}", type=_ITEM_TYPE, roles=("data",))
    return _write_item(folder, item_id, time_utc, grid, assets)


def _patched(level: NDArray[np.float64], patches: Sequence[Patch]) -> NDArray[np.float64]:
    for patch in patches:
        rows = slice(max(patch.row, 0), max(patch.row + patch.height, 0))
        columns = slice(max(patch.column, 0), max(patch.column + patch.width, 0))
        level[0, rows, columns] += patch.vv_db
        level[1, rows, columns] += patch.vh_db
    return level


def _write_item(folder: Path, item_id: str, time_utc: datetime, grid: Grid, assets: dict[str, Asset]) -> Path:
    footprint = grid.footprint()
    corners = np.array(footprint["coordinates"][0])
    item = Item(
        id=item_id,
        time_utc=time_utc,
        geometry=footprint,
        bbox=(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()),
        properties={
            "platform": "simulated-1",
            "instruments": ["c-sar"],
            "proj:code": grid.code,
            "proj:shape": list(grid.shape),
            "proj:transform": list(grid.transform),
            "sat:orbit_state": "ascending",
            "truceline:exercise": True,
        },
        assets=assets,
        extensions=(PROJECTION,),
    )
    beside = folder / f".{item_id}.json.part"
    with beside.open("wb") as stream:
        stream.write(write_item(item))
        stream.flush()
        os.fsync(stream.fileno())
    return beside.replace(folder / f"{item_id}.json")
