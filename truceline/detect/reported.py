"""What a sensor itself reports as seen (DETECTIONS of contract fusion), as rows with a place on earth."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.codec.fusion_tables import DETECTIONS, LOOKS, SENSORS, origin_of
from truceline.geo.crs import from_local
from truceline.geo.regard import Field
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION, LOOK, TIME
from truceline.model.units import CE90_PER_SIGMA
from truceline.plug import Detector, Found, Media, Sight

Array = npt.NDArray[Any]
CLUTTER_PER_KM2 = 0.1  # where the maker tells none
IN_SIGHT = 0.9  # share of the things in a sensor's field of regard that nothing hides from it; assumed
FLYING_APART_S = 10.0  # what flies past looks at a thing from one side: looks within so long err alike
VAGUEST_M = 1e6  # of a bias: such rows belong to nothing
YEAR_US = 366 * 86_400_000_000
_NUMBERS = frozenset(
    field.name
    for schema in (DETECTIONS, SENSORS, LOOKS)
    for field in schema
    if pa.types.is_floating(field.type)
)
_UNUSED = frozenset({"look_id", "sortie_id", "result_time"})  # of LOOKS
_TIMES = frozenset({"phenomenon_time"})
_STAND = frozenset({"radar", "acoustic"})
_NEEDED = ("sensor_id", "phenomenon_time", "x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2")


class Reported(Detector):
    """Passes on what a sensor says it saw.

    A row that is wrong (see :func:`faults`) is left out, named and counted, and the rest goes on.
    The error covers the sensor's admitted bias when SENSORS lie with the observation. Its LOOKS speak by what
    they did not show as far as its maker tells in SENSORS what they would have shown.
    """

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        source = next((blob for blob in blobs if blob.name.startswith("detections")), None)
        if source is None:
            raise BadInput(observation.key, "no sample named detections")
        table = _table(media, source, observation.key)
        for word in (*_NEEDED, *(f"p_{c}" for c in FUSION_CLASSES)):
            if word not in table.column_names:
                raise BadInput(f"{observation.key}: column {word}", "missing")
        origin = origin_of(table.schema) or _noted(observation)
        bias = next(
            (_biases(media, blob, observation.key) for blob in blobs if blob.name.startswith("sensors")), None
        )
        good, why = np.ones(table.num_rows, bool), []
        late = [("of a time more than a year from when it was told", _of_another_year(table, observation))]
        for what, wrong in (*faults(table, None if bias is None else set(bias)), *late):
            fresh = np.flatnonzero(wrong & good)
            if len(fresh):
                why.append(f"{len(fresh)} {what} (row {fresh[0]}{_named(table, fresh[0])})")
                good[fresh] = False
        rows = _rows(table.filter(pa.array(good)), origin, bias or {})
        looks = _looks(observation, blobs, media, origin)
        if why:
            left = f"{int((~good).sum())} of {table.num_rows} rows left out: {', '.join(why)}"
            return Found(rows=rows, status="degraded", reason=left)
        return Found(rows=rows, looks=looks)


def _table(media: Media, blob: Blob, where: str) -> pa.Table:
    """Read a table of contract fusion; what is in it that we need is of the type that it has there."""
    try:
        file = pq.ParquetFile(media.open(blob))
        schema = file.schema_arrow
        for field in schema:
            at, kind = f"{where}: {blob.name}: column {field.name}", field.type
            if schema.names.count(field.name) > 1:
                raise BadInput(at, "twice")
            if field.name in _NUMBERS and not (_is_number(kind) or pa.types.is_null(kind)):
                raise BadInput(at, f"is {kind}, would be a number")
            if field.name in _TIMES and not (pa.types.is_timestamp(kind) and kind.tz is not None):
                raise BadInput(at, f"is {kind}, would be a time with a zone")
        return file.read()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{where}: {blob.name}", f"no readable Parquet file: {error}") from error


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _of_another_year(table: pa.Table, observation: Observation) -> Array:
    """Tell which rows are of a clock that is wrong by years: far from most others, or from all news."""
    when = table["phenomenon_time"].cast(TIME, safe=False).cast(pa.int64())
    if when.null_count == len(when):
        return np.zeros(len(when), bool)
    usual = int(np.median(when.drop_null().to_numpy()))
    micro = when.fill_null(usual).to_numpy()
    told = int(observation.result_utc.timestamp() * 1e6)
    return np.asarray((np.abs(micro - usual) > YEAR_US) | (micro - told > YEAR_US))


def faults(table: pa.Table, sensors: set[str] | None) -> Iterator[tuple[str, Array]]:
    """Tell what can be wrong with a row of DETECTIONS, and with which rows it is.

    Parameters
    ----------
    table
        With the columns that every row needs; ``detection_id`` may be missing.
    sensors
        Those of SENSORS; None: any sensor will do.

    Yields
    ------
    tuple
        What is wrong in words, and (n,) bool.
    """
    yield "without a phenomenon_time", table["phenomenon_time"].is_null().to_numpy()
    names = table["sensor_id"].to_pylist()
    unknown = [name is None or (sensors is not None and name not in sensors) for name in names]
    yield "of a sensor that is not in SENSORS", np.array(unknown, bool)
    place = np.isfinite(_floats(table, "x_m") + _floats(table, "y_m"))
    yield "without a finite position", ~place
    sxx, syy, sxy = (_floats(table, word) for word in ("sxx_m2", "syy_m2", "sxy_m2"))
    finite = np.isfinite(sxx + syy + sxy)
    yield "with a covariance that is not finite", ~finite
    with np.errstate(over="ignore"):
        larger = sxx * syy > sxy * sxy
    definite = (sxx > 0) & (syy > 0) & larger
    yield "with a covariance that is not positive definite", finite & ~definite
    if "detection_id" in table.column_names:
        ids = table["detection_id"].to_pylist()
        again = np.ones(len(ids), bool)
        again[list({value: row for row, value in reversed(list(enumerate(ids)))}.values())] = False
        yield "whose detection_id came before", again & table["detection_id"].is_valid().to_numpy()


def _named(table: pa.Table, row: int) -> str:
    known = "detection_id" in table.column_names and table["detection_id"][int(row)].is_valid
    return f", detection_id {table['detection_id'][int(row)]}" if known else ""


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


def _looks(
    observation: Observation, blobs: Sequence[Blob], media: Media, origin: tuple[float, float]
) -> pa.Table:
    """Take over the looks of those sensors whose detection probability is told."""
    parts = {blob.name.partition(".")[0]: blob for blob in blobs}
    if not {"looks", "sensors"} <= set(parts):
        return LOOK.empty_table()
    looks, sensors = (_table(media, parts[word], observation.key) for word in ("looks", "sensors"))
    if not {"sensor_id", "kind", "pd", "min_speed_mps", "clutter_per_km2"} <= set(sensors.column_names):
        return LOOK.empty_table()
    for word in LOOKS.names:
        if word not in looks.column_names and word not in _UNUSED:
            raise BadInput(f"{observation.key}: {parts['looks'].name}: column {word}", "missing")
    told = {row["sensor_id"]: row for row in sensors.to_pylist() if row["pd"] is not None and row["pd"] > 0}
    rows = []
    for look in looks.to_pylist():
        maker, moment = told.get(look["sensor_id"]), look["phenomenon_time"]
        if maker is None or moment is None:
            continue
        lat, lon = from_local(look["cx_m"], look["cy_m"], *origin)
        is_ring, sight = look["shape"] == "annulus", _sight(maker)
        turned = 0.0 if is_ring else math.degrees(look["heading_rad"])
        field = Field(float(lat), float(lon), look["a_m"], look["b_m"], turned)
        row = sight.look(moment, moment, look["sensor_id"], field) | {"shape": look["shape"]}
        bias = maker.get("bias_sigma_m")
        if bias is not None and bias > 0:
            row["bias_sigma_m"] = bias
        rows.append(row | _stands(maker, origin))
    return pa.Table.from_pylist(rows, schema=LOOK)


def _stands(maker: dict[str, Any], origin: tuple[float, float]) -> dict[str, float]:
    """Tell where a sensor stands; nothing when it flies."""
    x, y = maker.get("x_m"), maker.get("y_m")
    if x is None or y is None or not math.isfinite(x + y):
        return {}
    lat, lon = from_local(x, y, *origin)
    return {"sensor_lat_deg": float(lat), "sensor_lon_deg": float(lon)}


def _sight(maker: dict[str, Any]) -> Sight:
    """Tell what a sensor shows by what its maker says; satellites see no persons (contract fusion)."""
    blind = {"person"} if maker["kind"] == "satellite" else set()
    least, clutter = maker["min_speed_mps"], maker["clutter_per_km2"]
    return Sight(
        basis="SENSORS: pd, min_speed_mps and clutter_per_km2; what ground and trees hide is assumed",
        pd=min(maker["pd"], 1.0),
        finds={word: IN_SIGHT for word in FUSION_CLASSES if word not in blind},
        least_speed_mps=least if least is not None and least > 0 else 0.0,
        clutter_per_km2=clutter if clutter is not None and clutter > 0 else CLUTTER_PER_KM2,
        apart_s=0.0 if maker["kind"] in _STAND else FLYING_APART_S,
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


def _biases(media: Media, blob: Blob, where: str) -> dict[str, float]:
    table = _table(media, blob, where)
    if "sensor_id" not in table.column_names:
        raise BadInput(f"{where}: {blob.name}: column sensor_id", "missing")
    has = "bias_sigma_m" in table.column_names
    values = np.nan_to_num(_floats(table, "bias_sigma_m")) if has else np.zeros(table.num_rows)
    pairs = zip(table["sensor_id"].to_pylist(), np.minimum(np.abs(values), VAGUEST_M), strict=True)
    return {sensor: float(value) for sensor, value in pairs}
