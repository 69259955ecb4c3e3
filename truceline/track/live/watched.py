"""What the looks of a running mission showed, minute by minute, and should have shown.

What their silence says of tracks is another matter (see silence); here it tells of the sensor alone. Looks
that last are left out: what a clip shows errs too much, and too much alike, to tell that its camera is blind.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from truceline.geo.crs import to_local
from truceline.track.life.silence import LASTS
from truceline.track.live.looked import MOMENT_S, NOTHING_LOOKED, Looked, joined_looks, some_looks
from truceline.track.live.rounds import Told
from truceline.track.sensors.expected import Sightings, expected
from truceline.track.sensors.minutes import WIDTH, Minutes, Shown, by_minute, is_loose, joined
from truceline.track.state.types import Array, Events


class Watched(NamedTuple):
    """What the sensors that tell where they look showed in a round."""

    sensors: tuple[str, ...]
    minutes: Minutes
    places: dict[str, tuple[float, float]]  # latitude and longitude of those that stand
    admitted: dict[str, float]  # metres per axis: standard deviation of a sortie's bias that the maker tells


class Remembered(NamedTuple):
    """Tracks as they were before a round; arrays of equal length."""

    track: Array
    time: Array
    sensor: Array  # name of the one that saw it last
    place: Array  # (n, 2): latitude, longitude
    variance: Array
    velocity: Array  # (n, 2) m/s
    used: Array


def watched(
    parts: Sequence[Looked],
    told: Told,
    owner: Array,
    velocity: Array,
    known: Remembered,
    doubted: Sequence[str],
) -> Watched:
    """Sum up what the looks of a round showed, and what they should have shown.

    Parameters
    ----------
    parts
        Looks as the sensors told them, in any order.
    told, owner, velocity
        The round's rows as the sensors gave them, the track of each and how it was expected to move.
    known
        Tracks as they were before the round.
    doubted
        Sensors whose word on others does not count.
    """
    looked = joined_looks([NOTHING_LOOKED, *parts])
    looked = some_looks(looked, np.flatnonzero(looked.sight[:, LASTS] <= 2 * MOMENT_S))
    looked = some_looks(looked, np.lexsort((looked.row, looked.entry, looked.time)))
    if not len(looked.time):
        return Watched((), Minutes(0, np.zeros((0, 0, WIDTH))), {}, {})
    names = tuple(sorted(set(looked.sensor.tolist())))
    origin = float(looked.field[0, 1]), float(looked.field[0, 0])
    looks = _events(looked, names, origin)
    number_of = {name: i for i, name in enumerate(names)}
    sensor = np.array([number_of.get(name, -1) for name in told.sensor.tolist()], np.int64)
    place = np.stack(to_local(told.places[:, 0], told.places[:, 1], *origin), 1).reshape(-1, 2)
    before = np.array([number_of.get(name, -1) for name in known.sensor.tolist()], np.int64)
    word = np.isin(told.sensor, doubted)
    seen = Sightings(
        track=np.concatenate([known.track, owner]),
        time=np.concatenate([known.time, told.time]),
        sensor=np.concatenate([before, sensor]),
        place=np.concatenate(
            [np.stack(to_local(known.place[:, 0], known.place[:, 1], *origin), 1).reshape(-1, 2), place]
        ),
        variance=np.concatenate([known.variance, told.rows.z[:, 2]]),
        velocity=np.concatenate([known.velocity, velocity.astype(np.float64)]),
        weight=np.concatenate([known.used.astype(float), np.where(word, -1.0, 1.0)]),
    )
    order = np.lexsort((seen.time, seen.track))
    tally = expected(looks, Sightings(*(column[order] for column in seen)))
    mine = sensor >= 0
    admitted = dict(zip(looked.sensor.tolist(), looked.admitted.tolist(), strict=True))
    z = np.hstack([place, told.rows.z[:, 2:5]])[mine]
    loose = is_loose(owner[mine], sensor[mine], told.time[mine], z)
    shown = Shown(sensor[mine], told.time[mine], place[mine], loose)
    return Watched(names, by_minute(looks, tally, shown, len(names)), _places(looked), admitted)


def together(rounds: Sequence[Watched]) -> dict[str, Minutes]:
    """Give, by sensor, its minutes in several rounds, as one sensor's."""
    parts: dict[str, list[Minutes]] = {}
    for one in rounds:
        for i, sensor in enumerate(one.sensors):
            parts.setdefault(sensor, []).append(Minutes(one.minutes.first, one.minutes.sums[i : i + 1]))
    return {sensor: joined(minutes, 1) for sensor, minutes in parts.items()}


def _events(looked: Looked, names: tuple[str, ...], origin: tuple[float, float]) -> Events:
    number_of = {name: i for i, name in enumerate(names)}
    none, field = np.zeros(len(looked.time), np.int64), looked.field.copy()
    field[:, 0], field[:, 1] = to_local(field[:, 1], field[:, 0], *origin)
    return Events(
        time=looked.time, known=looked.time, first=none, size=none,
        sensor=np.array([number_of[name] for name in looked.sensor.tolist()], np.int64), sortie=none,
        shape=looked.shape.astype(np.int64), field=field, pd=looked.pd, clutter=looked.clutter,
        min_speed=looked.least_speed, sight=none,
    )  # fmt: skip


def _places(looked: Looked) -> dict[str, tuple[float, float]]:
    stands = np.isfinite(looked.stands).all(1)
    lat, lon = looked.stands[stands].T.tolist()
    return dict(zip(looked.sensor[stands].tolist(), zip(lat, lon, strict=True), strict=True))
