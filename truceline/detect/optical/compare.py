"""Optical change between two dates: aligned, compared, cut into objects (contract satellite, section 3)."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, label

from truceline.detect.desk import Desk
from truceline.detect.meaning import Meaning, Traits, indices_change, meaning_of, traits_of
from truceline.detect.optical.alteration import (
    Array,
    alteration,
    changed_pixels,
    probability_of,
    telling,
    threshold_of,
    usual_of,
)
from truceline.detect.optical.registration import LEAST_PX, MOST_PX, estimate_shift, moved
from truceline.detect.optical.strips import strips
from truceline.geo.outlines import polygonize
from truceline.geo.raster import Float32, Grid
from truceline.model.errors import BadInput
from truceline.model.names import name
from truceline.model.units import CE90_PER_SIGMA

BANDS = ("score", "changed", "probability")
# Sentinel-2 and Landsat level-1 products: 12.5 m at 95 % is what both missions promise; CE90 is less.
MISSION_CE90_M = 12.0
_LEAST_PIXELS = 100  # fewer say nothing about what is usual
_EIGHT = np.ones((3, 3), np.int8)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for a pair; arrays (height, width).

    ``logarithm`` is ln χ², NaN where there is no data or it was masked; ``aligned`` is AFTER, put on
    BEFORE's places; ``usual`` is the most frequent logarithm of the scene.
    """

    logarithm: Float32
    changed: npt.NDArray[np.bool_]
    aligned: Float32
    shift_x_px: float
    shift_y_px: float
    is_corrected: bool
    limit: float
    usual: float
    valid_pixels: int
    desk: Desk  # where the planes lie
    constant: tuple[int, ...] = ()  # bands that say nothing

    def bands(self, rows: slice, columns: slice) -> Float32:
        """Give some rows and columns of the bands of ``change.tif``, array (3, rows, columns)."""
        logarithm = self.logarithm[rows, columns]
        changed = np.where(np.isfinite(logarithm), self.changed[rows, columns], np.nan)
        return np.stack([np.exp(logarithm / 2), changed, self.probability(logarithm)]).astype(np.float32)

    def probability(self, logarithm: Float32) -> Float32:
        """Give the probability of change of some pixels."""
        return probability_of(logarithm, self.limit, self.usual)

    def report(self) -> dict[str, float | bool]:
        """Give the members of ``report.json``."""
        return {
            "shift_x_px": round(self.shift_x_px, 4),
            "shift_y_px": round(self.shift_y_px, 4),
            "shift_corrected": self.is_corrected,
            "valid_fraction": round(self.valid_pixels / self.changed.size, 6),
            "threshold": round(math.exp(self.limit / 2), 6),
            "changed_fraction": round(int(self.changed.sum()) / self.valid_pixels, 6),
        }


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """One changed object."""

    id: str
    geometry: dict[str, Any]
    pixels: int
    area_m2: float
    lat_deg: float
    lon_deg: float
    ce90_m: float
    mean_score: float
    peak_score: float
    probability: float
    meaning: Meaning
    box: tuple[int, int, int, int]


def compare(before: Float32, after: Float32, desk: Desk | None = None) -> Change:
    """Find what changed between two pictures on one grid, strip by strip.

    Parameters
    ----------
    before, after
        Arrays (bands, height, width), NaN = no data or masked; at least one band must vary.
    desk
        Where the planes lie that are made, those of a large scene in files; None: a desk of its own.

    Raises
    ------
    BadInput
        If too few pixels are valid in both, or AFTER lies more than ``MOST_PX`` beside BEFORE; ``where``
        is empty, the caller knows the files.
    """
    desk = desk or Desk(before.shape[1:])
    _valid(before, after, desk)
    x_px, y_px = estimate_shift(before, after, desk)
    length = math.hypot(x_px, y_px)
    if length > MOST_PX:
        raise BadInput("", f"lies {length:.1f} pixels beside the other; at most {MOST_PX:g} are corrected")
    is_corrected = length > LEAST_PX
    if is_corrected:
        after = moved(after, -x_px, -y_px, desk)
    valid = _valid(before, after, desk)
    varying = _varying(before, after, valid, desk)
    if not varying:
        raise BadInput("", "has no band that varies in both pictures")
    logarithm = alteration(before, after, varying, valid, desk)
    values = telling(logarithm, valid, desk)
    usual, spread = usual_of(values)
    limit = threshold_of(values, len(varying), usual, spread)
    return Change(
        logarithm=logarithm,
        changed=changed_pixels(logarithm, limit, spread),
        aligned=after,
        shift_x_px=x_px,
        shift_y_px=y_px,
        is_corrected=is_corrected,
        limit=limit,
        usual=usual,
        valid_pixels=int(valid.sum()),
        desk=desk,
        constant=tuple(layer for layer in range(len(before)) if layer not in varying),
    )


