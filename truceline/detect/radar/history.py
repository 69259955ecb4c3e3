"""What a radar series remembers from one date to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from truceline.detect.desk import Desk
from truceline.detect.radar.lifecycle import NEVER, Life
from truceline.detect.radar.matched import Past, Today
from truceline.detect.radar.orbits import Orbits, View, known_orbits
from truceline.detect.radar.scoring import SCORE_STEPS, UNTESTED
from truceline.detect.radar.season import Maps, no_maps
from truceline.detect.radar.tail import usual_reach
from truceline.geo.raster import Float32, Grid
from truceline.model.units import Metres

Row = tuple[str, str, int, int]  # of a plane: name, data type, layers (0: a single one), first value
# Kept where a pixel is under an alert; elsewhere they hold their first values.
ALERTED: tuple[Row, ...] = (
    ("state", "u1", 0, 0),
    ("run", "<u2", 0, 0),
    ("sign", "i1", 0, 0),
    ("first", "<i2", 0, NEVER),
    ("peak", "<i2", 0, 0),
)


class SarSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the radar chain (contract satellite, 1); defaults are the contract's."""

    baseline: Annotated[int, Meta(ge=2, le=250)] = 8
    confirm: Annotated[int, Meta(ge=1, le=1_000)] = 2
    finish: Annotated[int, Meta(ge=1, le=1_000)] = 3
    far: Annotated[float, Meta(gt=0, lt=1)] = 0.001
    min_area_m2: Metres = 8100.0


class Stamp(msgspec.Struct, frozen=True):
    """One item that was taken in.

    ``orbit`` is as :func:`~truceline.detect.radar.orbits.orbit_of` names it; ``has_data`` is false where no
    pixel had any.
    """

    id: str
    time_utc: datetime
    href: str = ""
    orbit: str = ""
    has_data: bool = True


class AlertObject(msgspec.Struct, frozen=True):
    """One object: ``born`` and ``items`` are indexes of items; ``items`` are those in which it exceeded.

    ``change_db`` is by how much its echo changed on the last of them, one figure per polarisation.
    """

    id: str
    born: int
    items: tuple[int, ...]
    change_db: tuple[float, ...] = ()


@dataclass
class History:
    """The memory of a series; its size does not grow with the number of dates but for the stamps.

    ``places`` are the pixels under an alert,
    ordered, as row times width plus column; ``owners`` the numbers of the objects they belong to.
    ``pooled_db2`` is the scene's usual variance, covariance, variance; ``reaches`` how far
    unchanged pixels reached on past dates (see :mod:`~truceline.detect.radar.tail`); ``maps`` what
    the parts of the scene did on them (see :mod:`~truceline.detect.radar.season`); ``orbits`` what each
    pixel showed from each side, if there are several.
    """

    settings: SarSettings
    grid: Grid
    polarisations: tuple[str, ...]
    desk: Desk
    past: Past
    today: Today
    life: Life
    maps: Maps
    orbits: Orbits
    places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    owners: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    stamps: list[Stamp] = field(default_factory=list)
    objects: dict[int, AlertObject] = field(default_factory=dict)
    pooled_db2: list[float] = field(default_factory=lambda: [2.0, 0.0, 2.0])
    reaches: list[float] = field(default_factory=list)

    @classmethod
    def new(
        cls, settings: SarSettings, grid: Grid, polarisations: tuple[str, ...], folder: Path | None = None
    ) -> "History":
        """Start before the first date; ``folder`` is where a large scene may put files."""
        desk = Desk(grid.shape, folder)
        planes = blank(desk, [*kept(polarisations), *ALERTED])
        return cls.of(settings, grid, polarisations, desk, planes)

    @classmethod
    def of(
        cls,
        settings: SarSettings,
        grid: Grid,
        polarisations: tuple[str, ...],
        desk: Desk,
        planes: dict[str, NDArray[Any]],
    ) -> "History":
        """Put the kept planes in their places and make those that each date fills anew."""
        count = len(polarisations)
        views = [View(planes[f"mean {own}"], planes[f"fed {own}"]) for own in range(_views_in(planes))]
        return cls(
            settings=settings,
            grid=grid,
            polarisations=polarisations,
            desk=desk,
            past=Past(**{name: planes[name] for name in Past._fields}),
            today=Today(
                level=np.zeros((count, 0, 0), np.int16),
                residual=desk.plane("i2", count),
                contrast=desk.plane("f4"),
                calm=desk.plane("i1"),
                score=planes["score"],
            ),
            life=Life(**{name: planes[name] for name in Life._fields}),
            maps=no_maps(grid.shape, count),
            orbits=Orbits(views, desk.plane("u1") if views else np.zeros((0, 0), np.uint8)),
        )

    @property
    def planes(self) -> dict[str, NDArray[Any]]:
        """The planes that are kept, by name."""
        return {
            **self.past._asdict(),
            **self.life._asdict(),
            "score": self.today.score,
            **{f"mean {own}": view.mean for own, view in enumerate(self.orbits.views)},
            **{f"fed {own}": view.fed for own, view in enumerate(self.orbits.views)},
        }

    @property
    def reach(self) -> float:
        """The strength that a score of 1 stands for, as of today."""
        return usual_reach(self.reaches, self.settings.far)

    @property
    def is_testing(self) -> bool:
        """Whether enough dates have passed that the next one is tested."""
        return len(self.stamps) >= self.settings.baseline

    def scores(self) -> Float32:
        """Give today's scores, NaN where nothing was tested."""
        return scores_of(self.today.score)


def blank(desk: Desk, rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Make planes with their first values."""
    return {name: desk.plane(kind, layers, fill) for name, kind, layers, fill in rows}


def _views_in(planes: dict[str, NDArray[Any]]) -> int:
    return sum(name.startswith("fed ") for name in planes)


def kept(polarisations: tuple[str, ...], stamps: Sequence[Stamp] = ()) -> list[Row]:
    """List the planes of which every pixel is kept after these dates."""
    count = len(polarisations)
    views: list[Row] = []
    for own in range(known_orbits([stamp.orbit for stamp in stamps])):
        views += [(f"mean {own}", "<i2", count, 0), (f"fed {own}", "u1", 0, 0)]
    return [
        ("mean", "<i2", count, 0),
        ("spread", "<u2", count, 0),
        ("cross", "<i2", 0, 0),
        ("unrest", "<u2", 0, 0),
        ("fed", "u1", 0, 0),
        ("seen", "u1", 0, 0),
        ("recent", "i1", 2, 0),
        ("score", "<i2", 0, UNTESTED),
        *views,
    ]


def scores_of(codes: NDArray[np.int16]) -> Float32:
    """Give the scores of codes, NaN for untested pixels."""
    return np.where(codes == UNTESTED, np.nan, codes / SCORE_STEPS).astype(np.float32)
