"""How the sensors of a running mission lie to one another, and what is taken off their rows for it.

The same estimate as that of files (see registration), kept from round to round: what a round teaches is
added to what is known, and what is known fades, because mounts are mended and flights end.
"""

from typing import NamedTuple

import numpy as np

from truceline.track.live.rounds import Told
from truceline.track.live.watched import Watched
from truceline.track.sensors.registration import Registration
from truceline.track.sensors.trouble import off, usual
from truceline.track.sensors.trust import borne_out
from truceline.track.state.motion import scale
from truceline.track.state.types import Array
from truceline.view.watch import PEOPLE

HALF_S = 3600.0  # after so long what was learnt counts half
FORGOTTEN = 0.05  # detections: a sensor of which less is left is as if never heard
STEP_M, STEP_S, STEP_RAD = 0.5, 0.05, 1e-4  # finer differences change nothing that a person could see
DRIVES_MPS = 10.0  # what moves while a clock is off
CELL_DEG = 0.01  # about a kilometre: where two sensors have both looked
LOOSE, LOOSE_LEAST = 0.75, 30.0  # share and number of rows that nobody bears out, where others look too
DISTRUST = 4.0  # times the variance of a sensor that is contradicted
DISTRUST_EXISTS = 0.05  # what its word alone is worth


class Bearing(NamedTuple):
    """What is known of the sensors; arrays by sensor, offsets as in registration."""

    sensors: tuple[str, ...]
    info: Array  # (4 M, 4 M)
    right: Array  # (4 M,)
    heard: Array  # (M,) float: detections that told something, faded
    loose: Array  # (M, 3): rows that nobody bears out and all, where others look too, and all anywhere; faded
    usual: Array  # (M, 2): see trouble.usual
    doubt: Array  # (M,): -1 nothing bore out what it showed of late, 1 something did, 0 not known
    place: Array  # (M, 2): latitude, longitude where it stands; NaN: not known
    admitted: Array  # (M,): bias of a sortie that the maker tells, m per axis; 0: none


class Taken(NamedTuple):
    """What is taken off the rows of one sensor, and how sure it is."""

    east_m: float
    north_m: float
    bias_sigma_m: float
    clock_s: float  # to be added
    clock_sigma_s: float
    trusted: bool
    reasons: tuple[str, ...] = ()  # why a person should look at it
    azimuth_rad: float = 0.0  # its picture is turned by so much, counter-clockwise
    azimuth_sigma_rad: float = 0.0
    place: tuple[float, float] = (0.0, 0.0)  # latitude, longitude, about which it is turned


def unheard(sensors: tuple[str, ...] = ()) -> Bearing:
    """Know nothing."""
    m = len(sensors)
    info, right, heard, loose = np.zeros((4 * m, 4 * m)), np.zeros(4 * m), np.zeros(m), np.zeros((m, 3))
    return Bearing(
        sensors,
        info,
        right,
        heard,
        loose,
        np.zeros((m, 2)),
        np.zeros(m),
        np.full((m, 2), np.nan),
        np.zeros(m),
    )


