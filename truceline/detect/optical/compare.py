"""Optical change between two dates: aligned, compared, cut into objects (contract satellite, section 3)."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, label

from truceline.detect.meaning import Meaning, Traits, indices_change, meaning_of, traits_of
from truceline.detect.optical.alteration import alteration, changed_pixels, probability_of, threshold_of
from truceline.detect.optical.registration import LEAST_PX, MOST_PX, estimate_shift, moved
from truceline.geo.raster import Float32, Grid, polygonize
from truceline.model.errors import BadInput
from truceline.model.names import name
from truceline.model.units import CE90_PER_SIGMA

BANDS = ("score", "changed", "probability")
# Sentinel-2 and Landsat level-1 products: 12.5 m at 95 % is what both missions promise; CE90 is less.
MISSION_CE90_M = 12.0
_LEAST_PIXELS = 100  # fewer say nothing about what is usual
_EIGHT = np.ones((3, 3), np.int8)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for a pair; arrays (height, width), NaN where there is no data or it was masked."""

    score: Float32
    changed: npt.NDArray[np.bool_]
    probability: Float32
    aligned: Float32  # AFTER, put on BEFORE's places
    shift_x_px: float
    shift_y_px: float
    is_corrected: bool
    threshold: float
    valid_fraction: float
    constant: tuple[int, ...] = ()  # bands that say nothing

    @property
    def changed_fraction(self) -> float:
        """Share of the valid pixels that changed."""
        return float(self.changed.sum()) / float(np.isfinite(self.score).sum())

    def bands(self) -> Float32:
        """Give the three bands of ``change.tif``, array (3, height, width)."""
        changed = np.where(np.isfinite(self.score), self.changed, np.nan)
        return np.stack([self.score, changed, self.probability]).astype(np.float32)

    def report(self) -> dict[str, float | bool]:
        """Give the members of ``report.json``."""
        return {
            "shift_x_px": round(self.shift_x_px, 4),
            "shift_y_px": round(self.shift_y_px, 4),
            "shift_corrected": self.is_corrected,
            "valid_fraction": round(self.valid_fraction, 6),
            "threshold": round(self.threshold, 6),
            "changed_fraction": round(self.changed_fraction, 6),
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


def compare(before: Float32, after: Float32) -> Change:
    """Find what changed between two pictures on one grid.

    Parameters
    ----------
    before, after
        Arrays (bands, height, width), NaN = no data or masked; at least one band must vary.

    Raises
    ------
    BadInput
        If too few pixels are valid in both, or AFTER lies more than ``MOST_PX`` beside BEFORE; ``where``
        is empty, the caller knows the files.
    """
    _valid(before, after)
    x_px, y_px = estimate_shift(before, after)
    length = math.hypot(x_px, y_px)
    if length > MOST_PX:
        raise BadInput("", f"lies {length:.1f} pixels beside the other; at most {MOST_PX:g} are corrected")
    is_corrected = length > LEAST_PX
    if is_corrected:
        after = moved(after, -x_px, -y_px)
    valid = _valid(before, after)
    varying = [
        layer
        for layer in range(len(before))
        if np.ptp(before[layer][valid]) > 0 and np.ptp(after[layer][valid]) > 0
    ]
    if not varying:
        raise BadInput("", "has no band that varies in both pictures")
    logarithm = alteration(before[varying], after[varying], valid)
    threshold = threshold_of(logarithm[valid].astype(np.float64), len(varying))
    return Change(
        score=np.exp(logarithm / 2),
        changed=changed_pixels(logarithm, threshold),
        probability=probability_of(logarithm, threshold),
        aligned=after,
        shift_x_px=x_px,
        shift_y_px=y_px,
        is_corrected=is_corrected,
        threshold=math.exp(threshold / 2),
        valid_fraction=float(valid.mean()),
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
    outlines = polygonize(labels.astype(np.int32), grid)
    pixel_m = grid.pixel_size_m()
    ce90_m = math.hypot(MISSION_CE90_M, CE90_PER_SIGMA * max(pixel_m) / math.sqrt(12))
    likened = _likened(change, before)
    found = []
    for number, box in enumerate(find_objects(labels, count), 1):
        inside = np.nonzero(labels[box] == number)
        rows, columns = inside[0] + box[0].start, inside[1] + box[1].start
        scores = change.score[rows, columns]
        lat, lon = grid.at(float(rows.mean()) + 0.5, float(columns.mean()) + 0.5)
        area_m2, length_m, width_m = traits_of(rows, columns, pixel_m)
        colours = indices_change(before[:, rows, columns], likened[:, rows, columns], names)
        traits = msgspec.structs.replace(
            Traits(area_m2=area_m2, length_m=length_m, width_m=width_m, lat_deg=float(lat)),
            month=taken.month if taken else 0,
            **colours,
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
                probability=float(change.probability[rows, columns].mean()),
                meaning=meaning_of(traits),
                box=(box[0].start, box[1].start, box[0].stop, box[1].stop),
            )
        )
    return sorted(found, key=lambda patch: patch.id)


def _likened(change: Change, before: Float32) -> Float32:
    """Give AFTER the mean and spread that BEFORE has, band by band, where nothing changed."""
    same = np.isfinite(change.score) & ~change.changed
    result = np.empty_like(before)
    for layer, (one, two) in enumerate(zip(before, change.aligned, strict=True)):
        spread = float(two[same].std())
        gain = float(one[same].std()) / spread if spread > 0 else 1.0
        result[layer] = (two - two[same].mean()) * gain + one[same].mean()
    return result


def _valid(before: Float32, after: Float32) -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = np.logical_and(
        np.isfinite(before).all(axis=0), np.isfinite(after).all(axis=0)
    )
    if valid.sum() < _LEAST_PIXELS:
        raise BadInput(
            "", f"shares {int(valid.sum())} valid pixels with the other; {_LEAST_PIXELS} are wanted"
        )
    return valid
