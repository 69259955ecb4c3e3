"""Where each packet of drone telemetry looks, how sure that is, and what is wrong with the sensor.

Contract drone, section 2. The frame centre is computed from the pose and compared with the one that
the packet states; a lasting azimuth difference is a finding, never averaged away.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.geo.azimuth import Finding, azimuth_difference_deg, azimuth_findings
from truceline.geo.camera import SIGMA_ANGLE_DEG, Camera, sights, turned
from truceline.geo.corners import corner_doubt_m, own_corners, told_corners
from truceline.geo.crs import distances_m
from truceline.geo.flight_faults import Faults, flight_faults
from truceline.geo.pose import Ground, angles_of, camera_of, ground_of, is_legacy, numbers, running_s, times_s
from truceline.geo.ranging import Reach, Sigma, reach
from truceline.geo.steady import Steadied, steadied
from truceline.geo.terrain import Terrain

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_JUMP_S = 1.0
JUMP_OVER_STEP = 10.0
LAG = 0.3  # of one packet's turn: how old an attitude may be that shows no lag
LEFT_OF_LAG = 0.12  # of it, after the lag was put right
LAG_NOTE = "the attitude is older than the gimbal's angles by up to a packet; put right by the sight's path"
SIGMA_LEGACY_AZIMUTH_DEG = 1.0  # both real flights of the legacy set point 1.45 degrees beside
STATED_CE90_M = 50.0  # of a centre stated without pose: nothing in the packet tells more
STATED_SHARE = 0.5  # error of the stated centre over ours: the aircraft rounds only once

HEALTH = ("azimuth_bias", "yaw_180", "center_disagrees", "no_pose", "horizon", "bad_checksum", "time_jump")

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


class Located(NamedTuple):
    """What the telemetry says about the ground.

    ``camera`` is turned by the azimuth findings, so that pixels agree with the frame centre;
    ``ground_m`` is of the same kind of height; ``sigma`` says how sure the sight is, ``extra_ce90_m``
    covers the other candidate for the whole frame, ``corner_ce90_m`` the one for its corners besides;
    ``notes`` say what was corrected.
    """

    rows: pa.Table
    findings: tuple[Finding, ...]
    camera: Camera
    ground_m: Array
    sigma: Sigma
    extra_ce90_m: Array
    corner_ce90_m: Array
    notes: tuple[str, ...] = ()


class _Pose(NamedTuple):
    camera: Camera
    ground: Ground
    slant_m: Array
    steady: Steadied
    sigma: Sigma
    terrain: Terrain | None


def locate(telemetry: pa.Table, ground_elevation_m: float | None = None, dem: Path | None = None) -> Located:
    """Place every packet on the ground.

    Parameters
    ----------
    telemetry
        Rows of contract drone, section 1; the columns of :data:`INPUTS`.
    ground_elevation_m
        Height of level ground, of the sensor's kind (above mean sea level if it states that).
    dem
        A height model that counts instead; see :class:`truceline.geo.terrain.Terrain`.

    Returns
    -------
    Located
        Footprints, one per packet, and findings.

    Raises
    ------
    BadInput
        If the height model cannot be used.
    """
    pose = _pose(telemetry, ground_elevation_m, dem)
    aim = _reach(pose, pose.camera)
    stated = numbers(telemetry, "frame_center_lat_deg"), numbers(telemetry, "frame_center_lon_deg")
    difference_m = _distances(aim.lat_deg, aim.lon_deg, *stated)
    faults = _faults(telemetry, pose)
    health, found, turn_deg = _examine(telemetry, pose, aim, stated, faults)
    camera = pose.camera._replace(axes=turned(pose.camera.axes, turn_deg))
    after = _reach(pose, camera)
    with np.errstate(invalid="ignore"):
        health["center_disagrees"] = _distances(after.lat_deg, after.lon_deg, *stated) > 3 * after.ce90_m
    odd = health["azimuth_bias"] | health["yaw_180"] | health["center_disagrees"]
    centre, method, ce90_m = _best(aim, stated, difference_m, odd)
    # A heading that points backwards: the other candidate lies on the other side of the aircraft.
    across_m = 2 * aim.range_m * np.sqrt(np.clip(1 - aim.sight[:, 2] ** 2, 0, 1))
    beyond_m = faults.extra_m + np.where(faults.reversed & np.isnan(stated[0]), across_m, 0.0)
    columns: dict[str, Any] = {
        **{name: telemetry[name].to_pylist() for name in ("packet_index", "pts_s", "time")},
        "frame_center_lat_deg": centre[0],
        "frame_center_lon_deg": centre[1],
        "method": method,
        "pose_lat_deg": aim.lat_deg,
        "pose_lon_deg": aim.lon_deg,
        "stated_lat_deg": stated[0],
        "stated_lon_deg": stated[1],
        "stated_difference_m": difference_m,
        "ground_elevation_m": aim.ground_m,
        "ground_source": _sources(pose, aim),
        "ce90_m": ce90_m + beyond_m,
        **_corners(pose, camera, after.ground_m, telemetry, stated, health["center_disagrees"]),
        "health": [[word for word in HEALTH if health[word][row]] for row in range(telemetry.num_rows)],
    }
    rows = pa.table({field.name: _column(columns[field.name], field.type) for field in FOOTPRINT})
    findings = sorted(
        (*found, *faults.findings, *_runs(health)), key=lambda one: (one.first_packet, one.kind)
    )
    extra_m = np.where(odd, np.nan_to_num(difference_m), 0.0) + beyond_m
    notes = (LAG_NOTE,) if pose.steady.is_corrected else ()
    beside_m = corner_doubt_m(telemetry, camera, after.ground_m, pose.sigma, stated)
    return Located(rows, tuple(findings), camera, after.ground_m, pose.sigma, extra_m, beside_m, notes)


def _pose(telemetry: pa.Table, option_m: float | None, dem: Path | None) -> _Pose:
    ground = ground_of(telemetry, None if dem is not None else option_m)
    angles = angles_of(telemetry)
    slant_m = numbers(telemetry, "slant_range_m")
    steady = steadied(angles, times_s(telemetry), ground.height_m, slant_m)
    camera = camera_of(telemetry, ground.height_m, steady.axes)
    terrain = None if dem is None else Terrain(dem, camera.lat_deg, camera.lon_deg)
    if dem is not None:
        ground = ground._replace(source=np.full(len(ground.source), "dem"))
    lag = LEFT_OF_LAG if steady.is_corrected else LAG
    unchecked = np.isnan(numbers(telemetry, "frame_center_lat_deg")) & is_legacy(telemetry)
    sigma = Sigma(
        np.hypot(SIGMA_ANGLE_DEG, lag * steady.step_deg), np.where(unchecked, SIGMA_LEGACY_AZIMUTH_DEG, 0.0)
    )
    return _Pose(camera, ground, slant_m, steady, sigma, terrain)


def _reach(pose: _Pose, camera: Camera) -> Reach:
    return reach(camera, pose.ground, pose.slant_m, pose.sigma, pose.terrain)


def _faults(telemetry: pa.Table, pose: _Pose) -> Faults:
    names = telemetry.column_names
    speed = "platform_ground_speed_mps"
    return flight_faults(
        pose.camera.lat_deg,
        pose.camera.lon_deg,
        times_s(telemetry),
        running_s(telemetry),
        numbers(telemetry, "platform_heading_deg"),
        numbers(telemetry, speed) if speed in names else np.full(telemetry.num_rows, np.nan),
    )


def _examine(
    telemetry: pa.Table, pose: _Pose, aim: Reach, stated: tuple[Array, Array], faults: Faults
) -> tuple[dict[str, Flags], list[Finding], Array]:
    """Say what is wrong with each packet, and by how much its azimuth has to be turned."""
    count, camera = telemetry.num_rows, pose.camera
    good = np.array([ok is not False for ok in telemetry["checksum_ok"].to_pylist()], bool)
    has_pose = np.isfinite(camera.axes).all((1, 2)) & np.isfinite(camera.lat_deg + camera.lon_deg)
    aims = np.isfinite(pose.ground.ground_m) & np.isfinite(pose.ground.height_m)
    health = {word: np.zeros(count, bool) for word in HEALTH}
    health["bad_checksum"] = ~good
    health["no_pose"] = ~has_pose
    health["horizon"] = has_pose & (aims | (pose.terrain is not None)) & ~np.isfinite(aim.range_m)
    health["time_jump"] = _jumps(times_s(telemetry))
    sensor = camera.lat_deg, camera.lon_deg
    difference = azimuth_difference_deg(sensor, (aim.lat_deg, aim.lon_deg), aim.range_m, stated)
    found = azimuth_findings(difference, good)
    turn_deg = np.zeros(count)
    for one in found:
        lasts = slice(one.first_packet, one.last_packet + 1)
        health[one.kind][lasts] = has_pose[lasts]
        turn_deg[lasts] = one.estimate_deg or 0.0
    health["yaw_180"] |= faults.reversed & np.isnan(stated[0]) & has_pose
    return health, found, turn_deg


def _sources(pose: _Pose, aim: Reach) -> list[str | None]:
    by_range = np.where(np.isfinite(aim.range_m), "slant_range", "")
    return [str(word) or None for word in np.where(pose.ground.source != "", pose.ground.source, by_range)]


def _distances(lat: Array, lon: Array, to_lat: Array, to_lon: Array) -> Array:
    known = np.isfinite(lat + lon + to_lat + to_lon)
    distance_m = np.full(len(lat), np.nan)
    distance_m[known] = distances_m(lat[known], lon[known], to_lat[known], to_lon[known])
    return distance_m


def _jumps(times: Array) -> Flags:
    jumps = np.zeros(len(times), bool)
    known = np.flatnonzero(np.isfinite(times))
    if len(known) > 2:
        step = np.diff(times[known])
        usual = float(np.median(np.abs(step)))
        jumps[known[1:]] = (step < 0) | (step > max(LEAST_JUMP_S, JUMP_OVER_STEP * usual))
    return jumps


def _best(
    aim: Reach, stated: tuple[Array, Array], difference_m: Array, odd: Flags
) -> tuple[tuple[Array, Array], list[str], Array]:
    by_pose, by_packet = np.isfinite(aim.lat_deg), np.isfinite(stated[0] + stated[1])
    both = by_pose & by_packet & ~odd
    # Inverse variances; where the two contradict each other, no mean is true: the stated one stands.
    share = np.where(both, STATED_SHARE**2 / (1 + STATED_SHARE**2), np.where(by_packet, 0.0, 1.0))
    apart = (aim.lon_deg - stated[1] + 180) % 360 - 180  # across the date line too
    lat = np.where(share == 1, aim.lat_deg, stated[0] + np.where(both, share * (aim.lat_deg - stated[0]), 0))
    lon = np.where(share == 1, aim.lon_deg, stated[1] + np.where(both, share * apart, 0))
    method = np.where(both, "combined", np.where(by_packet, "stated", np.where(by_pose, "pose", "none")))
    alone_m = np.where(np.isfinite(aim.ce90_m), aim.ce90_m, STATED_CE90_M)
    ce90_m = np.where(odd, np.nan_to_num(difference_m) + alone_m, alone_m)
    return (lat, lon), [str(word) for word in method], np.where(method == "none", np.nan, ce90_m)


def _corners(
    pose: _Pose,
    camera: Camera,
    ground_m: Array,
    telemetry: pa.Table,
    stated: tuple[Array, Array],
    disagrees: Flags,
) -> dict[str, Array]:
    by_pose = np.isfinite(sights(camera, 0.0, 0.0)[:, 0]) & np.isfinite(ground_m) & ~disagrees
    corners: dict[str, Array] = {}
    both = zip(own_corners(camera, ground_m, pose.terrain), told_corners(telemetry, stated), strict=True)
    for n, (ours, told) in enumerate(both, 1):
        for axis, own, said in zip(("lat", "lon"), ours, told, strict=True):
            corners[f"corner{n}_{axis}_deg"] = np.where(by_pose, own, said)
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
