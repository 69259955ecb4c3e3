"""What every row about a box in a clip tells: when, where, how sure, in which frame and packet."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from truceline.detect.pictures.chips import Chip
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Places, moment_of
from truceline.model.observed import Observation


def row_of(
    observation: Observation,
    hits: Sequence[Hit],
    places: Places,
    i: int,
    chip: Chip | None,
    note: Mapping[str, Any],
) -> dict[str, Any]:
    """Make the part of a row that every detector of clips shares."""
    hit = hits[i]
    # Where no packet tells the time, the piece's own does.
    since = timedelta(seconds=hit.pts_s - hits[0].pts_s)
    known = bool(np.isfinite(places.lat_deg[i] + places.ce90_m[i]))
    told = dict(note) | ({"chip_px": chip.box} if chip else {})
    return {
        "time_utc": moment_of(float(places.time_us[i])) or observation.phenomenon.from_utc + since,
        "lat_deg": float(places.lat_deg[i]) if known else None,
        "lon_deg": float(places.lon_deg[i]) if known else None,
        "ce90_m": float(places.ce90_m[i]) if known else None,
        "confidence": hit.score,
        "count": 1,
        "packet": int(places.packet[i]) if places.packet[i] >= 0 else None,
        "frame": hit.frame,
        "x_px": hit.x_px,
        "y_px": hit.y_px,
        "w_px": hit.w_px,
        "h_px": hit.h_px,
        "chip_sha256": chip.blob.sha256 if chip else None,
        "note": json.dumps(told) if told else None,
    }
