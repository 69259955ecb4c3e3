"""From pixels of a clip to places on the ground, by the telemetry that came with it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.detect.pictures.motion import Hit
from truceline.geo.camera import Camera, between, ce90_of, cut_ground, sights
from truceline.geo.footprint import locate
from truceline.geo.pose import PTS_WRAP_S, numbers, running_s
from truceline.geo.ranging import Sigma

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NADIR = np.sin(np.radians(80.0))  # steeper sights show an object from above: its middle is its place
LONGEST_GAP_S = 2.0  # between a frame and the packets that tell its pose
_MICROSECONDS = pa.schema([pa.field("time", pa.int64())])


class Places(NamedTuple):
    """Where and when hits were, one entry each; NaN where no pose is known, ``packet`` -1."""

    lat_deg: Array
    lon_deg: Array
    ce90_m: Array
    time_us: Array
    packet: Ints


class Aims(NamedTuple):
    """Cameras at some moments, one entry each, with what makes their pixels unsure.

    ``extra_m`` is added to the ``ce90_m`` of a whole frame, ``corner_m`` to that of its corners, and in
    between by the distance from the middle.
    """

    camera: Camera
    ground_m: Array
    sigma: Sigma
    extra_m: Array
    corner_m: Array


class Poses:
    """Where a camera looked during a clip, by its telemetry (rows of contract drone, section 1).

    Where the clock of 33 bits starts anew, decoders of video go on counting from either side of it:
    presentation times that differ by whole turns of it are the same.
    """

    def __init__(self, telemetry: pa.Table) -> None:
        self.telemetry = telemetry
        self.pts_s = running_s(telemetry)
        self.located = locate(telemetry)
        known = self.pts_s[np.isfinite(self.pts_s)]
        self._middle_s = float(np.median(known)) if len(known) else np.nan

    def at(self, times_s: Array) -> Aims:
        """Give what the poses say at presentation times; NaN if unknown."""
        told, times_s = self.located, self._turned(times_s)
        return Aims(
            between(told.camera, self.pts_s, times_s, LONGEST_GAP_S),
            _between(self.pts_s, told.ground_m, times_s),
            Sigma(*(_between(self.pts_s, one, times_s) for one in told.sigma)),
            np.nan_to_num(_between(self.pts_s, told.extra_ce90_m, times_s)),
            np.nan_to_num(_between(self.pts_s, told.corner_ce90_m, times_s)),
        )

    def packets_at(self, times_s: Array) -> Ints:
        """Name the packet nearest to each presentation time; -1 where none is near enough to tell a pose."""
        known = np.flatnonzero(np.isfinite(self.pts_s))
        if not len(known):
            return np.full(len(times_s), -1)
        known = known[np.argsort(self.pts_s[known], kind="stable")]
        at_s, times_s = self.pts_s[known], self._turned(times_s)
        after = np.clip(np.searchsorted(at_s, times_s), 1, max(1, len(at_s) - 1))
        right = np.minimum(after, len(at_s) - 1)
        nearest = np.where(
            np.abs(times_s - at_s[after - 1]) <= np.abs(times_s - at_s[right]), after - 1, right
        )
        numbers_of = self.telemetry["packet_index"].to_numpy()[known[nearest]]
        return np.where(np.abs(times_s - at_s[nearest]) <= LONGEST_GAP_S, numbers_of, -1)

    def utc_us(self, times_s: Array) -> Array:
        """Tell the UTC of presentation times, microseconds since 1970; NaN without telemetry."""
        time_us = numbers(self.telemetry.select(["time"]).cast(_MICROSECONDS), "time")
        known = np.flatnonzero(np.isfinite(self.pts_s + time_us))
        if not len(known):
            return np.full(len(times_s), np.nan)
        known = known[np.argsort(self.pts_s[known], kind="stable")]
        times_s = self._turned(times_s)
        # Before the first and after the last packet the two clocks run on side by side.
        offset_us = np.interp(times_s, self.pts_s[known], time_us[known] - self.pts_s[known] * 1e6)
        return np.asarray(np.round(offset_us + times_s * 1e6))

    def _turned(self, times_s: Array) -> Array:
        """Count presentation times from where the telemetry counts them."""
        turns = np.round((self._middle_s - times_s) / PTS_WRAP_S)
        return times_s + PTS_WRAP_S * np.nan_to_num(turns)

    def metres_per_pixel(self, time_s: float, width_px: int) -> float:
        """Tell how much ground a pixel shows, across the sight through the middle; NaN if unknown."""
        aim = self.at(np.array([time_s]))
        range_m = cut_ground(aim.camera, sights(aim.camera, 0.0, 0.0), aim.ground_m)[2]
        return float(2 * range_m[0] * np.tan(np.radians(aim.camera.hfov_deg[0]) / 2) / width_px)


def place(hits: Sequence[Hit], sizes: tuple[int, int], poses: Poses) -> Places:
    """Put hits on the ground: the middle of the box's lower edge, from above its centre.

    Parameters
    ----------
    hits
        Boxes in pixels of the full frame.
    sizes
        Width and height of the frame, pixels.
    poses
        Of the clip.
    """
    times_s = np.array([hit.pts_s for hit in hits], float)
    aim = poses.at(times_s)
    camera = aim.camera
    steep = sights(camera, 0.0, 0.0)[:, 2]
    boxes = np.array([(hit.x_px, hit.y_px, hit.w_px, hit.h_px) for hit in hits], float).reshape(-1, 4)
    right = 2 * (boxes[:, 0] + boxes[:, 2] / 2) / sizes[0] - 1
    down = 2 * (boxes[:, 1] + boxes[:, 3] * np.where(steep > NADIR, 0.5, 1.0)) / sizes[1] - 1
    sight = sights(camera, right, down)
    lat, lon, range_m = cut_ground(camera, sight, aim.ground_m)
    beside = np.hypot(right, down) / np.sqrt(2.0)  # 1 in a corner
    ce90_m = ce90_of(sight, range_m, *aim.sigma) + aim.extra_m + beside * aim.corner_m
    return Places(lat, lon, ce90_m, poses.utc_us(times_s), poses.packets_at(times_s))


def moment_of(time_us: float) -> datetime | None:
    """Give microseconds since 1970 as a time; None for NaN."""
    return EPOCH + timedelta(microseconds=int(time_us)) if np.isfinite(time_us) else None


def _between(pts_s: Array, values: Array, times_s: Array) -> Array:
    known = np.flatnonzero(np.isfinite(pts_s + values))
    if not len(known):
        return np.full(len(times_s), np.nan)
    known = known[np.argsort(pts_s[known], kind="stable")]
    return np.interp(times_s, pts_s[known], values[known])
