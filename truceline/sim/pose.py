"""What the packets of a made-up drone say of its camera (MISB ST 0601 names)."""

GROUND_MSL_M = 100.0
LAT_DEG, LON_DEG = 50.0, 30.0


def pose(
    heading_deg: float, down_deg: float, hfov_deg: float, vfov_deg: float, height_m: float = 1000.0
) -> dict[str, float]:
    """Say where a level aircraft is and where its camera looks, ahead and down by an angle.

    Its place and the height of the ground can be said otherwise by putting other values over these.

    Parameters
    ----------
    heading_deg, down_deg, hfov_deg, vfov_deg
        Of the aircraft, of the camera below the horizon, and its fields of view.
    height_m
        Above ground that is 100 m high.

    Returns
    -------
    dict
        Fields for :func:`truceline.codec.klv.encode`.
    """
    return {
        "sensor_lat_deg": LAT_DEG,
        "sensor_lon_deg": LON_DEG,
        "sensor_msl_m": GROUND_MSL_M + height_m,
        "platform_heading_deg": heading_deg,
        "platform_pitch_deg": 0.0,
        "platform_roll_deg": 0.0,
        "sensor_rel_azimuth_deg": 0.0,
        "sensor_rel_elevation_deg": -down_deg,
        "sensor_hfov_deg": hfov_deg,
        "sensor_vfov_deg": vfov_deg,
    }
