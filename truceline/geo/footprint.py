"""Where each packet of drone telemetry looks, how sure that is, and what is wrong with the sensor.

Contract drone, section 2. The frame centre is computed from the pose and compared with the one that
the packet states; a lasting azimuth difference is a finding, never averaged away.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.geo.camera import Camera, axes_of, ce90_of, cut_ground, go_along, sights, turned
from truceline.geo.crs import GEOD, distances_m

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))  # top-left, top-right, bottom-right, bottom-left

LEAST_PACKETS = 5  # shorter runs are scatter, not a state of the sensor
LEAST_BIAS_DEG = 0.25  # 2.5 times the assumed angular error of one packet
REVERSED_DEG = 170.0
BIAS_OVER_SCATTER = 2.0
STEP_OVER_SCATTER = 6.0
LEAST_JUMP_S = 1.0
JUMP_OVER_STEP = 10.0
STATED_CE90_M = 50.0  # of a centre stated without pose: nothing in the packet tells more
STATED_SHARE = 0.5  # error of the stated centre over ours: the aircraft rounds only once

HEALTH = ("azimuth_bias", "yaw_180", "center_disagrees", "no_pose", "horizon", "bad_checksum", "time_jump")

_MICROSECONDS = pa.schema([pa.field("time", pa.int64())])
FOOTPRINT = pa.schema(
    [
        pa.field("packet_index", pa.int64()),
        pa.field("pts_s", pa.float64()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("frame_center_lat_deg", pa.float64()),
        pa.field("frame_center_lon_deg", pa.float64()),
        pa.field("method", pa.string()),
        *(
            pa.field(f"{kind}_{axis}_deg", pa.float64())
            for kind in ("pose", "stated")
            for axis in ("lat", "lon")
        ),
        pa.field("stated_difference_m", pa.float64()),
        *(pa.field(f"corner{n}_{axis}_deg", pa.float64()) for n in range(1, 5) for axis in ("lat", "lon")),
        pa.field("ground_elevation_m", pa.float64()),
        pa.field("ground_source", pa.string()),
        pa.field("ce90_m", pa.float64()),
        pa.field("health", pa.list_(pa.string())),
    ]
)

# What is read of a packet: the rest need not be kept for a long flight.
INPUTS = (
    "packet_index", "pts_s", "time", "standard", "checksum_ok",
    "platform_heading_deg", "platform_pitch_deg", "platform_roll_deg",
    "platform_pitch_full_deg", "platform_roll_full_deg",
    "sensor_lat_deg", "sensor_lon_deg", "sensor_msl_m", "sensor_hae_m", "sensor_hae_extended_m",
    "sensor_hfov_deg", "sensor_vfov_deg", "sensor_rel_azimuth_deg", "sensor_rel_elevation_deg",
    "sensor_rel_roll_deg", "sensor_roll_deg", "angle_to_north_deg", "obliquity_deg", "slant_range_m",
    "frame_center_lat_deg", "frame_center_lon_deg", "frame_center_msl_m", "frame_center_hae_m",
    *(f"corner{n}_{axis}_deg" for n in range(1, 5) for axis in ("lat", "lon")),
    *(f"corner{n}_offset_{axis}_deg" for n in range(1, 5) for axis in ("lat", "lon")),
)  # fmt: skip


class Finding(NamedTuple):
    """Something wrong with the sensor from one packet to another (both included)."""

    kind: str
    first_packet: int
    last_packet: int
    estimate_deg: float | None
    sigma_deg: float | None
    text: str


class Located(NamedTuple):
    """What the telemetry says about the ground.

    ``camera`` is turned by the azimuth findings, so that pixels agree with the frame centre;
    ``ground_m`` is of the same kind of height; ``extra_ce90_m`` covers the other candidate.
    """

    rows: pa.Table
    findings: tuple[Finding, ...]
    camera: Camera
    ground_m: Array
    extra_ce90_m: Array


class _Ground(NamedTuple):
    height_m: Array  # of the sensor, of the kind that goes with the ground
    ground_m: Array  # NaN: only the slant range is known
    source: npt.NDArray[Any]


class _Cut(NamedTuple):
    lat_deg: Array
    lon_deg: Array
    range_m: Array
    ground_m: Array
    sight: Array


def numbers(table: pa.Table, column: str) -> Array:
    """Give a column as floats, NaN for null."""
    return np.asarray(table[column].cast(pa.float64()).to_numpy(zero_copy_only=False), float)


def locate(telemetry: pa.Table, ground_elevation_m: float | None = None) -> Located:
    """Place every packet on the ground.

    Parameters
    ----------
    telemetry
        Rows of contract drone, section 1; the columns of :data:`INPUTS`.
    ground_elevation_m
        Height of level ground, of the sensor's kind (above mean sea level if it states that).

    Returns
    -------
    Located
        Footprints, one per packet, and findings.
    """
    count = telemetry.num_rows
    ground = _ground(telemetry, ground_elevation_m)
    camera = camera_of(telemetry, ground.height_m)
    slant_m = numbers(telemetry, "slant_range_m")
    cut = _cut(camera, ground.ground_m, slant_m)
    stated = numbers(telemetry, "frame_center_lat_deg"), numbers(telemetry, "frame_center_lon_deg")
    difference_m = _distances(cut.lat_deg, cut.lon_deg, *stated)
    health, found, turn_deg = _examine(telemetry, camera, ground, cut, stated)
    camera = camera._replace(axes=turned(camera.axes, turn_deg))
    after = _cut(camera, ground.ground_m, slant_m)
    model_m = ce90_of(cut.sight, cut.range_m)
    with np.errstate(invalid="ignore"):
        health["center_disagrees"] = _distances(after.lat_deg, after.lon_deg, *stated) > 3 * model_m
    odd = health["azimuth_bias"] | health["yaw_180"] | health["center_disagrees"]
    centre, method, ce90_m = _best(cut, stated, difference_m, model_m, odd)
    columns: dict[str, Any] = {
        **{name: telemetry[name].to_pylist() for name in ("packet_index", "pts_s", "time")},
        "frame_center_lat_deg": centre[0],
        "frame_center_lon_deg": centre[1],
        "method": method,
        "stated_lat_deg": stated[0],
        "stated_lon_deg": stated[1],
        "stated_difference_m": difference_m,
        "ce90_m": ce90_m,
        **_from_pose(cut, ground),
        **_corners(camera, after.ground_m, telemetry, stated, health["center_disagrees"]),
        "health": [[word for word in HEALTH if health[word][row]] for row in range(count)],
    }
    rows = pa.table({field.name: _column(columns[field.name], field.type) for field in FOOTPRINT})
    findings = sorted((*found, *_runs(health)), key=lambda one: (one.first_packet, one.kind))
    extra_m = np.where(odd, np.nan_to_num(difference_m), 0.0)
    return Located(rows, tuple(findings), camera, after.ground_m, extra_m)


def _examine(
    telemetry: pa.Table, camera: Camera, ground: _Ground, cut: _Cut, stated: tuple[Array, Array]
) -> tuple[dict[str, Flags], list[Finding], Array]:
    """Say what is wrong with each packet, and by how much its azimuth has to be turned."""
    count = telemetry.num_rows
    good = np.array([ok is not False for ok in telemetry["checksum_ok"].to_pylist()], bool)
    has_pose = np.isfinite(camera.axes).all((1, 2)) & np.isfinite(camera.lat_deg + camera.lon_deg)
    aims = np.isfinite(ground.ground_m) & np.isfinite(ground.height_m)
    health = {word: np.zeros(count, bool) for word in HEALTH}
    health["bad_checksum"] = ~good
    health["no_pose"] = ~has_pose
    health["horizon"] = has_pose & aims & ~np.isfinite(cut.range_m)
    health["time_jump"] = _jumps(numbers(telemetry.select(["time"]).cast(_MICROSECONDS), "time") / 1e6)
    found = _azimuth_findings(_azimuth_difference_deg(camera, cut, stated), good)
    turn_deg = np.zeros(count)
    for one in found:
        lasts = slice(one.first_packet, one.last_packet + 1)
        health[one.kind][lasts] = has_pose[lasts]
        turn_deg[lasts] = one.estimate_deg or 0.0
    return health, found, turn_deg


def _from_pose(cut: _Cut, ground: _Ground) -> dict[str, Any]:
    source = np.where(
        ground.source != "", ground.source, np.where(np.isfinite(cut.range_m), "slant_range", "")
    )
    return {
        "pose_lat_deg": cut.lat_deg,
        "pose_lon_deg": cut.lon_deg,
        "ground_elevation_m": cut.ground_m,
        "ground_source": [str(word) or None for word in source],
    }


def camera_of(telemetry: pa.Table, height_m: Array) -> Camera:
    """Read poses; the legacy set's azimuth and obliquity are absolute, no attitude is added."""
    legacy = np.array([word == "EG0104" for word in telemetry["standard"].to_pylist()], bool)

    def pick(column: str, full: str = "", legacy_column: str = "") -> Array:
        values = numbers(telemetry, column)
        if full:
            wide = numbers(telemetry, full)
            values = np.where(np.isfinite(wide), wide, values)
        return np.where(legacy, numbers(telemetry, legacy_column) if legacy_column else 0.0, values)

    sensor_roll = np.nan_to_num(pick("sensor_rel_roll_deg", legacy_column="sensor_roll_deg"))
    axes = axes_of(
        pick("platform_heading_deg"),
        pick("platform_pitch_deg", "platform_pitch_full_deg"),
        pick("platform_roll_deg", "platform_roll_full_deg"),
        pick("sensor_rel_azimuth_deg", legacy_column="angle_to_north_deg"),
        pick("sensor_rel_elevation_deg", legacy_column="obliquity_deg"),
        sensor_roll,
    )
    lat, lon = numbers(telemetry, "sensor_lat_deg"), numbers(telemetry, "sensor_lon_deg")
    hfov, vfov = numbers(telemetry, "sensor_hfov_deg"), numbers(telemetry, "sensor_vfov_deg")
    return Camera(lat, lon, height_m, axes, hfov, vfov)


