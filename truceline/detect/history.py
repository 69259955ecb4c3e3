"""What a radar series remembers from one date to the next, and how one date changes it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from truceline.detect import backscatter
from truceline.detect.alert_objects import AlertObject, follow_objects
from truceline.detect.lifecycle import Life, advance
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

    def observe(self, stamp: Stamp, powers: Float32) -> None:
        """Take in one date: score it, advance the alerts, then learn from it.

        Parameters
        ----------
        stamp
            The item; later than all before.
        powers
            Linear power, array (polarisations, height, width), NaN = no data.
        """
        item = len(self.stamps)
        observed = ~np.isnan(powers[0])
        known = observed & (self.fed > 0)
        level = backscatter.smoothed_db(powers)
        quiet = backscatter.quiet_pixels(known, self.life.is_open)
        residual = np.where(observed, backscatter.without_weather(level - self.mean, quiet), np.float32(0))
        tested = observed & (self.seen >= self.settings.baseline) & (self.fed > 0)
        number = backscatter.deviation(residual, self.products, self.fed)
        self.score = backscatter.calibrated(number, tested, quiet, self.settings.far)
        born = advance(self.life, self.score, item, self.settings.confirm, self.settings.finish)
        exceeds = tested & (np.abs(np.nan_to_num(self.score)) >= 1)
        self.stamps.append(stamp)
        follow_objects(self, born, exceeds)
        self._learn(observed & ~exceeds, residual)
        self.seen += observed
        self.level, self.residual = level, residual

    def _learn(self, taken: NDArray[np.bool_], residual: Float32) -> None:
        """Let unchanged observations into the baseline (Welford's running mean and products)."""
        self.fed += taken
        step = np.where(taken, residual / np.maximum(self.fed, 1), np.float32(0))
        self.mean += step
        rest = residual - step
        pairs = [(0, 0)] if len(residual) == 1 else [(0, 0), (0, 1), (1, 1)]
        for layer, (one, two) in enumerate(pairs):
            self.products[layer] += np.where(taken, residual[one] * rest[two], np.float32(0))
