"""Read DETECTIONS, SENSORS and LOOKS (contract fusion) and refuse what is wrong in them, by place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.tables import TIME
from truceline.track.state.types import ANNULUS, NO_SHAPE, RECT, Array, Events, Rows

Columns = dict[str, Array]
_P = tuple(f"p_{word}" for word in FUSION_CLASSES)
_NUMBERS = ("x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2", "vx_mps", "vy_mps", "svv_m2ps2", *_P)
DETECTION_COLUMNS = {
    "detection_id": "integer", "sensor_id": "text", "look_id": "integer",
    "phenomenon_time": "time", "result_time": "time", **dict.fromkeys(_NUMBERS, "number"),
}  # fmt: skip
SENSOR_COLUMNS = {
    "sensor_id": "text", "kind": "text", "x_m": "number", "y_m": "number", "pd": "number",
    "clutter_per_km2": "number", "period_s": "number", "min_speed_mps": "number",
    "bias_sigma_m": "number", "latency_s": "number", "duplicates": "bool",
}  # fmt: skip
LOOK_COLUMNS = {
    "look_id": "integer", "sensor_id": "text", "sortie_id": "integer", "phenomenon_time": "time",
    "result_time": "time", "shape": "text", "cx_m": "number", "cy_m": "number", "a_m": "number",
    "b_m": "number", "heading_rad": "number",
}  # fmt: skip
FARTHEST_M = 1e8  # more than twice round the earth
MOST_SHARE = 1e30  # of a class before shares are normalised
YEAR_US = 366 * 86_400_000_000
NO_LOOK = -1
AT_ONCE = 8  # columns that are read together: each takes a moment of its own, all would lie in memory twice
_RIGHT = {
    "integer": pa.types.is_integer,
    "number": lambda t: pa.types.is_floating(t) or pa.types.is_integer(t) or pa.types.is_null(t),
    "text": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
    "time": lambda t: pa.types.is_timestamp(t) and t.tz is not None,
    "bool": pa.types.is_boolean,
}


_WORDS = {
    "integer": "an integer", "number": "a number", "text": "text", "time": "a time with a zone",
    "bool": "true or false",
}  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """What the tracker reads; times are int64 microseconds since 1970, nulls of ``look_id`` are -1.

    ``sensor_id`` of detections and looks is the sensor's row in ``sensors``, ``shape`` that of types.
    """

    detections: Columns
    sensors: Columns
    looks: Columns | None
    metadata: dict[bytes, bytes]
    has_heights: bool


def read_inputs(detections: Path, sensors: Path, looks: Path | None) -> Inputs:
    """Read the three tables.

    Raises
    ------
    BadInput
        Naming file and place (column, row, detection_id) of the first thing that is wrong.
    """
    file, file_of_sensors = _open(detections), _open(sensors)
    file_of_looks = _open(looks) if looks is not None else None
    sensor = _columns(file_of_sensors, SENSOR_COLUMNS, sensors)
    _once(sensor["sensor_id"], "sensor_id", sensors)
    _first(np.abs(sensor["bias_sigma_m"]) > FARTHEST_M, sensors, "bias_sigma_m", "no error in metres")
    row_of = {name: row for row, name in enumerate(sensor["sensor_id"].tolist())}
    look = None
    if looks is not None and file_of_looks is not None:
        shapes = {"rect": RECT, "annulus": ANNULUS}
        look = _columns(file_of_looks, LOOK_COLUMNS, looks, {"sensor_id": row_of, "shape": shapes})
        _check_looks(look, looks)
    has_heights = {"alt_agl_m", "alt_sigma_m"} <= set(file.schema_arrow.names)
    wanted = DETECTION_COLUMNS | (
        dict.fromkeys(("alt_agl_m", "alt_sigma_m"), "number") if has_heights else {}
    )
    column = _columns(file, wanted, detections, {"sensor_id": row_of})
    _check_detections(column, look, detections)
    _check_clocks(column, look, detections, looks)
    metadata = file.schema_arrow.metadata or {}
    origin = {k: v for k, v in metadata.items() if k in (b"origin_lat_deg", b"origin_lon_deg")}
    return Inputs(column, sensor, look, origin, has_heights)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file") from error
    except (pa.ArrowException, OSError) as error:
        raise BadInput(str(path), f"no readable Parquet file: {error}") from error


def _columns(
    file: pq.ParquetFile, wanted: dict[str, str], path: Path, codes: dict[str, dict[str, int]] | None = None
) -> Columns:
    """Read a few columns at a time, so that no more of them lie in memory twice.

    ``codes`` tells, by column, what number stands for which word; other words become -1.
    """
    found: Columns = {}
    schema, names = file.schema_arrow, list(wanted)
    for name, kind in wanted.items():
        if schema.names.count(name) != 1:
            raise BadInput(f"{path}: column {name}", "missing" if name not in schema.names else "twice")
        type_ = schema.field(name).type
        if not _RIGHT[kind](type_):
            raise BadInput(f"{path}: column {name}", f"is {type_}, would be {_WORDS[kind]}")
    for first in range(0, len(names), AT_ONCE):
        try:
            table = file.read(names[first : first + AT_ONCE], use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(str(path), f"no readable Parquet file: {error}") from error
        for name in names[first : first + AT_ONCE]:
            column, kind = table[name].combine_chunks(), wanted[name]
            optional = kind == "number" or (name == "look_id" and "detection_id" in wanted)
            if column.null_count and not optional:
                row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
                raise BadInput(f"{path}: column {name}: row {row}", "null")
            code = (codes or {}).get(name)
            try:
                found[name] = _plain(column, kind) if code is None else _coded(column, code)
            except pa.ArrowInvalid as error:
                raise BadInput(f"{path}: column {name}", f"a value is too large: {error}") from error
        del table, column
        pa.default_memory_pool().release_unused()
    return found


def _coded(column: Any, codes: dict[str, int]) -> Array:
    """Turn words into their numbers."""
    coded = column.dictionary_encode()
    numbers = np.array([codes.get(word, -1) for word in coded.dictionary.to_pylist()], np.int32)
    return np.asarray(numbers[coded.indices.to_numpy()])


def _plain(column: Any, kind: str) -> Array:
    """Copy a column out of Arrow, whose own memory serves the next column then."""
    if kind == "time":
        finer = column.type.unit == "ns"  # cut to microseconds
        return np.array(column.cast(TIME, safe=not finer).cast(pa.int64()).to_numpy(), np.int64)
    if kind == "integer":
        return np.array(column.cast(pa.int64()).fill_null(NO_LOOK).to_numpy(), np.int64)
    if kind == "number":
        if not pa.types.is_float32(column.type):
            column = column.cast(pa.float64())
        return np.array(column.to_numpy(zero_copy_only=False))
    if kind == "bool":
        return np.asarray(column.to_pylist(), dtype=bool)
    return np.array(column.to_pylist(), dtype=object)


def _first(wrong: Array, path: Path, column: str, what: str, ids: Array | None = None) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        of = f": detection_id {ids[row]}" if ids is not None else ""
        raise BadInput(f"{path}: column {column}: row {row}{of}", what)


def _once(values: Array, name: str, path: Path) -> None:
    order = np.argsort(values, kind="mergesort")
    again = order[1:][values[order[1:]] == values[order[:-1]]]
    if len(again):
        row = int(again.min())
        raise BadInput(f"{path}: column {name}: row {row}: {name} {values[row]}", "twice")


def _check_looks(look: Columns, path: Path) -> None:
    _first(look["look_id"] < 0, path, "look_id", "negative")
    _once(look["look_id"], "look_id", path)
    _first(look["sensor_id"] < 0, path, "sensor_id", "not in SENSORS")
    _first(look["shape"] < 0, path, "shape", "is not rect or annulus")
    for name in ("cx_m", "cy_m", "a_m", "b_m", "heading_rad"):
        _first(~np.isfinite(look[name]), path, name, "not finite")
        _first(np.abs(look[name]) > FARTHEST_M, path, name, "larger than the earth")


def _check_detections(d: Columns, look: Columns | None, path: Path) -> None:
    ids = d["detection_id"]
    _once(ids, "detection_id", path)
    _first(d["sensor_id"] < 0, path, "sensor_id", "not in SENSORS", ids)
    for name in ("x_m", "y_m"):
        _first(~np.isfinite(d[name]), path, name, "position not finite", ids)
        _first(np.abs(d[name]) > FARTHEST_M, path, name, "position not on earth", ids)
    for name in ("sxx_m2", "syy_m2", "sxy_m2"):
        _first(~np.isfinite(d[name]), path, name, "covariance not finite", ids)
    with np.errstate(over="ignore"):
        larger = d["sxx_m2"] * d["syy_m2"] > d["sxy_m2"] ** 2
    definite = (d["sxx_m2"] > 0) & (d["syy_m2"] > 0) & larger
    _first(~definite, path, "sxx_m2, syy_m2, sxy_m2", "covariance not positive definite", ids)
    _first((d["look_id"] < 0) & (d["look_id"] != NO_LOOK), path, "look_id", "negative", ids)
    if look is None or not len(ids):
        return
    has = d["look_id"] >= 0
    order = np.argsort(look["look_id"])
    sorted_ids = look["look_id"][order]
    at = np.minimum(np.searchsorted(sorted_ids, d["look_id"]), max(len(order) - 1, 0))
    hit = sorted_ids[at] == d["look_id"] if len(order) else np.zeros(len(ids), bool)
    _first(has & ~hit, path, "look_id", "not in LOOKS", ids)
    owner = look["sensor_id"][order][at] if len(order) else d["sensor_id"]
    _first(has & (owner != d["sensor_id"]), path, "look_id", "belongs to another sensor", ids)


def _check_clocks(d: Columns, look: Columns | None, path: Path, path_of_looks: Path | None) -> None:
    """Refuse rows of another year: minutes and output times between them and the others would fill memory."""
    told = d["phenomenon_time"]
    times = told if look is None else np.concatenate([told, look["phenomenon_time"]])
    if not len(times):
        return
    usual = np.partition(times, len(times) // 2)[len(times) // 2]
    says = (
        f"more than a year from most others, which are of {np.datetime64(int(usual), 'us').astype('M8[D]')}"
    )
    _first(abs(told - usual) > YEAR_US, path, "phenomenon_time", says, d["detection_id"])
    if look is not None and path_of_looks is not None:
        _first(abs(look["phenomenon_time"] - usual) > YEAR_US, path_of_looks, "phenomenon_time", says)


def order_rows(d: Columns, sensor_rank: Array, by: Array) -> tuple[Array, Array]:
    """Sort detections into events; answer the order and where each event begins.

    ``by`` is the time in whose order the tracker learns of them.
    """
    by_id = np.argsort(d["detection_id"], kind="stable")
    if not len(by_id):
        return by_id, by_id
    keys = [key[by_id] for key in (d["look_id"], sensor_rank, d["phenomenon_time"], by)]
    begins = np.flatnonzero(_changes(keys))  # of rows that lie together already, being of one event
    lead = [key[begins] for key in keys]
    sort = np.lexsort(lead)
    event = np.empty(len(begins), np.int64)
    event[sort] = np.cumsum(_changes([key[sort] for key in lead]))
    place = np.repeat(event, np.diff(begins, append=len(by_id))) + 1j * d["x_m"][by_id]
    sort = np.argsort(place, kind="stable")
    return by_id[sort], np.flatnonzero(np.diff(place.real[sort], prepend=-1))


def _changes(keys: list[Array]) -> Array:
    """Tell which rows begin an event: their keys differ from those before, or they are of no look."""
    begins = keys[0] < 0
    begins[0] = True
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    return np.asarray(begins)


def build_rows(d: Columns, order: Array, sensors: Columns, which: Array) -> Rows:
    """Bring detections into the shape that the engine works on; ``which`` is each one's sensor row.

    What was measured is taken over from ``d`` and gone from it, so that it lies in memory once.
    """
    n = len(order)
    bias2 = np.nan_to_num(sensors["bias_sigma_m"][which[order]].astype(np.float64)) ** 2
    z, shares, alt = np.empty((n, 8)), np.empty((n, 7), np.float32), np.full((n, 2), np.nan, np.float32)
    for k, name in enumerate(_NUMBERS[:8]):
        z[:, k] = d.pop(name)[order]
    z[:, 2] += bias2
    z[:, 3] += bias2
    z[~(np.isfinite(z[:, 5:]).all(1) & (z[:, 7] > 0)), 5:] = np.nan
    for k, name in enumerate(_P):
        shares[:, k] = np.clip(np.nan_to_num(d.pop(name)[order]), 0.0, MOST_SHARE)
    total = shares.sum(1)
    shares[total == 0] = 1.0
    shares /= np.where(total > 0, total, 7.0)[:, None]
    if "alt_agl_m" in d:
        alt[:, 0], alt[:, 1] = d.pop("alt_agl_m")[order], d.pop("alt_sigma_m")[order]
    return Rows(z=z, bias2=bias2, p=shares, exists=np.full(n, np.nan, np.float32), alt=alt)


def build_events(inputs: Inputs, by_arrival: bool, origin_us: int) -> tuple[Events, Rows, Array]:
    """Group detections and looks into events; of detections ``inputs`` then keeps names and times.

    Returns
    -------
    tuple
        Events in the order in which they become known, rows, and per row its place in the input.
    """
    d, sensors = inputs.detections, inputs.sensors
    row_of = np.argsort(sensors["sensor_id"].astype(str))  # sensor number → row of SENSORS
    rank = np.argsort(row_of)
    number = rank[d["sensor_id"]]
    by = d["result_time"] if by_arrival else d["phenomenon_time"]
    order, begins = order_rows(d, number, by)
    lead = order[begins]
    table = np.column_stack([
        by[lead], d["phenomenon_time"][lead], number[lead], d["look_id"][lead],
        begins, np.diff(np.r_[begins, len(order)]), np.full(len(lead), -1), np.zeros(len(lead)),
    ]).astype(np.int64)  # fmt: skip
    field = np.zeros((len(table), 6))
    if inputs.looks is not None:
        table, field = _with_looks(table, field, inputs.looks, rank, by_arrival)
    sort = np.lexsort((table[:, 3], table[:, 2], table[:, 1], table[:, 0]))
    table, field = table[sort], field[sort]
    row = row_of[table[:, 2]]
    events = Events(
        time=(table[:, 1] - origin_us) / 1e6,
        known=(table[:, 0] - origin_us) / 1e6,
        first=table[:, 4].copy(),
        size=table[:, 5].copy(),
        sensor=table[:, 2].copy(),
        sortie=table[:, 6].copy(),
        shape=table[:, 7].copy(),
        field=field,
        pd=sensors["pd"][row].astype(np.float64),
        clutter=np.clip(np.nan_to_num(sensors["clutter_per_km2"][row]), 1e-3, 1e6).astype(np.float64),
        min_speed=np.nan_to_num(sensors["min_speed_mps"][row]).astype(np.float64),
        sight=(sensors["kind"][row] == "satellite").astype(np.int64),  # types.SIGHTS
    )
    rows = build_rows(d, order, sensors, d["sensor_id"])
    del d["sensor_id"], d["look_id"]
    return events, rows, order


def _with_looks(
    table: Array, field: Array, looks: Columns, rank: Array, by_arrival: bool
) -> tuple[Array, Array]:
    """Give events the field of regard of their look, and add the looks that saw nothing."""
    by = looks["result_time"] if by_arrival else looks["phenomenon_time"]
    geometry = np.stack([
        *(looks[name] for name in ("cx_m", "cy_m", "a_m", "b_m")),
        np.cos(looks["heading_rad"]), np.sin(looks["heading_rad"]),
    ], 1)  # fmt: skip
    used = np.zeros(len(by), bool)
    if len(by):
        sort = np.argsort(looks["look_id"])
        at = sort[np.minimum(np.searchsorted(looks["look_id"][sort], table[:, 3]), len(by) - 1)]
        of_look = (table[:, 3] >= 0) & (looks["look_id"][at] == table[:, 3])
        table[of_look, 6] = looks["sortie_id"][at[of_look]]
        then = (by[at] == table[:, 0]) & (looks["phenomenon_time"][at] == table[:, 1])
        whole = np.flatnonzero(of_look & then)
        table[whole, 7], field[whole], used[at[whole]] = looks["shape"][at[whole]], geometry[at[whole]], True
    rest = np.flatnonzero(~used)
    number = rank[looks["sensor_id"][rest]]
    none = np.zeros(len(rest), np.int64)
    more = np.column_stack([
        by[rest], looks["phenomenon_time"][rest], number, looks["look_id"][rest], none, none,
        looks["sortie_id"][rest], looks["shape"][rest],
    ]).astype(np.int64)  # fmt: skip
    return np.concatenate([table, more]), np.concatenate([field, geometry[rest]])


__all__ = ["NO_SHAPE", "Columns", "Inputs", "build_events", "read_inputs"]
