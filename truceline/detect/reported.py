"""What a sensor itself reports as seen (DETECTIONS of contract fusion), as rows with a place on earth."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.codec.fusion_tables import origin_of
from truceline.geo.crs import from_local
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION, TIME
from truceline.model.units import CE90_PER_SIGMA
from truceline.plug import Detector, Found, Media

Array = npt.NDArray[np.float64]
_NEEDED = ("sensor_id", "phenomenon_time", "x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2")


class Reported(Detector):
    """Passes on what a sensor says it saw.

    A row without a finite place or with a covariance that is none is left out, named and counted.
    The error covers the sensor's admitted bias when SENSORS lie with the observation.
    """

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        source = next((blob for blob in blobs if blob.name.startswith("detections")), None)
        if source is None:
            raise BadInput(observation.key, "no sample named detections")
        table = pq.read_table(media.open(source))
        for word in (*_NEEDED, *(f"p_{c}" for c in FUSION_CLASSES)):
            if word not in table.column_names:
                raise BadInput(f"{observation.key}: column {word}", "missing")
        origin = origin_of(table.schema) or _noted(observation)
        bias = next((_biases(media, blob) for blob in blobs if blob.name.startswith("sensors")), {})
        sxx, syy, sxy = (_floats(table, word) for word in ("sxx_m2", "syy_m2", "sxy_m2"))
        good = np.isfinite(_floats(table, "x_m") + _floats(table, "y_m") + sxx + syy + sxy)
        good &= (sxx > 0) & (syy > 0) & (sxx * syy > sxy * sxy)
        good &= table["phenomenon_time"].is_valid().to_numpy()
        rows = _rows(table.filter(pa.array(good)), origin, bias)
        bad = np.flatnonzero(~good)
        if len(bad):
            why = f"{len(bad)} rows left out, the first is row {bad[0]}: no finite place with a covariance"
            return Found(rows=rows, status="degraded", reason=why)
        return Found(rows=rows)


def _rows(table: pa.Table, origin: tuple[float, float], bias: dict[str, float]) -> pa.Table:
    n = table.num_rows
    sensors = table["sensor_id"].to_pylist()
    extra = np.array([bias.get(s, 0.0) for s in sensors], float) ** 2
    sxx, syy, sxy = (_floats(table, word) for word in ("sxx_m2", "syy_m2", "sxy_m2"))
    larger = (sxx + syy) / 2 + np.hypot((sxx - syy) / 2, sxy) + extra
    lat, lon = from_local(_floats(table, "x_m"), _floats(table, "y_m"), *origin)
    shares = np.stack([np.maximum(np.nan_to_num(_floats(table, f"p_{c}")), 0.0) for c in FUSION_CLASSES], 1)
    total = shares.sum(1, keepdims=True)
    shares = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / len(FUSION_CLASSES))
    columns = {
        "time_utc": table["phenomenon_time"].cast(TIME).combine_chunks(),
        "lat_deg": pa.array(lat, pa.float64()),
        "lon_deg": pa.array(lon, pa.float64()),
        "ce90_m": pa.array(CE90_PER_SIGMA * np.sqrt(larger), pa.float64()),
        **{f"p_{word}": pa.array(shares[:, i], pa.float64()) for i, word in enumerate(FUSION_CLASSES)},
        "note": pa.array(sensors, pa.string()),
    }
    if {"vx_mps", "vy_mps"} <= set(table.column_names):
        vx, vy = _floats(table, "vx_mps"), _floats(table, "vy_mps")
        unknown = ~np.isfinite(vx + vy)
        columns["speed_mps"] = pa.array(np.hypot(vx, vy), pa.float64(), mask=unknown)
        columns["course_deg"] = pa.array(np.degrees(np.arctan2(vx, vy)) % 360, pa.float64(), mask=unknown)
    return pa.table(
        [columns.get(field.name, pa.nulls(n, field.type)) for field in DETECTION], schema=DETECTION
    )


def _floats(table: pa.Table, word: str) -> Array:
    return np.asarray(table[word].cast(pa.float64()).to_numpy(), float)


def _noted(observation: Observation) -> tuple[float, float]:
    lat, lon = (observation.attributes.get(f"origin_{axis}_deg") for axis in ("lat", "lon"))
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        raise BadInput(
            observation.key, "no origin_lat_deg, origin_lon_deg: nobody knows where its plane lies"
        )
    return float(lat), float(lon)


def _biases(media: Media, blob: Blob) -> dict[str, float]:
    table = pq.read_table(media.open(blob))
    if not {"sensor_id", "bias_sigma_m"} <= set(table.column_names):
        return {}
    pairs = zip(table["sensor_id"].to_pylist(), np.nan_to_num(_floats(table, "bias_sigma_m")), strict=True)
    return {sensor: float(value) for sensor, value in pairs}
