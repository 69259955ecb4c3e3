"""Looks as the running tracker takes them: when, by whom, which ground, and what they could have shown.

A look that saw something is a look too: it ends behind the rows that it showed, and is silent about all else.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truceline.model.classes import FUSION_CLASSES
from truceline.model.tables import LOOK
from truceline.track.state.motion import scale
from truceline.track.state.types import ANNULUS, RECT, SIGHTS, Array, Events

NEVER_SLOW = 0.0  # how likely a thing is shown that is slower than its sensor needs
MOMENT_S = 1e-3  # what was shown in the first moment of a look was shown in it


class Looked(NamedTuple):
    """Looks, in any order unless told; arrays of equal length."""

    time: Array  # seconds since 1970: its end
    entry: Array
    row: Array
    sensor: Array
    shape: Array
    field: Array  # (n, 6), see types.Events; the middle as longitude and latitude
    pd: Array
    least_speed: Array
    clutter: Array  # false detections per km2
    sight: Array  # (n, 10), see silence
    stands: Array  # (n, 2): latitude, longitude of the sensor; NaN: it does not stand
    admitted: Array  # metres per axis: standard deviation of a sortie's bias that the maker tells; 0: none


def looked_of(table: pa.Table, entry: str) -> Looked:
    """Read looks of one entry (``tables.LOOK``, with their number in the piece as ``_row``)."""

    def column(word: str) -> Array:
        return np.asarray(table[word].cast(pa.float64()).to_numpy(zero_copy_only=False), float)

    n, with_bias = table.num_rows, "bias_sigma_m" in table.column_names  # older logs have no such column
    since, time = (table[word].cast(pa.int64()).to_numpy() / 1e6 for word in ("since_utc", "time_utc"))
    turned = np.radians(column("turned_deg"))
    sight = [column(f"finds_{word}") for word in FUSION_CLASSES]
    sight += [column("apart_s"), time - since + MOMENT_S, np.full(n, NEVER_SLOW)]
    return Looked(
        time=time,
        entry=np.broadcast_to(np.array(entry), n),  # once in memory, for all rows
        row=table["_row"].to_numpy(),
        sensor=np.array(table["sensor"].to_pylist(), np.str_),
        shape=np.where(pc.equal(table["shape"], "annulus").to_numpy(zero_copy_only=False), ANNULUS, RECT),
        field=np.stack(
            [
                *(column(word) for word in ("lon_deg", "lat_deg", "a_m", "b_m")),
                np.cos(turned),
                np.sin(turned),
            ],
            1,
        ),
        pd=column("pd"),
        least_speed=column("least_speed_mps"),
        clutter=column("clutter_per_km2"),
        sight=np.stack(sight, 1),
        stands=np.stack([column("sensor_lat_deg"), column("sensor_lon_deg")], 1),
        admitted=np.nan_to_num(column("bias_sigma_m")) if with_bias else np.zeros(n),
    )


def joined_looks(parts: Sequence[Looked]) -> Looked:
    """Put looks behind one another."""
    return Looked._make([np.concatenate(column) for column in zip(*parts, strict=True)])


def some_looks(looked: Looked, which: Array) -> Looked:
    """Take some looks."""
    return Looked._make([column[which] for column in looked])


def moved_looks(looked: Looked, moves: Mapping[str, tuple[float, float, float]]) -> Looked:
    """Move looks as the rows of their sensors are: by metres east and north that are off, and seconds."""
    time, field = looked.time.copy(), looked.field.copy()
    for sensor, (east_m, north_m, clock_s) in moves.items():
        for i in np.flatnonzero(looked.sensor == sensor).tolist():
            mx, my = scale(float(field[i, 1]), True)
            field[i, 0] -= east_m / mx
            field[i, 1] -= north_m / my
            time[i] += clock_s
    return looked._replace(time=time, field=field)


def looks_as_events(looked: Looked, sensors: Sequence[str]) -> tuple[Events, Array]:
    """Turn looks into events without rows, and the sights that they name (``Ground.sights``)."""
    number_of = {sensor: i for i, sensor in enumerate(sensors)}
    n = len(looked.time)
    sights, sight = np.unique(looked.sight, axis=0, return_inverse=True)
    events = Events(
        time=looked.time,
        known=looked.time,
        first=np.zeros(n, np.int64),
        size=np.zeros(n, np.int64),
        sensor=np.array([number_of[name] for name in looked.sensor.tolist()], np.int64),
        sortie=np.zeros(n, np.int64),
        shape=looked.shape.astype(np.int64),
        field=looked.field,
        pd=looked.pd,
        clutter=looked.clutter,
        min_speed=looked.least_speed,
        sight=1 + sight.ravel(),
    )
    return events, np.concatenate([SIGHTS[:1], sights])


def merged(shown: Events, silent: Events) -> Events:
    """Put events in the order of time; where it is the same, what was shown comes first."""
    both = Events(*(np.concatenate(pair) for pair in zip(shown, silent, strict=True)))
    kind = np.r_[np.zeros(len(shown.time)), np.ones(len(silent.time))]
    return Events(*(column[np.lexsort((kind, both.time))] for column in both))


NOTHING_LOOKED = looked_of(LOOK.empty_table().append_column("_row", pa.array([], pa.int64())), "")
