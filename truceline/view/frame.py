"""Where a camera looked last: the outline of one frame on the ground, for the map."""

from datetime import datetime

import msgspec

from truceline.model.observed import Observation
from truceline.model.place import utc_time

_CORNERS = tuple(
    (f"frame_corner{n}_lon_deg", f"frame_corner{n}_lat_deg") for n in range(1, 5)
)  # of an observation's attributes, from the top left clockwise
_NUMBERS = (
    "frame_center_lat_deg", "frame_center_lon_deg", "frame_ce90_m", "sensor_lat_deg", "sensor_lon_deg",
    *(name for corner in _CORNERS for name in corner),
)  # fmt: skip


class Frame(msgspec.Struct, frozen=True):
    """The newest frame of a source: corners as (lon, lat) in degrees, from the top left clockwise.

    ``ce90_m`` is of the middle of the frame; ``packet`` numbers the telemetry packet in its piece.
    """

    seq: int
    time_utc: datetime
    packet: int
    corners: tuple[tuple[float, float], ...]
    center_lat_deg: float
    center_lon_deg: float
    ce90_m: float
    sensor_lat_deg: float
    sensor_lon_deg: float


def frame_of(said: Observation, seq: int) -> Frame | None:
    """Read the frame that an observation tells of in its attributes; None: it tells of none."""
    told = said.attributes
    if not {"frame_utc", "frame_packet", *_NUMBERS} <= told.keys():
        return None
    value = {name: float(told[name]) for name in _NUMBERS}
    return Frame(
        seq=seq,
        time_utc=utc_time(str(told["frame_utc"])),
        packet=int(told["frame_packet"]),
        corners=tuple((value[lon], value[lat]) for lon, lat in _CORNERS),
        center_lat_deg=value["frame_center_lat_deg"],
        center_lon_deg=value["frame_center_lon_deg"],
        ce90_m=value["frame_ce90_m"],
        sensor_lat_deg=value["sensor_lat_deg"],
        sensor_lon_deg=value["sensor_lon_deg"],
    )