def patches_of(
    change: Change, before: Float32, grid: Grid, names: Sequence[str], taken: datetime | None, key: str
) -> list[Patch]:
    """Cut what changed into connected objects, ordered by id.

    Parameters
    ----------
    change
        From :func:`compare`.
    before
        The first picture, for colours.
    grid
        Where the pixels lie.
    names
        Descriptions of the bands, for the meaning.
    taken
        When AFTER was taken, for the season.
    key
        Text that makes this pair this pair; with the first pixel it makes the id.
    """
    labels, count = label(change.changed, _EIGHT)
    outlines = polygonize(labels.astype(np.int32, copy=False), grid)
    pixel_m = grid.pixel_size_m()
    ce90_m = math.hypot(MISSION_CE90_M, CE90_PER_SIGMA * max(pixel_m) / math.sqrt(12))
    colours = _colours(change, before, labels, count)
    found = []
    for number, box in enumerate(find_objects(labels, count), 1):
        inside = np.nonzero(labels[box] == number)
        rows, columns = inside[0] + box[0].start, inside[1] + box[1].start
        logarithm = change.logarithm[rows, columns]
        scores = np.exp(logarithm / 2)
        lat, lon = grid.at(float(rows.mean()) + 0.5, float(columns.mean()) + 0.5)
        area_m2, length_m, width_m = traits_of(rows, columns, pixel_m)
        traits = msgspec.structs.replace(
            Traits(area_m2=area_m2, length_m=length_m, width_m=width_m, lat_deg=float(lat)),
            month=taken.month if taken else 0,
            **indices_change(
                colours[0, :, number, None], colours[1, :, number, None], names, colours[0, :, 0]
            ),
        )
        found.append(
            Patch(
                id=name("alert", key, str(grid), str(rows[0]), str(columns[0])),
                geometry=outlines[number],
                pixels=rows.size,
                area_m2=rows.size * grid.pixel_area_m2(),
                lat_deg=float(lat),
                lon_deg=float(lon),
                ce90_m=ce90_m,
                mean_score=float(scores.mean()),
                peak_score=float(scores.max()),
                probability=float(change.probability(logarithm).mean()),
                meaning=meaning_of(traits),
                box=(box[0].start, box[1].start, box[0].stop, box[1].stop),
            )
        )
    return sorted(found, key=lambda patch: patch.id)


def _colours(change: Change, before: Float32, labels: npt.NDArray[np.int32], count: int) -> Array:
    """Give the mean colours of each object before and after, array (2, bands, objects + 1).

    AFTER is given the mean and spread that BEFORE has, band by band, where nothing changed.
    """
    total, square = np.zeros((2, 2, len(before), count + 1))
    size = np.zeros(count + 1)
    for top, bottom in strips(len(labels)):
        known = np.isfinite(change.logarithm[top:bottom])
        own = labels[top:bottom][known]
        size += np.bincount(own, minlength=count + 1)
        for date, bands in enumerate((before, change.aligned)):
            for layer, band in enumerate(bands):
                pixels = band[top:bottom][known].astype(np.float64)
                total[date, layer] += np.bincount(own, pixels, count + 1)
                square[date, layer] += np.bincount(own, pixels**2, count + 1)
        change.desk.let_go(top, bottom)
    means = total / np.maximum(size, 1)
    usual = means[..., :1]
    spread = np.sqrt(np.maximum(square[..., :1] / max(size[0], 1) - usual**2, 0))
    gain = np.divide(spread[0], spread[1], out=np.ones_like(spread[0]), where=spread[1] > 0)
    means[1] = (means[1] - usual[1]) * gain + usual[0]
    return np.asarray(means)


def _varying(before: Float32, after: Float32, valid: npt.NDArray[np.bool_], desk: Desk) -> list[int]:
    """List the bands that vary in both pictures."""
    least, most = np.full((2, len(before)), np.inf), np.full((2, len(before)), -np.inf)
    for top, bottom in strips(len(valid)):
        part = valid[top:bottom]
        for date, bands in enumerate((before, after)):
            pixels = bands[:, top:bottom][:, part]
            least[date] = np.minimum(least[date], pixels.min(axis=1, initial=np.inf))
            most[date] = np.maximum(most[date], pixels.max(axis=1, initial=-np.inf))
        desk.let_go(top, bottom)
    return np.flatnonzero((most > least).all(axis=0)).tolist()


def _valid(before: Float32, after: Float32, desk: Desk) -> npt.NDArray[np.bool_]:
    valid = np.empty(before.shape[1:], bool)
    for top, bottom in strips(len(valid)):
        valid[top:bottom] = np.isfinite(before[:, top:bottom]).all(axis=0)
        valid[top:bottom] &= np.isfinite(after[:, top:bottom]).all(axis=0)
        desk.let_go(top, bottom)
    if valid.sum() < _LEAST_PIXELS:
        raise BadInput(
            "", f"shares {int(valid.sum())} valid pixels with the other; {_LEAST_PIXELS} are wanted"
        )
    return valid
