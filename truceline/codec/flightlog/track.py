"""The rows that every flight log comes to (contract drone, section 6)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[np.float64]

NUMBERS = (
    "lat_deg", "lon_deg", "msl_m", "hae_m", "rel_alt_m", "altitude_m", "heading_deg", "pitch_deg",
    "roll_deg", "gimbal_yaw_deg", "gimbal_pitch_deg", "gimbal_roll_deg",
)  # fmt: skip
TRACK = pa.schema(
    [
        pa.field("row_index", pa.int64()),
        pa.field("t_s", pa.float64()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("local_time", pa.string()),
        *(pa.field(name, pa.float64()) for name in NUMBERS),
        pa.field("source", pa.string()),
    ]
)


def track_table(columns: dict[str, Any], source: str) -> pa.Table:
    """Make rows of :data:`TRACK`; columns that are not given, and numbers that are NaN, are null.

    Parameters
    ----------
    columns
        By name: arrays of numbers, ``time`` as microseconds since 1970 (NaN unknown), ``local_time`` texts.
    source
        What in the log the rows come from.
    """
    count = len(columns["lat_deg"])
    made: dict[str, pa.Array] = {
        "row_index": pa.array(np.arange(count)),
        "source": pa.array([source] * count, pa.string()),
    }
    for field in TRACK:
        if field.name in made:
            continue
        values = columns.get(field.name)
        if values is None:
            made[field.name] = pa.nulls(count, field.type)
        elif field.name == "time":
            made["time"] = _times(np.asarray(values))
        elif field.name == "local_time":
            made["local_time"] = pa.array(values, pa.string())
        else:
            made[field.name] = pa.array(np.asarray(values, float), from_pandas=True)
    return pa.table({name: made[name] for name in TRACK.names}, schema=TRACK)


def _times(time_us: npt.NDArray[Any]) -> pa.Array:
    known = np.isfinite(time_us) & (np.abs(time_us) < 253_402_300_800_000_000)  # before the year 10000
    whole = np.where(known, time_us, 0).astype(np.int64)
    return pa.array(whole.view("M8[us]"), mask=~known).cast(TRACK.field("time").type)


def is_place(lat_deg: Array, lon_deg: Array) -> npt.NDArray[np.bool_]:
    """Tell which pairs lie on the earth."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(lat_deg) <= 90) & (np.abs(lon_deg) <= 180))