def _ground(telemetry: pa.Table, option_m: float | None) -> _Ground:
    msl, hae = numbers(telemetry, "sensor_msl_m"), numbers(telemetry, "sensor_hae_m")
    wide = numbers(telemetry, "sensor_hae_extended_m")
    hae = np.where(np.isfinite(wide), wide, hae)
    centre_msl, centre_hae = (
        numbers(telemetry, "frame_center_msl_m"),
        numbers(telemetry, "frame_center_hae_m"),
    )
    any_height = np.where(np.isfinite(msl), msl, hae)
    if option_m is not None:
        told = np.full(len(msl), float(option_m))
        return _Ground(any_height, told, np.full(len(msl), "option"))
    by_msl, by_hae = np.isfinite(msl + centre_msl), np.isfinite(hae + centre_hae)
    height = np.where(by_msl, msl, np.where(by_hae, hae, any_height))
    ground = np.where(by_msl, centre_msl, np.where(by_hae, centre_hae, np.nan))
    return _Ground(height, ground, np.where(by_msl | by_hae, "stated", ""))


def _cut(camera: Camera, ground_m: Array, slant_m: Array) -> _Cut:
    sight = sights(camera, 0.0, 0.0)
    lat, lon, range_m = cut_ground(camera, sight, ground_m)
    by_range = np.isnan(ground_m) & (slant_m > 0)
    far_lat, far_lon, far_m = go_along(camera, sight, np.where(by_range, slant_m, np.nan))
    lat, lon = np.where(by_range, far_lat, lat), np.where(by_range, far_lon, lon)
    reached = np.where(by_range & np.isfinite(far_lat), slant_m, range_m)
    return _Cut(lat, lon, reached, np.where(by_range, far_m, ground_m), sight)


