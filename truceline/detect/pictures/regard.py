"""Where a clip would have shown what is there: ground that stayed in sight and near enough."""

import math
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from truceline.detect.pictures.pixels import Array, Poses, moment_of
from truceline.detect.pictures.slide import Slide
from truceline.detect.pictures.spotter import CAR_M
from truceline.geo.camera import ce90_of, cut_ground, sights
from truceline.geo.regard import field_in_all
from truceline.model.observed import Observation
from truceline.model.tables import LOOK
from truceline.plug import Sight

LEAST_PX = 16.0  # length of a car, where it is farthest: the networks have learnt from 13 on
_TOPS = (-1.0, -0.5, 0.0, 0.5)  # of the part of the picture that counts: far ground, or sky, may be above
_MOMENTS = 3  # of a look in which the ground must be in sight


class _Frames(NamedTuple):
    """The part of the picture below a height on the ground at some moments; (n, 4) corners and errors."""

    lat_deg: Array
    lon_deg: Array
    ce90_m: Array
    longest_m: float  # ground that a pixel shows at most


def looks_in(
    sight: Sight, observation: Observation, poses: Poses, slide: Slide, width_px: int, row_s: float
) -> pa.Table:
    """Cut a clip into looks as long as a thing is reported once in, and tell which ground each showed.

    A look reaches back over the one before, so that a thing must have been missed in two.

    Parameters
    ----------
    sight
        What a look shows.
    observation
        That the clip is of.
    poses, slide
        Of the clip.
    width_px
        Of a frame, as it was looked at.
    row_s
        Length of a look.
    """
    rows = []
    if slide.span_s is not None:
        first, last = math.ceil(slide.span_s[0] / row_s), math.floor(slide.span_s[1] / row_s)
        for slot in range(first, last):
            times_s = np.linspace(slot * row_s, (slot + 1) * row_s, _MOMENTS)
            until = moment_of(float(poses.utc_us(times_s[-1:])[0]))
            frames = _near_part(poses, times_s, width_px)
            if until is None or frames is None:
                continue
            margin_m = float(frames.ce90_m.max() + slide.by(poses, times_s).doubt_m.max())
            corners = np.stack([frames.lat_deg, frames.lon_deg], 2).tolist()
            field = field_in_all([[(lat, lon) for lat, lon in frame] for frame in corners], margin_m)
            if field is not None:
                rows.append(
                    sight.look(until - timedelta(seconds=2 * row_s), until, observation.source, field)
                )
    return pa.Table.from_pylist(rows, schema=LOOK)


def _near_part(poses: Poses, times_s: Array, width_px: int) -> _Frames | None:
    """Find the largest part of the picture that shows ground near enough to tell a car; None: none does."""
    for top in _TOPS:
        frames = _on_the_ground(poses, times_s, top, width_px)
        if np.isfinite(frames.ce90_m).all() and frames.longest_m <= CAR_M / LEAST_PX:
            return frames
    return None


def _on_the_ground(poses: Poses, times_s: Array, top: float, width_px: int) -> _Frames:
    aim = poses.at(times_s)
    found = []
    for right, down in ((-1.0, top), (1.0, top), (1.0, 1.0), (-1.0, 1.0)):
        sight = sights(aim.camera, right, down)
        lat, lon, range_m = cut_ground(aim.camera, sight, aim.ground_m)
        ce90_m = ce90_of(sight, range_m, *aim.sigma) + aim.extra_m + aim.corner_m
        found.append(np.stack([lat, lon, ce90_m, range_m]))
    lat, lon, ce90_m, range_m = np.stack(found, 2)
    across = 2 * np.tan(np.radians(aim.camera.hfov_deg) / 2)[:, None] * range_m / width_px
    longest = float(across.max()) if np.isfinite(across).all() else math.inf
    return _Frames(lat, lon, ce90_m, longest)
