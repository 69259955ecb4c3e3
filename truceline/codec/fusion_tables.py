"""Tables of contract fusion: Arrow schemas of DETECTIONS, SENSORS and LOOKS, and shapes of looks."""

import math
from collections.abc import Sequence

import pyarrow as pa

from truceline.model.classes import FUSION_CLASSES
from truceline.model.tables import TIME

DETECTIONS = pa.schema(
    [
        pa.field("detection_id", pa.int64()),
        pa.field("sensor_id", pa.string()),
        pa.field("look_id", pa.int64()),
        pa.field("phenomenon_time", TIME),
        pa.field("result_time", TIME),
        *(pa.field(word, pa.float64()) for word in ("x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2")),
        *(pa.field(word, pa.float64()) for word in ("vx_mps", "vy_mps", "svv_m2ps2")),
        *(pa.field(f"p_{word}", pa.float64()) for word in FUSION_CLASSES),
    ]
)
SENSORS = pa.schema(
    [
        pa.field("sensor_id", pa.string()),
        pa.field("kind", pa.string()),
        *(
            pa.field(word, pa.float64())
            for word in ("x_m", "y_m", "pd", "clutter_per_km2", "period_s", "min_speed_mps", "bias_sigma_m")
        ),
        pa.field("latency_s", pa.float64()),
        pa.field("duplicates", pa.bool_()),
    ]
)
LOOKS = pa.schema(
    [
        pa.field("look_id", pa.int64()),
        pa.field("sensor_id", pa.string()),
        pa.field("sortie_id", pa.int32()),
        pa.field("phenomenon_time", TIME),
        pa.field("result_time", TIME),
        pa.field("shape", pa.string()),
        *(pa.field(word, pa.float64()) for word in ("cx_m", "cy_m", "a_m", "b_m", "heading_rad")),
    ]
)
STEPS = 64  # corners of a circle: its polygon lies inside it by 0.1 % of the radius at most


def origin_of(schema: pa.Schema) -> tuple[float, float] | None:
    """Read the plane's origin (latitude, longitude) from Parquet metadata.

    Raises
    ------
    ValueError
        If it is there and no place.
    """
    metadata = schema.metadata or {}
    if b"origin_lat_deg" not in metadata or b"origin_lon_deg" not in metadata:
        return None
    lat, lon = float(metadata[b"origin_lat_deg"]), float(metadata[b"origin_lon_deg"])
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"origin {lat}, {lon} is no place")
    return lat, lon


def with_origin(table: pa.Table, lat_deg: float, lon_deg: float) -> pa.Table:
    """Note the plane's origin in a table's metadata."""
    return table.replace_schema_metadata({"origin_lat_deg": repr(lat_deg), "origin_lon_deg": repr(lon_deg)})


def outline(
    shape: str, cx: float, cy: float, a: float, b: float, heading: float
) -> list[list[tuple[float, float]]]:
    """Draw a look's field of regard: rings in local metres, the outer first (counter-clockwise), closed.

    Rings of an annulus lie inside it: nobody claims to have looked where nobody looked.
    """
    if shape == "rect":
        c, s = math.cos(heading), math.sin(heading)
        corners = ((a, -b), (a, b), (-a, b), (-a, -b))
        return [_closed([(cx + u * c - w * s, cy + u * s + w * c) for u, w in corners])]
    outer = [_turn(cx, cy, b, k / STEPS) for k in range(STEPS)]
    if a <= 0:
        return [_closed(outer)]
    grown = a / math.cos(math.pi / STEPS)  # the hole's polygon holds the whole circle
    return [_closed(outer), _closed([_turn(cx, cy, grown, -k / STEPS) for k in range(STEPS)])]


def _turn(cx: float, cy: float, radius: float, part: float) -> tuple[float, float]:
    return cx + radius * math.cos(2 * math.pi * part), cy + radius * math.sin(2 * math.pi * part)


def _closed(ring: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [*ring, ring[0]]
