"""What a radar series remembers from one date to the next."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from truceline.detect.lifecycle import Life
from truceline.geo.raster import Float32, Grid
from truceline.model.units import Metres


class SarSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the radar chain (contract satellite, 1); defaults are the contract's."""

    baseline: Annotated[int, Meta(ge=2, le=10_000)] = 8
    confirm: Annotated[int, Meta(ge=1, le=1_000)] = 2
    finish: Annotated[int, Meta(ge=1, le=1_000)] = 3
    far: Annotated[float, Meta(gt=0, lt=1)] = 0.001
    min_area_m2: Metres = 8100.0


class Stamp(msgspec.Struct, frozen=True):
    """One item that was taken in."""

    id: str
    time_utc: datetime
    href: str = ""


class AlertObject(msgspec.Struct, frozen=True):
    """One object: ``born`` and ``items`` are indexes of items; ``items`` are those in which it exceeded."""

    id: str
    born: int
    items: tuple[int, ...]


@dataclass
class History:
    """The memory of a series; its size does not grow with the number of dates but for the stamps.

    ``seen`` counts valid observations of a pixel, ``fed`` those that entered ``mean`` (dB) and
    ``products`` (sums of squared and crossed residuals, dB²). ``level`` and ``residual`` are today's.
    """

    settings: SarSettings
    grid: Grid
    polarisations: tuple[str, ...]
    life: Life
    seen: NDArray[np.uint16]
    fed: NDArray[np.uint16]
    mean: Float32
    products: Float32
    score: Float32
    owner: NDArray[np.int32]
    stamps: list[Stamp] = field(default_factory=list)
    objects: dict[int, AlertObject] = field(default_factory=dict)
    level: Float32 | None = None
    residual: Float32 | None = None

    @classmethod
    def new(cls, settings: SarSettings, grid: Grid, polarisations: tuple[str, ...]) -> "History":
        """Start before the first date."""
        count = len(polarisations)
        return cls(
            settings=settings,
            grid=grid,
            polarisations=polarisations,
            life=Life.new(grid.shape),
            seen=np.zeros(grid.shape, np.uint16),
            fed=np.zeros(grid.shape, np.uint16),
            mean=np.zeros((count, *grid.shape), np.float32),
            products=np.zeros((count * (count + 1) // 2, *grid.shape), np.float32),
            score=np.full(grid.shape, np.nan, np.float32),
            owner=np.zeros(grid.shape, np.int32),
        )

    @property
    def is_testing(self) -> bool:
        """Whether enough dates have passed that the next one is tested."""
        return len(self.stamps) >= self.settings.baseline
