"""Moving targets that the aircraft itself reports (MISB ST 0903), one row per target and second."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from truceline.codec.klv_sets import TARGETS_TAG, Target, nested, targets_of
from truceline.detect.movers import telemetry_of
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import EPOCH, Poses, place
from truceline.model.classes import FUSION_CLASSES
from truceline.model.facts import Blob
from truceline.model.names import name
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION
from truceline.model.units import CE90_PER_SIGMA
from truceline.plug import Detector, Found, Media

UNSURE = 0.5  # confidence of a target that tells none
LEAST_CE90_M = 1.0  # no pixel of a turret is nearer to the truth
_STATED_CE90_M = 50.0  # of a place that the aircraft states without its error


class _Said(NamedTuple):
    row: int
    second: int
    target: Target
    size: tuple[int, int]


class Vmti(Detector):
    """Takes over the moving targets in the telemetry of a piece; looks at no picture."""

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Give one row per target and second, placed by pixel, else by the place or offset that is told."""
        telemetry = telemetry_of(blobs, media)
        said = _said(telemetry)
        if not said:
            return Found(rows=DETECTION.empty_table())
        poses = Poses(telemetry)
        placed = _by_pixel(said, poses)
        lat, lon = (poses.located.rows[f"frame_center_{axis}_deg"].to_pylist() for axis in ("lat", "lon"))
        times = telemetry["time"].to_pylist()
        rows = []
        for number, one in enumerate(said):
            where = placed.get(number) or _by_location(one.target)
            where = where or _by_offset(one.target, lat[one.row], lon[one.row])
            rows.append(
                {
                    "time_utc": times[one.row] or observation.phenomenon.from_utc,
                    **dict(zip(("lat_deg", "lon_deg", "ce90_m"), where or (None, None, None), strict=True)),
                    **{f"p_{word}": 1 / len(FUSION_CLASSES) for word in FUSION_CLASSES},
                    "confidence": UNSURE if one.target.confidence is None else one.target.confidence,
                    "count": 1,
                    "object": name("vmti", observation.id, str(one.target.number)),
                    "packet": one.row,
                    **_box(one.target),
                }
            )
        return Found(rows=pa.Table.from_pylist(rows, DETECTION))


def _said(telemetry: pa.Table) -> list[_Said]:
    """Give each target once a second, its first packet of that second."""
    pts = telemetry["pts_s"].to_pylist()
    times = telemetry["time"].to_pylist()
    known: dict[tuple[int, int], _Said] = {}
    for row, value in nested(telemetry, TARGETS_TAG):
        told = targets_of(value)
        at = (times[row] - EPOCH).total_seconds() if times[row] is not None else pts[row]
        second = int(at) if at is not None else row
        for target in told.targets:
            one = _Said(row, second, target, (told.width_px or 0, told.height_px or 0))
            known.setdefault((target.number, second), one)
    return sorted(known.values(), key=lambda one: (one.row, one.target.number))


def _by_pixel(said: Sequence[_Said], poses: Poses) -> dict[int, tuple[float, float, float]]:
    numbers = [
        k
        for k, one in enumerate(said)
        if one.target.x_px is not None
        and one.target.y_px is not None
        and all(one.size)
        and np.isfinite(poses.pts_s[one.row])
    ]
    found: dict[int, tuple[float, float, float]] = {}
    for size in sorted({said[k].size for k in numbers}):
        mine = [k for k in numbers if said[k].size == size]
        hits = [_hit(said[k], float(poses.pts_s[said[k].row])) for k in mine]
        places = place(hits, size, poses)
        for at, k in enumerate(mine):
            where = tuple(float(column[at]) for column in places[:3])
            if np.isfinite(where).all():
                found[k] = where[0], where[1], where[2]
    return found


def _hit(one: _Said, pts_s: float) -> Hit:
    x, y = one.target.x_px or 0, one.target.y_px or 0
    return Hit(one.row, pts_s, float(x), float(y), 0.0, 0.0, one.target.number, 1.0)


def _by_location(target: Target) -> tuple[float, float, float] | None:
    where = target.location
    if where is None:
        return None
    if where.sigma_east_m is None or where.sigma_north_m is None:
        return where.lat_deg, where.lon_deg, _STATED_CE90_M
    sigma_m = np.hypot(where.sigma_east_m, where.sigma_north_m) / np.sqrt(2)
    return where.lat_deg, where.lon_deg, max(LEAST_CE90_M, float(CE90_PER_SIGMA * sigma_m))


def _by_offset(target: Target, lat: float | None, lon: float | None) -> tuple[float, float, float] | None:
    if None in (target.lat_offset_deg, target.lon_offset_deg, lat, lon):
        return None
    return lat + target.lat_offset_deg, lon + target.lon_offset_deg, _STATED_CE90_M  # type: ignore[operator]


def _box(target: Target) -> dict[str, Any]:
    edges = target.left_px, target.top_px, target.right_px, target.bottom_px
    if None in edges:
        return {}
    left, top, right, bottom = (float(edge or 0) for edge in edges)
    return {"x_px": left, "y_px": top, "w_px": right - left, "h_px": bottom - top}