def widened(bearing: Bearing, sensors: tuple[str, ...]) -> Bearing:
    """Make room for sensors that come after those that are known."""
    more = 4 * (len(sensors) - len(bearing.sensors))
    return Bearing(
        sensors,
        np.pad(bearing.info, (0, more)),
        np.pad(bearing.right, (0, more)),
        np.pad(bearing.heard, (0, more // 4)),
        np.pad(bearing.loose, ((0, more // 4), (0, 0))),
        np.pad(bearing.usual, ((0, more // 4), (0, 0))),
        np.pad(bearing.doubt, (0, more // 4)),
        np.pad(bearing.place, ((0, more // 4), (0, 0)), constant_values=np.nan),
        np.pad(bearing.admitted, (0, more // 4)),
    )


def kept(bearing: Bearing, which: Array) -> Bearing:
    """Keep some sensors."""
    at = (4 * which[:, None] + np.arange(4)).ravel()
    return Bearing(
        tuple(bearing.sensors[i] for i in which.tolist()),
        bearing.info[np.ix_(at, at)],
        bearing.right[at],
        bearing.heard[which],
        bearing.loose[which],
        bearing.usual[which],
        bearing.doubt[which],
        bearing.place[which],
        bearing.admitted[which],
    )


def faded(bearing: Bearing, seconds: float) -> Bearing:
    """Let what is known grow old."""
    left = 0.5 ** (seconds / HALF_S)
    return bearing._replace(
        info=bearing.info * left,
        right=bearing.right * left,
        heard=bearing.heard * left,
        loose=bearing.loose * left,
    )


def added(bearing: Bearing, lesson: Bearing) -> Bearing:
    """Add what a round taught; it names the same sensors, perhaps some more."""
    wide = widened(bearing, lesson.sensors)
    return Bearing(
        lesson.sensors,
        wide.info + lesson.info,
        wide.right + lesson.right,
        wide.heard + lesson.heard,
        wide.loose + lesson.loose,
        np.where(lesson.usual > 0, lesson.usual, wide.usual),
        np.where(lesson.doubt != 0, lesson.doubt, wide.doubt),
        np.where(np.isfinite(lesson.place), lesson.place, wide.place),
        np.where(lesson.admitted > 0, lesson.admitted, wide.admitted),
    )


def lesson(sensors: tuple[str, ...], told: Told, owner: Array, velocity: Array, seen: Watched) -> Bearing:
    """Hear the tracks of a round out about the sensors.

    Parameters
    ----------
    sensors
        All that are known by the end of the round.
    told
        The round's rows as the sensors gave them.
    owner, velocity
        (n,) and (n, 2): the track of each row and how it was expected to move.
    seen
        What the looks of the round showed.
    """
    learnt = _watched(sensors, seen)
    if not len(told.time):
        return learnt
    number_of = {sensor: i for i, sensor in enumerate(sensors)}
    sensor = np.array([number_of[name] for name in told.sensor.tolist()], np.int64)
    z = told.rows.z[:, :5].copy()
    lon, lat = z[0, :2].tolist()
    mx, my = scale(lat, True)
    z[:, 0] = ((z[:, 0] - lon + 540.0) % 360.0 - 180.0) * mx
    z[:, 1] = (z[:, 1] - lat) * my
    z[:, 2:4] -= told.rows.bias2[:, None]
    stands = (learnt.place[:, ::-1] - (lon, lat)) * (mx, my)
    registration = Registration(np.zeros(len(sensors)), stands)
    none = np.zeros(len(sensor), np.int64)
    people = told.sensor == PEOPLE  # their errors are each one's own, and they see what no sensor sees
    heard = np.where(people, 0, owner)
    registration.learn(heard, told.time, sensor, none, z, velocity.astype(np.float64))
    loose = _loose(told, sensor, owner, len(sensors)) * _at_odds(sensors, seen)
    loose[sensor[people], :2] = 0.0
    return learnt._replace(
        info=registration.info,
        right=registration.right,
        heard=registration.heard.astype(float),
        loose=loose,
        usual=np.array([usual(z[sensor == m]) for m in range(len(sensors))]),
    )


def taken_off(bearing: Bearing) -> dict[str, Taken]:
    """Tell what is to be taken off the rows of those sensors that are off or contradicted.

    What a sortie of a sensor may be off by, as its maker admits, is in the error of its rows, and no reason
    for a person to look at it.
    """
    trusted = (bearing.loose[:, 1] < LOOSE_LEAST) | (bearing.loose[:, 0] < LOOSE * bearing.loose[:, 1])
    trusted &= bearing.doubt >= 0
    registration = Registration(bearing.admitted, bearing.place)
    registration.info, registration.right = bearing.info, bearing.right
    registration.heard = np.where(trusted & (bearing.heard > FORGOTTEN), bearing.heard, 0.0)
    offsets = registration.judge()
    found = {}
    for m, sensor in enumerate(bearing.sensors):
        value, error, clear = offsets.value[m], offsets.error[m], offsets.clear[m]
        if trusted[m] and not clear.any():
            continue
        moved, late, turned = clear & trusted[m]
        reasons = off(value, clear, *bearing.usual[m]) if trusted[m] else ["untruthful"]
        found[sensor] = Taken(
            east_m=_stepped(value[0] * moved, STEP_M),
            north_m=_stepped(value[1] * moved, STEP_M),
            bias_sigma_m=_stepped(max(error[:2]), STEP_M) if moved else 0.0,
            clock_s=_stepped(value[2] * late, STEP_S),
            clock_sigma_s=_stepped(error[2], STEP_S) if late else 0.0,
            trusted=bool(trusted[m]),
            reasons=tuple(reasons),
            azimuth_rad=_stepped(value[3], STEP_RAD) if turned else 0.0,
            azimuth_sigma_rad=_stepped(error[3], STEP_RAD) if turned else 0.0,
            place=(float(bearing.place[m, 0]), float(bearing.place[m, 1])) if turned else (0.0, 0.0),
        )
    return found


def corrected(told: Told, taken: dict[str, Taken]) -> Told:
    """Take off what is known, and leave in the covariance how well it is known."""
    here = [(sensor, taken[sensor]) for sensor in np.unique(told.sensor).tolist() if sensor in taken]
    if not here:
        return told
    time, z, exists = told.time.copy(), told.rows.z.copy(), told.rows.exists.copy()
    for sensor, by in here:
        mine = np.flatnonzero(told.sensor == sensor)
        mx, my = scale(float(told.places[mine[0], 0]), True)
        east, north = (z[mine, 0] - by.place[1]) * mx, (z[mine, 1] - by.place[0]) * my
        z[mine, 0] -= (by.east_m - by.azimuth_rad * north) / mx
        z[mine, 1] -= (by.north_m + by.azimuth_rad * east) / my
        time[mine] += by.clock_s
        z[mine, 2:4] += by.bias_sigma_m**2 + (DRIVES_MPS * by.clock_sigma_s) ** 2
        if by.azimuth_sigma_rad:
            z[mine, 2:4] += (by.azimuth_sigma_rad**2 * (east**2 + north**2))[:, None]
        if not by.trusted:
            z[mine, 2:5] *= DISTRUST
            exists[mine] = np.minimum(exists[mine], DISTRUST_EXISTS)
    return told._replace(time=time, rows=told.rows._replace(z=z, exists=exists))


def _at_odds(sensors: tuple[str, ...], seen: Watched) -> Array:
    """Leave out what is at odds with others of sensors that tell where they look: their minutes tell."""
    judged = np.array([sensor in seen.sensors for sensor in sensors], bool)
    return np.stack([~judged, ~judged, np.ones(len(sensors))], 1)


def _watched(sensors: tuple[str, ...], seen: Watched) -> Bearing:
    """Say where sensors stand, and of which nothing bears out what they showed."""
    learnt, said = unheard(sensors), dict(zip(seen.sensors, borne_out(seen.minutes), strict=True))
    for m, sensor in enumerate(sensors):
        learnt.doubt[m] = said.get(sensor, 0)
        learnt.place[m] = seen.places.get(sensor, (np.nan, np.nan))
        learnt.admitted[m] = seen.admitted.get(sensor, 0.0)
    return learnt


def _stepped(value: float, step: float) -> float:
    return float(np.round(min(value, 1e4) / step) * step)


def _loose(told: Told, sensor: Array, owner: Array, m: int) -> Array:
    """Count, per sensor, rows that no track bears out and all rows where others look too, and all rows.

    A row is borne out when another sensor saw the thing, or when its own has shown it in half of its looks
    at the place: what only one can see, it sees again and again.
    """
    cell = np.floor(told.places / CELL_DEG).astype(np.int64)
    _, cell = np.unique(cell[:, 0] * 100_000 + cell[:, 1], return_inverse=True)
    cells = int(cell.max()) + 1
    place = cell * m + sensor
    looks = np.unique(np.stack([place, np.unique(told.time, return_inverse=True)[1]], 1), axis=0)
    looked = np.bincount(looks[:, 0], minlength=cells * m)
    shared = (looked.reshape(cells, m) > 0).sum(1)[cell] > 1
    _, at, used = np.unique(owner, return_inverse=True, return_counts=True)
    seen_by = np.bincount(np.unique(at * m + sensor) // m)
    alone = (seen_by[at] == 1) & (2 * used[at] <= looked[place])
    counted = (shared & alone, shared, np.ones(len(owner)))
    return np.stack([np.bincount(sensor, weights=weights, minlength=m) for weights in counted], 1)
