"""What packets of drone telemetry say about the sensor: where it is, where it looks, above what ground."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.geo.camera import Camera

Array = npt.NDArray[np.float64]

# What is read of a packet: the rest need not be kept for a long flight.
INPUTS = (
    "packet_index", "pts_s", "time", "standard", "checksum_ok",
    "platform_heading_deg", "platform_pitch_deg", "platform_roll_deg",
    "platform_pitch_full_deg", "platform_roll_full_deg", "platform_ground_speed_mps",
    "sensor_lat_deg", "sensor_lon_deg", "sensor_msl_m", "sensor_hae_m", "sensor_hae_extended_m",
    "sensor_hfov_deg", "sensor_vfov_deg", "sensor_rel_azimuth_deg", "sensor_rel_elevation_deg",
    "sensor_rel_roll_deg", "sensor_roll_deg", "angle_to_north_deg", "obliquity_deg", "slant_range_m",
    "frame_center_lat_deg", "frame_center_lon_deg", "frame_center_msl_m", "frame_center_hae_m",
    *(f"corner{n}_{axis}_deg" for n in range(1, 5) for axis in ("lat", "lon")),
    *(f"corner{n}_offset_{axis}_deg" for n in range(1, 5) for axis in ("lat", "lon")),
)  # fmt: skip

PTS_WRAP_S = (1 << 33) / 90_000  # ISO/IEC 13818-1: time stamps of 33 bits, 90 000 a second

_MICROSECONDS = pa.schema([pa.field("time", pa.int64())])


class Ground(NamedTuple):
    """Height of the sensor and of the ground, of one kind; NaN where only the slant range is known."""

    height_m: Array
    ground_m: Array
    source: npt.NDArray[Any]


class Angles(NamedTuple):
    """Attitude of the platform and of the sensor on it, degrees; the legacy set has no attitude."""

    platform: tuple[Array, Array, Array]
    sensor: tuple[Array, Array, Array]


def numbers(table: pa.Table, column: str) -> Array:
    """Give a column as floats, NaN for null."""
    # Whole numbers beyond 2**53 (a damaged clock) are rounded, not refused.
    return np.asarray(table[column].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), float)


def running_s(telemetry: pa.Table) -> Array:
    """Give presentation times that run on where their clock starts anew, seconds; NaN for null."""
    pts_s = numbers(telemetry, "pts_s").copy()
    known = np.flatnonzero(np.isfinite(pts_s))
    turns = np.cumsum(np.round(np.diff(pts_s[known]) / PTS_WRAP_S))
    pts_s[known[1:]] -= PTS_WRAP_S * turns
    return pts_s


def times_s(telemetry: pa.Table) -> Array:
    """Give the packets' own times, seconds since 1970; NaN for null."""
    return numbers(telemetry.select(["time"]).cast(_MICROSECONDS), "time") / 1e6


def is_legacy(telemetry: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell which packets are of the legacy set (EG 0104)."""
    return np.array([word == "EG0104" for word in telemetry["standard"].to_pylist()], bool)


def angles_of(telemetry: pa.Table) -> Angles:
    """Read the angles; the legacy set's azimuth and obliquity are absolute, no attitude is added."""
    legacy = is_legacy(telemetry)

    def pick(column: str, full: str = "", legacy_column: str = "") -> Array:
        values = numbers(telemetry, column)
        if full:
            wide = numbers(telemetry, full)
            values = np.where(np.isfinite(wide), wide, values)
        return np.where(legacy, numbers(telemetry, legacy_column) if legacy_column else 0.0, values)

    return Angles(
        (
            pick("platform_heading_deg"),
            pick("platform_pitch_deg", "platform_pitch_full_deg"),
            pick("platform_roll_deg", "platform_roll_full_deg"),
        ),
        (
            pick("sensor_rel_azimuth_deg", legacy_column="angle_to_north_deg"),
            pick("sensor_rel_elevation_deg", legacy_column="obliquity_deg"),
            np.nan_to_num(pick("sensor_rel_roll_deg", legacy_column="sensor_roll_deg")),
        ),
    )


def camera_of(telemetry: pa.Table, height_m: Array, axes: Array) -> Camera:
    """Read places and opening angles; the sensor's axes are given."""
    return Camera(
        numbers(telemetry, "sensor_lat_deg"),
        numbers(telemetry, "sensor_lon_deg"),
        height_m,
        axes,
        numbers(telemetry, "sensor_hfov_deg"),
        numbers(telemetry, "sensor_vfov_deg"),
    )


def ground_of(telemetry: pa.Table, option_m: float | None) -> Ground:
    """Pair heights of the same kind: above mean sea level, else above the ellipsoid.

    Parameters
    ----------
    telemetry
        Rows of contract drone, section 1.
    option_m
        Height of level ground, of the sensor's kind; it counts instead of the packets' own.
    """
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
        return Ground(any_height, told, np.full(len(msl), "option"))
    by_msl, by_hae = np.isfinite(msl + centre_msl), np.isfinite(hae + centre_hae)
    height = np.where(by_msl, msl, np.where(by_hae, hae, any_height))
    ground = np.where(by_msl, centre_msl, np.where(by_hae, centre_hae, np.nan))
    return Ground(height, ground, np.where(by_msl | by_hae, "stated", ""))