def _distances(lat: Array, lon: Array, to_lat: Array, to_lon: Array) -> Array:
    known = np.isfinite(lat + lon + to_lat + to_lon)
    distance_m = np.full(len(lat), np.nan)
    distance_m[known] = distances_m(lat[known], lon[known], to_lat[known], to_lon[known])
    return distance_m


def _azimuth_difference_deg(camera: Camera, cut: _Cut, stated: tuple[Array, Array]) -> Array:
    """Tell how far the sight must be turned clockwise to point at the stated centre, -180 … 180."""
    known = np.isfinite(cut.lat_deg + stated[0] + stated[1])
    turn = np.full(len(known), np.nan)
    begin = camera.lon_deg[known], camera.lat_deg[known]
    to_pose, _, pose_m = GEOD.inv(*begin, cut.lon_deg[known], cut.lat_deg[known])
    to_stated, _, stated_m = GEOD.inv(*begin, stated[1][known], stated[0][known])
    # Straight below, an azimuth means nothing.
    far = np.minimum(pose_m, stated_m) > 0.05 * cut.range_m[known]
    turn[known] = np.where(far, (np.asarray(to_stated) - np.asarray(to_pose) + 180) % 360 - 180, np.nan)
    return turn


def _azimuth_findings(turn_deg: Array, good: Flags) -> list[Finding]:
    usable = np.flatnonzero(np.isfinite(turn_deg) & good)
    if len(usable) < LEAST_PACKETS:
        return []
    # Near the back the sign flips by chance: count from 0 to 360 there.
    values = turn_deg[usable]
    values = np.where(values < -90, values + 360, values)
    scatter = float(np.median(np.abs(np.diff(values)))) * 1.4826 / np.sqrt(2)
    edges = [0, *sorted(_splits(values, 0, scatter)), len(values)]
    found = []
    for begin, end in pairwise(edges):
        part = values[begin:end]
        if len(part) < LEAST_PACKETS:
            continue
        estimate, spread = float(np.median(part)), float(np.std(part))
        if abs(estimate) < max(LEAST_BIAS_DEG, BIAS_OVER_SCATTER * spread):
            continue
        estimate = (estimate + 180) % 360 - 180
        kind = "yaw_180" if abs(estimate) >= REVERSED_DEG else "azimuth_bias"
        sigma = max(spread / np.sqrt(len(part)), 1e-4)
        first, last = int(usable[begin]), int(usable[end - 1])
        text = (
            f"packets {first} to {last}: the pose must be turned by {estimate:+.2f} degrees"
            " to agree with the stated frame centre"
        )
        found.append(Finding(kind, first, last, round(estimate, 4), round(float(sigma), 4), text))
    return found


