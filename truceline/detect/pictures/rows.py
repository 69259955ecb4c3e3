"""What every row about a box in a clip tells: when, where, how sure, how fast, in which frame and packet."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np

from truceline.detect.boxes.ground import Way, smooth
from truceline.detect.pictures.chips import Chip
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Places, Poses, moment_of, place
from truceline.detect.pictures.slide import Slide
from truceline.model.observed import Observation


class Seen(NamedTuple):
    """Hits of a clip with their places, smoothed over each thing, and how the things move."""

    hits: list[Hit]
    places: Places
    way: Way


def on_the_ground(hits: list[Hit], size_px: tuple[int, int], poses: Poses, slide: Slide) -> Seen:
    """Place hits; those of one thing (``thing`` 0 or more) are smoothed together."""
    places = place(hits, size_px, poses)
    thing = np.array([hit.thing for hit in hits], np.int64)
    alone = thing < 0
    # A box that belongs to no thing has a way of its own: a single place.
    thing = np.where(alone, -1 - np.arange(len(hits)), thing)
    time_s = np.array([hit.pts_s for hit in hits], float)
    slid = slide.by(poses, time_s)
    way = smooth(thing, time_s, places.lat_deg, places.lon_deg, places.ce90_m, slid.metres)
    ce90_m = places.ce90_m + slid.doubt_m
    return Seen(hits, places._replace(lat_deg=way.lat_deg, lon_deg=way.lon_deg, ce90_m=ce90_m), way)


def few(hits: Sequence[Hit], row_s: float) -> list[int]:
    """Choose, per thing and so many seconds, the hit nearest to their middle."""
    best: dict[tuple[int, int], int] = {}
    for i, hit in enumerate(hits):
        if hit.thing < 0:
            continue
        slot = (hit.thing, int(np.floor(hit.pts_s / row_s)))
        other = best.get(slot)
        if other is None or _off_middle(hit, row_s) < _off_middle(hits[other], row_s):
            best[slot] = i
    return sorted(best.values(), key=lambda i: (hits[i].pts_s, hits[i].thing))


def _off_middle(hit: Hit, row_s: float) -> float:
    return abs(hit.pts_s % row_s - row_s / 2)


def row_of(
    observation: Observation, seen: Seen, i: int, chip: Chip | None, note: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the part of a row that every detector of clips shares."""
    hits, places, way = seen
    hit = hits[i]
    # Where no packet tells the time, the piece's own does.
    since = timedelta(seconds=hit.pts_s - hits[0].pts_s)
    known = bool(np.isfinite(places.lat_deg[i] + places.ce90_m[i]))
    moves = known and bool(np.isfinite(way.speed_mps[i]))
    told = dict(note) | ({"chip_px": chip.box} if chip else {})
    return {
        "time_utc": moment_of(float(places.time_us[i])) or observation.phenomenon.from_utc + since,
        "lat_deg": float(places.lat_deg[i]) if known else None,
        "lon_deg": float(places.lon_deg[i]) if known else None,
        "ce90_m": float(places.ce90_m[i]) if known else None,
        "speed_mps": float(way.speed_mps[i]) if moves else None,
        "course_deg": float(way.course_deg[i]) if moves else None,
        "speed_sigma_mps": float(way.speed_sigma_mps[i]) if moves else None,
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
