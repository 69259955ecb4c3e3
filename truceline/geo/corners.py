"""The corners of frames on the ground: computed, stated, and how far a pixel beside the middle may be off.

A turret may hold its picture level or let it roll with the aircraft, and most packets say a sensor roll of
zero in either case. Where the stated corners contradict the computed ones, or where nothing tells the roll,
both pictures are possible, and what lies beside the middle of a frame is less sure by as much.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.geo.camera import Camera, ce90_of, cut_ground, go_along, sights
from truceline.geo.crs import distances_m
from truceline.geo.pose import is_legacy, numbers
from truceline.geo.ranging import Sigma
from truceline.geo.terrain import Terrain

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Place = tuple[Array, Array]

CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))  # top-left, top-right, bottom-right, bottom-left
LEAST_SPAN_M = 1.0  # stated corners nearer together are none


def told_corners(telemetry: pa.Table, stated: Place) -> list[Place]:
    """Read the corners that packets state, in full or against the stated centre; NaN where they do not."""
    found = []
    for n in range(1, 5):
        place = []
        for axis, centre in zip(("lat", "lon"), stated, strict=True):
            full = numbers(telemetry, f"corner{n}_{axis}_deg")
            offset = numbers(telemetry, f"corner{n}_offset_{axis}_deg")
            place.append(np.where(np.isfinite(full), full, centre + offset))
        found.append((place[0], place[1]))
    return found


def own_corners(camera: Camera, ground_m: Array, terrain: Terrain | None = None) -> list[Place]:
    """Compute the corners; NaN above the horizon."""
    found = []
    for right, down in CORNERS:
        sight = sights(camera, right, down)
        if terrain is None:
            lat, lon, _ = cut_ground(camera, sight, ground_m)
        else:
            lat, lon, _ = go_along(camera, sight, terrain.cut(camera, sight))
        found.append((lat, lon))
    return found


def corner_doubt_m(
    telemetry: pa.Table, camera: Camera, ground_m: Array, sigma: Sigma, stated: Place
) -> Array:
    """Say how far the corners of each frame may be off besides the error of the whole frame, metres.

    Parameters
    ----------
    telemetry
        Rows of contract drone, section 1.
    camera, ground_m, sigma
        Poses, turned so that they agree with the stated centre; the ground; how sure the sights are.
    stated
        The frame centre that the packets state: offsets of corners count from it.
    """
    ours, told = own_corners(camera, ground_m), told_corners(telemetry, stated)
    levelled = own_corners(camera._replace(axes=level(camera.axes)), ground_m)
    span_m = _apart(told[0], told[2])
    unsure = ~_rolls(telemetry)
    doubt_m = np.zeros(telemetry.num_rows)
    for corner, mine, said, flat in zip(CORNERS, ours, told, levelled, strict=True):
        sight = sights(camera, *corner)
        range_m = cut_ground(camera, sight, ground_m)[2]
        own_m = ce90_of(sight, range_m, sigma.angle_deg, sigma.azimuth_deg)
        by_packet = np.where(span_m > LEAST_SPAN_M, _apart(mine, said), np.nan)
        apart_m = np.where(np.isfinite(by_packet), by_packet, np.where(unsure, _apart(mine, flat), 0.0))
        with np.errstate(invalid="ignore"):
            doubt_m = np.fmax(doubt_m, np.where(apart_m > own_m, apart_m, 0.0))
    return doubt_m


def level(axes: Array) -> Array:
    """Turn cameras about their sights until the horizon is level."""
    forward = axes[:, :, 0]
    right = np.cross(np.array([0.0, 0.0, 1.0]), forward)
    length = np.linalg.norm(right, axis=1, keepdims=True)
    right = np.where(length > 1e-6, right / np.maximum(length, 1e-6), axes[:, :, 1])
    return np.stack([forward, right, np.cross(forward, right)], -1)


def _rolls(telemetry: pa.Table) -> Flags:
    """Tell which packets measure the roll of the sensor: all, where it is ever told to be other than 0."""
    roll = numbers(telemetry, "sensor_rel_roll_deg")
    told = bool((np.nan_to_num(roll) != 0).any())
    return np.full(len(roll), told) | is_legacy(telemetry)  # its angles are absolute


def _apart(one: Place, other: Place) -> Array:
    known = np.isfinite(one[0] + one[1] + other[0] + other[1])
    apart_m = np.full(len(known), np.nan)
    apart_m[known] = distances_m(one[0][known], one[1][known], other[0][known], other[1][known])
    return apart_m