def _splits(values: Array, offset: int, scatter: float) -> list[int]:
    """Cut where the mean steps, the largest step first (binary segmentation; Scott and Knott 1974)."""
    cuts: list[int] = []
    todo = [(0, len(values))]
    total = np.concatenate([[0.0], np.cumsum(values)])
    while todo:
        begin, end = todo.pop()
        if end - begin < 2 * LEAST_PACKETS:
            continue
        at = np.arange(begin + LEAST_PACKETS, end - LEAST_PACKETS + 1)
        before = (total[at] - total[begin]) / (at - begin)
        behind = (total[end] - total[at]) / (end - at)
        gain = (before - behind) ** 2 * (at - begin) * (end - at)
        best = int(np.argmax(gain))
        if abs(before[best] - behind[best]) > max(LEAST_BIAS_DEG, STEP_OVER_SCATTER * scatter):
            cuts.append(int(at[best]) + offset)
            todo += [(begin, int(at[best])), (int(at[best]), end)]
    return cuts


def _jumps(times: Array) -> Flags:
    jumps = np.zeros(len(times), bool)
    known = np.flatnonzero(np.isfinite(times))
    if len(known) > 2:
        step = np.diff(times[known])
        usual = float(np.median(np.abs(step)))
        jumps[known[1:]] = (step < 0) | (step > max(LEAST_JUMP_S, JUMP_OVER_STEP * usual))
    return jumps


def _best(
    cut: _Cut, stated: tuple[Array, Array], difference_m: Array, model_m: Array, odd: Flags
) -> tuple[tuple[Array, Array], list[str], Array]:
    by_pose, by_packet = np.isfinite(cut.lat_deg), np.isfinite(stated[0] + stated[1])
    both = by_pose & by_packet & ~odd
    # Inverse variances; where the two contradict each other, no mean is true: the stated one stands.
    share = np.where(both, STATED_SHARE**2 / (1 + STATED_SHARE**2), np.where(by_packet, 0.0, 1.0))
    apart = (cut.lon_deg - stated[1] + 180) % 360 - 180  # across the date line too
    lat = np.where(share == 1, cut.lat_deg, stated[0] + np.where(both, share * (cut.lat_deg - stated[0]), 0))
    lon = np.where(share == 1, cut.lon_deg, stated[1] + np.where(both, share * apart, 0))
    method = np.where(both, "combined", np.where(by_packet, "stated", np.where(by_pose, "pose", "none")))
    alone_m = np.where(np.isfinite(model_m), model_m, STATED_CE90_M)
    ce90_m = np.where(odd, np.nan_to_num(difference_m) + alone_m, alone_m)
    return (lat, lon), [str(word) for word in method], np.where(method == "none", np.nan, ce90_m)


def _corners(
    camera: Camera, ground_m: Array, telemetry: pa.Table, stated: tuple[Array, Array], disagrees: Flags
) -> dict[str, Array]:
    corners: dict[str, Array] = {}
    by_pose = np.isfinite(sights(camera, 0.0, 0.0)[:, 0]) & np.isfinite(ground_m) & ~disagrees
    for n, (right, down) in enumerate(CORNERS, 1):
        ours = cut_ground(camera, sights(camera, right, down), ground_m)[:2]
        for axis, centre, own in zip(("lat", "lon"), stated, ours, strict=True):
            told = numbers(telemetry, f"corner{n}_{axis}_deg")
            offset = numbers(telemetry, f"corner{n}_offset_{axis}_deg")
            told = np.where(np.isfinite(told), told, centre + offset)
            corners[f"corner{n}_{axis}_deg"] = np.where(by_pose, own, told)
    return corners


def _runs(health: dict[str, Flags]) -> list[Finding]:
    findings = []
    for word in ("center_disagrees", "no_pose", "horizon", "bad_checksum", "time_jump"):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], health[word].astype(np.int8), [0]])))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            text = f"packets {first} to {end - 1}: {word.replace('_', ' ')}"
            findings.append(Finding(word, int(first), int(end - 1), None, None, text))
    return findings


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, np.ndarray):
        return pa.array(values, kind, from_pandas=True)
    return pa.array(values, kind)
