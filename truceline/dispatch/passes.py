"""Which satellite rises over a place, when, and how high: SGP4 and the geometry of the ellipsoid.

The orbit comes out in the true equator, mean equinox frame of SGP4 (Vallado et al. 2006, *Revisiting
Spacetrack Report #3*) and is turned into the earth's by the sidereal time of 1982 that belongs to it, of
UT1. Time runs as UTC in days, so that no leap second is ever added or forgotten; UT1 − UTC comes from the
table that skyfield carries with it.
"""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from truceline.codec.elements import Elements
from truceline.geo.crs import from_earth_centred, normals, to_earth_centred

Array = npt.NDArray[np.float64]

STALE_DAYS = 14.0  # contract satellite, section 6
_DAY_S = 86_400.0
_STEPS_PER_TURN = 24  # samples of one revolution: between two neighbours elevation turns once at most
_LONGEST_STEP_S = 300.0
_FAR_BELOW_DEG = 45.0  # a sample so far below the limit has no visible moment within a step of it
_CHUNK = 20_000  # samples held at once
_EPS_S = 1e-4
_JD_1970 = 2_440_587.5
_GOLDEN = (math.sqrt(5) - 1) / 2


class Place(msgspec.Struct, frozen=True):
    """Where somebody stands: degrees, and metres above the WGS 84 ellipsoid."""

    lat_deg: float
    lon_deg: float
    alt_m: float = 0.0


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One time above the least elevation; None for what lies outside of the window."""

    satellite: str
    norad_id: int
    rise_utc: datetime | None
    culmination_utc: datetime | None
    set_utc: datetime | None
    rise_azimuth_deg: float | None
    set_azimuth_deg: float | None
    max_elevation_deg: float
    culmination_azimuth_deg: float
    culmination_range_km: float
    direction: str
    sunlit_ground: bool
    epoch_utc: datetime
    epoch_age_days: float
    highest_utc: datetime  # culmination, or the highest moment inside the window


def passes_of(
    elements: Elements, place: Place, from_utc: datetime, until_utc: datetime, min_elevation_deg: float
) -> list[Pass]:
    """Find the passes of one satellite over a place, in order of time.

    Elevation is sampled, and cut at its extremes too where they may reach the limit, so that each stretch
    holds at most one crossing of the least elevation, found by bisection to a tenth of a millisecond.

    Parameters
    ----------
    elements
        One set; a time at which SGP4 gives no position counts as not visible.
    place
        Where one stands.
    from_utc, until_utc
        The window; a pass under way at its ends has no rise or no set.
    min_elevation_deg
        What counts as visible, without refraction.
    """
    sky = _Sky(elements, place)
    length_s = (until_utc - from_utc).total_seconds()
    start_s = from_utc.timestamp()

    def above(seconds: Array) -> Array:
        return sky.elevation_deg(start_s + seconds) - min_elevation_deg

    found = list(_stretches(above, length_s, _step_s(elements)))
    return [
        _pass(elements, place, sky, start_s, length_s, stretch)
        for stretch in found
        if stretch[1] > stretch[0] or stretch[0] in (0.0, length_s)
    ]


def sun_elevation_deg(place: Place, moment: datetime) -> float:
    """Tell how high the centre of the Sun stands, geometrically, above the horizon of a place.

    The Sun's apparent place is that of Meeus, *Astronomical Algorithms* (1998), chapter 25, good to 0.01°;
    its parallax of at most 0.0024° is taken off.
    """
    jd = moment.timestamp() / _DAY_S + _JD_1970
    century: float = (jd + _delta_t_s(jd) / _DAY_S - 2_451_545.0) / 36_525.0
    anomaly = math.radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    centre_deg = (
        (1.914602 - century * (0.004817 + 0.000014 * century)) * math.sin(anomaly)
        + (0.019993 - 0.000101 * century) * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    node = math.radians(125.04 - 1934.136 * century)
    true_deg = 280.46646 + century * (36000.76983 + 0.0003032 * century) + centre_deg
    apparent = math.radians(true_deg - 0.00569 - 0.00478 * math.sin(node))
    tilt = math.radians(23.4392911 - 0.0130042 * century + 0.00256 * math.cos(node))
    x, y = math.cos(apparent), math.cos(tilt) * math.sin(apparent)
    z = math.sin(tilt) * math.sin(apparent)
    turn = _sidereal(np.array([jd]))[0] + math.radians(-0.00478 * math.sin(node) * math.cos(tilt))
    fixed = np.array([math.cos(turn) * x + math.sin(turn) * y, -math.sin(turn) * x + math.cos(turn) * y, z])
    up = normals([place.lat_deg], [place.lon_deg])[0]
    sine = max(-1.0, min(1.0, float(fixed @ up)))
    return math.degrees(math.asin(sine)) - 0.0024 * math.sqrt(1 - sine * sine)


def _step_s(elements: Elements) -> float:
    turn_s = _DAY_S / max(elements.mean_motion_rev_per_day, 0.1)
    # A long orbit comes near for a short time: its step is that of a circle through its perigee.
    nearness = math.pow(1 - min(elements.eccentricity, 0.95), 1.5)
    return min(_LONGEST_STEP_S, turn_s * nearness / _STEPS_PER_TURN)


def _stretches(
    above: Callable[[Array], Array], length_s: float, step_s: float
) -> Iterator[tuple[float, float, float]]:
    """Give (begin, end, highest) of each time above zero, seconds into the window."""
    knots = _knots(above, length_s, step_s)
    values = above(knots)
    up = values >= 0
    crossing = np.flatnonzero(up[1:] != up[:-1])
    roots = _bisect(above, knots[crossing], knots[crossing + 1], up[crossing])
    edges = np.concatenate([[0.0] if up[0] else [], roots, [length_s] if up[-1] else []])
    for begin, end in edges.reshape(-1, 2).tolist():
        inside = np.flatnonzero(up & (knots >= begin) & (knots <= end))
        highest = inside[int(np.argmax(values[inside]))]
        yield begin, end, float(knots[highest])


def _knots(above: Callable[[Array], Array], length_s: float, step_s: float) -> Array:
    """Give moments between which the elevation crosses the limit once at most: samples and its turns."""
    count = max(4, math.ceil(length_s / step_s) + 1)
    step = length_s / (count - 1)
    turns: list[Array] = [np.array([0.0])]
    for begin in range(0, count, _CHUNK):
        numbers = np.arange(max(begin - 1, 0), min(begin + _CHUNK + 1, count))
        moments: Array = np.asarray(numbers * step, np.float64)
        values = above(moments)
        turns.append(moments)
        for sign in (1, -1):
            signed = sign * values
            turning = (signed[1:-1] >= signed[:-2]) & (signed[1:-1] > signed[2:])
            # Only a turn that may lie on the other side of the limit than its neighbours matters.
            turning &= values[1:-1] > (-_FAR_BELOW_DEG if sign > 0 else 0.0)
            middle = np.flatnonzero(turning) + 1
            centre = moments[middle]
            low, high = np.maximum(centre - step, 0), np.minimum(centre + step, length_s)
            turns.append(_turn(above, sign, low, high))
    turns.append(np.array([length_s]))
    knots = np.unique(np.concatenate(turns))
    return _with_ends(above, knots, length_s, step)


def _with_ends(above: Callable[[Array], Array], knots: Array, length_s: float, step: float) -> Array:
    """Add the turn that may lie within the first or the last step, where it has one neighbour only."""
    extra = []
    for low, high in ((0.0, step), (length_s - step, length_s)):
        for sign in (1, -1):
            extra.append(_turn(above, sign, np.array([low]), np.array([high])))
    near = np.concatenate(extra)
    inside = (near > _EPS_S * 20) & (near < length_s - _EPS_S * 20)
    return np.unique(np.concatenate([knots, near[inside]])).astype(np.float64)


def _turn(above: Callable[[Array], Array], sign: int, low: Array, high: Array) -> Array:
    """Search maxima (sign 1) or minima (-1) by golden section, all intervals at once."""
    if low.size == 0:
        return low
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = sign * above(left), sign * above(right)
    rounds = math.ceil(math.log(_EPS_S / float((high - low).max())) / math.log(_GOLDEN))
    for _ in range(rounds):
        keeps = at_left >= at_right  # the maximum lies to the left of `right`
        low, high = np.where(keeps, low, left), np.where(keeps, right, high)
        fresh = np.where(keeps, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        value = sign * above(fresh)
        left, right = np.where(keeps, fresh, right), np.where(keeps, left, fresh)
        at_left, at_right = np.where(keeps, value, at_right), np.where(keeps, at_left, value)
    return np.asarray((low + high) / 2)


def _bisect(
    above: Callable[[Array], Array], low: Array, high: Array, low_is_up: npt.NDArray[np.bool_]
) -> Array:
    if low.size == 0:
        return low
    rounds = max(1, math.ceil(math.log2(float((high - low).max()) / _EPS_S)))
    for _ in range(rounds):
        middle = (low + high) / 2
        same = (above(middle) >= 0) == low_is_up
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.asarray((low + high) / 2)


def _pass(
    elements: Elements,
    place: Place,
    sky: "_Sky",
    start_s: float,
    length_s: float,
    stretch: tuple[float, float, float],
) -> Pass:
    begin, end, highest = stretch
    times = start_s + np.array([begin, highest, end])
    elevation = sky.elevation_deg(times)
    azimuth, range_km = sky.azimuth_and_range(times)
    rises, sets = begin > 0, end < length_s
    # At the window's own edge the highest moment is no culmination: the elevation still rises or falls.
    culminates = 0 < highest < length_s
    moment = [datetime.fromtimestamp(round(t, 3), UTC) for t in times.tolist()]
    return Pass(
        satellite=elements.satellite,
        norad_id=elements.norad_id,
        rise_utc=moment[0] if rises else None,
        culmination_utc=moment[1] if culminates else None,
        set_utc=moment[2] if sets else None,
        rise_azimuth_deg=float(azimuth[0]) if rises else None,
        set_azimuth_deg=float(azimuth[2]) if sets else None,
        max_elevation_deg=float(elevation[1]),
        culmination_azimuth_deg=float(azimuth[1]),
        culmination_range_km=float(range_km[1]),
        direction="ascending" if sky.is_northbound(float(times[1])) else "descending",
        sunlit_ground=sun_elevation_deg(place, moment[1]) > 0,
        epoch_utc=elements.epoch_utc,
        epoch_age_days=(moment[1] - elements.epoch_utc) / timedelta(days=1),
        highest_utc=moment[1],
    )


class _Sky:
    """What one sees of one satellite from one place, at times in seconds since 1970."""

    def __init__(self, elements: Elements, place: Place) -> None:
        self._orbit = _orbit(elements)
        self._up = normals([place.lat_deg], [place.lon_deg])[0]
        ground_m = to_earth_centred([place.lat_deg], [place.lon_deg])[0]
        self._here_km = (ground_m + place.alt_m * self._up) / 1000
        lat, lon = math.radians(place.lat_deg), math.radians(place.lon_deg)
        self._east = np.array([-math.sin(lon), math.cos(lon), 0.0])
        self._north = np.array(
            [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)]
        )

    def elevation_deg(self, seconds: Array) -> Array:
        """Give the elevation, -90 where SGP4 gives no position."""
        ray = _earth_fixed_km(self._orbit, seconds) - self._here_km
        sine = np.clip(ray @ self._up / np.linalg.norm(ray, axis=1), -1, 1)
        return np.asarray(np.nan_to_num(np.degrees(np.arcsin(sine)), nan=-90.0))

    def azimuth_and_range(self, seconds: Array) -> tuple[Array, Array]:
        """Give the azimuth in degrees and the range in kilometres."""
        ray = _earth_fixed_km(self._orbit, seconds) - self._here_km
        azimuth = np.degrees(np.arctan2(ray @ self._east, ray @ self._north)) % 360
        return azimuth, np.linalg.norm(ray, axis=1)

    def is_northbound(self, seconds: float) -> bool:
        """Tell whether the latitude of the point below the satellite grows."""
        around = _earth_fixed_km(self._orbit, seconds + np.array([-0.5, 0.5])) * 1000
        sooner, later = from_earth_centred(around)[0].tolist()
        return bool(later >= sooner)


def _orbit(elements: Elements) -> Any:
    from sgp4.api import WGS72, Satrec

    orbit = Satrec()
    turn = math.pi / 180
    orbit.sgp4init(
        WGS72, "i", elements.norad_id % 100_000,
        elements.epoch_utc.timestamp() / _DAY_S + _JD_1970 - 2_433_281.5,  # days since 1949-12-31 00:00
        elements.bstar, 0.0, 0.0,
        elements.eccentricity, elements.perigee_deg * turn, elements.inclination_deg * turn,
        elements.anomaly_deg * turn, elements.mean_motion_rev_per_day * 2 * math.pi / 1440,
        elements.node_deg * turn,
    )  # fmt: skip
    return orbit


def _earth_fixed_km(orbit: Any, seconds: Array) -> Array:
    days = np.floor(seconds / _DAY_S)
    whole = days + _JD_1970
    rest = (seconds - days * _DAY_S) / _DAY_S
    errors, position, _ = orbit.sgp4_array(whole, rest)
    position = np.where((errors == 0)[:, None], position, np.nan)
    turn = _sidereal(whole, rest)
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = position[:, 0], position[:, 1]
    return np.stack([cos * x + sin * y, cos * y - sin * x, position[:, 2]], axis=1)


def _sidereal(jd_utc: Array, rest: Array | float = 0.0) -> Array:
    """Give Greenwich mean sidereal time of 1982 in radians (Aoki et al. 1982)."""
    ut1_s = _ut1_minus_utc_s(jd_utc + rest)
    day = jd_utc - 2_451_545.0
    century = (day + rest + ut1_s / _DAY_S) / 36_525.0
    seconds = 67_310.54841 + century * (8_640_184.812866 + century * (0.093104 - 6.2e-6 * century))
    turns = seconds / _DAY_S + (day % 1.0) + rest + ut1_s / _DAY_S
    return np.asarray((turns % 1.0) * 2 * math.pi)


def _ut1_minus_utc_s(jd_utc: Array) -> Array:
    first, table = _ut1_table(int(np.floor(jd_utc.min())) - 1, int(np.ceil(jd_utc.max())) + 1)
    # Between two days UT1 runs on evenly; where UTC takes a leap second the day before counts.
    index = np.clip(np.floor(jd_utc - 0.5 + 1e-9).astype(np.int64) - first, 0, len(table) - 2)
    part = jd_utc - 0.5 - (index + first)
    step = table[index + 1] - table[index]
    return np.asarray(table[index] + np.where(np.abs(step) < 0.5, step, 0.0) * part)


@cache
def _ut1_table(first_day: int, last_day: int) -> tuple[int, Array]:
    clock = _timescale()
    days = np.arange(first_day, last_day + 2)
    midnight = clock.utc(1970, 1, 1.0 + (days + 0.5 - _JD_1970))
    return first_day, np.asarray(midnight.dut1, float)


def _delta_t_s(jd_utc: float) -> float:
    return float(_timescale().utc(1970, 1, 1.0 + jd_utc - _JD_1970).delta_t)


@cache
def _timescale() -> Any:
    from skyfield.api import load

    return load.timescale(builtin=True)
