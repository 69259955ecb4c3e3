"""Arrow schemas of rows: what comes faster than a person can point at."""

import pyarrow as pa

from truceline.model.classes import FUSION_CLASSES

TIME = pa.timestamp("us", tz="UTC")
_PROBABILITIES = [pa.field(f"p_{word}", pa.float64()) for word in FUSION_CLASSES]

# One row per thing seen in one observation; absent values are null. `meaning` is set for changed
# places only (contract satellite), which never become moving objects; `object` is a stable id
# inside the source (alert id, track id in a video). `kind` is a sighting kind of contract zone.
DETECTION = pa.schema(
    [
        pa.field("time_utc", TIME, nullable=False),
        pa.field("lat_deg", pa.float64()),
        pa.field("lon_deg", pa.float64()),
        pa.field("ce90_m", pa.float64()),
        pa.field("hae_m", pa.float64()),
        pa.field("speed_mps", pa.float64()),
        pa.field("course_deg", pa.float64()),
        pa.field("speed_sigma_mps", pa.float64()),  # of each axis of the velocity
        *_PROBABILITIES,
        pa.field("confidence", pa.float64()),
        pa.field("count", pa.int64()),
        pa.field("object", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("meaning", pa.string()),
        pa.field("area_m2", pa.float64()),
        pa.field("outline", pa.string()),  # GeoJSON geometry
        pa.field("packet", pa.int64()),  # of the telemetry that came with the clip, nearest to the frame
        pa.field("frame", pa.int64()),
        pa.field("x_px", pa.float64()),
        pa.field("y_px", pa.float64()),
        pa.field("w_px", pa.float64()),
        pa.field("h_px", pa.float64()),
        pa.field("chip_sha256", pa.string()),
        pa.field("note", pa.string()),
    ]
)

# One row per track and round; `from_rows` are the rows newly used, each with its weight: its share of
# what they said together about the place. `count` is how many things the track stands for, those that are
# followed by themselves left out; null: one. `told` is how many were told of in its place, those included;
# null: nothing was told. A row with `missed_by` tells of a track that this sensor did not see at `time_utc`,
# though it looked at its place; a round in which that happened to none has no such column.
TRACK = pa.schema(
    [
        pa.field("track_id", pa.int64(), nullable=False),
        pa.field("time_utc", TIME, nullable=False),
        pa.field("lat_deg", pa.float64(), nullable=False),
        pa.field("lon_deg", pa.float64(), nullable=False),
        pa.field("ce90_m", pa.float64(), nullable=False),
        pa.field("speed_mps", pa.float64()),
        pa.field("course_deg", pa.float64()),
        pa.field("exists_p", pa.float64(), nullable=False),
        *_PROBABILITIES,
        pa.field("side", pa.string()),  # side of the line on which it was first seen
        pa.field("last_seen_utc", TIME, nullable=False),
        pa.field("detections_used", pa.int64(), nullable=False),
        pa.field("count", pa.int64()),
        pa.field("told", pa.float64()),
        pa.field("told_spread", pa.float64()),  # standard deviation of the logarithm
        pa.field(
            "from_rows",
            pa.list_(pa.struct([("entry", pa.string()), ("row", pa.int64()), ("weight", pa.float64())])),
        ),
        pa.field("missed_by", pa.string()),
    ]
)

# One row per look that may speak by what it did not show. It lasted from `since_utc` to `time_utc`; what it
# covered is a rectangle (half sides `a_m`, `b_m`, the first turned from east to north by `turned_deg`) or a
# ring (inner and outer radius) about its middle. What it shows of what is there: see plug.Sight.
LOOK = pa.schema(
    [
        pa.field("since_utc", TIME, nullable=False),
        pa.field("time_utc", TIME, nullable=False),
        pa.field("sensor", pa.string(), nullable=False),
        pa.field("lat_deg", pa.float64(), nullable=False),
        pa.field("lon_deg", pa.float64(), nullable=False),
        pa.field("shape", pa.string(), nullable=False),  # rect or annulus
        pa.field("a_m", pa.float64(), nullable=False),
        pa.field("b_m", pa.float64(), nullable=False),
        pa.field("turned_deg", pa.float64(), nullable=False),
        pa.field("pd", pa.float64(), nullable=False),
        *(pa.field(f"finds_{word}", pa.float64(), nullable=False) for word in FUSION_CLASSES),
        pa.field("least_speed_mps", pa.float64(), nullable=False),
        pa.field("clutter_per_km2", pa.float64(), nullable=False),
        pa.field("apart_s", pa.float64(), nullable=False),
        pa.field("sensor_lat_deg", pa.float64()),  # where the sensor stands, if it stands
        pa.field("sensor_lon_deg", pa.float64()),
        pa.field("bias_sigma_m", pa.float64()),  # of a sortie, per axis, as the maker admits; null: none told
    ]
)
